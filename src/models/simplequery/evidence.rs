//! Explains matches: there is nothing to compare them with but how few events match.

use super::super::Inputs;
use super::super::evidence::{Asked, Evidence};
use super::super::reason::shown;
use crate::terminal::thousands;

pub(super) fn evidence(asked: &Asked, inputs: Inputs<'_>) -> Vec<Evidence> {
    let evidence = |&element: &u64| Evidence {
        measure: "match of the query".to_owned(),
        population: "events that match the query".to_owned(),
        n_values: inputs.n_rows,
        notes: vec![format!("every event that matches the query is flagged: {}", share(inputs))],
        ..asked.about(element)
    };
    asked.elements.iter().map(evidence).collect()
}

/// Share of the events that match, such as `27 of 65,857 events, 0.041 %`.
fn share(inputs: Inputs<'_>) -> String {
    let Inputs { n_rows, n_events, .. } = inputs;
    let percent = n_rows as f64 / n_events.max(1) as f64 * 100.0;
    format!("{} of {} events, {} %", thousands(n_rows), thousands(n_events), shown(percent))
}
