//! An exploration as text for a person.

use std::collections::BTreeMap;
use std::io;

use super::exploration::{EventTime, Exploration, Origin, listed};
use super::suggestion::Suggestion;
use crate::findings::shown_time;
use crate::inventory::{FieldExample, InventoryField, MOST_EXACT, ValueKind};
use crate::sinks::console::{message_for, table_for};
use crate::terminal::{WordTable, counted, escape_controls, quoted, thousands};
use crate::usability::Usability;

/// Amount that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// As much as fits on a screen or two.
    Summary,
    /// All fields, and what each use case lacks.
    Everything,
}

/// Fields that are shown unless all are wanted.
const FIELDS: usize = 50;

/// Counts of log sources and kinds of events in a line.
const COUNTS: usize = 6;

/// Reasons why use cases cannot run that are shown unless all are wanted.
const REASONS: usize = 8;

/// Examples of a field.
const EXAMPLES: usize = 2;

/// Characters of an example.
const EXAMPLE_CHARS: usize = 28;

/// Numbers from here on are rounded.
const EXACT_NUMBER: f64 = 9_007_199_254_740_992.0;

/// Characters of the name of a field.
const NAME_CHARS: usize = 60;

/// Stretches without events that are shown.
pub(super) const GAPS: usize = 3;

/// Returns an exploration as text.
pub(super) fn text(exploration: &Exploration, suggestions: &[Suggestion], extent: Extent) -> String {
    let message = |text: &str| message_for(&io::stdout(), text);
    let (table, notes) = fields(exploration, extent);
    let rest = format!("{notes}\n{}{}", use_cases(exploration, extent), suggested(suggestions));
    format!("{}\n{table}{}", message(&head(exploration)), message(&rest))
}

fn add_line(text: &mut String, line: String) {
    text.push_str(&line);
    text.push('\n');
}

fn head(exploration: &Exploration) -> String {
    let n_events = exploration.inventory.events;
    let events = counted(n_events, "event", "events");
    let files = |n: usize| counted(n as u64, "file", "files");
    let mut text = match exploration.origin {
        Origin::Files(n_files) => format!("{events} in {}", files(n_files)),
        Origin::FirstOfFiles(n_files) => format!("the first {events} of {}", files(n_files)),
        Origin::Cluster(n) => format!("a random sample of {events} out of {}", counted(n, "document", "documents")),
    };
    text.push('\n');
    text.push_str(&match &exploration.time {
        Some(time) => times(time),
        None => "time: no field has times that can be read: name one with timestamp_field\n".to_owned(),
    });
    let share = |n: u64| percent(n, n_events);
    let counts = |counts: &[(String, u64)]| {
        let shown = counts.iter().take(COUNTS).map(|(name, n)| format!("{name} ({})", share(*n)));
        let more = counts.len().saturating_sub(COUNTS);
        let more = (more > 0).then(|| format!("and {} more", thousands(more as u64)));
        shown.chain(more).collect::<Vec<_>>().join(", ")
    };
    match exploration.sources.as_slice() {
        [] => text.push_str(
            "recognised: nothing; fields with other names can be given in [field_aliases] (docs/fields.md)\n",
        ),
        sources => add_line(&mut text, format!("recognised: {}", counts(sources))),
    }
    if !exploration.kinds.is_empty() {
        add_line(
            &mut text,
            format!(
                "kinds of events, for queries such as ${{{}}}: {}",
                exploration.kinds[0].0,
                counts(&exploration.kinds)
            ),
        );
    }
    text
}

fn times(EventTime { fields, times }: &EventTime) -> String {
    let shown = |micros| shown_time(micros).unwrap_or_else(|| "?".to_owned());
    let Some((first, last)) = times.range() else { return String::new() };
    let mut text = format!("time: {} to {} in {}\n", shown(first), shown(last), listed(fields, GAPS));
    let gaps: Vec<String> =
        times.gaps(GAPS).into_iter().map(|(from, to)| format!("{} to {}", shown(from), shown(to))).collect();
    if !gaps.is_empty() {
        add_line(&mut text, format!("no events: {}", gaps.join(", ")));
    }
    text
}

/// The table of fields, and notes below it.
fn fields(exploration: &Exploration, extent: Extent) -> (WordTable, String) {
    let inventory = &exploration.inventory;
    let heads = ["field", "type", "events", "distinct", "length", "values"];
    let mut table = table_for(&io::stdout(), heads).with_numbers([2, 3, 4]);
    let n_shown = if extent == Extent::Everything { inventory.fields.len() } else { FIELDS };
    for field in inventory.fields.iter().take(n_shown) {
        table.add_row([
            excerpt(&field.name, NAME_CHARS),
            kinds(field),
            percent(field.events, inventory.events),
            distinct(field),
            thousands(field.median_length),
            values(field),
        ]);
    }
    let mut text = String::new();
    let more = inventory.fields.len().saturating_sub(n_shown) as u64;
    if more > 0 {
        add_line(&mut text, format!(" ... and {}, in fewer events: --all", counted(more, "more field", "more fields")));
    }
    let n_left_out = inventory.names - inventory.fields.len() as u64;
    if n_left_out > 0 {
        let (fields, examples) =
            (counted(n_left_out, "field", "fields"), listed(&inventory.left_out, inventory.left_out.len()));
        add_line(
            &mut text,
            format!(" ... {fields} in the fewest events left out, such as {examples}: values as names?"),
        );
    }
    if inventory.too_long > 0 {
        let values = counted(inventory.too_long, "value", "values");
        add_line(&mut text, format!(" ... {values} left out, whose names have 255 bytes or more"));
    }
    if inventory.fields.iter().take(n_shown).any(|field| field.is_estimate) {
        add_line(&mut text, format!(" ~ estimated: more than {} distinct values", thousands(MOST_EXACT as u64)));
    }
    (table, text)
}

