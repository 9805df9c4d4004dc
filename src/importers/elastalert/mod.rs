//! ElastAlert rules, as the first and second version of that program write them.

mod filter;

use serde_json::{Value, json};

use super::condition::Comparison;
use super::limit::{CountLimit, history_window, is_listable};
use super::section::{About, Taken, UseCaseText, placeholder, prose};
use super::yaml::{Node, Yaml, documents};
use super::{Import, Made, RuleFile};
use crate::config::Problem;
use filter::{filters, json as as_json};

const SECONDS_PER_HOUR: u64 = 3600;
/// Window of `new_term` in hours, if the rule does not say it.
const NEW_TERM_HOURS: u64 = 30 * 24;
/// Stretch of time in which a new value is reported, in hours.
const NEW_TERM_STEP: u64 = 24;

/// Makes use cases of the rules in `files`.
pub fn elastalert(files: &[RuleFile]) -> Import {
    let mut import = Import::default();
    let mut taken = Taken::default();
    for file in files {
        let (rules, problem) = documents(&file.bytes, &file.path);
        for rule in rules.iter().filter(|rule| !matches!(rule.value, Yaml::Null)) {
            let name = rule.text_of("name").or_else(|| Some(file.path.file_stem()?.to_string_lossy().into_owned()));
            let name = name.unwrap_or_default();
            let made = read(rule, &name, &mut taken);
            import.add(&rule.location, &name, made);
        }
        import.unreadable.extend(problem);
    }
    import
}

fn read(rule: &Node, name: &str, taken: &mut Taken) -> Result<Made, Box<Problem>> {
    let Some(kind) = rule.text_of("type") else {
        return Err(rule.error("a rule without a type", "write `type:`"));
    };
    let refused =
        |message: &str, help: &str| Err(rule.get("type").unwrap_or(rule).error(format!("`{kind}`: {message}"), help));
    match kind.as_str() {
        "any" => simple(rule, name, Vec::new(), taken),
        "blacklist" => simple(rule, name, listed(rule, "blacklist")?, taken),
        "whitelist" => {
            let among = listed(rule, "whitelist")?;
            let mut queries = vec![json!({"bool": {"must_not": among}})];
            if rule.text_of("ignore_null").as_deref() == Some("true") {
                queries.push(json!({"exists": {"field": required(rule, "compare_key")?}}));
            }
            simple(rule, name, queries, taken)
        }
        "frequency" => {
            let limits = vec![limit(rule, None, "num_events", Comparison::GreaterOrEqual)?];
            counting(rule, name, limits, taken)
        }
        "cardinality" => {
            let value = required(rule, "cardinality_field")?;
            counting(rule, name, thresholds(rule, Some(value), "cardinality")?, taken)
        }
        "metric_aggregation" => metric(rule, name, taken),
        "new_term" => new_terms(rule, name, taken),
        "spike" => spike(rule, name, taken),
        "change" => {
            refused("the value of an event is compared with that of the event before it", "`new_term` is near to it")
        }
        "flatline" => refused("missing events are no outliers", "watch the source with another program"),
        "percentage_match" | "spike_aggregation" => {
            refused("it judges an aggregation over all events", "see the model `metrics` for what is near to it")
        }
        _ => refused("a type of your own", "write a use case for it"),
    }
}

/// The text of a key that must be there.
fn required(rule: &Node, key: &str) -> Result<String, Box<Problem>> {
    let text = rule.text_of(key).filter(|text| is_listable(text));
    text.ok_or_else(|| rule.error(format!("a rule without `{key}`"), format!("write `{key}:` and the name of a field")))
}

/// Query for events whose field has one of the listed values.
fn listed(rule: &Node, key: &str) -> Result<Vec<Value>, Box<Problem>> {
    let field = required(rule, "compare_key")?;
    let list = rule.get(key).ok_or_else(|| rule.error(format!("a rule without `{key}`"), "write the list"))?;
    for element in list.elements() {
        if element.text().is_none_or(|text| text.starts_with("!file") || text.starts_with("!yaml")) {
            return Err(element.error("values that are not in the rule itself", "copy the values of that file to here"));
        }
    }
    let values: Vec<Value> = list.elements().iter().map(as_json).collect();
    Ok(vec![json!({"terms": {field: values}})])
}

/// The fields of `query_key`.
fn groups(rule: &Node) -> Vec<String> {
    rule.texts_of("query_key").iter().flat_map(|key| key.split(',')).map(|key| key.trim().to_owned()).collect()
}

