//! Compiles a test and the type of its field into predicates on single values.

use chrono::{DateTime, Utc};

use super::fuzzy::FuzzyText;
use super::range::{UntypedBound, UntypedRange, is_inside, stored};
use super::text::{TextReading, TextTest, WordTest};
use super::{NumberRange, Predicate, Terms, address, address_number, boolean};
use crate::query::ast::{Bound, Edits, MinimumShouldMatch, Operator, Test, ZeroTerms};
use crate::query::mapping::{FieldType, NumberKind};
use crate::query::number::Number;
use crate::query::regexp::{LuceneRegexp, wildcard};
use crate::query::time::{MICROS_PER_MILLI, Rounding, evaluate, is_expression, parse_with_offset};
use crate::query::words::Analyzer;

/// Inputs of a test besides the type of its field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    /// Time that `now` stands for in date math.
    pub now: DateTime<Utc>,
}

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

/// Compiles `test` for values of `field_type`.
pub(crate) fn compile(test: &Test, field_type: &FieldType, context: Context) -> Result<Shape, Refusal> {
    match (test, field_type) {
        (Test::Exists, FieldType::Keyword { ignore_above, .. }) => {
            Ok(Shape::Is(Predicate::Exists { ignore_above: *ignore_above }))
        }
        (Test::Exists, FieldType::Constant(_)) => Ok(Shape::All),
        (Test::Exists, _) => Ok(Shape::Is(Predicate::Exists { ignore_above: None })),
        (_, FieldType::Untyped) => untyped(test, TextReading::default(), context).map(Shape::Is),
        (_, FieldType::Mixed) => {
            untyped(test, TextReading { strings_only: true, ..TextReading::default() }, context).map(Shape::Is)
        }
        (_, FieldType::Keyword { ignore_above, lowercase }) => {
            let reading = TextReading { ignore_above: *ignore_above, lowercase: *lowercase, strings_only: false };
            Ok(Shape::Is(Predicate::Whole { reading, test: keyword(test, reading)? }))
        }
        (_, FieldType::Constant(value)) => {
            let passes = keyword(test, TextReading::default())?.matches(value);
            Ok(if passes { Shape::All } else { Shape::None })
        }
        (_, FieldType::Text(analyzer)) => words(test, *analyzer),
        (_, FieldType::Number(kind)) => number(test, *kind).map(Shape::Is),
        (_, FieldType::Date { nanos }) => date(test, *nanos, context).map(Shape::Is),
        (_, FieldType::Ip) => ip(test).map(Shape::Is),
        (_, FieldType::Boolean) => boolean_field(test).map(Shape::Is),
        (_, FieldType::Opaque(reason)) => Err(Refusal::Unknowable(reason.clone())),
        (_, FieldType::Unsearchable(reason)) => Err(Refusal::Mismatch(reason.clone())),
    }
}

fn untyped(test: &Test, reading: TextReading, context: Context) -> Result<Predicate, Refusal> {
    if let Some((values, case_insensitive)) = exact_values(test) {
        let terms = Predicate::Terms(Terms::new(&values, case_insensitive));
        return Ok(values.iter().filter_map(|value| same_time(value, context)).fold(terms, Predicate::or));
    }
    if let Test::Range { lower, upper, offset_minutes, .. } = test {
        return untyped_range(lower, upper, *offset_minutes, context).map(Predicate::Range);
    }
    Ok(Predicate::Whole { reading, test: keyword(test, reading)? })
}

/// Returns a test for the same time as `value`, in any notation and precision; `None` if `value` is
/// not a time.
fn same_time(value: &str, context: Context) -> Option<Predicate> {
    let bound = || Bound::Inclusive(value.to_owned());
    let range = untyped_range(&bound(), &bound(), 0, context).ok()?;
    range.all_times().then_some(Predicate::Range(range))
}

fn untyped_range(lower: &Bound, upper: &Bound, offset_minutes: i32, context: Context) -> Result<UntypedRange, Refusal> {
    let bound = |bound: &Bound, end: End| -> Result<Option<UntypedBound>, Refusal> {
        let Some(text) = bound.text() else { return Ok(None) };
        let is_expression = is_expression(text);
        let time = match instant(bound, end, offset_minutes, true, context) {
            Some(Err(refusal)) if is_expression => return Err(refusal),
            time => time.and_then(Result::ok),
        };
        let inclusive = matches!(bound, Bound::Inclusive(_));
        Ok(Some(UntypedBound { text: text.to_owned(), inclusive, number: Number::parse(text), time, is_expression }))
    };
    let range = UntypedRange { lower: bound(lower, End::Lower)?, upper: bound(upper, End::Upper)? };
    if range.mixes_expression_and_text() {
        return Err(Refusal::Mismatch("one bound is a time and the other is not".to_owned()));
    }
    Ok(range)
}

