use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::config::problem::Severity;

fn read(text: &str, dialect: Dialect) -> (Ini, Vec<Problem>) {
    parse(text, dialect, &Arc::from(Path::new("x.conf")))
}

/// `section|key=value` of every visible pair.
fn pairs(text: &str) -> Vec<String> {
    let (ini, _) = read(text, Dialect::UseCases);
    let of = |section: &Section| -> Vec<String> {
        let visible = ini.visible(section);
        visible.iter().map(|e| format!("{}|{}={}", section.name, e.key, e.value.text())).collect()
    };
    ini.sections.iter().flat_map(of).collect()
}

/// `LINE:COLUMN message` of every problem.
fn problems(text: &str, dialect: Dialect) -> Vec<String> {
    let (_, problems) = read(text, dialect);
    let shown = |p: &Problem| {
        let at = p.location.clone().unwrap();
        format!("{}:{} {}", at.line, at.column, p.message)
    };
    problems.iter().map(shown).collect()
}

#[test]
fn pairs_are_read_as_python_reads_them() {
    for (text, expected) in [
        ("[a]b]\nk=v", vec!["a|k=v"]),
        ("[a]\nK : x = y ; z", vec!["a|k=x = y ; z"]),
        ("[a]\nk=1\n  2\n\n  3\n\n[b]\nx=", vec!["a|k=1\n2\n\n3", "b|x="]),
        ("[a]\nk=1\n # no\n 2", vec!["a|k=1\n2"]),
        ("[a]\nk=\n  [b]\n  c=d", vec!["a|k=\n[b]\nc=d"]),
        ("[DEFAULT]\nd=1\ne=2\n[a]\nk=0\nd=3", vec!["a|d=3", "a|e=2", "a|k=0"]),
        ("\u{feff}[a]\r\nk=v\rl=w\r\n", vec!["a|k=v", "a|l=w"]),
        ("  [a]\n  k=v\n  l=w\n", vec!["a|k=v", "a|l=w"]),
        ("[a]\nk\u{a0}=\u{3000}v\u{2028}", vec!["a|k=v"]),
    ] {
        assert_eq!(pairs(text), expected, "{text:?}");
    }
}

/// Python removes all of them.
#[test]
fn an_escaped_blank_stays_at_the_end_of_a_value() {
    for (text, expected) in [
        ("[a]\nk=x\\ \nl=y", vec!["a|k=x\\ ", "a|l=y"]),
        ("[a]\nk=\\ ", vec!["a|k=\\ "]),
        ("[a]\nk=x\\\t \r\n\n\n[b]\n", vec!["a|k=x\\\t"]),
        ("[a]\nk=x \\\\\\   \n", vec!["a|k=x \\\\\\ "]),
        // two backslashes are one character, which escapes nothing
        ("[a]\nk=C:\\\\ \n", vec!["a|k=C:\\\\"]),
        ("[a]\nk=x\\\n", vec!["a|k=x\\"]),
        ("[a]\nk=x\\\u{a0}\n", vec!["a|k=x\\"]),
        ("[a]\nk=x\n  y\\ \n  \n", vec!["a|k=x\ny\\ "]),
        ("[a]\nk\\ =x", vec!["a|k\\=x"]),
    ] {
        assert_eq!(pairs(text), expected, "{text:?}");
    }
}

#[test]
fn all_problems_are_reported_with_their_places() {
    assert_eq!(
        problems("x\ny\n[a]\nfoo\n  =v\n[b\nk=1\nK=2\n[a]\n", Dialect::UseCases),
        [
            "1:1 `x` stands before the first section",
            "4:1 `foo` is neither a section nor a pair",
            "5:3 nothing before the `=`",
            "6:1 `[b` is neither a section nor a pair",
            "8:1 key given twice: it is also in line 7",
            "9:1 section given twice: it is also in line 3",
        ]
    );
}

