//! Plans scan groups: the columns to read of each event so that one pass serves all use cases.
//!
//! Use cases over the same source form one scan group. Its plan is the union of the columns that
//! they need. Keys, metrics and times that several use cases share are held once.

mod column_names;
mod kept;
mod queries;
mod read_fields;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rayon::prelude::*;

use crate::config::{Configuration, Problem, UseCase, UseCaseQuery, compile_derived};
use crate::event::decode::{ColumnKind, ColumnSpec};
use crate::event::derived::DerivedFields;
use crate::event::metric::Metric;
use crate::event::sentences::SEPARATOR;
use crate::event::time::{MICROS_PER_DAY, TimeFormats};
use crate::event::{Case, FieldNames, FieldPath, equal_ignoring_case};
use crate::models::{Key, method};
use crate::query::{CompiledQuery, Mapping, NamedField, Searches, SharedParts, TimeWindow, named_fields};
use crate::table::{DerivedSource, FieldSource, KeySpec, MetricSpec, TableLayout, TimeSpec, ViewColumns};
use queries::{Evaluated, after_source, asked, compile_query};

pub use column_names::{column_name, key_kind, time_column_name};
pub use kept::{KeptColumns, KeptFields, plan_keeping};
pub use queries::facts_in_query;
pub use read_fields::read_fields;

/// Restriction of the events by time, because a source may hold more than the history window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// All events.
    Everything,
    /// The history window of each use case, ending here.
    HistoryUntil(DateTime<Utc>),
    /// The same times for all use cases.
    Between(TimeWindow),
}

impl Period {
    /// End of the period in microseconds, inclusive; `None` if it has none.
    pub fn end(self) -> Option<i64> {
        match self {
            Period::Everything => None,
            Period::HistoryUntil(end) => Some(end.timestamp_micros()),
            Period::Between(window) => Some(window.to).filter(|&to| to < i64::MAX),
        }
    }
}

/// One pass over a source for several use cases.
#[derive(Debug)]
pub struct ScanPlan {
    /// Columns to decode.
    pub columns: Vec<ColumnSpec>,
    /// Layout of the event table.
    pub layout: TableLayout,
    /// Use cases, in the order of their masks.
    pub use_cases: Vec<PlannedUseCase>,
    /// Searches for what their queries look for.
    pub searches: Searches,
    /// Rule sets of derived fields that some use case needs.
    pub rule_sets: Vec<Arc<DerivedFields>>,
    /// Meaning of the names of fields.
    pub names: Arc<FieldNames>,
    /// Latest time in microseconds that an event can have by the clock of the run, with a day to
    /// spare for other clocks.
    pub latest: i64,
    /// Time up to which events without a year have happened; `None` if the newest event tells.
    pub newest: Option<i64>,
    /// Columns that are kept of every event; `None` if only the events that use cases want are
    /// kept.
    pub kept: Option<KeptColumns>,
}

/// A use case and the columns it reads.
#[derive(Debug)]
pub struct PlannedUseCase {
    /// Use case as configured.
    pub use_case: Arc<UseCase>,
    /// Compiled query; if the source evaluates it, that of every event.
    pub query: CompiledQuery,
    /// True if the source gives more events than the query matches.
    pub is_narrowed_only: bool,
    /// The query, which asks for every name of its fields.
    pub asked: UseCaseQuery,
    /// Fields that the query names.
    pub named_fields: Vec<NamedField>,
    /// Times of its events, inclusive; `None` means any.
    pub window: Option<TimeWindow>,
    /// True if its windows end at its newest event, so that events later than
    /// [`ScanPlan::latest`] are ignored.
    pub ends_at_newest: bool,
    /// Index of its timestamp field in the layout; present if its model or window needs one.
    pub time_idx: Option<usize>,
    /// Columns of its view.
    pub view: ViewColumns,
    /// Derived fields, for the description of outliers.
    pub derived: Option<Arc<DerivedFields>>,
}

/// Fields of earlier outliers that hold the names and types of the models that found them.
pub const TAGGED_BY: [&str; 2] = ["outliers.model_name", "outliers.model_type"];

/// A use case that cannot run, and its problems.
pub type Refused = (Arc<UseCase>, Vec<Problem>);

