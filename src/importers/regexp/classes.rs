//! Classes of characters that Perl names by a letter.

use regex_syntax::ast::{ClassPerl, ClassPerlKind, ClassSet, ClassSetItem};

/// Members of the class of characters of words.
pub(super) const WORD: &str = "a-zA-Z0-9_";

/// Members of a class of Perl's kind, which servers with an older Lucene do not know by its letter.
pub(super) fn members(kind: &ClassPerlKind) -> &'static str {
    match kind {
        ClassPerlKind::Digit => "0-9",
        ClassPerlKind::Space => " \t\n\r",
        ClassPerlKind::Word => WORD,
    }
}

/// The class as an expression of its own.
pub(super) fn alone(class: &ClassPerl) -> String {
    format!("[{}{}]", if class.negated { "^" } else { "" }, members(&class.kind))
}

/// True if a class has another class and everything but that: `[\s\S]` is how many write any
/// character.
pub(super) fn is_everything(set: &ClassSet) -> bool {
    let ClassSet::Item(ClassSetItem::Union(union)) = set else { return false };
    let perl = union.items.iter().filter_map(|item| match item {
        ClassSetItem::Perl(class) => Some(class),
        _ => None,
    });
    let (negated, plain): (Vec<&ClassPerl>, Vec<&ClassPerl>) = perl.partition(|class| class.negated);
    plain.iter().any(|class| negated.iter().any(|other| other.kind == class.kind))
}

/// Letter for everything but a class, as a member of another class. Lucene has no classes inside
/// classes, so this has no other notation, although older servers do not know the letter.
pub(super) fn everything_but(kind: &ClassPerlKind) -> &'static str {
    match kind {
        ClassPerlKind::Digit => r"\D",
        ClassPerlKind::Space => r"\S",
        ClassPerlKind::Word => r"\W",
    }
}
