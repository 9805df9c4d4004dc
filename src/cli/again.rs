//! Options of a run, as they are typed for another command.

use std::path::Path;

use super::RunArgs;

impl RunArgs {
    /// Options that name the events and the use cases, each with a space in front, for a shell.
    pub fn source_options(&self) -> String {
        let mut options = String::new();
        let mut add = |option: &str, values: Vec<String>| {
            if !values.is_empty() {
                options.push_str(&format!(" {option} {}", values.join(" ")));
            }
        };
        let path = |path: &Path| for_shell(&path.to_string_lossy());
        add("--config", self.config.config.iter().map(|file| path(file)).collect());
        add("--use-cases", self.config.use_cases.iter().map(|glob| for_shell(glob)).collect());
        if self.config.hunting {
            add("--hunting", vec![String::new()]);
        }
        add("--fields", self.config.fields.iter().map(|fields| for_shell(fields)).collect());
        add("--mapping", self.config.mapping.iter().map(|file| path(file)).collect());
        add("--events", self.events.iter().map(|events| for_shell(events)).collect());
        for (option, time) in [("--now", self.now), ("--from", self.from), ("--to", self.to)] {
            add(option, time.iter().map(|time| time.format("%Y-%m-%dT%H:%M:%SZ").to_string()).collect());
        }
        options.trim_end().to_owned()
    }
}

/// Word for a shell, quoted if it has characters that mean something to one.
fn for_shell(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_change_them() {
        for (word, quoted) in [("a/b.conf", "a/b.conf"), ("*.conf", "'*.conf'"), ("it's", r"'it'\''s'"), ("", "''")] {
            assert_eq!(for_shell(word), quoted);
        }
    }
}
