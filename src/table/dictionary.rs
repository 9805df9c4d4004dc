//! Dictionary of the texts of one key: each text is stored once and has a code.
//!
//! Codes are assigned in order of first appearance, so they depend on the order in which events are
//! read. [`DictionaryBuilder::freeze`] ranks them by a fixed hash of their text. Ranks are the same
//! for the same set of texts whatever the order of events, so ties broken by rank do not depend on
//! that order.

use arrow::array::{Array, ArrayRef, StringViewArray, StringViewBuilder, UInt32Array};
use arrow::compute::take;
use arrow::error::ArrowError;
use hashbrown::HashTable;

use crate::event::text::text_hash;

/// Size of one block of texts. A longer text gets a block of its own.
const BLOCK_BYTES: usize = 1 << 20;

/// Dictionary under construction; interns each distinct text once.
#[derive(Debug)]
pub struct DictionaryBuilder {
    table: HashTable<u32>,
    /// Hash of each text.
    hashes: Vec<u64>,
    texts: StringViewBuilder,
}

impl Default for DictionaryBuilder {
    fn default() -> Self {
        let texts = StringViewBuilder::with_capacity(0).with_fixed_block_size(BLOCK_BYTES as u32);
        DictionaryBuilder { table: HashTable::new(), hashes: Vec::new(), texts }
    }
}

impl DictionaryBuilder {
    /// Returns the code of `text`; a text not seen before gets a new one.
    pub fn intern(&mut self, text: &str) -> u32 {
        let hash = text_hash(text);
        let DictionaryBuilder { table, hashes, texts } = self;
        let is_same = |&code: &u32| {
            let code = code as usize;
            hashes[code] == hash && texts.get_value(code) == text.as_bytes()
        };
        if let Some(&code) = table.find(hash, is_same) {
            return code;
        }
        let code = hashes.len() as u32;
        hashes.push(hash);
        texts.append_value(text);
        table.insert_unique(hash, code, |&code| hashes[code as usize]);
        code
    }

    /// Bytes used on the heap.
    pub fn size_bytes(&self) -> usize {
        self.table.allocation_size() + self.hashes.capacity() * size_of::<u64>() + self.texts.allocated_size()
    }

    /// Ends interning and ranks the texts.
    pub fn freeze(mut self) -> Dictionary {
        let texts = self.texts.finish();
        let text = |code: u32| texts.value(code as usize);
        let hash = |code: u32| self.hashes[code as usize];
        let mut code_of_rank: Vec<u32> = (0..texts.len() as u32).collect();
        code_of_rank.sort_unstable_by(|&a, &b| hash(a).cmp(&hash(b)).then_with(|| text(a).cmp(text(b))));
        let mut rank_of_code = vec![0u32; texts.len()];
        for (rank, &code) in code_of_rank.iter().enumerate() {
            rank_of_code[code as usize] = rank as u32;
        }
        Dictionary { texts, rank_of_code, code_of_rank: code_of_rank.into() }
    }
}

/// All texts of one key after reading, addressed by rank.
#[derive(Debug)]
pub struct Dictionary {
    /// The texts by code.
    texts: StringViewArray,
    rank_of_code: Vec<u32>,
    code_of_rank: UInt32Array,
}

impl Dictionary {
    /// Rank of a code that the builder assigned.
    pub fn rank(&self, code: u32) -> u32 {
        self.rank_of_code[code as usize]
    }

    /// Text of a rank.
    pub fn text(&self, rank: u32) -> &str {
        self.texts.value(self.code_of_rank.value(rank as usize) as usize)
    }

    /// Texts of `ranks`, as Utf8View. They are shared with the dictionary, not copied.
    pub fn texts(&self, ranks: &UInt32Array) -> Result<ArrayRef, ArrowError> {
        take(&self.texts, &take(&self.code_of_rank, ranks, None)?, None)
    }

    /// Table for finding ranks by their texts. It takes time in proportion to the texts.
    pub fn ranks(&self) -> Ranks<'_> {
        let hash = |&rank: &u32| text_hash(self.text(rank));
        let mut table = HashTable::with_capacity(self.len());
        for rank in 0..self.len() as u32 {
            table.insert_unique(hash(&rank), rank, hash);
        }
        Ranks { dictionary: self, table }
    }

    /// Number of distinct texts.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// True if no text was interned.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}

/// Ranks of a dictionary by text.
#[derive(Debug)]
pub struct Ranks<'d> {
    dictionary: &'d Dictionary,
    table: HashTable<u32>,
}

impl Ranks<'_> {
    /// Rank of `text`, if the dictionary has it.
    pub fn rank(&self, text: &str) -> Option<u32> {
        self.table.find(text_hash(text), |&rank| self.dictionary.text(rank) == text).copied()
    }

    /// Bytes used on the heap.
    pub fn size_bytes(&self) -> usize {
        self.table.allocation_size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frozen(texts: &[&str]) -> Dictionary {
        let mut builder = DictionaryBuilder::default();
        for text in texts {
            builder.intern(text);
        }
        builder.freeze()
    }

    #[test]
    fn a_text_has_one_code() {
        let mut builder = DictionaryBuilder::default();
        let a = builder.intern("cmd.exe");
        let b = builder.intern("powershell.exe");
        assert_ne!(a, b);
        assert_eq!(builder.intern("cmd.exe"), a);
        assert_eq!(builder.intern(""), builder.intern(""));
        assert_ne!(builder.intern("a"), builder.intern("a\0"));
    }

    #[test]
    fn ranks_do_not_depend_on_the_order_of_interning() {
        let forward = frozen(&["a", "b", "c", "d", "e"]);
        let backward = frozen(&["e", "d", "c", "b", "a", "a"]);
        for rank in 0..5 {
            assert_eq!(forward.text(rank), backward.text(rank));
        }
        assert_eq!(forward.len(), backward.len());
        let ranks = forward.ranks();
        (0..5).for_each(|rank| assert_eq!(ranks.rank(backward.text(rank)), Some(rank)));
        assert_eq!(ranks.rank("f"), None);
    }

    #[test]
    fn long_texts_get_their_own_block() {
        let long = "x".repeat(3 * BLOCK_BYTES);
        let mut builder = DictionaryBuilder::default();
        let code = builder.intern(&long);
        builder.intern("short");
        assert!(builder.size_bytes() >= 3 * BLOCK_BYTES);
        let dictionary = builder.freeze();
        assert_eq!(dictionary.text(dictionary.rank(code)), long);
    }
}