/// Plans one scan of `use_cases`. Names mean what `names` and `mapping` say.
///
/// # Errors
/// Returns the use cases whose query or derived fields cannot be evaluated on files, with their
/// problems. The plan holds the other use cases.
pub fn plan(
    use_cases: Vec<Arc<UseCase>>,
    names: &Arc<FieldNames>,
    mapping: Option<&Mapping>,
    period: Period,
    now: DateTime<Utc>,
) -> (ScanPlan, Vec<Refused>) {
    plan_files(use_cases, names, mapping, None, period, now)
}

fn plan_files(
    use_cases: Vec<Arc<UseCase>>,
    names: &Arc<FieldNames>,
    mapping: Option<&Mapping>,
    kept: Option<KeptFields<'_>>,
    period: Period,
    now: DateTime<Utc>,
) -> (ScanPlan, Vec<Refused>) {
    let mapped = |mapping: &Mapping| Arc::new(names.with_mapping(Arc::new(mapping.clone())));
    let names = mapping.map_or_else(|| Arc::clone(names), mapped);
    let asking = Arc::clone(&names);
    plan_with(use_cases, names, &asking, kept, period, now, |use_case, asked, names| {
        compile_query(use_case, asked, names, mapping, now).map(Evaluated::Here)
    })
}

/// Plans one scan like [`plan`], for a source that evaluates queries and windows itself. It does
/// not know what databases know of addresses: queries of that are evaluated here as in
/// [`plan_narrowed`], if there is a `mapping`.
///
/// # Errors
/// Returns the use cases whose derived fields are wrong, with their problems. The plan holds the
/// other use cases.
pub fn plan_search(
    use_cases: Vec<Arc<UseCase>>,
    names: &Arc<FieldNames>,
    mapping: Option<&Mapping>,
    period: Period,
    now: DateTime<Utc>,
) -> (ScanPlan, Vec<Refused>) {
    plan_with(use_cases, Arc::clone(names), &names.searchable(), None, period, now, |use_case, asked, names| {
        let mapping = mapping.filter(|_| !facts_in_query(use_case, names).is_empty());
        Ok(mapping.map_or(Evaluated::BySource, |mapping| after_source(use_case, asked, names, mapping, now)))
    })
}

/// Plans one scan like [`plan_search`], for a source that cannot evaluate so many queries at once:
/// those that mean the same on every server are evaluated here, on fields as `mapping` says.
///
/// # Errors
/// As [`plan_search`].
pub fn plan_narrowed(
    use_cases: Vec<Arc<UseCase>>,
    names: &Arc<FieldNames>,
    mapping: &Mapping,
    period: Period,
    now: DateTime<Utc>,
) -> (ScanPlan, Vec<Refused>) {
    plan_with(use_cases, Arc::clone(names), &names.searchable(), None, period, now, |use_case, asked, names| {
        Ok(after_source(use_case, asked, names, mapping, now))
    })
}

/// Plans one scan. Queries ask for every name that `asking` has for their fields. `query` says
/// where such a query is evaluated.
fn plan_with(
    use_cases: Vec<Arc<UseCase>>,
    names: Arc<FieldNames>,
    asking: &FieldNames,
    kept: Option<KeptFields<'_>>,
    period: Period,
    now: DateTime<Utc>,
    query: impl Fn(&UseCase, &UseCaseQuery, &FieldNames) -> Result<Evaluated, Vec<Problem>> + Sync,
) -> (ScanPlan, Vec<Refused>) {
    let mut planner = Planner { names, ..Planner::default() };
    let query = |use_case: &Arc<UseCase>| {
        asked(use_case, asking).and_then(|asked| Ok((query(use_case, &asked, &planner.names)?, asked)))
    };
    let queries: Vec<_> = use_cases.par_iter().map(query).collect();
    let mut refused = Vec::new();
    for (use_case, query) in use_cases.into_iter().zip(queries) {
        let formats = time_formats(&use_case, &planner.names);
        if let Err(problems) = planner.add(&use_case, query, period, &formats) {
            refused.push((use_case, problems));
        }
    }
    planner.kept = kept.map(|fields| planner.keep(fields));
    (planner.finish(period, now), refused)
}

/// Returns the problems that [`plan`] would find, without a plan; the command `check` reports them.
pub fn check(settings: &Configuration, mapping: Option<&Mapping>, now: DateTime<Utc>) -> Vec<Problem> {
    let of_query = |use_case: &UseCase| {
        let names = &settings.main.field_names;
        let compiled = asked(use_case, names).and_then(|asked| compile_query(use_case, &asked, names, mapping, now));
        compiled.err().unwrap_or_default()
    };
    let of_queries = settings.use_cases.iter().flat_map(of_query);
    of_queries.chain(compile_derived(&settings.derived_fields).1).collect()
}