fn limit(rule: &Node, value: Option<String>, key: &str, comparison: Comparison) -> Result<CountLimit, Box<Problem>> {
    let node = rule.get(key).ok_or_else(|| rule.error(format!("a rule without `{key}`"), "write a whole number"))?;
    let number = node.text().and_then(|text| text.parse().ok());
    let number = number.ok_or_else(|| node.error("not a number of events", "write a whole number"))?;
    let Some(timeframe) = rule.get("timeframe").or_else(|| rule.get("buffer_time")) else {
        return Err(rule.error("a rule without a timeframe", "write `timeframe:`, such as `hours: 1`"));
    };
    let (period, hours) = hours(timeframe)?;
    CountLimit { value, groups: groups(rule), comparison, number, hours, period }.checked(rule)
}

/// Limits above and below which a count must not be.
fn thresholds(rule: &Node, value: Option<String>, what: &str) -> Result<Vec<CountLimit>, Box<Problem>> {
    let keys = match what {
        "cardinality" => [("max_cardinality", Comparison::Greater), ("min_cardinality", Comparison::Less)],
        _ => [("max_threshold", Comparison::Greater), ("min_threshold", Comparison::Less)],
    };
    let given: Vec<_> = keys.into_iter().filter(|(key, _)| rule.get(key).is_some()).collect();
    if given.is_empty() {
        return Err(rule.error("a rule without a limit", format!("write `{}:` or `{}:`", keys[0].0, keys[1].0)));
    }
    given.into_iter().map(|(key, comparison)| limit(rule, value.clone(), key, comparison)).collect()
}

/// Reads a period such as `{minutes: 5}`: as written, and in hours, at least one.
fn hours(node: &Node) -> Result<(String, u64), Box<Problem>> {
    let wrong = || node.error("not a period", "write a number of weeks, days, hours, minutes or seconds");
    let mut seconds = 0_u64;
    let mut words = Vec::new();
    for member in node.members() {
        let unit = match member.key.as_str() {
            "weeks" => 7 * 24 * SECONDS_PER_HOUR,
            "days" => 24 * SECONDS_PER_HOUR,
            "hours" => SECONDS_PER_HOUR,
            "minutes" => 60,
            "seconds" => 1,
            _ => return Err(wrong()),
        };
        let number = member.value.text().and_then(|text| text.parse::<u64>().ok()).ok_or_else(wrong)?;
        seconds = number.checked_mul(unit).and_then(|part| seconds.checked_add(part)).ok_or_else(wrong)?;
        words.push(format!("{number} {}", member.key));
    }
    if seconds == 0 || seconds > 1000 * 365 * 24 * SECONDS_PER_HOUR {
        return Err(wrong());
    }
    Ok((words.join(" "), seconds.div_ceil(SECONDS_PER_HOUR)))
}

/// A use case of a rule without the keys and the summary of its model.
fn use_case(
    rule: &Node,
    name: &str,
    model: &str,
    own: Vec<Value>,
    taken: &mut Taken,
) -> Result<UseCaseText, Box<Problem>> {
    let mut model_keys = Vec::new();
    if let Some(index) = rule.text_of("index").filter(|index| !index.contains('%') && is_listable(index)) {
        model_keys.push(("es_index", index));
    }
    if let Some(field) = rule.text_of("timestamp_field").filter(|field| is_listable(field)) {
        model_keys.push(("timestamp_field", field));
    }
    let filters = filters(rule, own)?;
    let description = rule.text_of("description").map(|text| format!("description: {text}"));
    let about = About {
        title: taken.title(name, None),
        types: vec!["elastalert".to_owned()],
        is_off: rule.text_of("is_enabled").as_deref() == Some("false"),
        ..About::default()
    };
    Ok(UseCaseText {
        section: taken.section(model, "elastalert", name, None),
        comments: [name.to_owned()].into_iter().chain(description).collect(),
        filters,
        model_keys,
        summary: prose(&about.title),
        about,
    })
}

fn simple(rule: &Node, name: &str, own: Vec<Value>, taken: &mut Taken) -> Result<Made, Box<Problem>> {
    let mut use_case = use_case(rule, name, "simplequery", own, taken)?;
    let fields = rule.texts_of("compare_key").into_iter().chain(groups(rule));
    let shown: Vec<String> = fields.filter_map(|field| placeholder(&field)).collect();
    if !shown.is_empty() {
        use_case.summary = format!("{}: {}", use_case.summary, shown.join(", "));
    }
    Ok((vec![use_case], Vec::new()))
}

fn counting(rule: &Node, name: &str, limits: Vec<CountLimit>, taken: &mut Taken) -> Result<Made, Box<Problem>> {
    let mut made = Made::default();
    for limit in limits {
        let mut use_case = use_case(rule, name, "terms", Vec::new(), taken)?;
        use_case.model_keys.extend(limit.keys());
        use_case.summary = format!("{}: {}", use_case.summary, limit.summary());
        made.0.push(use_case);
        made.1.push(limit.note(rule));
    }
    Ok(made)
}