#[test]
fn the_main_dialect_merges_and_warns() {
    let text = "[a]\nk=1\nK=2\n[b]\n[a]\nk=3\n";
    let (ini, problems) = read(text, Dialect::Main);
    let section = ini.section("a").unwrap();
    let values: Vec<_> = section.entries.iter().map(|e| (e.key.as_str(), e.value.text())).collect();
    assert_eq!(values, [("k", "3"), ("K", "2")]);
    assert_eq!(problems.len(), 2);
    assert!(problems.iter().all(|p| p.severity == Severity::Warning));
}

#[test]
fn a_later_file_wins_at_the_place_of_the_earlier_one() {
    let (mut ini, _) = read("[DEFAULT]\nd=1\n[a]\nk=1\nl=2\n", Dialect::Main);
    let (later, _) = read("[a]\nm=5\nk=4\n[c]\n[DEFAULT]\nd=2\n", Dialect::Main);
    ini.merge(later);
    let shown: Vec<_> =
        ini.visible(ini.section("a").unwrap()).iter().map(|e| (e.key.as_str(), e.value.text())).collect();
    assert_eq!(shown, [("d", "2"), ("k", "4"), ("l", "2"), ("m", "5")]);
    assert!(ini.section("c").is_some());
}

#[test]
fn every_character_of_a_value_has_its_place() {
    let (ini, _) = read("[a]\n  kéy =  xé,y\n\n     zz\n", Dialect::UseCases);
    let value = &ini.section("a").unwrap().entries[0].value;
    assert_eq!(value.text(), "xé,y\n\nzz");
    let place = |offset: usize| {
        let at = value.location_at(offset);
        (at.line, at.column)
    };
    assert_eq!(place(0), (2, 10));
    assert_eq!(place(value.text().find('y').unwrap()), (2, 13));
    assert_eq!(place(value.text().find("zz").unwrap()), (4, 6));
    assert_eq!(place(9999), (4, 8));
}

proptest! {
    #[test]
    fn any_text_is_read_with_places_inside_it(text in "[\\[\\]=:#;a-cK \\t\\r\\n\u{feff}\u{a0}é\\x00]{0,120}", main in any::<bool>()) {
        let dialect = if main { Dialect::Main } else { Dialect::UseCases };
        let (ini, problems) = read(&text, dialect);
        let universal = text.strip_prefix('\u{feff}').unwrap_or(&text).replace("\r\n", "\n").replace('\r', "\n");
        let lines: Vec<&str> = universal.split('\n').collect();
        let inside = |at: &Location| at.line >= 1 && at.column >= 1
            && lines.get(at.line as usize - 1).is_some_and(|line| at.column as usize <= line.chars().count() + 1);
        for problem in &problems {
            prop_assert!(inside(problem.location.as_ref().unwrap()), "{problem}");
        }
        for entry in ini.defaults.iter().chain(ini.sections.iter().flat_map(|s| &s.entries)) {
            prop_assert!(inside(&entry.location));
            for (offset, c) in entry.value.text().char_indices().filter(|(_, c)| *c != '\n') {
                let at = entry.value.location_at(offset);
                prop_assert!(inside(&at));
                prop_assert_eq!(lines[at.line as usize - 1].chars().nth(at.column as usize - 1), Some(c));
            }
        }
    }
}

#[test]
fn huge_texts_take_linear_time() {
    let started = std::time::Instant::now();
    for text in [
        "\n".repeat(1_000_000),
        format!("[a]\nk=v\n{}", "\n".repeat(1_000_000)),
        format!("[a]\nk=v\n{}", " x\n".repeat(300_000)),
        format!("[a]\n{}", "bad line\n".repeat(50_000)),
        (0..50_000).map(|n| format!("[s{n}]\nk{n}=v\n")).collect(),
        format!("[{}", "[".repeat(1_000_000)),
    ] {
        read(&text, Dialect::UseCases);
    }
    // Quadratic behaviour would need minutes.
    assert!(started.elapsed().as_secs() < 30);
}
