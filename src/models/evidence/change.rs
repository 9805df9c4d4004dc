//! Changes that turn a verdict.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::terminal::{counted, thousands};

/// Change that turns the verdict about a row, all else being equal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counterfactual {
    /// The change.
    #[serde(flatten)]
    pub change: Change,
    /// Verdict after the change.
    pub flagged: bool,
}

/// Change of the configuration or of the events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// Another value of a key of the use case.
    Key {
        /// Name of the key.
        key: String,
        /// Its value.
        value: f64,
    },
    /// More events like this one: same group, same target or value.
    MoreEvents {
        /// Number of them.
        n: u64,
    },
    /// Fewer events like this one.
    FewerEvents {
        /// Number of them.
        n: u64,
    },
    /// More distinct targets in the group, none of which it has.
    MoreTargets {
        /// Number of them.
        n: u64,
        /// Fields of the targets.
        fields: String,
    },
    /// Fewer distinct targets in the group.
    FewerTargets {
        /// Number of them.
        n: u64,
        /// Fields of the targets.
        fields: String,
    },
    /// One more event with this target in the group, in a stretch of time.
    EarlierEvent {
        /// Start of the stretch, as text.
        from: String,
        /// End of the stretch, as text.
        to: String,
    },
    /// No event with this target in the group in a stretch of time.
    NoEarlierEvent {
        /// Start of the stretch, as text.
        from: String,
        /// End of the stretch, as text.
        to: String,
        /// Number of events in it.
        n: u64,
    },
}

impl fmt::Display for Counterfactual {
    /// Writes a sentence without a full stop, such as `with 3 more distinct values of host.name in
    /// the group it would not be an outlier`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.change {
            Change::Key { key, value } => write!(f, "with {key} = {value}"),
            Change::MoreEvents { n } => write!(f, "with {} more {} like this one", thousands(*n), events(*n)),
            Change::FewerEvents { n } => write!(f, "with {} fewer {} like this one", thousands(*n), events(*n)),
            Change::MoreTargets { n, fields } => {
                write!(
                    f,
                    "with {} of {fields} in the group",
                    counted(*n, "more distinct value", "more distinct values")
                )
            }
            Change::FewerTargets { n, fields } => {
                let values = counted(*n, "distinct value fewer", "distinct values fewer");
                write!(f, "with {values} of {fields} in the group")
            }
            Change::EarlierEvent { from, to } => {
                write!(f, "with one more event like this one between {from} and {to}")
            }
            Change::NoEarlierEvent { from, to, n } => {
                write!(f, "without the {} like this one between {from} and {to}", counted(*n, "event", "events"))
            }
        }?;
        f.write_str(if self.flagged { " it would be an outlier" } else { " it would not be an outlier" })
    }
}

fn events(n: u64) -> &'static str {
    if n == 1 { "event" } else { "events" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_sentences() {
        let check = |change: Change, flagged: bool, expected: &str| {
            assert_eq!(Counterfactual { change, flagged }.to_string(), expected);
        };
        let more = |n| Change::MoreTargets { n, fields: "host.name".to_owned() };
        check(more(1), false, "with 1 more distinct value of host.name in the group it would not be an outlier");
        check(more(3), false, "with 3 more distinct values of host.name in the group it would not be an outlier");
        let key = Change::Key { key: "trigger_sensitivity".to_owned(), value: 7.2 };
        check(key, true, "with trigger_sensitivity = 7.2 it would be an outlier");
        check(Change::FewerEvents { n: 1 }, true, "with 1 fewer event like this one it would be an outlier");
    }
}
