//! Leads `serde_json` along the trie: wanted values are kept as text, everything else is checked
//! and skipped.

use std::fmt;

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
    trie: &Trie,
    line: &'de str,
    keep_source: bool,
    shape: &mut Shape,
    row: &mut Row<'de>,
) -> serde_json::Result<Envelope<'de>> {
    if *shape == Shape::Hit {
        if let Ok(Some(hit)) = read_hit(trie, line, keep_source, row) {
            return Ok(hit);
        }
        *shape = Shape::Event;
    }
    row.start();
    let mut seen = Seen::default();
    walk_document(line, EventVisitor { trie, row, seen: &mut seen })?;
    if seen.is_hit()
        && let Some(hit) = read_hit(trie, line, true, row)?
    {
        *shape = Shape::Hit;
        return Ok(hit);
    }
    Ok(Envelope { index: None, id: None, source: line })
}

/// Reads the fields of a document into `row`.
pub(super) fn read_source<'de>(trie: &Trie, source: &'de str, row: &mut Row<'de>) -> serde_json::Result<()> {
    row.start();
    let place = Place { node: 0, inside: Inside::Objects { exact: true } };
    walk_document(source, PlaceSeed { trie, row, place })
}

/// Reads one line as a hit; `None` if it is an event.
fn read_hit<'de>(
    trie: &Trie,
    line: &'de str,
    keep_source: bool,
    row: &mut Row<'de>,
) -> serde_json::Result<Option<Envelope<'de>>> {
    row.start();
    let mut seen = Seen::default();
    walk_document(line, HitVisitor { trie, row, keep_source, seen: &mut seen })?;
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
    fn note(&mut self, key: &TopKey, raw: &'de str) {
        match key {
            TopKey::Index => self.index = Some(raw),
            TopKey::Id => self.id = Some(raw),
            TopKey::Source => (self.source, self.source_is_object) = (Some(raw), raw.starts_with('{')),
            TopKey::Field(_) => {}
        }
    }

    fn is_hit(&self) -> bool {
        self.source_is_object && (self.index.is_some() || self.id.is_some())
    }
}

/// Key at the top level of a line.
enum TopKey {
    Index,
    Id,
    Source,
    Field(Found),
}

/// Nodes that a key leads to.
enum Found {
    None,
    One(KeyMatch),
    Many(Vec<KeyMatch>),
}

struct EventVisitor<'w, 'de> {
    trie: &'w Trie,
    row: &'w mut Row<'de>,
    seen: &'w mut Seen<'de>,
}

