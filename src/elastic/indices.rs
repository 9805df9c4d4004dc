//! Operations on whole indices: refreshing them, storing component templates.

use elasticsearch::cluster::ClusterPutComponentTemplateParts;
use elasticsearch::indices::IndicesRefreshParts;
use reqwest::Method;
use serde_json::Value;

use super::client::Client;
use super::error::ElasticError;
use super::request::Request;
use super::search::SearchTarget;

impl Client {
    /// Makes what was written so far visible to searches.
    ///
    /// # Errors
    /// As [`Client::send`]; refreshing needs a privilege of its own.
    pub async fn refresh(&self, target: &SearchTarget) -> Result<(), ElasticError> {
        let path = IndicesRefreshParts::Index(&[target.as_str()]).url();
        let what = format!("refreshing {}", target.as_str());
        self.send(&Request::new(Method::POST, path, what)).await.map(drop)
    }

    /// Stores a component template, replacing one of the same name.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn put_component_template(&self, name: &str, body: &Value) -> Result<(), ElasticError> {
        let path = ClusterPutComponentTemplateParts::Name(name).url();
        let what = format!("storing the component template {name}");
        self.send(&Request::new(Method::PUT, path, what).json(body)).await.map(drop)
    }
}
