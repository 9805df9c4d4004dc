//! Files of use cases.

use std::path::Path;
use std::sync::Arc;

use super::{Context, RejectedUseCase};
use crate::config::Configuration;
use crate::config::assets;
use crate::config::derived_fields;
use crate::config::ini::{Dialect, Section, parse};
use crate::config::keys::Keys;
use crate::config::models::{ModelDefaults, ModelType, has_batch_sizes_in_use_cases};
use crate::config::problem::{Location, Problem, n_errors};
use crate::config::whitelist::{self, WhitelistEntries};
use crate::spelling::nearest;

impl Configuration {
    /// Adds the use cases of a file.
    pub(in crate::config) fn read_use_cases(
        &mut self,
        file: &Arc<Path>,
        text: &str,
        model_defaults: &ModelDefaults<'_>,
    ) {
        let n_before = n_errors(&self.problems);
        let (ini, found) = parse(text, Dialect::UseCases, file);
        self.problems.extend(found);
        let derived_fields = derived_fields::read(&ini, &mut self.problems);
        let is_broken = n_errors(&self.problems) > n_before;
        let whitelist = WhitelistEntries::read(&ini, &mut self.problems);
        self.rejected_files += usize::from(n_errors(&self.problems) > n_before);
        self.ignored_batch_sizes |= has_batch_sizes_in_use_cases(&ini);
        self.derived_fields.extend_from_slice(&derived_fields);
        if !ini.sections.iter().any(|section| ModelType::of_section(&section.name).is_some()) {
            self.problems.push(without_use_case(file));
        }
        let context = Context { main: &self.main, model_defaults, whitelist, derived_fields };
        for section in &ini.sections {
            let Some((model_type, model_name)) = ModelType::of_section(&section.name) else {
                self.problems.extend(warning_of_section(section));
                continue;
            };
            let mut keys = Keys::of_section(&ini, section);
            let use_case = context.read(section, &mut keys, model_type, model_name);
            let n_errors = n_errors(&keys.problems);
            self.problems.append(&mut keys.problems);
            match use_case {
                Some(use_case) if n_errors == 0 && !is_broken => self.use_cases.push(use_case),
                _ => self.rejected.push(RejectedUseCase {
                    file: Arc::clone(file),
                    section: section.name.clone(),
                    model_type,
                    problems: n_errors,
                }),
            }
        }
    }
}

fn without_use_case(file: &Arc<Path>) -> Problem {
    let types = ModelType::ALL.map(ModelType::as_str).join(", ");
    Problem::warning("the file has no use case")
        .at(Location { file: Arc::clone(file), line: 1, column: 1 })
        .help(format!("begin one with [MODEL_name], where MODEL is one of {types}"))
}

/// Other sections are not ours, but a typo must not silently drop a use case.
fn warning_of_section(section: &Section) -> Option<Problem> {
    const LISTS: [&str; 3] = [whitelist::LITERALS, whitelist::REGEXPS, derived_fields::SECTION];
    let name = section.name.as_str();
    if LISTS.contains(&name) {
        return None;
    }
    if name == assets::SECTION {
        let help = "move the section to the main configuration, where assets hold for all use cases";
        return Some(section.warning("assets of a use-case file are ignored", help));
    }
    let types = ModelType::ALL.map(ModelType::as_str);
    let heads = name.match_indices(['_', '-', '.', ' ']).map(|(end, _)| &name[..end]).take(3).chain([name]);
    let near = nearest(name, LISTS).or_else(|| heads.filter_map(|head| nearest(head, types)).next());
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("name it after a model: {}, then _ and a name", types.join(", ")),
    };
    Some(section.warning("no model: the section is ignored", help))
}
