//! `[field_aliases]`: other names that fields have in some events.

use super::comments::{self, Form as CommentForm};
use super::ini::Ini;
use super::keys::{FIELD_HELP, refused_fields};
use super::problem::Problem;
use crate::event::{FieldPath, equal_ignoring_case};

pub(super) const SECTION: &str = "field_aliases";

/// Reads `NAME=OTHER NAME, OTHER NAME`, in order of preference. Names that differ in case only are
/// different ones: clusters compare names exactly.
pub(super) fn read(ini: &Ini, problems: &mut Vec<Problem>) -> Vec<(String, Vec<FieldPath>)> {
    problems.extend(refused_fields(ini, SECTION));
    let mut aliases: Vec<(String, Vec<FieldPath>)> = Vec::new();
    for entry in ini.own_entries(SECTION) {
        problems.extend(comments::warning(entry, SECTION, CommentForm::Tight));
        let problem = |problem: Problem| problem.at(entry.value.location()).in_section(SECTION).of_key(&entry.key);
        if let Some((known, _)) = aliases.iter().find(|(known, _)| equal_ignoring_case(known, &entry.key)) {
            let message = format!("it is `{}` in another case: only the later one counts", known.escape_debug());
            problems.push(problem(Problem::warning(message)).help("write all other names behind one of them"));
        }
        let mut others: Vec<FieldPath> = Vec::new();
        for other in entry.value.text().split(',').map(str::trim).filter(|other| !other.is_empty()) {
            let path = FieldPath::new(other);
            if let Some(refusal) = path.refusal() {
                problems.push(problem(Problem::error(refusal)).help(FIELD_HELP));
            } else if entry.key == other || others.contains(&path) {
                let message = format!("`{}` is named twice", other.escape_debug());
                problems
                    .push(problem(Problem::warning(message)).help("name each field once; its own name comes first"));
            } else {
                others.push(path);
            }
        }
        if others.is_empty() {
            let help =
                "write its other names with commas between them, such as CommandLine, winlog.event_data.CommandLine";
            problems.push(problem(Problem::error("no other name of the field")).help(help));
        } else {
            aliases.push((entry.key.clone(), others));
        }
    }
    aliases
}
