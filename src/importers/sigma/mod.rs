//! Sigma rules.
//!
//! A rule becomes a `simplequery`, a correlation or aggregation that counts becomes `terms`.
//! Values are compared without case, as the specification wants it.

mod counting;
mod detection;
mod rule;
mod source;
mod syntax;
mod value;

use std::collections::HashMap;

use super::condition::Condition;
use super::dsl::Filters;
use super::limit::CountLimit;
use super::section::{Taken, UseCaseText, placeholder, prose};
use super::yaml::{Member, Node, Yaml, documents};
use super::{Coverage, CoveredRule, Import, Made, RuleFile};
use crate::config::Problem;
use counting::{of_aggregation, of_correlation};
use rule::Rule;

/// Fields that a summary shows at most.
const SHOWN_FIELDS: usize = 3;

/// Makes use cases of the rules in `files`.
pub fn sigma(files: &[RuleFile]) -> Import {
    let mut import = Import::default();
    let mut nodes = Vec::new();
    for file in files {
        let (found, problem) = documents(&file.bytes, &file.path);
        nodes.extend(merged(found));
        import.unreadable.extend(problem);
    }
    let rules: Vec<Rule<'_>> = nodes.iter().map(Rule::new).collect();
    let known = KnownRules::new(&rules);
    let mut taken = Taken::default();
    for rule in &rules {
        let made = match rule.node.get("correlation") {
            Some(correlation) => correlated(rule, correlation, &known, &mut taken),
            None if known.is_only_referenced(rule) => Err(rule.node.error(
                "the rule only serves correlations, of which none is expressed",
                "set `generate: true` in a correlation that names it if it should report its own events",
            )),
            None => single(rule, &mut taken),
        };
        import.add(&rule.node.location, &rule.title, made);
    }
    credit(&rules, &mut import.rules);
    import
}

/// Rules that only serve correlations are expressed if one of these is.
fn credit(rules: &[Rule<'_>], covered: &mut [CoveredRule]) {
    let mut sections: HashMap<String, Vec<String>> = HashMap::new();
    for (rule, covered) in rules.iter().zip(covered.iter()) {
        let references = rule.node.get("correlation").map(|node| node.texts_of("rules")).unwrap_or_default();
        if let Coverage::Expressed { sections: own, .. } = &covered.coverage {
            for reference in references {
                sections.entry(reference).or_insert_with(|| own.clone());
            }
        }
    }
    for (rule, covered) in rules.iter().zip(covered) {
        let found = rule.id.iter().chain(&rule.name).find_map(|reference| sections.get(reference));
        if let (Coverage::Listed(_), Some(found)) = (&covered.coverage, found)
            && rule.node.get("correlation").is_none()
        {
            covered.coverage = Coverage::Expressed { sections: found.clone(), notes: Vec::new() };
        }
    }
}

/// The documents of a file, with what `action: global` gives to those behind it.
fn merged(documents: Vec<Node>) -> Vec<Node> {
    let mut global: Option<Node> = None;
    let mut rules = Vec::new();
    for document in documents {
        match document.text_of("action").as_deref() {
            Some("global") => global = Some(document),
            Some("reset") => global = None,
            _ if matches!(document.value, Yaml::Null) => {}
            _ => rules.push(match &global {
                Some(global) => over(global, document),
                None => document,
            }),
        }
    }
    rules
}

/// `own` with what only `global` has. Mappings are merged.
fn over(global: &Node, own: Node) -> Node {
    let Node { value: Yaml::Map(mut members), location } = own else { return own };
    for member in global.members().iter().filter(|member| member.key != "action") {
        match members.iter_mut().find(|known| known.key == member.key) {
            Some(known) if matches!(known.value.value, Yaml::Map(_)) => {
                let value = std::mem::replace(&mut known.value, Node { value: Yaml::Null, location: location.clone() });
                known.value = over(&member.value, value);
            }
            Some(_) => {}
            None => members.push(Member::clone(member)),
        }
    }
    Node { value: Yaml::Map(members), location }
}

/// Rules by their ids and names, for correlations.
struct KnownRules<'r, 'n> {
    by_reference: HashMap<&'r str, &'r Rule<'n>>,
    /// References by correlations: true if one of them wants the rule to report events of its own.
    referenced: HashMap<String, bool>,
}

impl<'r, 'n> KnownRules<'r, 'n> {
    fn new(rules: &'r [Rule<'n>]) -> Self {
        let mut known = KnownRules { by_reference: HashMap::new(), referenced: HashMap::new() };
        for rule in rules {
            for reference in rule.id.iter().chain(&rule.name) {
                known.by_reference.entry(reference).or_insert(rule);
            }
            let Some(correlation) = rule.node.get("correlation") else { continue };
            let generates = |node: &Node| node.text_of("generate").as_deref() == Some("true");
            let generates = generates(rule.node) || generates(correlation);
            for reference in correlation.texts_of("rules") {
                *known.referenced.entry(reference).or_default() |= generates;
            }
        }
        known
    }

    fn get(&self, reference: &str) -> Option<&'r Rule<'n>> {
        self.by_reference.get(reference).copied()
    }

    fn is_only_referenced(&self, rule: &Rule<'_>) -> bool {
        let references: Vec<bool> =
            rule.id.iter().chain(&rule.name).filter_map(|reference| self.referenced.get(reference).copied()).collect();
        !references.is_empty() && !references.contains(&true)
    }
}

