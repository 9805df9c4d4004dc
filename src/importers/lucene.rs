//! Conditions as Lucene query strings, as far as these can say them.
//!
//! A query string cannot compare texts without case. But servers read its values leniently: a text
//! that does not fit the type of a field matches nothing there, where other queries fail. So what
//! has no letters, and what may be asked of numbers and addresses, is written in this form.

use super::condition::{Comparison, Condition, LetterCase, ValueTest};
use super::pattern::Pattern;

/// Upper limit on the characters of a regular expression; the same as in Elasticsearch.
pub(super) const MAX_REGEXP_CHARS: usize = 1000;

/// Returns the condition as a query string that can stand in a larger one; `None` if it has to be
/// written in the query DSL.
pub(super) fn clause(condition: &Condition) -> Option<String> {
    match condition {
        Condition::All(conditions) => Some(format!("({})", all(conditions)?)),
        Condition::Any(conditions) if conditions.is_empty() => Some("(*:* AND NOT *:*)".to_owned()),
        Condition::Any(conditions) => any(conditions),
        Condition::Not(inner) => Some(format!("(*:* AND NOT {})", clause(inner)?)),
        Condition::Field(field, test) => of_field(field, test),
        Condition::Anywhere(pattern) => anywhere(pattern),
        Condition::Written(text) => Some(format!("({text})")),
    }
}

/// As [`clause`], without parentheses around the whole.
pub(super) fn query(condition: &Condition) -> Option<String> {
    match condition {
        Condition::All(conditions) => all(conditions),
        Condition::Written(text) => Some(text.clone()),
        _ => clause(condition),
    }
}

fn all(conditions: &[Condition]) -> Option<String> {
    let (negative, positive): (Vec<_>, Vec<_>) =
        conditions.iter().partition(|condition| matches!(condition, Condition::Not(_)));
    let mut clauses = positive.into_iter().map(clause).collect::<Option<Vec<_>>>()?;
    if clauses.is_empty() {
        clauses.push("*:*".to_owned());
    }
    for condition in negative {
        if let Condition::Not(inner) = condition {
            clauses.push(format!("NOT {}", clause(inner)?));
        }
    }
    Some(clauses.join(" AND "))
}

/// Values of one field are written as one group.
fn any(conditions: &[Condition]) -> Option<String> {
    if let [Condition::Field(field, _), ..] = conditions
        && let Some(values) = conditions.iter().map(|condition| values_of(condition, field)).collect::<Option<Vec<_>>>()
    {
        return Some(format!("{}:({})", name(field), values.concat().join(" OR ")));
    }
    let clauses = conditions.iter().map(clause).collect::<Option<Vec<_>>>()?;
    Some(format!("({})", clauses.join(" OR ")))
}

/// Returns the values any of which the condition asks for, if it is about `field`.
fn values_of(condition: &Condition, field: &str) -> Option<Vec<String>> {
    match condition {
        Condition::Field(own, test) if own == field => values(test),
        _ => None,
    }
}

fn of_field(field: &str, test: &ValueTest) -> Option<String> {
    if *test == ValueTest::Exists {
        return Some(format!("_exists_:{}", name(field)));
    }
    let values = values(test)?;
    Some(match values.as_slice() {
        [value] => format!("{}:{value}", name(field)),
        _ => format!("{}:({})", name(field), values.join(" OR ")),
    })
}

