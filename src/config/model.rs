//! The models and their settings, as a use case may rely on them.

use std::path::PathBuf;

use chrono::TimeDelta;

use super::field::FieldPath;
use super::separators::Separators;

/// The method that finds outliers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ModelType {
    /// Every event of the query is an outlier.
    SimpleQuery,
    /// A number computed from a field is beyond a frontier.
    Metrics,
    /// The number of occurrences of a value, or of distinct values, is beyond a frontier.
    Terms,
    /// A value appears for the first time.
    SuddenAppearance,
    /// A text holds words that do not belong together.
    Word2vec,
}

impl ModelType {
    /// All model types, in the order in which section names are matched against them.
    pub const ALL: [Self; 5] = [Self::SimpleQuery, Self::Metrics, Self::Word2vec, Self::Terms, Self::SuddenAppearance];

    /// The prefix of section names, also stored as `model_type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SimpleQuery => "simplequery",
            Self::Metrics => "metrics",
            Self::Terms => "terms",
            Self::SuddenAppearance => "sudden_appearance",
            Self::Word2vec => "word2vec",
        }
    }
}

/// The settings that only one model type has.
#[derive(Clone, Debug)]
pub enum Model {
    /// See [`SimpleQuery`].
    SimpleQuery(SimpleQuery),
    /// See [`Metrics`].
    Metrics(Metrics),
    /// See [`Terms`].
    Terms(Terms),
    /// See [`SuddenAppearance`].
    SuddenAppearance(SuddenAppearance),
    /// See [`Word2vec`].
    Word2vec(Box<Word2vec>),
}

impl Model {
    /// The type of this model.
    pub fn model_type(&self) -> ModelType {
        match self {
            Self::SimpleQuery(_) => ModelType::SimpleQuery,
            Self::Metrics(_) => ModelType::Metrics,
            Self::Terms(_) => ModelType::Terms,
            Self::SuddenAppearance(_) => ModelType::SuddenAppearance,
            Self::Word2vec(_) => ModelType::Word2vec,
        }
    }
}

/// Settings of `simplequery`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimpleQuery {
    /// Whether the matching parts of the event are stored with the outlier.
    pub highlight_match: bool,
}

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
}

/// The number `metrics` computes from the text of its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// The number the text is.
    NumericalValue,
    /// Its number of characters.
    Length,
    /// Its Shannon entropy, in bits per character.
    Entropy,
    /// Its divergence from the character frequencies of common domain names, in bits per character.
    RelativeEnglishEntropy,
    /// The length of the longest hexadecimal word in it.
    HexEncodedLength,
    /// The length of the longest text that is base64-encoded in it.
    Base64EncodedLength,
    /// The summed length of the URLs in it.
    UrlLength,
}

impl Metric {
    /// All metrics with the names the configuration gives them.
    pub const NAMES: [(&'static str, Self); 7] = [
        ("numerical_value", Self::NumericalValue),
        ("length", Self::Length),
        ("entropy", Self::Entropy),
        ("relative_english_entropy", Self::RelativeEnglishEntropy),
        ("hex_encoded_length", Self::HexEncodedLength),
        ("base64_encoded_length", Self::Base64EncodedLength),
        ("url_length", Self::UrlLength),
    ];

    /// The name the configuration gives it.
    pub fn as_str(self) -> &'static str {
        name_of(&Self::NAMES, self)
    }
}

/// Which side of the decision frontier is an outlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TriggerOn {
    /// Strictly above.
    High,
    /// Strictly below.
    Low,
}

impl TriggerOn {
    /// Both sides with their names.
    pub const NAMES: [(&'static str, Self); 2] = [("high", Self::High), ("low", Self::Low)];

    /// The name the configuration gives it.
    pub fn as_str(self) -> &'static str {
        name_of(&Self::NAMES, self)
    }
}

/// How the decision frontier is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TriggerMethod {
    /// A percentile of the distinct values.
    Percentile,
    /// A percentage of the greatest value.
    PctOfMaxValue,
    /// A percentage of the median.
    PctOfMedianValue,
    /// A percentage of the mean.
    PctOfAvgValue,
    /// The median plus or minus a number of median absolute deviations.
    Mad,
    /// The same, but never below 0.
    Madpos,
    /// The mean plus or minus a number of standard deviations.
    Stdev,
    /// The sensitivity itself.
    Float,
    /// The standard deviation divided by the mean.
    CoeffOfVariation,
}

impl TriggerMethod {
    /// All methods with the names the configuration gives them.
    pub const NAMES: [(&'static str, Self); 9] = [
        ("percentile", Self::Percentile),
        ("pct_of_max_value", Self::PctOfMaxValue),
        ("pct_of_median_value", Self::PctOfMedianValue),
        ("pct_of_avg_value", Self::PctOfAvgValue),
        ("mad", Self::Mad),
        ("madpos", Self::Madpos),
        ("stdev", Self::Stdev),
        ("float", Self::Float),
        ("coeff_of_variation", Self::CoeffOfVariation),
    ];

    /// The name the configuration gives it, also stored as `trigger_method`.
    pub fn as_str(self) -> &'static str {
        name_of(&Self::NAMES, self)
    }
}

/// When a value is an outlier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trigger {
    /// The side of the frontier.
    pub on: TriggerOn,
    /// How the frontier is computed.
    pub method: TriggerMethod,
    /// The method's parameter; never NaN, and between 0 and 100 for [`TriggerMethod::Percentile`].
    pub sensitivity: f64,
}

