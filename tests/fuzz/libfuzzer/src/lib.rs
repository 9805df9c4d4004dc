//! The targets of the folder above, for libFuzzer.

#[path = "../../targets.rs"]
mod targets;

/// Returns what is done with the inputs of a target.
///
/// # Panics
/// If no target has this name.
pub fn target(name: &str) -> fn(&[u8]) {
    let known = targets::TARGETS.iter().find(|(known, _)| *known == name);
    known.unwrap_or_else(|| panic!("no target {name}")).1
}

/// Hands every input to the target `name`.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        $crate::fuzz_target!(|data: &[u8]| $crate::target($name)(data));
    };
}

pub use libfuzzer_sys::fuzz_target;
