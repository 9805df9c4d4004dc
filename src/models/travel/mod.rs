//! Flags trips that nobody can make: two events of one user, too far apart for the time between
//! them.
//!
//! 1. [`places`] reads the coordinates of the places, each once.
//! 2. [`judge`] leaves out the events from common networks, and finds the impossible steps from one
//!    event of a user to the next. All of them count for how probable each one is ([`ranked`]).
//! 3. The events at their ends are the candidates; [`observed`] says what was seen.
//!
//! Whitelisted events are not stations of their user any more, so other steps take the place of
//! theirs. When these are judged again, all users are counted again, as they are what an impossible
//! trip is compared with.

mod evidence;
mod judge;
mod observed;
mod places;
mod ranked;

use std::sync::Arc;

use datafusion::error::DataFusionError;
use serde_json::{Map, Value};

use super::{
    Asked, Columns, Evaluating, Evaluation, Explaining, FindingTarget, Inputs, Key, Method, Refinement, Statistics,
};
use crate::config::Travel;
use crate::table::View;

pub(super) use observed::STORED;

impl Method for Travel {
    fn columns(&self) -> Columns<'_> {
        // at most one network and one country per event: that of its source, and where it went
        let key = |field| Key::smallest(std::slice::from_ref(field));
        Columns {
            aggregator: Some(Key::smallest(&self.aggregator)),
            target: Some(Key::point(&self.location)),
            time: true,
            tie: true,
            source: self.networks.as_ref().map(|networks| key(&networks.field)),
            destination: self.country.as_ref().map(key),
            ..Columns::default()
        }
    }

    fn evaluate<'a>(&'a self, view: &'a View, inputs: Inputs<'a>) -> Evaluating<'a> {
        Box::pin(evaluate(self, view, inputs))
    }

    fn evidence<'a>(&'a self, view: &'a View, asked: &'a Asked, inputs: Inputs<'a>) -> Explaining<'a> {
        Box::pin(evidence::evidence(self, view, asked, inputs))
    }

    fn reason(&self, stored: &Map<String, Value>) -> Option<String> {
        observed::reason(stored)
    }

    fn refinement(&self) -> Refinement {
        Refinement::SameAggregator
    }

    fn finding_target(&self) -> FindingTarget {
        // there and back is one finding
        FindingTarget::Observation(observed::PLACES)
    }
}

async fn evaluate<'a>(
    travel: &'a Travel,
    view: &'a View,
    inputs: Inputs<'a>,
) -> Result<Evaluation<'a>, DataFusionError> {
    let judge::Judged { candidates, trips } = judge::judge(travel, view, &inputs).await?;
    let trips = Arc::new(trips);
    let of_surprise = Arc::clone(&trips);
    Ok(Evaluation {
        candidates,
        observe: Box::new(move |candidate, _| Ok(observed::observations(view, &trips.get(candidate.evidence)?.seen))),
        surprise: Some(Box::new(move |candidate| Ok(of_surprise.get(candidate.evidence)?.surprise))),
        statistics: Statistics::default(),
    })
}
