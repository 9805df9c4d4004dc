//! Exact sums: a fixed-point accumulator wide enough for every `f64`.

/// Number of 32-bit digits in the accumulator. Digit 0 starts at 2^-1074. Even the
/// sum of 2^64 products of the largest `f64` and the largest count ends below digit 71.
const N_DIGITS: usize = 72;

/// Exponent of the lowest bit of digit 0.
const LOWEST_EXPONENT: i32 = -1074;

/// Number of additions before carries must be resolved. Each changes a digit by less than 2^32, so
/// this many cannot overflow an `i64`.
const MAX_UNCARRIED: u32 = 1 << 30;

/// Sum of `f64` values with counts, not rounded until it is read.
///
/// The accumulator is a fixed-point number of signed digits with delayed carries (R. M. Neal, "Fast
/// exact summation using small and large superaccumulators", 2015). The result therefore depends
/// neither on the order of the additions nor on merges. NaN and infinities behave as in ordinary
/// addition.
#[derive(Clone, Debug)]
pub struct ExactSum {
    digits: [i64; N_DIGITS],
    /// First and last digit that may be non-zero; first > last if there are none.
    first: usize,
    last: usize,
    uncarried: u32,
    /// Sum of the non-finite values; 0 if there were none.
    special: f64,
}

impl Default for ExactSum {
    fn default() -> Self {
        Self { digits: [0; N_DIGITS], first: N_DIGITS, last: 0, uncarried: 0, special: 0.0 }
    }
}

impl ExactSum {
    /// Creates an empty sum, which is 0.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `value`.
    pub fn add(&mut self, value: f64) {
        self.add_times(value, 1);
    }

    /// Adds `value` `count` times.
    pub fn add_times(&mut self, value: f64, count: u64) {
        if !value.is_finite() {
            self.special += if count > 0 { value } else { 0.0 };
            return;
        }
        let bits = value.to_bits();
        let biased = (bits >> 52) & 0x7ff;
        let fraction = bits & ((1 << 52) - 1);
        let mantissa = if biased == 0 { fraction } else { fraction | (1 << 52) };
        let position = biased.saturating_sub(1) as usize;
        let (digit, shift) = (position / 32, position % 32);
        let negative = bits >> 63 == 1;
        let (low, high) = (count & 0xffff_ffff, count >> 32);
        self.add_shifted((u128::from(mantissa) * u128::from(low)) << shift, digit, negative);
        if high > 0 {
            self.add_shifted((u128::from(mantissa) * u128::from(high)) << shift, digit + 1, negative);
        }
    }

