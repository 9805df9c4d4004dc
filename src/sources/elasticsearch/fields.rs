//! Requested part of each document: the wanted fields, in every spelling by which they are looked
//! up.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::elastic::MappedFields;
use crate::event::decode::ColumnSpec;
use crate::event::equal_ignoring_case;

/// Maximum number of name parts whose spellings are combined; longer names are tried in one
/// spelling throughout.
const COMBINED_PARTS: usize = 3;

/// Returns the `_source` filter of a search for `columns`.
///
/// Field lookup ignores case, but the server compares names exactly. All spellings of mapped fields
/// are known. Unmapped fields are requested in the usual ones: lower case, upper case, capitalised.
/// Documents do not have the forms of a field, so the field itself is requested too.
pub(super) fn source_filter(columns: &[ColumnSpec], mapped: &MappedFields) -> Value {
    if columns.is_empty() {
        return json!(false);
    }
    let of_forms = columns.iter().flat_map(|column| column.forms.iter().map(|form| form.of.as_str()));
    let wanted: BTreeSet<&str> = columns.iter().map(|column| column.field.as_str()).chain(of_forms).collect();
    let mut includes: BTreeSet<String> = wanted.iter().map(|&field| field.to_owned()).collect();
    let is_wanted = |name: &&String| wanted.iter().any(|field| is_other_spelling(name, field));
    includes.extend(mapped.names.iter().filter(is_wanted).cloned());
    if mapped.has_unmapped {
        wanted.iter().for_each(|field| includes.extend(usual_spellings(field)));
    }
    json!({"includes": includes})
}

/// True if `name` is the field, or an object that may contain it, in another case.
fn is_other_spelling(name: &str, field: &str) -> bool {
    let n_parts = name.split('.').count();
    let mut ends = field.match_indices('.').map(|(at, _)| at).chain([field.len()]);
    let Some(end) = ends.nth(n_parts - 1) else { return false };
    name != &field[..end] && equal_ignoring_case(name, &field[..end])
}

fn usual_spellings(field: &str) -> BTreeSet<String> {
    const STYLES: [fn(&str) -> String; 4] = [str::to_owned, str::to_lowercase, str::to_uppercase, capitalised];
    let parts: Vec<&str> = field.split('.').collect();
    if parts.len() > COMBINED_PARTS {
        return STYLES.iter().map(|style| parts.iter().map(|part| style(part)).collect::<Vec<_>>().join(".")).collect();
    }
    let spelled = |part: &str| STYLES.iter().map(|style| style(part)).collect::<BTreeSet<_>>();
    parts.iter().fold(BTreeSet::new(), |starts, part| {
        let join = |start: &String| spelled(part).into_iter().map(|part| format!("{start}.{part}")).collect::<Vec<_>>();
        if starts.is_empty() { spelled(part) } else { starts.iter().flat_map(join).collect() }
    })
}

fn capitalised(part: &str) -> String {
    let mut letters = part.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters.as_str().to_lowercase().chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::decode::ColumnKind;
    use crate::event::{FieldNames, FieldPath};

    fn column(field: &str) -> ColumnSpec {
        let field = FieldPath::new(field);
        let forms = FieldNames::default().forms(&field);
        ColumnSpec { forms, ..ColumnSpec::new(field.as_str(), &field, ColumnKind::Elements) }
    }

    #[test]
    fn other_spellings_are_requested_too() {
        let names = ["HOST", "Host.os", "User.name", "host", "host.NAME", "host.name", "hosts", "tags", "user"];
        let mapped =
            MappedFields { names: names.map(str::to_owned).to_vec(), has_unmapped: false, ..MappedFields::default() };
        let filter = source_filter(&[column("host.name"), column("user")], &mapped);
        assert_eq!(filter, json!({"includes": ["HOST", "host.NAME", "host.name", "user"]}));
        assert_eq!(source_filter(&[], &mapped), json!(false));
        let filter = source_filter(&[column("Host.os.keyword")], &mapped);
        assert_eq!(filter, json!({"includes": ["HOST", "Host.os", "Host.os.keyword", "host"]}));
    }

    #[test]
    fn unmapped_fields_are_requested_in_their_usual_spellings() {
        let mapped = MappedFields { has_unmapped: true, ..MappedFields::default() };
        let filter = source_filter(&[column("a_b.éc")], &mapped);
        let expected = ["A_B.ÉC", "A_B.Éc", "A_B.éc", "A_b.ÉC", "A_b.Éc", "A_b.éc", "a_b.ÉC", "a_b.Éc", "a_b.éc"];
        assert_eq!(filter, json!({"includes": expected}));
        assert_eq!(usual_spellings("a.b.c.d"), BTreeSet::from(["a.b.c.d", "A.B.C.D"].map(str::to_owned)));
    }
}
