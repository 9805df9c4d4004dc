//! Sentences: combinations of values of a use case's target or aggregator fields, as local codes of
//! a batch.
//!
//! An event whose fields hold lists has one sentence per combination; the first field varies
//! fastest. If a field has no usable value, the event has no sentences. The text of a sentence is
//! its values joined by the key's joiner, usually " - ". Combinations whose joined texts are equal
//! therefore share one group, as existing use cases expect.

use arrow::array::{AsArray, ListArray, StringArray, StringBuilder};
use arrow::datatypes::UInt32Type;
use hashbrown::HashTable;
use rustc_hash::FxHasher;

/// Joiner of the values of a sentence, unless the key has another.
pub const SEPARATOR: &str = " - ";

/// Upper limit on the sentences of one event per key. Longer lists are an attack or an accident;
/// the event is skipped and counted.
pub const MAX_SENTENCES: usize = 1 << 12;

/// Sentences that a key makes of an event whose fields hold several values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Values {
    /// One sentence per combination of values.
    Each,
    /// One sentence, made of the smallest value of each field, as an Elasticsearch script sees a
    /// multi-valued field.
    Smallest,
    /// One sentence: the point on earth that the field holds, the smallest of several.
    Point,
}

/// Sentences of a batch: a list of local codes per event, and the text of each code.
#[derive(Debug)]
pub struct LocalKey {
    /// Event `r` has the sentences `codes[offsets[r]..offsets[r + 1]]`.
    pub offsets: Vec<u32>,
    /// Local codes: indices into `texts`.
    pub codes: Vec<u32>,
    /// Text of each local code.
    pub texts: StringArray,
}

impl LocalKey {
    /// Returns a key of `n_rows` events that have no sentences.
    pub fn without_sentences(n_rows: usize) -> Self {
        LocalKey { offsets: vec![0; n_rows + 1], codes: Vec::new(), texts: StringArray::new_null(0) }
    }

    /// Returns the sentences of event `row`, as local codes.
    pub fn of_row(&self, row: usize) -> &[u32] {
        &self.codes[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }

    fn n_rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Returns the same texts with other sentences per event.
    fn with_rows<R: IntoIterator<Item = u32>>(&self, rows: impl Iterator<Item = R>) -> LocalKey {
        let mut offsets = vec![0];
        let mut codes = Vec::new();
        for row in rows {
            codes.extend(row);
            offsets.push(codes.len() as u32);
        }
        LocalKey { offsets, codes, texts: self.texts.clone() }
    }
}

/// Returns the elements of a column of kind `Elements` as one-field sentences.
pub fn elements(column: &ListArray) -> LocalKey {
    let dictionary = column.values().as_dictionary::<UInt32Type>();
    let first = column.value_offsets().first().copied().unwrap_or(0);
    let offsets = column.value_offsets().iter().map(|&offset| (offset - first) as u32).collect();
    let last = column.value_offsets().last().copied().unwrap_or(0);
    let codes = dictionary.keys().values()[first as usize..last as usize].to_vec();
    LocalKey { offsets, codes, texts: dictionary.values().as_string::<i32>().clone() }
}

/// Combines `fields` into sentences whose values are joined by `joiner`. Also returns the rows that
/// would have more than [`MAX_SENTENCES`], in ascending order; they get no sentences.
pub fn combine(fields: Vec<LocalKey>, values: Values, joiner: &str) -> (LocalKey, Vec<usize>) {
    let mut fields: Vec<LocalKey> = match values {
        Values::Each => fields,
        Values::Smallest | Values::Point => fields.into_iter().map(smallest).collect(),
    };
    let n_rows = fields.first().map_or(0, LocalKey::n_rows);
    if fields.iter().any(|field| field.codes.is_empty()) {
        return (LocalKey::without_sentences(n_rows), Vec::new());
    }
    if fields.len() == 1 {
        return limit(fields.remove(0));
    }
    let mut tuples = Tuples::new(fields.len());
    let mut offsets = Vec::with_capacity(n_rows + 1);
    offsets.push(0);
    let mut codes = Vec::with_capacity(n_rows);
    let mut too_many = Vec::new();
    let mut tuple = vec![0; fields.len()];
    for row in 0..n_rows {
        let lists: Vec<&[u32]> = fields.iter().map(|field| field.of_row(row)).collect();
        let n_sentences = lists.iter().fold(1usize, |n, list| n.saturating_mul(list.len()));
        if n_sentences > MAX_SENTENCES {
            too_many.push(row);
        } else {
            for sentence_idx in 0..n_sentences {
                let mut rest = sentence_idx;
                for (slot, list) in tuple.iter_mut().zip(&lists) {
                    *slot = list[rest % list.len()];
                    rest /= list.len();
                }
                codes.push(tuples.intern(&tuple));
            }
        }
        offsets.push(codes.len() as u32);
    }
    (LocalKey { offsets, codes, texts: tuples.texts(&fields, joiner) }, too_many)
}

/// Drops the sentences of rows that have too many.
fn limit(field: LocalKey) -> (LocalKey, Vec<usize>) {
    let is_too_many = |row: &usize| field.of_row(*row).len() > MAX_SENTENCES;
    let too_many: Vec<usize> = (0..field.n_rows()).filter(is_too_many).collect();
    if too_many.is_empty() {
        return (field, too_many);
    }
    let kept = |row| if is_too_many(&row) { &[] } else { field.of_row(row) };
    (field.with_rows((0..field.n_rows()).map(|row| kept(row).iter().copied())), too_many)
}

fn smallest(field: LocalKey) -> LocalKey {
    if field.offsets.windows(2).all(|pair| pair[1] - pair[0] <= 1) {
        return field;
    }
    let smallest = |row| field.of_row(row).iter().copied().min_by_key(|&code| field.texts.value(code as usize));
    field.with_rows((0..field.n_rows()).map(smallest))
}

/// Distinct tuples of local codes, stored one after the other.
struct Tuples {
    width: usize,
    codes: Vec<u32>,
    table: HashTable<u32>,
}

impl Tuples {
    fn new(width: usize) -> Self {
        Tuples { width, codes: Vec::new(), table: HashTable::new() }
    }

