//! How many requests are under way together: one more while that pays, half as many when the server does not keep up.

/// Requests under way at the start.
const FIRST: usize = 2;

/// Most requests under way.
const MOST: usize = 16;

/// One more request must make documents cheaper than this multiple of what they cost before, or it goes again.
const GAIN: f64 = 0.95;

/// Documents that cost and take this multiple of the usual say that the server has too much to do.
const TOO_SLOW: f64 = 2.0;

/// How fast a server that is slower for good becomes the usual.
const WEIGHT: f64 = 0.05;

/// Rounds before one more request is tried again where it did not pay.
const PATIENCE: u32 = 8;

/// Additive increase, multiplicative decrease.
///
/// What a document costs is the time of its request, divided by the documents in it and the requests that shared the server meanwhile: a
/// server with room to spare answers several requests in the time of one, so that documents become cheaper; one that is busy does not.
/// It is looked at in rounds of as many answers as may be under way, so that one slow answer changes nothing.
#[derive(Debug)]
pub(super) struct Pace {
    limit: usize,
    /// What documents cost and the time they take when all goes well; `None` before the first round.
    usual: Option<[f64; 2]>,
    /// What they cost before the last rise, until the next round shows what it brought.
    before_rise: Option<f64>,
    /// Rounds to wait before the next rise.
    n_patient: u32,
    /// Answers of this round, and the sums of their costs and times.
    round: (usize, [f64; 2]),
    /// Answers still to come of requests that were sent under another limit: what they say is known.
    n_settling: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { limit: FIRST, usual: None, before_rise: None, n_patient: 0, round: (0, [0.0; 2]), n_settling: 0 }
    }
}

impl Pace {
    /// Requests that may be under way now; at least one.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// A request as large as usual, for `n_documents`, was answered after `seconds`; `n_under_way` requests, this one among them, shared the
    /// server.
    pub(super) fn answered(&mut self, seconds: f64, n_documents: usize, n_under_way: usize) {
        if self.n_settling > 0 {
            self.n_settling -= 1;
            return;
        }
        let time = seconds / n_documents.max(1) as f64;
        self.round.0 += 1;
        self.round.1[0] += time / n_under_way.max(1) as f64;
        self.round.1[1] += time;
        if self.round.0 < self.limit {
            return;
        }
        let now = self.round.1.map(|sum| sum / self.round.0 as f64);
        self.round = (0, [0.0; 2]);
        let usual = *self.usual.get_or_insert(now);
        self.usual = Some([0, 1].map(|idx| now[idx].min(usual[idx] + WEIGHT * (now[idx] - usual[idx]))));
        let cost = now[0];
        // few requests at a server with room to spare cost more and take no longer
        if now[0] >= usual[0] * TOO_SLOW && now[1] >= usual[1] * TOO_SLOW {
            self.halve();
        } else if self.before_rise.take().is_some_and(|before| cost > before * GAIN) {
            self.change_to(self.limit - 1);
            self.n_patient = PATIENCE;
        } else if self.n_patient > 0 {
            self.n_patient -= 1;
        } else if self.limit < MOST {
            self.before_rise = Some(cost);
            self.change_to(self.limit + 1);
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
        self.before_rise = None;
        self.change_to((self.limit / 2).max(1));
    }

    fn change_to(&mut self, limit: usize) {
        self.n_settling = self.limit - 1;
        self.round = (0, [0.0; 2]);
        self.limit = limit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that works on so many requests at once, each in `seconds`; others wait.
    fn run(pace: &mut Pace, n_answers: usize, n_at_once: usize, seconds: f64) {
        for _ in 0..n_answers {
            let n_under_way = pace.limit();
            let seconds = seconds * (n_under_way as f64 / n_at_once as f64).max(1.0);
            pace.answered(seconds, 100, n_under_way);
        }
    }

    #[test]
    fn as_many_as_the_server_works_on_at_once() {
        for n_at_once in [3, 5, 8] {
            let mut pace = Pace::default();
            run(&mut pace, 500, n_at_once, 1.0);
            assert!((n_at_once..=n_at_once + 1).contains(&pace.limit()), "{n_at_once} {pace:?}");
        }
        let mut pace = Pace::default();
        run(&mut pace, 1000, 100, 1.0);
        assert_eq!(pace.limit(), MOST);
    }

    #[test]
    fn a_rise_that_brings_nothing_is_taken_back_and_tried_again_later() {
        let mut pace = Pace::default();
        let limits: Vec<usize> = (0..100)
            .map(|_| {
                run(&mut pace, 1, 2, 1.0);
                pace.limit()
            })
            .collect();
        // a round of two, one that settles, a round of three
        assert_eq!(limits[..6], [2, 3, 3, 3, 3, 2]);
        let n_rises = limits.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((4..8).contains(&n_rises), "{limits:?}");
        assert!(limits.iter().all(|limit| (2..=3).contains(limit)), "{limits:?}");
    }

    #[test]
    fn half_as_many_when_documents_cost_twice_as_much() {
        let mut pace = Pace::default();
        run(&mut pace, 200, 8, 1.0);
        let before = pace.limit();
        // one slow answer is none of many
        pace.answered(3.0, 100, before);
        assert_eq!(pace.limit(), before);
        run(&mut pace, 2 * before, 8, 3.0);
        assert!(pace.limit() <= before / 2, "{pace:?}");
    }

    #[test]
    fn half_as_many_when_pushed_back() {
        let mut pace = Pace::default();
        run(&mut pace, 200, 100, 1.0);
        let before = pace.limit();
        pace.pushed_back();
        assert_eq!(pace.limit(), before / 2);
        // those that were under way say nothing new
        (1..before).for_each(|_| pace.pushed_back());
        assert_eq!(pace.limit(), before / 2);
        pace.pushed_back();
        assert_eq!(pace.limit(), before / 4);
        (0..100).for_each(|_| pace.pushed_back());
        assert_eq!(pace.limit(), 1);
        run(&mut pace, 1, 100, 1.0);
        assert_eq!(pace.limit(), 2);
        pace.answered(1.0, 0, 0);
        assert!(pace.limit() <= 2);
    }

    #[test]
    fn what_is_slow_for_good_becomes_usual() {
        let mut pace = Pace::default();
        run(&mut pace, 100, 8, 1.0);
        run(&mut pace, 20, 8, 5.0);
        let slow = pace.limit();
        run(&mut pace, 2000, 8, 5.0);
        assert!(slow < 8 && pace.limit() >= 8, "{slow} {pace:?}");
    }
}
