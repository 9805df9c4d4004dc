//! Templates of use cases: the keys of each model with an example and what they mean.
//!
//! Each model declares its keys beside their reader, and a test compares both.

use super::models::{ModelType, template_keys};
use super::template_key::TemplateKey;

/// Keys that begin a use case.
const FIRST: &[TemplateKey] = &[
    TemplateKey::set("es_query_filter", "process.name:*", "which events it looks at, as a Lucene query string"),
    TemplateKey::optional("es_dsl_filter", r#"{"query": {"exists": {"field": "host.name"}}}"#, "the same as query DSL"),
    TemplateKey::optional("history_window_days", "7", "how far back events are read"),
    TemplateKey::optional("history_window_hours", "12", "hours on top of the days"),
];

/// Keys that end a use case.
const LAST: &[TemplateKey] = &[
    TemplateKey::optional("min_score", "50", "outliers with a lower score are dropped, from 0 to 100"),
    TemplateKey::optional("max_outliers", "100", "at most this number of outliers, those with the highest scores"),
    TemplateKey::optional("requires", "terms_other", "use cases that must have flagged the same aggregator"),
    TemplateKey::optional("technique", "T1059", "techniques of ATT&CK, stored with outliers like any other parameter"),
    TemplateKey::optional("severity", "medium", "informational, low, medium, high or critical"),
    TemplateKey::optional("notify", "mail", "channels of the main configuration that are told"),
    TemplateKey::optional("should_notify", "1", "1: all channels are told"),
    TemplateKey::optional("schedule", "0 6 * * *", "when the daemon runs it, as a cron expression"),
    TemplateKey::optional("timezone", "Europe/Berlin", "time zone of the schedule"),
    TemplateKey::optional("timestamp_field", "@timestamp", "field with the time of an event"),
    TemplateKey::optional("timestamp_format", "epoch_millis", "its format, where it is ambiguous"),
    TemplateKey::optional("es_index", "winlogbeat-*", "indices to read, if not those of the main configuration"),
    TemplateKey::optional("memory_days", "30", "days over which what earlier runs saw counts, with state_dir"),
    TemplateKey::optional("use_derived_fields", "1", "1: fields that patterns derive from others can be used"),
];

/// Keys that name what was found.
const TEXTS: &[TemplateKey] = &[
    TemplateKey::set("outlier_type", "first tries", "kinds of what it finds, with commas between them"),
    TemplateKey::set("outlier_reason", "unusual process", "why it matters, with commas between reasons"),
    TemplateKey::set("outlier_summary", "{process.name} on {host.name} is unusual", "one sentence; {field} is a value"),
    TemplateKey::set("run_model", "1", "1: it runs; 0: it is switched off"),
    TemplateKey::optional("test_model", "0", "1: it runs where test_models is set in the main configuration"),
];

impl ModelType {
    /// Text of a file with a use case of this model, with comments: it is valid as it is.
    pub fn template(self) -> String {
        let (model, about) = (self.as_str(), self.about());
        let mut text = format!(
            "# A use case of the model {model}: {about}\n\
             # Lines that begin with # are comments; keys in comments show what else there is.\n\
             [{model}_example]\n"
        );
        for keys in [FIRST, template_keys(self), TEXTS, LAST] {
            text.push('\n');
            keys.iter().for_each(|key| text.push_str(&key.lines()));
        }
        text
    }

    /// Words about what the model finds.
    fn about(self) -> &'static str {
        match self {
            Self::SimpleQuery => "every event of the query is an outlier.",
            Self::Metrics => "a number computed from a field is unusual in its group.",
            Self::Word2vec => "a text holds words that do not belong together.",
            Self::Terms => "a value is rare or frequent in its group, or a group has few or many values.",
            Self::SuddenAppearance => "a value appears for the first time in its group.",
            Self::Beacon => "the events of a group come in a rhythm.",
            Self::Travel => "a user is at two places between which nobody gets so fast.",
        }
    }
}

/// Keys of every use case, for the test of the documentation.
#[cfg(test)]
pub(super) fn shared_keys() -> impl Iterator<Item = &'static TemplateKey> {
    FIRST.iter().chain(TEXTS).chain(LAST)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::keys::asked_in_this_thread;
    use super::super::models::ModelDefaults;
    use super::super::{Configuration, load};
    use super::*;

    /// Keys that old configurations have, and that change nothing or have another name now.
    const OLD: [&str; 3] = ["num_epoch", "word2vec_batch_eval_size", "process_documents_chronologically"];

    fn read(text: &str) -> (Configuration, Vec<&'static str>) {
        let mut configuration = load(&[], &["no_such_file".to_owned()]);
        configuration.problems.clear();
        asked_in_this_thread::take();
        configuration.read_use_cases(&Path::new("u.conf").into(), text, &ModelDefaults::default(), &[]);
        (configuration, asked_in_this_thread::take().into_iter().map(|(_, key)| key).collect())
    }

    #[test]
    fn templates_are_valid_and_have_every_key() {
        for model in ModelType::ALL {
            let text = model.template();
            let (configuration, asked) = read(&text);
            let problems: Vec<String> = configuration.problems.iter().map(ToString::to_string).collect();
            assert!(problems.is_empty(), "{model:?}: {problems:?}");
            assert_eq!(configuration.use_cases.len(), 1, "{model:?}");
            let is_known = |key: &&&str| {
                text.lines().any(|line| line.strip_prefix("# ").unwrap_or(line).starts_with(&format!("{key}=")))
            };
            let missing: Vec<&&str> = asked.iter().filter(|key| !is_known(key) && !OLD.contains(key)).collect();
            assert!(missing.is_empty(), "{model:?} lacks {missing:?}");
        }
    }

    #[test]
    fn keys_in_comments_are_valid_examples() {
        for model in ModelType::ALL {
            let text = model.template();
            for line in text.lines().filter_map(|line| line.strip_prefix("# ")) {
                let Some((key, value)) = line.split_once('=').filter(|(key, _)| !key.contains(' ')) else { continue };
                let mut written = text.replacen(&format!("# {key}={value}\n"), &format!("{key}={value}\n"), 1);
                // some keys belong together
                for together in [["trigger_method", "trigger_sensitivity"], ["prevalence_field", "max_prevalence"]] {
                    for other in together.iter().filter(|_| together.contains(&key)) {
                        written = written.replace(&format!("\n# {other}="), &format!("\n{other}="));
                    }
                }
                let (configuration, _) = read(&written);
                let errors = configuration.problems.iter().filter(|problem| problem.key.as_deref() == Some(key));
                let errors: Vec<String> = errors.map(ToString::to_string).collect();
                // the use case that is required, and the channel that is told, are the reader's own
                assert!(errors.is_empty() || ["requires", "notify"].contains(&key), "{model:?} {key}: {errors:?}");
            }
        }
    }
}
