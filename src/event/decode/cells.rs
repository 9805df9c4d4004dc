//! Cells of a batch that is being decoded.

use outlier_kernels::travel::Place;

use super::ColumnKind;
use super::columns::Column;
use super::found::{FoundValue, distinct_elements};
use super::points::points;
use super::values::{elements, flattened, string};
use crate::event::Case;
use crate::event::geo::{parse_point, point_text};
use crate::event::sentences::SEPARATOR;
use crate::event::time::TimeFormats;

/// Cells of all rows so far.
#[derive(Debug)]
pub(super) struct Cells {
    pub(super) columns: Vec<Column>,
    pub(super) scratch: String,
}

impl Cells {
    pub(super) fn push_leaf(&mut self, column_idx: usize, text: &str) {
        self.push_leaves(column_idx, |scratch, push| {
            scratch.clear();
            scratch.push('s');
            scratch.push_str(text);
            push(scratch);
        });
    }

    pub(super) fn push_leaves(&mut self, column_idx: usize, find: impl FnOnce(&mut String, &mut dyn FnMut(&str))) {
        if let Column::Lists(list) = &mut self.columns[column_idx] {
            find(&mut self.scratch, &mut |text| list.push(text));
            list.end_row(true);
        }
    }

    pub(super) fn push(&mut self, column_idx: usize, kind: ColumnKind, found: &FoundValue<'_>, formats: &TimeFormats) {
        match *found {
            FoundValue::Missing => self.push_one(column_idx, kind, None, Case::Kept, formats),
            FoundValue::One(raw, case) => self.push_one(column_idx, kind, Some(raw), case, formats),
            FoundValue::InArrays(ref raws, _) if kind == ColumnKind::Points => {
                self.push_points(column_idx, |scratch, push| {
                    raws.iter().for_each(|raw| points(raw, scratch, &mut *push))
                });
            }
            FoundValue::Picked(ref texts) if kind == ColumnKind::Points => {
                self.push_points(column_idx, |_, push| {
                    texts.iter().filter_map(|text| parse_point(text)).for_each(push)
                });
            }
            FoundValue::InArrays(ref raws, case) => {
                let scratch = &mut self.scratch;
                if let Column::Times(times) = &mut self.columns[column_idx] {
                    return times.push(raws.first().copied(), formats, scratch);
                }
                let texts = distinct_elements(raws, case, scratch);
                self.push_several(column_idx, kind, &texts, formats);
            }
            FoundValue::Picked(ref texts) => self.push_several(column_idx, kind, texts, formats),
        }
    }

    /// Pushes a value, or the lack of one. This is the way of nearly all cells.
    #[inline]
    pub(super) fn push_one(
        &mut self,
        column_idx: usize,
        kind: ColumnKind,
        raw: Option<&str>,
        case: Case,
        formats: &TimeFormats,
    ) {
        let scratch = &mut self.scratch;
        match &mut self.columns[column_idx] {
            Column::Lists(list) if kind == ColumnKind::Points => {
                if let Some(raw) = raw {
                    points(raw, scratch, |place| list.push(&point_text(place)));
                }
                list.end_row(raw.is_some());
            }
            Column::Lists(list) => {
                if let Some(raw) = raw {
                    elements(raw, case, scratch, |text| list.push(text));
                }
                list.end_row(raw.is_some());
            }
            Column::Texts(texts) if kind == ColumnKind::Strings => {
                texts.push(raw.and_then(|raw| string(raw, case, scratch)));
            }
            Column::Texts(texts) => texts.push(raw.and_then(|raw| flattened(raw, case, scratch))),
            Column::Times(times) => times.push(raw, formats, scratch),
        }
    }

    /// Pushes the points of a field, which an event has.
    fn push_points(&mut self, column_idx: usize, find: impl FnOnce(&mut String, &mut dyn FnMut(Place))) {
        if let Column::Lists(list) = &mut self.columns[column_idx] {
            find(&mut self.scratch, &mut |place| list.push(&point_text(place)));
            list.end_row(true);
        }
    }

    /// Pushes the distinct elements of a field; the first of them is its time.
    fn push_several(&mut self, column_idx: usize, kind: ColumnKind, elements: &[String], formats: &TimeFormats) {
        match &mut self.columns[column_idx] {
            Column::Lists(list) => {
                elements.iter().for_each(|text| list.push(text));
                list.end_row(true);
            }
            Column::Texts(texts) if kind == ColumnKind::Strings => match elements {
                [only] => texts.push(Some(only)),
                _ => texts.push(None),
            },
            Column::Texts(texts) if elements.is_empty() => texts.push(None),
            Column::Texts(texts) => texts.push(Some(&elements.join(SEPARATOR))),
            Column::Times(times) => {
                times.push_time(elements.first().and_then(|text| formats.micros_of_text(text)));
            }
        }
    }
}
