//! Tests on columns of leaves.

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StringArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::UInt32Type;
use datafusion::common::internal_datafusion_err;
use datafusion::error::Result;

use super::predicate::{Predicate, ValueRef};

/// A column of leaves.
#[derive(Debug)]
pub(super) struct Leaves<'a> {
    lists: &'a ListArray,
    /// Per leaf, its code.
    codes: &'a [u32],
    /// The distinct leaves, by code.
    pub(super) distinct: &'a StringArray,
}

impl<'a> Leaves<'a> {
    /// Fails if `column` has no leaves, which is a bug in this program.
    pub(super) fn of(column: &'a ArrayRef) -> Result<Self> {
        let lists = column.as_list_opt().ok_or_else(|| internal_datafusion_err!("leaves are not lists"))?;
        let leaves = lists.values().as_dictionary_opt::<UInt32Type>();
        let leaves = leaves.ok_or_else(|| internal_datafusion_err!("leaves are not a dictionary"))?;
        let distinct = leaves.values().as_string_opt::<i32>();
        let distinct = distinct.ok_or_else(|| internal_datafusion_err!("leaves are not text"))?;
        Ok(Leaves { lists, codes: leaves.keys().values(), distinct })
    }

    /// Rows in which some leaf passes the test. Tests each distinct leaf once.
    pub(super) fn matching_rows(&self, predicate: &Predicate) -> BooleanBuffer {
        self.rows_with(&[], Some(predicate))
    }

    /// Leaves of a row that pass the test, as text, each once.
    pub(super) fn matching_texts(&self, row: usize, predicate: &Predicate) -> Vec<&'a str> {
        let offsets = self.lists.value_offsets();
        let leaves = offsets[row] as usize..offsets[row + 1] as usize;
        let mut texts = Vec::new();
        for &code in self.codes[leaves].iter().filter(|_| self.lists.is_valid(row)) {
            let value = ValueRef::of_tagged(self.distinct.value(code as usize));
            if let Some(value) = value.filter(|value| predicate.matches(*value) && !texts.contains(&value.as_text())) {
                texts.push(value.as_text());
            }
        }
        texts
    }

    /// Rows in which some leaf has one of `codes` or passes `or_else`.
    pub(super) fn rows_with(&self, codes: &[u32], or_else: Option<&Predicate>) -> BooleanBuffer {
        let mut passes = vec![false; self.distinct.len()];
        codes.iter().for_each(|&code| passes[code as usize] = true);
        if let Some(predicate) = or_else {
            for (passes, text) in passes.iter_mut().zip(self.distinct) {
                *passes |= text.and_then(ValueRef::of_tagged).is_some_and(|value| predicate.matches(value));
            }
        }
        // of the many names that a field may have, most occur in no event of a batch
        if !passes.contains(&true) {
            return BooleanBuffer::new_unset(self.lists.len());
        }
        let offsets = self.lists.value_offsets();
        BooleanBuffer::collect_bool(self.lists.len(), |row| {
            let leaves = offsets[row] as usize..offsets[row + 1] as usize;
            self.lists.is_valid(row) && self.codes[leaves].iter().any(|&code| passes[code as usize])
        })
    }
}
