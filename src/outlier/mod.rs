//! Outliers: their texts, assets and observations, the way to their documents, and the form in
//! which these store them.

mod assets;
mod base_rate;
mod first;
mod gathered;
mod placeholders;
mod removal;
mod set_aside;
mod shortened;
mod stored;

use outlier_kernels::surprise::score;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::UseCase;
use crate::event::{Document, FieldPath};
use crate::models::reason;
use crate::python::wrap;
use placeholders::{Scope, Template};
use shortened::shorten;
use stored::{SCORE, SURPRISE};

pub use assets::{assets_of, touched_by};
pub use base_rate::BaseRate;
pub use first::{FirstOutliers, first_outliers};
pub use gathered::{
    DocumentOutliers, FindingKey, Gathered, GatheredDocuments, GatheredOutlier, NumberedOutlier, OutliersInOrder,
    StoredOutliers, Withheld,
};
pub use removal::{StoredOutlier, take_apart, untagged, without};
pub use set_aside::FileDocument;
pub use stored::{Additions, CHANGED_FIELDS, COMMON, Merge, TAG, merge_all, tag};

/// Texts of the outliers of a use case.
#[derive(Debug, Clone)]
pub struct Templates {
    outlier_type: Template,
    reason: Template,
    summary: Template,
}

impl Templates {
    /// Takes the texts of a use case apart.
    pub fn new(use_case: &UseCase) -> Self {
        Templates {
            outlier_type: Template::new(&use_case.outlier_type),
            reason: Template::new(&use_case.outlier_reason),
            summary: Template::new(&use_case.outlier_summary),
        }
    }

    /// Fields of their placeholders.
    pub fn fields(&self) -> impl Iterator<Item = &FieldPath> {
        [&self.outlier_type, &self.reason, &self.summary].into_iter().flat_map(Template::fields)
    }
}

/// Parts that an outlier is described from.
#[derive(Debug)]
pub struct Description<'a> {
    /// Use case that found the outlier.
    pub use_case: &'a UseCase,
    /// Its texts.
    pub templates: &'a Templates,
    /// Document it was found in; derived fields replace the document's own.
    pub document: &'a Document,
    /// Its assets, see [`assets_of`].
    pub assets: &'a [Value],
    /// Assets that findings name and documents do not store, see [`touched_by`].
    pub touched: &'a [String],
    /// Derived fields, which are stored as `derived_*`.
    pub derived: &'a [(String, Value)],
    /// Observations of the model, in the model's order.
    pub observations: Map<String, Value>,
    /// Surprise in bits.
    pub surprise: f64,
}

/// A described outlier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outlier {
    fields: Map<String, Value>,
    unwrapped_summary: String,
    /// Clause that says why it is an outlier, which documents do not store: it follows from the
    /// rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// Assets that documents do not store.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    touched: Vec<String>,
}

impl Outlier {
    /// Summary as it is stored, wrapped at 150 characters.
    pub fn summary(&self) -> &str {
        self.fields.get("summary").and_then(Value::as_str).unwrap_or_default()
    }

    /// Score that follows from its surprise.
    pub fn score(&self) -> f64 {
        rounded(score(self.surprise()))
    }

    /// Summary on a single line.
    pub fn unwrapped_summary(&self) -> &str {
        &self.unwrapped_summary
    }

    /// Surprise in bits.
    pub fn surprise(&self) -> f64 {
        self.fields.get(SURPRISE).and_then(Value::as_f64).unwrap_or_default()
    }

    /// All stored fields, before they become arrays.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }
}

/// Describes an outlier: fills the placeholders of its texts and adds assets, parameters and
/// observations. Long texts and lists are shortened.
pub fn describe(description: Description<'_>) -> Outlier {
    let Description { use_case, templates, document, assets, touched, derived, mut observations, surprise } =
        description;
    let surprise = rounded(surprise);
    observations.insert(SURPRISE.to_owned(), surprise.into());
    // the score that a model stores is its own
    observations.entry(SCORE).or_insert_with(|| rounded(score(surprise)).into());
    observations.insert("model_name".to_owned(), use_case.model_name.as_str().into());
    observations.insert("model_type".to_owned(), use_case.model.model_type().as_str().into());
    let scope = Scope { observations: &observations, event: document };
    let unwrapped_summary = templates.summary.fill(&scope);
    let mut fields = Map::new();
    fields.insert("type".to_owned(), split(&templates.outlier_type.fill(&scope)));
    fields.insert("reason".to_owned(), split(&templates.reason.fill(&scope)));
    fields.values_mut().for_each(shorten);
    fields.insert("summary".to_owned(), wrap(&unwrapped_summary).into());
    observations.values_mut().for_each(shorten);
    if !assets.is_empty() {
        fields.insert("assets".to_owned(), assets.into());
    }
    for (key, value) in &use_case.arbitrary {
        fields.insert(key.clone(), value.as_str().into());
    }
    fields.insert("elasticsearch_filter".to_owned(), use_case.query.recorded.as_str().into());
    fields.extend(observations);
    for (key, value) in derived {
        let mut value = value.clone();
        shorten(&mut value);
        fields.insert(format!("derived_{key}"), value);
    }
    let mut why = reason(&use_case.model, &fields);
    why.as_mut().into_iter().for_each(cut);
    Outlier { fields, unwrapped_summary, why, touched: touched.to_vec() }
}

/// Cuts a reason, which may quote an event, to a length that fits beside others.
fn cut(reason: &mut String) {
    const MOST_CHARS: usize = 300;
    if let Some((end, _)) = reason.char_indices().nth(MOST_CHARS) {
        reason.truncate(end);
        reason.push_str(" …");
    }
}

/// Rounds to two digits after the point, which is more than a surprise can promise.
pub fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// Splits at commas and trims the parts.
fn split(text: &str) -> Value {
    text.split(',').map(|part| Value::from(part.trim())).collect()
}
