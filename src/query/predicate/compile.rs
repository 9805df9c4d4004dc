//! Compiles a test and the type of its field into predicates on single values.

use std::ops::{Bound, RangeBounds};

use chrono::{DateTime, Utc};

use super::fuzzy::FuzzyText;
use super::range::{Bounds, UntypedRange, read_bound, read_bounds, stored};
use super::text::{TextReading, TextTest, WordTest};
use super::{Predicate, Terms, address, address_number};
use crate::event::time::{MICROS_PER_MILLI, Parsed, Precision, TimeFormats};
use crate::query::ast::{MinimumShouldMatch, Operator, Test, ZeroTerms};
use crate::query::mapping::{DateResolution, FieldType, NumberKind};
use crate::query::number::Number;
use crate::query::regexp::{LuceneRegexp, Wildcard};
use crate::query::time::{ParseTime, Rounding, evaluate, is_expression, parse_with_offset};
use crate::query::words::Analyzer;

/// Result of compiling a test. A predicate holds for an event if some value of the field passes it.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// Every event.
    All,
    /// No event.
    None,
    /// The test is dropped, as if it had not been written.
    Dropped,
    /// Some value passes.
    Is(Predicate),
    /// Each predicate is passed by some value.
    Every(Vec<Predicate>),
    /// At least this many predicates are passed by some value.
    AtLeast(usize, Vec<Predicate>),
}

/// Reason why a field cannot be tested, in words for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Possible in Elasticsearch, but not on files.
    Unknowable(String),
    /// The type of the field has no such test. Elasticsearch rejects it, or matches nothing if it
    /// is lenient.
    Mismatch(String),
}

/// Compiles `test` for values of `field_type`. Date math starts from `now`.
pub(crate) fn compile(test: &Test, field_type: &FieldType, now: DateTime<Utc>) -> Result<Shape, Refusal> {
    let predicate = match (test, field_type) {
        (Test::Exists, FieldType::Keyword { ignore_above, .. }) => Predicate::Exists { ignore_above: *ignore_above },
        (Test::Exists, FieldType::Constant(_)) => return Ok(Shape::All),
        (Test::Exists, _) => Predicate::Exists { ignore_above: None },
        (_, FieldType::Untyped) => untyped(test, TextReading::default(), None, now)?,
        (_, FieldType::Time(formats)) => untyped(test, TextReading::default(), Some(formats), now)?,
        (_, FieldType::Mixed) => {
            untyped(test, TextReading { strings_only: true, ..TextReading::default() }, None, now)?
        }
        (_, FieldType::Keyword { ignore_above, lowercase }) => {
            let reading = TextReading { ignore_above: *ignore_above, lowercase: *lowercase, strings_only: false };
            Predicate::Whole { reading, test: keyword(test, reading)? }
        }
        (_, FieldType::Constant(value)) => {
            let passes = keyword(test, TextReading::default())?.matches(value);
            return Ok(if passes { Shape::All } else { Shape::None });
        }
        (_, FieldType::Text(analyzer)) => return words(test, *analyzer),
        (_, FieldType::Number(kind)) => number(test, *kind)?,
        (_, FieldType::Date(resolution, formats)) => date(test, *resolution, formats, now)?,
        (_, FieldType::Ip) => ip(test)?,
        (_, FieldType::Boolean) => boolean_field(test)?,
        (_, FieldType::Opaque(reason)) => return Err(Refusal::Unknowable(reason.clone())),
        (_, FieldType::Unsearchable(reason)) => return Err(Refusal::Mismatch(reason.clone())),
    };
    Ok(Shape::Is(predicate))
}

/// Compiles a test of values of unknown type. `times`: formats of the values, if they are known to
/// be times.
fn untyped(
    test: &Test,
    reading: TextReading,
    times: Option<&TimeFormats>,
    now: DateTime<Utc>,
) -> Result<Predicate, Refusal> {
    if let Some((values, case_insensitive)) = exact_values(test) {
        let terms = Predicate::Terms(Terms::new(values, case_insensitive));
        return Ok(values.iter().filter_map(|value| same_time(value, times, now)).fold(terms, Predicate::or));
    }
    if let Test::Range { lower, upper, offset_minutes, .. } = test {
        return untyped_range(lower, upper, *offset_minutes, times, now).map(|range| Predicate::Range(Box::new(range)));
    }
    Ok(Predicate::Whole { reading, test: keyword(test, reading)? })
}