impl<'de> Visitor<'de> for EventVisitor<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { trie, row, seen } = self;
        let root = Place { node: 0, inside: Inside::Objects { exact: true } };
        while let Some(key) = map.next_key_seed(TopKeySeed { trie })? {
            let name = match key {
                TopKey::Field(found) => {
                    follow(trie, row, root, found, &mut map)?;
                    continue;
                }
                TopKey::Index => "_index",
                TopKey::Id => "_id",
                TopKey::Source => "_source",
            };
            let raw = map.next_value::<&RawValue>()?.get();
            seen.note(&key, raw);
            // in a plain event these are ordinary fields
            follow_raw(trie, row, root, match_key(trie, 0, name), raw).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

struct HitVisitor<'w, 'de> {
    trie: &'w Trie,
    row: &'w mut Row<'de>,
    keep_source: bool,
    seen: &'w mut Seen<'de>,
}

impl<'de> Visitor<'de> for HitVisitor<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a hit")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { trie, row, keep_source, seen } = self;
        let root = Place { node: 0, inside: Inside::Objects { exact: true } };
        while let Some(key) = map.next_key_seed(TopKeySeed { trie })? {
            match key {
                TopKey::Index | TopKey::Id => seen.note(&key, map.next_value::<&RawValue>()?.get()),
                TopKey::Source if keep_source => {
                    row.start();
                    let raw = map.next_value::<&RawValue>()?.get();
                    seen.note(&key, raw);
                    walk_raw(trie, row, root, raw).map_err(A::Error::custom)?;
                }
                TopKey::Source => {
                    row.start();
                    map.next_value_seed(ObjectSeed(PlaceSeed { trie, row, place: root }))?;
                    seen.source_is_object = true;
                }
                TopKey::Field(_) => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Position of a walk in the trie, and the kind of container it is in.
#[derive(Clone, Copy)]
struct Place {
    node: NodeId,
    inside: Inside,
}

#[derive(Clone, Copy)]
enum Inside {
    /// objects only; `exact` is true while all keys so far were equal to the wanted ones
    Objects { exact: bool },
    /// an array of objects somewhere above; the findings of the innermost object begin at `start`
    Array { start: Mark },
}

impl Place {
    /// Returns the place below that a key leads to, if the key is used.
    fn accept(self, trie: &Trie, row: &mut Row<'_>, key: KeyMatch) -> Option<Place> {
        let accepted = match self.inside {
            Inside::Objects { exact } => row.accept(trie, key, exact),
            Inside::Array { start } => row.accept_in_array(trie, key, start),
        };
        let inside = match self.inside {
            Inside::Objects { exact } => Inside::Objects { exact: exact && key.exact },
            array @ Inside::Array { .. } => array,
        };
        accepted.then_some(Place { node: key.node, inside })
    }
}

/// Walks the value of a key that led to `found`.
fn follow<'de, A: MapAccess<'de>>(
    trie: &Trie,
    row: &mut Row<'de>,
    parent: Place,
    found: Found,
    map: &mut A,
) -> Result<(), A::Error> {
    let key = match found {
        Found::None => return map.next_value::<IgnoredAny>().map(drop),
        Found::One(key) if !key.beyond => key,
        Found::One(_) | Found::Many(_) => {
            let raw = map.next_value::<&RawValue>()?.get();
            return follow_raw(trie, row, parent, found, raw).map_err(A::Error::custom);
        }
    };
    let Some(place) = parent.accept(trie, row, key) else {
        return map.next_value::<IgnoredAny>().map(drop);
    };
    if trie.node(place.node).captured {
        let raw = map.next_value::<&RawValue>()?.get();
        capture(trie, row, place, raw).map_err(A::Error::custom)
    } else {
        map.next_value_seed(PlaceSeed { trie, row, place })
    }
}

fn follow_raw<'de>(
    trie: &Trie,
    row: &mut Row<'de>,
    parent: Place,
    found: Found,
    raw: &'de str,
) -> serde_json::Result<()> {
    let keys = match found {
        Found::None => return Ok(()),
        Found::One(key) => vec![key],
        Found::Many(keys) => keys,
    };
    for key in keys {
        if key.beyond {
            match parent.inside {
                Inside::Objects { exact: false } => {}
                Inside::Objects { exact: true } => row.push_beyond(trie, key, Mark::default(), raw),
                Inside::Array { start } => row.push_beyond(trie, key, start, raw),
            }
        } else if let Some(place) = parent.accept(trie, row, key) {
            capture(trie, row, place, raw)?;
        }
    }
    Ok(())
}

/// Keeps the value at a place if it is wanted, then walks into it.
fn capture<'de>(trie: &Trie, row: &mut Row<'de>, place: Place, raw: &'de str) -> serde_json::Result<()> {
    let node = trie.node(place.node);
    if node.captured {
        match place.inside {
            Inside::Objects { .. } => row.set(place.node, raw),
            Inside::Array { .. } => row.push_in_array(place.node, raw),
        }
    }
    if node.has_children() { walk_raw(trie, row, place, raw) } else { Ok(()) }
}

fn walk_raw<'de>(trie: &Trie, row: &mut Row<'de>, place: Place, raw: &'de str) -> serde_json::Result<()> {
    if raw.starts_with(['{', '[']) {
        PlaceSeed { trie, row, place }.deserialize(&mut serde_json::Deserializer::from_str(raw))?;
    }
    Ok(())
}

/// Walks a value whose own text is not wanted.
struct PlaceSeed<'w, 'de> {
    trie: &'w Trie,
    row: &'w mut Row<'de>,
    place: Place,
}

impl<'de> DeserializeSeed<'de> for PlaceSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for PlaceSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    /// With `arbitrary_precision`, some numbers arrive here too, under a key that no field has.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { trie, row, mut place } = self;
        if let Inside::Array { start } = &mut place.inside {
            *start = row.mark();
        }
        while let Some(found) = map.next_key_seed(KeySeed { trie, node: place.node })? {
            follow(trie, row, place, found, &mut map)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { trie, row, place } = self;
        if !trie.node(place.node).in_arrays || matches!(place.inside, Inside::Objects { exact: false }) {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        let place = Place { inside: Inside::Array { start: Mark::default() }, ..place };
        while seq.next_element_seed(PlaceSeed { trie, row: &mut *row, place })?.is_some() {}
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
struct ObjectSeed<'w, 'de>(PlaceSeed<'w, 'de>);

impl<'de> DeserializeSeed<'de> for ObjectSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self.0)
    }
}

/// Reads a key and finds the nodes it leads to.
#[derive(Clone, Copy)]
struct KeySeed<'t> {
    trie: &'t Trie,
    node: NodeId,
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Found, E> {
        Ok(match_key(self.trie, self.node, key))
    }
}

/// Reads a key at the top level of a line.
#[derive(Clone, Copy)]
struct TopKeySeed<'t> {
    trie: &'t Trie,
}

impl<'de> DeserializeSeed<'de> for TopKeySeed<'_> {
    type Value = TopKey;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<TopKey, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for TopKeySeed<'_> {
    type Value = TopKey;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<TopKey, E> {
        Ok(match key {
            "_source" => TopKey::Source,
            "_id" => TopKey::Id,
            "_index" => TopKey::Index,
            key => TopKey::Field(match_key(self.trie, 0, key)),
        })
    }
}

fn match_key(trie: &Trie, node: NodeId, key: &str) -> Found {
    let mut found = Found::None;
    trie.match_key(node, key, |key| {
        found = match std::mem::replace(&mut found, Found::None) {
            Found::None => Found::One(key),
            Found::One(first) => Found::Many(vec![first, key]),
            Found::Many(mut keys) => {
                keys.push(key);
                Found::Many(keys)
            }
        };
    });
    found
}