/// Kinds of the values of a field, with the share of each if there are several.
fn kinds(field: &InventoryField) -> String {
    let name = |kind: ValueKind| kind.as_str();
    let kinds = match field.kinds.as_slice() {
        [(kind, _)] => name(*kind).to_owned(),
        kinds => {
            let shares = kinds.iter().map(|(kind, n)| format!("{} {}", name(*kind), percent(*n, field.values)));
            shares.collect::<Vec<_>>().join(", ")
        }
    };
    if field.lists > 0 { format!("{kinds}, lists") } else { kinds }
}

fn distinct(field: &InventoryField) -> String {
    if !field.is_estimate {
        return thousands(field.distinct);
    }
    // two digits: more are not known
    let unit = 10_u64.pow(field.distinct.max(10).ilog10() - 1);
    format!("~{}", thousands((field.distinct + unit / 2) / unit * unit))
}

/// The most frequent values of a field, or its range if no value stands out.
fn values(field: &InventoryField) -> String {
    if let (ValueKind::Time, Some((first, last))) = (field.main_kind(), field.times.range()) {
        let shown = |micros| shown_time(micros).unwrap_or_default();
        return format!("{} to {}", shown(first), shown(last));
    }
    // where no value stands out, shares say nothing
    let is_all_different = field.examples.first().is_none_or(|most| most.count * 100 < field.values);
    let share = |count| if is_all_different { String::new() } else { format!(" ({})", percent(count, field.values)) };
    let example = |FieldExample { text, is_cut, count }: &FieldExample| {
        let shown = excerpt(text, EXAMPLE_CHARS);
        let shown = if *is_cut && !shown.ends_with('…') { format!("{shown}…") } else { shown };
        format!("{}{}", if shown.is_empty() { "\"\"".to_owned() } else { shown }, share(*count))
    };
    let range = match field.numbers {
        Some((least, most)) if field.distinct > EXAMPLES as u64 && least > -EXACT_NUMBER && most < EXACT_NUMBER => {
            Some(format!("{least} to {most}"))
        }
        _ => None,
    };
    let examples = field.examples.iter().take(EXAMPLES).map(example).collect::<Vec<_>>().join(", ");
    range.into_iter().chain([examples]).collect::<Vec<_>>().join("; ")
}

fn excerpt(text: &str, most_chars: usize) -> String {
    let start: String = text.chars().take(most_chars).collect();
    let shown = escape_controls(&start);
    if start.len() < text.len() { format!("{shown}…") } else { shown }
}

fn percent(n: u64, of: u64) -> String {
    let tenths = n as f64 * 1000.0 / of.max(1) as f64;
    match n {
        _ if n == of => "100 %".to_owned(),
        0 => "0 %".to_owned(),
        _ if tenths < 1.0 => "<0.1 %".to_owned(),
        _ if tenths < 100.0 => format!("{:.1} %", tenths / 10.0),
        // what is not all is not shown as all
        _ => format!("{:.0} %", (tenths / 10.0).min(99.0)),
    }
}

fn use_cases(exploration: &Exploration, extent: Extent) -> String {
    let with = |wanted: Usability| {
        exploration.use_cases.iter().filter(move |use_case| use_case.assessment.usability == wanted)
    };
    let total = counted(exploration.use_cases.len() as u64, "use case", "use cases");
    let mut text = format!("use cases: {} of the {total} can use these events", with(Usability::Usable).count());
    text.push_str(if extent == Extent::Everything { ":\n" } else { "; list them with --all\n" });
    if extent == Extent::Everything {
        for use_case in with(Usability::Usable) {
            let events = counted(use_case.events, "event matches", "events match");
            add_line(&mut text, format!("  {}: {events}", escape_controls(&use_case.name)));
        }
    }
    let n_without = with(Usability::NoEvents).count() as u64;
    if n_without > 0 {
        let names: Vec<String> = with(Usability::NoEvents).map(|use_case| use_case.name.clone()).collect();
        let (n, names) = (
            counted(n_without, "use case", "use cases"),
            listed(&names, if extent == Extent::Everything { names.len() } else { 3 }),
        );
        add_line(&mut text, format!("  {n} look at events that are not there: {names}"));
    }
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for use_case in with(Usability::NotApplicable).chain(with(Usability::Unusable)) {
        let why = use_case.assessment.notes.first().map_or("cannot use the events", String::as_str);
        reasons.entry(why).or_default().push(use_case.name.clone());
    }
    let mut reasons: Vec<(&str, Vec<String>)> = reasons.into_iter().collect();
    reasons.sort_by_key(|(why, names)| (std::cmp::Reverse(names.len()), *why));
    let n_shown = if extent == Extent::Everything { reasons.len() } else { REASONS };
    for (why, names) in reasons.iter().take(n_shown) {
        let n = counted(names.len() as u64, "use case", "use cases");
        add_line(
            &mut text,
            format!("  {n}: {why}: {}", listed(names, if extent == Extent::Everything { names.len() } else { 2 })),
        );
    }
    let more = reasons.iter().skip(n_shown).map(|(_, names)| names.len() as u64).sum();
    if more > 0 {
        add_line(&mut text, format!("  {} for other reasons: --all", counted(more, "use case", "use cases")));
    }
    text
}

fn suggested(suggestions: &[Suggestion]) -> String {
    if suggestions.is_empty() {
        return String::new();
    }
    let n = counted(suggestions.len() as u64, "use case", "use cases");
    let mut text = format!("\nsuggestions: {n} for these fields; write them to a file with --suggest > mine.conf\n");
    for Suggestion { section, why, .. } in suggestions {
        add_line(&mut text, format!("  {}: {why}", quoted(section)));
    }
    text
}
