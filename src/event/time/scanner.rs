//! Reads a time from left to right.

/// Names of the months, of which the first three letters are the short forms.
pub(super) const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Rest of a text that is being read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scanner<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Scanner { rest: text.as_bytes() }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Skips `byte`; false if something else comes next.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    /// Skips blanks; false if there are none.
    pub(super) fn blanks(&mut self) -> bool {
        !self.take(|byte| byte == b' ' || byte == b'\t').is_empty()
    }

    /// Takes all digits that come next.
    pub(super) fn digits(&mut self) -> &'a [u8] {
        self.take(|byte| byte.is_ascii_digit())
    }

    /// Takes all letters that come next.
    pub(super) fn letters(&mut self) -> &'a [u8] {
        self.take(|byte| byte.is_ascii_alphabetic())
    }

    /// Reads exactly `n` digits, at most nine; there may be more after them.
    pub(super) fn number(&mut self, n: usize) -> Option<u32> {
        let found = self.rest.get(..n).filter(|found| found.iter().all(u8::is_ascii_digit))?;
        self.rest = &self.rest[n..];
        Some(number_of(found))
    }

    /// Reads all digits that come next, between `least` and `most` of them; at most nine.
    pub(super) fn number_between(&mut self, least: usize, most: usize) -> Option<u32> {
        let found = self.digits();
        (least..=most).contains(&found.len()).then(|| number_of(found))
    }

    /// Reads the name of a month, in full or by three letters (`Sept` too), as 1 to 12.
    pub(super) fn month(&mut self) -> Option<u32> {
        let name = self.letters();
        let place = if name.eq_ignore_ascii_case(b"sept") { Some(8) } else { place_of(name, &MONTHS) };
        place.map(|place| place as u32 + 1)
    }

    /// Skips the name of a day of the week, in full or by three letters.
    pub(super) fn weekday(&mut self) -> bool {
        let before = self.rest;
        let found = place_of(self.letters(), &WEEKDAYS).is_some();
        if !found {
            self.rest = before;
        }
        found
    }

    fn take(&mut self, is_wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let n = self.rest.iter().take_while(|byte| is_wanted(**byte)).count();
        let (taken, rest) = self.rest.split_at(n);
        self.rest = rest;
        taken
    }
}

fn number_of(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |number: u32, digit| number.wrapping_mul(10).wrapping_add(u32::from(digit - b'0')))
}

fn place_of(name: &[u8], names: &[&str]) -> Option<usize> {
    names.iter().position(|known| {
        name.eq_ignore_ascii_case(known.as_bytes()) || name.eq_ignore_ascii_case(&known.as_bytes()[..3])
    })
}
