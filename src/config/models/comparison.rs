//! `baseline` and `peer_group`: what the values of a group are compared with besides the group.

use crate::config::keys::Keys;
use crate::config::template_key::{TemplateKey, names_of};
use crate::event::FieldPath;
use crate::spelling::named_values;

const BASELINE: &str = "baseline";

/// Comparison of the values of a group with more than the group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Baseline, if what is usual in the group depends on the time.
    pub baseline: Option<Baseline>,
    /// Field whose value aggregators have in common with their peers.
    pub peer_group: Option<FieldPath>,
}

impl Comparison {
    /// Source of what is usual, as a template explains it.
    pub(super) const TEMPLATE_BASELINE: TemplateKey =
        TemplateKey::optional(BASELINE, "hour_of_week", "what is usual depends on the time")
            .one_of(|| names_of(&Baseline::NAMES));

    /// Field of peers, likewise.
    pub(super) const TEMPLATE_PEERS: TemplateKey =
        TemplateKey::optional("peer_group", "host.role", "field whose value groups have in common with their peers");

    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        Self { baseline: keys.named(BASELINE, &Baseline::NAMES), peer_group: keys.field("peer_group") }
    }

    /// The same without a baseline, which the settings of the use case do not allow.
    pub(super) fn refuse_baseline(&mut self, keys: &mut Keys<'_>, message: &str, help: &str) {
        if self.baseline.take().is_some() {
            keys.error(BASELINE, message, help);
        }
    }

    /// True if a value is compared with more than its group.
    pub fn is_wider(&self) -> bool {
        *self != Self::default()
    }
}

named_values! {
    /// Source of what is usual at the time of an event.
    Baseline {
        /// The same hours of the week, and of other days.
        HourOfWeek = "hour_of_week",
    }
}
