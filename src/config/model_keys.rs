//! The keys of each model.

use std::path::PathBuf;

use chrono::TimeDelta;

use super::field::FieldPath;
use super::ini::Ini;
use super::keys::Keys;
use super::load_main;
use super::model::{
    CountMethod, Metric, Metrics, Model, ModelType, SimpleQuery, SuddenAppearance, Terms, Trigger, TriggerFocus,
    TriggerMethod, TriggerOn, TriggerScore, Word2vec,
};
use super::problem::quoted;
use super::separators::Separators;
use super::values::parse_duration;

const COMMON: [&str; 15] = [
    "es_query_filter",
    "es_dsl_filter",
    "timestamp_field",
    "history_window_days",
    "history_window_hours",
    "should_notify",
    "use_derived_fields",
    "es_index",
    "outlier_reason",
    "outlier_type",
    "outlier_summary",
    "run_model",
    "test_model",
    "process_documents_chronologically",
    "highlight_match",
];

const TRIGGER: [&str; 3] = ["trigger_on", "trigger_method", "trigger_sensitivity"];

pub(super) const WORD2VEC: [&str; 21] = [
    "target",
    "aggregator",
    "word2vec_batch_eval_size",
    "min_target_buckets",
    "size_window",
    "separators",
    "drop_duplicates",
    "use_prob_model",
    "output_prob",
    "min_uniq_word_occurrence",
    "num_epochs",
    "num_epoch",
    "batch_size",
    "learning_rate",
    "embedding_size",
    "seed",
    "model_cache_dir",
    "print_score_table",
    "print_confusion_matrix",
    "trigger_focus",
    "trigger_score",
];

/// Keys of `word2vec` that are numbers from 0 on.
pub(super) const WORD2VEC_COUNTS: [&str; 7] = [
    "word2vec_batch_eval_size",
    "min_target_buckets",
    "size_window",
    "min_uniq_word_occurrence",
    "num_epochs",
    "batch_size",
    "embedding_size",
];

/// Keys of `word2vec` that are on or off.
pub(super) const WORD2VEC_SWITCHES: [&str; 5] =
    ["drop_duplicates", "use_prob_model", "output_prob", "print_score_table", "print_confusion_matrix"];

/// Every key that a use case of this type may have.
pub(super) fn known_keys(model_type: ModelType) -> Vec<&'static str> {
    let own: &[&str] = match model_type {
        ModelType::SimpleQuery => &[],
        ModelType::Metrics => &["target", "aggregator", "metric"],
        ModelType::Terms => &["target", "aggregator", "target_count_method", "min_target_buckets"],
        ModelType::SuddenAppearance => {
            &["target", "aggregator", "sliding_window_size", "sliding_window_step_size", "min_aggregator_bucket"]
        }
        ModelType::Word2vec => &WORD2VEC,
    };
    let has_trigger = !matches!(model_type, ModelType::SimpleQuery | ModelType::SuddenAppearance);
    let trigger: &[&str] = if has_trigger { &TRIGGER } else { &[] };
    let is_common = |key: &&str| *key != "highlight_match" || model_type == ModelType::SimpleQuery;
    COMMON.iter().copied().filter(is_common).chain(own.iter().copied()).chain(trigger.iter().copied()).collect()
}

/// The keys of `[word2vec]` in the main configuration that stand where a use case has none.
pub(super) fn is_word2vec_default(key: &str) -> bool {
    WORD2VEC.contains(&key) || TRIGGER.contains(&key)
}

/// The settings of the model; `None` with a problem where some are wrong.
pub(super) fn load_model(
    model_type: ModelType,
    keys: &mut Keys<'_>,
    main: &Ini,
    history: Option<TimeDelta>,
) -> Option<Model> {
    match model_type {
        ModelType::SimpleQuery => Some(Model::SimpleQuery(load_simplequery(keys, main))),
        ModelType::Metrics => load_metrics(keys).map(Model::Metrics),
        ModelType::Terms => load_terms(keys).map(Model::Terms),
        ModelType::SuddenAppearance => load_sudden_appearance(keys, history).map(Model::SuddenAppearance),
        ModelType::Word2vec => load_word2vec(keys).map(|word2vec| Model::Word2vec(Box::new(word2vec))),
    }
}

