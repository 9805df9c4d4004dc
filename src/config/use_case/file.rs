//! Files of use cases.

use std::path::Path;
use std::sync::Arc;

use super::{Context, RejectedUseCase, UseCase};
use crate::config::assets;
use crate::config::derived_fields::{self, DerivedField};
use crate::config::ini::{Dialect, Section, parse};
use crate::config::main_config::MainConfig;
use crate::config::models::{ModelDefaults, ModelType, has_batch_sizes_in_use_cases};
use crate::config::problem::{Location, Problem, n_errors};
use crate::config::whitelist::{self, WhitelistEntries};
use crate::spelling::nearest;

/// Contents of all use case files.
#[derive(Default)]
pub(in crate::config) struct UseCaseFiles {
    /// The valid use cases, in the order of the files.
    pub(in crate::config) use_cases: Vec<UseCase>,
    pub(in crate::config) rejected: Vec<RejectedUseCase>,
    pub(in crate::config) derived_fields: Vec<DerivedField>,
    /// Number of files that cannot be read, or that have a whitelist with errors.
    pub(in crate::config) n_rejected: usize,
    pub(in crate::config) has_batch_sizes: bool,
}

impl UseCaseFiles {
    pub(in crate::config) fn read(
        &mut self,
        file: &Arc<Path>,
        text: &str,
        main: &MainConfig,
        model_defaults: &ModelDefaults<'_>,
        problems: &mut Vec<Problem>,
    ) {
        let n_before = n_errors(problems);
        let (ini, found) = parse(text, Dialect::UseCases, file);
        problems.extend(found);
        let is_broken = n_errors(problems) > n_before;
        let whitelist = WhitelistEntries::read(&ini, problems);
        self.n_rejected += usize::from(n_errors(problems) > n_before);
        self.has_batch_sizes |= has_batch_sizes_in_use_cases(&ini);
        let derived_fields = derived_fields::read(&ini);
        self.derived_fields.extend_from_slice(&derived_fields);
        if !ini.sections.iter().any(|section| ModelType::of_section(&section.name).is_some()) {
            problems.push(without_use_case(file));
        }
        let context = Context { main, model_defaults, ini: &ini, whitelist, derived_fields };
        for section in &ini.sections {
            let Some((model_type, model_name)) = ModelType::of_section(&section.name) else {
                warn_of_section(section, problems);
                continue;
            };
            let (use_case, found) = context.read(section, model_type, model_name);
            let n_errors = n_errors(&found);
            problems.extend(found);
            match use_case {
                Some(use_case) if n_errors == 0 && !is_broken => self.use_cases.push(use_case),
                _ => self.rejected.push(RejectedUseCase {
                    file: Arc::clone(file),
                    section: section.name.clone(),
                    model_type: Some(model_type),
                    model_name: model_name.to_owned(),
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
fn warn_of_section(section: &Section, problems: &mut Vec<Problem>) {
    const LISTS: [&str; 3] = [whitelist::LITERALS, whitelist::REGEXPS, derived_fields::SECTION];
    let name = section.name.as_str();
    if LISTS.contains(&name) {
        return;
    }
    let warning = |message: &str, help: String| {
        Problem::warning(message).at(section.location.clone()).in_section(name).help(help)
    };
    if name == assets::SECTION {
        let help = "move the section to the main configuration, where assets hold for all use cases";
        problems.push(warning("assets of a use-case file are ignored", help.to_owned()));
        return;
    }
    let types = ModelType::ALL.map(ModelType::as_str);
    let heads = name.match_indices(['_', '-', '.', ' ']).map(|(end, _)| &name[..end]).take(3).chain([name]);
    let near = nearest(name, LISTS).or_else(|| heads.filter_map(|head| nearest(head, types)).next());
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("name it after a model: {}, then _ and a name", types.join(", ")),
    };
    problems.push(warning("no model: the section is ignored", help));
}
