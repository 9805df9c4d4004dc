//! Compiled queries, which are evaluated per record batch. Use cases ask for the same things again
//! and again (the kind of event, above all), so parts that queries share are evaluated once per
//! batch.

use std::collections::{BTreeSet, HashMap};

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use datafusion::common::{internal_datafusion_err, internal_err};
use datafusion::error::Result;

use super::QueryColumn;
use super::filter::Filter;
use super::leaves::Leaves;
use super::named::NamedField;
use super::predicate::Predicate;
use super::searches::{ColumnTests, Passing, Searches};

/// A query, ready for evaluation on record batches.
#[derive(Clone, Debug)]
pub struct CompiledQuery {
    columns: Vec<QueryColumn>,
    /// Fields that it names.
    pub(super) named: Vec<NamedField>,
    /// `None` means every event.
    pub(super) root: Option<Part>,
}

/// A part of a query.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) operation: Operation,
    /// Parts that it combines.
    pub(super) parts: Vec<Part>,
    /// Number of the part among those that queries share.
    shared: Option<usize>,
}

/// Meaning of a part, given those that it combines.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    Everything,
    Nothing,
    And,
    Or,
    Not,
    /// At least this many hold.
    AtLeast(usize),
    /// Some leaf of the column passes the test.
    Some(QueryColumn, Predicate),
}

/// Numbers of the parts of several queries: equal parts have one number.
#[derive(Debug, Default)]
pub struct SharedParts {
    known: HashMap<String, usize>,
    searched: HashMap<QueryColumn, ColumnTests>,
}

impl SharedParts {
    /// Makes the searches for what the parts look for.
    pub fn into_searches(self) -> Searches {
        Searches::new(self.searched)
    }
}

/// A record batch, and the parts of queries that were evaluated on it.
#[derive(Debug)]
pub struct BatchEvaluation<'a> {
    columns: HashMap<&'a str, &'a ArrayRef>,
    n_rows: usize,
    known: HashMap<usize, BooleanBuffer>,
    searches: &'a Searches,
    /// Results of searches, by their indices.
    searched: HashMap<usize, Passing>,
}

impl<'a> BatchEvaluation<'a> {
    /// Starts with a batch, which may have more columns than queries need, in any order. `searches`
    /// are those of the parts that the queries share.
    pub fn new(batch: &'a RecordBatch, searches: &'a Searches) -> Self {
        let names = batch.schema_ref().fields().iter().map(|field| field.name().as_str());
        let columns = names.zip(batch.columns()).collect();
        BatchEvaluation { columns, n_rows: batch.num_rows(), known: HashMap::new(), searches, searched: HashMap::new() }
    }

    /// Column of the batch.
    pub(super) fn column(&self, column: &QueryColumn) -> Result<&'a ArrayRef> {
        let name = column.name();
        self.columns.get(name.as_str()).copied().ok_or_else(|| internal_datafusion_err!("no column {name}"))
    }

    pub(super) fn rows(&mut self, part: &Part) -> Result<BooleanBuffer> {
        if let Some(known) = part.shared.and_then(|shared| self.known.get(&shared)) {
            return Ok(known.clone());
        }
        let rows = match &part.operation {
            Operation::Everything => BooleanBuffer::new_set(self.n_rows),
            Operation::Nothing => BooleanBuffer::new_unset(self.n_rows),
            Operation::And => {
                let mut rows = BooleanBuffer::new_set(self.n_rows);
                for part in &part.parts {
                    if rows.count_set_bits() == 0 {
                        break;
                    }
                    rows = &rows & &self.rows(part)?;
                }
                rows
            }
            Operation::Or => {
                let mut rows = BooleanBuffer::new_unset(self.n_rows);
                for part in &part.parts {
                    rows = &rows | &self.rows(part)?;
                }
                rows
            }
            Operation::Not => match part.parts.first() {
                Some(inner) => !&self.rows(inner)?,
                None => return internal_err!("nothing is negated"),
            },
            Operation::AtLeast(count) => {
                let parts = part.parts.iter().map(|part| self.rows(part)).collect::<Result<Vec<_>>>()?;
                BooleanBuffer::collect_bool(self.n_rows, |row| {
                    parts.iter().filter(|rows| rows.value(row)).take(*count).count() == *count
                })
            }
            Operation::Some(column, predicate) => {
                let leaves = Leaves::of(self.column(column)?)?;
                match part.shared.and_then(|shared| self.searches.of_part(shared)) {
                    None => leaves.matching_rows(predicate),
                    Some(place @ (search_idx, leaf_idx)) => {
                        let search = || self.searches.passing(search_idx, leaves.distinct);
                        let passing = self.searched.entry(search_idx).or_insert_with(search);
                        leaves.rows_with(&passing[leaf_idx], self.searches.rest(place))
                    }
                }
            }
        };
        if let Some(shared) = part.shared {
            self.known.insert(shared, rows.clone());
        }
        Ok(rows)
    }
}

