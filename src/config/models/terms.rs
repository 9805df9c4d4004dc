//! `terms`: a number of occurrences, or of distinct values, is beyond a frontier.

use chrono::TimeDelta;

use super::ModelSettings;
use super::comparison::Comparison;
use super::trigger::{Trigger, TriggerMethod, TriggerOn};
use crate::config::ini::Entry;
use crate::config::keys::Keys;
use crate::config::template_key::{TemplateKey, names_of};
use crate::event::FieldPath;
use crate::spelling::named_values;

/// Settings of `terms`.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// The fields whose values are counted.
    pub target: Vec<FieldPath>,
    /// The fields that form the groups.
    pub aggregator: Vec<FieldPath>,
    /// Counting method.
    pub count_method: CountMethod,
    /// Condition under which a count is an outlier.
    pub trigger: Trigger,
    /// Aggregators with fewer distinct targets are not judged; `None` across aggregators.
    pub min_target_buckets: Option<u64>,
    /// Comparison of counts with more than their group.
    pub comparison: Comparison,
}

impl ModelSettings for Terms {
    const TEMPLATE: &'static [TemplateKey] = &[
        TemplateKey::set("target", "process.name", "fields whose values are counted"),
        TemplateKey::set("aggregator", "host.name", "fields that form the groups in which values are compared"),
        TemplateKey::set(
            "target_count_method",
            "within_aggregator",
            "what is counted: each value in its group, or the different values of each group",
        )
        .one_of(|| names_of(&CountMethod::NAMES)),
        TemplateKey::set("trigger_on", "low", "which side of the limit is unusual")
            .one_of(|| names_of(&TriggerOn::NAMES)),
        TemplateKey::set("trigger_method", "pct_of_avg_value", "how the limit is computed")
            .one_of(|| names_of(&TriggerMethod::NAMES)),
        TemplateKey::set(
            "trigger_sensitivity",
            "5",
            "parameter of the method; run --sweep trigger_sensitivity=1..20 compares some",
        ),
        TemplateKey::optional("min_target_buckets", "10", "groups with fewer different values are not judged"),
        Comparison::TEMPLATE_BASELINE,
        Comparison::TEMPLATE_PEERS,
    ];

    fn read(keys: &mut Keys<'_>, _: Option<TimeDelta>) -> Option<Self> {
        let target = keys.required_fields("target");
        let aggregator = keys.required_fields("aggregator");
        let count_method = keys.required_named("target_count_method", &CountMethod::NAMES);
        let trigger = Trigger::read(keys);
        let mut min_target_buckets = keys.count("min_target_buckets");
        let mut comparison = Comparison::read(keys);
        let uses_variation = trigger.is_some_and(|trigger| trigger.method == TriggerMethod::CoeffOfVariation);
        if uses_variation {
            comparison.refuse_baseline(
                keys,
                "coeff_of_variation compares the counts of an aggregator with each other, not with a baseline",
                "remove baseline, or use another trigger_method",
            );
        }
        if count_method == Some(CountMethod::AcrossAggregators) {
            if uses_variation {
                keys.error(
                    "trigger_method",
                    "coeff_of_variation has no meaning across aggregators",
                    "it judges the counts of one aggregator: use target_count_method = within_aggregator or another method",
                );
            }
            if min_target_buckets.take().is_some() {
                keys.warn("min_target_buckets", "is ignored across aggregators", "remove it");
            }
        } else if uses_variation
            && trigger.is_some_and(|trigger| trigger.on == TriggerOn::Low)
            && min_target_buckets.unwrap_or(0) < 2
        {
            keys.warn(
                "trigger_method",
                "an aggregator with a single target has a coefficient of variation of 0 and is always flagged",
                "write min_target_buckets = 2 or more",
            );
        }
        Some(Self {
            target: target?,
            aggregator: aggregator?,
            count_method: count_method?,
            trigger: trigger?,
            min_target_buckets,
            comparison,
        })
    }

    fn read_section<'a>(keys: &mut Keys<'a>) -> Vec<&'a Entry> {
        // checked but not used: statistics cover all events, not batches
        keys.lenient(|keys| keys.count("terms_batch_eval_size"));
        Vec::new()
    }
}

named_values! {
    /// Counting method of `terms`.
    CountMethod {
        /// The occurrences of each distinct target within one aggregator.
        WithinAggregator = "within_aggregator",
        /// The distinct targets of each aggregator, compared with those of the other aggregators.
        AcrossAggregators = "across_aggregators",
    }
}
