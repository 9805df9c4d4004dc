//! `sudden_appearance`: a value appears for the first time.

use chrono::TimeDelta;

use super::ModelSettings;
use super::trigger::Trigger;
use crate::config::ini::Entry;
use crate::config::keys::Keys;
use crate::config::template_key::TemplateKey;
use crate::config::values::parse_duration;
use crate::event::FieldPath;

/// Settings of `sudden_appearance`.
#[derive(Clone, Debug, PartialEq)]
pub struct SuddenAppearance {
    /// The fields whose values are outliers when they first appear.
    pub target: Vec<FieldPath>,
    /// The fields that form the groups.
    pub aggregator: Vec<FieldPath>,
    /// The length of the sliding window; at least [`Self::step`], at most the history window.
    pub window: TimeDelta,
    /// Time by which the window slides at each step; positive.
    pub step: TimeDelta,
    /// A value is an outlier only if its aggregator has more events than this in the window.
    pub min_aggregator_bucket: Option<u64>,
    /// Rate of false discoveries, between 0 and 1; without one, all first appearances are outliers.
    pub rate: Option<f64>,
    /// Field whose value aggregators have in common with their peers.
    pub peer_group: Option<FieldPath>,
}

impl ModelSettings for SuddenAppearance {
    const TEMPLATE: &'static [TemplateKey] = &[
        TemplateKey::set("target", "process.name", "fields whose values are new when they first appear"),
        TemplateKey::set("aggregator", "host.name", "fields that form the groups in which values are compared"),
        TemplateKey::set(
            "sliding_window_size",
            "01:00:00",
            "time before an event in which the value must not occur, as DAYS:HOURS:MINUTES",
        ),
        TemplateKey::set("sliding_window_step_size", "00:12:00", "step by which that window moves"),
        TemplateKey::optional("min_aggregator_bucket", "10", "groups with no more events in the window are not judged"),
        TemplateKey::optional(
            "trigger_method",
            "fdr",
            "limits the share of false discoveries; without it, every new value is an outlier",
        ),
        TemplateKey::optional("trigger_sensitivity", "0.05", "that share"),
        TemplateKey::optional("peer_group", "host.role", "field whose value groups have in common with their peers"),
    ];

    fn read(keys: &mut Keys<'_>, history: Option<TimeDelta>) -> Option<Self> {
        let target = keys.required_fields("target");
        let aggregator = keys.required_fields("aggregator");
        let min_aggregator_bucket = keys.count("min_aggregator_bucket");
        let rate = Trigger::read_rate(keys);
        let peer_group = keys.field("peer_group");
        let window = duration(keys, "sliding_window_size");
        let step = duration(keys, "sliding_window_step_size");
        let (window, step) = (window?, step?);
        if step > window {
            keys.error("sliding_window_step_size", "longer than the window", "make it at most sliding_window_size");
            return None;
        }
        if history.is_some_and(|history| window > history) {
            keys.error(
                "sliding_window_size",
                "longer than the history window",
                "make it at most history_window_days and history_window_hours",
            );
            return None;
        }
        let (target, aggregator, rate) = (target?, aggregator?, rate?);
        Some(Self { target, aggregator, window, step, min_aggregator_bucket, rate, peer_group })
    }

    fn read_section<'a>(keys: &mut Keys<'a>) -> Vec<&'a Entry> {
        // ignored, because nothing is limited
        keys.lenient(|keys| {
            keys.count("max_num_aggregators");
            keys.count("max_num_targets");
        });
        Vec::new()
    }
}

fn duration(keys: &mut Keys<'_>, key: &'static str) -> Option<TimeDelta> {
    keys.required(key, "write days:hours:minutes, such as 7:00:00")?;
    let positive = |text: &str| parse_duration(text).filter(|duration| *duration > TimeDelta::zero());
    keys.parsed(key, "not a duration", "write days:hours:minutes, such as 7:00:00", positive)
}