/// Returns the values any of which a field must have.
fn values(test: &ValueTest) -> Option<Vec<String>> {
    Some(match test {
        ValueTest::Text(pattern, case) => return texts(pattern, *case),
        ValueTest::Number(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => vec![number.clone()],
        ValueTest::Number(number) => vec![quoted(number)],
        ValueTest::Bool(true) => ["true", "True", "TRUE"].map(str::to_owned).to_vec(),
        ValueTest::Bool(false) => ["false", "False", "FALSE"].map(str::to_owned).to_vec(),
        ValueTest::Regexp(pattern) => vec![regexp(pattern)?],
        ValueTest::Compared(comparison, number) => vec![match comparison {
            Comparison::Less => format!("[* TO {number}}}"),
            Comparison::LessOrEqual => format!("[* TO {number}]"),
            Comparison::Greater => format!("{{{number} TO *]"),
            Comparison::GreaterOrEqual => format!("[{number} TO *]"),
        }],
        ValueTest::Network(network, starts) => {
            let starts = starts.iter().map(|start| if is_whole_address(start) { quoted(start) } else { prefix(start) });
            [quoted(network)].into_iter().chain(starts).collect()
        }
        ValueTest::Exists => return None,
    })
}

fn texts(pattern: &Pattern, case: LetterCase) -> Option<Vec<String>> {
    if pattern.literals().any(|text| text.chars().any(|c| c.is_control())) {
        return None;
    }
    let has_case = pattern.literals().any(|text| text.chars().any(|c| c.is_ascii_alphabetic()));
    if case == LetterCase::Ignored && has_case {
        return any_case(pattern);
    }
    if let Some(text) = pattern.as_literal() {
        return Some(vec![quoted(text)]);
    }
    let Some(wildcard) = wildcard(pattern) else { return Some(vec![regexp(&pattern.regexp())?]) };
    let network = pattern.as_prefix().and_then(network_of_prefix);
    Some(network.map(|network| quoted(&network)).into_iter().chain([wildcard]).collect())
}

/// Texts in both cases that may be asked of fields that are not texts: truth values and parts of
/// IPv6 addresses.
fn any_case(pattern: &Pattern) -> Option<Vec<String>> {
    if let Some(text) = pattern.as_literal()
        && let Some(value) = [true, false].into_iter().find(|value| text.eq_ignore_ascii_case(&value.to_string()))
    {
        return values(&ValueTest::Bool(value));
    }
    let is_address = |text: &str| text.contains(':') && text.chars().all(|c| c.is_ascii_hexdigit() || c == ':');
    if pattern.has_dashes() || !pattern.literals().all(is_address) {
        return None;
    }
    let of_case = |change: fn(&str) -> String| match pattern.map_literal(change) {
        Some(literal) => literal.as_literal().map(quoted),
        None => pattern.as_prefix().map(|text| prefix(&change(text))),
    };
    let (lower, upper) = (of_case(str::to_ascii_lowercase)?, of_case(str::to_ascii_uppercase)?);
    Some(vec![lower, upper])
}

/// Returns the network of all addresses that begin with whole parts of an IPv4 address.
fn network_of_prefix(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.strip_suffix('.')?.split('.').collect();
    let is_valid = parts.iter().all(|part| part.parse::<u8>().is_ok_and(|number| number.to_string() == *part));
    let zeros = ".0".repeat(4_usize.checked_sub(parts.len())?);
    (is_valid && parts.len() < 4).then(|| format!("{}{zeros}/{}", parts.join("."), 8 * parts.len()))
}

fn is_whole_address(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok()
}

fn anywhere(pattern: &Pattern) -> Option<String> {
    let expression = regexp(&pattern.regexp_ignoring_case())?;
    let words: Vec<&str> = pattern.literals().collect();
    // analyzed text is compared word by word
    match words.as_slice() {
        [phrase] if !phrase.chars().any(char::is_control) => Some(format!("({expression} OR {})", quoted(phrase))),
        _ => Some(expression),
    }
}

fn regexp(pattern: &str) -> Option<String> {
    if pattern.is_empty() || pattern.chars().any(char::is_control) || pattern.chars().count() > MAX_REGEXP_CHARS {
        return None;
    }
    // a slash behind a backslash does not end the expression
    Some(match pattern.strip_suffix("\\\\") {
        Some(start) => format!("/{start}[\\\\]/"),
        None => format!("/{pattern}/"),
    })
}

/// Returns a pattern with its wildcards; `None` if it has dashes.
fn wildcard(pattern: &Pattern) -> Option<String> {
    let plain = pattern.wildcard()?;
    let mut written = String::new();
    let mut chars = plain.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' | '?' => written.push(c),
            '\\' => push_escaped(&mut written, chars.next().unwrap_or('\\')),
            _ => push_escaped(&mut written, c),
        }
    }
    Some(written)
}

fn prefix(text: &str) -> String {
    let mut written = String::new();
    text.chars().for_each(|c| push_escaped(&mut written, c));
    written.push('*');
    written
}

/// Returns the name of a field, as it stands before the colon.
pub(super) fn name(field: &str) -> String {
    let mut written = String::new();
    field.chars().for_each(|c| push_escaped(&mut written, c));
    written
}

fn push_escaped(written: &mut String, c: char) {
    if !c.is_alphanumeric() && !matches!(c, '_' | '.' | '@' | ',') {
        written.push('\\');
    }
    written.push(c);
}

pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