fn keyword(test: &Test, reading: TextReading) -> Result<TextTest, Refusal> {
    if let Some((values, case_insensitive)) = exact_values(test) {
        let values = values.iter().map(|value| reading.normalize(value).into_owned()).collect();
        return Ok(if case_insensitive { TextTest::EqualIgnoringCase(values) } else { TextTest::Equal(values) });
    }
    text_test(test, |text| reading.normalize(text).into_owned())
}

/// Returns the exact values of a test, and true if case is ignored. Full text on a field without
/// words is matched as a whole.
fn exact_values(test: &Test) -> Option<(Vec<String>, bool)> {
    match test {
        Test::Match { text, .. } | Test::Phrase { text, .. } => Some((vec![text.clone()], false)),
        Test::Terms { values, case_insensitive } => Some((values.clone(), *case_insensitive)),
        _ => None,
    }
}

/// Compiles a test on a text that is one term of the index; `normalize` converts to the form of
/// terms.
fn text_test(test: &Test, normalize: impl Fn(&str) -> String) -> Result<TextTest, Refusal> {
    Ok(match test {
        Test::Prefix { text, case_insensitive: true, .. } => TextTest::PrefixIgnoringCase(normalize(text)),
        Test::Prefix { text, .. } => TextTest::Prefix(normalize(text)),
        Test::Wildcard { pattern, case_insensitive, .. } => TextTest::Wildcard(
            wildcard(&normalize(pattern), *case_insensitive).map_err(|error| Refusal::Unknowable(error.message))?,
        ),
        Test::Regexp { pattern, case_insensitive, flags } => TextTest::Regexp(
            LuceneRegexp::new(pattern, *case_insensitive, *flags)
                .map_err(|error| Refusal::Unknowable(error.message))?,
        ),
        Test::Fuzzy { text, edits, prefix_length, transpositions, .. } => {
            TextTest::Fuzzy(fuzzy(&normalize(text), *edits, *prefix_length, *transpositions))
        }
        Test::Range { lower, upper, .. } => {
            let bound =
                |bound: &Bound| bound.text().map(|text| (normalize(text), matches!(bound, Bound::Inclusive(_))));
            TextTest::Range(bound(lower), bound(upper))
        }
        Test::Exists | Test::Match { .. } | Test::Phrase { .. } | Test::Terms { .. } => {
            return Err(Refusal::Mismatch("this is no test of a term".to_owned()));
        }
    })
}

fn fuzzy(text: &str, edits: Edits, prefix_length: usize, transpositions: bool) -> FuzzyText {
    FuzzyText::new(text, edits.for_length(text.chars().count()), prefix_length, transpositions)
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
        // terms are not analyzed: a term with capitals never occurs in a standard text field
        Test::Terms { values, case_insensitive } => {
            let values = values.clone();
            let test = if *case_insensitive { TextTest::EqualIgnoringCase(values) } else { TextTest::Equal(values) };
            Ok(Shape::Is(Predicate::Words(WordTest::Some(analyzer, test))))
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
        return any_of(&values, |value| {
            let number = read(value)?;
            Ok(Predicate::Number(NumberRange { kind, lower: Some((number, true)), upper: Some((number, true)) }))
        });
    }
    let Test::Range { lower, upper, .. } = test else { return Err(not_this_way("a number")) };
    let bound = |bound: &Bound| {
        bound.text().map(|text| Ok::<_, Refusal>((read(text)?, matches!(bound, Bound::Inclusive(_))))).transpose()
    };
    Ok(Predicate::Number(NumberRange { kind, lower: bound(lower)?, upper: bound(upper)? }))
}

