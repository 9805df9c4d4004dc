//! Reading of the documents of candidates, as far as descriptions need them.

use outlier_kernels::ByteSet;
use serde_json::{Map, Value};

use super::Detection;
use crate::config::Model;
use crate::event::decode::each_member;
use crate::event::{FieldPath, equal_ignoring_case};
use crate::outlier::Templates;

/// Members of documents that are read.
#[derive(Debug)]
pub(super) enum Reading {
    /// All.
    Whole,
    /// Those of some names, and those whose dotted names begin with one of them.
    Members {
        names: Vec<String>,
        /// Bytes that the names may begin with.
        firsts: ByteSet,
    },
}

impl Reading {
    /// Reading for the descriptions of a use case.
    pub(super) fn of(detection: &Detection<'_>, templates: &Templates) -> Self {
        let Detection { use_case, derived, whitelist, assets, built_in_assets, names, .. } = detection;
        let of_model = match &use_case.model {
            // simple queries look up the fields of highlights, for which all is read
            Model::Terms(_)
            | Model::SuddenAppearance(_)
            | Model::Word2vec(_)
            | Model::Travel(_)
            | Model::SimpleQuery(_) => None,
            Model::Metrics(metrics) => Some(&metrics.target),
            // others may read anything
            _ => return Reading::Whole,
        };
        if derived.is_some() || !whitelist.is_empty() {
            return Reading::Whole;
        }
        let assets = assets.iter().chain(*built_in_assets).map(|asset| &asset.field);
        let fields = templates.fields().chain(assets).chain(of_model).chain([&use_case.timestamp_field]);
        let with_form = |field: &FieldPath| names.forms(field).into_iter().map(|form| form.of).chain([field.clone()]);
        Self::of_fields(fields.flat_map(with_form))
    }

    fn of_fields(fields: impl Iterator<Item = FieldPath>) -> Self {
        let mut names: Vec<String> = fields.map(|field| first_name(field.as_str()).to_owned()).collect();
        names.sort_unstable();
        names.dedup();
        // other characters may be equal to one of these, ignoring case
        let mut firsts = ByteSet::default();
        (0x80..=0xff).for_each(|byte| firsts.insert(byte));
        for name in &names {
            let Some(first) = name.bytes().next() else { return Reading::Whole };
            firsts.insert(first.to_ascii_lowercase());
            firsts.insert(first.to_ascii_uppercase());
        }
        Reading::Members { names, firsts }
    }

    /// Parses the document `text`.
    pub(super) fn parse(&self, text: &str) -> serde_json::Result<Map<String, Value>> {
        let Reading::Members { names, firsts } = self else { return serde_json::from_str(text) };
        let mut members: Vec<(String, &str)> = Vec::new();
        let is_wanted = |name: &str| names.iter().any(|wanted| equal_ignoring_case(wanted, first_name(name)));
        let is_json = each_member(text, firsts, |name, value| {
            if is_wanted(name) {
                members.push((name.to_owned(), value));
            }
        });
        if is_json.is_none() {
            return serde_json::from_str(text);
        }
        members.into_iter().map(|(name, value)| Ok((name, serde_json::from_str(value)?))).collect()
    }
}

/// Name before the first dot.
fn first_name(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_that_may_hold_a_field_are_read() {
        let fields = ["user.name", "Key", "host"].map(FieldPath::new);
        let reading = Reading::of_fields(fields.into_iter());
        let text =
            r#"{"USER":{"name":1},"user.name.x":2,"users":3,"\u0068ost":[4],"key":5,"a":{"host":6},"\u212aEY":7}"#;
        let expected = json!({"USER": {"name": 1}, "user.name.x": 2, "host": [4], "key": 5, "\u{212a}EY": 7});
        assert_eq!(Value::Object(reading.parse(text).unwrap()).to_string(), expected.to_string());
        assert!(reading.parse("[]").is_err() && reading.parse(r#"{"a":01}"#).is_err());
        let twice = r#"{"host":1,"x":2,"key":3,"host":4}"#;
        assert_eq!(Value::Object(reading.parse(twice).unwrap()).to_string(), r#"{"host":4,"key":3}"#);
        assert!(matches!(Reading::of_fields([FieldPath::new(".x")].into_iter()), Reading::Whole));
    }
}