/// Returns a test for the same time as `value`, in any notation and precision; `None` if `value` is
/// not a time.
fn same_time(value: &str, formats: Option<&TimeFormats>, now: DateTime<Utc>) -> Option<Predicate> {
    let bound = Bound::Included(value.to_owned());
    let range = untyped_range(&bound, &bound, 0, formats, now).ok()?;
    range.times.is_some().then(|| Predicate::Range(Box::new(range)))
}

fn untyped_range(
    lower: &Bound<String>,
    upper: &Bound<String>,
    offset_minutes: i32,
    formats: Option<&TimeFormats>,
    now: DateTime<Utc>,
) -> Result<UntypedRange, Refusal> {
    let has_expression = |bound: &Bound<String>| match bound {
        Bound::Included(text) | Bound::Excluded(text) => is_expression(text),
        Bound::Unbounded => false,
    };
    let time = |bound: &Bound<String>, end: End| match of_formats(formats, |parse| {
        instant(bound, end, offset_minutes, DateResolution::Millis, parse, now)
    }) {
        Err(refusal) if has_expression(bound) => Err(refusal),
        time => Ok(time.ok()),
    };
    let times = time(lower, End::Lower)?.zip(time(upper, End::Upper)?);
    let has_expression = has_expression(lower) || has_expression(upper);
    if has_expression && times.is_none() {
        return Err(Refusal::Mismatch("one bound is a time and the other is not".to_owned()));
    }
    Ok(UntypedRange {
        booleans: read_bounds(lower, upper, str::parse).ok(),
        numbers: read_bounds(lower, upper, |text| Number::parse(text).ok_or(())).ok(),
        times,
        texts: (!has_expression).then(|| (lower.clone(), upper.clone())),
        formats: formats.cloned(),
    })
}

fn keyword(test: &Test, reading: TextReading) -> Result<TextTest, Refusal> {
    text_test(test, |text| reading.normalize(text).into_owned())
}

/// Returns the exact values of a test, and true if case is ignored. Full text on a field without
/// words is matched as a whole.
fn exact_values(test: &Test) -> Option<(&[String], bool)> {
    match test {
        Test::Match { text, .. } | Test::Phrase { text, .. } => Some((std::slice::from_ref(text), false)),
        Test::Terms { values, case_insensitive } => Some((values, *case_insensitive)),
        _ => None,
    }
}

/// Compiles a test on a text that is one term of the index; `normalize` converts to the form of
/// terms.
fn text_test(test: &Test, normalize: impl Fn(&str) -> String) -> Result<TextTest, Refusal> {
    if let Some((values, case_insensitive)) = exact_values(test) {
        let values = values.iter().map(|value| normalize(value)).collect();
        return Ok(if case_insensitive { TextTest::EqualIgnoringCase(values) } else { TextTest::Equal(values) });
    }
    Ok(match test {
        Test::Prefix { text, case_insensitive: true, .. } => TextTest::PrefixIgnoringCase(normalize(text)),
        Test::Prefix { text, .. } => TextTest::Prefix(normalize(text)),
        Test::Wildcard { pattern, case_insensitive, .. } => TextTest::Wildcard(
            Wildcard::new(&normalized_pattern(pattern, &normalize), *case_insensitive)
                .map_err(|error| Refusal::Unknowable(error.message))?,
        ),
        Test::Regexp { pattern, case_insensitive, flags } => TextTest::Regexp(
            LuceneRegexp::new(pattern, *case_insensitive, *flags)
                .map_err(|error| Refusal::Unknowable(error.message))?,
        ),
        Test::Fuzzy { text, edits, prefix_length, transpositions, .. } => {
            let text = normalize(text);
            let edits = edits.for_length(text.chars().count());
            TextTest::Fuzzy(FuzzyText::new(&text, edits, *prefix_length, *transpositions))
        }
        Test::Range { lower, upper, .. } => {
            let bound = |bound: &Bound<String>| bound.as_ref().map(|text| normalize(text));
            TextTest::Range((bound(lower), bound(upper)))
        }
        Test::Exists | Test::Match { .. } | Test::Phrase { .. } | Test::Terms { .. } => {
            return Err(Refusal::Mismatch("this is no test of a term".to_owned()));
        }
    })
}

