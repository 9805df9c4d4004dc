//! Counts of what is attack, background or neither.

use serde::Serialize;

/// Meaning of the labels of an event, or of the documents of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// Some label says that it belongs to an attack.
    Attack,
    /// It is known not to.
    Background,
    /// Nothing is known.
    Neither,
}

impl Kind {
    /// Kind of something of this kind and of `other`: what is known counts, and an attack more than
    /// background.
    pub(super) fn or(self, other: Kind) -> Kind {
        self.min(other)
    }
}

/// Numbers by [`Kind`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    pub(super) attack: u64,
    pub(super) background: u64,
    pub(super) neither: u64,
}

impl Counts {
    pub(super) fn add(&mut self, kind: Kind) {
        *match kind {
            Kind::Attack => &mut self.attack,
            Kind::Background => &mut self.background,
            Kind::Neither => &mut self.neither,
        } += 1;
    }

    pub(super) fn total(&self) -> u64 {
        self.attack + self.background + self.neither
    }

    /// Share of the attack among what is known; `None` if nothing is.
    pub(super) fn precision(&self) -> Option<f64> {
        let n_known = self.attack + self.background;
        (n_known > 0).then(|| self.attack as f64 / n_known as f64)
    }
}
