//! `es_username`, `es_api_key` and the like. A secret is written, or in a file that is named.

use std::path::Path;

use super::Environment;
use crate::config::keys::Keys;
use crate::config::problem::Problem;
use crate::config::secret::Secret;
#[cfg(test)]
use crate::config::template_key::TemplateKey;

/// Keys that are read here, for the documentation.
#[cfg(test)]
pub(in crate::config) const KEYS: &[TemplateKey] = &[
    TemplateKey::optional("es_username", "outliers", "user, with a password"),
    TemplateKey::optional("es_password", "secret", "password of the user"),
    TemplateKey::optional("es_password_file", "/etc/ee-outliers/password", "file that holds the password"),
    TemplateKey::optional("es_api_key", "bm90LWEta2V5", "API key as the cluster shows it (encoded), or ID:KEY"),
    TemplateKey::optional("es_api_key_file", "/etc/ee-outliers/api.key", "file that holds the API key"),
    TemplateKey::optional("es_bearer_auth", "secret", "bearer token"),
    TemplateKey::optional("es_bearer_auth_file", "/etc/ee-outliers/token", "file that holds the token"),
];

/// Authentication of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Authentication {
    /// Without credentials.
    #[default]
    None,
    /// User name and password.
    Basic {
        /// User name.
        username: String,
        /// Password.
        password: Secret,
    },
    /// An API key: as the server shows it (`encoded`), or its id and key with a colon between.
    ApiKey(Secret),
    /// A bearer token.
    Bearer(Secret),
}

impl Authentication {
    /// Reads the credentials; `of_url` are those in an address.
    pub(super) fn read(keys: &mut Keys<'_>, variable: &Environment<'_>, of_url: Option<Self>) -> Self {
        let mut found: Vec<Self> = of_url.into_iter().chain(in_file(keys)).collect();
        if found.is_empty() {
            found = in_environment(keys, variable);
        }
        if found.len() > 1 {
            keys.problems.push(
                Problem::error("more than one way to authenticate is given")
                    .in_section(keys.section)
                    .help("keep one of: user and password (es_url or es_username), es_api_key, es_bearer_auth"),
            );
        }
        found.pop().unwrap_or_default()
    }
}

fn in_file(keys: &mut Keys<'_>) -> Vec<Authentication> {
    let username = keys.filled("es_username");
    let password = Secret::written(keys, "es_password", "es_password_file");
    if username.is_none() && password.is_some() {
        keys.missing("es_username", "needed because es_password is given");
    }
    let api_key = Secret::written(keys, "es_api_key", "es_api_key_file");
    let bearer = Secret::written(keys, "es_bearer_auth", "es_bearer_auth_file");
    all_of(username.map(str::to_owned), password, api_key, bearer)
}

/// Reads the variables, whose names are lower-case.
fn in_environment(keys: &mut Keys<'_>, variable: &Environment<'_>) -> Vec<Authentication> {
    let mut secret = |name: &str| {
        let path = variable(&format!("{name}_file"));
        let from_file = path.and_then(|path| match Secret::read(Path::new(&path)) {
            Ok(secret) => Some(secret),
            Err(reason) => {
                let help = "check the path and its permissions";
                keys.problems.push(Problem::error(format!("variable {name}_file: {reason}")).help(help));
                None
            }
        });
        variable(name).map(Secret::new).or(from_file)
    };
    let (password, api_key, bearer) = (secret("es_password"), secret("es_api_key"), secret("es_bearer_auth"));
    all_of(variable("es_username"), password, api_key, bearer)
}

/// Returns every way to authenticate that is given. A user without a password has an empty one.
fn all_of(
    username: Option<String>,
    password: Option<Secret>,
    api_key: Option<Secret>,
    bearer: Option<Secret>,
) -> Vec<Authentication> {
    let password = password.unwrap_or_else(|| Secret::new(""));
    let basic = username.map(|username| Authentication::Basic { username, password });
    [basic, api_key.map(Authentication::ApiKey), bearer.map(Authentication::Bearer)].into_iter().flatten().collect()
}
