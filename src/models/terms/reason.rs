//! Reasons of `terms`.

use serde_json::{Map, Value};

use super::super::reason::{among_peers, number, shown, text, times};
use crate::config::{CountMethod, Terms, TriggerMethod, TriggerOn};
use crate::event::FieldPath;

/// Clause that says why an outlier of `terms` is one.
pub(super) fn reason(terms: &Terms, stored: &Map<String, Value>) -> Option<String> {
    let frontier = number(stored, "decision_frontier")?;
    if terms.trigger.method == TriggerMethod::CoeffOfVariation {
        let (how, sensitivity) = (terms.trigger.on, shown(terms.trigger.sensitivity));
        let how = if how == TriggerOn::Low { "evenly" } else { "unevenly" };
        let varied = shown(frontier);
        return Some(format!("its values occur {how}: their counts vary by {varied}; the limit was {sensitivity}"));
    }
    let n = number(stored, "term_count")?;
    let counted = match terms.count_method {
        CountMethod::WithinAggregator => format!("seen {}", times(n)),
        CountMethod::AcrossAggregators => {
            let fields: Vec<&str> = terms.target.iter().map(FieldPath::as_str).collect();
            format!("{} different {}", shown(n), fields.join(", "))
        }
    };
    let usual = match (text(stored, "baseline_hour"), number(stored, "baseline_expected")) {
        (Some(hour), Some(expected)) => format!(" in an hour; {} on {hour} is usual", shown(expected)),
        _ => String::new(),
    };
    let side = match terms.trigger.on {
        TriggerOn::Low => "fewer",
        TriggerOn::High => "more",
    };
    let peers = among_peers(stored);
    Some(format!("{counted}{usual}; {side} than {} is unusual{peers}", shown(frontier)))
}
