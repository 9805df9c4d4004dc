//! The detection of a rule: its searches, and the condition that joins them.

use std::collections::HashMap;

use super::syntax::{ConditionError, Expression, parse};
use super::value::FieldKey;
use crate::config::Problem;
use crate::importers::condition::Condition;
use crate::importers::dsl::MAX_DEPTH;
use crate::importers::lucene;
use crate::importers::yaml::{Node, Yaml};

const CONDITION: &str = "condition";
const TIMEFRAME: &str = "timeframe";

/// Condition of a rule, and its aggregation.
#[derive(Clone, Debug)]
pub(super) struct Detection<'a> {
    pub(super) condition: Condition,
    /// Text behind the `|` of the condition, and its place.
    pub(super) aggregation: Option<(String, &'a Node)>,
    /// The period of an aggregation.
    pub(super) timeframe: Option<&'a Node>,
}

/// Reads the detection of a rule.
pub(super) fn read<'a>(rule: &'a Node) -> Result<Detection<'a>, Box<Problem>> {
    let Some(detection) = rule.get("detection").filter(|detection| matches!(detection.value, Yaml::Map(_))) else {
        return Err(rule.error("a rule without a detection", "write `detection:` with searches and a condition"));
    };
    let Some(condition) = detection.get(CONDITION) else {
        return Err(detection.error("a detection without a condition", "write `condition:`"));
    };
    let searches: Vec<(&str, &Node)> = detection
        .members()
        .iter()
        .filter(|member| ![CONDITION, TIMEFRAME].contains(&member.key.as_str()))
        .map(|member| (member.key.as_str(), &member.value))
        .collect();
    let mut reader = Searches { nodes: searches.iter().copied().collect(), known: HashMap::new() };
    let names: Vec<&str> = searches.iter().map(|(name, _)| *name).collect();
    let mut aggregation = None;
    let mut alternatives = Vec::new();
    for node in condition.elements() {
        let text = node.text().ok_or_else(|| node.error("a condition that is not a text", "write a text"))?;
        let (searches, behind) = text.split_once('|').map_or((text.as_str(), None), |(text, rest)| (text, Some(rest)));
        if let Some(behind) = behind {
            aggregation = Some((behind.trim().to_owned(), node));
        }
        let expression = parse(searches, &names).map_err(|error| of_condition(node, error))?;
        alternatives.push(reader.expression(&expression)?);
    }
    let condition = Condition::any(alternatives);
    check(&condition, detection)?;
    Ok(Detection { condition, aggregation, timeframe: detection.get(TIMEFRAME) })
}

fn of_condition(node: &Node, error: ConditionError) -> Box<Problem> {
    node.error(format!("{} at character {} of the condition", error.message, error.character), error.help)
}

/// Refuses what servers do not accept.
fn check(condition: &Condition, detection: &Node) -> Result<(), Box<Problem>> {
    let levels = condition.depth();
    if levels > MAX_DEPTH {
        let message = format!("{levels} conditions inside each other: servers accept {MAX_DEPTH}");
        return Err(detection.error(message, "split the rule into several"));
    }
    if has_long_keyword(condition) {
        let message = format!("a keyword whose pattern has more than {} characters", lucene::MAX_REGEXP_CHARS);
        return Err(detection.error(message, "shorten it, or name the field that has it"));
    }
    Ok(())
}

fn has_long_keyword(condition: &Condition) -> bool {
    match condition {
        Condition::All(conditions) | Condition::Any(conditions) => conditions.iter().any(has_long_keyword),
        Condition::Not(inner) => has_long_keyword(inner),
        Condition::Anywhere(_) => lucene::clause(condition).is_none(),
        Condition::Field(..) | Condition::Written(_) => false,
    }
}

/// The searches of a detection; each is read once.
struct Searches<'a> {
    nodes: HashMap<&'a str, &'a Node>,
    known: HashMap<String, Condition>,
}

impl Searches<'_> {
    fn expression(&mut self, expression: &Expression) -> Result<Condition, Box<Problem>> {
        Ok(match expression {
            Expression::And(parts) => {
                Condition::all(parts.iter().map(|part| self.expression(part)).collect::<Result<Vec<_>, _>>()?)
            }
            Expression::Or(parts) => {
                Condition::any(parts.iter().map(|part| self.expression(part)).collect::<Result<Vec<_>, _>>()?)
            }
            Expression::Not(inner) => self.expression(inner)?.negated(),
            Expression::Search(name) => {
                if let Some(known) = self.known.get(name) {
                    return Ok(known.clone());
                }
                let condition = match self.nodes.get(name.as_str()) {
                    Some(node) => search(node)?,
                    None => Condition::Any(Vec::new()),
                };
                self.known.insert(name.clone(), condition.clone());
                condition
            }
        })
    }
}

/// Reads a search: a mapping of fields, of which all must match, or a list of such mappings and of
/// keywords, of which any must match.
fn search(node: &Node) -> Result<Condition, Box<Problem>> {
    match &node.value {
        Yaml::Map(members) if members.is_empty() => Err(node.error("a search without a field", "name a field")),
        Yaml::Map(members) => {
            let fields = members.iter().map(|member| match member.value.value {
                Yaml::Map(_) => Err(member.value.error("a mapping where values were expected", "write values")),
                _ => FieldKey::new(&member.key, &member.location).condition(&member.value),
            });
            fields.collect::<Result<Vec<_>, _>>().map(Condition::all)
        }
        Yaml::List(elements) if elements.is_empty() => Err(node.error("an empty search", "write a field or a keyword")),
        Yaml::List(elements) => elements.iter().map(search).collect::<Result<Vec<_>, _>>().map(Condition::any),
        Yaml::Null => Err(node.error("an empty search", "write a field or a keyword")),
        Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) => FieldKey::new("", &node.location).condition(node),
    }
}
