//! Queries as DataFusion expressions over columns of leaves.
//!
//! Each test becomes a call of `any_leaf_matches`, which tests every distinct value of a batch once; `bool` becomes AND, OR and NOT.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt32Type};
use datafusion::common::DFSchema;
use datafusion::error::{DataFusionError, Result as DfResult};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility, lit,
};
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};
use datafusion::prelude::cast;

use super::QueryColumn;
use super::ast::{FieldName, Query, Test};
use super::mapping::FieldType;
use super::predicate::{Context, Predicate, ValueRef};

/// A query, ready for record batches.
#[derive(Debug)]
pub struct CompiledQuery {
    columns: Vec<QueryColumn>,
    schema: SchemaRef,
    /// `None`: every event matches.
    expression: Option<Arc<dyn PhysicalExpr>>,
}

impl CompiledQuery {
    /// The columns of leaves that it looks at.
    pub fn columns(&self) -> &[QueryColumn] {
        &self.columns
    }

    /// Whether it takes every event.
    pub fn is_match_all(&self) -> bool {
        self.expression.is_none()
    }

    /// Which rows match; `batch` may have more columns, in any order.
    pub fn evaluate(&self, batch: &RecordBatch) -> DfResult<BooleanArray> {
        let n_rows = batch.num_rows();
        let Some(expression) = &self.expression else { return Ok(BooleanArray::from(vec![true; n_rows])) };
        let columns: Vec<ArrayRef> = self
            .columns
            .iter()
            .map(|column| {
                let name = column.name();
                let found = batch.column_by_name(&name).cloned();
                found.ok_or_else(|| DataFusionError::Internal(format!("no column {name}")))
            })
            .collect::<DfResult<_>>()?;
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(n_rows));
        let own = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        let result = expression.evaluate(&own)?.into_array(n_rows)?;
        Ok(result.as_boolean().clone())
    }
}

/// Whether files can answer the query.
pub(super) fn check(query: &Query, context: &Context<'_>) -> Result<(), String> {
    lower(query, context, &mut BTreeSet::new()).map(drop)
}

/// Compiles the query.
pub(super) fn compile(query: &Query, context: &Context<'_>) -> Result<CompiledQuery, String> {
    if query.is_all() {
        return Ok(CompiledQuery { columns: Vec::new(), schema: Arc::new(Schema::empty()), expression: None });
    }
    let mut columns = BTreeSet::new();
    let expression = lower(query, context, &mut columns)?;
    let columns: Vec<QueryColumn> = columns.into_iter().collect();
    let schema: SchemaRef = Arc::new(Schema::new(
        columns.iter().map(|column| Field::new(column.name(), leaves_type(), true)).collect::<Vec<Field>>(),
    ));
    let physical = DFSchema::try_from(Arc::clone(&schema))
        .and_then(|df_schema| {
            create_physical_expr(&expression, &df_schema, &ExecutionProps::new(), &PhysicalPlanningContext::default())
        })
        .map_err(|error| error.to_string())?;
    Ok(CompiledQuery { columns, schema, expression: Some(physical) })
}

fn leaves_type() -> DataType {
    let texts = DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8));
    DataType::List(Arc::new(Field::new_list_field(texts, false)))
}

fn lower(query: &Query, context: &Context<'_>, columns: &mut BTreeSet<QueryColumn>) -> Result<Expr, String> {
    match query {
        Query::All => Ok(lit(true)),
        Query::None => Ok(lit(false)),
        Query::Ids(ids) => {
            let tests = ids.iter().map(|id| Test::Term(super::ast::Text::exact(id.as_str())));
            let calls =
                tests.map(|test| call(QueryColumn("_id".to_owned()), &test, &FieldType::Unknown, context, columns));
            join(calls.collect::<Result<_, _>>()?, Expr::or, false)
        }
        Query::Field { field, test } => lower_field(field, test, context, columns),
        Query::Bool { must, should, must_not, minimum_should } => {
            let mut list = |queries: &[Query]| {
                queries.iter().map(|query| lower(query, context, columns)).collect::<Result<Vec<Expr>, String>>()
            };
            let mut all = list(must)?;
            let should = list(should)?;
            all.extend(list(must_not)?.into_iter().map(|expression| !expression));
            match minimum_should {
                0 => {}
                1 => all.push(join(should, Expr::or, false)?),
                n if *n > should.len() => all.push(lit(false)),
                n => {
                    let counts = should.into_iter().map(|expression| cast(expression, DataType::Int64)).collect();
                    all.push(join(counts, |a, b| a + b, false)?.gt_eq(lit(i64::try_from(*n).unwrap_or(i64::MAX))));
                }
            }
            join(all, Expr::and, true)
        }
    }
}