    /// Adds everything added to `other`.
    pub fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        other.carry();
        self.carry();
        for (digit, more) in self.digits.iter_mut().zip(other.digits) {
            *digit += more;
        }
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.special += other.special;
        self.carry();
    }

    /// Returns the sum, rounded once to the nearest `f64` (ties to even).
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.divided_by(1)
    }

    /// Returns the sum divided by `n`: the exact quotient, rounded once. NaN if `n` is 0.
    #[must_use]
    pub fn divided_by(&self, n: u64) -> f64 {
        if n == 0 {
            return f64::NAN;
        }
        if self.special != 0.0 {
            return self.special;
        }
        let mut magnitude = self.clone();
        let negative = magnitude.make_positive();
        let quotient = magnitude.divide(n).map_or(0.0, Quotient::round);
        if negative { -quotient } else { quotient }
    }

    /// Adds `amount * 2^(32 * digit - 1074)`; `amount` must be below 2^117.
    fn add_shifted(&mut self, amount: u128, digit: usize, negative: bool) {
        let sign = i64::from(negative); // 1 if negative: the XOR and the addition below negate
        let window = &mut self.digits[digit..digit + 4];
        for (i, place) in window.iter_mut().enumerate() {
            let part = i64::from((amount >> (32 * i)) as u32);
            *place += (part ^ -sign) + sign;
        }
        self.first = self.first.min(digit);
        self.last = self.last.max(digit + 3);
        self.uncarried += 1;
        if self.uncarried >= MAX_UNCARRIED {
            self.carry();
        }
    }

    /// Brings every digit except the last one in use into `0..2^32`; the last one keeps the sign of
    /// the number.
    fn carry(&mut self) {
        self.uncarried = 0;
        let mut carry = 0;
        for digit in self.first..=self.last {
            let total = self.digits[digit] + carry;
            let keeps_sign = digit == self.last && total.unsigned_abs() < 1 << 32;
            carry = if keeps_sign { 0 } else { total >> 32 };
            self.digits[digit] = total - (carry << 32);
        }
        if carry != 0 {
            self.last += 1;
            self.digits[self.last] += carry;
        }
    }

    /// Resolves carries and negates the number if it is negative. Returns true if it was negative.
    fn make_positive(&mut self) -> bool {
        self.carry();
        let negative = self.first <= self.last && self.digits[self.last] < 0;
        if negative {
            for digit in &mut self.digits[self.first..=self.last] {
                *digit = -*digit;
            }
            self.carry();
        }
        negative
    }

    /// Leading bits of the number divided by `n`; `None` if the number is 0. Carries must be
    /// resolved and the number must not be negative.
    fn divide(&self, n: u64) -> Option<Quotient> {
        let mut quotient = Quotient { leading: 0, exponent: 0, inexact: false };
        let mut remainder = 0_u64;
        let mut n_leading = 0;
        let mut digits = self.digits.get(self.first..=self.last).unwrap_or_default().iter().rev();
        let mut position = i32::try_from(self.last).unwrap_or(0);
        if digits.clone().all(|&digit| digit == 0) {
            return None;
        }
        while n_leading < 3 {
            let digit = digits.next().map_or(0, |&digit| digit.cast_unsigned());
            let part = divide_digit(&mut remainder, digit, n);
            if n_leading > 0 || part > 0 {
                quotient.leading = (quotient.leading << 32) | u128::from(part);
                quotient.exponent = 32 * position + LOWEST_EXPONENT;
                n_leading += 1;
            }
            position -= 1;
        }
        quotient.inexact = remainder > 0 || digits.any(|&digit| digit != 0);
        Some(quotient)
    }
}

/// One step of long division: returns the next digit of the quotient.
fn divide_digit(remainder: &mut u64, digit: u64, n: u64) -> u64 {
    if n == 1 {
        return digit;
    }
    if n <= u64::from(u32::MAX) {
        let dividend = (*remainder << 32) | digit;
        *remainder = dividend % n;
        return dividend / n;
    }
    let dividend = (u128::from(*remainder) << 32) | u128::from(digit);
    *remainder = (dividend % u128::from(n)) as u64;
    (dividend / u128::from(n)) as u64
}

/// `leading * 2^exponent`, where `leading` has 65 to 96 bits; `inexact` means a remainder below
/// `2^exponent` was cut off.
struct Quotient {
    leading: u128,
    exponent: i32,
    inexact: bool,
}

