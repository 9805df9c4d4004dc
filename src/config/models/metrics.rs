//! `metrics`: a number computed from a field is beyond a frontier.

use chrono::TimeDelta;

use super::ModelSettings;
use super::comparison::Comparison;
use super::trigger::Trigger;
use crate::config::ini::Entry;
use crate::config::keys::Keys;
use crate::config::template_key::{TemplateKey, names_of};
use crate::event::FieldPath;
use crate::event::metric::Metric;

/// Settings of `metrics`.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    /// The field the metric is computed from.
    pub target: FieldPath,
    /// The fields that form the groups.
    pub aggregator: Vec<FieldPath>,
    /// The number computed from the target.
    pub metric: Metric,
    /// When it is an outlier.
    pub trigger: Trigger,
    /// Its comparison with more than its group.
    pub comparison: Comparison,
}

impl ModelSettings for Metrics {
    const TEMPLATE: &'static [TemplateKey] = &[
        TemplateKey::set("target", "process.command_line", "field whose values are measured"),
        TemplateKey::set("aggregator", "host.name", "fields that form the groups in which values are compared"),
        TemplateKey::set("metric", "length", "number computed from a value").one_of(|| names_of(&Metric::NAMES)),
        Trigger::TEMPLATE_ON,
        Trigger::TEMPLATE_METHOD,
        Trigger::TEMPLATE_SENSITIVITY,
        Comparison::TEMPLATE_BASELINE,
        Comparison::TEMPLATE_PEERS,
    ];

    fn read(keys: &mut Keys<'_>, _: Option<TimeDelta>) -> Option<Self> {
        keys.required("target", "name the field whose values are measured");
        let target = keys.field("target");
        let aggregator = keys.required_fields("aggregator");
        let metric = keys.required_named("metric", &Metric::NAMES);
        let trigger = Trigger::read(keys);
        let comparison = Comparison::read(keys);
        Some(Self { target: target?, aggregator: aggregator?, metric: metric?, trigger: trigger?, comparison })
    }

    fn read_section<'a>(keys: &mut Keys<'a>) -> Vec<&'a Entry> {
        // checked but not used: statistics cover all events, not batches
        keys.lenient(|keys| keys.count("metrics_batch_eval_size"));
        Vec::new()
    }
}
