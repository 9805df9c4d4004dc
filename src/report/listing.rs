//! Use cases for `list`: their state, and what they need.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::config::{FindingSeverity, ModelType, RejectedUseCase, UseCase};
use crate::plan::read_fields;
use crate::sinks::console::TextPage;
use crate::spelling::named_values;
use crate::terminal::{counted, escape_controls, thousands};

/// A use case in the list.
#[derive(Debug, Serialize)]
pub struct ListedUseCase {
    /// Name of the use case.
    pub name: String,
    /// Type of its model.
    pub model: ModelType,
    /// State.
    pub state: UseCaseState,
    /// Missing fields, if it is not applicable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// Severity that it names.
    pub severity: Option<FindingSeverity>,
    /// Techniques that it names.
    pub techniques: Vec<String>,
    /// Query as written.
    pub query: String,
    /// Fields that it reads.
    pub fields: BTreeSet<String>,
    /// Place of the use case.
    pub place: String,
}

named_values! {
    /// State of a use case.
    UseCaseState {
        /// It runs.
        Enabled = "enabled",
        /// It runs if hunting is asked for, which it is.
        Hunting = "hunting",
        /// It is switched off.
        Disabled = "disabled",
        /// No event of the sample has the fields that it needs.
        NotApplicable = "not applicable",
        /// It has errors.
        Rejected = "rejected",
    }
}

impl ListedUseCase {
    /// Describes a use case that has errors.
    pub fn rejected(rejected: &RejectedUseCase) -> Self {
        ListedUseCase {
            name: rejected.section.clone(),
            model: rejected.model_type,
            state: UseCaseState::Rejected,
            missing: None,
            severity: None,
            techniques: Vec::new(),
            query: String::new(),
            fields: BTreeSet::new(),
            place: rejected.file.display().to_string(),
        }
    }

    /// Describes a use case. `missing` says which fields the sample lacks, if it is not applicable.
    pub fn of(use_case: &UseCase, missing: Option<&String>) -> Self {
        let state = match missing {
            _ if !use_case.active => UseCaseState::Disabled,
            Some(_) => UseCaseState::NotApplicable,
            None if use_case.location.file.starts_with("hunting") => UseCaseState::Hunting,
            None => UseCaseState::Enabled,
        };
        ListedUseCase {
            name: use_case.id(),
            model: use_case.model.model_type(),
            state,
            missing: missing.cloned(),
            severity: use_case.severity,
            techniques: use_case.techniques.clone(),
            query: use_case.query.recorded.clone(),
            fields: read_fields(use_case).into_iter().collect(),
            place: use_case.location.to_string(),
        }
    }
}

/// Use cases as lines for people, and how many there are in each state.
pub fn listing(found: &[ListedUseCase]) -> String {
    let layout = TextPage::on_standard_output(None);
    let mut text = String::new();
    for use_case in found {
        let ListedUseCase { name, state, severity, techniques, query, fields, missing, place, model } = use_case;
        let severity = severity.map(FindingSeverity::as_str);
        let facts = [Some(model.as_str()), severity].into_iter().flatten().chain(techniques.iter().map(String::as_str));
        let facts = facts.collect::<Vec<_>>().join(" · ");
        text.push_str(&layout.paragraph(&format!("{}: {}, {facts}", escape_controls(name), state.as_str()), 0));
        let needs = fields.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let about = [("needs", needs.as_str()), ("query", query), ("missing", missing.as_deref().unwrap_or_default())];
        for (what, about) in about.into_iter().filter(|(_, about)| !about.is_empty()) {
            text.push_str(&layout.paragraph(&format!("{what} {}", escape_controls(about)), 4));
        }
        text.push_str(&layout.paragraph(&format!("at {}", escape_controls(place)), 4));
    }
    let count = |state: UseCaseState| found.iter().filter(|use_case| use_case.state == state).count() as u64;
    let counts = UseCaseState::ALL.into_iter().filter(|state| count(*state) > 0);
    let counts = counts.map(|state| format!("{} {}", thousands(count(state)), state.as_str()));
    let counts = counts.collect::<Vec<_>>().join(", ");
    text + &format!("{}: {counts}\n", counted(found.len() as u64, "use case", "use cases"))
}
