//! Use cases that look at the labels they are judged by.

use crate::config::Problem;
use crate::event::{FieldPath, equal_ignoring_case, has_shape};
use crate::models::method;
use crate::plan::{PlannedUseCase, ScanPlan};
use crate::terminal::quoted;

/// Warnings about use cases that name one of `fields`, also by another name.
pub(super) fn leaks(plan: &ScanPlan, fields: &[FieldPath]) -> Vec<Problem> {
    plan.use_cases.iter().flat_map(|planned| leaks_of(plan, planned, fields)).collect()
}

fn leaks_of(plan: &ScanPlan, planned: &PlannedUseCase, fields: &[FieldPath]) -> Vec<Problem> {
    let use_case = &planned.use_case;
    let columns = method(&use_case.model).columns();
    let keys = |keys: &[Option<crate::models::Key<'_>>]| -> Vec<String> {
        keys.iter().flatten().flat_map(|key| key.fields).map(FieldPath::to_string).collect()
    };
    let others = [columns.value.map(|(_, field)| field), columns.size, columns.label.as_ref()];
    let derived = planned.derived.iter().flat_map(|rules| rules.keys().map(|(source, _)| source.to_string()));
    // a clause without a field looks at all columns
    let columns_of_query = planned.query.columns().iter().map(|column| column.field().to_string());
    let queried = planned.named_fields.iter().map(|field| field.name.clone()).chain(columns_of_query);
    let named: [(&str, Vec<String>); 4] = [
        ("its query", queried.collect()),
        ("its aggregator", keys(&[columns.aggregator, columns.peer, columns.source, columns.destination])),
        ("its target", {
            let others = others.into_iter().flatten().map(FieldPath::to_string);
            keys(&[columns.target]).into_iter().chain(others).collect()
        }),
        ("a derived field", derived.collect()),
    ];
    let mut problems = Vec::new();
    for (place, names) in named {
        for field in fields.iter().filter(|field| names.iter().any(|name| sees(plan, name, field))) {
            let message = format!("{place} looks at {}, which labels the events", quoted(field.as_str()));
            let problem = Problem::warning(message).at(use_case.location.clone()).in_section(&use_case.section);
            problems.push(problem.help("its results say nothing about unlabelled events: name other fields"));
        }
    }
    problems
}

/// True if the name, or a pattern of names, that a use case writes stands for `field`, or for an
/// object around it.
fn sees(plan: &ScanPlan, name: &str, field: &FieldPath) -> bool {
    let field = field.as_str();
    let is_it = |name: &str| {
        let is_around = field.get(..name.len()).is_some_and(|start| equal_ignoring_case(start, name))
            && field[name.len()..].starts_with('.');
        equal_ignoring_case(name, field) || is_around || has_shape(field, name)
    };
    let forms = plan.names.forms(&FieldPath::new(name));
    is_it(name) || forms.iter().any(|form| is_it(form.of.as_str()))
}
