//! Lowers filters to DataFusion expressions. These are made physical once and evaluated per record
//! batch.

use std::collections::BTreeSet;
use std::ops::Add;
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{Column, DFSchema, internal_datafusion_err, internal_err};
use datafusion::error::Result;
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, cast, lit};
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};

use super::QueryColumn;
use super::filter::Filter;
use super::leaves::{any_leaf_matches, leaves_type};
use super::named::NamedField;

/// A query, ready for evaluation on record batches.
#[derive(Clone, Debug)]
pub struct CompiledQuery {
    columns: Vec<QueryColumn>,
    /// Fields that it names.
    pub(super) named: Vec<NamedField>,
    schema: SchemaRef,
    /// `None` means every event
    expression: Option<Arc<dyn PhysicalExpr>>,
}

impl CompiledQuery {
    /// Returns the query that matches every event.
    pub fn match_all() -> Self {
        CompiledQuery { columns: Vec::new(), named: Vec::new(), schema: Arc::new(Schema::empty()), expression: None }
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
        self.expression.is_none()
    }

    /// Returns the rows that match, without nulls. `batch` may have more columns, in any order.
    ///
    /// # Errors
    /// Fails if a column is missing or is not a column of leaves, which is a bug in this program.
    pub fn evaluate(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let n_rows = batch.num_rows();
        let Some(expression) = &self.expression else { return Ok(BooleanArray::from(vec![true; n_rows])) };
        let mut columns = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let name = column.name();
            let found = batch.column_by_name(&name).ok_or_else(|| internal_datafusion_err!("no column {name}"))?;
            columns.push(Arc::clone(found));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(n_rows));
        let own = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        let rows = expression.evaluate(&own)?.into_array(n_rows)?;
        match rows.as_boolean_opt() {
            Some(rows) => Ok(rows.clone()),
            None => internal_err!("a query is no boolean"),
        }
    }
}

pub(super) fn compile(filter: Filter) -> Result<CompiledQuery> {
    if matches!(filter, Filter::All) {
        return Ok(CompiledQuery::match_all());
    }
    let mut columns = BTreeSet::new();
    let expression = lower(filter, &mut columns);
    let columns: Vec<QueryColumn> = columns.into_iter().collect();
    let fields: Vec<Field> = columns.iter().map(|column| Field::new(column.name(), leaves_type(), true)).collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let df_schema = DFSchema::try_from(Arc::clone(&schema))?;
    let physical =
        create_physical_expr(&expression, &df_schema, &ExecutionProps::new(), &PhysicalPlanningContext::default())?;
    Ok(CompiledQuery { columns, named: Vec::new(), schema, expression: Some(physical) })
}

fn lower(filter: Filter, columns: &mut BTreeSet<QueryColumn>) -> Expr {
    match filter {
        Filter::All => lit(true),
        Filter::None => lit(false),
        Filter::And(parts) => balanced(lower_all(parts, columns), Expr::and).unwrap_or_else(|| lit(true)),
        Filter::Or(parts) => balanced(lower_all(parts, columns), Expr::or).unwrap_or_else(|| lit(false)),
        Filter::Not(part) => !lower(*part, columns),
        Filter::AtLeast(count, parts) => {
            let ones = lower_all(parts, columns).into_iter().map(|part| cast(part, DataType::UInt64)).collect();
            balanced(ones, Expr::add).unwrap_or_else(|| lit(0_u64)).gt_eq(lit(count as u64))
        }
        Filter::Some(column, predicate) => {
            // not parsed, because field names may contain any character
            let argument = Expr::Column(Column::new_unqualified(column.name()));
            columns.insert(column);
            any_leaf_matches(predicate).call(vec![argument])
        }
    }
}

fn lower_all(parts: Vec<Filter>, columns: &mut BTreeSet<QueryColumn>) -> Vec<Expr> {
    parts.into_iter().map(|part| lower(part, columns)).collect()
}

/// Joins the parts into a tree as flat as possible: planning descends it recursively, and a query
/// may have thousands of clauses. `None` if there are no parts.
fn balanced(mut parts: Vec<Expr>, join: fn(Expr, Expr) -> Expr) -> Option<Expr> {
    if parts.len() < 2 {
        return parts.pop();
    }
    let right = parts.split_off(parts.len() / 2);
    Some(join(balanced(parts, join)?, balanced(right, join)?))
}
