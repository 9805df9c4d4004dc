//! `technique`: techniques of MITRE ATT&CK that a use case shows, which are stored with outliers
//! like any other parameter.

use crate::config::keys::Keys;
use crate::config::problem::quoted;
use crate::spelling::nearest;

/// Techniques with their tactics, one a line.
const KNOWN: &str = include_str!("techniques.txt");

/// Release of ATT&CK from which the list is.
const RELEASE: &str = "17.1";

const KEY: &str = "technique";

/// Warns of ids that are no techniques. Newer releases may have them, so they are kept.
pub(super) fn check(keys: &mut Keys<'_>) {
    // asking for a key would keep it from the parameters that are stored
    let Some(entry) = keys.entries().find(|entry| entry.key == KEY) else { return };
    // texts with fields are known when an outlier is described
    let unknown: Vec<String> =
        ids(entry.value.text()).filter(|id| !id.contains('{') && tactics(id).is_none()).map(str::to_owned).collect();
    for id in unknown {
        let known = KNOWN.lines().filter_map(|line| line.split(' ').next());
        let help = match nearest(&id, known) {
            Some(near) => format!("did you mean {near}?"),
            None => "write ids such as T1059.001, with commas between them".to_owned(),
        };
        keys.warn(KEY, format!("{} is no technique of ATT&CK {RELEASE}", quoted(&id)), help);
    }
}

/// Techniques that the parameters of a use case name. Those with placeholders differ from outlier
/// to outlier.
pub(super) fn of(parameters: &[(String, String)]) -> Vec<String> {
    // of old configurations, some have the plural
    let named = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, text)| text.as_str());
    let text = named(KEY).or_else(|| named("techniques")).unwrap_or_default();
    ids(text).filter(|id| !id.contains('{')).map(str::to_owned).collect()
}

/// The ids in a text.
fn ids(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|id| !id.is_empty())
}

/// Returns the tactics of a technique, such as `execution`; `None` if there is no such technique.
pub fn tactics(technique: &str) -> Option<impl Iterator<Item = &'static str>> {
    let known = KNOWN.lines().filter(|line| line.starts_with('T') && !technique.is_empty());
    let line = known.filter_map(|line| line.strip_prefix(technique)?.strip_prefix(' ')).next();
    line.map(|tactics| tactics.split(',').filter(|tactic| !tactic.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn techniques_have_tactics() {
        let of = |id: &str| tactics(id).map(Iterator::collect::<Vec<_>>);
        assert_eq!(of("T1059.001"), Some(vec!["execution"]));
        assert!(of("T1053.005").unwrap().contains(&"persistence"));
        for unknown in ["T1059.0", "T1", "", "#", "T9999", "execution"] {
            assert_eq!(of(unknown), None, "{unknown}");
        }
    }
}
