//! Queries of fields that have several names.

use super::{DSL_KEY, QueryError, dsl, lucene, lucene_error};
use crate::config::UseCaseQuery;
use crate::event::{FieldNames, FieldPath, split_form};

/// Returns `query` with every clause on a field that has other names replaced by a clause on any of
/// its names. What is not understood here stays as it is: a server may understand more.
///
/// An event matches if any of its fields with these names does, unlike values, which are those of
/// the first name that an event has: servers can evaluate this.
///
/// # Errors
/// Fails if groups of fields with other names lie inside each other too often.
pub fn with_other_names(query: &UseCaseQuery, names: &FieldNames) -> Result<UseCaseQuery, Vec<QueryError>> {
    if !names.has_aliases() {
        return Ok(query.clone());
    }
    let others = |name: &str| other_names(name, names);
    let mut asked = query.clone();
    let mut errors = Vec::new();
    if let Some(text) = &mut asked.lucene {
        match lucene::with_other_names(text, &others) {
            Ok(rewritten) => *text = rewritten,
            Err(syntax) => errors.push(lucene_error(text, syntax).placed_in(query)),
        }
    }
    for (idx, filter) in asked.dsl.iter_mut().enumerate() {
        if let Err(syntax) = dsl::add_other_names(filter, &others) {
            let (message, help, path) = (syntax.message, syntax.help, Some(format!("[{idx}]")));
            errors.push(QueryError { message, help, position: None, path, key: DSL_KEY });
        }
    }
    if errors.is_empty() { Ok(asked) } else { Err(errors) }
}

/// Returns other names of a field; those of `x.keyword` are the forms of the other names of `x`.
pub fn other_names(name: &str, names: &FieldNames) -> Vec<String> {
    let own = names.aliases(name).map(FieldPath::to_string);
    let form = split_form(name).filter(|_| names.form(&FieldPath::new(name)).is_some());
    let of_form = form.into_iter().flat_map(|(parent, form)| {
        names.aliases(parent).flat_map(move |other| [other.to_string(), format!("{other}.{form}")])
    });
    own.chain(of_form).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_another_case_are_asked_for() {
        let names = FieldNames::default().with_aliases([("message".to_owned(), vec![FieldPath::new("MESSAGE")])]);
        for (written, expected) in [
            ("message:x AND a:1", "(message:x OR MESSAGE:x) AND a:1"),
            ("message.keyword:x", "(message.keyword:x OR MESSAGE:x OR MESSAGE.keyword:x)"),
            ("MESSAGE:x", "MESSAGE:x"),
        ] {
            let query = UseCaseQuery {
                lucene: Some(written.to_owned()),
                macros: Vec::new(),
                dsl: Vec::new(),
                recorded: String::new(),
            };
            let asked = with_other_names(&query, &names).unwrap().lucene;
            assert_eq!(asked.as_deref(), Some(expected));
        }
    }
}
