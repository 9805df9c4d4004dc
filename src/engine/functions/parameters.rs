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

/// Parameters of a decision frontier.
#[derive(Debug, Clone, Copy)]
pub(super) struct FrontierParameters {
    pub(super) method: FrontierMethod,
    pub(super) side: Side,
    pub(super) sensitivity: f64,
}

impl FrontierParameters {
    /// Literals that [`FrontierParameters::read`] reads back.
    pub(super) fn literals(trigger: &Trigger) -> [Expr; 3] {
        [lit(trigger.method.as_str()), lit(trigger.on.as_str()), lit(trigger.sensitivity)]
    }

    /// Reads three literals, starting with argument `first`.
    pub(super) fn read(args: &AccumulatorArgs<'_>, first: usize) -> Result<Self> {
        let method = text(args, first)?;
        let on = text(args, first + 1)?;
        let trigger = |what: &str| DataFusionError::Plan(format!("{}: unknown {what}", args.name));
        Ok(FrontierParameters {
            method: kernel_method(named(&TriggerMethod::NAMES, &method).ok_or_else(|| trigger(&method))?),
            side: kernel_side(named(&TriggerOn::NAMES, &on).ok_or_else(|| trigger(&on))?),
            sensitivity: float(args, first + 2)?,
        })
    }
}

/// Decision frontier of `runs` for `trigger`; `None` if the method gives none.
pub fn frontier_of(trigger: &Trigger, runs: Runs<'_>) -> Option<f64> {
    outlier_kernels::frontier(kernel_method(trigger.method), kernel_side(trigger.on), trigger.sensitivity, runs)
}

fn named<T: Copy>(names: &[(&str, T)], name: &str) -> Option<T> {
    names.iter().find(|(known, _)| *known == name).map(|&(_, value)| value)
}

/// Converts a trigger method to that of the kernels.
fn kernel_method(method: TriggerMethod) -> FrontierMethod {
    match method {
        TriggerMethod::Percentile => FrontierMethod::Percentile,
        TriggerMethod::PctOfMaxValue => FrontierMethod::PctOfMaxValue,
        TriggerMethod::PctOfMedianValue => FrontierMethod::PctOfMedianValue,
        TriggerMethod::PctOfAvgValue => FrontierMethod::PctOfAvgValue,
        TriggerMethod::Mad => FrontierMethod::Mad,
        TriggerMethod::Madpos => FrontierMethod::Madpos,
        TriggerMethod::Stdev => FrontierMethod::Stdev,
        TriggerMethod::Float => FrontierMethod::Float,
        TriggerMethod::CoeffOfVariation => FrontierMethod::CoeffOfVariation,
    }
}

/// Converts the side of a trigger to that of the kernels.
pub fn kernel_side(on: TriggerOn) -> Side {
    match on {
        TriggerOn::High => Side::High,
        TriggerOn::Low => Side::Low,
    }
}

pub(super) fn integer(args: &AccumulatorArgs<'_>, idx: usize) -> Result<i64> {
    match literal(args, idx)? {
        ScalarValue::Int64(Some(value)) => Ok(*value),
        other => Err(wrong(args, idx, other)),
    }
}

fn float(args: &AccumulatorArgs<'_>, idx: usize) -> Result<f64> {
    match literal(args, idx)? {
        ScalarValue::Float64(Some(value)) => Ok(*value),
        other => Err(wrong(args, idx, other)),
    }
}

fn text(args: &AccumulatorArgs<'_>, idx: usize) -> Result<String> {
    match literal(args, idx)?.try_as_str() {
        Some(Some(value)) => Ok(value.to_owned()),
        _ => Err(wrong(args, idx, literal(args, idx)?)),
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
