//! Rows of Arrow arrays as JSON text.

use std::borrow::Cow;
use std::io::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray, StructArray};
use arrow::compute::{can_cast_types, cast};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use arrow::error::ArrowError;
use arrow::json::writer::{Encoder, EncoderFactory, EncoderOptions, NullableEncoder, make_encoder};
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// Timestamps without a zone are UTC.
const TIMESTAMP_FORMAT: &str = "%Y-%m-%dT%H:%M:%S%.fZ";

/// Columns that identify the documents of a table.
const IDENTITY: [&str; 2] = ["_index", "_id"];

/// Returns the rows of a batch as lines of JSON: events, or hits if columns `_index` and `_id` name
/// them. A NULL is a missing field.
///
/// # Errors
/// Types that have no JSON form.
pub fn json_lines(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let batch = with_texts(batch)?;
    if !has_identity(&batch.schema()) {
        let objects = Objects::new(&batch)?;
        return Ok(objects.iter().flat_map(|object| [object.as_bytes(), b"\n"]).collect::<Vec<_>>().concat());
    }
    let (identity, fields) = split_identity(&batch)?;
    let sources = Objects::new(&fields)?;
    let mut out = Vec::with_capacity(sources.text.len() * 2);
    for (row, source) in sources.iter().enumerate() {
        let keys = IDENTITY.iter().zip(&identity).filter_map(|(key, texts)| Some((key, texts.as_ref()?)));
        out.push(b'{');
        let mut is_hit = false;
        for (key, texts) in keys.filter(|(_, texts)| texts.is_valid(row)) {
            write!(out, "\"{key}\":")?;
            out.extend_from_slice(json_text(texts.value(row)).as_bytes());
            out.push(b',');
            is_hit = true;
        }
        if is_hit {
            out.extend_from_slice(b"\"_source\":");
            out.extend_from_slice(source.as_bytes());
            out.push(b'}');
        } else {
            out.pop();
            out.extend_from_slice(source.as_bytes());
        }
        out.push(b'\n');
    }
    Ok(out)
}

/// Returns a text as JSON.
pub(super) fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// True if columns of their own name the documents of a table. With a column `_source`, each row is
/// a hit as it is.
pub(super) fn has_identity(schema: &Schema) -> bool {
    let field = |name: &str| schema.fields().iter().find(|field| field.name() == name);
    let is_text = |name: &&str| field(name).is_some_and(|field| can_cast_types(field.data_type(), &DataType::Utf8));
    IDENTITY.iter().any(is_text) && field("_source").is_none()
}

/// True for columns that name the documents of a table, and so are no fields of the events.
pub(super) fn is_identity(name: &str) -> bool {
    IDENTITY.contains(&name)
}

/// `_index` and `_id` of the rows of a batch.
pub(super) type IdentityTexts = [Option<StringArray>; 2];

/// Splits a batch into the names of its documents and their fields.
pub(super) fn split_identity(batch: &RecordBatch) -> Result<(IdentityTexts, RecordBatch), ArrowError> {
    let texts = |name: &str| {
        let text = batch.column_by_name(name).and_then(|column| cast(column, &DataType::Utf8).ok());
        text.map(|text| text.as_string::<i32>().clone())
    };
    let schema = batch.schema();
    let fields: Vec<usize> = (0..batch.num_columns()).filter(|&idx| !is_identity(schema.field(idx).name())).collect();
    Ok((IDENTITY.map(texts), batch.project(&fields)?))
}

/// JSON texts of some rows, one after the other.
#[derive(Debug, Default)]
pub(super) struct Objects {
    text: String,
    ends: Vec<usize>,
}

impl Objects {
    /// The rows of a batch as objects.
    pub(super) fn new(batch: &RecordBatch) -> Result<Self, ArrowError> {
        let fields = batch.schema().fields().clone();
        let rows = match fields.is_empty() {
            true => StructArray::new_empty_fields(batch.num_rows(), None),
            false => StructArray::try_new(fields, batch.columns().to_vec(), None)?,
        };
        Objects::of_values(&(Arc::new(rows) as ArrayRef), |_| true)
    }