/// Normalizes a wildcard pattern; escaped characters stay as they are.
fn normalized_pattern(pattern: &str, normalize: impl Fn(&str) -> String) -> String {
    let mut normalized = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c == '\\' {
            normalized.push(c);
            normalized.extend(chars.next());
        } else {
            normalized += &normalize(c.encode_utf8(&mut [0; 4]));
        }
    }
    normalized
}

fn words(test: &Test, analyzer: Analyzer) -> Result<Shape, Refusal> {
    let word = |word: String| Predicate::Words(WordTest::Some(analyzer, TextTest::Equal(vec![word])));
    match test {
        Test::Match { text, operator, minimum_should_match, zero_terms } => {
            let mut tests: Vec<Predicate> = analyzer.words(text).into_iter().map(word).collect();
            Ok(match tests.len() {
                0 => of_nothing(*zero_terms),
                1 => Shape::Is(tests.remove(0)),
                _ => many_words(tests, *operator, *minimum_should_match),
            })
        }
        Test::Phrase { text, slop, zero_terms } => {
            let mut words = analyzer.words(text);
            Ok(match words.len() {
                0 => of_nothing(*zero_terms),
                1 => Shape::Is(word(words.remove(0))),
                _ => Shape::Is(Predicate::Words(WordTest::Phrase(analyzer, words, *slop))),
            })
        }
        _ => {
            let test =
                text_test(test, |text| if normalizes(test) { analyzer.normalize(text) } else { text.to_owned() })?;
            Ok(Shape::Is(Predicate::Words(WordTest::Some(analyzer, test))))
        }
    }
}

fn normalizes(test: &Test) -> bool {
    match test {
        Test::Prefix { normalize, .. }
        | Test::Wildcard { normalize, .. }
        | Test::Fuzzy { normalize, .. }
        | Test::Range { normalize, .. } => *normalize,
        // terms are not analyzed: a term with capitals never occurs in a standard text field
        _ => false,
    }
}

fn of_nothing(zero_terms: ZeroTerms) -> Shape {
    match zero_terms {
        ZeroTerms::Drop => Shape::Dropped,
        ZeroTerms::MatchAll => Shape::All,
        ZeroTerms::MatchNone => Shape::None,
    }
}

fn many_words(tests: Vec<Predicate>, operator: Operator, minimum: Option<MinimumShouldMatch>) -> Shape {
    match (operator, minimum) {
        (Operator::And, _) => Shape::Every(tests),
        (Operator::Or, Some(minimum)) => Shape::AtLeast(minimum.of(tests.len()).max(1), tests),
        (Operator::Or, None) => Shape::AtLeast(1, tests),
    }
}

fn number(test: &Test, kind: NumberKind) -> Result<Predicate, Refusal> {
    let read = |text: &str| {
        let number = Number::parse(text)
            .ok_or_else(|| Refusal::Mismatch(format!("`{}` is not a number", text.escape_debug())))?;
        // an integer field holds no fractions: 5.5 equals nothing there and lies between 5 and 6
        Ok::<_, Refusal>(if kind == NumberKind::Whole { number } else { stored(number, kind) })
    };
    if let Some((values, _)) = exact_values(test) {
        return any_of(values, |value| {
            let number = Bound::Included(read(value)?);
            Ok(Predicate::Number { kind, bounds: (number, number) })
        });
    }
    let Test::Range { lower, upper, .. } = test else { return Err(not_this_way("a number")) };
    Ok(Predicate::Number { kind, bounds: read_bounds(lower, upper, read)? })
}

fn date(
    test: &Test,
    resolution: DateResolution,
    formats: &TimeFormats,
    now: DateTime<Utc>,
) -> Result<Predicate, Refusal> {
    let range = |lower: &Bound<String>, upper: &Bound<String>, offset| {
        let bounds = of_formats(Some(formats).filter(|formats| !formats.is_empty()), |parse| {
            let from = instant(lower, End::Lower, offset, resolution, parse, now)?;
            Ok::<_, Refusal>((from, instant(upper, End::Upper, offset, resolution, parse, now)?))
        })?;
        Ok(Predicate::Time { resolution, formats: formats.clone(), bounds })
    };
    if let Some((values, _)) = exact_values(test) {
        return any_of(values, |value| {
            let bound = Bound::Included(value.clone());
            range(&bound, &bound, 0)
        });
    }
    let Test::Range { lower, upper, offset_minutes, .. } = test else { return Err(not_this_way("a date")) };
    range(lower, upper, *offset_minutes)
}

