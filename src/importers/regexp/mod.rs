//! Regular expressions of Perl's kind, which search in a value, as expressions of Lucene, which
//! match whole values.
//!
//! The beginning and end of the value are expressed by leaving out the `.*` there, so `^`, `$` and
//! `\b` can stand wherever it is certain what is next to them.

mod classes;

use regex_syntax::ast::{
    Assertion, AssertionKind, Ast, ClassPerl, ClassPerlKind, ClassSet, ClassSetItem, Flag, FlagsItemKind, GroupKind,
    RepetitionKind, RepetitionRange, parse::Parser,
};

use super::lucene::MAX_REGEXP_CHARS;
use super::pattern::push_escaped;
use classes::WORD;

const ANY_TEXT: &str = ".*";

/// Flags that change what an expression means.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RegexpFlags {
    pub(super) ignores_case: bool,
    /// `^` and `$` match at the ends of lines.
    pub(super) by_lines: bool,
    /// `.` matches a line feed.
    pub(super) dot_all: bool,
}

/// Reason why an expression cannot be expressed, and the character at which it lies.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RegexpError {
    pub(super) message: String,
    pub(super) character: usize,
}

/// Returns expressions of which one matches the values in which `pattern` occurs.
pub(super) fn to_lucene(pattern: &str, flags: RegexpFlags) -> Result<Vec<String>, RegexpError> {
    let ast = Parser::new().parse(&portable(pattern)).map_err(|error| RegexpError {
        message: format!("a regular expression of an unknown form: {}", error.kind()),
        character: error.span().start.column,
    })?;
    let part = Reader { flags }.part(&ast)?;
    let branches = match &part {
        Part::Either(branches) => branches.as_slice(),
        one => std::slice::from_ref(one),
    };
    let whole = written(&part, Sides::BOTH)?;
    let expressions = if whole.chars().count() <= MAX_REGEXP_CHARS {
        vec![whole]
    } else {
        branches.iter().map(|branch| written(branch, Sides::BOTH)).collect::<Result<_, _>>()?
    };
    if expressions.iter().any(|expression| expression.chars().count() > MAX_REGEXP_CHARS) {
        return Err(unclear("more than the 1000 characters that servers accept"));
    }
    Ok(expressions)
}

/// Escapes what only the parser takes for operators, and writes what it does not know otherwise.
fn portable(pattern: &str) -> String {
    let mut portable = String::with_capacity(pattern.len());
    let mut chars = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('Z') if !in_class => portable.push_str(r"\z"),
                Some(other @ ('<' | '>')) => portable.push(other),
                Some(other) => portable.extend(['\\', other]),
                None => portable.push('\\'),
            },
            '[' if in_class && chars.peek() != Some(&':') => portable.push_str(r"\["),
            '&' | '~' if in_class => portable.extend(['\\', c]),
            '[' => {
                in_class = true;
                portable.push(c);
                portable.extend(chars.next_if_eq(&'^'));
                if chars.next_if_eq(&']').is_some() {
                    portable.push_str(r"\]");
                }
            }
            ']' => {
                in_class = false;
                portable.push(c);
            }
            _ => portable.push(c),
        }
    }
    portable
}

/// A part of an expression, in the notation of Lucene where it has one.
#[derive(Debug)]
enum Part {
    /// One character, or a class of them.
    One(String, Edge),
    Start,
    End,
    /// End or beginning of a word.
    Boundary,
    Sequence(Vec<Part>),
    Either(Vec<Part>),
    Repeated(Box<Part>, String, bool),
}

/// Knowledge about the character next to a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edge {
    Word,
    Other,
    Unknown,
}

/// Sides at which a part may be followed by any text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sides {
    left: bool,
    right: bool,
}

impl Sides {
    const BOTH: Self = Sides { left: true, right: true };
    const NONE: Self = Sides { left: false, right: false };
}

fn unclear(message: &str) -> RegexpError {
    RegexpError { message: message.to_owned(), character: 1 }
}

struct Reader {
    flags: RegexpFlags,
}

