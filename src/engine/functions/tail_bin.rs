//! `tail_bin(value, center, spread, side)`: bin of a value's distance from the level of its group,
//! in which the tails of groups are counted together.

use std::sync::Arc;

use arrow::array::{Array, AsArray, Float64Array, UInt32Array};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};
use outlier_kernels::surprise::{Scale, bin_of};

use super::parameters::{kernel_side, value_named};
use crate::config::TriggerOn;

/// Bin of `value` in the tail on `side` of a group that has this center and spread; 0 for a value
/// that is null.
pub fn tail_bin(value: Expr, center: Expr, spread: Expr, side: TriggerOn) -> Expr {
    function().call(vec![value, center, spread, lit(side.as_str())])
}

/// The function of DataFusion.
pub(super) fn function() -> ScalarUDF {
    let arguments = vec![DataType::Float64, DataType::Float64, DataType::Float64, DataType::Utf8];
    ScalarUDF::new_from_impl(TailBin { signature: Signature::exact(arguments, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TailBin {
    signature: Signature,
}

impl ScalarUDFImpl for TailBin {
    fn name(&self) -> &str {
        "tail_bin"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::UInt32)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let ColumnarValue::Scalar(ScalarValue::Utf8(Some(side))) = &args.args[3] else {
            return Err(DataFusionError::Plan("tail_bin: the side is not a literal".to_owned()));
        };
        let side = kernel_side(value_named(self.name(), side, &TriggerOn::NAMES)?);
        let columns = ColumnarValue::values_to_arrays(&args.args[..3])?;
        let numbers = |idx: usize| columns[idx].as_primitive::<Float64Type>();
        let (values, centers, spreads): (&Float64Array, &Float64Array, &Float64Array) =
            (numbers(0), numbers(1), numbers(2));
        let bin = |row: usize| {
            let scale = Scale { center: centers.value(row), spread: spreads.value(row) };
            if values.is_valid(row) { bin_of(scale.distance(values.value(row), side)) } else { 0 }
        };
        let bins: UInt32Array = (0..values.len()).map(|row| Some(bin(row))).collect();
        Ok(ColumnarValue::Array(Arc::new(bins)))
    }
}
