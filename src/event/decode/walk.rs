//! Walks documents along the trie: wanted values are kept as text, everything else is checked and
//! skipped.

use std::iter;

use super::reader::{NotJson, Open, Reader};
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

/// Reads a line into `row`, and returns where its document ends. The lines of a file mostly have
/// the same shape, so `shape` is kept from line to line. `strings`: those of the line, if it is
/// indexed.
pub(super) fn read_line<'de>(
    text: &'de str,
    strings: Option<&[[u32; 2]]>,
    shape: &mut Shape,
    row: &mut Row<'_, 'de>,
) -> Result<(Envelope<'de>, usize), NotJson> {
    let line = || Reader::new(text, strings);
    if *shape == Shape::Hit {
        if let Ok(Some(hit)) = read_hit(line(), row) {
            return Ok(hit);
        }
        *shape = Shape::Event;
    }
    row.start();
    let (mut line, mut seen) = (line(), Seen::default());
    read_event(&mut line, row, &mut seen)?;
    let end = line.end()?;
    let Some(source) = seen.source.filter(|_| seen.is_hit()) else {
        let source = text.get(..end).unwrap_or_default();
        return Ok((Envelope { index: None, id: None, source }, end));
    };
    read_source(source, row)?;
    *shape = Shape::Hit;
    Ok((Envelope { index: seen.index, id: seen.id, source }, end))
}

/// Reads the fields of a document into `row`.
pub(super) fn read_source<'de>(source: &'de str, row: &mut Row<'_, 'de>) -> Result<(), NotJson> {
    row.start();
    let mut reader = Reader::new(source, None);
    walk_object(&mut reader, row, Place::ROOT)?;
    reader.end().map(drop)
}

/// Reads one line as a hit; `None` if it is an event.
fn read_hit<'de>(mut line: Reader<'_, 'de>, row: &mut Row<'_, 'de>) -> Result<Option<(Envelope<'de>, usize)>, NotJson> {
    row.start();
    let (mut seen, mut scratch) = (Seen::default(), String::new());
    let mut more = enter_object(&mut line)?;
    while more && line.seek(&row.plan.hit_starts)? {
        match HitKey::named(line.key()?.name(&mut scratch)) {
            None => line.skip()?,
            Some(HitKey::Source) if !row.plan.keeps_source => {
                row.start();
                walk_object(&mut line, row, Place::ROOT)?;
                seen.source_is_object = true;
            }
            Some(key) => {
                let raw = line.value()?;
                seen.note(key, raw);
                if key == HitKey::Source {
                    row.start();
                    walk_raw(row, Place::ROOT, raw)?;
                }
            }
        }
        more = line.next(Open::Object)?;
    }
    let end = line.end()?;
    // its text is kept only if some column needs it
    let source = seen.source.unwrap_or_default();
    Ok(seen.is_hit().then_some((Envelope { index: seen.index, id: seen.id, source }, end)))
}

/// Keys of a hit seen at the top level of a line.
#[derive(Debug, Default)]
pub(super) struct Seen<'de> {
    pub(super) index: Option<&'de str>,
    pub(super) id: Option<&'de str>,
    pub(super) source: Option<&'de str>,
    pub(super) source_is_object: bool,
}

impl<'de> Seen<'de> {
    pub(super) fn note(&mut self, key: HitKey, raw: &'de str) {
        match key {
            HitKey::Index => self.index = Some(raw),
            HitKey::Id => self.id = Some(raw),
            HitKey::Source => (self.source, self.source_is_object) = (Some(raw), raw.starts_with('{')),
        }
    }

    pub(super) fn is_hit(&self) -> bool {
        self.source_is_object && (self.index.is_some() || self.id.is_some())
    }
}

/// Key of a hit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum HitKey {
    Index,
    Id,
    Source,
}

impl HitKey {
    pub(super) fn named(key: &str) -> Option<Self> {
        match key {
            "_source" => Some(Self::Source),
            "_id" => Some(Self::Id),
            "_index" => Some(Self::Index),
            _ => None,
        }
    }
}

