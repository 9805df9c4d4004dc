//! The filter of a rule: a list of queries in the DSL, in the form of any version of the server.

use serde_json::{Map, Number, Value, json};

use crate::config::Problem;
use crate::importers::dsl::Filters;
use crate::importers::yaml::{Node, Yaml};

/// Upper limit on the levels of queries that are renamed.
const MAX_DEPTH: usize = 32;

/// Returns the filters of a rule, `own` queries of its type included.
pub(super) fn filters(rule: &Node, own: Vec<Value>) -> Result<Filters, Box<Problem>> {
    let mut queries = Vec::new();
    let mut texts = Vec::new();
    let nodes = match rule.get("filter") {
        Some(Node { value: Yaml::Null, .. }) | None => &[],
        Some(node) => node.elements(),
    };
    for node in nodes {
        let query = modern(node, 0)?;
        match lucene_text(&query) {
            Some(text) => texts.push(text),
            None => queries.push(query),
        }
    }
    queries.extend(own);
    let lucene = match texts.as_slice() {
        [] => queries.is_empty().then(|| "*".to_owned()),
        [one] => Some(one.clone()),
        several => Some(several.iter().map(|text| format!("({text})")).collect::<Vec<_>>().join(" AND ")),
    };
    let written = queries.iter().map(|query| format!("{{\"query\": {query}}}")).collect::<Vec<_>>();
    let dsl = (!written.is_empty()).then(|| format!("[\n {}\n ]", written.join(",\n ")));
    Ok(Filters { lucene, dsl })
}

/// The text of a query string without further settings, on one line.
fn lucene_text(query: &Value) -> Option<String> {
    let body = query.get("query_string")?.as_object()?;
    let text = body.get("query")?.as_str().filter(|_| body.len() == 1)?;
    Some(text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" "))
        .filter(|text| !text.is_empty())
}

/// Returns a query in today's form: `query`, `not`, `and` and `or` are of older servers.
fn modern(node: &Node, depth: usize) -> Result<Value, Box<Problem>> {
    let [member] = node.members() else {
        return Err(node.error("not a query", "write one kind of query, such as `term:`, in each element of `filter`"));
    };
    if depth == MAX_DEPTH {
        return Err(node.error(format!("more than {MAX_DEPTH} queries inside each other"), "take levels away"));
    }
    let all = |node: &Node| node.elements().iter().map(|node| modern(node, depth + 1)).collect::<Result<Vec<_>, _>>();
    Ok(match member.key.as_str() {
        "query" => modern(&member.value, depth + 1)?,
        "not" => json!({"bool": {"must_not": all(&member.value)?}}),
        "and" => json!({"bool": {"filter": all(&member.value)?}}),
        "or" => json!({"bool": {"should": all(&member.value)?, "minimum_should_match": 1}}),
        "bool" => {
            let mut body = Map::new();
            for clause in member.value.members() {
                let is_list = ["must", "filter", "should", "must_not"].contains(&clause.key.as_str());
                let value = if is_list { Value::Array(all(&clause.value)?) } else { json(&clause.value) };
                body.insert(clause.key.clone(), value);
            }
            json!({ "bool": body })
        }
        kind => json!({kind: json(&member.value)}),
    })
}

/// Returns a value of YAML as JSON.
pub(super) fn json(node: &Node) -> Value {
    match &node.value {
        Yaml::Null => Value::Null,
        Yaml::Bool(flag) => Value::Bool(*flag),
        Yaml::Number(text) => text.parse::<Number>().map_or_else(|_| Value::from(text.as_str()), Value::Number),
        Yaml::Text(text) => Value::from(text.as_str()),
        Yaml::List(elements) => Value::Array(elements.iter().map(json).collect()),
        Yaml::Map(members) => {
            Value::Object(members.iter().map(|member| (member.key.clone(), json(&member.value))).collect())
        }
    }
}
