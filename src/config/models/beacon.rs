//! `beacon`: the events of a group come in a rhythm.

use chrono::TimeDelta;
use outlier_kernels::beacon::LEAST_EVENTS;

use super::ModelSettings;
use crate::config::ini::Entry;
use crate::config::keys::Keys;
use crate::config::problem::quoted;
use crate::config::template_key::{TemplateKey, names_of};
use crate::event::FieldPath;
use crate::spelling::named_values;

/// Sections of older versions of ee-outliers that looked for beacons.
pub(in crate::config) const OLD_SECTION: &str = "beaconing";

const METHOD: &str = "trigger_method";
const SENSITIVITY: &str = "trigger_sensitivity";

/// Settings of `beacon`.
#[derive(Clone, Debug, PartialEq)]
pub struct Beacon {
    /// The fields that say who talks to whom.
    pub aggregator: Vec<FieldPath>,
    /// The fields whose values do not change from beat to beat; may be empty.
    pub target: Vec<FieldPath>,
    /// The field with the size of an event.
    pub size: Option<FieldPath>,
    /// Common destinations.
    pub prevalence: Option<Prevalence>,
    /// Groups with fewer events are not judged; at least [`LEAST_EVENTS`].
    pub min_events: u64,
    /// Shortest period; at least a second.
    pub min_period: TimeDelta,
    /// Longest period; longer than the shortest one.
    pub max_period: TimeDelta,
    /// When a group is an outlier.
    pub trigger: BeaconTrigger,
}

/// Number of sources that talk to the same destination.
#[derive(Clone, Debug, PartialEq)]
pub struct Prevalence {
    /// The field of the aggregator that says who talks.
    pub source: FieldPath,
    /// The other fields of the aggregator; at least one.
    pub destination: Vec<FieldPath>,
    /// Percentage of all sources up to which a destination is not common; from 0 to 100.
    pub most: Option<f64>,
}

/// Condition under which a group is an outlier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BeaconTrigger {
    /// Method of the condition.
    pub method: BeaconMethod,
    /// Its parameter: between 0 and 1 for [`BeaconMethod::Fdr`], else from 0 to 100.
    pub sensitivity: f64,
}

named_values! {
    /// Method that decides which groups are outliers.
    BeaconMethod {
        /// As many groups as keep the expected share of false ones below the sensitivity.
        Fdr = "fdr",
        /// Scores above the sensitivity.
        Float = "float",
        /// Scores above a percentile of the distinct scores.
        Percentile = "percentile",
    }
}

impl Beacon {
    const MIN_EVENTS: u64 = 6;
    const MIN_PERIOD: TimeDelta = TimeDelta::seconds(2);
    const MAX_PERIOD: TimeDelta = TimeDelta::hours(12);
}

