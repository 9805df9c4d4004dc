//! Requests to any program: the notice as JSON, or what a template makes of it.
//!
//! A signed request has the header `X-EE-Outliers-Signature: v1=HEX`, where HEX is the HMAC-SHA256
//! of the text `TIMESTAMP.BODY`, and `X-EE-Outliers-Timestamp: TIMESTAMP` in seconds since 1970, so
//! that a receiver can refuse old ones. `Idempotency-Key` is the same for a repeat.

use std::fmt::Write;
use std::path::Path;

use async_trait::async_trait;
use chrono::Utc;
use hmac::{Hmac, Mac};
use minijinja::Environment;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use sha2::Sha256;

use super::context::{environment, object, of_template};
use super::http::Http;
use super::sample::sample;
use super::{Notifier, NotifyError, OpenError, Told};
use crate::config::{ChannelSettings, Secret, WebhookSettings};
use crate::delivery::Notice;

/// Upper limit on the bytes of a template.
const MOST_TEMPLATE_BYTES: u64 = 1 << 20;

/// Upper limit on the bytes of a body.
const MOST_BODY_BYTES: usize = 1 << 20;

/// Name of the template in messages; its ending says how values are escaped.
type TemplateName = String;

/// Channel that sends requests.
#[derive(Debug)]
pub(super) struct WebhookChannel {
    name: String,
    http: Http,
    template: Option<(Environment<'static>, TemplateName)>,
    content_type: String,
    hmac_secret: Option<Secret>,
}

impl WebhookChannel {
    pub(super) fn open(settings: &ChannelSettings, webhook: &WebhookSettings) -> Result<Self, OpenError> {
        let name = &settings.name;
        let mut http = Http::open(name, &webhook.http, settings.timeout)?;
        for (header, value) in &webhook.headers {
            http.add_header(name, header, value.expose())?;
        }
        if let Some(secret) = &webhook.hmac_secret {
            http.keep_secret(secret.expose());
        }
        let template = webhook.template.as_deref().map(|path| load(name, path)).transpose()?;
        let content_type = webhook.content_type.clone().unwrap_or_else(|| {
            let ending = template.as_ref().map_or("json", |(_, name)| ending(name));
            match ending {
                "json" => "application/json",
                "html" => "text/html; charset=utf-8",
                "xml" => "application/xml",
                _ => "text/plain; charset=utf-8",
            }
            .to_owned()
        });
        if HeaderValue::try_from(&content_type).is_err() {
            return Err(OpenError::new(
                name,
                "content_type: not a type: write one such as application/json".to_owned(),
            ));
        }
        let hmac_secret = webhook.hmac_secret.clone();
        let channel = WebhookChannel { name: name.clone(), http, template, content_type, hmac_secret };
        // a template that cannot be used is found now, not at night
        channel.body(&sample(Utc::now())).map_err(|reason| OpenError::new(name, reason))?;
        Ok(channel)
    }

    /// The body for a notice, or the reason why the template has none for it.
    fn body(&self, notice: &Notice) -> Result<String, String> {
        let Some((environment, name)) = &self.template else { return Ok(bounded(object(notice))) };
        let rendered = environment.get_template(name).and_then(|template| template.render(of_template(notice)));
        let body = rendered.map_err(|error| format!("template: {}", shown(&error)))?;
        if body.len() > MOST_BODY_BYTES {
            return Err(format!("template: the body has {} bytes, more than {MOST_BODY_BYTES}", body.len()));
        }
        if ending(name) == "json"
            && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&body)
        {
            return Err(format!("template: the body is not JSON ({error}); values bring their own quotes"));
        }
        Ok(body)
    }
}

#[async_trait]
impl Notifier for WebhookChannel {
    fn name(&self) -> &str {
        &self.name
    }

    async fn tell(&self, notice: &Notice) -> Result<Told, NotifyError> {
        // whoever corrects the template can still have the notice told
        let body = self.body(notice).map_err(NotifyError::temporary)?;
        let mut headers = HeaderMap::new();
        let mut add = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        add("idempotency-key", notice.key());
        if let Some(secret) = &self.hmac_secret {
            let timestamp = Utc::now().timestamp().to_string();
            add("x-ee-outliers-signature", &format!("v1={}", signature(secret, &timestamp, &body)));
            add("x-ee-outliers-timestamp", &timestamp);
        }
        let answer = self.http.post_as(&self.content_type, body, headers).await?;
        match answer.status {
            200..=299 => Ok(Told::Accepted(self.http.shown(&answer))),
            409 => Ok(Told::AlreadyKnown),
            _ => Err(self.http.refused(&answer)),
        }
    }
}

/// The notice as text, without what makes it too long.
fn bounded(mut object: Value) -> String {
    for (member, part) in [("example", "source"), ("observations", "")] {
        let text = object.to_string();
        if text.len() <= MOST_BODY_BYTES {
            return text;
        }
        match object[member].get_mut(part) {
            Some(part) => *part = Value::Null,
            None => object[member] = Value::Null,
        }
    }
    object.to_string()
}

/// HMAC-SHA256 over time and body, in hexadecimal digits.
fn signature(secret: &Secret, timestamp: &str, body: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        unreachable!("HMAC takes keys of any length")
    };
    [timestamp, ".", body].iter().for_each(|part| mac.update(part.as_bytes()));
    mac.finalize().into_bytes().iter().fold(String::new(), |mut digits, byte| {
        // writing into a String cannot fail
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// Reads and compiles a template.
fn load(channel: &str, path: &Path) -> Result<(Environment<'static>, TemplateName), OpenError> {
    use std::io::Read;
    let wrong = |reason: String| OpenError::new(channel, format!("template: {reason}"));
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MOST_TEMPLATE_BYTES + 1).read_to_string(&mut text))
        .map_err(|error| wrong(format!("cannot read {}: {error}; check the path", path.display())))?;
    if text.len() as u64 > MOST_TEMPLATE_BYTES {
        return Err(wrong(format!("{} is larger than {MOST_TEMPLATE_BYTES} bytes", path.display())));
    }
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let mut environment = environment();
    environment.add_template_owned(name.clone(), text).map_err(|error| wrong(shown(&error)))?;
    Ok((environment, name))
}

/// The ending of a template's name, without one that only says that it is a template.
fn ending(name: &str) -> &str {
    let name = [".j2", ".jinja", ".jinja2"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    name.rsplit_once('.').map_or("", |(_, ending)| ending)
}

fn shown(error: &minijinja::Error) -> String {
    super::text::one_line(&error.to_string(), 300)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_other_programs() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
        let signed = signature(&Secret::new("key"), "1700000000", r#"{"a":1}"#);
        assert_eq!(signed, "a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03");
    }

    #[test]
    fn the_ending_of_a_template_says_what_it_makes() {
        let endings = ["a.json", "a.json.j2", "b.html.jinja2", "c"].map(ending);
        assert_eq!(endings, ["json", "json", "html", ""]);
    }
}
