//! Matrix of ATT&CK: which techniques fired, and which are watched.

use std::collections::BTreeMap;

use serde::Serialize;

use super::read::ReadUseCase;
use crate::config::tactics;
use crate::report::Status;
use crate::terminal::counted;

/// Tactics in the order in which attacks use them.
const TACTICS: [&str; 14] = [
    "reconnaissance",
    "resource-development",
    "initial-access",
    "execution",
    "persistence",
    "privilege-escalation",
    "defense-evasion",
    "credential-access",
    "discovery",
    "lateral-movement",
    "collection",
    "command-and-control",
    "exfiltration",
    "impact",
];

/// A tactic with its techniques.
#[derive(Debug, Serialize)]
pub(super) struct TacticView {
    name: String,
    techniques: Vec<TechniqueView>,
}

#[derive(Debug, Clone, Serialize)]
struct TechniqueView {
    id: String,
    class: &'static str,
    /// Shows its findings.
    link: Option<String>,
    text: String,
}

/// Fates of a technique, the greatest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Coverage {
    NotOnThisData,
    Watched,
    Fired(u64),
}

/// Tactics that the use cases of a run name.
pub(super) fn matrix(use_cases: &[ReadUseCase]) -> Vec<TacticView> {
    let mut techniques: BTreeMap<&str, Coverage> = BTreeMap::new();
    for use_case in use_cases.iter().filter(|use_case| use_case.status != Status::Inactive) {
        let coverage = match (use_case.findings, use_case.status) {
            (0, Status::Complete | Status::NoEvents) => Coverage::Watched,
            (0, _) => Coverage::NotOnThisData,
            (n, _) => Coverage::Fired(n),
        };
        for technique in &use_case.techniques {
            let known = techniques.get(technique.as_str()).copied().unwrap_or(Coverage::NotOnThisData);
            let together = match (known, coverage) {
                (Coverage::Fired(one), Coverage::Fired(other)) => Coverage::Fired(one + other),
                (one, other) => one.max(other),
            };
            techniques.insert(technique, together);
        }
    }
    let view = |(id, coverage): (&&str, &Coverage)| view(id, *coverage);
    let of_tactic = |tactic: &&'static str| {
        let has = |id: &str| tactics(id).is_some_and(|mut tactics| tactics.any(|of| of == *tactic));
        let techniques = techniques.iter().filter(|(id, _)| has(id)).map(view).collect();
        TacticView { name: title(tactic), techniques }
    };
    let unknown = techniques.iter().filter(|(id, _)| tactics(id).is_none()).map(view).collect();
    let unknown = TacticView { name: "Other".to_owned(), techniques: unknown };
    let tactics = TACTICS.iter().map(of_tactic).chain([unknown]);
    tactics.filter(|tactic| !tactic.techniques.is_empty()).collect()
}

fn view(id: &str, coverage: Coverage) -> TechniqueView {
    let (class, text) = match coverage {
        Coverage::Fired(n) => ("fired", counted(n, "finding", "findings")),
        Coverage::Watched => ("watched", "watched".to_owned()),
        Coverage::NotOnThisData => ("", "not on this data".to_owned()),
    };
    let link = matches!(coverage, Coverage::Fired(_)).then(|| super::link("technique", id));
    TechniqueView { id: id.to_owned(), class, link, text }
}

/// `Lateral movement` for `lateral-movement`.
fn title(tactic: &str) -> String {
    let words = tactic.replace('-', " ");
    let mut rest = words.chars();
    rest.next().into_iter().flat_map(char::to_uppercase).chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn techniques_are_under_each_of_their_tactics() {
        let use_case = |status, findings, techniques: &[&str]| ReadUseCase {
            status,
            findings,
            techniques: techniques.iter().map(|id| (*id).to_owned()).collect(),
            ..ReadUseCase::default()
        };
        let tactics = matrix(&[
            use_case(Status::Complete, 2, &["T1053.005"]),
            use_case(Status::Complete, 3, &["T1053.005"]),
            use_case(Status::NotApplicable, 0, &["T1059", "T1003"]),
            use_case(Status::Complete, 0, &["T1059", "T9999"]),
            use_case(Status::Inactive, 0, &["T1110"]),
        ]);
        let shown: Vec<String> = tactics
            .iter()
            .flat_map(|tactic| tactic.techniques.iter().map(|one| format!("{}: {} {}", tactic.name, one.id, one.text)))
            .collect();
        assert_eq!(
            shown,
            [
                "Execution: T1053.005 5 findings",
                "Execution: T1059 watched",
                "Persistence: T1053.005 5 findings",
                "Privilege escalation: T1053.005 5 findings",
                "Credential access: T1003 not on this data",
                "Other: T9999 watched",
            ]
        );
    }
}