#[derive(Default)]
struct Planner {
    columns: BTreeMap<String, ColumnSpec>,
    layout: TableLayout,
    use_cases: Vec<PlannedUseCase>,
    rule_sets: Vec<Arc<DerivedFields>>,
    names: Arc<FieldNames>,
    kept: Option<KeptColumns>,
}

impl Planner {
    fn add(
        &mut self,
        use_case: &Arc<UseCase>,
        query: Result<(Evaluated, UseCaseQuery), Vec<Problem>>,
        period: Period,
        formats: &TimeFormats,
    ) -> Result<(), Vec<Problem>> {
        let ((query, asked), rule_set) = match (query, self.rule_set(use_case)) {
            (Ok(query), Ok(rule_set)) => (query, rule_set),
            (query, rule_set) => {
                return Err([query.err(), rule_set.err()].into_iter().flatten().flatten().collect());
            }
        };
        let is_judged_here = matches!(query, Evaluated::Here(_));
        let is_narrowed_only = matches!(query, Evaluated::AfterSource(_));
        let named_fields = match &query {
            Evaluated::Here(query) => query.named_fields().to_vec(),
            Evaluated::BySource | Evaluated::AfterSource(_) => named_fields(&use_case.query),
        };
        let query = match query {
            Evaluated::Here(query) | Evaluated::AfterSource(query) => query,
            Evaluated::BySource => CompiledQuery::match_all(),
        };
        for column in query.columns().iter().chain(named_fields.iter().flat_map(|field| &field.columns)) {
            self.add_column(column.spec());
        }
        if !is_judged_here && method(&use_case.model).skips_tagged() {
            TAGGED_BY.iter().for_each(|field| self.column(ColumnKind::Elements, &FieldPath::new(field)));
        }
        let view = self.view(use_case, rule_set, formats);
        let window = match period {
            Period::Everything => None,
            Period::HistoryUntil(end) => Some(TimeWindow::until(end, use_case.history_window)),
            Period::Between(window) => Some(window),
        };
        let needs_time = (window.is_some() && is_judged_here) || view.time.is_some();
        let time_idx = needs_time.then(|| self.time(&use_case.timestamp_field, formats));
        self.use_cases.push(PlannedUseCase {
            query,
            is_narrowed_only,
            asked,
            named_fields,
            window,
            ends_at_newest: view.time.is_some() && period.end().is_none(),
            time_idx,
            view,
            derived: rule_set.map(|idx| Arc::clone(&self.rule_sets[idx])),
            use_case: Arc::clone(use_case),
        });
        Ok(())
    }

    fn view(&mut self, use_case: &UseCase, rule_set: Option<usize>, formats: &TimeFormats) -> ViewColumns {
        let columns = method(&use_case.model).columns();
        self.layout.tie_break |= columns.tie;
        ViewColumns {
            aggregator: columns.aggregator.map(|key| self.key(key, rule_set)),
            target: columns.target.map(|key| self.key(key, rule_set)),
            value: columns.value.map(|(metric, field)| self.metric(metric, field, rule_set)),
            time: (columns.time || use_case.memory_days.is_some())
                .then(|| self.time(&use_case.timestamp_field, formats)),
            tie: columns.tie,
            size: columns.size.map(|field| self.metric(Metric::NumericalValue, field, rule_set)),
            source: columns.source.map(|key| self.key(key, rule_set)),
            destination: columns.destination.map(|key| self.key(key, rule_set)),
            peer: columns.peer.map(|key| self.key(key, rule_set)),
            label: columns.label.map(|field| self.key(Key::smallest(&[field]), None)),
        }
    }

    fn key(&mut self, key: Key<'_>, rule_set: Option<usize>) -> usize {
        let Key { fields, values, joiner } = key;
        // a joiner has no effect on a single value, so such keys are shared
        let joiner = if fields.len() > 1 { joiner } else { SEPARATOR };
        let fields = fields.iter().map(|field| self.field(field, key_kind(values), rule_set)).collect();
        position(&mut self.layout.keys, KeySpec { fields, values, joiner: joiner.to_owned() })
    }