fn load_simplequery(keys: &mut Keys<'_>, main: &Ini) -> SimpleQuery {
    let default = load_main::keys(main, "simplequery").bool("highlight_match").unwrap_or(false);
    SimpleQuery { highlight_match: keys.bool("highlight_match").unwrap_or(default) }
}

fn load_metrics(keys: &mut Keys<'_>) -> Option<Metrics> {
    let target = keys.required("target", "name the field whose values are measured").map(FieldPath::new);
    let aggregator = keys.required_fields("aggregator");
    let metric = keys.required_named("metric", &Metric::NAMES);
    let trigger = load_trigger(keys);
    Some(Metrics { target: target?, aggregator: aggregator?, metric: metric?, trigger: trigger? })
}

fn load_terms(keys: &mut Keys<'_>) -> Option<Terms> {
    let target = keys.required_fields("target");
    let aggregator = keys.required_fields("aggregator");
    let count_method = keys.required_named("target_count_method", &CountMethod::NAMES);
    let trigger = load_trigger(keys);
    let mut min_target_buckets = keys.count("min_target_buckets");
    let uses_variation = trigger.is_some_and(|trigger| trigger.method == TriggerMethod::CoeffOfVariation);
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
    Some(Terms {
        target: target?,
        aggregator: aggregator?,
        count_method: count_method?,
        trigger: trigger?,
        min_target_buckets,
    })
}

fn load_sudden_appearance(keys: &mut Keys<'_>, history: Option<TimeDelta>) -> Option<SuddenAppearance> {
    let target = keys.required_fields("target");
    let aggregator = keys.required_fields("aggregator");
    let min_aggregator_bucket = keys.count("min_aggregator_bucket");
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
    Some(SuddenAppearance { target: target?, aggregator: aggregator?, window, step, min_aggregator_bucket })
}

fn duration(keys: &mut Keys<'_>, key: &str) -> Option<TimeDelta> {
    keys.required(key, "write days:hours:minutes, such as 7:00:00")?;
    let positive = |text: &str| parse_duration(text).filter(|duration| *duration > TimeDelta::zero());
    keys.parsed(key, "not a duration", "write days:hours:minutes, such as 7:00:00", positive)
}

fn load_trigger(keys: &mut Keys<'_>) -> Option<Trigger> {
    let on = keys.required_named("trigger_on", &TriggerOn::NAMES);
    let method = keys.required_named("trigger_method", &TriggerMethod::NAMES);
    let help = "write a number; what it means depends on trigger_method";
    let sensitivity = match keys.required("trigger_sensitivity", help) {
        Some(_) => keys.float("trigger_sensitivity"),
        None => None,
    };
    checked_trigger(keys, on?, method?, sensitivity?)
}

fn checked_trigger(keys: &mut Keys<'_>, on: TriggerOn, method: TriggerMethod, sensitivity: f64) -> Option<Trigger> {
    if method == TriggerMethod::Percentile && !(0.0..=100.0).contains(&sensitivity) {
        keys.error("trigger_sensitivity", "not a percentile", "write a number from 0 to 100");
        return None;
    }
    Some(Trigger { on, method, sensitivity })
}

