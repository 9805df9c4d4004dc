//! Values of the store: JSON, compressed JSON, and packed entries.

use std::fmt;
use std::io::Read;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Upper limit on the bytes of a value after decompression.
const MOST_BYTES: usize = 256 << 20;

/// Level of compression: what is stored is read seldom, and never much of it.
const LEVEL: i32 = 3;

/// A value that is not as it was written.
#[derive(Debug)]
pub(super) struct BadValue(String);

impl fmt::Display for BadValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) fn to_json(value: &impl Serialize) -> Result<Vec<u8>, BadValue> {
    serde_json::to_vec(value).map_err(|error| BadValue(error.to_string()))
}

pub(super) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BadValue> {
    serde_json::from_slice(bytes).map_err(|error| BadValue(error.to_string()))
}

pub(super) fn compress(text: &[u8]) -> Result<Vec<u8>, BadValue> {
    zstd::bulk::compress(text, LEVEL).map_err(|error| BadValue(error.to_string()))
}

pub(super) fn decompress(bytes: &[u8]) -> Result<Vec<u8>, BadValue> {
    let mut text = Vec::new();
    let read = zstd::stream::Decoder::new(bytes)
        .and_then(|decoder| decoder.take(MOST_BYTES as u64 + 1).read_to_end(&mut text));
    read.map_err(|error| BadValue(error.to_string()))?;
    let fits = text.len() <= MOST_BYTES;
    fits.then_some(text).ok_or_else(|| BadValue(format!("more than {MOST_BYTES} bytes")))
}

/// An outlier's id, and the day on which it was seen last, in days since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) id: [u8; 16],
    pub(super) day: u32,
}

impl Entry {
    /// Bytes of a packed entry.
    pub(super) const BYTES: usize = 20;

    pub(super) fn pack(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.id);
        bytes.extend(self.day.to_le_bytes());
    }
}

/// Returns the entries that are packed in `bytes`.
pub(super) fn unpack(bytes: &[u8]) -> Result<Vec<Entry>, BadValue> {
    let (entries, rest) = bytes.as_chunks::<{ Entry::BYTES }>();
    if !rest.is_empty() {
        return Err(BadValue(format!("{} bytes after the last entry", rest.len())));
    }
    let entry = |entry: &[u8; Entry::BYTES]| {
        let mut id = [0; 16];
        id.copy_from_slice(&entry[..16]);
        Entry { id, day: u32::from_le_bytes([entry[16], entry[17], entry[18], entry[19]]) }
    };
    Ok(entries.iter().map(entry).collect())
}

/// Packs entries into one value.
pub(super) fn pack(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * Entry::BYTES);
    entries.iter().for_each(|entry| entry.pack(&mut bytes));
    bytes
}
