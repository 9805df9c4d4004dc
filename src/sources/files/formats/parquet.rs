//! Rows of a Parquet file as lines of JSON.

use std::fs::File;
use std::io::{self, Cursor, Read, Write};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::text::{Keeping, TextBlocks};
use super::{Blocks, Fit, Format, Start};
use crate::runtime::contained;
use crate::sources::files::contents::Contents;

/// Rows rendered at once.
const BATCH_ROWS: usize = 1024;

/// Timestamps without a zone are UTC.
const TIMESTAMP_FORMAT: &str = "%Y-%m-%dT%H:%M:%S%.fZ";

pub(super) struct Parquet;

impl Format for Parquet {
    fn endings(&self) -> &'static [&'static str] {
        &["parquet"]
    }

    fn recognises(&self, start: Start<'_>) -> Fit {
        if start.bytes.starts_with(b"PAR1") { Fit::Sure } else { Fit::No }
    }

    fn open(&self, contents: Contents) -> io::Result<Box<dyn Blocks>> {
        let broken = |error: io::Error| io::Error::new(io::ErrorKind::InvalidData, error);
        if !matches!(self.recognises(contents.start()), Fit::Sure) {
            return Err(broken(io::Error::other("it is not a Parquet file")));
        }
        let Some(file) = contents.into_file() else {
            return Err(io::Error::other("Parquet needs random access: write it to a file first"));
        };
        let mut lines = ParquetLines::new(file?).map_err(broken)?;
        lines.fill()?;
        Ok(Box::new(TextBlocks::new(lines, Keeping::InCopies)))
    }
}

/// Reader that turns the rows of a Parquet file into lines of JSON. A NULL is a missing field.
/// Columns `_index` and `_id` make a row a hit.
struct ParquetLines {
    batches: ParquetRecordBatchReader,
    lines: Cursor<Vec<u8>>,
}

impl ParquetLines {
    fn new(file: File) -> io::Result<Self> {
        let open = || ParquetRecordBatchReaderBuilder::try_new(file)?.with_batch_size(BATCH_ROWS).build();
        let batches = guarded(|| open().map_err(io::Error::other))?;
        Ok(ParquetLines { batches, lines: Cursor::default() })
    }

    /// Renders the next rows; false if there are none.
    fn fill(&mut self) -> io::Result<bool> {
        let batches = &mut self.batches;
        let next = guarded(|| batches.next().map(|batch| lines(&batch.map_err(io::Error::other)?)).transpose())?;
        let is_there = next.is_some();
        self.lines = Cursor::new(next.unwrap_or_default());
        Ok(is_there)
    }
}

impl Read for ParquetLines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = self.lines.read(buffer)?;
            if n > 0 || buffer.is_empty() || !self.fill()? {
                return Ok(n);
            }
        }
    }
}

/// Reads with the Parquet library, which panics on some damaged files.
fn guarded<T>(read: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let damaged =
        |panic: String| io::Error::new(io::ErrorKind::InvalidData, format!("the Parquet library fails on it: {panic}"));
    contained(read).map_err(damaged)?
}

fn lines(batch: &RecordBatch) -> io::Result<Vec<u8>> {
    let identity = |name: &str| batch.column_by_name(name).and_then(|column| cast(column, &DataType::Utf8).ok());
    let (index, id) = (identity("_index"), identity("_id"));
    if (index.is_none() && id.is_none()) || batch.column_by_name("_source").is_some() {
        return events(batch);
    }
    let is_field = |name: &str| !matches!(name, "_index" | "_id");
    let schema = batch.schema();
    let fields: Vec<usize> = (0..batch.num_columns()).filter(|&idx| is_field(schema.field(idx).name())).collect();
    let sources = events(&batch.project(&fields).map_err(io::Error::other)?)?;
    hits(&sources, index.as_ref(), id.as_ref())
}

/// Wraps each line into a hit.
fn hits(sources: &[u8], index: Option<&ArrayRef>, id: Option<&ArrayRef>) -> io::Result<Vec<u8>> {
    let keys: [(&str, Option<&StringArray>); 2] =
        [("_index", index.map(|column| column.as_string())), ("_id", id.map(|column| column.as_string()))];
    let mut out = Vec::with_capacity(sources.len() * 2);
    for (row, source) in sources.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).enumerate() {
        out.push(b'{');
        let mut is_hit = false;
        for (key, column) in keys {
            if let Some(column) = column.filter(|column| column.is_valid(row)) {
                write!(out, "\"{key}\":")?;
                serde_json::to_writer(&mut out, column.value(row))?;
                out.push(b',');
                is_hit = true;
            }
        }
        if is_hit {
            out.extend_from_slice(b"\"_source\":");
            out.extend_from_slice(source);
            out.push(b'}');
        } else {
            out.pop();
            out.extend_from_slice(source);
        }
        out.push(b'\n');
    }
    Ok(out)
}

