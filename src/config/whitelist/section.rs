//! `[whitelist:NAME]`: one entry, with who answers for it and how long it holds.

use super::note::{WhitelistNote, parse_expiry};
use super::{SECTION_PREFIX, WhitelistEntries};
use crate::config::ini::{Ini, Section};
use crate::config::keys::Keys;
use crate::config::problem::Problem;
#[cfg(test)]
use crate::config::template_key::TemplateKey;

/// Keys that are read here, for the documentation.
#[cfg(test)]
pub(in crate::config) const KEYS: &[TemplateKey] = &[
    TemplateKey::optional(
        "literals",
        "process.name:scan.exe, user.name:svc_scan",
        "values that an outlier has, all of them; each in a field",
    ),
    TemplateKey::optional(
        "regexps",
        "process.name:scan[0-9]+",
        "the same as regular expressions; an entry has one of both",
    ),
    TemplateKey::optional("expires", "2030-12-31", "day or time from which on the entry accepts nothing"),
    TemplateKey::optional("owner", "soc@example.org", "who answers for the entry"),
    TemplateKey::optional("reason", "our vulnerability scanner", "why it is harmless"),
];

const EXPIRES_HELP: &str = "write a day, such as 2026-12-31, or a time, such as 2026-12-31T12:00:00Z; the whole entry \
                            is ignored until it is mended";

impl WhitelistEntries {
    /// Reads the sections that are entries.
    pub(super) fn add_sections(&mut self, ini: &Ini, problems: &mut Vec<Problem>) {
        for section in ini.sections.iter().filter(|section| section.name.starts_with(SECTION_PREFIX)) {
            let mut keys = Keys::of_section(ini, section);
            self.add_section(section, &mut keys);
            problems.extend(keys.misspelled());
            problems.append(&mut keys.problems);
        }
    }

    fn add_section(&mut self, section: &Section, keys: &mut Keys<'_>) {
        let [literals, regexps] = ["literals", "regexps"].map(|key| keys.entry(key));
        let n_problems = keys.problems.len();
        let expires = keys.parsed("expires", "not a day or a time", EXPIRES_HELP, parse_expiry);
        let note = WhitelistNote {
            name: section.name[SECTION_PREFIX.len()..].trim().to_owned(),
            section: section.name.clone(),
            location: section.location.clone(),
            expires,
            owner: keys.filled("owner").map(str::to_owned),
            reason: keys.filled("reason").map(str::to_owned),
        };
        match (literals, regexps) {
            // an entry that was meant to end must not hold for ever
            _ if keys.problems.len() > n_problems => {}
            (Some(entry), None) => self.add_literals_of(entry, note, &mut keys.problems),
            (None, Some(entry)) => self.add_regexps_of(entry, note, &mut keys.problems),
            (Some(_), Some(_)) => {
                let message = "an entry has either `literals` or `regexps`";
                keys.error("regexps", message, "make two entries, or write the literals as regular expressions");
            }
            (None, None) => keys.missing(
                "literals",
                "write literals = FIELD:VALUE, FIELD:VALUE: all of them must match; or regexps likewise",
            ),
        }
    }
}
