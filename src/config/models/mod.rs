//! The models of use cases, one file each, and the sections of the main configuration about them.

mod beacon;
mod comparison;
mod metrics;
mod sensitivity;
mod separators;
mod simplequery;
mod sudden_appearance;
mod terms;
mod travel;
mod trigger;
mod values;
mod word2vec;

use std::collections::HashMap;

use chrono::TimeDelta;

use super::ini::{Entry, Ini};
use super::keys::Keys;
use super::problem::Problem;
use super::template_key::TemplateKey;
use crate::spelling::named_values;

pub(super) use beacon::OLD_SECTION as OLD_BEACON_SECTION;
pub use beacon::{Beacon, BeaconMethod, BeaconTrigger, Prevalence};
pub use comparison::{Baseline, Comparison};
pub use metrics::Metrics;
pub use sensitivity::Sensitivity;
pub use separators::Separators;
pub use simplequery::SimpleQuery;
pub use sudden_appearance::SuddenAppearance;
pub use terms::{CountMethod, Terms};
pub use travel::{Networks, Travel};
pub use trigger::{Trigger, TriggerMethod, TriggerOn};
pub use word2vec::{TriggerFocus, TriggerScore, Word2vec};

macro_rules! models {
    ($($(#[$about:meta])* $model:ident = $name:literal,)+) => {
        named_values! {
            /// The method that finds outliers. Its name is the prefix of section names, which are
            /// matched against the types in this order, and is stored as `model_type`.
            ModelType { $($(#[$about])* $model = $name,)+ }
        }

        /// The settings that only one model type has.
        #[derive(Clone, Debug)]
        pub enum Model {
            $($(#[$about])* $model(Box<$model>),)+
        }

        impl Model {
            /// Type of this model.
            pub fn model_type(&self) -> ModelType {
                match self {
                    $(Self::$model(_) => ModelType::$model,)+
                }
            }

            fn read_keys(model_type: ModelType, keys: &mut Keys<'_>, history: Option<TimeDelta>) -> Option<Self> {
                match model_type {
                    $(ModelType::$model => $model::read(keys, history).map(|read| Self::$model(Box::new(read))),)+
                }
            }
        }

        /// Keys of a use case of a model, as a template explains them.
        pub(super) fn template_keys(model_type: ModelType) -> &'static [TemplateKey] {
            match model_type {
                $(ModelType::$model => $model::TEMPLATE,)+
            }
        }

        fn read_section<'a>(model_type: ModelType, keys: &mut Keys<'a>) -> Vec<&'a Entry> {
            match model_type {
                $(ModelType::$model => $model::read_section(keys),)+
            }
        }
    };
}

models! {
    /// Every event of the query is an outlier.
    SimpleQuery = "simplequery",
    /// A number computed from a field is beyond a frontier.
    Metrics = "metrics",
    /// A text holds words that do not belong together.
    Word2vec = "word2vec",
    /// The number of occurrences of a value, or of distinct values, is beyond a frontier.
    Terms = "terms",
    /// A value appears for the first time.
    SuddenAppearance = "sudden_appearance",
    /// The events of a group come in a rhythm.
    Beacon = "beacon",
    /// A user is at two places, and nobody gets from one to the other so fast.
    Travel = "travel",
}

/// Settings of a model.
trait ModelSettings: Sized {
    /// Its keys, as a template explains them.
    const TEMPLATE: &'static [TemplateKey];

    /// Reads the keys of a use case that looks back as far as `history`.
    fn read(keys: &mut Keys<'_>, history: Option<TimeDelta>) -> Option<Self>;

    /// Checks the section of the main configuration that is named after the model. Returns the
    /// entries that stand in for keys that a use case does not have.
    fn read_section<'a>(keys: &mut Keys<'a>) -> Vec<&'a Entry>;
}

impl ModelType {
    /// The type that a section name begins with, and the model name: what follows the type and one
    /// more character.
    pub fn of_section(section: &str) -> Option<(Self, &str)> {
        Self::ALL.into_iter().find_map(|model_type| {
            let rest = section.strip_prefix(model_type.as_str())?;
            // `beaconing_*` of older versions is not a model, and `travellers_*` is a name
            if matches!(model_type, Self::Beacon | Self::Travel) && !rest.starts_with('_') {
                return None;
            }
            let mut rest = rest.chars();
            rest.next();
            Some((model_type, rest.as_str()))
        })
    }
}

impl Model {
    /// Reads the keys of the model of a use case that looks back as far as `history`.
    pub(super) fn read<'a>(
        model_type: ModelType,
        keys: &mut Keys<'a>,
        defaults: &ModelDefaults<'a>,
        history: Option<TimeDelta>,
    ) -> Option<Self> {
        if let Some(entries) = defaults.0.get(&model_type) {
            keys.fallback.clone_from(entries);
        }
        let model = Self::read_keys(model_type, keys, history);
        keys.fallback.clear();
        model
    }

    /// True if the model has a use for what earlier runs saw.
    pub(super) fn uses_memory(&self) -> bool {
        match self {
            Self::SuddenAppearance(_) | Self::Metrics(_) => true,
            Self::Terms(terms) => {
                // hours are those of the run
                terms.count_method == CountMethod::WithinAggregator
                    && terms.trigger.on == TriggerOn::Low
                    && terms.comparison.baseline.is_none()
            }
            Self::SimpleQuery(_) | Self::Word2vec(_) | Self::Beacon(_) | Self::Travel(_) => false,
        }
    }

    /// True if use cases of at least one model may have this key.
    pub(super) fn any_has_key(key: &str) -> bool {
        ModelType::ALL.into_iter().any(|model_type| {
            let mut keys = Keys::default();
            Self::read(model_type, &mut keys, &ModelDefaults::default(), None);
            keys.knows(key)
        })
    }
}

/// Entries of the main configuration that apply to all use cases of a model.
#[derive(Default)]
pub(super) struct ModelDefaults<'a>(HashMap<ModelType, Vec<&'a Entry>>);

impl<'a> ModelDefaults<'a> {
    /// Reads the sections named after models.
    pub(super) fn read(ini: &'a Ini, problems: &mut Vec<Problem>) -> Self {
        let mut section = |model_type: ModelType| {
            Keys::read(ini, model_type.as_str(), problems, |keys| read_section(model_type, keys))
        };
        Self(ModelType::ALL.into_iter().map(|model_type| (model_type, section(model_type))).collect())
    }
}

/// Keys of old configurations in sections named after models, for the documentation.
#[cfg(test)]
pub(super) const OLD_KEYS: &[TemplateKey] = &[
    TemplateKey::optional(
        "terms_batch_eval_size",
        "10000",
        "accepted and ignored: statistics cover the whole history window",
    ),
    TemplateKey::optional(
        "metrics_batch_eval_size",
        "10000",
        "accepted and ignored: statistics cover the whole history window",
    ),
    TemplateKey::optional(
        "word2vec_batch_eval_size",
        "10000",
        "accepted and ignored: statistics cover the whole history window",
    ),
    TemplateKey::optional("max_num_aggregators", "100000", "accepted and ignored: there is no upper limit"),
    TemplateKey::optional("max_num_targets", "100000", "accepted and ignored: there is no upper limit"),
    TemplateKey::optional("num_epoch", "1", "older name of num_epochs"),
];

/// True if the main configuration sets a batch size, which is ignored.
pub(super) fn has_batch_sizes(main: &Ini) -> bool {
    [ModelType::Terms, ModelType::Metrics, ModelType::Word2vec].into_iter().any(|model_type| {
        main.own_entries(model_type.as_str()).iter().any(|entry| entry.key.ends_with("_batch_eval_size"))
    })
}

/// True if any use case of a file sets a batch size, which is ignored.
pub(super) fn has_batch_sizes_in_use_cases(ini: &Ini) -> bool {
    let mut entries = ini.sections.iter().flat_map(|section| &section.entries).chain(&ini.defaults);
    entries.any(|entry| entry.key == word2vec::BATCH_EVAL_SIZE)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::config::ini::{Dialect, parse};

    #[test]
    fn types_are_matched_in_this_order() {
        let names: Vec<_> = ModelType::ALL.iter().map(|t| t.as_str()).collect();
        assert_eq!(names, ["simplequery", "metrics", "word2vec", "terms", "sudden_appearance", "beacon", "travel"]);
    }

    /// Keys that a reader leaves out would be stored with outliers as parameters.
    #[test]
    fn readers_ask_for_the_same_keys_whatever_the_values_are() {
        let file: Arc<Path> = Arc::from(Path::new("a.conf"));
        let known = |model_type, text: &str| {
            let (ini, _) = parse(text, Dialect::UseCases, &file);
            let mut keys = Keys::of(&ini, "a");
            Model::read(model_type, &mut keys, &ModelDefaults::default(), None);
            let keys = ALL_KEYS.iter().filter(|key| keys.knows(key));
            keys.copied().collect::<Vec<_>>()
        };
        for (model_type, n_known) in ModelType::ALL.into_iter().zip([1, 8, 24, 9, 8, 11, 10]) {
            let expected = known(model_type, "");
            assert_eq!(expected.len(), n_known, "{model_type:?}: {expected:?}");
            for value in ["", "x", "1", "0", "1:0:0", "mean", "word", "high", "percentile", "coeff_of_variation"] {
                let text = ALL_KEYS.iter().fold("[a]\n".to_owned(), |text, key| text + key + "=" + value + "\n");
                assert_eq!(known(model_type, &text), expected, "{model_type:?} {value}");
            }
        }
    }

    const ALL_KEYS: [&str; 43] = [
        "aggregator",
        "baseline",
        "batch_size",
        "country_field",
        "drop_duplicates",
        "embedding_size",
        "highlight_match",
        "learning_rate",
        "location_field",
        "max_period",
        "max_prevalence",
        "metric",
        "min_aggregator_bucket",
        "min_distance_km",
        "min_events",
        "min_interval",
        "min_period",
        "min_target_buckets",
        "min_uniq_word_occurrence",
        "model_cache_dir",
        "num_epoch",
        "num_epochs",
        "output_prob",
        "peer_group",
        "prevalence_field",
        "print_confusion_matrix",
        "print_score_table",
        "seed",
        "separators",
        "size_field",
        "size_window",
        "sliding_window_size",
        "sliding_window_step_size",
        "target",
        "target_count_method",
        "trigger_focus",
        "trigger_method",
        "trigger_on",
        "trigger_score",
        "trigger_sensitivity",
        "use_prob_model",
        "word2vec_batch_eval_size",
        "unknown",
    ];
}
