//! How many requests are under way together: one more while the server keeps up, half as many when it does not.

/// Requests under way at the start.
const FIRST: usize = 2;

/// Most requests under way.
const MOST: usize = 16;

/// Times per document up to this multiple of the usual one are taken as flat.
const FLAT: f64 = 1.25;

/// Times per document from this multiple of the usual one on say that the server has too much to do.
const TOO_SLOW: f64 = 2.0;

/// How fast a server that is slower for good becomes the usual.
const WEIGHT: f64 = 0.05;

/// Additive increase, multiplicative decrease.
#[derive(Debug)]
pub(super) struct Pace {
    limit: usize,
    /// Seconds per document when the server has little to do; `None` before the first answer.
    usual: Option<f64>,
    /// Answers in flat times since the limit changed.
    n_flat: usize,
    /// Answers still to come of requests that were sent under a higher limit: what they say is known.
    n_settling: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { limit: FIRST, usual: None, n_flat: 0, n_settling: 0 }
    }
}

impl Pace {
    /// Requests that may be under way now; at least one.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// A request as large as usual, for `n_documents`, was answered after `seconds`.
    pub(super) fn answered(&mut self, seconds: f64, n_documents: usize) {
        let per_document = seconds / n_documents.max(1) as f64;
        let usual = *self.usual.get_or_insert(per_document);
        self.usual = Some(per_document.min(usual + WEIGHT * (per_document - usual)));
        if self.n_settling > 0 {
            self.n_settling -= 1;
        } else if per_document >= usual * TOO_SLOW {
            self.halve();
        } else if per_document <= usual * FLAT {
            self.n_flat += 1;
            if self.n_flat >= self.limit {
                self.limit = (self.limit + 1).min(MOST);
                self.n_flat = 0;
            }
        }
    }

    /// The server had too much to do.
    pub(super) fn pushed_back(&mut self) {
        match self.n_settling {
            0 => self.halve(),
            _ => self.n_settling -= 1,
        }
    }

    fn halve(&mut self) {
        self.n_settling = self.limit - 1;
        self.limit = (self.limit / 2).max(1);
        self.n_flat = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Limits after each answer; `None` is one that was pushed back, a number the seconds that 100 documents took.
    fn check(answers: &[Option<f64>], expected: &[usize]) {
        let mut pace = Pace::default();
        let limits: Vec<usize> = answers
            .iter()
            .map(|answer| {
                match answer {
                    Some(seconds) => pace.answered(*seconds, 100),
                    None => pace.pushed_back(),
                }
                pace.limit()
            })
            .collect();
        assert_eq!(limits, expected, "{answers:?}");
    }

    #[test]
    fn one_more_while_times_are_flat() {
        check(&[Some(1.0); 9], &[2, 3, 3, 3, 4, 4, 4, 4, 5]);
        check(&[Some(1.0), Some(1.0), Some(1.2), Some(1.0), Some(1.1)], &[2, 3, 3, 3, 4]);
        let mut pace = Pace::default();
        (0..1000).for_each(|_| pace.answered(0.1, 1000));
        assert_eq!(pace.limit(), MOST);
    }

    #[test]
    fn half_as_many_when_times_double() {
        check(&[Some(1.0), Some(1.0), Some(1.0), Some(1.0), Some(2.0)], &[2, 3, 3, 3, 1]);
        // between flat and doubled nothing changes
        check(&[Some(1.0), Some(1.0), Some(1.0), Some(1.0), Some(1.6), Some(1.6)], &[2, 3, 3, 3, 3, 3]);
    }

    #[test]
    fn half_as_many_when_pushed_back() {
        check(&[None, None, None], &[1, 1, 1]);
        // those that were under way say nothing new
        check(&[Some(1.0), Some(1.0), None, None, Some(9.0), Some(1.0)], &[2, 3, 1, 1, 1, 2]);
        let mut pace = Pace::default();
        pace.answered(1.0, 0);
        (0..100).for_each(|_| pace.pushed_back());
        assert_eq!(pace.limit(), 1);
    }

    #[test]
    fn what_is_slow_for_good_becomes_usual() {
        let mut pace = Pace::default();
        (0..50).for_each(|_| pace.answered(1.0, 100));
        (0..40).for_each(|_| pace.answered(3.0, 100));
        let slow = pace.limit();
        (0..200).for_each(|_| pace.answered(3.0, 100));
        assert!(pace.limit() > slow && pace.limit() == MOST, "{slow} {}", pace.limit());
    }
}
