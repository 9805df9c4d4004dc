//! Records of temporary files: a length, then fields one after the other.

use std::io::{self, Read, Write};

/// A record that can be spilled.
pub trait Record: Sized {
    /// Appends the fields to `fields`.
    fn encode(&self, fields: &mut FieldWriter);

    /// Reads the fields in the order in which [`Self::encode`] appended them.
    ///
    /// # Errors
    /// Fields that end early or are not text.
    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self>;
}

/// Fields of a record under construction.
#[derive(Debug, Default)]
pub struct FieldWriter(Vec<u8>);

impl FieldWriter {
    /// Appends a number.
    pub fn number(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    /// Appends a text.
    pub fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend(text.as_bytes());
    }

    /// Appends a number, if there is one.
    pub fn optional_number(&mut self, number: Option<u64>) {
        self.number(u64::from(number.is_some()));
        number.into_iter().for_each(|number| self.number(number));
    }

    /// Appends a text, if there is one.
    pub fn optional_text(&mut self, text: Option<&str>) {
        self.number(u64::from(text.is_some()));
        text.into_iter().for_each(|text| self.text(text));
    }

    /// Appends a list of texts.
    pub fn texts(&mut self, texts: &[String]) {
        self.number(texts.len() as u64);
        texts.iter().for_each(|text| self.text(text));
    }
}

/// Fields of a record that are still to be read.
#[derive(Debug)]
pub struct FieldReader<'a>(&'a [u8]);

impl FieldReader<'_> {
    /// Reads a number.
    ///
    /// # Errors
    /// Fields that end early.
    pub fn number(&mut self) -> io::Result<u64> {
        let (number, rest) = self.0.split_first_chunk().ok_or(io::ErrorKind::UnexpectedEof)?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*number))
    }

    /// Reads a number that was smaller when it was appended.
    ///
    /// # Errors
    /// Fields that end early, and a number that is too large.
    pub fn small<N: TryFrom<u64>>(&mut self) -> io::Result<N> {
        self.number()?.try_into().map_err(|_| io::ErrorKind::InvalidData.into())
    }

    /// Reads a text.
    ///
    /// # Errors
    /// Fields that end early, and bytes that are not text.
    pub fn text(&mut self) -> io::Result<String> {
        let len = self.small()?;
        let (text, rest) = self.0.split_at_checked(len).ok_or(io::ErrorKind::UnexpectedEof)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).map_err(io::Error::other)
    }

    /// Reads what [`FieldWriter::optional_number`] appended.
    ///
    /// # Errors
    /// Fields that end early.
    pub fn optional_number(&mut self) -> io::Result<Option<u64>> {
        if self.number()? == 0 { Ok(None) } else { self.number().map(Some) }
    }

    /// Reads what [`FieldWriter::optional_text`] appended.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn optional_text(&mut self) -> io::Result<Option<String>> {
        if self.number()? == 0 { Ok(None) } else { self.text().map(Some) }
    }

    /// Reads what [`FieldWriter::texts`] appended.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn texts(&mut self) -> io::Result<Vec<String>> {
        let n_texts = self.number()?;
        (0..n_texts).map(|_| self.text()).collect()
    }
}

/// Writes one record; returns the bytes written. `buffer` is used again from record to record.
pub(super) fn write(file: &mut impl Write, record: &impl Record, buffer: &mut FieldWriter) -> io::Result<u64> {
    buffer.0.clear();
    record.encode(buffer);
    file.write_all(&u32::try_from(buffer.0.len()).map_err(io::Error::other)?.to_le_bytes())?;
    file.write_all(&buffer.0)?;
    Ok(4 + buffer.0.len() as u64)
}

/// Reads one record; `None` at the end.
pub(super) fn read<T: Record>(reader: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<Option<T>> {
    let mut len = [0; 4];
    if reader.read(&mut len[..1])? == 0 {
        return Ok(None);
    }
    reader.read_exact(&mut len[1..])?;
    buffer.resize(u32::from_le_bytes(len) as usize, 0);
    reader.read_exact(buffer)?;
    T::decode(&mut FieldReader(buffer)).map(Some)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A number and a text.
    pub(in crate::spill) type Pair = (u64, String);

    impl Record for Pair {
        fn encode(&self, fields: &mut FieldWriter) {
            fields.number(self.0);
            fields.text(&self.1);
        }

        fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
            Ok((fields.number()?, fields.text()?))
        }
    }

    #[test]
    fn records_that_end_early_are_errors() {
        let mut bytes = Vec::new();
        let pair: Pair = (7, "é".to_owned());
        let n_bytes = write(&mut bytes, &pair, &mut FieldWriter::default()).unwrap();
        assert_eq!(n_bytes, bytes.len() as u64);
        assert_eq!(read::<Pair>(&mut &bytes[..], &mut Vec::new()).unwrap(), Some(pair));
        assert_eq!(read::<Pair>(&mut &bytes[..0], &mut Vec::new()).unwrap(), None);
        for len in 1..bytes.len() {
            assert!(read::<Pair>(&mut &bytes[..len], &mut Vec::new()).is_err(), "{len}");
        }
        assert!(FieldReader(&[255; 16]).text().is_err());
        assert!(FieldReader(&[255; 8]).small::<u32>().is_err());
    }
}