fn date(test: &Test, nanos: bool, context: Context) -> Result<Predicate, Refusal> {
    let range = |lower: &Bound, upper: &Bound, offset| {
        let from = instant(lower, End::Lower, offset, !nanos, context).transpose()?.unwrap_or(i64::MIN);
        let to = instant(upper, End::Upper, offset, !nanos, context).transpose()?.unwrap_or(i64::MAX);
        Ok(Predicate::Time { from, to, millis: !nanos })
    };
    if let Some((values, _)) = exact_values(test) {
        return any_of(&values, |value| range(&Bound::Inclusive(value.clone()), &Bound::Inclusive(value.clone()), 0));
    }
    let Test::Range { lower, upper, offset_minutes, .. } = test else { return Err(not_this_way("a date")) };
    range(lower, upper, *offset_minutes)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Lower,
    Upper,
}

/// Returns the first or last instant inside a bound. `gt` and `lte` mean the end of the written
/// time, `gte` and `lt` its start.
fn instant(
    bound: &Bound,
    end: End,
    offset_minutes: i32,
    millis: bool,
    context: Context,
) -> Option<Result<i64, Refusal>> {
    let text = bound.text()?;
    let inclusive = matches!(bound, Bound::Inclusive(_));
    let rounding = if (end == End::Lower) == inclusive { Rounding::Down } else { Rounding::Up };
    let unit = if millis { MICROS_PER_MILLI } else { 1 };
    let exact = |text: &str| (!millis).then(|| parse_with_offset(text, offset_minutes)).flatten();
    let micros = match (evaluate(text, context.now, rounding, offset_minutes), exact(text)) {
        // nanosecond fields keep the part below milliseconds
        (Ok(_), Some(parsed)) if parsed.precision == crate::query::time::Precision::Fraction => parsed.micros,
        (Ok(micros), _) if !millis && rounding == Rounding::Up => micros + MICROS_PER_MILLI - 1,
        (Ok(micros), _) => micros,
        (Err(error), _) => return Some(Err(Refusal::Mismatch(error.message))),
    };
    Some(Ok(match (end, inclusive) {
        (_, true) => micros,
        (End::Lower, false) => micros.saturating_add(unit),
        (End::Upper, false) => micros.saturating_sub(unit),
    }))
}

fn ip(test: &Test) -> Result<Predicate, Refusal> {
    let wrong = |text: &str| Refusal::Mismatch(format!("`{}` is not an address or network", text.escape_debug()));
    if let Some((values, _)) = exact_values(test) {
        return any_of(&values, |value| {
            let (from, to) = network(value).ok_or_else(|| wrong(value))?;
            Ok(Predicate::Address { from, to })
        });
    }
    let Test::Range { lower, upper, .. } = test else { return Err(not_this_way("an address")) };
    let read = |bound: &Bound| bound.text().map(|text| address(text).ok_or_else(|| wrong(text))).transpose();
    let step = |bound: &Bound| u128::from(matches!(bound, Bound::Exclusive(_)));
    let from = read(lower)?.map_or(Some(0), |from| from.checked_add(step(lower)));
    let to = read(upper)?.map_or(Some(u128::MAX), |to| to.checked_sub(step(upper)));
    Ok(match (from, to) {
        (Some(from), Some(to)) => Predicate::Address { from, to },
        _ => Predicate::AnyOf(Vec::new()),
    })
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
        let wrong = || Refusal::Mismatch(format!("`{}` is neither true nor false", text.escape_debug()));
        // in a query an empty text is not false, unlike in an event
        boolean(text).filter(|_| !text.is_empty()).ok_or_else(wrong)
    };
    if let Some((values, _)) = exact_values(test) {
        return any_of(&values, |value| read(value).map(Predicate::Boolean));
    }
    let Test::Range { lower, upper, .. } = test else { return Err(not_this_way("a boolean")) };
    let bound =
        |bound: &Bound| bound.text().map(|text| Ok((read(text)?, matches!(bound, Bound::Inclusive(_))))).transpose();
    let (lower, upper) = (bound(lower)?, bound(upper)?);
    let inside = [false, true].into_iter().filter(|flag| is_inside(lower, upper, |bound| flag.cmp(&bound)));
    Ok(Predicate::AnyOf(inside.map(Predicate::Boolean).collect()))
}

fn any_of(values: &[String], compile: impl Fn(&String) -> Result<Predicate, Refusal>) -> Result<Predicate, Refusal> {
    let mut tests = values.iter().map(compile).collect::<Result<Vec<_>, _>>()?;
    Ok(if tests.len() == 1 { tests.remove(0) } else { Predicate::AnyOf(tests) })
}

fn not_this_way(what: &str) -> Refusal {
    Refusal::Mismatch(format!("it is {what}: only values, ranges and existence can be asked for"))
}
