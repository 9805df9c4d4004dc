//! Counts that must not be too high or too low, as settings of `terms`.

use super::condition::Comparison;
use super::section::prose;
use super::yaml::Node;
use crate::config::Problem;
use crate::terminal::counted;

/// A limit on a count of events, or of distinct values.
#[derive(Debug)]
pub(super) struct CountLimit {
    /// Field whose distinct values are counted; `None` for events.
    pub(super) value: Option<String>,
    /// Fields of the groups in which they are counted.
    pub(super) groups: Vec<String>,
    /// Comparison by which a count is beyond the limit.
    pub(super) comparison: Comparison,
    pub(super) number: u64,
    /// Period in which they are counted, in hours.
    pub(super) hours: u64,
    /// The period as written.
    pub(super) period: String,
}

impl CountLimit {
    /// Refuses limits that no use case expresses.
    pub(super) fn checked(self, node: &Node) -> Result<Self, Box<Problem>> {
        if self.groups.is_empty() {
            let help = "name the fields of a group: `group-by` in Sigma, `query_key` in ElastAlert";
            return Err(node.error("a count without a group cannot be expressed", help));
        }
        if self.groups.iter().chain(&self.value).any(|field| !is_listable(field)) {
            return Err(node.error("a field whose name cannot stand in a list", "rename the field"));
        }
        if self.comparison == Comparison::Less && self.number == 0 {
            return Err(node.error("no count is less than 0", "write a larger number"));
        }
        Ok(self)
    }

    /// Returns a note on what the use case does differently.
    pub(super) fn note(&self, node: &Node) -> Problem {
        let message = format!(
            "counts over a history window of {}, not over each stretch of {}",
            counted(self.hours, "hour", "hours"),
            self.period
        );
        let help = "run it at least once in that time; on files, everything that is given counts";
        Problem::warning(message).at(node.location.clone()).help(help)
    }

    /// Names what was counted, as part of a summary.
    pub(super) fn summary(&self) -> String {
        match &self.value {
            Some(value) => format!("{{term_count}} values of {} for {{aggregator}}", prose(value)),
            None => "{term_count} events for {aggregator}".to_owned(),
        }
    }

    /// The keys of the use case.
    pub(super) fn keys(&self) -> Vec<(&'static str, String)> {
        let groups = self.groups.join(",");
        let (on, frontier) = match self.comparison {
            Comparison::Greater => ("high", self.number.to_string()),
            // counts are whole numbers
            Comparison::GreaterOrEqual => ("high", format!("{}", i128::from(self.number) - 1)),
            Comparison::Less => ("low", self.number.to_string()),
            Comparison::LessOrEqual => ("low", format!("{}", i128::from(self.number) + 1)),
        };
        let (method, target) = match &self.value {
            Some(value) => ("across_aggregators", value.clone()),
            None => ("within_aggregator", groups.clone()),
        };
        let mut keys = vec![
            ("aggregator", groups),
            ("target", target),
            ("target_count_method", method.to_owned()),
            ("trigger_on", on.to_owned()),
            ("trigger_method", "float".to_owned()),
            ("trigger_sensitivity", frontier),
        ];
        keys.extend(history_window(self.hours));
        keys
    }
}

/// True if a field can stand in a list of fields.
pub(super) fn is_listable(field: &str) -> bool {
    !field.trim().is_empty() && !field.contains([',', '\n', '\r'])
}

/// The keys of a history window of some hours.
pub(super) fn history_window(hours: u64) -> [(&'static str, String); 2] {
    [("history_window_days", (hours / 24).to_string()), ("history_window_hours", (hours % 24).to_string())]
}
