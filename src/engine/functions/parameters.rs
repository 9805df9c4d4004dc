//! Parameters of the aggregate functions: as literals in a plan, and as the kernels take them.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Expr, lit};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;
use outlier_kernels::{FrontierMethod, Runs, Side};

use crate::config::{Trigger, TriggerMethod, TriggerOn};

/// Literals that [`read_trigger`] reads back.
pub(super) fn trigger_literals(trigger: &Trigger) -> [Expr; 3] {
    [lit(trigger.method.as_str()), lit(trigger.on.as_str()), lit(trigger.sensitivity)]
}

/// Reads three literals, starting with argument `first`.
pub(super) fn read_trigger(args: &AccumulatorArgs<'_>, first: usize) -> Result<Trigger> {
    Ok(Trigger {
        method: named(args, first, &TriggerMethod::NAMES)?,
        on: named(args, first + 1, &TriggerOn::NAMES)?,
        sensitivity: number(args, first + 2)?,
    })
}

/// Decision frontier of `runs` for `trigger`; `None` if the method gives none, as a false discovery
/// rate does, which is one of all groups together.
///
/// A frontier beyond the range of numbers is the largest or the smallest number, so that documents
/// can store it; negative zero is zero.
pub fn frontier_of(trigger: &Trigger, runs: Runs<'_>) -> Option<f64> {
    let (method, side) = (kernel_method(trigger.method)?, kernel_side(trigger.on));
    let frontier = outlier_kernels::frontier(method, side, trigger.sensitivity, runs)?;
    Some(frontier.clamp(-f64::MAX, f64::MAX) + 0.0)
}

/// Converts a trigger method to that of the kernels, if it judges a group by itself.
fn kernel_method(method: TriggerMethod) -> Option<FrontierMethod> {
    Some(match method {
        TriggerMethod::Percentile => FrontierMethod::Percentile,
        TriggerMethod::PctOfMaxValue => FrontierMethod::PctOfMaxValue,
        TriggerMethod::PctOfMedianValue => FrontierMethod::PctOfMedianValue,
        TriggerMethod::PctOfAvgValue => FrontierMethod::PctOfAvgValue,
        TriggerMethod::Mad => FrontierMethod::Mad,
        TriggerMethod::Madpos => FrontierMethod::Madpos,
        TriggerMethod::Stdev => FrontierMethod::Stdev,
        TriggerMethod::Float => FrontierMethod::Float,
        TriggerMethod::CoeffOfVariation => FrontierMethod::CoeffOfVariation,
        TriggerMethod::Fdr => return None,
    })
}

/// Converts the side of a trigger to that of the kernels.
pub fn kernel_side(on: TriggerOn) -> Side {
    match on {
        TriggerOn::High => Side::High,
        TriggerOn::Low => Side::Low,
    }
}

fn named<T: Copy>(args: &AccumulatorArgs<'_>, idx: usize, names: &[(&str, T)]) -> Result<T> {
    let value = literal(args, idx)?;
    let Some(Some(name)) = value.try_as_str() else { return Err(wrong(args, idx, value)) };
    value_named(args.name, name, names)
}

/// Value of this name, for a function.
pub(super) fn value_named<T: Copy>(function: &str, name: &str, names: &[(&str, T)]) -> Result<T> {
    let found = names.iter().find(|(known, _)| *known == name);
    found.map(|&(_, value)| value).ok_or_else(|| DataFusionError::Plan(format!("{function}: unknown {name}")))
}

pub(super) fn number<T: TryFrom<ScalarValue>>(args: &AccumulatorArgs<'_>, idx: usize) -> Result<T> {
    let value = literal(args, idx)?;
    T::try_from(value.clone()).map_err(|_| wrong(args, idx, value))
}

/// Literal that [`bytes`] reads back. Plans show only its start, whatever its length.
pub(super) fn bytes_literal(bytes: Vec<u8>) -> Expr {
    Expr::Literal(ScalarValue::Binary(Some(bytes)), None)
}

pub(super) fn bytes<'a>(args: &'a AccumulatorArgs<'_>, idx: usize) -> Result<&'a [u8]> {
    match literal(args, idx)? {
        ScalarValue::Binary(Some(bytes)) => Ok(bytes),
        value => Err(wrong(args, idx, value)),
    }
}

fn literal<'a>(args: &'a AccumulatorArgs<'_>, idx: usize) -> Result<&'a ScalarValue> {
    let expr: &Arc<dyn PhysicalExpr> = args
        .exprs
        .get(idx)
        .ok_or_else(|| DataFusionError::Plan(format!("{}: argument {idx} is missing", args.name)))?;
    expr.downcast_ref::<Literal>()
        .map(Literal::value)
        .ok_or_else(|| DataFusionError::Plan(format!("{}: argument {idx} is not a literal", args.name)))
}

fn wrong(args: &AccumulatorArgs<'_>, idx: usize, value: &ScalarValue) -> DataFusionError {
    DataFusionError::Plan(format!("{}: argument {idx} is {value}", args.name))
}
