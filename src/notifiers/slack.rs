//! Messages in Slack, through an incoming webhook.
//!
//! Texts of events are escaped as Slack asks (`&`, `<`, `>`), so that they cannot mention anybody,
//! and marked `verbatim`, so that they do not become links.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::http::Http;
use super::text::{cut, fitting};
use super::view::{Bounds, View};
use super::{Notifier, NotifyError, OpenError, Told};
use crate::config::{ChannelSettings, SlackSettings};
use crate::delivery::Notice;

/// Upper limit of Slack on the characters of a section.
const SECTION_CHARS: usize = 3000;

/// Upper limit of Slack on the blocks of a message.
const MOST_BLOCKS: usize = 50;

/// Names of facts that a channel of people needs; the rest is in the document.
const SHOWN_FACTS: [&str; 13] = [
    "Use case",
    "Score",
    "Severity",
    "Type",
    "Reason",
    "Aggregator",
    "Target",
    "Documents",
    "First event",
    "Last event",
    "Assets",
    "ATT&CK",
    "Also flagged by",
];

/// Channel in Slack.
#[derive(Debug)]
pub(super) struct SlackChannel {
    name: String,
    http: Http,
}

impl SlackChannel {
    pub(super) fn open(settings: &ChannelSettings, slack: &SlackSettings) -> Result<Self, OpenError> {
        let http = Http::open(&settings.name, &slack.http, settings.timeout)?;
        Ok(SlackChannel { name: settings.name.clone(), http })
    }
}

#[async_trait]
impl Notifier for SlackChannel {
    fn name(&self) -> &str {
        &self.name
    }

    async fn tell(&self, notice: &Notice) -> Result<Told, NotifyError> {
        let answer = self.http.post(message(notice).to_string()).await?;
        match answer.status {
            200 => Ok(Told::Accepted(self.http.shown(&answer))),
            _ => Err(self.http.refused(&answer)),
        }
    }
}

/// The message for a notice.
fn message(notice: &Notice) -> Value {
    let view = View::new(notice, Bounds { text: 500, document: 2500 });
    let lines: Vec<String> = view
        .facts
        .iter()
        .filter(|(name, _)| SHOWN_FACTS.contains(name))
        .map(|(name, text)| format!("*{}*: {}", escaped(name), escaped(text)))
        .collect();
    let title = escaped(&view.title);
    let mut blocks = vec![section(&if title.contains('*') { title.clone() } else { format!("*{title}*") })];
    blocks.extend(sections(&lines));
    let findings: Vec<String> = view.findings.iter().map(|finding| format!("• {}", escaped(finding))).collect();
    blocks.extend(sections(&findings));
    if let Some(document) = &view.document {
        let code = |most: usize| format!("```{}```", escaped(&cut(document, most)));
        blocks.push(section(&fitting(SECTION_CHARS, code, |text| text.chars().count() <= SECTION_CHARS)));
    }
    blocks.truncate(MOST_BLOCKS - 1);
    let identity = format!("ee-outliers · notice {}", escaped(notice.key()));
    blocks.push(json!({"type": "context", "elements": [{"type": "mrkdwn", "text": identity, "verbatim": true}]}));
    // the text is what notifications of the system show
    json!({"text": title, "blocks": blocks, "unfurl_links": false, "unfurl_media": false})
}

/// Sections that hold all lines.
fn sections(lines: &[String]) -> Vec<Value> {
    let mut texts: Vec<String> = Vec::new();
    for line in lines {
        let line = cut(line, SECTION_CHARS);
        match texts.last_mut() {
            Some(text) if text.chars().count() + line.chars().count() < SECTION_CHARS => {
                text.push('\n');
                text.push_str(&line);
            }
            _ => texts.push(line),
        }
    }
    texts.iter().map(|text| section(text)).collect()
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}})
}

/// Escapes a text as Slack asks. A backtick would end a block of code, and has no escape.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('`', "\u{2cb}")
}