impl Reader {
    fn part(&mut self, ast: &Ast) -> Result<Part, RegexpError> {
        let error = |message: &str| RegexpError { message: message.to_owned(), character: ast.span().start.column };
        Ok(match ast {
            Ast::Empty(_) => Part::Sequence(Vec::new()),
            Ast::Flags(set) => {
                self.set(set.flags.items.iter().map(|item| item.kind.clone()));
                Part::Sequence(Vec::new())
            }
            Ast::Literal(literal) => self.literal(literal.c),
            Ast::Dot(_) if self.flags.dot_all => Part::One(".".to_owned(), Edge::Unknown),
            Ast::Dot(_) => Part::One("[^\n]".to_owned(), Edge::Unknown),
            Ast::Assertion(assertion) => {
                self.assertion(assertion).ok_or_else(|| error("an assertion that Lucene does not have"))?
            }
            Ast::ClassPerl(class) => Part::One(classes::alone(class), edge_of_perl(class)),
            Ast::ClassBracketed(class) if !class.negated && classes::is_everything(&class.kind) => {
                Part::One(".".to_owned(), Edge::Unknown)
            }
            Ast::ClassBracketed(class) => {
                let mut members = String::new();
                self.class(&class.kind, &mut members).ok_or_else(|| error("a class that Lucene does not have"))?;
                let sign = if class.negated { "^" } else { "" };
                Part::One(format!("[{sign}{members}]"), Edge::Unknown)
            }
            Ast::ClassUnicode(_) => return Err(error("a class of Unicode, which Lucene does not have")),
            Ast::Repetition(repetition) => {
                let inner = self.part(&repetition.ast)?;
                let (sign, is_certain) = sign(&repetition.op.kind);
                Part::Repeated(Box::new(inner), sign, is_certain)
            }
            Ast::Group(group) => {
                let outside = self.flags;
                if let GroupKind::NonCapturing(flags) = &group.kind {
                    self.set(flags.items.iter().map(|item| item.kind.clone()));
                }
                let part = self.part(&group.ast)?;
                self.flags = outside;
                part
            }
            Ast::Alternation(alternation) => {
                Part::Either(alternation.asts.iter().map(|ast| self.part(ast)).collect::<Result<_, _>>()?)
            }
            Ast::Concat(concat) => {
                let mut parts = Vec::new();
                for ast in &concat.asts {
                    match self.part(ast)? {
                        Part::Sequence(inner) => parts.extend(inner),
                        part => parts.push(part),
                    }
                }
                Part::Sequence(parts)
            }
        })
    }

    fn set(&mut self, items: impl Iterator<Item = FlagsItemKind>) {
        let mut value = true;
        for item in items {
            match item {
                FlagsItemKind::Negation => value = false,
                FlagsItemKind::Flag(Flag::CaseInsensitive) => self.flags.ignores_case = value,
                FlagsItemKind::Flag(Flag::MultiLine) => self.flags.by_lines = value,
                FlagsItemKind::Flag(Flag::DotMatchesNewLine) => self.flags.dot_all = value,
                FlagsItemKind::Flag(_) => {}
            }
        }
    }

    fn literal(&self, c: char) -> Part {
        let edge = if c.is_ascii_alphanumeric() || c == '_' { Edge::Word } else { Edge::Other };
        let mut written = String::new();
        match self.other_case(c) {
            Some(other) => written.extend(['[', c, other, ']']),
            None => push_escaped(&mut written, c),
        }
        Part::One(written, edge)
    }

    /// The same letter in the other case, if case is ignored.
    fn other_case(&self, c: char) -> Option<char> {
        let other = if c.is_lowercase() { c.to_uppercase().next() } else { c.to_lowercase().next() };
        other.filter(|other| self.flags.ignores_case && *other != c)
    }

    fn assertion(&self, assertion: &Assertion) -> Option<Part> {
        Some(match assertion.kind {
            AssertionKind::StartLine if !self.flags.by_lines => Part::Start,
            AssertionKind::EndLine if !self.flags.by_lines => Part::End,
            AssertionKind::StartText => Part::Start,
            AssertionKind::EndText => Part::End,
            AssertionKind::WordBoundary => Part::Boundary,
            _ => return None,
        })
    }

    fn class(&self, set: &ClassSet, members: &mut String) -> Option<()> {
        match set {
            ClassSet::Item(item) => self.class_item(item, members),
            ClassSet::BinaryOp(_) => None,
        }
    }

    fn class_item(&self, item: &ClassSetItem, members: &mut String) -> Option<()> {
        match item {
            ClassSetItem::Empty(_) => {}
            ClassSetItem::Literal(literal) => {
                push_escaped(members, literal.c);
                members.extend(self.other_case(literal.c));
            }
            ClassSetItem::Range(range) => {
                self.range(range.start.c, range.end.c, members);
            }
            ClassSetItem::Perl(class) if !class.negated => members.push_str(classes::members(&class.kind)),
            ClassSetItem::Perl(class) => members.push_str(classes::everything_but(&class.kind)),
            ClassSetItem::Union(union) => union.items.iter().try_for_each(|item| self.class_item(item, members))?,
            ClassSetItem::Bracketed(_) | ClassSetItem::Ascii(_) | ClassSetItem::Unicode(_) => return None,
        }
        Some(())
    }

    fn range(&self, start: char, end: char, members: &mut String) {
        let mut push = |start: char, end: char| {
            push_escaped(members, start);
            members.push('-');
            push_escaped(members, end);
        };
        push(start, end);
        if let (Some(start), Some(end)) = (self.other_case(start), self.other_case(end))
            && start <= end
        {
            push(start, end);
        }
    }
}

fn edge_of_perl(class: &ClassPerl) -> Edge {
    match (&class.kind, class.negated) {
        (ClassPerlKind::Digit | ClassPerlKind::Word, false) => Edge::Word,
        (ClassPerlKind::Space, false) | (ClassPerlKind::Word, true) => Edge::Other,
        _ => Edge::Unknown,
    }
}

