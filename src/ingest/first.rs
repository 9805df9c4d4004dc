//! Some of the first events of a scan, which are read again for advice.

use crate::sources::DocRef;

/// Upper limit on the number of events.
const MAX_EVENTS: usize = 200;

/// Upper limit on the length of all events but the first one: all of them are in memory at once.
const MAX_BYTES: u64 = 8 << 20;

/// Places of some of the first events.
#[derive(Debug, Clone, Default)]
pub struct FirstEvents {
    places: Vec<DocRef>,
    n_bytes: u64,
}

impl FirstEvents {
    /// The places, in the order of reading.
    pub fn places(&self) -> &[DocRef] {
        &self.places
    }

    /// Adds events until one is too many.
    pub(super) fn extend(&mut self, places: impl IntoIterator<Item = DocRef>) {
        for place in places {
            if self.places.len() == MAX_EVENTS || self.n_bytes > MAX_BYTES {
                return;
            }
            self.n_bytes += u64::from(place.length);
            if self.places.is_empty() || self.n_bytes <= MAX_BYTES {
                self.places.push(place);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n_kept(lengths: &[u32]) -> usize {
        let mut first = FirstEvents::default();
        let place = |&length: &u32| DocRef { batch: 0, offset: 0, length, line: 0 };
        // as if each batch had two events
        lengths.chunks(2).for_each(|batch| first.extend(batch.iter().map(place)));
        first.places().len()
    }

    #[test]
    fn first_events_are_bounded_in_number_and_length() {
        assert_eq!(n_kept(&[100; 1000]), 200);
        assert_eq!(n_kept(&[64 << 20; 200]), 1);
        assert_eq!(n_kept(&[1 << 20; 200]), 8);
        assert_eq!(n_kept(&[8 << 20, 1, 0]), 1);
        assert_eq!(n_kept(&[1, 8 << 20, 1]), 1, "nothing behind what is too long");
        assert_eq!(n_kept(&[]), 0);
    }
}
