//! The narrowest entry that accepts a finding.

use serde_json::Value;

use super::trial::{Trial, model_of};

/// Keys of outliers that hold the text of their aggregator, and that of their target.
const AGGREGATORS: [&str; 2] = ["aggregator_value", "aggregator"];
const TARGETS: [&str; 3] = ["target_value", "term", "target"];

/// Returns fields with the values that the outliers of a finding have in common, and no other
/// finding has: the use case, and the texts that identify the finding. Where outliers do not store
/// these, it is their summary.
pub(super) fn parts(trial: &Trial) -> Vec<(String, String)> {
    let own = |name: &str| format!("outliers.{name}");
    let fields = trial.outlier.fields();
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let (model_type, model_name) = model_of(&trial.use_case).unwrap_or(("", &trial.use_case));
    let mut parts = vec![
        (own("model_type"), text("model_type").unwrap_or(model_type).to_owned()),
        (own("model_name"), text("model_name").unwrap_or(model_name).to_owned()),
    ];
    let mut is_identified = true;
    for (wanted, keys) in [(&trial.aggregator, AGGREGATORS.as_slice()), (&trial.target, TARGETS.as_slice())] {
        let Some(wanted) = wanted else { continue };
        match keys.iter().find(|key| text(key) == Some(wanted)) {
            Some(key) => parts.push((own(key), wanted.clone())),
            None => is_identified = false,
        }
    }
    if !is_identified {
        parts.push((own("summary"), trial.outlier.unwrapped_summary().to_owned()));
    }
    parts
}
