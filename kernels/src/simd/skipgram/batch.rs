//! Pairs of one batch, reduced to distinct centres and distinct pairs.

use crate::skipgram::Pair;

/// A batch, sorted by centre and context.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Both words of each pair, with the centre in the upper 32 bits.
    codes: Vec<u64>,
    /// Distinct centres, ascending.
    pub(crate) centres: Vec<Centre>,
    /// Distinct contexts of each centre, ascending, grouped by centre.
    contexts: Vec<Context>,
    /// Number of pairs in the batch.
    pub(crate) n_pairs: usize,
}

/// A distinct centre in a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Centre {
    pub(crate) word: u32,
    /// Number of pairs with this centre: `n_c`.
    pub(crate) n_pairs: u32,
    /// Range of its contexts in the batch.
    first_context: usize,
    end_context: usize,
}

/// A distinct context of a centre.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    pub(crate) word: u32,
    /// Number of pairs with the centre and this context: `k_ct`.
    pub(crate) n_pairs: u32,
}

impl Batch {
    /// Replaces the contents with `pairs`.
    pub(crate) fn fill(&mut self, pairs: &[Pair]) {
        self.n_pairs = pairs.len();
        self.codes.clear();
        self.codes.extend(pairs.iter().map(|pair| u64::from(pair.centre) << 32 | u64::from(pair.context)));
        self.codes.sort_unstable();
        self.centres.clear();
        self.contexts.clear();
        let mut last_code = None;
        for &code in &self.codes {
            let (centre, context) = ((code >> 32) as u32, code as u32);
            if self.centres.last().is_none_or(|last| last.word != centre) {
                let first_context = self.contexts.len();
                self.centres.push(Centre { word: centre, n_pairs: 0, first_context, end_context: first_context });
            }
            if last_code != Some(code) {
                self.contexts.push(Context { word: context, n_pairs: 0 });
                last_code = Some(code);
            }
            let end = self.contexts.len();
            if let Some(centre) = self.centres.last_mut() {
                centre.n_pairs += 1;
                centre.end_context = end;
            }
            if let Some(context) = self.contexts.last_mut() {
                context.n_pairs += 1;
            }
        }
    }

    /// Distinct contexts of a centre of this batch, ascending.
    pub(crate) fn contexts(&self, centre: &Centre) -> &[Context] {
        &self.contexts[centre.first_context..centre.end_context]
    }

    /// Bytes needed for `n_pairs` distinct pairs with `n_centres` distinct centres.
    pub(crate) fn bytes_of(n_pairs: u128, n_centres: u128) -> u128 {
        n_pairs * (size_of::<u64>() + size_of::<Context>()) as u128 + n_centres * size_of::<Centre>() as u128
    }

    /// Allocated bytes.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.codes.capacity() * size_of::<u64>()
            + self.centres.capacity() * size_of::<Centre>()
            + self.contexts.capacity() * size_of::<Context>()
    }
}
