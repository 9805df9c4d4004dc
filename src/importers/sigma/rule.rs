//! Descriptions that rules give of themselves.

use crate::importers::section::{About, Taken};
use crate::importers::yaml::Node;

/// Levels of rules, which are also severities of use cases.
const LEVELS: [&str; 5] = ["informational", "low", "medium", "high", "critical"];

/// A rule or correlation.
#[derive(Debug)]
pub(super) struct Rule<'n> {
    pub(super) node: &'n Node,
    pub(super) title: String,
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
}

impl<'n> Rule<'n> {
    pub(super) fn new(node: &'n Node) -> Self {
        let (id, name) = (node.text_of("id"), node.text_of("name"));
        let title = node.text_of("title").or_else(|| name.clone()).unwrap_or_default();
        Rule { node, title, id, name }
    }

    /// The texts of its use case; the title becomes taken.
    pub(super) fn about(&self, taken: &mut Taken) -> About {
        let tags: Vec<String> = self.node.texts_of("tags").iter().map(|tag| tag.to_ascii_lowercase()).collect();
        let of_attack: Vec<&str> = tags.iter().filter_map(|tag| tag.strip_prefix("attack.")).collect();
        let mut tactics: Vec<String> =
            of_attack.iter().filter(|tag| is_tactic(tag)).map(|tag| tag.replace(['-', '_'], " ")).collect();
        if tactics.is_empty() {
            tactics.push("sigma".to_owned());
        }
        let techniques = of_attack.iter().filter(|tag| is_technique(tag)).map(|tag| tag.to_ascii_uppercase());
        let level = self.node.text_of("level").map(|level| level.to_ascii_lowercase());
        About {
            title: taken.title(&self.title, self.id.as_deref()),
            id: self.id.clone(),
            types: tactics,
            severity: level.filter(|level| LEVELS.contains(&level.as_str())),
            techniques: techniques.collect(),
            is_off: false,
        }
    }

    /// The rest, for people.
    pub(super) fn comments(&self) -> Vec<String> {
        let mut comments = vec![self.title.clone()];
        for (key, word) in [
            ("id", "id"),
            ("status", "status"),
            ("author", "author"),
            ("date", "date"),
            ("license", "license"),
            ("description", "description"),
        ] {
            comments.extend(self.node.text_of(key).map(|text| format!("{word}: {text}")));
        }
        for (key, word) in [("falsepositives", "false positive"), ("references", "reference")] {
            comments.extend(self.node.texts_of(key).iter().map(|text| format!("{word}: {text}")));
        }
        comments
    }
}

/// `t1059` or `t1059.001`.
fn is_technique(tag: &str) -> bool {
    let is_number = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(number) = tag.strip_prefix('t') else { return false };
    match number.split_once('.') {
        Some((technique, part)) => is_number(technique, 4) && is_number(part, 3),
        None => is_number(number, 4),
    }
}

fn is_tactic(tag: &str) -> bool {
    tag.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '-' | '_'))
}
