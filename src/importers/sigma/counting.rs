//! Rules that count: correlations of the types `event_count` and `value_count`, and the older
//! `| count() by FIELD > NUMBER`.

use crate::config::Problem;
use crate::importers::condition::Comparison;
use crate::importers::limit::CountLimit;
use crate::importers::yaml::Node;

/// Reads a correlation.
pub(super) fn of_correlation(correlation: &Node) -> Result<CountLimit, Box<Problem>> {
    let kind = correlation.text_of("type").unwrap_or_default();
    let counts_values = match kind.as_str() {
        "event_count" => false,
        "value_count" => true,
        _ => {
            let place = correlation.get("type").unwrap_or(correlation);
            let help = "`event_count` and `value_count` become use cases";
            return Err(place.error(format!("a correlation of the type `{kind}` cannot be expressed"), help));
        }
    };
    if let Some(aliases) = correlation.get("aliases") {
        let help = "give the field its other names in [field_aliases] of the main configuration";
        return Err(aliases.error("aliases of fields cannot be expressed", help));
    }
    let Some(condition) = correlation.get("condition") else {
        return Err(correlation.error("a correlation without a condition", "write `condition:`"));
    };
    let mut bounds = condition.members().iter().filter(|member| member.key != "field");
    let (Some(bound), None) = (bounds.next(), bounds.next()) else {
        return Err(condition.error("not a single comparison", "write one of gt, gte, lt and lte"));
    };
    let comparison = comparison(&bound.key).ok_or_else(|| {
        bound.value.error(format!("counts cannot be compared by `{}`", bound.key), "write gt, gte, lt or lte")
    })?;
    let number = bound.value.text().and_then(|text| text.parse().ok());
    let number = number.ok_or_else(|| bound.value.error("not a number of events", "write a whole number"))?;
    let value = condition.text_of("field").filter(|_| counts_values);
    if counts_values && value.is_none() {
        return Err(condition.error("no field whose values are counted", "write `field:`"));
    }
    let (period, hours) = hours(correlation.get("timespan"), correlation)?;
    CountLimit { value, groups: correlation.texts_of("group-by"), comparison, number, hours, period }
        .checked(correlation)
}

/// Reads what stands behind the `|` of a condition.
pub(super) fn of_aggregation(text: &str, node: &Node, timeframe: Option<&Node>) -> Result<CountLimit, Box<Problem>> {
    let refused = |message: &str| node.error(message, "`count() by FIELD > NUMBER` becomes a use case");
    let Some((value, rest)) = text.strip_prefix("count(").and_then(|rest| rest.split_once(')')) else {
        let function: String = text.chars().take_while(|c| c.is_alphanumeric()).collect();
        return Err(refused(&format!("the aggregation `{function}` cannot be expressed")));
    };
    let words: Vec<&str> = rest.split_whitespace().collect();
    let (group, sign, number) = match words.as_slice() {
        ["by", group, sign, number] => (*group, *sign, *number),
        [_, _] => return Err(refused("a count without a group cannot be expressed")),
        _ => return Err(refused("an aggregation of an unknown form")),
    };
    let comparison = match sign {
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterOrEqual,
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        _ => return Err(refused(&format!("counts cannot be compared by `{sign}`"))),
    };
    let number = number.parse().map_err(|_| refused("not a number of events"))?;
    let value = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
    let (period, hours) = hours(timeframe, node)?;
    CountLimit { value, groups: vec![group.to_owned()], comparison, number, hours, period }.checked(node)
}

fn comparison(key: &str) -> Option<Comparison> {
    Some(match key {
        "lt" => Comparison::Less,
        "lte" => Comparison::LessOrEqual,
        "gt" => Comparison::Greater,
        "gte" => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

/// Reads a period such as `15m`: as written, and in hours, at least one.
fn hours(period: Option<&Node>, rule: &Node) -> Result<(String, u64), Box<Problem>> {
    let Some(node) = period else {
        return Err(rule.error("a count without a period", "write `timespan:` (or `timeframe:`), such as 1h"));
    };
    let text = node.text().unwrap_or_default();
    let unit = text.chars().last().and_then(|unit| {
        Some(match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 7 * 86_400,
            'M' => 30 * 86_400,
            'y' => 365 * 86_400,
            _ => return None,
        })
    });
    let number = |text: &str| text.get(..text.len().checked_sub(1)?)?.parse::<u64>().ok();
    let seconds = number(&text).zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
    let seconds = seconds.filter(|seconds| (1..=1000 * 365 * 86_400).contains(seconds));
    let seconds = seconds.ok_or_else(|| node.error("not a period", "write a number and s, m, h, d, w, M or y"))?;
    Ok((text, seconds.div_ceil(3600)))
}