fn events(batch: &RecordBatch) -> io::Result<Vec<u8>> {
    let batch = with_texts(batch).map_err(io::Error::other)?;
    let builder = WriterBuilder::new().with_timestamp_format(TIMESTAMP_FORMAT.to_owned());
    let mut writer = builder.build::<_, LineDelimited>(Vec::new());
    writer.write(&batch).map_err(io::Error::other)?;
    writer.finish().map_err(io::Error::other)?;
    Ok(writer.into_inner())
}

/// Turns binary columns into text columns if they are valid UTF-8: some writers do not declare
/// theirs as text.
fn with_texts(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let mut columns = Vec::with_capacity(batch.num_columns());
    let mut fields = Vec::with_capacity(batch.num_columns());
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let is_bytes = matches!(field.data_type(), DataType::Binary | DataType::LargeBinary | DataType::BinaryView);
        let text = is_bytes.then(|| cast(column, &DataType::Utf8).ok()).flatten();
        match text.filter(|text| text.null_count() == column.null_count()) {
            Some(text) => {
                fields.push(Field::new(field.name(), DataType::Utf8, true));
                columns.push(text);
            }
            None => {
                fields.push(field.as_ref().clone());
                columns.push(Arc::clone(column));
            }
        }
    }
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        BinaryArray, BooleanArray, Decimal128Array, Float64Array, Int64Array, ListArray, StructArray,
        TimestampMicrosecondArray,
    };
    use arrow::datatypes::Int32Type;
    use parquet::arrow::ArrowWriter;

    use super::*;

    fn read(columns: Vec<(&str, ArrayRef)>) -> Vec<String> {
        let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let mut text = String::new();
        ParquetLines::new(file).unwrap().read_to_string(&mut text).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn values_become_the_json_that_they_would_be() {
        let inner = StructArray::from(vec![(
            Arc::new(Field::new("name", DataType::Utf8, true)),
            Arc::new(StringArray::from(vec![Some("x"), None])) as ArrayRef,
        )]);
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None]);
        let lines = read(vec![
            ("user", Arc::new(inner)),
            ("a.b", Arc::new(lists)),
            ("t", Arc::new(TimestampMicrosecondArray::from(vec![Some(1_500_000), None]))),
            ("bytes", Arc::new(BinaryArray::from(vec!["é".as_bytes(), b"y"]))),
            ("raw", Arc::new(BinaryArray::from(vec![&b"\xff"[..], b"y"]))),
            ("f", Arc::new(Float64Array::from(vec![1.0, f64::NAN]))),
            ("n", Arc::new(Int64Array::from(vec![i64::MIN, 0]))),
            ("d", Arc::new(Decimal128Array::from(vec![1250, 5]).with_precision_and_scale(10, 2).unwrap())),
            ("ok", Arc::new(BooleanArray::from(vec![true, false]))),
        ]);
        assert_eq!(
            lines,
            [
                r#"{"user":{"name":"x"},"a.b":[1,null],"t":"1970-01-01T00:00:01.500Z","bytes":"é","raw":"ff","f":1.0,"n":-9223372036854775808,"d":12.50,"ok":true}"#,
                r#"{"user":{},"bytes":"y","raw":"79","f":null,"n":0,"d":0.05,"ok":false}"#,
            ]
        );
    }

    /// The schema of Arrow in the footer, which is damaged here byte by byte, makes the library
    /// panic.
    #[test]
    fn damage_in_the_footer_is_an_error() {
        let durations = Arc::new(arrow::array::DurationSecondArray::from(vec![1, 2])) as ArrayRef;
        let dates = Arc::new(arrow::array::Date32Array::from(vec![1, 2])) as ArrayRef;
        let batch = RecordBatch::try_from_iter([("d", durations), ("e", dates)]).unwrap();
        let mut whole = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut whole, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let mut messages = Vec::new();
        for at in whole.len() / 3..whole.len() {
            let mut file = tempfile::tempfile().unwrap();
            let mut damaged = whole.clone();
            damaged[at] ^= 0x15;
            file.write_all(&damaged).unwrap();
            let read = ParquetLines::new(file).and_then(|mut lines| lines.read_to_string(&mut String::new()));
            messages.extend(read.err().map(|error| error.to_string()));
        }
        assert!(
            messages.iter().any(|message| message.starts_with("the Parquet library fails on it: ")),
            "{messages:?}"
        );
    }

    #[test]
    fn identity_columns_make_hits() {
        let texts = |texts: Vec<Option<&str>>| Arc::new(StringArray::from(texts)) as ArrayRef;
        let lines = read(vec![
            ("_id", texts(vec![Some("1\""), None, None])),
            ("_index", texts(vec![Some("i"), Some("j"), None])),
            ("a", texts(vec![Some("x"), None, Some("z")])),
        ]);
        assert_eq!(
            lines,
            [r#"{"_index":"i","_id":"1\"","_source":{"a":"x"}}"#, r#"{"_index":"j","_source":{}}"#, r#"{"a":"z"}"#,]
        );
    }
}
