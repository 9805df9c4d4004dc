//! `place_of(time, ...)`: the place in memory of the tallies of a time.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::parameters::bytes_literal;
use crate::state::Counted;

/// Result for times that are in no stretch.
pub const NO_PLACE: i64 = i64::MIN;

/// Expression for the place of that one of `stretches` that `time` is in. They are in order, and do
/// not overlap.
pub fn place_of(time: Expr, stretches: &[Counted]) -> Expr {
    let numbers = stretches.iter().flat_map(|&Counted { stretch, place }| [stretch.start, stretch.end, place]);
    function().call(vec![time, bytes_literal(numbers.flat_map(i64::to_le_bytes).collect())])
}

/// The function of DataFusion.
pub(super) fn function() -> ScalarUDF {
    ScalarUDF::new_from_impl(PlaceOf(Signature::exact(vec![DataType::Int64, DataType::Binary], Volatility::Immutable)))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct PlaceOf(Signature);

impl ScalarUDFImpl for PlaceOf {
    fn name(&self) -> &str {
        "place_of"
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [times, ColumnarValue::Scalar(ScalarValue::Binary(Some(bytes)))] = &args.args[..] else {
            return Err(DataFusionError::Plan("place_of: argument 1 is not a literal".to_owned()));
        };
        let numbers: Vec<i64> = bytes.as_chunks().0.iter().map(|number| i64::from_le_bytes(*number)).collect();
        let times = times.to_array(args.number_rows)?;
        let times = times.as_primitive::<Int64Type>();
        let places: Int64Array = times.unary(|time| place(numbers.as_chunks().0, time));
        Ok(ColumnarValue::Array(Arc::new(places) as ArrayRef))
    }
}

/// Place of the stretch with `time` in it, among (start, end, place).
fn place(stretches: &[[i64; 3]], time: i64) -> i64 {
    let idx = stretches.partition_point(|[_, end, _]| *end < time);
    stretches.get(idx).filter(|[start, ..]| *start <= time).map_or(NO_PLACE, |[_, _, place]| *place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_between_stretches_have_none() {
        let stretches = [[-5, -1, -5], [0, 7, -5], [9, 9, 9]];
        let check = |time: i64, expected: i64| assert_eq!(super::place(&stretches, time), expected, "{time}");
        check(-6, NO_PLACE);
        check(-5, -5);
        check(-1, -5);
        check(0, -5);
        check(7, -5);
        check(8, NO_PLACE);
        check(9, 9);
        check(10, NO_PLACE);
        assert_eq!(super::place(&[], 0), NO_PLACE);
    }
}
