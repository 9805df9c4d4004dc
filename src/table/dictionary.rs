//! Dictionary of the texts of one key: each text is stored once and has a code.
//!
//! Codes are assigned in order of first appearance, so they depend on the order in which events are
//! read. [`DictionaryBuilder::freeze`] ranks them by a fixed hash of their text. Ranks are the same
//! for the same set of texts whatever the order of events, so ties broken by rank do not depend on
//! that order.

use hashbrown::HashTable;

use crate::event::text::text_hash;

/// Size of one block of the text arena. A longer text gets a block of its own.
const BLOCK_BYTES: usize = 1 << 20;

/// Dictionary under construction; interns each distinct text once.
#[derive(Debug, Default)]
pub struct DictionaryBuilder {
    table: HashTable<u32>,
    texts: Texts,
}

impl DictionaryBuilder {
    /// Returns the code of `text`; a text not seen before gets a new one.
    pub fn intern(&mut self, text: &str) -> u32 {
        let hash = text_hash(text);
        let texts = &self.texts;
        if let Some(&code) = self.table.find(hash, |&code| texts.hash(code) == hash && texts.get(code) == text) {
            return code;
        }
        let code = self.texts.push(text, hash);
        let texts = &self.texts;
        self.table.insert_unique(hash, code, |&code| texts.hash(code));
        code
    }

    /// Bytes used on the heap.
    pub fn size_bytes(&self) -> usize {
        self.table.allocation_size() + self.texts.size_bytes()
    }

    /// Ends interning and ranks the texts.
    pub fn freeze(self) -> Dictionary {
        let n = self.texts.entries.len() as u32;
        let mut code_of_rank: Vec<u32> = (0..n).collect();
        let texts = self.texts;
        code_of_rank
            .sort_unstable_by(|&a, &b| texts.hash(a).cmp(&texts.hash(b)).then_with(|| texts.get(a).cmp(texts.get(b))));
        let mut rank_of_code = vec![0u32; n as usize];
        for (rank, &code) in code_of_rank.iter().enumerate() {
            rank_of_code[code as usize] = rank as u32;
        }
        Dictionary { texts, rank_of_code, code_of_rank }
    }
}

/// All texts of one key after reading, addressed by rank.
#[derive(Debug)]
pub struct Dictionary {
    texts: Texts,
    rank_of_code: Vec<u32>,
    code_of_rank: Vec<u32>,
}

impl Dictionary {
    /// Rank of a code that the builder assigned.
    pub fn rank(&self, code: u32) -> u32 {
        self.rank_of_code[code as usize]
    }

    /// Text of a rank.
    pub fn text(&self, rank: u32) -> &str {
        self.texts.get(self.code_of_rank[rank as usize])
    }

    /// Number of distinct texts.
    pub fn len(&self) -> usize {
        self.code_of_rank.len()
    }

    /// True if no text was interned.
    pub fn is_empty(&self) -> bool {
        self.code_of_rank.is_empty()
    }
}

/// Append-only arena of texts in blocks that never move.
#[derive(Debug, Default)]
struct Texts {
    blocks: Vec<String>,
    entries: Vec<Entry>,
    bytes: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u64,
    block: u32,
    start: u32,
    len: u32,
}

impl Texts {
    fn push(&mut self, text: &str, hash: u64) -> u32 {
        let fits = self.blocks.last().is_some_and(|block| block.len() + text.len() <= block.capacity());
        if !fits {
            let capacity = BLOCK_BYTES.max(text.len());
            self.bytes += capacity;
            self.blocks.push(String::with_capacity(capacity));
        }
        let block = self.blocks.len() - 1;
        let start = self.blocks[block].len() as u32;
        self.blocks[block].push_str(text);
        self.entries.push(Entry { hash, block: block as u32, start, len: text.len() as u32 });
        (self.entries.len() - 1) as u32
    }

    fn get(&self, code: u32) -> &str {
        let entry = self.entries[code as usize];
        &self.blocks[entry.block as usize][entry.start as usize..(entry.start + entry.len) as usize]
    }

    fn hash(&self, code: u32) -> u64 {
        self.entries[code as usize].hash
    }

    fn size_bytes(&self) -> usize {
        self.bytes + self.entries.capacity() * size_of::<Entry>()
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