/// The smallest or largest value is beyond a limit if the value of some event is.
fn metric(rule: &Node, name: &str, taken: &mut Taken) -> Result<Made, Box<Problem>> {
    let (kind, field) = (rule.text_of("metric_agg_type").unwrap_or_default(), required(rule, "metric_agg_key")?);
    let (key, sign) = match kind.as_str() {
        "cardinality" => return counting(rule, name, thresholds(rule, Some(field), "metric")?, taken),
        "value_count" => return counting(rule, name, thresholds(rule, None, "metric")?, taken),
        "max" => ("max_threshold", "gt"),
        "min" => ("min_threshold", "lt"),
        _ => {
            let help = "max, min, cardinality and value_count become use cases; see also the model `metrics`";
            return Err(rule.error(format!("the aggregation `{kind}` cannot be expressed"), help));
        }
    };
    let other = if key == "max_threshold" { "min_threshold" } else { "max_threshold" };
    if let Some(node) = rule.get(other) {
        let help = format!("only `{key}` says something about single events");
        return Err(node.error(format!("`{other}` of the aggregation `{kind}` cannot be expressed"), help));
    }
    let Some(threshold) = rule.get(key) else {
        return Err(rule.error(format!("a rule without `{key}`"), "write a number"));
    };
    let mut made = simple(rule, name, vec![json!({"range": {&field: {sign: as_json(threshold)}}})], taken)?;
    for use_case in &mut made.0 {
        use_case.summary.extend(placeholder(&field).map(|field| format!(", value {field}")));
    }
    Ok(made)
}

/// Each field becomes a use case of its own.
fn new_terms(rule: &Node, name: &str, taken: &mut Taken) -> Result<Made, Box<Problem>> {
    let Some(fields) = rule.get("fields").or_else(|| rule.get("query_key")) else {
        return Err(rule.error("a rule without `fields`", "write the fields whose values are new"));
    };
    let window = rule.get("terms_window_size").map(hours).transpose()?.map_or(NEW_TERM_HOURS, |(_, hours)| hours);
    let window = window.saturating_add(NEW_TERM_STEP);
    let duration = |hours: u64| format!("{}:{:02}:00", hours / 24, hours % 24);
    let mut made = Made::default();
    for field in fields.elements() {
        // several fields together are new as a combination
        let names: Vec<String> = field.elements().iter().filter_map(Node::text).collect();
        if names.is_empty() || !names.iter().all(|name| is_listable(name)) {
            return Err(field.error("not a field", "write the name of a field, or a list of names"));
        }
        let mut use_case = use_case(rule, name, "sudden_appearance", Vec::new(), taken)?;
        let shown: Vec<String> = names.iter().filter_map(|name| placeholder(name)).collect();
        use_case.summary = format!("{}: {} is new", use_case.summary, shown.join(", "));
        // a value is new by itself, not in a group of others
        use_case.model_keys.extend([
            ("aggregator", names.join(",")),
            ("target", names.join(",")),
            ("sliding_window_size", duration(window)),
            ("sliding_window_step_size", duration(NEW_TERM_STEP)),
        ]);
        use_case.model_keys.extend(history_window(window));
        made.0.push(use_case);
    }
    let message = "values are new if their first event lies in the last day";
    let help = "run it once a day, or change sliding_window_step_size";
    made.1.push(Problem::warning(message).at(rule.location.clone()).help(help));
    Ok(made)
}

/// Counts that jump are judged hour by hour.
fn spike(rule: &Node, name: &str, taken: &mut Taken) -> Result<Made, Box<Problem>> {
    let groups = groups(rule);
    if groups.is_empty() || !groups.iter().all(|group| is_listable(group)) {
        return Err(rule.error("a spike without `query_key` cannot be expressed", "name the field of a group"));
    }
    if rule.text_of("spike_type").as_deref() != Some("up") {
        let node = rule.get("spike_type").unwrap_or(rule);
        return Err(node.error("a count that falls cannot be expressed", "only `spike_type: up` becomes a use case"));
    }
    let mut use_case = use_case(rule, name, "terms", Vec::new(), taken)?;
    use_case.summary = format!("{}: {{term_count}} events for {{aggregator}} in an hour", use_case.summary);
    use_case.model_keys.extend([
        ("aggregator", groups.join(",")),
        ("target", groups.join(",")),
        ("target_count_method", "within_aggregator".to_owned()),
        ("baseline", "hour_of_week".to_owned()),
        ("trigger_on", "high".to_owned()),
        ("trigger_method", "fdr".to_owned()),
        ("trigger_sensitivity", "0.01".to_owned()),
    ]);
    let message = "counts of an hour are compared with the same hour of other days, not with the timeframe before";
    let help = "make the history window several weeks long; trigger_sensitivity takes the place of spike_height";
    Ok((vec![use_case], vec![Problem::warning(message).at(rule.location.clone()).help(help)]))
}
