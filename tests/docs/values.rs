//! Example values of metrics and triggers in the documents, computed anew.

use ee_outliers::config::TriggerMethod;
use ee_outliers::event::metric::{Metric, metric_number, metric_value};
use outlier_kernels::{FrontierMethod, Multiset, Side, beyond, frontier};

use super::blocks::text_of;

/// Cells of the rows of a table that begins with `header`, without backquotes.
fn rows(document: &str, header: &str) -> Vec<Vec<String>> {
    let text = text_of(document);
    let lines = text.lines().skip_while(|line| !line.starts_with(header)).skip(2);
    let rows = lines.take_while(|line| line.starts_with('|'));
    let cell = |cell: &str| cell.trim().trim_matches('`').to_owned();
    rows.map(|row| row.trim_matches('|').split('|').map(cell).collect()).collect()
}

#[test]
fn metrics_have_the_example_values_of_the_documents() {
    let rows = rows("docs/metrics.md", "| metric | of a value such as | is |");
    let names: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(names, Metric::ALL.map(Metric::as_str));
    for (metric, row) in Metric::ALL.into_iter().zip(&rows) {
        let number = metric_value(metric, &row[1]).map(|value| metric_number(metric, &row[1], value).to_string());
        assert_eq!(number.as_deref(), Some(row[2].as_str()), "{metric:?} of {}", row[1]);
    }
}

/// The numbers that the document has frontiers of.
const VALUES: [f64; 9] = [2.0, 3.0, 3.0, 4.0, 4.0, 4.0, 5.0, 6.0, 50.0];

fn method(name: &str) -> FrontierMethod {
    match name {
        "percentile" => FrontierMethod::Percentile,
        "pct_of_max_value" => FrontierMethod::PctOfMaxValue,
        "pct_of_median_value" => FrontierMethod::PctOfMedianValue,
        "pct_of_avg_value" => FrontierMethod::PctOfAvgValue,
        "mad" => FrontierMethod::Mad,
        "madpos" => FrontierMethod::Madpos,
        "stdev" => FrontierMethod::Stdev,
        "float" => FrontierMethod::Float,
        "coeff_of_variation" => FrontierMethod::CoeffOfVariation,
        name => panic!("not a method with a frontier of its own: {name}"),
    }
}

/// A number with at most two decimals.
fn short(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[test]
fn triggers_have_the_example_frontiers_of_the_documents() {
    let rows = rows("docs/triggers.md", "| `trigger_method` | `trigger_on` | `trigger_sensitivity` | frontier |");
    let mut problems = Vec::new();
    for row in &rows {
        let side = if row[1] == "high" { Side::High } else { Side::Low };
        let sensitivity: f64 = row[2].parse().expect("a number");
        let mut values: Multiset = VALUES.into_iter().collect();
        let found = frontier(method(&row[0]), side, sensitivity, values.finish()).expect("values");
        let outliers = if row[0] == "coeff_of_variation" {
            let is_outlier = beyond(found, sensitivity, side);
            if is_outlier { "the group".to_owned() } else { "none".to_owned() }
        } else {
            let mut distinct: Vec<f64> = VALUES.into_iter().filter(|value| beyond(*value, found, side)).collect();
            distinct.dedup();
            let names: Vec<String> = distinct.into_iter().map(short).collect();
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        };
        if row[3..] != [short(found), outliers.clone()] {
            problems.push(format!("{} {} {}: {}, {outliers}", row[0], row[1], row[2], short(found)));
        }
    }
    assert!(problems.is_empty(), "the document has other values than\n{}", problems.join("\n"));
    for (name, method) in TriggerMethod::NAMES {
        assert!(method == TriggerMethod::Fdr || rows.iter().any(|row| row[0] == name), "{name} has no row");
    }
}

#[test]
fn the_chapters_about_models_have_all_of_them() {
    let text = text_of("docs/models.md");
    for (name, _) in ee_outliers::config::ModelType::NAMES {
        let (_, chapter) = text.split_once(&format!("\n## {name}\n")).unwrap_or_else(|| panic!("no chapter on {name}"));
        let chapter = chapter.split("\n## ").next().expect("split gives one part");
        for part in ["* Good at: ", "* Not good at: ", "![", "```ini\n["] {
            assert!(chapter.contains(part), "the chapter on {name} has no `{part}`");
        }
    }
}
