//! Numeric intervals `<low-high>` as regular expressions.

/// Returns a pattern for all numbers from `low` to `high`. With `digits` the numbers have exactly
/// that many digits, otherwise any number of leading zeros.
pub(super) fn interval(low: u32, high: u32, digits: Option<usize>) -> String {
    let mut alternatives = Vec::new();
    let mut from = u64::from(low);
    let high = u64::from(high);
    let n_digits = digits.unwrap_or(0);
    while from <= high {
        // one width at a time, so that both ends have the same number of digits
        let width = from.checked_ilog10().unwrap_or(0) + 1;
        let to = high.min(10_u64.pow(width) - 1);
        let (first, last) = (format!("{from:0n_digits$}"), format!("{to:0n_digits$}"));
        same_width(&first, &last, String::new(), &mut alternatives);
        from = to + 1;
    }
    let leading = if digits.is_some() { "" } else { "0*" };
    format!("{leading}(?:{})", alternatives.join("|"))
}

/// Splits a range of numbers of equal length into prefix, one digit class, and free digits.
fn same_width(low: &str, high: &str, prefix: String, alternatives: &mut Vec<String>) {
    let Some((first_low, rest_low)) = split_digit(low) else {
        alternatives.push(prefix);
        return;
    };
    let Some((first_high, rest_high)) = split_digit(high) else { return };
    let free = rest_low.len();
    if first_low == first_high {
        return same_width(rest_low, rest_high, format!("{prefix}{first_low}"), alternatives);
    }
    let low_is_whole = rest_low.bytes().all(|digit| digit == b'0');
    let high_is_whole = rest_high.bytes().all(|digit| digit == b'9');
    let from = if low_is_whole { first_low } else { first_low + 1 };
    let to = if high_is_whole { first_high } else { first_high - 1 };
    if !low_is_whole {
        same_width(rest_low, &"9".repeat(free), format!("{prefix}{first_low}"), alternatives);
    }
    if from <= to {
        alternatives.push(format!("{prefix}[{from}-{to}]{}", "[0-9]".repeat(free)));
    }
    if !high_is_whole {
        same_width(&"0".repeat(free), rest_high, format!("{prefix}{first_high}"), alternatives);
    }
}

fn split_digit(number: &str) -> Option<(u8, &str)> {
    let digit = number.bytes().next()?;
    Some((digit - b'0', &number[1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_exact() {
        for (low, high, digits) in
            [(0, 0, None), (1, 10, None), (7, 345, None), (99, 1000, None), (8, 11, Some(2)), (0, 150, Some(3))]
        {
            let regex = regex::Regex::new(&format!("^(?:{})$", interval(low, high, digits))).unwrap();
            for number in 0..1200_u32 {
                let text = digits.map_or(number.to_string(), |width| format!("{number:0width$}"));
                let expected = (low..=high).contains(&number);
                assert_eq!(regex.is_match(&text), expected, "{text} in <{low}-{high}>");
                if let Some(width) = digits {
                    assert!(!regex.is_match(&format!("{number:00$}", width + 1)), "{number} is too wide");
                }
            }
        }
        assert!(regex::Regex::new(&interval(0, u32::MAX, None)).is_ok());
    }
}
