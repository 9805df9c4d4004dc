//! Numbers of pairs: known ones are looked up in the lists, new ones become a new list.

use std::path::Path;

use tempfile::NamedTempFile;

use super::super::error::StateError;
use super::pair_list::{ListedPairs, PairList, PairListWriter, merge};

/// Lists of fewer pairs are always merged with a new one.
const SMALL: u32 = 4096;

/// Share of all pairs that a list has at least, unless it is the newest one: one of this many.
const SHARE: u32 = 16;

/// Gives numbers to pairs that come in order, each of them once.
pub(super) struct Numbering<'a> {
    folder: &'a Path,
    lists: &'a [PairList],
    known: Vec<ListedPairs>,
    next: u32,
    new: Option<PairListWriter>,
}

impl<'a> Numbering<'a> {
    /// Starts with the lists of a memory in `folder`.
    pub(super) fn new(folder: &'a Path, lists: &'a [PairList]) -> Result<Self, StateError> {
        let known = lists.iter().map(|list| ListedPairs::start(folder.join(&list.file.name)));
        let next = lists.iter().map(|list| list.pairs).sum();
        Ok(Numbering { folder, lists, known: known.collect::<Result<_, _>>()?, next, new: None })
    }

    /// Number of a pair with this order.
    pub(super) fn number(&mut self, order: u64, aggregator: &str, target: &str) -> Result<u32, StateError> {
        let mut found = None;
        for list in &mut self.known {
            found = found.or(list.find(order, aggregator, target)?);
        }
        match found {
            Some(number) => Ok(number),
            None => self.add(aggregator, target),
        }
    }

    fn add(&mut self, aggregator: &str, target: &str) -> Result<u32, StateError> {
        let writing = StateError::writing(self.folder);
        let new = match &mut self.new {
            Some(new) => new,
            none => none.insert(PairListWriter::start(self.folder).map_err(&writing)?),
        };
        let number = self.next;
        self.next = number.checked_add(1).ok_or_else(|| writing(std::io::Error::other("too many pairs")))?;
        new.push(aggregator, target, number).map_err(&writing)?;
        Ok(number)
    }

    /// Returns the lists as they are then, and the file of the new one, if there is one.
    pub(super) fn finish(self) -> Result<(Vec<PairList>, Option<NamedTempFile>), StateError> {
        let mut lists = self.lists.to_vec();
        let Some(new) = self.new else { return Ok((lists, None)) };
        let writing = StateError::writing(self.folder);
        let (list, file) = new.finish().map_err(&writing)?;
        let old = lists.split_off(lists.len() - n_merged(&lists, list.pairs));
        if old.is_empty() {
            lists.push(list);
            return Ok((lists, Some(file)));
        }
        let paths = old.iter().map(|list| self.folder.join(&list.file.name)).chain([file.path().to_owned()]);
        let (list, file) = merge(self.folder, paths, Some)?;
        lists.push(list);
        Ok((lists, Some(file)))
    }
}

/// Number of the newest lists that become one with a new list of `n_new` pairs: so many that each
/// list has at least twice as many pairs as the next one, and none of them is small. So there are
/// few lists, and a pair is written again only as often as their number doubles.
fn n_merged(lists: &[PairList], n_new: u32) -> usize {
    let mut n_pairs = n_new;
    let all = lists.iter().map(|list| list.pairs).sum::<u32>().saturating_add(n_new);
    let small = SMALL.max(all / SHARE);
    let absorbed = lists.iter().rev().take_while(|list| {
        let is_absorbed = list.pairs <= small || list.pairs / 2 < n_pairs;
        n_pairs = n_pairs.saturating_add(list.pairs);
        is_absorbed
    });
    absorbed.count()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::pair_list::order_of;
    use super::*;

    #[test]
    fn pairs_keep_their_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let mut random = fastrand::Rng::with_seed(3);
        let mut numbers: BTreeMap<(String, String), u32> = BTreeMap::new();
        let mut lists: Vec<PairList> = Vec::new();
        for night in 0..8 {
            // more than a batch, then fewer and fewer new ones, then more again
            let pairs = [20_000, 20_001, 24_000, 27_000, 33_000, 33_000, 60_000, 61_000][night];
            let seen = (0..pairs).filter(|_| random.u8(0..8) < 7);
            let mut seen: Vec<(String, String)> =
                seen.map(|pair| (format!("host {}", pair % 7), format!("process {pair}"))).collect();
            seen.sort_by_cached_key(|(aggregator, target)| order_of(aggregator, target));
            let mut numbering = Numbering::new(folder.path(), &lists).unwrap();
            for (aggregator, target) in seen {
                let order = order_of(&aggregator, &target);
                let number = numbering.number(order, &aggregator, &target).unwrap();
                let next = numbers.len() as u32;
                assert_eq!(*numbers.entry((aggregator, target)).or_insert(next), number);
            }
            let (after, file) = numbering.finish().unwrap();
            if let (Some(list), Some(file)) = (after.last(), file) {
                file.persist(folder.path().join(&list.file.name)).unwrap();
            }
            lists = after;
            assert_eq!(lists.iter().map(|list| list.pairs).sum::<u32>(), numbers.len() as u32);
            assert!(lists.windows(2).all(|lists| lists[0].pairs / 2 >= lists[1].pairs), "{lists:?}");
        }
        let mut listed = BTreeMap::new();
        for list in &lists {
            let read = list.read(folder.path(), &(0..u32::MAX), |pairs| {
                for (row, &number) in pairs.numbers.values().iter().enumerate() {
                    let (aggregator, target) = pairs.texts(row);
                    listed.insert((aggregator.to_owned(), target.to_owned()), number);
                }
                Ok::<_, StateError>(())
            });
            read.unwrap();
        }
        assert!(listed == numbers);
    }

    #[test]
    fn lists_are_merged_when_they_are_small_or_many() {
        let check = |known: &[u32], n_new: u32, expected: usize| {
            let file = super::super::file::MemoryFile { name: String::new(), bytes: 0, hash: String::new() };
            let lists: Vec<PairList> = known.iter().map(|&pairs| PairList { file: file.clone(), pairs }).collect();
            assert_eq!(n_merged(&lists, n_new), expected, "{known:?} and {n_new}");
        };
        check(&[], 7, 0);
        check(&[3], 7, 1);
        check(&[100_000], 7, 0);
        check(&[100_000, 40_000], 7, 0);
        check(&[100_000, 4_000], 7, 1);
        check(&[400_000, 40_000, 4_000], 20_000, 2);
        check(&[100_000, 40_000], 20_001, 2);
        check(&[1_000_000, 60_000], 7, 1);
    }
}