impl ModelSettings for Beacon {
    const TEMPLATE: &'static [TemplateKey] = &[
        TemplateKey::set("aggregator", "source.ip,destination.ip", "fields that say who talks to whom"),
        TemplateKey::optional("target", "destination.port", "fields whose values stay the same from beat to beat"),
        TemplateKey::optional("size_field", "network.bytes", "field with the size of an event"),
        TemplateKey::optional(
            "prevalence_field",
            "source.ip",
            "field of the aggregator that says who talks: common destinations are told apart",
        ),
        TemplateKey::optional("max_prevalence", "10", "percentage of sources from which a destination is common"),
        TemplateKey::optional("min_events", "6", "groups with fewer events are not judged"),
        TemplateKey::optional("min_period", "2s", "shortest time between two beats"),
        TemplateKey::optional("max_period", "12h", "longest time between two beats"),
        TemplateKey::optional(METHOD, "fdr", "which groups are outliers").one_of(|| names_of(&BeaconMethod::NAMES)),
        TemplateKey::optional(SENSITIVITY, "0.01", "share of false discoveries for fdr, else a score from 0 to 100"),
        TemplateKey::optional("trigger_on", "high", "only a high regularity is an outlier"),
    ];

    fn read(keys: &mut Keys<'_>, _: Option<TimeDelta>) -> Option<Self> {
        let aggregator = keys.required_fields("aggregator");
        let target = keys.filled("target").and_then(|_| keys.required_fields("target"));
        let has_target = keys.filled("target").is_some();
        let size = keys.field("size_field");
        let prevalence = Prevalence::read(keys, aggregator.as_deref());
        let min_events = keys.count("min_events").unwrap_or(Self::MIN_EVENTS);
        if min_events < LEAST_EVENTS {
            keys.error("min_events", "too few to tell a rhythm from chance", format!("write {LEAST_EVENTS} or more"));
        }
        let min_period = keys.period("min_period").unwrap_or(Self::MIN_PERIOD);
        let max_period = keys.period("max_period").unwrap_or(Self::MAX_PERIOD);
        if max_period <= min_period {
            keys.error("max_period", "not longer than min_period", "write a longer one, such as 12h");
        }
        let trigger = BeaconTrigger::read(keys);
        Some(Self {
            aggregator: aggregator?,
            target: if has_target { target? } else { Vec::new() },
            size,
            prevalence,
            min_events,
            min_period,
            max_period,
            trigger: trigger?,
        })
    }

    fn read_section<'a>(_: &mut Keys<'a>) -> Vec<&'a Entry> {
        Vec::new()
    }
}

impl Prevalence {
    fn read(keys: &mut Keys<'_>, aggregator: Option<&[FieldPath]>) -> Option<Self> {
        let source = keys.field("prevalence_field");
        let most = keys.percentage("max_prevalence");
        let Some(source) = source else {
            if keys.entry("max_prevalence").is_some() {
                let help = "name the field of the source in prevalence_field, such as source.ip";
                keys.error("max_prevalence", "nothing says whose destinations are common", help);
            }
            return None;
        };
        let aggregator = aggregator?;
        let destination: Vec<FieldPath> = aggregator.iter().filter(|field| **field != source).cloned().collect();
        if destination.is_empty() || destination.len() == aggregator.len() {
            let help = "name one field of the aggregator; the others are the destination";
            let message = format!("{} is not one of several fields of the aggregator", quoted(source.as_str()));
            keys.error("prevalence_field", message, help);
            return None;
        }
        Some(Self { source, destination, most })
    }
}

impl BeaconTrigger {
    const DEFAULT_RATE: f64 = 0.01;

    fn read(keys: &mut Keys<'_>) -> Option<Self> {
        if keys.filled("trigger_on").is_some_and(|on| on != "high") {
            keys.error("trigger_on", "only a high regularity is an outlier", "remove the key");
        }
        let has_method = keys.entry(METHOD).is_some();
        let method = keys.named(METHOD, &BeaconMethod::NAMES);
        let has_sensitivity = keys.entry(SENSITIVITY).is_some();
        let sensitivity = keys.float(SENSITIVITY);
        let method = if has_method { method? } else { BeaconMethod::Fdr };
        if !has_sensitivity && method != BeaconMethod::Fdr {
            keys.missing(SENSITIVITY, "write a number from 0 to 100");
            return None;
        }
        let sensitivity = if has_sensitivity { sensitivity? } else { Self::DEFAULT_RATE };
        let (is_valid, wrong, help) = match method {
            BeaconMethod::Fdr => (
                sensitivity > 0.0 && sensitivity < 1.0,
                "not a false discovery rate",
                "write a number between 0 and 1, such as 0.01",
            ),
            BeaconMethod::Float => {
                ((0.0..=100.0).contains(&sensitivity), "not a score", "write a number from 0 to 100")
            }
            BeaconMethod::Percentile => {
                ((0.0..=100.0).contains(&sensitivity), "not a percentile", "write a number from 0 to 100")
            }
        };
        if !is_valid {
            keys.error(SENSITIVITY, wrong, help);
        }
        is_valid.then_some(Self { method, sensitivity })
    }
}
