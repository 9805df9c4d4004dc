//! Derived fields of a batch: rules are applied once per distinct text of their source field.

use arrow::array::{Array, ArrayRef, AsArray, StringDictionaryBuilder};
use arrow::datatypes::UInt32Type;

use crate::event::derived::DerivedFields;
use crate::event::geo::{parse_point, point_text};
use crate::event::sentences::LocalKey;
use crate::event::text::flatten;
use crate::event::{FieldPath, equal_ignoring_case};

/// Result of the rules for one field of one event: `None` if no rule applies, else a value that
/// hides the event's own (`Some(None)`: no usable value).
pub(super) type Derived = Option<Option<String>>;

/// Returns, per event, the text that `rules` derive for `key`.
pub(super) fn derived_texts<'a>(
    rules: &DerivedFields,
    key: &str,
    column: impl Fn(&FieldPath) -> anyhow::Result<&'a ArrayRef>,
) -> anyhow::Result<Vec<Derived>> {
    let mut sources: Vec<&FieldPath> =
        rules.keys().filter(|(_, name)| equal_ignoring_case(name, key)).map(|(source, _)| source).collect();
    sources.dedup();
    let mut derived: Vec<Derived> = Vec::new();
    for source in sources {
        let dictionary = column(source)?.as_dictionary::<UInt32Type>();
        let distinct = dictionary.values().as_string::<i32>();
        derived.resize(dictionary.len(), None);
        let mut known: Vec<Option<Derived>> = vec![None; distinct.len()];
        for (row, code) in dictionary.keys().iter().enumerate() {
            if let Some(code) = code {
                let value = known[code as usize]
                    .get_or_insert_with(|| derive(rules, source, key, distinct.value(code as usize)));
                if value.is_some() {
                    derived[row].clone_from(value);
                }
            }
        }
    }
    Ok(derived)
}

fn derive(rules: &DerivedFields, source: &FieldPath, key: &str, text: &str) -> Derived {
    rules
        .apply(source, text)
        .into_iter()
        .rfind(|(name, _)| equal_ignoring_case(name, key))
        .map(|(_, value)| flatten(&value))
}

/// Returns the points that derived texts stand for.
pub(super) fn points(derived: Vec<Derived>) -> Vec<Derived> {
    let point = |text: Option<String>| text.as_deref().and_then(parse_point).map(point_text);
    derived.into_iter().map(|value| value.map(point)).collect()
}

/// Returns `own` with derived values in place of the event's.
pub(super) fn overlay_elements(own: LocalKey, derived: Vec<Derived>) -> LocalKey {
    let mut texts: Vec<Option<&str>> = own.texts.iter().collect();
    let mut codes_of: rustc_hash::FxHashMap<&str, u32> = rustc_hash::FxHashMap::default();
    let mut offsets = vec![0];
    let mut codes = Vec::with_capacity(own.codes.len());
    for (row, value) in derived.iter().enumerate() {
        match value {
            None => codes.extend_from_slice(own.of_row(row)),
            Some(None) => {}
            Some(Some(text)) => codes.push(*codes_of.entry(text).or_insert_with(|| {
                texts.push(Some(text));
                (texts.len() - 1) as u32
            })),
        }
        offsets.push(codes.len() as u32);
    }
    LocalKey { offsets, codes, texts: texts.into_iter().collect() }
}

/// Returns `own` with derived texts in place of the event's.
pub(super) fn overlay_texts(own: &ArrayRef, derived: &[Derived]) -> ArrayRef {
    let dictionary = own.as_dictionary::<UInt32Type>();
    let distinct = dictionary.values().as_string::<i32>();
    let mut builder = StringDictionaryBuilder::<UInt32Type>::new();
    for (row, value) in derived.iter().enumerate() {
        match value {
            Some(text) => builder.append_option(text.as_deref()),
            None => builder.append_option(dictionary.key(row).map(|code| distinct.value(code))),
        }
    }
    std::sync::Arc::new(builder.finish())
}
