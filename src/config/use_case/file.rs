//! Files of use cases.

use std::path::Path;
use std::sync::Arc;

use super::{Context, RejectedUseCase};
use crate::config::Configuration;
use crate::config::assets;
use crate::config::derived_fields;
use crate::config::ini::{Dialect, Section, parse};
use crate::config::keys::Keys;
use crate::config::macros;
use crate::config::main_config;
use crate::config::models::{ModelDefaults, ModelType, OLD_BEACON_SECTION, has_batch_sizes_in_use_cases};
use crate::config::named_values;
use crate::config::overrides::KeyOverride;
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
        overrides: &[KeyOverride],
    ) {
        let n_before = n_errors(&self.problems);
        let (mut ini, found) = parse(text, Dialect::UseCases, file);
        overrides.iter().for_each(|of| of.apply(&mut ini));
        self.problems.extend(found);
        let derived_fields = derived_fields::read(&ini, &mut self.problems);
        let macros = self.main.macros.with(macros::read(&ini, &mut self.problems));
        let is_broken = n_errors(&self.problems) > n_before;
        let whitelist = Arc::new(WhitelistEntries::read(&ini, &mut self.problems));
        if !ini.sections.iter().any(|section| ModelType::of_section(&section.name).is_some()) {
            self.problems.push(without_use_case(file, &ini.sections));
        }
        self.rejected_files += usize::from(n_errors(&self.problems) > n_before);
        self.ignored_batch_sizes |= has_batch_sizes_in_use_cases(&ini);
        self.derived_fields.extend_from_slice(&derived_fields);
        let context = Context { main: &self.main, model_defaults, whitelist, derived_fields, macros };
        for section in &ini.sections {
            let Some((model_type, model_name)) = ModelType::of_section(&section.name) else {
                self.problems.extend(warning_of_section(section));
                continue;
            };
            let mut keys = Keys::of_section(&ini, section);
            let use_case = context.read(section, &mut keys, model_type, model_name);
            overrides.iter().for_each(|of| of.check(&mut keys));
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

/// Sections of a use-case file that are not use cases.
const LISTS: [&str; 4] = [whitelist::LITERALS, whitelist::REGEXPS, derived_fields::SECTION, macros::SECTION];

fn is_list(name: &str) -> bool {
    LISTS.contains(&name) || name.starts_with(whitelist::SECTION_PREFIX)
}

/// The problem of a file without a use case: an error if it has sections that were ignored.
fn without_use_case(file: &Arc<Path>, sections: &[Section]) -> Problem {
    let types = ModelType::ALL.map(ModelType::as_str).join(", ");
    let begin = format!("begin one with [MODEL_name], where MODEL is one of {types}");
    let start = || Location { file: Arc::clone(file), line: 1, column: 1 };
    let ignored: Vec<&Section> = sections.iter().filter(|section| !is_list(&section.name)).collect();
    let Some(first) = ignored.first() else {
        return Problem::warning("the file has no use case").at(start()).help(begin);
    };
    let near = |section: &&Section| Some(format!("[{}]: did you mean [{}]?", section.name, meant(&section.name)?));
    let near: Vec<String> = ignored.iter().filter_map(near).take(3).collect();
    let help = if !near.is_empty() {
        near.join(" ")
    } else if ignored.iter().any(|section| main_config::has_section(&section.name)) {
        "name a main configuration with --config instead".to_owned()
    } else {
        begin
    };
    Problem::error("the file has no use case: all of its sections are ignored").at(first.location.clone()).help(help)
}

/// The name that a section was probably meant to have.
fn meant(name: &str) -> Option<String> {
    if let Some(list) = nearest(name, LISTS) {
        return Some(list.to_owned());
    }
    let (head, model) = model_meant(name)?;
    Some(format!("{model}{}", &name[head.len()..]))
}

/// The beginning of a section name that was probably meant to be a model, and the model.
fn model_meant(name: &str) -> Option<(&str, &'static str)> {
    let types = ModelType::ALL.map(ModelType::as_str);
    let heads = name.match_indices(['_', '-', '.', ' ']).map(|(end, _)| &name[..end]).take(3).chain([name]);
    heads.filter_map(|head| Some((head, nearest(head, types)?))).next()
}

/// Other sections are not ours, but a typo must not silently drop a use case.
fn warning_of_section(section: &Section) -> Option<Problem> {
    let name = section.name.as_str();
    if is_list(name) {
        return None;
    }
    if name == assets::SECTION {
        let help = "move the section to the main configuration, where assets hold for all use cases";
        return Some(section.warning("assets of a use-case file are ignored", help));
    }
    if name == named_values::SECTION {
        let help = "move the section to the main configuration, where names hold for all use cases";
        return Some(section.warning("named values of a use-case file are ignored", help));
    }
    if name
        .strip_prefix(OLD_BEACON_SECTION)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', '-', '.', ' ']))
    {
        let help = "write [beacon_NAME] with aggregator = who talks to whom, such as source.ip,destination.ip; \
                    target_count_method, min_target_buckets and trigger_* have no meaning there";
        return Some(section.warning("the section is ignored: `beaconing` of older versions is now `beacon`", help));
    }
    let near = nearest(name, LISTS).or_else(|| model_meant(name).map(|(_, model)| model));
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None if main_config::has_section(name) => "it belongs in a main configuration, named with --config".to_owned(),
        None => {
            format!("name it after a model: {}, then _ and a name", ModelType::ALL.map(ModelType::as_str).join(", "))
        }
    };
    Some(section.warning("no model: the section is ignored", help))
}
