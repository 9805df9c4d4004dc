//! Values of a field, changed and compared as the modifiers behind its name say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::config::{Location, Problem};
use crate::importers::condition::{Comparison, Condition, LetterCase, ValueTest};
use crate::importers::network;
use crate::importers::pattern::{Pattern, Piece};
use crate::importers::regexp::{RegexpFlags, to_lucene};
use crate::importers::yaml::{Node, Yaml};
use crate::spelling::known_names;

/// Modifiers that are understood. Others are reported.
const KNOWN: [&str; 28] = [
    "all",
    "base64",
    "base64offset",
    "cased",
    "cidr",
    "contains",
    "dotall",
    "endswith",
    "exists",
    "gt",
    "gte",
    "i",
    "lt",
    "lte",
    "m",
    "multiline",
    "ignorecase",
    "neq",
    "re",
    "s",
    "startswith",
    "utf16",
    "utf16be",
    "utf16le",
    "wide",
    "windash",
    "expand",
    "fieldref",
];

/// A field and its modifiers.
#[derive(Clone, Debug)]
pub(super) struct FieldKey<'a> {
    field: &'a str,
    modifiers: Vec<&'a str>,
    /// Place of both.
    location: &'a Location,
}

/// Comparison of a text with a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    Start,
    End,
    Anywhere,
}

impl<'a> FieldKey<'a> {
    pub(super) fn new(key: &'a str, location: &'a Location) -> Self {
        let mut parts = key.split('|');
        FieldKey { field: parts.next().unwrap_or_default(), modifiers: parts.collect(), location }
    }

    fn has(&self, modifier: &str) -> bool {
        self.modifiers.contains(&modifier)
    }

    fn has_any(&self, modifiers: &[&str]) -> bool {
        modifiers.iter().any(|modifier| self.has(modifier))
    }

    /// Returns the condition of the values under this key.
    pub(super) fn condition(&self, values: &Node) -> Result<Condition, Box<Problem>> {
        self.check()?;
        let conditions = values.elements().iter().map(|value| self.of_value(value)).collect::<Result<Vec<_>, _>>()?;
        if conditions.is_empty() {
            return Err(values.error("an empty list of values", "write at least one value"));
        }
        let joined = if self.has("all") { Condition::all(conditions) } else { Condition::any(conditions) };
        Ok(if self.has("neq") { joined.negated() } else { joined })
    }

    fn check(&self) -> Result<(), Box<Problem>> {
        let refused =
            |message: &str, help: &str| Err(Box::new(Problem::error(message).at(self.location.clone()).help(help)));
        if let Some(unknown) = self.modifiers.iter().find(|modifier| !KNOWN.contains(modifier)) {
            return refused(&format!("the modifier `{unknown}` cannot be expressed"), &known_names(unknown, &KNOWN));
        }
        if self.has("fieldref") {
            let help = "queries compare fields with values, not with other fields";
            return refused("the modifier `fieldref` cannot be expressed", help);
        }
        if self.has("expand") {
            let help = "replace the placeholder by the values of your site, and remove `expand`";
            return refused("a placeholder, which stands for values of your site", help);
        }
        Ok(())
    }