impl CompiledQuery {
    /// Returns the query that matches every event.
    pub fn match_all() -> Self {
        CompiledQuery { columns: Vec::new(), named: Vec::new(), root: None }
    }

    /// Columns that the query reads.
    pub fn columns(&self) -> &[QueryColumn] {
        &self.columns
    }

    /// Fields that the query names, with columns that it may not read itself.
    pub fn named_fields(&self) -> &[NamedField] {
        &self.named
    }

    /// True if the query matches every event.
    pub fn is_match_all(&self) -> bool {
        self.root.is_none()
    }

    /// Numbers the parts that it shares with other queries of `parts`. On one batch, such queries
    /// may be evaluated together.
    pub fn share(&mut self, parts: &mut SharedParts) {
        fn number(part: &mut Part, parts: &mut SharedParts) {
            part.parts.iter_mut().for_each(|part| number(part, parts));
            let next = parts.known.len();
            let combined: Vec<Option<usize>> = part.parts.iter().map(|part| part.shared).collect();
            let shared = *parts.known.entry(format!("{:?} {combined:?}", part.operation)).or_insert(next);
            part.shared = Some(shared);
            if shared == next
                && let Operation::Some(column, predicate) = &part.operation
            {
                parts.searched.entry(column.clone()).or_default().add(shared, predicate);
            }
        }
        self.root.iter_mut().for_each(|root| number(root, parts));
    }

    /// Returns the rows that match, without nulls.
    ///
    /// # Errors
    /// Fails if a column is missing or is not a column of leaves, which is a bug in this program.
    pub fn evaluate(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        self.evaluate_in(&mut BatchEvaluation::new(batch, &Searches::default()))
    }

    /// As [`Self::evaluate`], together with the queries with which it shares parts.
    ///
    /// # Errors
    /// As [`Self::evaluate`].
    pub fn evaluate_in(&self, evaluation: &mut BatchEvaluation<'_>) -> Result<BooleanArray> {
        let rows = match &self.root {
            Some(root) => evaluation.rows(root)?,
            None => BooleanBuffer::new_set(evaluation.n_rows),
        };
        Ok(BooleanArray::new(rows, None))
    }
}

pub(super) fn compile(filter: Filter) -> CompiledQuery {
    if matches!(filter, Filter::All) {
        return CompiledQuery::match_all();
    }
    let mut columns = BTreeSet::new();
    let root = Some(part(filter, &mut columns));
    CompiledQuery { columns: columns.into_iter().collect(), named: Vec::new(), root }
}

fn part(filter: Filter, columns: &mut BTreeSet<QueryColumn>) -> Part {
    let (operation, filters) = match filter {
        Filter::All => (Operation::Everything, Vec::new()),
        Filter::None => (Operation::Nothing, Vec::new()),
        Filter::And(filters) => (Operation::And, filters),
        Filter::Or(filters) => (Operation::Or, filters),
        Filter::AtLeast(count, filters) => (Operation::AtLeast(count), filters),
        Filter::Not(filter) => (Operation::Not, vec![*filter]),
        Filter::Some(column, predicate) => {
            columns.insert(column.clone());
            (Operation::Some(column, predicate), Vec::new())
        }
    };
    let parts = filters.into_iter().map(|filter| part(filter, columns)).collect();
    Part { operation, parts, shared: None }
}
