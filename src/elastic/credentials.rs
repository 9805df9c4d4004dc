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

/// Encodes an API key as it is sent; the form `id:key` is not encoded yet.
fn encoded(key: &str) -> String {
    if key.contains(':') { STANDARD.encode(key) } else { key.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

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
