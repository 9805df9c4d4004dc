//! Plots as a whole: well-formed, bounded, deterministic, whatever the data and labels are.

use outlier_kernels::Side;

use super::*;

/// Attributes that elements of a plot may have.
const ATTRIBUTES: [&str; 13] =
    ["xmlns", "class", "role", "width", "height", "viewBox", "x", "y", "d", "rx", "version", "cx", "cy"];

/// An element, its attributes and the texts directly within it.
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
}

/// Elements of a well-formed SVG, in the order of their beginnings. It reads what XML allows
/// besides comments, processing instructions, declarations and sections of character data, of which
/// a plot has none.
fn elements(svg: &str) -> Vec<Element> {
    assert!(
        svg.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{fffe}' && c != '\u{ffff}'),
        "forbidden characters"
    );
    let (mut found, mut open): (Vec<Element>, Vec<usize>) = (Vec::new(), Vec::new());
    for (idx, part) in svg.split('<').enumerate() {
        if idx == 0 {
            assert_eq!(part, "", "text before the first element");
            continue;
        }
        let (tag, text) = part.split_once('>').expect("every tag is closed");
        assert!(!text.contains('>'), "a bare > in {text}");
        if let Some(name) = tag.strip_prefix('/') {
            let element = open.pop().expect("an element is open");
            assert_eq!(found[element].name, name, "elements are nested");
        } else {
            let (tag, is_closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
            let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
            assert!(!name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic()), "a name: {name}");
            found.push(Element { name: name.to_owned(), attributes: attributes_of(attributes), text: String::new() });
            if !is_closed {
                open.push(found.len() - 1);
            }
        }
        match open.last() {
            Some(element) => found[*element].text += &unescaped(text),
            None => assert_eq!(text.trim(), "", "text outside of the image"),
        }
    }
    assert!(open.is_empty() && found[0].name == "svg", "all elements are closed");
    found
}

fn attributes_of(text: &str) -> Vec<(String, String)> {
    let mut rest = text;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (name, value) = rest.split_once("=\"").expect("a quoted value");
        let (value, behind) = value.split_once('"').expect("a closing quote");
        found.push((name.trim().to_owned(), unescaped(value)));
        rest = behind;
    }
    found
}

fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    for (idx, part) in text.split('&').enumerate() {
        if idx == 0 {
            plain += part;
            continue;
        }
        let (name, behind) = part.split_once(';').expect("an entity ends");
        let known = [("amp", '&'), ("lt", '<'), ("gt", '>'), ("quot", '"'), ("#39", '\'')];
        plain.push(known.iter().find(|(known, _)| *known == name).expect("a known entity").1);
        plain += behind;
    }
    plain
}

/// Checks what holds for every plot, and returns its elements.
fn check(svg: &str) -> Vec<Element> {
    let elements = elements(svg);
    let names: Vec<&str> = elements.iter().map(|element| &*element.name).collect();
    assert_eq!(names[..4], ["svg", "title", "desc", "style"]);
    assert!(!elements[1].text.is_empty() && !elements[2].text.is_empty(), "title and description");
    for element in &elements {
        assert!(
            ["svg", "title", "desc", "style", "rect", "path", "text"].contains(&&*element.name),
            "{}",
            element.name
        );
        for (name, value) in &element.attributes {
            assert!(ATTRIBUTES.contains(&&**name), "attribute {name}");
            assert!(!value.contains("NaN") && !value.contains("inf"), "{name}={value}");
        }
    }
    let words = ["NaN", "script", "http://www.w3.org/1999", "url(", "@import", "href"];
    assert!(words.iter().all(|word| !svg.contains(word)), "{svg}");
    elements
}

/// Texts that a reader sees.
fn texts(elements: &[Element]) -> Vec<&str> {
    elements.iter().filter(|element| element.name == "text").map(|element| &*element.text).collect()
}

/// Path of the only element of a class.
fn path<'a>(elements: &'a [Element], class: &str) -> &'a str {
    let is_wanted = |element: &&Element| element.attributes.first().is_some_and(|(_, value)| value == class);
    &elements.iter().find(is_wanted).unwrap().attributes[1].1
}

fn n_of(elements: &[Element], class: &str) -> usize {
    let has_class =
        |element: &&Element| element.attributes.iter().any(|(name, value)| name == "class" && value == class);
    elements.iter().filter(has_class).count()
}

