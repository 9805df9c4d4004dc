//! Derived fields: values that grok patterns find in the text of another field.

use std::collections::HashMap;

use grok::{Grok, Pattern};
use serde_json::{Map, Value};

use super::document::lookup;
use crate::config::{DerivedField, FieldPath, Problem};

/// Names that existing configurations may use and the library lacks, in our own words.
const OWN_PATTERNS: [(&str, &str); 3] = [
    ("TIMESTAMP_ISO8601_STRICT", "%{YEAR}-%{MONTHNUM}-%{MONTHDAY}T%{HOUR}:%{MINUTE}:%{SECOND}%{ISO8601_TIMEZONE}?"),
    ("QUOTEDSTRING_SIMPLE", "\"[^\"]*\""),
    ("MCOLLECTIVEAUDIT", "%{TIMESTAMP_ISO8601:timestamp}:"),
];

/// Compiled rules, in the order of the configuration.
#[derive(Debug)]
pub struct DerivedFields {
    rules: Vec<Rule>,
}

struct Rule {
    source: FieldPath,
    pattern: Pattern,
    keys: Vec<Key>,
}

#[derive(Debug, Clone)]
struct Key {
    /// The name of the derived field.
    name: String,
    /// The group as the library knows it.
    group: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    Float,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rule").field("source", &self.source).field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl DerivedFields {
    /// Compiles rules; those that cannot be compiled are problems.
    pub fn compile(fields: &[DerivedField]) -> (Self, Vec<Problem>) {
        let mut grok = Grok::with_default_patterns();
        for (name, pattern) in OWN_PATTERNS {
            grok.add_pattern(name, pattern);
        }
        let mut rules = Vec::new();
        let mut problems = Vec::new();
        for field in fields {
            match compile_rule(&grok, field) {
                Ok(rule) => rules.push(rule),
                Err(message) => problems.push(
                    Problem::error(message)
                        .at(field.location.clone())
                        .in_section("derivedfields")
                        .of_key(field.source.as_str())
                        .help("write patterns as %{NAME:field}; names are those of the grok library"),
                ),
            }
        }
        (DerivedFields { rules }, problems)
    }

    /// Source field and key of everything that may be derived.
    pub fn keys(&self) -> impl Iterator<Item = (&FieldPath, &str)> {
        self.rules.iter().flat_map(|rule| rule.keys.iter().map(|key| (&rule.source, key.name.as_str())))
    }

    /// What the rules of `source` find in its text; later values of a key replace earlier ones.
    pub fn apply(&self, source: &FieldPath, text: &str) -> Vec<(String, Option<Value>)> {
        let rules = self.rules.iter().filter(|rule| rule.source == *source);
        rules.flat_map(|rule| rule.apply(text)).collect()
    }

    /// Everything that is derived of an event, each key once; only texts are sources.
    pub fn derive(&self, event: &Map<String, Value>) -> Vec<(String, Value)> {
        let mut derived: Vec<(String, Value)> = Vec::new();
        for rule in &self.rules {
            let Some(Value::String(text)) = lookup(event, &rule.source) else { continue };
            for (key, value) in rule.apply(text) {
                let value = value.unwrap_or(Value::Null);
                match derived.iter_mut().find(|(known, _)| *known == key) {
                    Some(known) => known.1 = value,
                    None => derived.push((key, value)),
                }
            }
        }
        derived
    }
}

impl Rule {
    /// The first match, anywhere in the text.
    fn apply(&self, text: &str) -> Vec<(String, Option<Value>)> {
        let Some(matches) = self.pattern.match_against(text) else { return Vec::new() };
        let found: HashMap<&str, &str> = matches.iter().collect();
        self.keys
            .iter()
            .map(|key| (key.name.clone(), found.get(key.group.as_str()).and_then(|text| key.kind.value(text))))
            .collect()
    }
}

impl Kind {
    /// A text that is no such number gives no value.
    fn value(self, text: &str) -> Option<Value> {
        match self {
            Kind::Text => Some(text.into()),
            Kind::Integer => text.trim().parse::<i64>().ok().map(Value::from),
            Kind::Float => text.trim().parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from),
        }
    }
}

fn compile_rule(grok: &Grok, field: &DerivedField) -> Result<Rule, String> {
    let (pattern, keys) = split_kinds(&field.pattern);
    let pattern = grok.compile(&pattern, true).map_err(|error| format!("not a grok pattern: {error}"))?;
    let names: Vec<String> = pattern.capture_names().map(str::to_owned).collect();
    let keys = names
        .into_iter()
        .map(|group| {
            let kind = keys.iter().find(|(name, _)| *name == group).map_or(Kind::Text, |(_, kind)| *kind);
            Key { name: group.clone(), group, kind }
        })
        .collect();
    Ok(Rule { source: field.source.clone(), pattern, keys })
}

