//! Entries as text: what is read back is what was meant, whatever the values hold.

use std::path::Path;
use std::sync::Arc;

use super::{SECTION_PREFIX, WhitelistEntries};
use crate::config::ini::{Dialect, parse};
use crate::event::FieldPath;
use crate::python::strip;
use crate::terminal::escape_controls;

/// Entry to be written as a section `[whitelist:NAME]`.
#[derive(Clone, Debug, Default)]
pub struct WrittenWhitelistEntry {
    /// Its name.
    pub name: String,
    /// Fields, and the value that each must have.
    pub parts: Vec<(String, String)>,
    /// Day at whose end it expires.
    pub expires: Option<String>,
    /// Person who answers for it.
    pub owner: Option<String>,
    /// Reason why what it accepts is harmless.
    pub reason: Option<String>,
}

/// Returns the section of an entry: literals, or regular expressions if a value has characters that
/// a literal cannot have. `None` if even these would mean something else.
pub fn written_entry(entry: &WrittenWhitelistEntry) -> Option<String> {
    let literals: Vec<String> = entry.parts.iter().map(|(field, value)| literal(field, strip(value))).collect();
    // after a backslash, a comma would belong to the value
    let separator = if literals.iter().any(|literal| literal.ends_with('\\')) { " , " } else { ", " };
    let text = section(entry, "literals", &literals.join(separator));
    let is_plain = entry.parts.iter().all(|(_, value)| escape_controls(strip(value)) == strip(value));
    if is_plain && read_back(&text).is_some_and(|entries| is_meant(entry, &entries)) {
        return Some(text);
    }
    let regexps: Vec<String> =
        entry.parts.iter().map(|(field, value)| format!("{field}:{}", pattern(strip(value)))).collect();
    let text = section(entry, "regexps", &regexps.join(", "));
    read_back(&text).is_some_and(|entries| are_meant(entry, &entries)).then_some(text)
}

fn literal(field: &str, value: &str) -> String {
    format!("{field}:{}", value.replace(',', "\\,"))
}

/// Regular expression that matches `value` only, in letters of either case.
fn pattern(value: &str) -> String {
    let mut pattern = String::from("^");
    for c in value.chars() {
        match c {
            _ if c.is_alphanumeric() || c == '_' => pattern.push(c),
            _ if c.is_ascii() => pattern.push_str(&format!("\\x{:02x}", c as u32)),
            _ if c as u32 <= 0xffff => pattern.push_str(&format!("\\u{:04x}", c as u32)),
            _ => pattern.push_str(&format!("\\U{:08x}", c as u32)),
        }
    }
    pattern.push('$');
    pattern
}

fn section(entry: &WrittenWhitelistEntry, key: &str, parts: &str) -> String {
    let is_of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    let name: String = entry.name.chars().map(|c| if is_of_name(c) { c } else { '_' }).collect();
    let mut text = format!("[{SECTION_PREFIX}{name}]\n{key} = {parts}\n");
    let about = [("expires", &entry.expires), ("owner", &entry.owner), ("reason", &entry.reason)];
    for (key, value) in about {
        text.extend(value.iter().map(|value| format!("{key} = {}\n", escape_controls(value))));
    }
    text
}

/// Reads the only entry of a text; `None` if there is a problem with it.
fn read_back(text: &str) -> Option<WhitelistEntries> {
    let file: Arc<Path> = Arc::from(Path::new("written"));
    let (ini, mut problems) = parse(text, Dialect::UseCases, &file);
    let entries = WhitelistEntries::read(&ini, &mut problems);
    (problems.is_empty() && entries.notes().count() == 1).then_some(entries)
}

fn is_meant(entry: &WrittenWhitelistEntry, read: &WhitelistEntries) -> bool {
    let [parts] = read.literals.as_slice() else { return false };
    parts.len() == entry.parts.len()
        && parts.iter().zip(&entry.parts).all(|(part, (field, value))| {
            part.field.as_ref() == Some(&FieldPath::new(field)) && part.value == strip(value)
        })
}

fn are_meant(entry: &WrittenWhitelistEntry, read: &WhitelistEntries) -> bool {
    let [parts] = read.regexps.as_slice() else { return false };
    parts.len() == entry.parts.len()
        && parts.iter().zip(&entry.parts).all(|(part, (field, value))| {
            part.field.as_ref() == Some(&FieldPath::new(field)) && part.value.is_match(strip(value)) == Ok(true)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(values: &[&str]) -> String {
        let parts = values.iter().enumerate().map(|(idx, value)| (format!("field.f{idx}"), (*value).to_owned()));
        let entry = WrittenWhitelistEntry { name: "n]\n[x".to_owned(), parts: parts.collect(), ..Default::default() };
        written_entry(&entry).unwrap()
    }

    #[test]
    fn plain_values_are_literals() {
        for value in [
            "cmd.exe",
            "C:\\Windows\\System32\\cmd.exe",
            "C:\\dir\\",
            "a, b,c",
            "12:30",
            "x = y",
            "user: bob",
            "100%",
            "größe",
        ] {
            for values in [vec![value], vec![value, "b"], vec!["a", value]] {
                let text = written(&values);
                assert!(text.starts_with("[whitelist:n___x]\nliterals = field.f0:"), "{text}");
            }
        }
    }

    #[test]
    fn other_values_are_regexps_that_match_only_them() {
        for value in [
            "//server/share",
            "a\\,b",
            "",
            " : ",
            "a\nb",
            "a\n[x]\nb",
            "\u{1b}[2J",
            "a;b #c ; d\r\n",
            "😀\u{202e}",
            "::1",
        ] {
            let text = written(&["a", value]);
            assert!(!text.contains(['\u{1b}', '\r', '\u{202e}']) && text.lines().count() == 2, "{text:?}");
            let entries = read_back(&text).unwrap();
            if let [parts] = entries.regexps.as_slice() {
                for other in ["b", "axb", "//server/share2", "x//server/share"] {
                    assert_eq!(parts[1].value.is_match(other), Ok(false), "{text} {other}");
                }
            }
        }
    }

    #[test]
    fn any_text_can_be_written() {
        // every short text over characters with a meaning
        let chars = ['a', '\\', ',', ':', ' ', '\n', '#', ';', '=', '[', ']', '/', '"'];
        for a in chars {
            for b in chars {
                for c in chars {
                    written(&[&format!("{a}{b}{c}"), &format!("{c}{a}{b}")]);
                }
            }
        }
    }

    #[test]
    fn notes_are_written_too() {
        let entry = WrittenWhitelistEntry {
            name: "backup".to_owned(),
            parts: vec![("user.name".to_owned(), "svc".to_owned())],
            expires: Some("2027-01-31".to_owned()),
            owner: Some("ann\n[x]".to_owned()),
            reason: Some("nightly".to_owned()),
        };
        let text = written_entry(&entry).unwrap();
        let expected =
            "[whitelist:backup]\nliterals = user.name:svc\nexpires = 2027-01-31\nowner = ann\\n[x]\nreason = nightly\n";
        assert_eq!(text, expected);
        let entries = read_back(&text).unwrap();
        let note = entries.notes().next().unwrap();
        assert_eq!((note.name.as_str(), note.reason.as_deref()), ("backup", Some("nightly")));
        assert!(note.expires.is_some());
    }
}
