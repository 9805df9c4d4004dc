//! Number of requests in flight: one more while throughput improves, half as many when the server
//! cannot keep up.

/// Requests in flight at the start.
const FIRST: usize = 2;

/// Maximum number of requests in flight.
const MOST: usize = 16;

/// One more request must lower the cost per document below this multiple of the previous cost, or
/// it is taken back.
const GAIN: f64 = 0.95;

/// The server is overloaded if documents cost and take at least this multiple of the usual.
const TOO_SLOW: f64 = 2.0;

/// Rate at which a permanently slower server becomes the usual.
const WEIGHT: f64 = 0.05;

/// Rounds to wait after a rise that did not help.
const PATIENCE: u32 = 8;

/// Additive increase, multiplicative decrease.
///
/// The cost of a document is the time of its request, divided by the documents in it and by the
/// requests that shared the server meanwhile. A server with room to spare answers several requests
/// in the time of one, so documents become cheaper; a busy one does not. Costs are compared in
/// rounds of as many answers as may be in flight, so that one slow answer changes nothing.
#[derive(Debug)]
pub(super) struct Pace {
    limit: usize,
    /// Usual cost of a document, and its usual time; `None` before the first round.
    usual: Option<[f64; 2]>,
    /// Cost before the last rise, until the next round shows its effect.
    before_rise: Option<f64>,
    /// Rounds left before the next rise.
    n_patient: u32,
    /// Number of answers in this round, with the sums of their costs and times.
    round: (usize, [f64; 2]),
    /// Outstanding answers to requests sent under another limit; they are ignored.
    n_settling: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { limit: FIRST, usual: None, before_rise: None, n_patient: 0, round: (0, [0.0; 2]), n_settling: 0 }
    }
}

impl Pace {
    /// Returns the number of requests that may be in flight now; at least one.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Records the answer to a full-sized request for `n_documents` after `seconds`. `n_under_way`
    /// requests, including this one, shared the server.
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
        // a few requests at a server with room to spare cost more but take no longer
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

    /// Records that the server was overloaded.
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

    /// Simulates a server that works on `n_at_once` requests at once, each in `seconds`; others
    /// wait.
    fn run(pace: &mut Pace, n_answers: usize, n_at_once: usize, seconds: f64) {
        for _ in 0..n_answers {
            let n_under_way = pace.limit();
            let seconds = seconds * (n_under_way as f64 / n_at_once as f64).max(1.0);
            pace.answered(seconds, 100, n_under_way);
        }
    }

    #[test]
    fn the_limit_settles_at_the_concurrency_of_the_server() {
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
    fn a_rise_without_gain_is_undone_and_tried_again_later() {
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
    fn the_limit_halves_when_documents_cost_twice_as_much() {
        let mut pace = Pace::default();
        run(&mut pace, 200, 8, 1.0);
        let before = pace.limit();
        // one slow answer among many changes nothing
        pace.answered(3.0, 100, before);
        assert_eq!(pace.limit(), before);
        run(&mut pace, 2 * before, 8, 3.0);
        assert!(pace.limit() <= before / 2, "{pace:?}");
    }

    #[test]
    fn the_limit_halves_under_back_pressure() {
        let mut pace = Pace::default();
        run(&mut pace, 200, 100, 1.0);
        let before = pace.limit();
        pace.pushed_back();
        assert_eq!(pace.limit(), before / 2);
        // those in flight say nothing new
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
    fn a_permanently_slower_server_becomes_the_usual() {
        let mut pace = Pace::default();
        run(&mut pace, 100, 8, 1.0);
        run(&mut pace, 20, 8, 5.0);
        let slow = pace.limit();
        run(&mut pace, 2000, 8, 5.0);
        assert!(slow < 8 && pace.limit() >= 8, "{slow} {pace:?}");
    }
}
