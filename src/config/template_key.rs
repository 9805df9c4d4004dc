//! Keys as templates and the documentation explain them, declared beside their readers.

/// A key with an example and its meaning.
#[derive(Debug, Clone, Copy)]
pub(super) struct TemplateKey {
    name: &'static str,
    /// Example.
    value: &'static str,
    about: &'static str,
    /// False if the key stands in a comment, to be removed where the default is not meant.
    is_set: bool,
    /// Names that the value may be.
    choices: Option<fn() -> Vec<&'static str>>,
}

impl TemplateKey {
    /// A key that every use case of the model writes.
    pub(super) const fn set(name: &'static str, value: &'static str, about: &'static str) -> Self {
        TemplateKey { name, value, about, is_set: true, choices: None }
    }

    /// A key with a default.
    pub(super) const fn optional(name: &'static str, value: &'static str, about: &'static str) -> Self {
        TemplateKey { is_set: false, ..Self::set(name, value, about) }
    }

    /// The same with the names that the value may be.
    pub(super) const fn one_of(self, choices: fn() -> Vec<&'static str>) -> Self {
        TemplateKey { choices: Some(choices), ..self }
    }

    /// Its name and its example.
    #[cfg(test)]
    pub(super) fn example(&self) -> (&'static str, &'static str) {
        (self.name, self.value)
    }

    /// Its row in a table of the documentation.
    #[cfg(test)]
    pub(super) fn row(&self) -> String {
        let TemplateKey { name, value, about, is_set, choices } = *self;
        let choices = choices.map(|choices| format!(": `{}`", choices().join("`, `"))).unwrap_or_default();
        let use_of_it = if is_set { "usual" } else { "optional" };
        format!("| `{name}` | `{}` | {use_of_it} | {about}{choices} |\n", value.replace('|', "\\|"))
    }

    /// Its lines in a template.
    pub(super) fn lines(&self) -> String {
        let TemplateKey { name, value, about, is_set, choices } = *self;
        let choices = choices.map(|choices| format!(": {}", choices().join(", "))).unwrap_or_default();
        let sign = if is_set { "" } else { "# " };
        format!("# {about}{choices}\n{sign}{name}={value}\n")
    }
}

/// Keys of the main configuration that the documentation has in one table.
#[cfg(test)]
pub(super) struct KeyTable {
    pub(super) title: String,
    /// Sections that have all of the keys.
    pub(super) sections: Vec<String>,
    pub(super) keys: Vec<TemplateKey>,
}

#[cfg(test)]
impl KeyTable {
    pub(super) fn new(title: String, sections: impl IntoIterator<Item = String>, keys: &[&[TemplateKey]]) -> Self {
        KeyTable { title, sections: sections.into_iter().collect(), keys: keys.concat() }
    }
}

/// Names of a list of named values.
pub(super) fn names_of<T>(names: &[(&'static str, T)]) -> Vec<&'static str> {
    names.iter().map(|(name, _)| *name).collect()
}
