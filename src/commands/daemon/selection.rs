//! Use cases that must run together.

use std::collections::BTreeSet;

use crate::config::Configuration;

/// Returns `names`, and all use cases that they require, directly or not.
pub(super) fn with_required(settings: &Configuration, mut names: BTreeSet<String>) -> BTreeSet<String> {
    loop {
        let chosen = settings.use_cases.iter().filter(|use_case| names.contains(&use_case.id()));
        let required: BTreeSet<String> = chosen.flat_map(|use_case| use_case.requires.iter().cloned()).collect();
        if required.is_subset(&names) {
            return names;
        }
        names.extend(required);
    }
}

/// Returns `names`, and all use cases that require one of them, directly or not.
pub(super) fn with_dependents(settings: &Configuration, mut names: BTreeSet<String>) -> BTreeSet<String> {
    loop {
        let requires_one = settings.use_cases.iter().filter(|use_case| {
            let mut required = use_case.requires.iter();
            use_case.active && required.any(|name| names.contains(name))
        });
        let dependents: BTreeSet<String> = requires_one.map(|use_case| use_case.id()).collect();
        if dependents.is_subset(&names) {
            return names;
        }
        names.extend(dependents);
    }
}