/// One plot of each kind, with these numbers as values, times and places, and with this label
/// everywhere.
fn all_kinds(values: &[f64], label: &str) -> Vec<String> {
    let points = || values.iter().enumerate().map(|(idx, value)| (idx as f64, *value)).collect::<Vec<_>>();
    let mut plots = Vec::new();
    for axis in [Axis::linear(label), Axis::logarithmic(label), Axis::linear(label).of_seconds()] {
        let mut histogram = HistogramPlot::new(label, label, axis.clone(), Axis::logarithmic(label).reaching(0.5))
            .population(values.iter().map(|value| (*value, 3)))
            .scale_above(label, values.iter().map(|value| (*value, label.to_owned())).collect());
        let mut bars = BarPlot::new(label, label, axis.clone());
        let mut curves = CurvePlot::new(label, label, Axis::linear(label), axis.clone())
            .line(label, points())
            .points(label, points());
        for value in values {
            histogram = histogram.mark(*value, label).frontier(*value, Side::Low, label);
            bars = bars.bar(label, *value, label).marked_bar(label, *value, label).frontier(*value, label);
            curves = curves.mark(*value, *value, label).level(*value, label);
        }
        let arrivals = ArrivalPlot::new(label, label, axis)
            .row(label, values.to_vec(), label)
            .marked_row(label, values.to_vec(), label)
            .window(values.first().copied().unwrap_or(0.0), values.last().copied().unwrap_or(0.0));
        plots.extend([histogram.svg(), bars.svg(), curves.svg(), arrivals.svg()]);
    }
    plots
}

#[test]
fn any_numbers_make_well_formed_plots() {
    for values in [
        &[][..],
        &[7.0],
        &[0.0],
        &[f64::NAN, f64::INFINITY, f64::NEG_INFINITY],
        &[f64::NAN, 1.0, f64::INFINITY, 2.0],
        &[f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324],
        &[1e16, 1e16 + 2.0],
        &[-3.0, -2.0, -1.0],
    ] {
        for svg in all_kinds(values, "label") {
            let elements = check(&svg);
            let mut words = texts(&elements).into_iter();
            assert!(words.all(|text| text.len() < 100 && !["inf", "NaN"].contains(&text)), "{values:?}");
        }
    }
}

#[test]
fn empty_plots_say_so() {
    for svg in all_kinds(&[], "label") {
        let elements = check(&svg);
        assert!(texts(&elements).contains(&"no data"), "{svg}");
    }
}

#[test]
fn hostile_labels_stay_text() {
    for label in [
        "</text><script>alert(1)</script>",
        "\" onload=\"alert(1)",
        "&lt;![CDATA[ ]]> <!-- --> &#x0; &unknown;",
        "\0\u{1b}[2J\r\n\t\u{fffe}\u{ffff}\u{202e}\u{85}",
        "𝔘😀\u{301}",
    ] {
        for svg in all_kinds(&[1.0, 10.0], label) {
            let elements = elements(&svg);
            let allowed = |element: &Element| {
                element.attributes.iter().all(|(name, _)| ATTRIBUTES.contains(&&**name)) && element.name != "script"
            };
            assert!(elements.iter().all(allowed), "{svg}");
        }
    }
    let svg = BarPlot::new("t", "d", Axis::linear("n")).bar("<b>&\"", 1.0, "").svg();
    assert!(texts(&check(&svg)).contains(&"<b>&\""));
    let long = "x".repeat(1_000_000);
    assert!(all_kinds(&[1.0], &long).iter().all(|svg| svg.len() < 20_000));
}

#[test]
fn a_million_values_take_little_space() {
    let values: Vec<f64> = (0..1_000_000_u64).map(|n| (n * 7919 % 1_000_003) as f64 + 1.0).collect();
    let points: Vec<(f64, f64)> = values.iter().enumerate().map(|(idx, value)| (idx as f64, *value)).collect();
    let counts = values.iter().map(|value| (*value, 1));
    let histogram = HistogramPlot::new("t", "d", Axis::logarithmic("x"), Axis::linear("events")).population(counts);
    let marked = values.iter().take(10_000).fold(histogram, |plot, value| plot.mark(*value, "outlier"));
    let curves =
        CurvePlot::new("t", "d", Axis::linear("x"), Axis::linear("y")).line("a", points.clone()).points("b", points);
    let arrivals = ArrivalPlot::new("t", "d", Axis::linear("x").of_seconds());
    let arrivals = (0..1000).fold(arrivals, |plot, row| plot.row(format!("r{row}"), values[..50_000].to_vec(), ""));
    let bars =
        (0..10_000).fold(BarPlot::new("t", "d", Axis::linear("n")), |plot, n| plot.bar(format!("t{n}"), 1.0, ""));
    let bars = bars.marked_bar("rare", 1.0, "rare");
    for (svg, most_bytes, most_elements) in [
        (marked.svg(), 40_000, 200),
        (curves.svg(), 90_000, 60),
        (arrivals.svg(), 500_000, 150),
        (bars.svg(), 20_000, 200),
    ] {
        let n_elements = check(&svg).len();
        assert!(svg.len() < most_bytes, "{} bytes", svg.len());
        assert!(n_elements < most_elements, "{n_elements} elements");
    }
    let svg = bars.svg();
    let shown = check(&svg);
    let words = texts(&shown);
    assert!(words.contains(&"rare") && words.contains(&"and 9,961 terms more"), "{words:?}");
}

