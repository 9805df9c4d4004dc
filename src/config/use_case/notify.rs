//! `notify` and `should_notify`: the channels that are told of a use case's outliers.

use super::UseCase;
use crate::config::keys::Keys;
use crate::config::notifiers::Notifiers;
use crate::config::problem::{Problem, Severity, quoted};
use crate::config::values::comma_list;
use crate::spelling::known_names;

const NOTIFY: &str = "notify";

const SHOULD_NOTIFY: &str = "should_notify";

/// Channels that are told of a use case's outliers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NotifiedChannels {
    /// None.
    #[default]
    None,
    /// All that the main configuration has.
    All,
    /// Those with these names.
    Named(Vec<String>),
}

impl NotifiedChannels {
    /// Without `should_notify`, naming channels is enough.
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        let names = keys.filled(NOTIFY).map(comma_list);
        let names = names.map(|names| names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>());
        match (keys.bool(SHOULD_NOTIFY), names) {
            (Some(false), _) | (None, None) => Self::None,
            (Some(true), None) => Self::All,
            (_, Some(names)) => Self::Named(names),
        }
    }

    /// True if the channel of this name is told.
    pub(super) fn has(&self, channel: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Named(names) => names.iter().any(|name| name == channel),
        }
    }
}

/// Warns of use cases that name unknown channels, and once of those that want any if there is none.
pub(in crate::config) fn check_channels(notifiers: &Notifiers, use_cases: &[UseCase], problems: &mut Vec<Problem>) {
    let warning = |use_case: &UseCase, key, message, help| {
        let problem = use_case.problem(key, message, help);
        Problem { severity: Severity::Warning, ..problem }
    };
    let known: Vec<&str> = notifiers.names().collect();
    for use_case in use_cases {
        let NotifiedChannels::Named(names) = &use_case.notify else { continue };
        for name in names.iter().filter(|name| !known.contains(&name.as_str())) {
            let help = match known.as_slice() {
                [] => "add a section [notifier_NAME] to the main configuration".to_owned(),
                known => known_names(name, known),
            };
            let message = format!("no channel is called {}: nobody is told through it", quoted(name));
            problems.push(warning(use_case, NOTIFY, message, help));
        }
    }
    let mut untold = use_cases.iter().filter(|use_case| use_case.notify == NotifiedChannels::All);
    if let Some(first) = untold.next().filter(|_| known.is_empty()) {
        let others = match untold.count() {
            0 => String::new(),
            1 => "; 1 other use case has it, too".to_owned(),
            n_others => format!("; {n_others} other use cases have it, too"),
        };
        let message = format!("nobody is told: the main configuration has no channel{others}");
        let help = "add a section [notifier_NAME] to the main configuration, or write 0".to_owned();
        problems.push(warning(first, SHOULD_NOTIFY, message, help));
    }
}