    fn intern(&mut self, tuple: &[u32]) -> u32 {
        let (codes, width) = (&self.codes, self.width);
        let stored = |idx: u32| &codes[idx as usize * width..(idx as usize + 1) * width];
        let hash = tuple_hash(tuple);
        if let Some(&idx) = self.table.find(hash, |&idx| stored(idx) == tuple) {
            return idx;
        }
        let idx = (self.codes.len() / width) as u32;
        self.table.insert_unique(hash, idx, |&idx| tuple_hash(stored(idx)));
        self.codes.extend_from_slice(tuple);
        idx
    }

    fn texts(&self, fields: &[LocalKey], joiner: &str) -> StringArray {
        let mut builder = StringBuilder::new();
        let mut text = String::new();
        for tuple in self.codes.chunks(self.width) {
            text.clear();
            for (field_idx, (&code, field)) in tuple.iter().zip(fields).enumerate() {
                if field_idx > 0 {
                    text.push_str(joiner);
                }
                text.push_str(field.texts.value(code as usize));
            }
            builder.append_value(&text);
        }
        builder.finish()
    }
}

fn tuple_hash(tuple: &[u32]) -> u64 {
    use std::hash::Hasher;
    let mut hasher = FxHasher::default();
    tuple.iter().for_each(|&code| hasher.write_u32(code));
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(rows: &[&[&str]]) -> LocalKey {
        let mut texts: Vec<&str> = Vec::new();
        let mut key = LocalKey { offsets: vec![0], codes: Vec::new(), texts: StringArray::from(Vec::<&str>::new()) };
        for row in rows {
            for text in *row {
                let code = texts.iter().position(|seen| seen == text).unwrap_or_else(|| {
                    texts.push(text);
                    texts.len() - 1
                });
                key.codes.push(code as u32);
            }
            key.offsets.push(key.codes.len() as u32);
        }
        key.texts = StringArray::from(texts);
        key
    }

    fn check(fields: &[&[&[&str]]], values: Values, expected: &[&[&str]]) {
        let (key, _) = combine(fields.iter().map(|rows| field(rows)).collect(), values, SEPARATOR);
        let actual: Vec<Vec<&str>> = (0..key.offsets.len() - 1)
            .map(|row| key.of_row(row).iter().map(|&code| key.texts.value(code as usize)).collect())
            .collect();
        assert_eq!(actual, expected);
    }

    #[test]
    fn the_first_field_varies_fastest() {
        check(&[&[&["A", "B"]], &[&["x", "y"]]], Values::Each, &[&["A - x", "B - x", "A - y", "B - y"]]);
        check(
            &[&[&["1", "2"]], &[&["x", "y"]], &[&["m", "n"]]],
            Values::Each,
            &[&[
                "1 - x - m",
                "2 - x - m",
                "1 - y - m",
                "2 - y - m",
                "1 - x - n",
                "2 - x - n",
                "1 - y - n",
                "2 - y - n",
            ]],
        );
    }

    #[test]
    fn a_field_without_values_gives_no_sentences() {
        check(&[&[&["A"], &["B"]], &[&[], &["x"]]], Values::Each, &[&[], &["B - x"]]);
    }

    #[test]
    fn smallest_uses_one_value_per_field() {
        check(&[&[&["b", "a"], &["c"]], &[&["y"], &["z", "x"]]], Values::Smallest, &[&["a - y"], &["c - x"]]);
    }

    #[test]
    fn equal_joined_texts_are_equal_texts() {
        check(&[&[&["a - b"], &["a"]], &[&["c"], &["b - c"]]], Values::Each, &[&["a - b - c"], &["a - b - c"]]);
    }

    #[test]
    fn each_key_has_its_own_joiner() {
        let (key, _) = combine(vec![field(&[&["C:\\bin"]]), field(&[&["a.exe"]])], Values::Each, "\\");
        assert_eq!(key.texts.value(0), "C:\\bin\\a.exe");
    }

    #[test]
    fn too_many_combinations_are_counted_and_skipped() {
        let values: Vec<String> = (0..100).map(|i| i.to_string()).collect();
        let many: Vec<&str> = values.iter().map(String::as_str).collect();
        let (key, too_many) = combine(vec![field(&[&many, &["a"]]), field(&[&many, &["b"]])], Values::Each, SEPARATOR);
        assert_eq!((key.offsets, too_many), (vec![0, 0, 1], vec![0]));
        let values: Vec<String> = (0..=MAX_SENTENCES).map(|i| i.to_string()).collect();
        let many: Vec<&str> = values.iter().map(String::as_str).collect();
        let (key, too_many) = combine(vec![field(&[&["a"], &many, &many[1..]])], Values::Each, SEPARATOR);
        assert_eq!((key.offsets, too_many), (vec![0, 1, 1, 1 + MAX_SENTENCES as u32], vec![1]));
    }
}
