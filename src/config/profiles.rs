//! Field profiles: for the forms in which people have the same logs, other names of fields
//! (`[field_aliases]`), conditions that tell kinds of events (`[macros]`) and what wrote them
//! (`[log_sources]`), and software that is harmless everywhere (whitelists).

use std::path::Path;
use std::sync::Arc;

use super::field_aliases;
use super::files;
use super::ini::{Dialect, Ini, parse};
use super::log_sources::{self, LogSource};
use super::macros::{self, Macros};
use super::problem::Problem;
use super::whitelist::{self, WhitelistEntries};
use crate::event::{FieldPath, equal_ignoring_case};
use crate::spelling::nearest;

/// Choice of all shipped profiles. Fields that no event has cost little, and a value is that of the
/// first name that an event has, so mixtures of logs need no other choice.
pub(super) const AUTO: &str = "auto";
/// Choice of no profile.
pub(super) const NONE: &str = "none";

macro_rules! profiles {
    ($($name:literal),* $(,)?) => {
        /// Name, path and text of each shipped profile.
        const SHIPPED: &[(&str, &str, &str)] = &[$((
            $name,
            concat!("profiles/", $name, ".conf"),
            include_str!(concat!("../../profiles/", $name, ".conf")),
        )),*];
    };
}

// in this order names are looked for
profiles!["ecs", "windows", "zeek", "suricata", "cloudtrail", "entra", "linux", "web"];

/// Other names of fields, in order of preference, by the name that use cases write.
pub(super) type Aliases = Vec<(String, Vec<FieldPath>)>;

/// Contents of several profiles together.
#[derive(Debug, Default)]
pub(super) struct Profiles {
    pub(super) aliases: Aliases,
    pub(super) macros: Macros,
    pub(super) whitelist: WhitelistEntries,
}

impl Profiles {
    /// Reads the profiles of `choice`: `auto`, `none`, or names of profiles and files with commas
    /// between them. Then adds what the main configuration `own` says itself: its names of a field
    /// come first, and its macros replace others.
    pub(super) fn read(choice: &str, own: &Ini, problems: &mut Vec<Problem>) -> Self {
        let mut profiles = Profiles::default();
        profiles.add_aliases(field_aliases::read(own, problems));
        let texts = chosen(choice, problems);
        for (path, text) in &texts {
            let ini = sections(path, text, problems);
            profiles.add_aliases(field_aliases::read(&ini, problems));
            for (name, condition) in macros::read(&ini, problems) {
                profiles.macros.add(name, condition);
            }
            profiles.whitelist.extend(WhitelistEntries::read(&ini, problems));
        }
        if choice.trim() != NONE {
            for (path, text) in shipped().filter(|(path, _)| texts.iter().all(|(chosen, _)| chosen != path)) {
                let (ini, _) = parse(&text, Dialect::Main, &path);
                macros::read(&ini, &mut Vec::new()).iter().for_each(|(name, _)| profiles.macros.declare(name));
            }
        }
        for (name, condition) in macros::read(own, problems) {
            profiles.macros.replace(name, condition);
        }
        profiles
    }

    fn add_aliases(&mut self, aliases: Aliases) {
        for (name, others) in aliases {
            match self.aliases.iter_mut().find(|(known, _)| equal_ignoring_case(known, &name)) {
                Some((known, names)) => {
                    let is_new = |other: &FieldPath| other.as_str() != known && !names.contains(other);
                    let new: Vec<FieldPath> = others.into_iter().filter(is_new).collect();
                    names.extend(new);
                }
                None => self.aliases.push((name, others)),
            }
        }
    }
}

/// Returns the log sources of all shipped profiles. Their conditions name fields in every form, so
/// they need no other names of fields.
pub fn log_sources() -> Vec<LogSource> {
    let sources = |(path, text): ProfileText| log_sources::read(&parse(&text, Dialect::Main, &path).0, &mut Vec::new());
    shipped().flat_map(sources).collect()
}

/// Path and text of a profile.
type ProfileText = (Arc<Path>, String);

/// Returns the shipped profiles.
fn shipped() -> impl Iterator<Item = ProfileText> {
    SHIPPED.iter().map(|(_, path, text)| (Arc::from(Path::new(path)), (*text).to_owned()))
}