fn join(expressions: Vec<Expr>, by: impl Fn(Expr, Expr) -> Expr, of_none: bool) -> Result<Expr, String> {
    Ok(expressions.into_iter().reduce(by).unwrap_or_else(|| lit(of_none)))
}

fn lower_field(
    field: &FieldName,
    test: &Test,
    context: &Context<'_>,
    columns: &mut BTreeSet<QueryColumn>,
) -> Result<Expr, String> {
    match field {
        FieldName::Name(name) => {
            let (name, field_type) = resolve(name, context);
            call(QueryColumn(name), test, &field_type, context, columns)
        }
        FieldName::Pattern(pattern) => call(QueryColumn(pattern.clone()), test, &FieldType::Unknown, context, columns),
        FieldName::Any if context.mapping.is_some() => {
            Err("a word without a field is looked up in every field by its own type: name the field".to_owned())
        }
        FieldName::Any => call(QueryColumn("*".to_owned()), test, &FieldType::Unknown, context, columns),
    }
}

fn resolve(name: &str, context: &Context<'_>) -> (String, FieldType) {
    match context.mapping {
        Some(mapping) => mapping.resolve(name),
        None => (name.strip_suffix(".keyword").unwrap_or(name).to_owned(), FieldType::Unknown),
    }
}

fn call(
    column: QueryColumn,
    test: &Test,
    field_type: &FieldType,
    context: &Context<'_>,
    columns: &mut BTreeSet<QueryColumn>,
) -> Result<Expr, String> {
    let predicate = Predicate::compile(test, field_type, context)?;
    let function = AnyLeafMatches {
        predicate,
        identity: format!("{test:?} {field_type:?}"),
        signature: Signature::new(TypeSignature::Exact(vec![leaves_type()]), Volatility::Immutable),
    };
    // not parsed: names of fields may hold anything
    let argument = Expr::Column(datafusion::common::Column::new_unqualified(column.name()));
    columns.insert(column);
    Ok(ScalarUDF::new_from_impl(function).call(vec![argument]))
}

/// Whether some leaf of a row passes a test.
#[derive(Debug)]
struct AnyLeafMatches {
    predicate: Predicate,
    /// Tells functions apart.
    identity: String,
    signature: Signature,
}

impl PartialEq for AnyLeafMatches {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

impl Eq for AnyLeafMatches {}

impl Hash for AnyLeafMatches {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity.hash(state);
    }
}

impl ScalarUDFImpl for AnyLeafMatches {
    fn name(&self) -> &str {
        "any_leaf_matches"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> DfResult<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let column = args.args[0].clone().into_array(args.number_rows)?;
        let lists = column.as_list::<i32>();
        let leaves = lists.values().as_dictionary::<UInt32Type>();
        let distinct = leaves.values().as_string::<i32>();
        let passes: Vec<bool> = distinct
            .iter()
            .map(|text| text.and_then(ValueRef::of_tagged).is_some_and(|value| self.predicate.matches(value)))
            .collect();
        let codes = leaves.keys().values();
        let offsets = lists.value_offsets();
        let rows = BooleanBuffer::collect_bool(lists.len(), |row| {
            codes[offsets[row] as usize..offsets[row + 1] as usize].iter().any(|&code| passes[code as usize])
        });
        Ok(ColumnarValue::Array(Arc::new(BooleanArray::new(rows, None))))
    }
}
