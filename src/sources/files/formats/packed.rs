//! Files that are not read because they are packed in a way that other tools undo.

use super::{Holds, Refusal, Start};

/// Magic numbers, what they are the start of, and the cure.
const MAGIC: &[(&[u8], &str, &str)] = &[
    (b"BZh", "it is compressed with bzip2", "decompress it with `bunzip2`, or compress it with gzip or zstd"),
    (b"\xfd7zXZ\0", "it is compressed with xz", "decompress it with `unxz`, or compress it with gzip or zstd"),
    (b"\x04\x22\x4d\x18", "it is compressed with lz4", "decompress it with `unlz4`, or compress it with gzip or zstd"),
    (b"\xff\x06\0\0sNaPpY", "it is compressed with Snappy", "decompress it, or compress it with gzip or zstd"),
    (b"\x1f\x9d", "it is compressed with `compress`", "decompress it with `gunzip`"),
    (b"PK\x03\x04", "it is a ZIP archive", "unpack it with `unzip`"),
    (b"7z\xbc\xaf\x27\x1c", "it is a 7-Zip archive", "unpack it with `7z x`"),
    (b"Rar!\x1a\x07", "it is a RAR archive", "unpack it with `unrar x`"),
    (b"\xd4\xc3\xb2\xa1", "it is a packet capture", "make logs of it with Zeek or tshark"),
    (b"\xa1\xb2\xc3\xd4", "it is a packet capture", "make logs of it with Zeek or tshark"),
    (b"\x0a\x0d\x0d\x0a", "it is a packet capture", "make logs of it with Zeek or tshark"),
];

/// Place of the magic number of tar archives.
const TAR_MAGIC: (usize, &[u8]) = (257, b"ustar");

/// Returns the reason why a file that begins with `start` is not read, if it is packed.
pub(super) fn refusal(start: Start<'_>) -> Option<Refusal> {
    let (at, tar) = TAR_MAGIC;
    let is_tar = start.bytes.get(at..).is_some_and(|bytes| bytes.starts_with(tar));
    let is_packed = |(magic, ..): &&(&[u8], &str, &str)| start.bytes.starts_with(magic);
    let (reason, cure) = match MAGIC.iter().find(is_packed) {
        Some((_, reason, cure)) => (*reason, *cure),
        None if is_tar => ("it is a tar archive", "unpack it with `tar xf`"),
        None => return None,
    };
    Some(Refusal { reason, cure, holds: Holds::PerhapsEvents })
}