/// Reads a line as an event, and notes the keys of a hit in it.
fn read_event<'de>(line: &mut Reader<'_, 'de>, row: &mut Row<'_, 'de>, seen: &mut Seen<'de>) -> Result<(), NotJson> {
    let (trie, mut scratch) = (&row.plan.trie, String::new());
    let mut more = enter_object(line)?;
    while more && line.seek(&row.plan.event_starts)? {
        let key = line.key()?.name(&mut scratch);
        let found = match_key(trie, 0, key);
        match HitKey::named(key) {
            None => follow(line, row, Place::ROOT, found.as_ref())?,
            Some(key) => {
                let raw = line.value()?;
                seen.note(key, raw);
                // in a plain event these are ordinary fields
                follow_raw(row, Place::ROOT, found.as_ref(), raw)?;
            }
        }
        more = line.next(Open::Object)?;
    }
    Ok(())
}

fn enter_object(reader: &mut Reader<'_, '_>) -> Result<bool, NotJson> {
    match reader.peek() {
        Some(Open::Object) => reader.enter(Open::Object),
        _ => Err(NotJson),
    }
}

/// Position of a walk in the trie, and the kind of container it is in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) node: NodeId,
    pub(super) inside: Inside,
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
    pub(super) fn accept(self, row: &mut Row<'_, '_>, key: KeyMatch) -> Option<Place> {
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
    pub(super) first: KeyMatch,
    pub(super) others: Vec<KeyMatch>,
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
fn follow<'de>(
    reader: &mut Reader<'_, 'de>,
    row: &mut Row<'_, 'de>,
    parent: Place,
    found: Option<&Found>,
) -> Result<(), NotJson> {
    let key = match found {
        None => return reader.skip(),
        Some(Found { first, others }) if others.is_empty() && !first.beyond => *first,
        Some(_) => return follow_raw(row, parent, found, reader.value()?),
    };
    let Some(place) = parent.accept(row, key) else { return reader.skip() };
    if row.plan.trie.node(place.node).captured {
        capture(row, place, reader.value()?)
    } else {
        walk(reader, row, place)
    }
}

pub(super) fn follow_raw<'de>(
    row: &mut Row<'_, 'de>,
    parent: Place,
    found: Option<&Found>,
    raw: &'de str,
) -> Result<(), NotJson> {
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
fn capture<'de>(row: &mut Row<'_, 'de>, place: Place, raw: &'de str) -> Result<(), NotJson> {
    let node = row.plan.trie.node(place.node);
    if node.captured {
        match place.inside {
            Inside::Objects { .. } => row.set(place.node, raw),
            Inside::Array { exact, .. } => row.push_in_array(place.node, exact, raw),
        }
    }
    if node.has_children() { walk_raw(row, place, raw) } else { Ok(()) }
}

fn walk_raw<'de>(row: &mut Row<'_, 'de>, place: Place, raw: &'de str) -> Result<(), NotJson> {
    if raw.starts_with(['{', '[']) { walk(&mut Reader::new(raw, None), row, place) } else { Ok(()) }
}

/// Walks a value whose own text is not wanted.
fn walk<'de>(reader: &mut Reader<'_, 'de>, row: &mut Row<'_, 'de>, place: Place) -> Result<(), NotJson> {
    match reader.peek() {
        Some(Open::Object) => walk_object(reader, row, place),
        Some(Open::Array) => walk_array(reader, row, place),
        None => reader.skip(),
    }
}

fn walk_object<'de>(reader: &mut Reader<'_, 'de>, row: &mut Row<'_, 'de>, mut place: Place) -> Result<(), NotJson> {
    if let Inside::Array { start, .. } = &mut place.inside {
        *start = row.mark();
    }
    let (trie, mut scratch) = (&row.plan.trie, String::new());
    let mut more = enter_object(reader)?;
    while more && reader.seek(&trie.node(place.node).starts)? {
        let found = match_key(trie, place.node, reader.key()?.name(&mut scratch));
        follow(reader, row, place, found.as_ref())?;
        more = reader.next(Open::Object)?;
    }
    if let Inside::Array { start, .. } = place.inside {
        row.leave(start);
    }
    Ok(())
}

fn walk_array<'de>(reader: &mut Reader<'_, 'de>, row: &mut Row<'_, 'de>, place: Place) -> Result<(), NotJson> {
    let (Inside::Objects { exact } | Inside::Array { exact, .. }) = place.inside;
    let place = Place { inside: Inside::Array { start: Mark::default(), exact }, ..place };
    let mut more = reader.enter(Open::Array)?;
    while more {
        walk(reader, row, place)?;
        more = reader.next(Open::Array)?;
    }
    Ok(())
}
