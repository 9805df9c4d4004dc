//! Letters of patterns.

use super::iso::Precision;

/// Parts of a time, by the letters that stand for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Letter {
    Year,
    Month,
    Day,
    DayOfYear,
    WeekYear,
    Week,
    Weekday,
    HalfOfDay,
    Hour,
    /// 1 to 24
    ClockHour,
    /// 1 to 12
    Hour12,
    /// 0 to 11
    Hour11,
    Minute,
    Second,
    Fraction,
    Zone,
}

impl Letter {
    /// Meaning of a letter of Java's patterns.
    pub(super) fn of(letter: char) -> Option<Self> {
        Some(match letter {
            'y' | 'u' => Letter::Year,
            'M' | 'L' => Letter::Month,
            'd' => Letter::Day,
            'D' => Letter::DayOfYear,
            'Y' => Letter::WeekYear,
            'w' => Letter::Week,
            'E' | 'e' => Letter::Weekday,
            'a' => Letter::HalfOfDay,
            'H' => Letter::Hour,
            'k' => Letter::ClockHour,
            'h' => Letter::Hour12,
            'K' => Letter::Hour11,
            'm' => Letter::Minute,
            's' => Letter::Second,
            'S' => Letter::Fraction,
            'Z' | 'X' | 'x' | 'z' | 'V' | 'O' => Letter::Zone,
            _ => return None,
        })
    }

    /// True if `count` of this letter are digits.
    pub(super) fn is_number(self, count: usize) -> bool {
        match self {
            Letter::HalfOfDay | Letter::Zone => false,
            Letter::Month => count < 3,
            Letter::Weekday => count == 1,
            _ => true,
        }
    }

    /// Last part of a time that is known with this one; `None` for parts that add nothing to it.
    pub(super) fn precision(self) -> Option<Precision> {
        Some(match self {
            Letter::Year => Precision::Year,
            Letter::Month => Precision::Month,
            Letter::Day | Letter::DayOfYear | Letter::WeekYear | Letter::Week => Precision::Day,
            Letter::Hour | Letter::ClockHour | Letter::Hour12 | Letter::Hour11 => Precision::Hour,
            Letter::Minute => Precision::Minute,
            Letter::Second => Precision::Second,
            Letter::Fraction => Precision::Fraction,
            Letter::Weekday | Letter::HalfOfDay | Letter::Zone => return None,
        })
    }
}
