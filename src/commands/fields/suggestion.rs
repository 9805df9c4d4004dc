//! Use cases for the fields of some events, as a file to begin with.

use super::exploration::{EventTime, Exploration};
use super::roles::{Roles, is_plain};
use crate::cli::FieldsArgs;
use crate::event::time::MICROS_PER_DAY;
use crate::inventory::InventoryField;
use crate::terminal::escape_controls;

/// Upper limits on the use cases of each kind.
const RARE: usize = 3;
const LONG: usize = 2;
const LARGE: usize = 2;

/// Days of the longest sliding window.
const MOST_DAYS: i64 = 7;

/// A use case for the fields of some events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Suggestion {
    /// Name of its section.
    pub(super) section: String,
    /// Words about what it finds.
    pub(super) why: String,
    /// Its section.
    pub(super) text: String,
}

/// Returns use cases that can be run over the events.
pub(super) fn suggest(exploration: &Exploration) -> Vec<Suggestion> {
    let roles = Roles::of(&exploration.inventory);
    let writer = Writer { roles: &roles, time: exploration.time.as_ref() };
    let mut found: Vec<Suggestion> = Vec::new();
    let rare = writer.beside_actors(&roles.targets, |writer, target, actor| Some(writer.rare(target, actor)));
    let long = writer.beside_actors(&roles.texts, |writer, target, actor| Some(writer.long(target, actor)));
    let large = writer.beside_actors(&roles.amounts, |writer, target, actor| Some(writer.large(target, actor)));
    let many = writer.beside_actors(&roles.targets, |writer, target, actor| Some(writer.many(target, actor)));
    let new = writer.beside_actors(&roles.targets, |writer, target, actor| writer.new_value(target, actor));
    found.extend(rare.take(RARE));
    found.extend(many.take(1));
    found.extend(new.take(1));
    found.extend(long.take(LONG));
    found.extend(large.take(LARGE));
    found.extend(writer.beacon());
    found
}

/// Returns a file of use cases.
pub(super) fn file(suggestions: &[Suggestion], args: &FieldsArgs) -> String {
    let events = if args.events.is_empty() { "the cluster".to_owned() } else { args.events.join(" ") };
    let mut text = format!(
        "# Use cases to begin with, suggested by the fields of {}. Try them with\n\
         #   ee-outliers run --use-cases FILE --events EVENTS --dry-run\n\
         # then change what is not meant: the query, the groups (aggregator) and the trigger.\n",
        escape_controls(&events)
    );
    for Suggestion { why, text: section, .. } in suggestions {
        text.push_str(&format!("\n# Finds {why}.\n{section}"));
    }
    text
}

/// Writes use cases.
#[derive(Clone, Copy)]
struct Writer<'a> {
    roles: &'a Roles<'a>,
    time: Option<&'a EventTime>,
}

