//! Comments behind values. The format has none: what looks like one is part of the value.

use super::ini::Entry;
use super::problem::Problem;

/// Cure for a comment behind a value.
pub(super) const CURE: &str = "a comment cannot follow a value: move it to a line of its own";

/// Keys whose values are prose.
pub(super) const PROSE: [&str; 3] = ["outlier_type", "outlier_reason", "outlier_summary"];

/// True for keys whose values may hold any text, and are never shown.
pub(super) fn is_secret(key: &str) -> bool {
    const ENDS: [&str; 6] = ["password", "smtp_pass", "api_key", "bearer_auth", "hmac_secret", "token"];
    ["url", "headers"].contains(&key) || ENDS.iter().any(|end| key.ends_with(end))
}

/// Form in which a comment is recognised.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `#` or `;` after a blank.
    Tight,
    /// `#` or `;` between blanks, for values that may hold prose or patterns.
    Wide,
}

/// Returns a warning if the value of `entry` seems to end in a comment.
pub(super) fn warning(entry: &Entry, section: &str, form: Form) -> Option<Problem> {
    let at = start(entry.value.text(), form)?;
    let sign = &entry.value.text()[at..=at];
    let message = format!("what follows the `{sign}` is part of the value, not a comment");
    let problem = Problem::warning(message).at(entry.value.location_at(at)).in_section(section).of_key(&entry.key);
    Some(problem.help("move the comment to a line of its own"))
}

/// Byte at which a comment seems to begin. It does not begin inside double quotes or JSON.
pub(super) fn start(value: &str, form: Form) -> Option<usize> {
    let enclosed = match value.chars().next()? {
        '"' => value.rfind('"').unwrap_or(0),
        '{' | '[' => value.rfind(['}', ']']).unwrap_or(0),
        _ => 0,
    };
    let rest = &value[enclosed..];
    let is_comment = |at: usize| {
        let is_blank = |c: Option<char>| c.is_some_and(|c| matches!(c, ' ' | '\t'));
        let is_end = |c: Option<char>| c.is_none() || is_blank(c);
        is_blank(rest[..at].chars().next_back()) && (form == Form::Tight || is_end(rest[at + 1..].chars().next()))
    };
    rest.match_indices(['#', ';']).map(|(at, _)| at).find(|at| is_comment(*at)).map(|at| enclosed + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_begin_behind_a_blank() {
        for (value, tight, wide) in [
            ("1 ; on", Some(2), Some(2)),
            ("1 #on", Some(2), None),
            ("1\t# on", Some(2), Some(2)),
            ("a;b #", Some(4), Some(4)),
            ("C# code; more", None, None),
            ("#1", None, None),
            ("\" # \"", None, None),
            ("\" # \" ; x", Some(6), Some(6)),
            ("{\"a\": \" # \"} # x", Some(13), Some(13)),
            ("", None, None),
            ("é ; é", Some(3), Some(3)),
        ] {
            assert_eq!((start(value, Form::Tight), start(value, Form::Wide)), (tight, wide), "{value}");
        }
    }
}