impl Quotient {
    /// Rounds to the nearest `f64`, ties to even; handles subnormal numbers and overflow.
    fn round(self) -> f64 {
        let n_bits = 128 - self.leading.leading_zeros().cast_signed();
        let exponent = (self.exponent + n_bits - 53).max(LOWEST_EXPONENT);
        let shift = (exponent - self.exponent).cast_unsigned();
        if shift > 97 {
            return 0.0; // below half of the smallest subnormal number
        }
        let kept = (self.leading >> shift) as u64;
        let rest = self.leading & ((1 << shift) - 1);
        let half = 1_u128 << (shift - 1);
        let up = rest > half || (rest == half && (self.inexact || kept & 1 == 1));
        let mantissa = kept + u64::from(up);
        let biased = (exponent - LOWEST_EXPONENT + 1).cast_unsigned();
        if biased >= 0x7ff {
            return f64::INFINITY;
        }
        // The hidden bit adds 1 to the exponent field. A mantissa without it is subnormal; a
        // mantissa of 2^53 moves to the next exponent.
        f64::from_bits((u64::from(biased - 1) << 52) + mantissa)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::ExactSum;

    const MAX: f64 = f64::MAX;
    const TINY: f64 = f64::from_bits(1);

    fn check(values: &[(f64, u64)], n: u64, expected: f64) {
        for order in 0..2 {
            let mut sum = ExactSum::new();
            for idx in 0..values.len() {
                let (value, count) = values[if order == 0 { idx } else { values.len() - 1 - idx }];
                sum.add_times(value, count);
            }
            let got = sum.divided_by(n);
            let same = got == expected || (got.is_nan() && expected.is_nan());
            assert!(same, "{values:?} / {n}: {got:e}, not {expected:e}");
        }
    }

    #[test]
    fn ends_of_the_range() {
        check(&[], 1, 0.0);
        check(&[(MAX, 1)], 1, MAX);
        check(&[(MAX, 2)], 1, f64::INFINITY);
        check(&[(MAX, u64::MAX)], u64::MAX, MAX);
        check(&[(-MAX, u64::MAX), (-MAX, u64::MAX)], u64::MAX, -f64::INFINITY);
        check(&[(MAX, u64::MAX), (-MAX, u64::MAX), (1.5, 2)], 1, 3.0);
        check(&[(TINY, 1)], 1, TINY);
        check(&[(TINY, 1)], 2, 0.0); // tie to even
        check(&[(TINY, 3)], 2, 2.0 * TINY); // tie to even
        check(&[(TINY, 3)], 4, TINY);
        check(&[(TINY, 1)], u64::MAX, 0.0);
        check(&[(TINY, u64::MAX)], u64::MAX, TINY);
        check(&[(f64::MIN_POSITIVE, 1), (-TINY, 1)], 1, f64::MIN_POSITIVE - TINY);
        check(&[(1.0, 5)], 0, f64::NAN);
    }

    #[test]
    fn rounds_once_to_even() {
        let big = 9_007_199_254_740_992.0; // 2^53: its neighbours are 2 apart
        check(&[(big, 1), (1.0, 1)], 1, big);
        check(&[(big, 1), (3.0, 1)], 1, big + 4.0);
        check(&[(big, 1), (1.0, 1), (TINY, 1)], 1, big + 2.0);
        check(&[(-big, 1), (-1.0, 1), (-TINY, 1)], 1, -big - 2.0);
        check(&[(1.0, 1)], 3, 1.0 / 3.0);
        check(&[(1.0, 1)], 10_000_000_000, 1e-10);
        check(&[(0.1, 10)], 1, 1.0);
        check(&[(1e100, 1), (1.0, 1), (-1e100, 1)], 1, 1.0);
    }

    #[test]
    fn special_values_add_as_usual() {
        check(&[(f64::INFINITY, 1), (1.0, 1)], 2, f64::INFINITY);
        check(&[(f64::NEG_INFINITY, 3)], 1, f64::NEG_INFINITY);
        check(&[(f64::INFINITY, 1), (f64::NEG_INFINITY, 1)], 1, f64::NAN);
        check(&[(f64::NAN, 1), (1.0, 1)], 1, f64::NAN);
        check(&[(f64::NAN, 0), (1.0, 1)], 1, 1.0);
    }

    #[test]
    fn carries_do_not_grow_the_number() {
        let mut sum = ExactSum::new();
        for _ in 0..1000 {
            sum.merge(&ExactSum::new());
            sum.add(-1e-3);
            sum.carry();
        }
        assert_eq!(sum.sum(), -1.0);
        assert!(sum.last < 40, "digit {} is in use", sum.last);
    }

    proptest! {
        /// A quotient of integers that `f64` holds exactly equals a single floating-point division.
        #[test]
        fn quotients_of_integers(total in -(1_i64 << 53)..1 << 53, n in 1_u64..1 << 53) {
            check(&[(total as f64, 1)], n, total as f64 / n as f64);
        }

        #[test]
        fn a_count_is_repeated_addition(values in prop::collection::vec((-1e3..1e3_f64, 0_u64..40), 0..8)) {
            let mut once_each = ExactSum::new();
            for &(value, count) in &values {
                (0..count).for_each(|_| once_each.add(value));
            }
            check(&values, 1, once_each.sum());
        }

        #[test]
        fn a_large_count_is_two_halves(value in -1e3..1e3_f64, count in any::<u64>(), part in any::<u64>()) {
            let part = part % count.max(1);
            let mut halves = ExactSum::new();
            halves.add_times(value, part);
            halves.add_times(value, count - part);
            check(&[(value, count)], 7, halves.divided_by(7));
        }
    }
}
