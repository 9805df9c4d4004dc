//! Sections of `.conf` files: use cases that are made of rules.
//!
//! Texts of rules come from strangers. In a section they must stay what they are: no text begins a
//! line, a placeholder, a list or what looks like a comment.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::dsl::Filters;

/// Upper limit on the characters of a text in a key.
const MAX_TEXT: usize = 200;
/// Upper limit on the characters of a comment.
const MAX_COMMENT: usize = 2000;
/// Upper limit on the characters of a name.
const MAX_NAME: usize = 80;

/// A use case.
#[derive(Clone, Debug)]
pub(super) struct UseCaseText {
    /// Whole name of the section.
    pub(super) section: String,
    /// Lines in front of the section.
    pub(super) comments: Vec<String>,
    pub(super) filters: Filters,
    /// Keys of the model.
    pub(super) model_keys: Vec<(&'static str, String)>,
    pub(super) about: About,
    /// Text of the summary, placeholders included.
    pub(super) summary: String,
}

/// Description of a rule, whatever it looks for.
#[derive(Clone, Debug, Default)]
pub(super) struct About {
    /// Title, which no other use case has.
    pub(super) title: String,
    pub(super) id: Option<String>,
    pub(super) types: Vec<String>,
    pub(super) severity: Option<String>,
    pub(super) techniques: Vec<String>,
    /// True if the rule is switched off.
    pub(super) is_off: bool,
}

impl UseCaseText {
    /// Writes the section.
    pub(super) fn write(&self, text: &mut String) {
        for comment in &self.comments {
            let _ = writeln!(text, "# {}", shortened(&on_one_line(comment), MAX_COMMENT));
        }
        let _ = writeln!(text, "[{}]", self.section);
        let mut key = |key: &str, value: &str| {
            let _ = writeln!(text, "{key}={value}");
        };
        for (name, value) in [("es_query_filter", &self.filters.lucene), ("es_dsl_filter", &self.filters.dsl)] {
            if let Some(value) = value {
                key(name, value);
            }
        }
        for (name, value) in &self.model_keys {
            key(name, value);
        }
        let types: Vec<String> = self.about.types.iter().map(|part| element(part)).collect();
        key("outlier_type", &types.join(","));
        key("outlier_reason", &element(&self.about.title));
        key("outlier_summary", &self.summary);
        if let Some(severity) = &self.about.severity {
            key("severity", severity);
        }
        if !self.about.techniques.is_empty() {
            key("technique", &self.about.techniques.join(","));
        }
        if let Some(id) = &self.about.id {
            key("rule_id", &element(id));
        }
        key("run_model", if self.about.is_off { "0" } else { "1" });
        text.push('\n');
    }
}

/// Names and titles that are taken.
#[derive(Debug, Default)]
pub(super) struct Taken {
    names: HashSet<String>,
    titles: HashSet<String>,
}

impl Taken {
    /// Returns the name of a section that no other one has.
    pub(super) fn section(&mut self, model: &str, origin: &str, title: &str, id: Option<&str>) -> String {
        let name = format!("{model}_{origin}_{}", slug_of_title(title));
        distinct(&mut self.names, &name, id, |name, sign| format!("{name}_{}", slug(sign)))
    }

    /// Returns a title that no other use case has: outliers with the same texts are one.
    pub(super) fn title(&mut self, title: &str, id: Option<&str>) -> String {
        let title = prose(title);
        let title = if title.is_empty() { "rule without a title".to_owned() } else { title };
        distinct(&mut self.titles, &title, id, |title, sign| format!("{title} ({})", prose(sign)))
    }
}

/// Returns `text`, or a variant of it, which becomes taken.
fn distinct(
    taken: &mut HashSet<String>,
    text: &str,
    id: Option<&str>,
    variant: impl Fn(&str, &str) -> String,
) -> String {
    let id = id.map(|id| id.chars().take(8).collect::<String>()).filter(|id| !slug(id).is_empty());
    let signs = id.into_iter().chain((2_usize..).map(|number| number.to_string()));
    let found =
        std::iter::once(text.to_owned()).chain(signs.map(|sign| variant(text, &sign))).find(|one| !taken.contains(one));
    let found = found.unwrap_or_default();
    taken.insert(found.clone());
    found
}

/// Letters, digits and underscores of a text, in lower case.
fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars().take(MAX_NAME) {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.ends_with('_') && !slug.is_empty() {
            slug.push('_');
        }
    }
    slug.trim_end_matches('_').to_owned()
}

fn slug_of_title(title: &str) -> String {
    Some(slug(title)).filter(|slug| !slug.is_empty()).unwrap_or_else(|| "rule".to_owned())
}

/// Returns a text as it can stand in a value: on one line, and without placeholders.
pub(super) fn prose(text: &str) -> String {
    let line = on_one_line(text).replace('{', "(").replace('}', ")");
    let words = line.split(' ').map(|word| word.trim_start_matches(['#', ';']));
    shortened(&words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "), MAX_TEXT)
}

/// As [`prose`], for one element of a list.
fn element(text: &str) -> String {
    prose(text).replace(", ", "; ").replace(',', ";")
}

/// Returns a placeholder of a field; `None` if its name cannot stand in one.
pub(super) fn placeholder(field: &str) -> Option<String> {
    let is_plain = |c: char| c.is_alphanumeric() || "_.-@:()/ ".contains(c);
    (!field.is_empty() && field.chars().all(is_plain)).then(|| format!("{{{field}}}"))
}

/// Joins the lines of a text, and removes what steers terminals and the direction of text.
pub(super) fn on_one_line(text: &str) -> String {
    let is_hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let visible: String = text.chars().map(|c| if is_hidden(c) { ' ' } else { c }).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}...", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_titles_stay_titles() {
        for (title, expected) in [
            ("a\nrun_model=0\r\n[x]", "a run_model=0 [x]"),
            ("{password} and {x", "(password) and (x"),
            ("C# ; rm # x", "C# rm x"),
            ("# comment", "comment"),
            ("\u{202e}abc\u{1b}[2J", "abc [2J"),
            ("100 % of A, B", "100 % of A; B"),
            ("  ", ""),
        ] {
            assert_eq!(element(title), expected, "{title:?}");
        }
        assert_eq!(prose(&"é".repeat(300)).chars().count(), MAX_TEXT + 3);
    }

    #[test]
    fn names_are_distinct() {
        let mut taken = Taken::default();
        let mut name = |title: &str, id| taken.section("simplequery", "sigma", title, id);
        assert_eq!(name("A - b!", None), "simplequery_sigma_a_b");
        assert_eq!(name("a b", Some("0123456789")), "simplequery_sigma_a_b_01234567");
        assert_eq!(name("a b", Some("0123456789")), "simplequery_sigma_a_b_2");
        assert_eq!(name("日本", None), "simplequery_sigma_rule");
        assert_eq!(name("]\n[", None), "simplequery_sigma_rule_2");
        assert_eq!(taken.title("A\nB", None), "A B");
        assert_eq!(taken.title("A B", Some("9")), "A B (9)");
    }
}
