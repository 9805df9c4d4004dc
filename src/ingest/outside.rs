//! Rows that no use case looks at.

use std::collections::BTreeSet;

use crate::event::decode::Projection;
use crate::plan::{PlannedUseCase, ScanPlan, time_column_name};
use crate::sources::OutsideWindows;

/// Says which rows of a source no use case looks at; `None` if some use case looks at all of them.
pub(super) fn outside_windows(plan: &ScanPlan, projection: &Projection) -> Option<OutsideWindows> {
    let column = |name: &str| projection.specs().iter().position(|spec| spec.name == name);
    let time_idx = plan.use_cases.first()?.time_idx?;
    let window = |planned: &PlannedUseCase| planned.window.filter(|_| planned.time_idx == Some(time_idx));
    let windows = plan.use_cases.iter().map(window).collect::<Option<_>>()?;
    let of_query = |planned: &PlannedUseCase| {
        let named = planned.named_fields.iter().flat_map(|field| &field.columns);
        planned.query.columns().iter().chain(named).map(|column| column.name()).collect::<Vec<_>>()
    };
    let needed: BTreeSet<usize> = plan.use_cases.iter().flat_map(of_query).filter_map(|name| column(&name)).collect();
    let time = column(&time_column_name(&plan.layout.times[time_idx]))?;
    Some(OutsideWindows { time, windows, needed: needed.into_iter().collect() })
}
