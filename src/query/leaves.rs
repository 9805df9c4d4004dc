//! DataFusion functions for queries: `any_leaf_matches` over a column of leaves, `at_least` over
//! booleans.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, ListArray, StringArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Field, UInt32Type};
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use super::predicate::{Predicate, ValueRef};

/// Type of a column of leaves.
pub(super) fn leaves_type() -> DataType {
    let texts = DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8));
    DataType::List(Arc::new(Field::new_list_field(texts, false)))
}

/// True for rows in which some leaf passes a test. Each distinct leaf of a batch is tested once.
#[derive(Debug)]
pub(super) struct AnyLeafMatches {
    predicate: Predicate,
    /// text that identifies the test, because a compiled regular expression cannot be compared
    identity: String,
    signature: Signature,
}

impl AnyLeafMatches {
    pub(super) fn new(predicate: Predicate) -> Self {
        let identity = format!("{predicate:?}");
        Self {
            predicate,
            identity,
            signature: Signature::new(TypeSignature::Exact(vec![leaves_type()]), Volatility::Immutable),
        }
    }

    fn matches(&self, lists: &ListArray) -> Result<BooleanArray> {
        let Some(leaves) = lists.values().as_dictionary_opt::<UInt32Type>() else {
            return internal_err!("leaves are not a dictionary");
        };
        let Some(distinct) = leaves.values().as_any().downcast_ref::<StringArray>() else {
            return internal_err!("leaves are not text");
        };
        let passes: Vec<bool> = distinct
            .iter()
            .map(|text| text.and_then(ValueRef::of_tagged).is_some_and(|value| self.predicate.matches(value)))
            .collect();
        let codes = leaves.keys().values();
        let offsets = lists.value_offsets();
        let rows = BooleanBuffer::collect_bool(lists.len(), |row| {
            let leaves = offsets[row] as usize..offsets[row + 1] as usize;
            lists.is_valid(row) && codes[leaves].iter().any(|&code| passes[code as usize])
        });
        Ok(BooleanArray::new(rows, None))
    }
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

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(leaves) = args.args.first() else { return internal_err!("any_leaf_matches without a column") };
        let leaves = leaves.to_array(args.number_rows)?;
        match leaves.as_list_opt::<i32>() {
            Some(lists) => Ok(ColumnarValue::Array(Arc::new(self.matches(lists)?))),
            None => internal_err!("leaves are not lists"),
        }
    }
}

/// True for rows in which at least `count` arguments are true.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct AtLeast {
    count: usize,
    signature: Signature,
}

impl AtLeast {
    pub(super) fn new(count: usize, of: usize) -> Self {
        let signature = Signature::new(TypeSignature::Exact(vec![DataType::Boolean; of]), Volatility::Immutable);
        Self { count, signature }
    }
}

impl ScalarUDFImpl for AtLeast {
    fn name(&self) -> &str {
        "at_least"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut counts = vec![0_usize; args.number_rows];
        for argument in &args.args {
            let argument = argument.to_array(args.number_rows)?;
            let Some(flags) = argument.as_boolean_opt() else { return internal_err!("at_least of what is no boolean") };
            counts.iter_mut().zip(flags).for_each(|(count, flag)| *count += usize::from(flag == Some(true)));
        }
        let rows: BooleanArray = counts.into_iter().map(|count| Some(count >= self.count)).collect();
        Ok(ColumnarValue::Array(Arc::new(rows)))
    }
}
