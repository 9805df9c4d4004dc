//! Leads `serde_json` along the trie: wanted values are kept as text, everything else is checked
//! and skipped.

use std::{fmt, iter};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::row::{Mark, Row};
use super::trie::{KeyMatch, NodeId, Trie};

/// Shape that a line is tried as first. The other shape is tried if it does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Event,
    Hit,
}

/// Index, id and source text around the fields of a line.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Envelope<'de> {
    /// raw `_index` of a hit
    pub(super) index: Option<&'de str>,
    /// raw `_id` of a hit
    pub(super) id: Option<&'de str>,
    /// raw text of the object that holds the fields
    pub(super) source: &'de str,
}

/// Reads one line into `row`. The lines of a file mostly have the same shape, so `shape` is kept
/// from line to line.
pub(super) fn read_line<'de>(
    line: &'de str,
    shape: &mut Shape,
    row: &mut Row<'_, 'de>,
) -> serde_json::Result<Envelope<'de>> {
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
pub(super) fn read_source<'de>(source: &'de str, row: &mut Row<'_, 'de>) -> serde_json::Result<()> {
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

/// Keys of a hit seen at the top level of a line.
#[derive(Debug, Default)]
struct Seen<'de> {
    index: Option<&'de str>,
    id: Option<&'de str>,
    source: Option<&'de str>,
    source_is_object: bool,
}

impl<'de> Seen<'de> {
    fn note(&mut self, key: HitKey, raw: &'de str) {
        match key {
            HitKey::Index => self.index = Some(raw),
            HitKey::Id => self.id = Some(raw),
            HitKey::Source => (self.source, self.source_is_object) = (Some(raw), raw.starts_with('{')),
        }
    }

    fn is_hit(&self) -> bool {
        self.source_is_object && (self.index.is_some() || self.id.is_some())
    }
}

/// Key of a hit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HitKey {
    Index,
    Id,
    Source,
}

impl HitKey {
    fn named(key: &str) -> Option<Self> {
        match key {
            "_source" => Some(Self::Source),
            "_id" => Some(Self::Id),
            "_index" => Some(Self::Index),
            _ => None,
        }
    }
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

/// Position of a walk in the trie, and the kind of container it is in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    node: NodeId,
    inside: Inside,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Inside {
    /// objects only; `exact` is true while all keys so far were equal to the wanted ones
    Objects { exact: bool },
    /// an array of objects somewhere above; the findings of the innermost object begin at `start`
    Array { start: Mark, exact: bool },
}

impl Place {
    /// The top level of an event.
    pub(super) const ROOT: Self = Self { node: 0, inside: Inside::Objects { exact: true } };

    /// Returns the place below that a key leads to, if the key is used.
    fn accept(self, row: &mut Row<'_, '_>, key: KeyMatch) -> Option<Place> {
        let (accepted, inside) = match self.inside {
            Inside::Objects { exact } => (row.accept(key, exact), Inside::Objects { exact: exact && key.exact }),
            Inside::Array { start, exact } => {
                (row.accept_in_array(key, start), Inside::Array { start, exact: exact && key.exact })
            }
        };
        accepted.then_some(Place { node: key.node, inside })
    }
}

/// Nodes that a key leads to: seldom more than one.
#[derive(Debug)]
pub(super) struct Found {
    first: KeyMatch,
    others: Vec<KeyMatch>,
}

pub(super) fn match_key(trie: &Trie, node: NodeId, key: &str) -> Option<Found> {
    let mut found: Option<Found> = None;
    trie.match_key(node, key, |key| match &mut found {
        None => found = Some(Found { first: key, others: Vec::new() }),
        Some(found) => found.others.push(key),
    });
    found
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

pub(super) fn follow_raw<'de>(
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