    /// The values of an array. Those that are NULL, or that `is_there` denies, are empty texts.
    pub(super) fn of_values(array: &ArrayRef, is_there: impl Fn(usize) -> bool) -> Result<Self, ArrowError> {
        let field: FieldRef = Arc::new(Field::new("", array.data_type().clone(), true));
        let options = EncoderOptions::default().with_encoder_factory(Arc::new(Times));
        let mut encoder = make_encoder(&field, array, &options)?;
        let (mut text, mut ends) = (Vec::new(), Vec::with_capacity(array.len()));
        for row in 0..array.len() {
            if is_there(row) && !encoder.is_null(row) {
                encoder.encode(row, &mut text);
            }
            ends.push(text.len());
        }
        let text = String::from_utf8(text).map_err(|error| ArrowError::JsonError(error.to_string()))?;
        Ok(Objects { text, ends })
    }

    pub(super) fn get(&self, row: usize) -> &str {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.text[start..self.ends[row]]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).map(|row| self.get(row))
    }
}

/// Writes times. Those that no calendar has are null: the library would write an error in their
/// place, with quotes in it.
#[derive(Debug)]
struct Times;

impl EncoderFactory for Times {
    fn make_default_encoder<'a>(
        &self,
        _: &'a FieldRef,
        array: &'a dyn Array,
        _: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        if !array.data_type().is_temporal() {
            return Ok(None);
        }
        let options = FormatOptions::new().with_display_error(false).with_timestamp_format(Some(TIMESTAMP_FORMAT));
        let encoder = TimeEncoder(ArrayFormatter::try_new(array, &options)?);
        Ok(Some(NullableEncoder::new(Box::new(encoder), array.nulls().cloned())))
    }
}

struct TimeEncoder<'a>(ArrayFormatter<'a>);

impl Encoder for TimeEncoder<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        match self.0.value(row).try_to_string() {
            // without anything that JSON escapes
            Ok(time) => out.extend([&b"\""[..], time.as_bytes(), b"\""].concat()),
            Err(_) => out.extend_from_slice(b"null"),
        }
    }
}

/// Turns columns of bytes into texts: some writers do not declare theirs as such. What is not UTF-8
/// becomes hexadecimal digits.
pub(super) fn with_texts(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema();
    let is_bytes =
        |field: &FieldRef| matches!(field.data_type(), DataType::Binary | DataType::LargeBinary | DataType::BinaryView);
    if !schema.fields().iter().any(is_bytes) {
        return Ok(batch.clone());
    }
    let mut columns = Vec::with_capacity(batch.num_columns());
    let mut fields: Vec<FieldRef> = Vec::with_capacity(batch.num_columns());
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        if is_bytes(field) {
            let bytes = cast(column, &DataType::Binary)?;
            let texts: StringArray = bytes.as_binary::<i32>().iter().map(|bytes| bytes.map(text_of)).collect();
            fields.push(Arc::new(Field::new(field.name(), DataType::Utf8, true)));
            columns.push(Arc::new(texts) as ArrayRef);
        } else {
            fields.push(Arc::clone(field));
            columns.push(Arc::clone(column));
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
}

fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        BinaryArray, BooleanArray, Decimal128Array, Float64Array, Int64Array, ListArray, TimestampMicrosecondArray,
    };
    use arrow::datatypes::Int32Type;

    use super::*;

    fn lines(columns: Vec<(&str, ArrayRef)>) -> Vec<String> {
        let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap();
        let text = String::from_utf8(json_lines(&batch).unwrap()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn values_become_the_json_that_they_would_be() {
        let inner = StructArray::from(vec![(
            Arc::new(Field::new("name", DataType::Utf8, true)),
            Arc::new(StringArray::from(vec![Some("x"), None])) as ArrayRef,
        )]);
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None]);
        let lines = lines(vec![
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
                r#"{"user":{},"bytes":"y","raw":"y","f":null,"n":0,"d":0.05,"ok":false}"#,
            ]
        );
    }

    #[test]
    fn times_that_no_calendar_has_are_null() {
        let times = |zone: Option<&str>| {
            let times = TimestampMicrosecondArray::from(vec![i64::MAX, 0]);
            Arc::new(times.with_timezone_opt(zone.map(Arc::<str>::from))) as ArrayRef
        };
        let lines = lines(vec![("t", times(None)), ("z", times(Some("UTC")))]);
        let expected = [r#"{"t":null,"z":null}"#, r#"{"t":"1970-01-01T00:00:00Z","z":"1970-01-01T00:00:00Z"}"#];
        assert_eq!(lines, expected);
    }

    #[test]
    fn identity_columns_make_hits() {
        let texts = |texts: Vec<Option<&str>>| Arc::new(StringArray::from(texts)) as ArrayRef;
        let lines = lines(vec![
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
