//! Results as tables, JSON, CSV and pages. Text of events is escaped for each of them.

mod csv;
mod figures;
mod html;
mod table;

use serde::Serialize;

use super::super::error::RunError;
use super::comparison::ComparisonResult;
use super::result::BacktestResult;
use crate::cli::BacktestFormat;

/// Text of a result.
pub(super) fn of_result(result: &BacktestResult, format: BacktestFormat) -> Result<String, RunError> {
    match format {
        BacktestFormat::Table => Ok(table::of_result(result)),
        BacktestFormat::Json => json(result),
        BacktestFormat::Csv => Ok(csv::of_result(result)),
        BacktestFormat::Html => html::of_result(result),
    }
}

/// Text of a comparison.
pub(super) fn of_comparison(result: &ComparisonResult, format: BacktestFormat) -> Result<String, RunError> {
    match format {
        BacktestFormat::Table => Ok(table::of_comparison(result)),
        BacktestFormat::Json => json(result),
        BacktestFormat::Csv => Ok(csv::of_comparison(result)),
        BacktestFormat::Html => html::of_comparison(result),
    }
}

fn json(result: &impl Serialize) -> Result<String, RunError> {
    let text = serde_json::to_string_pretty(result).map_err(|error| RunError::Internal(error.to_string()))?;
    Ok(text + "\n")
}
