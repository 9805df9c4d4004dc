//! Explains matches: there is nothing to compare them with.

use super::super::Inputs;
use super::super::evidence::{Asked, Evidence};

pub(super) fn evidence(asked: &Asked, inputs: Inputs<'_>) -> Vec<Evidence> {
    let evidence = |&element: &u64| Evidence {
        measure: "match of the query".to_owned(),
        population: "events that match the query".to_owned(),
        n_values: inputs.n_rows,
        notes: vec!["every event that matches the query is flagged".to_owned()],
        ..asked.about(element)
    };
    asked.elements.iter().map(evidence).collect()
}
