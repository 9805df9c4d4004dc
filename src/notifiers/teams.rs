//! Cards in Microsoft Teams, through a workflow that is started by a webhook request.
//!
//! Texts of events are runs of rich text, which Teams shows as they are: in other elements of a
//! card they would be read as Markdown.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::http::Http;
use super::text::fitting;
use super::view::{Bounds, View};
use super::{Notifier, NotifyError, OpenError, Told};
use crate::config::{ChannelSettings, FindingSeverity, TeamsSettings};
use crate::delivery::Notice;

/// Upper limit of Teams on the bytes of a message, 28 KB, less what the workflow adds.
const MOST_BYTES: usize = 27_000;

/// Channel in Teams.
#[derive(Debug)]
pub(super) struct TeamsChannel {
    name: String,
    http: Http,
}

impl TeamsChannel {
    pub(super) fn open(settings: &ChannelSettings, teams: &TeamsSettings) -> Result<Self, OpenError> {
        let http = Http::open(&settings.name, &teams.http, settings.timeout)?;
        Ok(TeamsChannel { name: settings.name.clone(), http })
    }
}

#[async_trait]
impl Notifier for TeamsChannel {
    fn name(&self) -> &str {
        &self.name
    }

    async fn tell(&self, notice: &Notice) -> Result<Told, NotifyError> {
        let answer = self.http.post(message(notice)).await?;
        match answer.status {
            200 | 202 => Ok(Told::Accepted(self.http.shown(&answer))),
            _ => Err(self.http.refused(&answer)),
        }
    }
}

/// The message for a notice, as large as Teams takes it.
fn message(notice: &Notice) -> String {
    const TEXT_CHARS: usize = 1000;
    const DOCUMENT_CHARS: usize = 8000;
    let render = |most: usize| envelope(notice, Bounds { text: most.min(TEXT_CHARS), document: most });
    fitting(DOCUMENT_CHARS, render, |message| message.len() <= MOST_BYTES)
}

fn envelope(notice: &Notice, bounds: Bounds) -> String {
    let view = View::new(notice, bounds);
    let mut body = vec![rich(vec![json!({
        "type": "TextRun", "text": view.title, "weight": "Bolder", "size": "Large", "color": color(view.severity)
    })])];
    body.extend(view.facts.iter().map(|(name, text)| {
        let name = json!({"type": "TextRun", "text": format!("{name}: "), "weight": "Bolder"});
        rich(vec![name, json!({"type": "TextRun", "text": text})])
    }));
    body.extend(
        view.findings.iter().map(|finding| rich(vec![json!({"type": "TextRun", "text": format!("• {finding}")})])),
    );
    if let Some(document) = view.document.filter(|document| !document.is_empty()) {
        body.push(rich(vec![json!({"type": "TextRun", "text": document, "fontType": "Monospace", "size": "Small"})]));
    }
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body
    });
    let attachment =
        json!({"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card});
    json!({"type": "message", "attachments": [attachment]}).to_string()
}

fn rich(inlines: Vec<Value>) -> Value {
    json!({"type": "RichTextBlock", "inlines": inlines})
}

fn color(severity: FindingSeverity) -> &'static str {
    match severity {
        FindingSeverity::Informational | FindingSeverity::Low => "Accent",
        FindingSeverity::Medium => "Warning",
        FindingSeverity::High | FindingSeverity::Critical => "Attention",
    }
}