/// What `terms` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CountMethod {
    /// The occurrences of each distinct target within one aggregator.
    WithinAggregator,
    /// The distinct targets of each aggregator, compared with those of the other aggregators.
    AcrossAggregators,
}

impl CountMethod {
    /// Both methods with the names the configuration gives them.
    pub const NAMES: [(&'static str, Self); 2] =
        [("within_aggregator", Self::WithinAggregator), ("across_aggregators", Self::AcrossAggregators)];

    /// The name the configuration gives it.
    pub fn as_str(self) -> &'static str {
        name_of(&Self::NAMES, self)
    }
}

/// Settings of `terms`.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// The fields whose values are counted.
    pub target: Vec<FieldPath>,
    /// The fields that form the groups.
    pub aggregator: Vec<FieldPath>,
    /// What is counted.
    pub count_method: CountMethod,
    /// When a count is an outlier.
    pub trigger: Trigger,
    /// Aggregators with fewer distinct targets are not judged; always `None` with across aggregators.
    pub min_target_buckets: Option<u64>,
}

/// Settings of `sudden_appearance`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuddenAppearance {
    /// The fields whose first appearance is looked for.
    pub target: Vec<FieldPath>,
    /// The fields that form the groups.
    pub aggregator: Vec<FieldPath>,
    /// The length of the sliding window; at least [`Self::step`], at most the history window.
    pub window: TimeDelta,
    /// How far the window slides each time; positive.
    pub step: TimeDelta,
    /// A value is only an outlier when its aggregator has more events than this in the window; `None`: always.
    pub min_aggregator_bucket: Option<u64>,
}

/// What a `word2vec` trigger judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TriggerFocus {
    /// Each word.
    Word,
    /// Each whole text.
    Text,
}

impl TriggerFocus {
    /// Both with the names the configuration gives them.
    pub const NAMES: [(&'static str, Self); 2] = [("word", Self::Word), ("text", Self::Text)];

    /// The name the configuration gives it.
    pub fn as_str(self) -> &'static str {
        name_of(&Self::NAMES, self)
    }
}

/// The score a `word2vec` trigger looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TriggerScore {
    /// How well a word, as centre, predicts its neighbours.
    Center,
    /// How well the neighbours predict a word.
    Context,
    /// The mean of both.
    Total,
    /// The mean over all pairs of a text.
    Mean,
}

impl TriggerScore {
    /// All scores with the names the configuration gives them.
    pub const NAMES: [(&'static str, Self); 4] =
        [("center", Self::Center), ("context", Self::Context), ("total", Self::Total), ("mean", Self::Mean)];

    /// The name the configuration gives it, also stored as `score_type`.
    pub fn as_str(self) -> &'static str {
        name_of(&Self::NAMES, self)
    }
}

/// Settings of `word2vec`.
#[derive(Clone, Debug)]
pub struct Word2vec {
    /// The fields whose joined values are the texts.
    pub target: Vec<FieldPath>,
    /// The fields that form the groups.
    pub aggregator: Vec<FieldPath>,
    /// Aggregators with fewer texts are not judged.
    pub min_target_buckets: u64,
    /// How a text is split into words.
    pub separators: Separators,
    /// How many words on each side of a word are its context; at least 1.
    pub size_window: usize,
    /// Words seen less often count as unknown.
    pub min_uniq_word_occurrence: u64,
    /// Whether a text is looked at once per aggregator only.
    pub drop_duplicates: bool,
    /// Whether probabilities are counted instead of learned by the neural model.
    pub use_prob_model: bool,
    /// Whether outputs are probabilities (with geometric means) and not raw values.
    pub output_prob: bool,
    /// How often the neural model sees every pair; at least 1.
    pub num_epochs: u64,
    /// Pairs of a step of training, at least 1; `None`: 16 or more, by the number of pairs.
    pub batch_size: Option<usize>,
    /// Learning rate of the neural model for steps of 16 pairs; positive.
    pub learning_rate: f64,
    /// Dimensions of the neural model's embedding; at least 1.
    pub embedding_size: usize,
    /// Seed of the neural model.
    pub seed: i64,
    /// Folder in which neural models are kept from one run to the next; `None`: they are not.
    pub model_cache_dir: Option<PathBuf>,
    /// Whether a table of scores is logged for each outlier.
    pub print_score_table: bool,
    /// Whether the outliers are compared with the events' `label`.
    pub print_confusion_matrix: bool,
    /// What is judged.
    pub trigger_focus: TriggerFocus,
    /// The score that is judged; never `Mean` when words are judged.
    pub trigger_score: TriggerScore,
    /// When a score is an outlier. The sensitivity is 0 when a coefficient of variation was given none.
    pub trigger: Trigger,
}

/// The name of `value` in a table that names every value.
fn name_of<T: Copy + PartialEq>(names: &[(&'static str, T)], value: T) -> &'static str {
    names.iter().find(|(_, named)| *named == value).map_or("", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_own_name() {
        assert_eq!(Metric::UrlLength.as_str(), "url_length");
        assert_eq!(TriggerMethod::Madpos.as_str(), "madpos");
        assert_eq!(TriggerOn::Low.as_str(), "low");
        assert_eq!(CountMethod::AcrossAggregators.as_str(), "across_aggregators");
        assert_eq!(TriggerFocus::Text.as_str(), "text");
        assert_eq!(TriggerScore::Mean.as_str(), "mean");
        let names: Vec<_> = ModelType::ALL.iter().map(|t| t.as_str()).collect();
        assert_eq!(names, ["simplequery", "metrics", "word2vec", "terms", "sudden_appearance"]);
    }
}
