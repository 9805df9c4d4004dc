//! `word2vec`: a text holds words that do not belong together.

use chrono::TimeDelta;

use std::path::PathBuf;

use super::ModelSettings;
use super::separators::Separators;
use super::trigger::{Trigger, TriggerOn};
use crate::config::ini::Entry;
use crate::config::keys::Keys;
use crate::config::template_key::{TemplateKey, names_of};
use crate::event::FieldPath;
use crate::spelling::named_values;

/// Ignored: statistics cover the whole history window.
pub(super) const BATCH_EVAL_SIZE: &str = "word2vec_batch_eval_size";

/// Settings of `word2vec`.
#[derive(Clone, Debug)]
pub struct Word2vec {
    /// The fields whose joined values are the texts.
    pub target: Vec<FieldPath>,
    /// The fields that form the groups.
    pub aggregator: Vec<FieldPath>,
    /// Aggregators with fewer texts are not judged.
    pub min_target_buckets: u64,
    /// Separators that split a text into words.
    pub separators: Separators,
    /// Number of words on each side of a word that form its context; at least 1.
    pub size_window: usize,
    /// Words seen less often count as unknown.
    pub min_uniq_word_occurrence: u64,
    /// True to count equal texts of an aggregator once.
    pub drop_duplicates: bool,
    /// True to count probabilities instead of learning them with the neural model.
    pub use_prob_model: bool,
    /// True to output probabilities (with geometric means) instead of raw values.
    pub output_prob: bool,
    /// Number of times the neural model sees each pair; at least 1.
    pub num_epochs: u64,
    /// Pairs per training step, at least 1; `None`: 16 or more, by the number of pairs.
    pub batch_size: Option<usize>,
    /// Learning rate of the neural model for steps of 16 pairs; positive.
    pub learning_rate: f64,
    /// Dimensions of the neural model's embedding; at least 1.
    pub embedding_size: usize,
    /// Seed of the neural model.
    pub seed: i64,
    /// Folder in which neural models are kept from run to run; `None`: they are not kept.
    pub model_cache_dir: Option<PathBuf>,
    /// True to log a table of scores for each outlier.
    pub print_score_table: bool,
    /// True to compare the outliers with the events' `label`.
    pub print_confusion_matrix: bool,
    /// Unit that is judged: words or texts.
    pub trigger_focus: TriggerFocus,
    /// The score that is judged; never `Mean` when words are judged.
    pub trigger_score: TriggerScore,
    /// When a score is an outlier. A coefficient of variation without sensitivity has 0.
    pub trigger: Trigger,
}

