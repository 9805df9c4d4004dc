//! Queries of fields that have several names.

use super::{dsl, lucene};
use crate::config::UseCaseQuery;
use crate::event::{FieldNames, FieldPath, split_form};

/// Returns `query` with every clause on a field that has other names replaced by a clause on any of
/// its names. A query that cannot be read here stays as it is: a server may understand more.
///
/// An event matches if any of its fields with these names does, unlike values, which are those of
/// the first name that an event has: servers can evaluate this.
pub fn with_other_names(query: &UseCaseQuery, names: &FieldNames) -> UseCaseQuery {
    let others = |name: &str| other_names(name, names);
    let lucene = query.lucene.as_ref().map(|text| {
        let rewritten = lucene::with_other_names(text, &others);
        rewritten.unwrap_or_else(|_| text.clone())
    });
    let dsl = query.dsl.iter().map(|query| dsl::with_other_names(query, &others)).collect();
    UseCaseQuery { lucene, dsl, recorded: query.recorded.clone() }
}

/// Other names of a field; those of `x.keyword` are the forms of the other names of `x`.
pub(super) fn other_names(name: &str, names: &FieldNames) -> Vec<String> {
    let own = names.aliases(name).iter().map(FieldPath::to_string);
    let form = split_form(name).filter(|_| names.form(&FieldPath::new(name)).is_some());
    let of_form = form.into_iter().flat_map(|(parent, form)| {
        names.aliases(parent).iter().flat_map(move |other| [other.to_string(), format!("{other}.{form}")])
    });
    own.chain(of_form).collect()
}
