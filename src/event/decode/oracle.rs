//! Oracle of the decoder: `serde_json` led along the trie, line by line.

use std::sync::Arc;
use std::{fmt, iter};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::batch::{EventBatch, RowRef};
use super::cursor::replace_lone_surrogates;
use super::decoder::{BYTE_ORDER_MARK, Decoder, Identities, RowIdentity, is_truncated};
use super::row::{Mark, Row};
use super::size::check_size;
use super::stored_id::stored_id;
use super::walk::{Envelope, Found, HitKey, Inside, Place, Seen, Shape, match_key};
use super::{Identity, Projection, SkipReason, SkippedLines};

/// Like [`Decoder::decode`] for the last lines of a file.
pub(super) fn decode(projection: &Projection, bytes: &[u8], name: &Arc<str>) -> EventBatch {
    let mut decoder = Decoder::new(projection, Identity::Hashed);
    let mut shape = Shape::Event;
    let (mut rows, mut ids, mut skipped) = (Vec::new(), Identities::default(), SkippedLines::default());
    let mut end = 0;
    for (number, bytes_of_line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let mut start = end;
        end += bytes_of_line.len();
        let line = bytes_of_line.trim_ascii_end();
        let mut document = line;
        if line.is_empty() {
            continue;
        }
        let text = std::str::from_utf8(line).map_err(|_| SkipReason::InvalidUtf8);
        let mut decode = |text| decode_document(&mut decoder, &mut shape, projection, text, name, number as u64);
        let mut decoded = text.and_then(&mut decode);
        if decoded.is_err()
            && let Some(unmarked) = text.ok().and_then(|text| text.strip_prefix(BYTE_ORDER_MARK))
        {
            (start, document) = (start + BYTE_ORDER_MARK.len_utf8(), unmarked.as_bytes());
            decoded = decode(unmarked);
        }
        match decoded {
            Ok(identity) => {
                ids.push(rows.len(), identity);
                rows.push(RowRef {
                    line_in_batch: number as u32,
                    offset_in_batch: start as u32,
                    length: document.len() as u32,
                });
            }
            Err(_) if document.is_empty() => {}
            Err(reason) => {
                let is_cut = end == bytes.len() && is_truncated(document) && reason == SkipReason::NotJson;
                skipped.add(if is_cut { SkipReason::Truncated } else { reason }, name, number as u64, document);
            }
        }
    }
    decoder.finish(rows, ids, skipped).expect("few rows")
}

fn decode_document(
    decoder: &mut Decoder,
    shape: &mut Shape,
    projection: &Projection,
    text: &str,
    name: &str,
    number: u64,
) -> Result<RowIdentity, SkipReason> {
    check_size(text)?;
    let mut row = Row::new(projection.plan());
    if let Ok(envelope) = read_line(text, shape, &mut row) {
        let hash = decoder.push(&row, &envelope, name, number);
        return Ok(RowIdentity { hash, stored: stored_id(&envelope) });
    }
    // serde_json rejects lone surrogates, but only in the strings that it reads
    let valid = replace_lone_surrogates(text);
    let text = valid.as_deref().unwrap_or(text);
    let mut row = Row::new(projection.plan());
    let envelope = read_line(text, shape, &mut row).map_err(|error| {
        let is_other_json = error.is_data() && serde_json::from_str::<IgnoredAny>(text).is_ok();
        if is_other_json { SkipReason::NotObject } else { SkipReason::NotJson }
    })?;
    Ok(RowIdentity { hash: decoder.push(&row, &envelope, name, number), stored: stored_id(&envelope) })
}

/// Reads one line into `row`. The lines of a file mostly have the same shape, so `shape` is kept
/// from line to line.
fn read_line<'de>(line: &'de str, shape: &mut Shape, row: &mut Row<'_, 'de>) -> serde_json::Result<Envelope<'de>> {
    if *shape == Shape::Hit {
        if let Ok(Some(hit)) = read_hit(line, row) {
            return Ok(hit);
        }
        *shape = Shape::Event;
    }
    row.start();
    let mut seen = Seen::default();
    walk_document(line, EventVisitor { row, seen: &mut seen })?;
    let Some(source) = seen.source.filter(|_| seen.is_hit()) else {
        return Ok(Envelope { index: None, id: None, source: line });
    };
    read_source(source, row)?;
    *shape = Shape::Hit;
    Ok(Envelope { index: seen.index, id: seen.id, source })
}

/// Reads the fields of a document into `row`.
fn read_source<'de>(source: &'de str, row: &mut Row<'_, 'de>) -> serde_json::Result<()> {
    row.start();
    walk_document(source, PlaceSeed { row, place: Place::ROOT })
}

/// Reads one line as a hit; `None` if it is an event.
fn read_hit<'de>(line: &'de str, row: &mut Row<'_, 'de>) -> serde_json::Result<Option<Envelope<'de>>> {
    row.start();
    let mut seen = Seen::default();
    walk_document(line, HitVisitor { row, seen: &mut seen })?;
    Ok(seen.is_hit().then(|| Envelope { index: seen.index, id: seen.id, source: seen.source.unwrap_or(line) }))
}

fn walk_document<'de, V: Visitor<'de, Value = ()>>(line: &'de str, visitor: V) -> serde_json::Result<()> {
    let mut json = serde_json::Deserializer::from_str(line);
    json.deserialize_map(visitor)?;
    json.end()
}

struct EventVisitor<'w, 'p, 'de> {
    row: &'w mut Row<'p, 'de>,
    seen: &'w mut Seen<'de>,
}

