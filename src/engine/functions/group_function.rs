//! Common frame of the aggregate functions: their side towards DataFusion.

use std::fmt;
use std::hash::{Hash, Hasher};

use arrow::array::{Array, BooleanArray};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, GroupsAccumulator, Signature};

/// Aggregate function that works on all groups together. Two are equal if their names are.
pub(super) struct GroupFunction {
    pub(super) name: &'static str,
    pub(super) signature: Signature,
    /// Type of the result for a group.
    pub(super) result: DataType,
    /// Columns of the state for the function of this name.
    pub(super) state_fields: fn(&str) -> Vec<FieldRef>,
    /// Reads the parameters and makes an accumulator without groups.
    pub(super) accumulator: fn(&AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>>,
}

impl AggregateUDFImpl for GroupFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(self.result.clone())
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Err(DataFusionError::NotImplemented(format!("{} works on groups only", args.name)))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        Ok((self.state_fields)(args.name))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        (self.accumulator)(&args)
    }
}

impl fmt::Debug for GroupFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupFunction").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PartialEq for GroupFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for GroupFunction {}

impl Hash for GroupFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// True if the row takes part: `filter` holds for it, or there is none.
pub(super) fn is_kept(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}