impl ModelSettings for Word2vec {
    const TEMPLATE: &'static [TemplateKey] = &[
        TemplateKey::set("target", "process.command_line", "field whose texts are judged"),
        TemplateKey::set("aggregator", "host.name", "fields that form the groups in which values are compared"),
        TemplateKey::set("separators", "\" \"", "regular expression between two words, in double quotes"),
        TemplateKey::set("trigger_score", "center", "score that is judged").one_of(|| names_of(&TriggerScore::NAMES)),
        TemplateKey::optional("trigger_focus", "word", "what is judged").one_of(|| names_of(&TriggerFocus::NAMES)),
        TemplateKey::optional("trigger_on", "low", "which side of the limit is unusual")
            .one_of(|| names_of(&TriggerOn::NAMES)),
        TemplateKey::set("trigger_method", "percentile", "how the limit is computed: any method of metrics but fdr"),
        TemplateKey::set("trigger_sensitivity", "1", "parameter of the method"),
        TemplateKey::optional("use_prob_model", "1", "1: probabilities are counted, not learned by a neural network"),
        TemplateKey::optional("output_prob", "1", "1: scores are probabilities"),
        TemplateKey::optional("size_window", "2", "neighbours of a word on each side"),
        TemplateKey::optional("min_uniq_word_occurrence", "1", "words seen less often count as unknown"),
        TemplateKey::optional("min_target_buckets", "1", "groups with fewer texts are not judged"),
        TemplateKey::optional("drop_duplicates", "1", "1: equal texts of a group count once"),
        TemplateKey::optional("num_epochs", "1", "neural network: how often it sees each pair of words"),
        TemplateKey::optional("learning_rate", "0.001", "neural network: size of its steps"),
        TemplateKey::optional("embedding_size", "40", "neural network: dimensions of a word"),
        TemplateKey::optional("batch_size", "16", "neural network: pairs per step"),
        TemplateKey::optional("seed", "0", "neural network: seed of its random numbers"),
        TemplateKey::optional(
            "model_cache_dir",
            "/var/lib/ee-outliers/models",
            "neural network: folder in which it is kept",
        ),
        TemplateKey::optional("print_score_table", "1", "1: the log has a table of scores for each outlier"),
        TemplateKey::optional("print_confusion_matrix", "1", "1: outliers are compared with the field label"),
    ];

    fn read(keys: &mut Keys<'_>, _: Option<TimeDelta>) -> Option<Self> {
        keys.entry(BATCH_EVAL_SIZE);
        let count = |keys: &mut Keys<'_>, key: &'static str, default: u64, least: u64| {
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
        let drop_duplicates = keys.bool("drop_duplicates").unwrap_or(false);
        let use_prob_model = keys.bool("use_prob_model").unwrap_or(false);
        let output_prob = keys.bool("output_prob").unwrap_or(true);
        let print_score_table = keys.bool("print_score_table").unwrap_or(false);
        let print_confusion_matrix = keys.bool("print_confusion_matrix").unwrap_or(false);
        let learning_rate = keys.float("learning_rate").unwrap_or(0.001);
        if learning_rate <= 0.0 || learning_rate.is_infinite() {
            keys.error("learning_rate", "not positive", "write a number such as 0.001");
        }
        let seed = keys.int("seed").unwrap_or(0);
        let model_cache_dir = keys.filled("model_cache_dir").map(PathBuf::from);
        let separators = Separators::read(keys);
        let target = keys.required_fields("target");
        let aggregator = keys.required_fields("aggregator");
        let trigger_focus = keys.named("trigger_focus", &TriggerFocus::NAMES).unwrap_or(TriggerFocus::Word);
        let trigger_score = keys.required_named("trigger_score", &TriggerScore::NAMES);
        if trigger_focus == TriggerFocus::Word && trigger_score == Some(TriggerScore::Mean) {
            keys.error("trigger_score", "words have no mean score", "use trigger_focus = text or another score");
        }
        let trigger = Trigger::read_of_word2vec(keys);
        Some(Self {
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

    fn read_section<'a>(keys: &mut Keys<'a>) -> Vec<&'a Entry> {
        // numbers and switches only: a use case may change what the other keys depend on
        keys.lenient(|keys| {
            keys.count(BATCH_EVAL_SIZE);
            Self::read(keys, None);
            keys.problems = std::mem::take(&mut keys.unreadable);
        });
        keys.entries().collect()
    }
}

/// Returns the key that counts. The documentation of older versions named the other one.
fn epochs_key(keys: &mut Keys<'_>) -> &'static str {
    if keys.entry("num_epochs").is_none() {
        return "num_epoch";
    }
    if keys.entry("num_epoch").is_some() {
        keys.warn("num_epoch", "is ignored: num_epochs is given too", "remove it");
    }
    "num_epochs"
}

named_values! {
    /// Unit that a `word2vec` trigger judges.
    TriggerFocus {
        /// Each word.
        Word = "word",
        /// Each whole text.
        Text = "text",
    }
}

named_values! {
    /// The score a `word2vec` trigger looks at.
    TriggerScore {
        /// Score of a word, as centre, for predicting its neighbours.
        Center = "center",
        /// Score of the neighbours for predicting a word.
        Context = "context",
        /// The mean of both.
        Total = "total",
        /// The mean over all pairs of a text.
        Mean = "mean",
    }
}