impl<'de> Visitor<'de> for EventVisitor<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { row, seen } = self;
        let trie = &row.plan.trie;
        while let Some((key, found)) =
            map.next_key_seed(KeySeed(|key: &str| (HitKey::named(key), match_key(trie, 0, key))))?
        {
            let Some(key) = key else {
                follow(row, Place::ROOT, found, &mut map)?;
                continue;
            };
            let raw = map.next_value::<&RawValue>()?.get();
            seen.note(key, raw);
            // in a plain event these are ordinary fields
            follow_raw(row, Place::ROOT, found.as_ref(), raw).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

struct HitVisitor<'w, 'p, 'de> {
    row: &'w mut Row<'p, 'de>,
    seen: &'w mut Seen<'de>,
}

impl<'de> Visitor<'de> for HitVisitor<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a hit")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { row, seen } = self;
        while let Some(key) = map.next_key_seed(KeySeed(HitKey::named))? {
            match key {
                None => drop(map.next_value::<IgnoredAny>()?),
                Some(HitKey::Source) if !row.plan.keeps_source => {
                    row.start();
                    map.next_value_seed(ObjectSeed(PlaceSeed { row: &mut *row, place: Place::ROOT }))?;
                    seen.source_is_object = true;
                }
                Some(key) => {
                    let raw = map.next_value::<&RawValue>()?.get();
                    seen.note(key, raw);
                    if key == HitKey::Source {
                        row.start();
                        walk_raw(row, Place::ROOT, raw).map_err(A::Error::custom)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Walks the value of a key that led to `found`.
fn follow<'de, A: MapAccess<'de>>(
    row: &mut Row<'_, 'de>,
    parent: Place,
    found: Option<Found>,
    map: &mut A,
) -> Result<(), A::Error> {
    let key = match found {
        None => return map.next_value::<IgnoredAny>().map(drop),
        Some(Found { first, others }) if others.is_empty() && !first.beyond => first,
        Some(_) => {
            let raw = map.next_value::<&RawValue>()?.get();
            return follow_raw(row, parent, found.as_ref(), raw).map_err(A::Error::custom);
        }
    };
    let Some(place) = parent.accept(row, key) else {
        return map.next_value::<IgnoredAny>().map(drop);
    };
    if row.plan.trie.node(place.node).captured {
        let raw = map.next_value::<&RawValue>()?.get();
        capture(row, place, raw).map_err(A::Error::custom)
    } else {
        map.next_value_seed(PlaceSeed { row, place })
    }
}

fn follow_raw<'de>(
    row: &mut Row<'_, 'de>,
    parent: Place,
    found: Option<&Found>,
    raw: &'de str,
) -> serde_json::Result<()> {
    let Some(Found { first, others }) = found else { return Ok(()) };
    for &key in iter::once(first).chain(others) {
        if key.beyond {
            match parent.inside {
                Inside::Objects { exact: false } | Inside::Array { exact: false, .. } => {}
                Inside::Objects { exact: true } => row.push_beyond(key, Mark::default(), raw),
                Inside::Array { start, exact: true } => row.push_beyond(key, start, raw),
            }
        } else if let Some(place) = parent.accept(row, key) {
            capture(row, place, raw)?;
        }
    }
    Ok(())
}

/// Keeps the value at a place if it is wanted, then walks into it.
fn capture<'de>(row: &mut Row<'_, 'de>, place: Place, raw: &'de str) -> serde_json::Result<()> {
    let node = row.plan.trie.node(place.node);
    if node.captured {
        match place.inside {
            Inside::Objects { .. } => row.set(place.node, raw),
            Inside::Array { exact, .. } => row.push_in_array(place.node, exact, raw),
        }
    }
    if node.has_children() { walk_raw(row, place, raw) } else { Ok(()) }
}

fn walk_raw<'de>(row: &mut Row<'_, 'de>, place: Place, raw: &'de str) -> serde_json::Result<()> {
    if raw.starts_with(['{', '[']) {
        PlaceSeed { row, place }.deserialize(&mut serde_json::Deserializer::from_str(raw))?;
    }
    Ok(())
}

/// Walks a value whose own text is not wanted.
struct PlaceSeed<'w, 'p, 'de> {
    row: &'w mut Row<'p, 'de>,
    place: Place,
}

impl<'de> DeserializeSeed<'de> for PlaceSeed<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for PlaceSeed<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    /// With `arbitrary_precision`, some numbers arrive here too, under a key that no field has.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { row, mut place } = self;
        if let Inside::Array { start, .. } = &mut place.inside {
            *start = row.mark();
        }
        let trie = &row.plan.trie;
        while let Some(found) = map.next_key_seed(KeySeed(|key: &str| match_key(trie, place.node, key)))? {
            follow(row, place, found, &mut map)?;
        }
        if let Inside::Array { start, .. } = place.inside {
            row.leave(start);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { row, place } = self;
        let (Inside::Objects { exact } | Inside::Array { exact, .. }) = place.inside;
        let place = Place { inside: Inside::Array { start: Mark::default(), exact }, ..place };
        while seq.next_element_seed(PlaceSeed { row: &mut *row, place })?.is_some() {}
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Walks a value that must be an object.
struct ObjectSeed<'w, 'p, 'de>(PlaceSeed<'w, 'p, 'de>);

impl<'de> DeserializeSeed<'de> for ObjectSeed<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self.0)
    }
}

/// Reads a key and applies a function to it.
struct KeySeed<F>(F);

impl<'de, T, F: FnOnce(&str) -> T> DeserializeSeed<'de> for KeySeed<F> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<T, F: FnOnce(&str) -> T> Visitor<'_> for KeySeed<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<T, E> {
        Ok((self.0)(key))
    }
}