/// `%{NAME:key:int}` is `%{NAME:key}` and a kind.
fn split_kinds(pattern: &str) -> (String, Vec<(String, Kind)>) {
    let mut plain = String::with_capacity(pattern.len());
    let mut kinds = Vec::new();
    let mut rest = pattern;
    while let Some(start) = rest.find("%{") {
        let Some(length) = rest[start..].find('}') else { break };
        let inside = &rest[start + 2..start + length];
        plain.push_str(&rest[..start]);
        let parts: Vec<&str> = inside.split(':').collect();
        match parts.as_slice() {
            [name, key, kind @ ("int" | "float")] => {
                let kind = if *kind == "int" { Kind::Integer } else { Kind::Float };
                kinds.push(((*key).to_owned(), kind));
                plain.push_str(&format!("%{{{name}:{key}}}"));
            }
            _ => plain.push_str(&rest[start..=start + length]),
        }
        rest = &rest[start + length + 1..];
    }
    plain.push_str(rest);
    (plain, kinds)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::config::Location;

    const TIMESTAMP: &str = "%{YEAR:timestamp_year}-%{MONTHNUM:timestamp_month}-%{MONTHDAY:timestamp_day}[T ]%{HOUR:timestamp_hour}:?%{MINUTE:timestamp_minute}(?::?%{SECOND:timestamp_second})?%{ISO8601_TIMEZONE:timestamp_timezone}?";

    fn rules(patterns: &[(&str, &str)]) -> (DerivedFields, Vec<Problem>) {
        let location = Location { file: Arc::from(Path::new("main.conf")), line: 1, column: 1 };
        let fields: Vec<DerivedField> = patterns
            .iter()
            .map(|(source, pattern)| DerivedField {
                source: FieldPath::new(source),
                pattern: (*pattern).to_owned(),
                location: location.clone(),
            })
            .collect();
        DerivedFields::compile(&fields)
    }

    fn check(pattern: &str, event: Value, expected: Value) {
        let (rules, problems) = rules(&[("t", pattern)]);
        assert!(problems.is_empty(), "{problems:?}");
        let Value::Object(event) = event else { panic!("an object") };
        let derived: Map<String, Value> = rules.derive(&event).into_iter().collect();
        assert_eq!(Value::Object(derived), expected, "{pattern}");
    }

    #[test]
    fn timestamps_are_taken_apart() {
        check(
            TIMESTAMP,
            json!({"t": "2018-07-02T07:54:30.549523+00:00"}),
            json!({"timestamp_year": "2018", "timestamp_month": "07", "timestamp_day": "02", "timestamp_hour": "07",
                   "timestamp_minute": "54", "timestamp_second": "30.549523", "timestamp_timezone": "+00:00"}),
        );
        check(
            TIMESTAMP,
            json!({"T": "xx 2018-07-02T07:54 yy"}),
            json!({"timestamp_year": "2018", "timestamp_month": "07", "timestamp_day": "02", "timestamp_hour": "07",
                   "timestamp_minute": "54", "timestamp_second": null, "timestamp_timezone": null}),
        );
        check(TIMESTAMP, json!({"t": "no time"}), json!({}));
    }

    #[test]
    fn only_texts_are_sources() {
        for value in [json!(5), json!(null), json!(["2018-07-02T07:54"]), json!({})] {
            check(TIMESTAMP, json!({"t": value}), json!({}));
        }
    }

    #[test]
    fn numbers_are_converted_where_asked() {
        check("%{INT:a:int} %{NUMBER:b:float} %{WORD:c}", json!({"t": "7 1.5 x"}), json!({"a": 7, "b": 1.5, "c": "x"}));
        check("%{NOTSPACE:a:int}", json!({"t": "seven"}), json!({"a": null}));
        check("%{INT} %{WORD:w}", json!({"t": "7 x"}), json!({"w": "x"}));
    }

    #[test]
    fn unknown_patterns_are_problems() {
        let (_, problems) = rules(&[("t", "%{NOSUCHPATTERN:x}")]);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].to_string().contains("NOSUCHPATTERN"), "{}", problems[0]);
    }

    #[test]
    fn patterns_of_all_libraries_are_available() {
        for name in [
            "S3_ACCESS_LOG",
            "ELB_ACCESS_LOG",
            "BACULA_LOGLINE",
            "BRO_HTTP",
            "BRO_DNS",
            "BRO_CONN",
            "EXIM_MSGID",
            "CISCOFW106001",
            "NETSCREENSESSIONLOG",
            "COMMONAPACHELOG",
            "COMBINEDAPACHELOG",
            "HAPROXYHTTP",
            "JAVACLASS",
            "JAVASTACKTRACEPART",
            "RT_FLOW1",
            "SYSLOG5424LINE",
            "SYSLOGBASE2",
            "MCOLLECTIVE",
            "MCOLLECTIVEAUDIT",
            "MONGO3_LOG",
            "MONGO_LOG",
            "NAGIOSLOGLINE",
            "POSTGRESQL",
            "RAILS3",
            "REDISLOG",
            "RUBY_LOGGER",
            "SHOREWALL",
            "TOMCATLOG",
            "CATALINALOG",
            "CRONLOG",
            "IPORHOST",
            "WINPATH",
            "UUID",
            "MAC",
        ] {
            let (_, problems) = rules(&[("t", &format!("%{{{name}:x}}"))]);
            assert!(problems.is_empty(), "{name}: {problems:?}");
        }
    }
}