impl<'a> Writer<'a> {
    /// Writes a use case for each of `fields` that has an actor beside it.
    fn beside_actors(
        self,
        fields: &'a [&'a InventoryField],
        write: impl Fn(Self, &str, &str) -> Option<Suggestion> + 'a,
    ) -> impl Iterator<Item = Suggestion> + 'a {
        fields.iter().filter_map(move |field| {
            let actor = self.roles.actor_beside(field)?;
            write(self, &field.name, &actor.name)
        })
    }

    fn rare(self, target: &str, actor: &str) -> Suggestion {
        let keys = format!(
            "aggregator={actor}\ntarget={target}\ntarget_count_method=within_aggregator\nmin_target_buckets=3\n\
             trigger_on=low\ntrigger_method=fdr\ntrigger_sensitivity=0.05\noutlier_type=rare value\n\
             outlier_reason=rare {target}\noutlier_summary=rare {target} for {{{actor}}}: {{{target}}}\n"
        );
        let why = format!("values of {target} that are rare for their {actor}");
        self.section(&format!("terms_rare_{target}_of_{actor}"), why, &[target, actor], &keys)
    }

    fn many(self, target: &str, actor: &str) -> Suggestion {
        let keys = format!(
            "aggregator={actor}\ntarget={target}\ntarget_count_method=across_aggregators\n\
             trigger_on=high\ntrigger_method=fdr\ntrigger_sensitivity=0.05\noutlier_type=many values\n\
             outlier_reason=many different {target}\n\
             outlier_summary={{{actor}}} has many different values of {target}\n"
        );
        let why = format!("{actor} with more different values of {target} than others");
        self.section(&format!("terms_many_{target}_of_{actor}"), why, &[target, actor], &keys)
    }

    fn new_value(self, target: &str, actor: &str) -> Option<Suggestion> {
        let (first, last) = self.time?.times.range()?;
        let days = ((last - first) / MICROS_PER_DAY).min(MOST_DAYS);
        if days < 2 || self.time_beside(&[target, actor]).is_none() {
            return None;
        }
        let keys = format!(
            "aggregator={actor}\ntarget={target}\nhistory_window_days={days}\nsliding_window_size={days}:0:0\n\
             sliding_window_step_size=1:0:0\ntrigger_method=fdr\ntrigger_sensitivity=0.05\noutlier_type=new value\n\
             outlier_reason=new {target}\noutlier_summary=new {target} for {{{actor}}}: {{{target}}}\n"
        );
        let why = format!("values of {target} that their {actor} did not have in the days before");
        Some(self.section(&format!("sudden_appearance_new_{target}_of_{actor}"), why, &[target, actor], &keys))
    }

    fn long(self, target: &str, actor: &str) -> Suggestion {
        let keys = format!(
            "aggregator={actor}\ntarget={target}\nmetric=length\ntrigger_on=high\ntrigger_method=fdr\n\
             trigger_sensitivity=0.05\noutlier_type=long value\noutlier_reason=long {target}\n\
             outlier_summary=long {target} for {{{actor}}}\n"
        );
        let why = format!("values of {target} that are longer than others of their {actor}");
        self.section(&format!("metrics_long_{target}_of_{actor}"), why, &[target, actor], &keys)
    }

    fn large(self, target: &str, actor: &str) -> Suggestion {
        let keys = format!(
            "aggregator={actor}\ntarget={target}\nmetric=numerical_value\ntrigger_on=high\ntrigger_method=fdr\n\
             trigger_sensitivity=0.05\noutlier_type=large number\noutlier_reason=large {target}\n\
             outlier_summary=large {target} for {{{actor}}}: {{{target}}}\n"
        );
        let why = format!("values of {target} that are larger than others of their {actor}");
        self.section(&format!("metrics_large_{target}_of_{actor}"), why, &[target, actor], &keys)
    }

    fn beacon(self) -> Option<Suggestion> {
        let mut pairs = self.roles.sources.iter().flat_map(|from| self.roles.peers.iter().map(move |to| (from, to)));
        let (from, to) = pairs.find(|(from, to)| from.name != to.name && self.roles.are_together(&[from, to]))?;
        let (from, to) = (from.name.as_str(), to.name.as_str());
        self.time_beside(&[from, to])?;
        let keys = format!(
            "aggregator={from},{to}\nprevalence_field={from}\nmax_prevalence=10\ntrigger_method=fdr\n\
             trigger_sensitivity=0.01\noutlier_type=command and control\noutlier_reason=connections in a rhythm\n\
             outlier_summary={{{from}}} calls {{{to}}} every {{period}}\n"
        );
        let why = format!("{from} that calls a {to} in a rhythm, as programs do");
        Some(self.section(&format!("beacon_{from}_calls_{to}"), why, &[from, to], &keys))
    }

    /// The field of the time that the most events with `fields` have.
    fn time_beside(self, fields: &[&str]) -> Option<&'a str> {
        let times = self.time?.fields.iter().map(String::as_str).filter(|field| is_plain(field));
        let n_with = |time: &str| self.roles.n_with(&[fields, &[time]].concat());
        // the first of several that are as good
        times.rev().max_by_key(|time| n_with(time)).filter(|time| n_with(time) > 0)
    }

    fn section(self, name: &str, why: String, fields: &[&str], keys: &str) -> Suggestion {
        let section: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
        let query: Vec<String> = fields.iter().map(|field| format!("_exists_:{field}")).collect();
        let time = self.time_beside(fields).map_or(String::new(), |time| format!("timestamp_field={time}\n"));
        let text = format!("[{section}]\nes_query_filter={}\n{time}{keys}run_model=1\n", query.join(" AND "));
        Suggestion { section, why, text }
    }
}
