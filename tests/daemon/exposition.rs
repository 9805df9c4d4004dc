//! A strict parser of the text format of Prometheus.

use std::collections::{BTreeMap, BTreeSet};

/// Samples by name and labels, such as `x{a="b"}`.
#[derive(Debug, Default)]
pub(super) struct Samples(BTreeMap<String, f64>);

impl Samples {
    /// Parses a whole answer; panics at what the format does not allow.
    pub(super) fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line has no end");
        let mut samples = BTreeMap::new();
        let mut families = BTreeSet::new();
        let (mut helped, mut typed) = ("", "");
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                helped = rest.split_once(' ').expect("a help text").0;
                assert!(families.insert(helped.to_owned()), "{helped} comes twice");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type");
                assert_eq!(name, helped, "the type follows the help");
                assert!(["counter", "gauge"].contains(&kind), "{line}");
                typed = name;
            } else {
                let (series, number) = line.rsplit_once(' ').expect("a number");
                let name = series.split('{').next().expect("a name");
                assert_eq!(name, typed, "samples follow their type");
                check_labels(&series[name.len()..]);
                let number: f64 = number.parse().unwrap_or_else(|_| panic!("not a number: {line}"));
                assert!(number.is_finite() && number >= 0.0, "{line}");
                assert!(samples.insert(series.to_owned(), number).is_none(), "{series} comes twice");
            }
        }
        Samples(samples)
    }

    /// The sample of `series`; panics if there is none.
    #[track_caller]
    pub(super) fn get(&self, series: &str) -> f64 {
        *self.0.get(series).unwrap_or_else(|| panic!("no {series} in {:#?}", self.0))
    }

    pub(super) fn has(&self, series: &str) -> bool {
        self.0.contains_key(series)
    }
}

/// Checks `{name="value",...}`.
fn check_labels(labels: &str) {
    let Some(inner) = labels.strip_prefix('{') else {
        assert_eq!(labels, "");
        return;
    };
    let mut rest = inner.strip_suffix('}').expect("a closing brace");
    loop {
        let (name, value) = rest.split_once("=\"").expect("a label");
        assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        let mut end = None;
        let mut chars = value.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    end = Some(at);
                    break;
                }
                '\\' => assert!(chars.next().is_some_and(|(_, c)| ['\\', '"', 'n'].contains(&c)), "{value}"),
                _ => {}
            }
        }
        rest = &value[end.expect("a closing quote") + 1..];
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None => return assert_eq!(rest, ""),
        }
    }
}

#[test]
fn what_the_format_forbids_is_found() {
    let good = "# HELP a_b B.\n# TYPE a_b gauge\na_b{x=\"1 \\\"2\\\" }\",y=\"\"} 0.5\n";
    assert!((Samples::parse(good).get("a_b{x=\"1 \\\"2\\\" }\",y=\"\"}") - 0.5).abs() < 1e-9);
    for (part, wrong) in [
        ("# TYPE a_b gauge\n", ""),
        ("0.5", "NaN"),
        ("0.5", ""),
        ("y=\"\"", "y=\""),
        ("\\\"2\\\"", "\"2\""),
        ("gauge", "gouge"),
        ("\na_b{", "\na_c{"),
        ("0.5\n", "0.5"),
    ] {
        let text = good.replacen(part, wrong, 1);
        assert!(std::panic::catch_unwind(|| Samples::parse(&text)).is_err(), "{text}");
    }
}
