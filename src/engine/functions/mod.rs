//! Functions for DataFusion that compute the statistics of each aggregator for the models.
//!
//! They are registered by name, take their parameters as literals and keep serialisable states, so
//! a plan that uses them can be split, spilled and merged anywhere. All of them give the same
//! result for the same rows in any order.

mod appearances;
mod collect;
mod frontier;
mod group_function;
mod judge_terms;
mod lists;
mod most_frequent;
mod parameters;
mod place_of;
mod rhythm;
mod tail_bin;
mod trips;
mod value_bin;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use datafusion::prelude::SessionContext;

pub use appearances::{Appearance, History, SlidingWindows, appearances, appearances_of};
pub use frontier::{Judged, frontier};
pub use judge_terms::{Levels, TermsJudgement, judge_terms};
pub use most_frequent::most_frequent;
pub use parameters::{frontier_of, kernel_side};
pub use place_of::{NO_PLACE, place_of};
pub use rhythm::{rhythm, rhythm_of};
pub use tail_bin::tail_bin;
pub use trips::{FoundJourney, FoundTrip, N_LANES, NO_RANK, Visit, Visits, journey_of, trips};
pub use value_bin::value_bin;

/// Number of values in a sample of non-outliers.
pub const SAMPLE_SIZE: usize = 3;

/// Registers every function in this module with `context`.
pub fn register_all(context: &SessionContext) {
    for function in all() {
        context.register_udaf(function);
    }
    for function in all_scalar() {
        context.register_udf(function);
    }
}

fn all() -> Vec<AggregateUDF> {
    vec![
        frontier::function(),
        judge_terms::function(),
        most_frequent::function(),
        appearances::function(),
        rhythm::function(),
        trips::function(),
    ]
}

fn all_scalar() -> Vec<ScalarUDF> {
    vec![place_of::function(), tail_bin::function(), value_bin::function()]
}