/// A rule on single events, or one that counts them.
fn single(rule: &Rule<'_>, taken: &mut Taken) -> Result<Made, Box<Problem>> {
    let detection = detection::read(rule.node)?;
    let source = source::read(rule.node);
    let condition = source.joined(detection.condition);
    let mut notes: Vec<Problem> = source.note.into_iter().collect();
    if let Some((text, node)) = detection.aggregation {
        let limit = of_aggregation(&text, node, detection.timeframe)?;
        notes.push(limit.note(node));
        return Ok((vec![counting(rule, &limit, condition, taken)], notes));
    }
    let fields = condition.required_fields().into_iter().filter(|field| !source::FIELDS.contains(field));
    let shown: Vec<String> = fields.filter_map(placeholder).take(SHOWN_FIELDS).collect();
    let about = rule.about(taken);
    let summary = match shown.as_slice() {
        [] => prose(&about.title),
        shown => format!("{}: {}", prose(&about.title), shown.join(", ")),
    };
    let use_case = UseCaseText {
        section: taken.section("simplequery", "sigma", &rule.title, rule.id.as_deref()),
        comments: rule.comments(),
        filters: Filters::new(condition),
        model_keys: Vec::new(),
        about,
        summary,
    };
    Ok((vec![use_case], notes))
}

/// A correlation of other rules.
fn correlated(
    rule: &Rule<'_>,
    correlation: &Node,
    known: &KnownRules<'_, '_>,
    taken: &mut Taken,
) -> Result<Made, Box<Problem>> {
    let limit = of_correlation(correlation)?;
    let mut conditions = Vec::new();
    let mut notes = vec![limit.note(correlation)];
    let references = correlation.get("rules").map(Node::elements).unwrap_or_default();
    for reference in references {
        let name = reference.text().unwrap_or_default();
        let Some(rule) = known.get(&name) else {
            let help = "import the file of that rule together with this one";
            return Err(reference.error(format!("there is no rule with the name or id `{name}`"), help));
        };
        if rule.node.get("correlation").is_some() {
            let help = "name the rules on single events directly";
            return Err(reference.error("a correlation of correlations cannot be expressed", help));
        }
        let detection = detection::read(rule.node)?;
        if let Some((_, node)) = detection.aggregation {
            return Err(node.error("a correlation of a rule that counts", "remove the part behind the `|`"));
        }
        let source = source::read(rule.node);
        conditions.push(source.joined(detection.condition));
        notes.extend(source.note);
    }
    if conditions.is_empty() {
        return Err(correlation.error("a correlation without rules", "write `rules:`"));
    }
    Ok((vec![counting(rule, &limit, Condition::any(conditions), taken)], notes))
}

/// The use case of a rule that counts the events of `condition`.
fn counting(rule: &Rule<'_>, limit: &CountLimit, condition: Condition, taken: &mut Taken) -> UseCaseText {
    let about = rule.about(taken);
    UseCaseText {
        section: taken.section("terms", "sigma", &rule.title, rule.id.as_deref()),
        comments: rule.comments(),
        filters: Filters::new(condition),
        model_keys: limit.keys(),
        summary: format!("{}: {}", prose(&about.title), limit.summary()),
        about,
    }
}