/// Returns the chosen profiles.
fn chosen(choice: &str, problems: &mut Vec<Problem>) -> Vec<ProfileText> {
    let mut texts = Vec::new();
    for name in choice.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != NONE) {
        match SHIPPED.iter().position(|(known, ..)| *known == name) {
            _ if name == AUTO => texts.extend(shipped()),
            Some(idx) => texts.extend(shipped().nth(idx)),
            None if Path::new(name).is_file() => match files::read(Path::new(name)) {
                Ok(file) => texts.push(file),
                Err(problem) => problems.push(*problem),
            },
            None => problems.push(unknown(name)),
        }
    }
    texts
}

/// Parses a profile, and warns of sections that profiles do not have.
fn sections(path: &Arc<Path>, text: &str, problems: &mut Vec<Problem>) -> Ini {
    let (ini, found) = parse(text, Dialect::Main, path);
    problems.extend(found);
    log_sources::read(&ini, problems);
    let known =
        [field_aliases::SECTION, macros::SECTION, log_sources::SECTION, whitelist::LITERALS, whitelist::REGEXPS];
    let is_known = |name: &str| known.contains(&name) || name.starts_with(whitelist::SECTION_PREFIX);
    for section in ini.sections.iter().filter(|section| !is_known(&section.name)) {
        let help = "profiles have [field_aliases], [macros], [log_sources], and whitelists";
        problems.push(section.warning("the section is ignored in a profile", help));
    }
    ini
}

fn unknown(name: &str) -> Problem {
    let names = || SHIPPED.iter().map(|(name, ..)| *name);
    let help = match nearest(name, names().chain([AUTO, NONE])) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            format!("write {AUTO}, {NONE}, the path of a file, or one of {}", names().collect::<Vec<_>>().join(", "))
        }
    };
    Problem::error(format!("neither a profile of fields nor a file: `{}`", name.escape_debug())).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_of_the_folder_ships() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned())
            .filter_map(|name| name.strip_suffix(".conf").map(str::to_owned))
            .collect();
        files.sort();
        let mut shipped: Vec<&str> = SHIPPED.iter().map(|(name, ..)| *name).collect();
        shipped.sort_unstable();
        assert_eq!(shipped, files);
    }

    #[test]
    fn shipped_profiles_have_no_problems() {
        let mut problems = Vec::new();
        let profiles = Profiles::read(AUTO, &Ini::default(), &mut problems);
        assert_eq!(problems, []);
        assert!(profiles.aliases.len() > 20);
    }

    #[test]
    fn own_names_come_first_and_own_macros_replace() {
        let text = "[field_aliases]\nprocess.executable=mine, Image\n[macros]\nprocess_start=kind:start\n";
        let (own, _) = parse(text, Dialect::Main, &Path::new("own.conf").into());
        let mut problems = Vec::new();
        let profiles = Profiles::read("windows", &own, &mut problems);
        assert_eq!(problems, []);
        let (_, names) = profiles.aliases.iter().find(|(name, _)| name == "process.executable").unwrap();
        assert_eq!(names[..2], [FieldPath::new("mine"), FieldPath::new("Image")]);
        assert_eq!(names.iter().filter(|name| name.as_str() == "Image").count(), 1);
        assert_eq!(profiles.macros.expand("${process_start}").unwrap().0, "(kind:start)");
    }

    #[test]
    fn choices_name_profiles_and_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.conf");
        std::fs::write(&path, "[field_aliases]\nx=y\n[other]\na=b\n[macros]\nm=x:1\n2=x:1\nn=\no=${m}\n").unwrap();
        let path = path.to_str().unwrap();
        let read = |choice: &str| {
            let mut problems = Vec::new();
            let profiles = Profiles::read(choice, &Ini::default(), &mut problems);
            let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
            (profiles, texts)
        };
        let (profiles, problems) = read(&format!("zeek, {path}"));
        assert_eq!(problems.len(), 4, "{problems:?}");
        assert!(problems.iter().any(|problem| problem.contains("own.conf:7:3: error: ")), "{problems:?}");
        assert_eq!(profiles.macros.expand("${m}").unwrap().0, "(x:1)");
        assert_eq!(profiles.macros.expand("${process_start}").unwrap().0, "(NOT *:*)");
        let (profiles, problems) = read(NONE);
        assert_eq!((profiles.aliases.len(), problems.len()), (0, 0));
        let (_, problems) = read("suricat, no/such/file");
        assert!(problems[0].contains("did you mean `suricata`?"), "{problems:?}");
        assert!(problems[1].contains("neither a profile"), "{problems:?}");
    }
}