fn load_word2vec(keys: &mut Keys<'_>) -> Option<Word2vec> {
    let count = |keys: &mut Keys<'_>, key: &str, default: u64, least: u64| {
        let value = keys.count(key).unwrap_or(default);
        if value < least {
            keys.error(key, "too small", format!("write {least} or more"));
        }
        value.max(least)
    };
    let min_target_buckets = count(keys, "min_target_buckets", 1, 0);
    let size_window = count(keys, "size_window", 2, 1);
    let min_uniq_word_occurrence = count(keys, "min_uniq_word_occurrence", 1, 0);
    let embedding_size = count(keys, "embedding_size", 40, 1);
    let epochs_key = epochs_key(keys);
    let num_epochs = count(keys, epochs_key, 1, 1);
    let batch_size = keys.entry("batch_size").map(|_| count(keys, "batch_size", 1, 1));
    let switch = |keys: &mut Keys<'_>, key: &str, default: bool| keys.bool(key).unwrap_or(default);
    let drop_duplicates = switch(keys, "drop_duplicates", false);
    let use_prob_model = switch(keys, "use_prob_model", false);
    let output_prob = switch(keys, "output_prob", true);
    let print_score_table = switch(keys, "print_score_table", false);
    let print_confusion_matrix = switch(keys, "print_confusion_matrix", false);
    let learning_rate = keys.float("learning_rate").unwrap_or(0.001);
    if learning_rate <= 0.0 || learning_rate.is_infinite() {
        keys.error("learning_rate", "not positive", "write a number such as 0.001");
    }
    let seed = keys.int("seed").unwrap_or(0);
    let model_cache_dir = keys.filled("model_cache_dir").map(PathBuf::from);
    let separators = load_separators(keys);
    let target = keys.required_fields("target");
    let aggregator = keys.required_fields("aggregator");
    let trigger_focus = keys.named("trigger_focus", &TriggerFocus::NAMES).unwrap_or(TriggerFocus::Word);
    let trigger_score = keys.required_named("trigger_score", &TriggerScore::NAMES);
    if trigger_focus == TriggerFocus::Word && trigger_score == Some(TriggerScore::Mean) {
        keys.error("trigger_score", "words have no mean score", "use trigger_focus = text or another score");
    }
    let trigger = load_word2vec_trigger(keys);
    Some(Word2vec {
        target: target?,
        aggregator: aggregator?,
        min_target_buckets,
        separators: separators?,
        size_window: usize::try_from(size_window).unwrap_or(usize::MAX),
        min_uniq_word_occurrence,
        drop_duplicates,
        use_prob_model,
        output_prob,
        num_epochs,
        batch_size: batch_size.map(|size| usize::try_from(size).unwrap_or(usize::MAX)),
        learning_rate,
        embedding_size: usize::try_from(embedding_size).unwrap_or(usize::MAX),
        seed,
        model_cache_dir,
        print_score_table,
        print_confusion_matrix,
        trigger_focus,
        trigger_score: trigger_score?,
        trigger: trigger?,
    })
}

/// The documented name of the key was another than the one that was read: both are taken.
fn epochs_key(keys: &mut Keys<'_>) -> &'static str {
    if keys.entry("num_epochs").is_none() {
        return "num_epoch";
    }
    if keys.entry("num_epoch").is_some() {
        keys.warn("num_epoch", "is ignored: num_epochs is given too", "remove it");
    }
    "num_epochs"
}

fn load_separators(keys: &mut Keys<'_>) -> Option<Separators> {
    let Some(text) = keys.text("separators") else {
        keys.missing("separators", "write a regular expression in double quotes, such as \"\\\\\" or \" \"");
        return None;
    };
    let pattern = text.strip_prefix('"').unwrap_or(text);
    let pattern = pattern.strip_suffix('"').unwrap_or(pattern);
    match Separators::new(pattern) {
        Ok(separators) => Some(separators),
        Err(error) => {
            keys.error("separators", format!("not a regular expression: {}: {error}", quoted(pattern)), "mend it");
            None
        }
    }
}

fn load_word2vec_trigger(keys: &mut Keys<'_>) -> Option<Trigger> {
    let on = keys.named("trigger_on", &TriggerOn::NAMES).unwrap_or(TriggerOn::Low);
    let method = keys.required_named("trigger_method", &TriggerMethod::NAMES)?;
    if keys.entry("trigger_sensitivity").is_none() && method != TriggerMethod::CoeffOfVariation {
        keys.missing("trigger_sensitivity", "write a number; what it means depends on trigger_method");
        return None;
    }
    let sensitivity = keys.float("trigger_sensitivity").unwrap_or(0.0);
    checked_trigger(keys, on, method, sensitivity)
}
