//! Alerts in TheHive.
//!
//! An alert is about a finding: its `sourceRef` is the id of the finding, which is the same in
//! every run, and TheHive takes a `type`, `source` and `sourceRef` only once. So a finding that
//! gets new outliers updates its alert. The description names the notice, by which a repeat is
//! recognised.
//!
//! TheHive 5 is told through API v1, TheHive 4 through API v0, which has other names for the same.

use async_trait::async_trait;
use minijinja::{AutoEscape, Environment};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::context::{environment, of_template};
use super::http::{Answer, Http};
use super::text::{cut, one_line};
use super::thehive_alert::{alert, custom_fields};
use super::{Notifier, NotifyError, OpenError, Told};
use crate::config::{ChannelSettings, TheHiveApi, TheHiveSettings};
use crate::delivery::Notice;

/// Channel that creates and updates alerts.
#[derive(Debug)]
pub(super) struct TheHiveChannel {
    name: String,
    http: Http,
    settings: TheHiveSettings,
    templates: Environment<'static>,
}

/// An alert that is there already.
struct Known {
    id: String,
    description: String,
}

impl TheHiveChannel {
    pub(super) fn open(settings: &ChannelSettings, thehive: &TheHiveSettings) -> Result<Self, OpenError> {
        let name = &settings.name;
        let mut http = Http::open(name, &thehive.http, settings.timeout)?;
        http.add_bearer(name, &thehive.api_key)?;
        if let Some(organisation) = &thehive.organisation {
            http.add_organisation(name, organisation)?;
        }
        let mut templates = environment();
        // whatever a field is called, its value is plain text
        templates.set_auto_escape_callback(|_| AutoEscape::None);
        for field in &thehive.custom_fields {
            let added = templates.add_template_owned(field.name.clone(), field.template.clone());
            added.map_err(|error| {
                OpenError::new(name, format!("custom_fields: {}", one_line(&error.to_string(), 300)))
            })?;
        }
        Ok(TheHiveChannel { name: name.clone(), http, settings: thehive.clone(), templates })
    }

    fn is_five(&self) -> bool {
        self.settings.api == TheHiveApi::Five
    }

    async fn send(&self, method: Method, path: &[&str], body: &Value) -> Result<Answer, NotifyError> {
        let prefix: &[&str] = if self.is_five() { &["api", "v1"] } else { &["api"] };
        self.http.send_below(method, &[prefix, path].concat(), body).await
    }

    /// Returns the alert with this type, source and reference.
    async fn find(&self, source_ref: &str) -> Result<Option<Known>, NotifyError> {
        let wanted = [("type", &self.settings.alert_type), ("source", &self.settings.source)];
        let wanted =
            wanted.into_iter().map(|(field, value)| (field, value.as_str())).chain([("sourceRef", source_ref)]);
        let answer = if self.is_five() {
            let equal = wanted.map(|(field, value)| json!({"_eq": {"_field": field, "_value": value}}));
            let filter = json!({"_name": "filter", "_and": equal.collect::<Vec<_>>()});
            let page = json!({"_name": "page", "from": 0, "to": 1});
            self.send(Method::POST, &["query"], &json!({"query": [{"_name": "listAlert"}, filter, page]})).await?
        } else {
            let equal = wanted.map(|(field, value)| json!({"_field": field, "_value": value}));
            let query = json!({"query": {"_and": equal.collect::<Vec<_>>()}});
            self.send(Method::POST, &["alert", "_search"], &query).await?
        };
        if answer.status != 200 {
            return Err(self.http.refused(&answer));
        }
        let found: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let text = |name: &str| found[0][name].as_str().map(str::to_owned);
        let known = text("_id").or_else(|| text("id"));
        Ok(known.map(|id| Known { id, description: text("description").unwrap_or_default() }))
    }

    /// Adds the observables that the alert does not have, and updates it with what the notice says.
    async fn update(&self, known: &Known, alert: &Map<String, Value>) -> Result<Told, NotifyError> {
        let (member, path) = if self.is_five() { ("observables", "observable") } else { ("artifacts", "artifact") };
        for observable in alert.get(member).and_then(Value::as_array).into_iter().flatten() {
            let answer = self.send(Method::POST, &["alert", &known.id, path], observable).await?;
            let is_there = answer.status == 400 && is_duplicate(&answer);
            if !(200..=299).contains(&answer.status) && !is_there {
                return Err(self.http.refused(&answer));
            }
        }
        // the description comes last: what names the notice is told as a whole
        let changed = ["title", "description", "severity", "customFields"];
        let mut update: Map<String, Value> =
            changed.iter().filter_map(|name| Some(((*name).to_owned(), alert.get(*name)?.clone()))).collect();
        if self.is_five() {
            // tags of analysts stay
            update.insert("addTags".to_owned(), alert["tags"].clone());
        }
        let answer = self.send(Method::PATCH, &["alert", &known.id], &Value::Object(update)).await?;
        if !(200..=299).contains(&answer.status) {
            return Err(self.http.refused(&answer));
        }
        Ok(Told::Accepted(format!("alert {} is updated", one_line(&known.id, 60))))
    }
}

#[async_trait]
impl Notifier for TheHiveChannel {
    fn name(&self) -> &str {
        &self.name
    }

    async fn tell(&self, notice: &Notice) -> Result<Told, NotifyError> {
        let fields = custom_fields(&self.settings, &self.templates, &of_template(notice));
        let fields = fields.map_err(|reason| NotifyError::temporary(format!("custom_fields: {reason}")))?;
        let alert = alert(notice, &self.settings, fields);
        let answer = self.send(Method::POST, &["alert"], &Value::Object(alert.clone())).await?;
        match answer.status {
            200..=299 => {
                let created: Value = serde_json::from_str(&answer.body).unwrap_or_default();
                let id = created["_id"].as_str().or_else(|| created["id"].as_str()).unwrap_or("without an id");
                Ok(Told::Accepted(format!("alert {} is created", one_line(id, 60))))
            }
            400 | 409 if is_duplicate(&answer) => {
                let source_ref = alert["sourceRef"].as_str().unwrap_or_default();
                match self.find(source_ref).await? {
                    Some(known) if known.description.contains(notice.key()) => Ok(Told::AlreadyKnown),
                    Some(known) => self.update(&known, &alert).await,
                    None => {
                        let shown = cut(&self.http.shown(&answer), 300);
                        Err(NotifyError::temporary(format!("the alert exists, but cannot be found: {shown}")))
                    }
                }
            }
            _ => Err(self.http.refused(&answer)),
        }
    }
}

/// True if TheHive has it already. Versions word it in different ways: `CreateError` with `already
/// exist in organisation`, `ConflictError` with `document already exists`.
fn is_duplicate(answer: &Answer) -> bool {
    answer.body.to_lowercase().contains("already exist")
}
