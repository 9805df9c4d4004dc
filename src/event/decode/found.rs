//! Values of one field in one document: its own, or those of the first form that it has.

use serde_json::Value;

use super::document_line::with_valid_surrogates;
use super::leaves::own_leaves;
use super::projection::{FieldPlace, FormPlace};
use super::row::Row;
use super::values::elements;
use crate::event::geo::AddressFact;
use crate::event::lookup::{extend_distinct, texts_of};
use crate::event::text::lower_case;
use crate::event::{Case, FormPart, NamedEntry};

/// Values of a field.
pub(super) enum FoundValue<'de> {
    Missing,
    /// One value.
    One(&'de str, Case),
    /// Values inside arrays of objects.
    InArrays(Vec<&'de str>, Case),
    /// Values of named entries, already as texts.
    Picked(Vec<String>),
}

/// Calls `push` with the tagged texts of leaves, as [`super::ColumnKind::FormLeaves`] says.
pub(super) fn form_leaves(
    row: &Row<'_, '_>,
    field: &FieldPlace,
    forms: &[FormPlace],
    scratch: &mut String,
    push: &mut dyn FnMut(&str),
) {
    if row.has(field) {
        return;
    }
    if !forms.iter().any(|form| matches!(form.part, Some(FormPart::Fact(_)))) {
        let of = forms.iter().find(|form| row.has(&form.of)).map_or(&[][..], |form| &form.of);
        return row.values_everywhere(of, |raw| own_leaves(raw, scratch, push));
    }
    let mut found = forms.iter().map(|form| (form, find_form(row, form)));
    let found = found.find(|(_, found)| !matches!(found, FoundValue::Missing));
    if let Some((FormPlace { part: Some(FormPart::Fact(fact)), .. }, FoundValue::Picked(texts))) = found {
        let tag = if fact.is_number() { 'n' } else { 's' };
        for text in texts {
            scratch.clear();
            scratch.push(tag);
            scratch.push_str(&text);
            push(scratch);
        }
    }
}

/// Finds the values of a field of a document.
pub(super) fn find<'de>(row: &Row<'_, 'de>, field: &FieldPlace, forms: &[FormPlace]) -> FoundValue<'de> {
    let own = || find_field(row, field, Case::Kept);
    let of_forms = forms.iter().map(|form| find_form(row, form));
    let mut found = std::iter::once_with(own).chain(of_forms);
    found.find(|found| !matches!(found, FoundValue::Missing)).unwrap_or(FoundValue::Missing)
}

fn find_form<'de>(row: &Row<'_, 'de>, form: &FormPlace) -> FoundValue<'de> {
    let found = find_field(row, &form.of, form.case);
    let Some(part) = &form.part else { return found };
    let raws = match &found {
        FoundValue::One(raw, _) => std::slice::from_ref(raw),
        FoundValue::InArrays(raws, _) => raws,
        FoundValue::Missing | FoundValue::Picked(_) => return found,
    };
    match part {
        FormPart::Entry(entry) => picked(raws, entry, form.case),
        FormPart::Fact(fact) => known(raws, fact, form.case),
    }
}

fn find_field<'de>(row: &Row<'_, 'de>, field: &FieldPlace, case: Case) -> FoundValue<'de> {
    if let Some(raw) = row.value(field) {
        return FoundValue::One(raw, case);
    }
    let raws: Vec<&str> = row.values_in_arrays(field).collect();
    if raws.is_empty() { FoundValue::Missing } else { FoundValue::InArrays(raws, case) }
}

fn picked<'de>(raws: &[&str], entry: &NamedEntry, case: Case) -> FoundValue<'de> {
    let lists: Vec<Value> =
        raws.iter().filter_map(|raw| serde_json::from_str(&with_valid_surrogates(raw)).ok()).collect();
    let mut values = Vec::new();
    lists.iter().for_each(|list| entry.values(list, &mut values));
    if values.is_empty() {
        return FoundValue::Missing;
    }
    in_case(texts_of(&values), case)
}

/// Facts that are known of the addresses in a field.
fn known<'de>(raws: &[&str], fact: &AddressFact, case: Case) -> FoundValue<'de> {
    let (mut facts, mut scratch) = (Vec::new(), String::new());
    raws.iter().for_each(|raw| elements(raw, Case::Kept, &mut scratch, |address| facts.extend(fact.of(address))));
    let mut texts = Vec::new();
    extend_distinct(&mut texts, facts);
    if texts.is_empty() { FoundValue::Missing } else { in_case(texts, case) }
}

fn in_case<'de>(texts: Vec<String>, case: Case) -> FoundValue<'de> {
    if case == Case::Kept {
        return FoundValue::Picked(texts);
    }
    let mut lower = Vec::new();
    extend_distinct(&mut lower, texts.iter().map(|text| lower_case(text)));
    FoundValue::Picked(lower)
}

/// Returns the texts of the elements inside arrays of objects, each once.
pub(super) fn distinct_elements(raws: &[&str], case: Case, scratch: &mut String) -> Vec<String> {
    let (mut texts, mut distinct) = (Vec::new(), Vec::new());
    raws.iter().for_each(|raw| elements(raw, case, scratch, |text| texts.push(text.to_owned())));
    extend_distinct(&mut distinct, texts);
    distinct
}