    fn metric(&mut self, metric: Metric, field: &FieldPath, rule_set: Option<usize>) -> usize {
        let field = self.field(field, ColumnKind::Joined, rule_set);
        position(&mut self.layout.metrics, MetricSpec { field, metric })
    }

    fn time(&mut self, field: &FieldPath, formats: &TimeFormats) -> usize {
        let spec = TimeSpec { field: field.clone(), formats: formats.clone() };
        let column = ColumnSpec::new(time_column_name(&spec), field, ColumnKind::Time);
        self.add_column(ColumnSpec { forms: self.names.forms(field), formats: formats.clone(), ..column });
        position(&mut self.layout.times, spec)
    }

    /// Adds a field. If derived rules may give it, their sources are read too; the event's own
    /// field is used where no rule matches.
    fn field(&mut self, path: &FieldPath, kind: ColumnKind, rule_set: Option<usize>) -> FieldSource {
        self.column(kind, path);
        let forms = self.names.forms(path);
        let derived = rule_set.and_then(|rule_set| {
            let own = self.derived_source(path, Case::Kept, rule_set);
            let plain = forms.iter().filter(|form| form.part.is_none());
            own.or_else(|| plain.filter_map(|form| self.derived_source(&form.of, form.case, rule_set)).next())
        });
        FieldSource { path: path.clone(), derived }
    }

    /// Returns the derived field `path` if a rule set may give it.
    fn derived_source(&mut self, path: &FieldPath, case: Case, rule_set: usize) -> Option<DerivedSource> {
        let rules = Arc::clone(&self.rule_sets[rule_set]);
        let keys = rules.keys().filter(|(_, key)| equal_ignoring_case(key, path.as_str()));
        let sources: Vec<FieldPath> = keys.map(|(source, _)| source.clone()).collect();
        sources.iter().for_each(|source| self.column(ColumnKind::Strings, source));
        (!sources.is_empty()).then(|| DerivedSource { rule_set, key: path.as_str().to_owned(), case })
    }

    fn column(&mut self, kind: ColumnKind, field: &FieldPath) {
        let forms = self.names.forms(field);
        self.add_column(ColumnSpec { forms, ..ColumnSpec::new(column_name(kind, field), field, kind) });
    }

    fn add_column(&mut self, column: ColumnSpec) {
        self.columns.entry(column.name.clone()).or_insert(column);
    }

    fn rule_set(&mut self, use_case: &UseCase) -> Result<Option<usize>, Vec<Problem>> {
        if use_case.derived_fields.is_empty() {
            return Ok(None);
        }
        let fields = || use_case.derived_fields.iter().map(|written| &written.field);
        if let Some(idx) = self.rule_sets.iter().position(|known| known.fields().eq(fields())) {
            return Ok(Some(idx));
        }
        let (rules, problems) = compile_derived(&use_case.derived_fields);
        if !problems.is_empty() {
            return Err(problems);
        }
        self.rule_sets.push(Arc::new(rules));
        Ok(Some(self.rule_sets.len() - 1))
    }

    fn finish(mut self, period: Period, now: DateTime<Utc>) -> ScanPlan {
        let mut parts = SharedParts::default();
        self.use_cases.iter_mut().for_each(|planned| planned.query.share(&mut parts));
        ScanPlan {
            columns: self.columns.into_values().collect(),
            layout: TableLayout { n_masks: self.use_cases.len(), ..self.layout },
            use_cases: self.use_cases,
            searches: parts.into_searches(),
            rule_sets: self.rule_sets,
            names: self.names,
            latest: now.timestamp_micros().saturating_add(MICROS_PER_DAY),
            // a window is known before the newest event is
            newest: period.end().or((period != Period::Everything).then_some(now.timestamp_micros())),
            kept: self.kept,
        }
    }
}

/// Formats of the times of a use case: those of the configuration, else those of the mapping.
pub fn time_formats(use_case: &UseCase, names: &FieldNames) -> TimeFormats {
    let configured = &use_case.timestamp_format;
    if configured.is_empty() {
        names.time_formats(&use_case.timestamp_field).unwrap_or_default()
    } else {
        configured.clone()
    }
}

fn position<T: PartialEq>(known: &mut Vec<T>, wanted: T) -> usize {
    known.iter().position(|item| *item == wanted).unwrap_or_else(|| {
        known.push(wanted);
        known.len() - 1
    })
}