/// Calls `read` with what reads plain times in queries: `formats`, or the default of Elasticsearch.
fn of_formats<T>(formats: Option<&TimeFormats>, read: impl FnOnce(&ParseTime<'_>) -> T) -> T {
    match formats {
        Some(formats) => read(&|text, offset_minutes| formats.dated(text, offset_minutes)),
        None => read(&parse_with_offset),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Lower,
    Upper,
}

/// Returns the instant at which a range begins or ends. `gt` and `lte` mean the end of the written
/// time, `gte` and `lt` its start.
fn instant(
    bound: &Bound<String>,
    end: End,
    offset_minutes: i32,
    resolution: DateResolution,
    parse: &ParseTime<'_>,
    now: DateTime<Utc>,
) -> Result<Bound<i64>, Refusal> {
    let rounding = match (end, bound) {
        (End::Lower, Bound::Included(_)) | (End::Upper, Bound::Excluded(_)) => Rounding::Down,
        _ => Rounding::Up,
    };
    read_bound(bound, |text| {
        let millis = evaluate(parse, text, now, rounding, offset_minutes).map_err(Refusal::Mismatch)?;
        if resolution == DateResolution::Millis {
            return Ok(millis);
        }
        // nanosecond fields keep the part below milliseconds
        Ok(match (parse(text, offset_minutes), rounding) {
            (Some(Parsed { micros, precision: Precision::Fraction }), _) => micros,
            (_, Rounding::Up) => millis + MICROS_PER_MILLI - 1,
            (_, Rounding::Down) => millis,
        })
    })
}

fn ip(test: &Test) -> Result<Predicate, Refusal> {
    let wrong = |text: &str| Refusal::Mismatch(format!("`{}` is not an address or network", text.escape_debug()));
    if let Some((values, _)) = exact_values(test) {
        return any_of(values, |value| {
            let (first, last) = network(value).ok_or_else(|| wrong(value))?;
            Ok(Predicate::Address((Bound::Included(first), Bound::Included(last))))
        });
    }
    let Test::Range { lower, upper, .. } = test else { return Err(not_this_way("an address")) };
    read_bounds(lower, upper, |text| address(text).ok_or_else(|| wrong(text))).map(Predicate::Address)
}

/// Returns the first and last address of `10.0.0.0/8`; a single address is both.
fn network(text: &str) -> Option<(u128, u128)> {
    let Some((base, bits)) = text.split_once('/') else { return address(text).map(|address| (address, address)) };
    let base: std::net::IpAddr = base.trim().parse().ok()?;
    let width = if base.is_ipv4() { 32 } else { 128 };
    let bits: u32 = bits.trim().parse().ok().filter(|bits| *bits <= width)?;
    let free = u128::MAX.checked_shr(128 - (width - bits)).unwrap_or(0);
    let base = address_number(base);
    Some((base & !free, base | free))
}

fn boolean_field(test: &Test) -> Result<Predicate, Refusal> {
    let read = |text: &str| {
        let wrong = |_| Refusal::Mismatch(format!("`{}` is neither true nor false", text.escape_debug()));
        // in a query an empty text is not false, unlike in an event
        text.parse().map_err(wrong)
    };
    if let Some((values, _)) = exact_values(test) {
        return any_of(values, |value| read(value).map(Predicate::Boolean));
    }
    let Test::Range { lower, upper, .. } = test else { return Err(not_this_way("a boolean")) };
    let bounds: Bounds<bool> = read_bounds(lower, upper, read)?;
    let inside = [false, true].into_iter().filter(|flag| bounds.contains(flag));
    Ok(Predicate::AnyOf(inside.map(Predicate::Boolean).collect()))
}

fn any_of(values: &[String], compile: impl Fn(&String) -> Result<Predicate, Refusal>) -> Result<Predicate, Refusal> {
    let mut tests = values.iter().map(compile).collect::<Result<Vec<_>, _>>()?;
    Ok(if tests.len() == 1 { tests.remove(0) } else { Predicate::AnyOf(tests) })
}

fn not_this_way(what: &str) -> Refusal {
    Refusal::Mismatch(format!("it is {what}: only values, ranges and existence can be asked for"))
}
