//! Values of an event that a query looks for.

use arrow::array::RecordBatch;
use datafusion::error::Result;
use serde::Serialize;

use super::leaves::Leaves;
use super::lower::{BatchEvaluation, CompiledQuery, Operation, Part};
use super::searches::Searches;

/// A field in which a query matches an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MatchedField {
    /// Name of the field, or the pattern of names that the query has.
    pub field: String,
    /// Its values that match.
    pub values: Vec<String>,
}

impl CompiledQuery {
    /// Returns what the query looks for and finds in the first event of `batch`; nothing if it does
    /// not match the event. What must not occur is not among it.
    ///
    /// # Errors
    /// As [`Self::evaluate`].
    pub fn matched_fields(&self, batch: &RecordBatch) -> Result<Vec<MatchedField>> {
        let mut found = Vec::new();
        if let Some(root) = &self.root {
            let searches = Searches::default();
            collect(root, &mut BatchEvaluation::new(batch, &searches), &mut found)?;
        }
        Ok(found)
    }
}

fn collect(part: &Part, evaluation: &mut BatchEvaluation<'_>, found: &mut Vec<MatchedField>) -> Result<()> {
    let matches = evaluation.rows(part)?.iter().next() == Some(true);
    match &part.operation {
        _ if !matches => {}
        Operation::Everything | Operation::Nothing | Operation::Not => {}
        Operation::And | Operation::Or | Operation::AtLeast(_) => {
            for part in &part.parts {
                collect(part, evaluation, found)?;
            }
        }
        Operation::Some(column, predicate) => {
            let texts = Leaves::of(evaluation.column(column)?)?.matching_texts(0, predicate);
            let field = column.field().to_string();
            let place = found.iter().position(|known| known.field == field).unwrap_or_else(|| {
                found.push(MatchedField { field, values: Vec::new() });
                found.len() - 1
            });
            let values = &mut found[place].values;
            for text in texts {
                if !values.iter().any(|known| known == text) {
                    values.push(text.to_owned());
                }
            }
        }
    }
    Ok(())
}