/// Returns the sign of a repetition, and true if what is repeated occurs at least once.
fn sign(kind: &RepetitionKind) -> (String, bool) {
    match kind {
        RepetitionKind::ZeroOrOne => ("?".to_owned(), false),
        RepetitionKind::ZeroOrMore => ("*".to_owned(), false),
        RepetitionKind::OneOrMore => ("+".to_owned(), true),
        RepetitionKind::Range(RepetitionRange::Exactly(n)) => (format!("{{{n}}}"), *n > 0),
        RepetitionKind::Range(RepetitionRange::AtLeast(n)) => (format!("{{{n},}}"), *n > 0),
        RepetitionKind::Range(RepetitionRange::Bounded(low, high)) => (format!("{{{low},{high}}}"), *low > 0),
    }
}

impl Part {
    fn has_anchors(&self) -> bool {
        match self {
            Part::One(..) => false,
            Part::Start | Part::End | Part::Boundary => true,
            Part::Sequence(parts) | Part::Either(parts) => parts.iter().any(Part::has_anchors),
            Part::Repeated(inner, ..) => inner.has_anchors(),
        }
    }

    /// The kind of the first or last character, if each value has the same.
    fn edge(&self, pick: fn(&[Part]) -> Option<&Part>) -> Edge {
        match self {
            Part::One(_, edge) => *edge,
            Part::Repeated(inner, _, true) => inner.edge(pick),
            Part::Sequence(parts) => pick(parts).map_or(Edge::Unknown, |part| part.edge(pick)),
            Part::Either(parts) => {
                let mut edges = parts.iter().map(|part| part.edge(pick));
                let first = edges.next().unwrap_or(Edge::Unknown);
                if edges.all(|edge| edge == first) { first } else { Edge::Unknown }
            }
            _ => Edge::Unknown,
        }
    }
}

fn written(part: &Part, open: Sides) -> Result<String, RegexpError> {
    match part {
        Part::Sequence(parts) => sequence(parts, open),
        Part::Either(branches) if branches.iter().any(Part::has_anchors) => {
            Ok(format!("({})", either(branches, open)?))
        }
        _ => sequence(std::slice::from_ref(part), open),
    }
}

fn either(branches: &[Part], open: Sides) -> Result<String, RegexpError> {
    let branches = branches.iter().map(|branch| written(branch, open)).collect::<Result<Vec<_>, _>>()?;
    // an empty branch needs a notation of its own
    let branches = branches.into_iter().map(|branch| if branch.is_empty() { "()".to_owned() } else { branch });
    Ok(branches.collect::<Vec<_>>().join("|"))
}

fn sequence(parts: &[Part], open: Sides) -> Result<String, RegexpError> {
    let misplaced = || unclear("`^`, `$` or `\\b` in the middle, where Lucene has nothing like it");
    let mut text = String::new();
    let last = parts.len().saturating_sub(1);
    if open.left && parts.first().is_none_or(|part| !part.has_anchors() || matches!(part, Part::End)) {
        text.push_str(ANY_TEXT);
    }
    for (idx, part) in parts.iter().enumerate() {
        let at = Sides { left: open.left && idx == 0, right: open.right && idx == last };
        match part {
            Part::One(one, _) => text.push_str(one),
            Part::Start if at.left => {}
            Part::End if at.right => {}
            Part::Boundary => match boundary(parts, idx, at) {
                Some(written) => text.push_str(&written),
                None => return Err(misplaced()),
            },
            Part::Start | Part::End => return Err(misplaced()),
            Part::Sequence(_) | Part::Either(_) if part.has_anchors() => text.push_str(&written(part, at)?),
            Part::Sequence(inner) => text.push_str(&sequence(inner, Sides::NONE)?),
            Part::Either(branches) => text.push_str(&format!("({})", either(branches, Sides::NONE)?)),
            Part::Repeated(inner, ..) if inner.has_anchors() => return Err(misplaced()),
            Part::Repeated(inner, sign, _) => match &**inner {
                Part::One(one, _) => text.push_str(&format!("{one}{sign}")),
                inner => text.push_str(&format!("({}){sign}", written(inner, Sides::NONE)?)),
            },
        }
    }
    let is_anchored = match parts.last() {
        // `^` alone leaves the right side open
        Some(Part::Start) | None => false,
        Some(part) => part.has_anchors(),
    };
    if open.right && !is_anchored && !(parts.is_empty() && open.left) {
        text.push_str(ANY_TEXT);
    }
    Ok(text)
}

/// Returns what stands for a boundary of a word; `None` if that depends on the value.
fn boundary(parts: &[Part], idx: usize, at: Sides) -> Option<String> {
    let before = idx.checked_sub(1).and_then(|idx| parts.get(idx)).map(|part| part.edge(<[Part]>::last));
    let after = parts.get(idx + 1).map(|part| part.edge(<[Part]>::first));
    match (before, after) {
        (None, Some(Edge::Word)) if at.left => Some(format!("(.*[^{WORD}])?")),
        (Some(Edge::Word), None) if at.right => Some(format!("([^{WORD}].*)?")),
        (Some(Edge::Word), Some(Edge::Other)) | (Some(Edge::Other), Some(Edge::Word)) => Some(String::new()),
        _ => None,
    }
}