#[test]
fn histograms_show_population_frontier_and_outliers() {
    let plot = HistogramPlot::new("Lengths", "What there is", Axis::linear("characters"), Axis::linear("events"))
        .population([(10.0, 100), (20.0, 50), (f64::NAN, 2), (400.0, 1)])
        .frontier(200.0, Side::High, "frontier 200")
        .mark(400.0, "16 bits");
    let elements = check(&plot.svg());
    let words = texts(&elements);
    for expected in ["Lengths", "characters", "events", "frontier 200", "16 bits", "100", "400"] {
        assert!(words.contains(&expected), "{expected} in {words:?}");
    }
    assert_eq!(["bar", "frontier", "shade", "marked"].map(|class| n_of(&elements, class)), [1; 4]);
    assert_eq!(elements[2].text, "What there is Not shown, because the axes have no place for them: 2.");
    assert_eq!(path(&elements, "bar").matches('z').count(), 3, "a bar per bin");
}

#[test]
fn a_frontier_divides_bins() {
    for frontier in [12.3, 50.0, 99.9, 0.1, 150.0, -3.0, f64::NAN] {
        // one value on each side of the frontier, nearer to each other than a bin is wide
        let near = [frontier - 1e-3, frontier + 1e-3].map(|value| (value, 1));
        let plot =
            HistogramPlot::new("t", "d", Axis::linear("x").reaching(0.0).reaching(100.0), Axis::linear("events"))
                .population(near)
                .frontier(frontier, Side::High, "");
        let elements = check(&plot.svg());
        if !frontier.is_nan() {
            assert_eq!(path(&elements, "bar").matches('z').count(), 2, "{frontier}");
        }
    }
}

#[test]
fn small_counts_have_a_bar_each() {
    let plot = HistogramPlot::new("t", "d", Axis::linear("n").of_counts(), Axis::linear("events"))
        .population((1..=12).map(|n| (f64::from(n), 5)));
    let elements = check(&plot.svg());
    assert_eq!(path(&elements, "bar").matches('z').count(), 12);
}

#[test]
fn rows_of_arrivals_have_their_ticks() {
    let plot = ArrivalPlot::new("t", "d", Axis::linear("time").of_seconds())
        .row("person", vec![0.0, 1.0, 5000.0, 86_400.0], "0 bits")
        .marked_row("beacon", (0..24).map(|hour| f64::from(hour) * 3600.0).collect(), "67 bits")
        .window(28_800.0, 64_800.0);
    let elements = check(&plot.svg());
    let n_ticks = |class: &str| path(&elements, class).matches('M').count();
    assert_eq!((n_ticks("tick"), n_ticks("beat")), (3, 24), "events within a pixel are one tick");
    assert_eq!(n_of(&elements, "shade"), 1);
    assert!(texts(&elements).contains(&"12 h"));
}

#[test]
fn lines_are_broken_where_values_are_missing() {
    let points = vec![(3.0, 1.0), (1.0, 1.0), (2.0, f64::NAN), (0.0, 2.0), (4.0, 1.0)];
    let plot = CurvePlot::new("t", "d", Axis::linear("x"), Axis::linear("y")).line("a", points).line("b", Vec::new());
    let elements = check(&plot.svg());
    assert_eq!(path(&elements, "line s0").matches(['M', 'L']).collect::<String>(), "MLML");
    assert!(texts(&elements).contains(&"b"), "the legend has all series");
}

#[test]
fn the_same_data_give_the_same_bytes() {
    let values = [1.0, 5.0, 9.5, 1000.0];
    assert_eq!(all_kinds(&values, "a"), all_kinds(&values, "a"));
}
