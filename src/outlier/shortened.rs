//! Limits on the size of an outlier: what comes from events is shortened, with a mark, so that one
//! long value cannot fill the memory, or the document, with its copies.

use std::fmt::Write;

use serde_json::Value;

use crate::event::text::{FNV1A, fnv1a};

/// Upper limit on the characters of a text in an outlier.
pub(super) const MAX_TEXT_CHARS: usize = 32_768;

/// Upper limit on the elements of a list in an outlier.
pub(super) const MAX_ELEMENTS: usize = 1000;

/// Text that ends in a mark if it is too long.
#[derive(Debug)]
pub(super) struct Shortened {
    text: String,
    n_chars: usize,
    /// Hash of the characters that were left out.
    left_out: u64,
}

impl Shortened {
    pub(super) fn new() -> Self {
        Shortened { text: String::new(), n_chars: 0, left_out: FNV1A }
    }

    pub(super) fn push(&mut self, text: &str) {
        let room = MAX_TEXT_CHARS.saturating_sub(self.n_chars);
        let n_chars = text.chars().count();
        self.n_chars += n_chars;
        if n_chars <= room {
            self.text.push_str(text);
            return;
        }
        let end = text.char_indices().nth(room).map_or(text.len(), |(end, _)| end);
        self.text.push_str(&text[..end]);
        self.left_out = fnv1a(self.left_out, &text.as_bytes()[end..]);
    }

    /// The text. The mark distinguishes texts with the same beginning, because the outliers of a
    /// document are identified by their summaries.
    pub(super) fn finish(mut self) -> String {
        if self.n_chars > MAX_TEXT_CHARS {
            // writing into a String cannot fail
            let _ = write!(self.text, " … [shortened: {} characters, #{:016x}]", self.n_chars, self.left_out);
        }
        self.text
    }
}

/// Shortens the texts and lists in `value`.
pub(super) fn shorten(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > MAX_TEXT_CHARS => {
            let mut shortened = Shortened::new();
            shortened.push(text);
            *text = shortened.finish();
        }
        Value::Array(elements) => {
            let n_elements = elements.len();
            elements.truncate(MAX_ELEMENTS);
            elements.iter_mut().for_each(shorten);
            // numbers stay numbers: a server knows the type of the field
            if n_elements > MAX_ELEMENTS && elements.iter().all(Value::is_string) {
                elements.push(format!("… [shortened: {n_elements} elements]").into());
            }
        }
        Value::Object(members) => members.values_mut().for_each(shorten),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn long_texts_end_in_a_mark() {
        let shortened = |parts: &[&str]| {
            let mut text = Shortened::new();
            parts.iter().for_each(|part| text.push(part));
            text.finish()
        };
        let whole = "é".repeat(MAX_TEXT_CHARS);
        assert_eq!(shortened(&[&whole]), whole);
        let long = shortened(&[&whole, "abc"]);
        assert_eq!(long, format!("{whole} … [shortened: 32771 characters, #e71fa2190541574b]"));
        assert_eq!(shortened(&[&whole[..20], &whole[20..], "a", "bc"]), long);
        assert_ne!(shortened(&[&whole, "abd"]), long);
    }

    #[test]
    fn lists_end_in_a_mark() {
        let mut value = json!({"texts": vec!["x"; 1001], "numbers": vec![1; 1001], "one": ["é".repeat(40_000)]});
        shorten(&mut value);
        let texts = value["texts"].as_array().unwrap();
        assert_eq!((texts.len(), &texts[1000]), (1001, &json!("… [shortened: 1001 elements]")));
        assert_eq!(value["numbers"].as_array().unwrap().len(), 1000);
        assert!(value["one"][0].as_str().unwrap().contains("[shortened: 40000 characters, #"));
        let mut short = json!({"text": "x", "list": [1, "y"], "n": null});
        shorten(&mut short);
        assert_eq!(short, json!({"text": "x", "list": [1, "y"], "n": null}));
    }
}
