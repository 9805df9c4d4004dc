//! Credentials as the `Authorization` header.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;

use super::error::ElasticError;
use crate::config::Authentication;

/// Returns the value of the header, marked as sensitive; `None` without authentication.
///
/// # Errors
/// A token that a header cannot hold.
pub(super) fn authorization(authentication: &Authentication) -> Result<Option<HeaderValue>, ElasticError> {
    let (key, text) = match authentication {
        Authentication::None => return Ok(None),
        Authentication::Basic { username, password } => {
            ("es_username", format!("Basic {}", STANDARD.encode(format!("{username}:{}", password.expose()))))
        }
        Authentication::ApiKey(key) => ("es_api_key", format!("ApiKey {}", encoded(key.expose()))),
        Authentication::Bearer(token) => ("es_bearer_auth", format!("Bearer {}", token.expose())),
    };
    let mut value = HeaderValue::try_from(text).map_err(|_| ElasticError::Setting {
        key,
        reason: "it contains characters that an HTTP header cannot hold".to_owned(),
        cure: "check that it is the token alone, on one line",
    })?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// Fewest characters of a secret that is looked for: a shorter one occurs by chance.
const MIN_CHARS: usize = 4;

/// Text that stands in place of a secret.
const HIDDEN: &str = "[secret]";

/// Secrets in the forms in which somebody who was sent them may send them back: a server or a proxy
/// that fails may answer with the request.
pub(crate) fn secrets(authentication: &Authentication) -> Vec<String> {
    let secret = match authentication {
        Authentication::None => return Vec::new(),
        Authentication::Basic { password: secret, .. }
        | Authentication::ApiKey(secret)
        | Authentication::Bearer(secret) => secret.expose().to_owned(),
    };
    let header = authorization(authentication).ok().flatten();
    let sent = header.as_ref().and_then(|value| value.to_str().ok()?.split_once(' '));
    let mut forms: Vec<String> = sent.map(|(_, sent)| sent.to_owned()).into_iter().chain([secret]).collect();
    forms.retain(|form| form.chars().count() >= MIN_CHARS);
    forms
}

/// Replaces secrets in what a server has sent.
pub(crate) fn hide(secrets: &[String], text: &str) -> String {
    secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), HIDDEN))
}

/// Encodes an API key as it is sent; the form `id:key` is not encoded yet.
fn encoded(key: &str) -> String {
    if key.contains(':') { STANDARD.encode(key) } else { key.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    #[test]
    fn secrets_are_hidden_in_every_form() {
        let basic = Authentication::Basic { username: "Aladdin".to_owned(), password: Secret::new("open sesame") };
        let hidden = |authentication: &Authentication, text: &str| hide(&secrets(authentication), text);
        let echoed = "authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ== as Aladdin:open sesame";
        assert_eq!(hidden(&basic, echoed), "authorization: Basic [secret] as Aladdin:[secret]");
        let key = Authentication::ApiKey(Secret::new("id:key"));
        assert_eq!(hidden(&key, "id:key is aWQ6a2V5"), "[secret] is [secret]");
        assert_eq!(hidden(&Authentication::Bearer(Secret::new("abc")), "abc"), "abc", "it occurs by chance");
        assert_eq!(hidden(&Authentication::None, "abc"), "abc");
    }

    #[test]
    fn each_kind_of_credentials_has_its_header() {
        let basic = Authentication::Basic { username: "Aladdin".to_owned(), password: Secret::new("open sesame") };
        for (authentication, expected) in [
            (Authentication::None, None),
            // example from RFC 7617
            (basic, Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")),
            (Authentication::ApiKey(Secret::new("aWQ6a2V5")), Some("ApiKey aWQ6a2V5")),
            (Authentication::ApiKey(Secret::new("id:key")), Some("ApiKey aWQ6a2V5")),
            (Authentication::Bearer(Secret::new("t.o.k")), Some("Bearer t.o.k")),
        ] {
            let value = authorization(&authentication).unwrap();
            assert_eq!(value.as_ref().map(|value| value.to_str().unwrap()), expected);
            assert!(!format!("{value:?}{authentication:?}").contains("sesame"));
            assert!(value.is_none_or(|value| value.is_sensitive()));
        }
        let error = authorization(&Authentication::Bearer(Secret::new("a\nb"))).unwrap_err().to_string();
        assert!(error.starts_with("es_bearer_auth: ") && !error.contains("a\nb"), "{error}");
    }
}