    fn of_value(&self, value: &Node) -> Result<Condition, Box<Problem>> {
        let field = self.field;
        let is = |test| Ok(Condition::Field(field.to_owned(), test));
        match &value.value {
            Yaml::List(_) | Yaml::Map(_) => Err(value.error("a list or mapping among values", "write single values")),
            _ if self.has("exists") => match value.value {
                Yaml::Bool(true) => is(ValueTest::Exists),
                Yaml::Bool(false) => is(ValueTest::Exists).map(Condition::negated),
                _ => Err(value.error("`exists` needs true or false", "write true or false")),
            },
            Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) if field.is_empty() => {
                self.of_text(&value.text().unwrap_or_default(), value)
            }
            Yaml::Null if field.is_empty() => Err(value.error("a keyword without a text", "write a text")),
            Yaml::Null => is(ValueTest::Exists).map(Condition::negated),
            Yaml::Bool(flag) => is(ValueTest::Bool(*flag)),
            _ if self.has_any(&["lt", "lte", "gt", "gte"]) => self.comparison(value),
            Yaml::Number(number)
                if self.modifiers.iter().all(|modifier| ["all", "neq", "cased"].contains(modifier)) =>
            {
                is(ValueTest::Number(number.clone()))
            }
            Yaml::Number(text) | Yaml::Text(text) => self.of_text(text, value),
        }
    }

    fn comparison(&self, value: &Node) -> Result<Condition, Box<Problem>> {
        let comparison = match self.modifiers.iter().find(|modifier| ["lt", "lte", "gt", "gte"].contains(*modifier)) {
            Some(&"lt") => Comparison::Less,
            Some(&"lte") => Comparison::LessOrEqual,
            Some(&"gt") => Comparison::Greater,
            _ => Comparison::GreaterOrEqual,
        };
        let number = value.text().filter(|text| text.parse::<f64>().is_ok_and(f64::is_finite));
        let number =
            number.ok_or_else(|| value.error("a comparison with something that is not a number", "write a number"))?;
        Ok(Condition::Field(self.field.to_owned(), ValueTest::Compared(comparison, number)))
    }

    fn of_text(&self, text: &str, value: &Node) -> Result<Condition, Box<Problem>> {
        if self.has("re") {
            return self.regexp(text, value);
        }
        if self.has("cidr") {
            let (network, starts) = network::of_text(text).map_err(|message| {
                value.error(message, "write an address and the length of its prefix, such as 10.0.0.0/8")
            })?;
            return Ok(Condition::Field(self.field.to_owned(), ValueTest::Network(network, starts)));
        }
        let conditions = self.encoded(text, value)?.into_iter().map(|pattern| self.compared(pattern));
        Ok(Condition::any(conditions))
    }

    fn regexp(&self, text: &str, value: &Node) -> Result<Condition, Box<Problem>> {
        let flags = RegexpFlags {
            ignores_case: self.has_any(&["i", "ignorecase"]),
            by_lines: self.has_any(&["m", "multiline"]),
            dot_all: self.has_any(&["s", "dotall"]),
        };
        let expressions = to_lucene(text, flags).map_err(|error| {
            let message = format!("{} (character {} of the expression)", error.message, error.character);
            value.error(message, "write it without look-around, back-references and assertions in the middle")
        })?;
        let tests = expressions.into_iter().map(|expression| match self.field {
            // unbound values are looked for in any field
            "" => Err(value.error("a regular expression without a field", "name the field")),
            field => Ok(Condition::Field(field.to_owned(), ValueTest::Regexp(expression))),
        });
        tests.collect::<Result<Vec<_>, _>>().map(Condition::any)
    }

    /// The pattern in the encodings that the modifiers ask for.
    fn encoded(&self, text: &str, value: &Node) -> Result<Vec<Pattern>, Box<Problem>> {
        let pattern = with_wildcards(text);
        let pattern = if self.has("windash") { pattern.with_dashes() } else { pattern };
        let is_wide = self.has_any(&["wide", "utf16", "utf16le", "utf16be"]);
        if !self.has_any(&["base64", "base64offset"]) {
            if is_wide {
                let help = "texts in events are not UTF-16; remove the modifier, or add `base64offset`";
                return Err(value.error("an encoding that no text of an event has", help));
            }
            return Ok(vec![pattern]);
        }
        let Some(plain) = pattern.as_literal() else {
            let help = "only fixed texts have a base64 form";
            return Err(value.error("wildcards or `windash` in a text that is to be encoded", help));
        };
        let bytes = self.bytes(plain);
        let encoded = if self.has("base64") { vec![STANDARD.encode(&bytes)] } else { at_offsets(&bytes) };
        Ok(encoded.iter().map(|text| Pattern::literal(text)).collect())
    }

    fn bytes(&self, text: &str) -> Vec<u8> {
        let units = text.encode_utf16();
        if self.has("utf16be") {
            units.flat_map(u16::to_be_bytes).collect()
        } else if self.has("utf16") {
            [0xff, 0xfe].into_iter().chain(units.flat_map(u16::to_le_bytes)).collect()
        } else if self.has_any(&["wide", "utf16le"]) {
            units.flat_map(u16::to_le_bytes).collect()
        } else {
            text.as_bytes().to_vec()
        }
    }

    fn compared(&self, pattern: Pattern) -> Condition {
        let extent = if self.has("contains") || self.field.is_empty() {
            Extent::Anywhere
        } else if self.has("startswith") {
            Extent::Start
        } else if self.has("endswith") {
            Extent::End
        } else {
            Extent::Whole
        };
        let pattern = match extent {
            Extent::Whole => pattern,
            Extent::Start => pattern.before_anything(),
            Extent::End => pattern.after_anything(),
            Extent::Anywhere => pattern.after_anything().before_anything(),
        };
        if self.field.is_empty() {
            return Condition::Anywhere(pattern);
        }
        let case = if self.has("cased") { LetterCase::Kept } else { LetterCase::Ignored };
        Condition::text(self.field, pattern, case)
    }
}

/// Reads a text in which `*` and `?` are wildcards, and a backslash escapes them and itself.
fn with_wildcards(text: &str) -> Pattern {
    let mut pattern = Pattern::default();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' => pattern.push(Piece::Any),
            '?' => pattern.push(Piece::One),
            '\\' => match chars.next() {
                Some(escaped @ ('*' | '?' | '\\')) => pattern.push_char(escaped),
                Some(other) => {
                    pattern.push_char('\\');
                    pattern.push_char(other);
                }
                None => pattern.push_char('\\'),
            },
            _ => pattern.push_char(c),
        }
    }
    pattern
}

/// Encodes a text as it looks in base64 if it begins at each of the three places of a group of
/// bytes; what depends on its neighbours is left out.
fn at_offsets(bytes: &[u8]) -> Vec<String> {
    let at = |offset: usize| {
        let padded: Vec<u8> = std::iter::repeat_n(0, offset).chain(bytes.iter().copied()).collect();
        let encoded = STANDARD.encode(&padded);
        // each character holds six bits: those that are shared with neighbours are unknown
        let start = (offset * 8).div_ceil(6);
        let end = padded.len() * 8 / 6;
        encoded.get(start..end).unwrap_or_default().to_owned()
    };
    (0..3).map(at).filter(|text| !text.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_found_at_every_offset() {
        let fragments = at_offsets(b"powershell");
        for (offset, fragment) in fragments.iter().enumerate() {
            for (before, after) in [("ab", "cd"), ("zz", "~~"), ("\u{1}\u{2}", "")] {
                let text = format!("{}powershell{after}", &before[..offset]);
                assert!(STANDARD.encode(&text).contains(fragment.as_str()), "{text}: {fragment}");
            }
        }
        assert_eq!(fragments.len(), 3);
    }

    #[test]
    fn backslashes_escape_wildcards_and_themselves() {
        for (text, wildcard) in [
            (r"a*b?", "a*b?"),
            (r"a\*b", r"a\*b"),
            (r"C:\Win", r"C:\\Win"),
            (r"C:\\Win", r"C:\\Win"),
            (r"\\*\share", r"\\*\\share"),
            (r"\\\*", r"\\\*"),
            ("end\\", r"end\\"),
        ] {
            assert_eq!(with_wildcards(text).wildcard().as_deref(), Some(wildcard), "{text}");
        }
    }
}
