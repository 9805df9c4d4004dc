//! `value_bin(value)`: bin of a value in the sketches that are remembered.

use std::sync::Arc;

use arrow::array::{AsArray, Int32Array};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::state::Bin;

/// Bin of `value`.
pub fn value_bin(value: Expr) -> Expr {
    function().call(vec![value])
}

/// The function of DataFusion.
pub(super) fn function() -> ScalarUDF {
    ScalarUDF::new_from_impl(ValueBin(Signature::exact(vec![DataType::Float64], Volatility::Immutable)))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ValueBin(Signature);

impl ScalarUDFImpl for ValueBin {
    fn name(&self) -> &str {
        "value_bin"
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int32)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let values = args.args[0].to_array(args.number_rows)?;
        let bins: Int32Array = values.as_primitive::<Float64Type>().unary(|value| Bin::of(value).0);
        Ok(ColumnarValue::Array(Arc::new(bins)))
    }
}
