use std::fs::File;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Date64Array, Decimal128Array, DictionaryArray,
    FixedSizeBinaryArray, Float32Array, Float64Array, Int32Array, Int64Array, LargeListArray, LargeStringArray,
    ListArray, MapArray, NullArray, RecordBatch, RecordBatchOptions, StringArray, StructArray, Time64MicrosecondArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt8Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Int32Type, Schema, UInt32Type};
use fastrand::Rng;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::event::decode::{
    Chunk, ColumnKind, ColumnSpec, Decoder, EventBatch, Identity, Projection, SkippedLines, json_lines,
};
use crate::event::{FieldNames, FieldPath};
use crate::sources::DocRef;
use crate::sources::files::file::InputFile;
use crate::spill::Spool;

/// Names of fields, some of which lead to the same wanted field.
const NAMES: [&str; 10] = ["a", "b", "A", "c", "a.b", "b.c", "keyword", "_id", "_index", "_source"];

const WANTED: [&str; 12] =
    ["a", "b", "a.b", "a.b.c", "b.c", "c.a", "a.keyword", "a.b.caseless", "_id", "_index", "*", "a*"];

const TEXTS: [&str; 10] =
    ["", "x", "X", "é\n\u{1}", "True", "2024-05-01T10:00:00Z", "1700000000", "q\"\\", "10.0.0.1", "none"];

fn write(path: &std::path::Path, batch: &RecordBatch, properties: WriterProperties) {
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

/// Reads a file as lines of text, which is how its rows are defined.
fn lines(path: &std::path::Path) -> String {
    let batches = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
    let lines: Vec<u8> = batches.flat_map(|batch| json_lines(&batch.unwrap()).unwrap()).collect();
    String::from_utf8(lines).unwrap()
}

fn cells(batches: &[EventBatch]) -> Vec<Vec<Option<Vec<String>>>> {
    let mut rows = Vec::new();
    for batch in batches {
        for row in 0..batch.columns.num_rows() {
            rows.push(batch.columns.columns().iter().map(|column| cell(column, row)).collect());
        }
    }
    rows
}

fn cell(column: &ArrayRef, row: usize) -> Option<Vec<String>> {
    if column.is_null(row) {
        return None;
    }
    let texts = |column: &dyn Array| -> Vec<String> {
        let column = column.as_dictionary::<UInt32Type>();
        let texts = column.values().as_string::<i32>();
        column.keys().values().iter().map(|code| texts.value(*code as usize).to_owned()).collect()
    };
    Some(match column.data_type() {
        DataType::List(_) => texts(&*column.as_list::<i32>().value(row)),
        DataType::Dictionary(..) => texts(&*column.slice(row, 1)),
        _ => vec![column.as_primitive::<arrow::datatypes::TimestampMicrosecondType>().value(row).to_string()],
    })
}

fn specs(rng: &mut Rng) -> Projection {
    let kinds = [
        ColumnKind::Elements,
        ColumnKind::Joined,
        ColumnKind::Strings,
        ColumnKind::Time,
        ColumnKind::Leaves,
        ColumnKind::FormLeaves,
    ];
    let spec = |idx: usize| {
        let field = FieldPath::new(WANTED[rng.usize(..WANTED.len())]);
        let kind = if field.as_str().contains('*') { ColumnKind::Leaves } else { kinds[rng.usize(..kinds.len())] };
        let forms = if kind == ColumnKind::Leaves { Vec::new() } else { FieldNames::default().forms(&field) };
        ColumnSpec { forms, ..ColumnSpec::new(idx.to_string(), &field, kind) }
    };
    Projection::new((0..6).map(spec).collect())
}

/// Decodes a file, and reads all of its documents again.
fn decoded(path: &std::path::Path, projection: &Projection) -> (Vec<EventBatch>, Vec<String>) {
    let file = InputFile::new(Some(path.to_owned())).unwrap();
    let (mut blocks, _) =
        crate::sources::files::formats::open(&file, &Arc::default(), &crate::runtime::Interrupt::default()).unwrap();
    blocks.want(projection, None);
    let (mut batches, mut documents) = (Vec::new(), Vec::new());
    let spool = Spool::new(&std::env::temp_dir());
    while let Some(block) = blocks.next().unwrap() {
        let batch = block.decode(&mut Decoder::new(projection, Identity::Hashed), &file.name).unwrap();
        assert_eq!(batch.fault, None);
        let kept = block.keep(&spool).unwrap();
        let place = |line: u32| DocRef { batch: 0, offset: 0, length: 0, line };
        let places: Vec<DocRef> = batch.rows.iter().rev().map(|row| place(row.line_in_batch)).collect();
        let read = kept.documents(&file, &spool, &places).unwrap();
        let texts = batch.rows.iter().map(|row| String::from_utf8(read(place(row.line_in_batch)).unwrap()).unwrap());
        documents.extend(texts);
        drop(read);
        batches.push(batch);
    }
    (batches, documents)
}

fn data_type(rng: &mut Rng, depth: usize) -> DataType {
    let zone = |rng: &mut Rng| [None, Some("UTC".into()), Some("+02:00".into())][rng.usize(..3)].clone();
    use arrow::datatypes::TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    match rng.usize(..if depth == 0 { 18 } else { 27 }) {
        0..=3 => DataType::Utf8,
        4 => DataType::LargeUtf8,
        5 => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
        6 => DataType::Int64,
        7 => DataType::Float64,
        8 => DataType::Float32,
        9 => DataType::Boolean,
        10 => [DataType::Date32, DataType::Date64, DataType::UInt8, DataType::Int32][rng.usize(..4)].clone(),
        11 => DataType::Timestamp(Second, zone(rng)),
        12 => DataType::Timestamp(Millisecond, zone(rng)),
        13 => DataType::Timestamp(Microsecond, zone(rng)),
        14 => DataType::Timestamp(Nanosecond, zone(rng)),
        15 => DataType::Decimal128(10, 2),
        16 => DataType::Binary,
        17 => [DataType::FixedSizeBinary(2), DataType::Null, DataType::Time64(Microsecond)][rng.usize(..3)].clone(),
        18..=22 => DataType::Struct(fields(rng, 1, depth - 1)),
        23 | 24 => DataType::List(element(rng, depth)),
        25 => DataType::LargeList(element(rng, depth)),
        _ => {
            let (key, value) = (Field::new("key", DataType::Utf8, false), data_type(rng, depth - 1));
            let entry = Fields::from(vec![key, Field::new("value", value, true)]);
            DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entry), false)), false)
        }
    }
}

fn element(rng: &mut Rng, depth: usize) -> FieldRef {
    Arc::new(Field::new_list_field(data_type(rng, depth - 1), true))
}

fn fields(rng: &mut Rng, least: usize, depth: usize) -> Fields {
    let n = least + rng.usize(..4);
    let field = |_| Field::new(NAMES[rng.usize(..NAMES.len())], data_type(rng, depth), true);
    (0..n).map(field).collect()
}

fn array(rng: &mut Rng, data_type: &DataType, n: usize) -> ArrayRef {
    let has_nulls = rng.bool();
    let is_there: Vec<bool> = (0..n).map(|_| !has_nulls || rng.usize(..4) > 0).collect();
    match data_type {
        DataType::Timestamp(..) => times(rng, data_type, &is_there),
        data_type if data_type.is_nested() => nested(rng, data_type, &is_there),
        _ => scalars(rng, data_type, &is_there),
    }
}

fn times(rng: &mut Rng, data_type: &DataType, is_there: &[bool]) -> ArrayRef {
    use arrow::datatypes::TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    let mut time = |per_second: i64| -> Vec<Option<i64>> {
        let seconds = [0, -1, 1_700_000_000, 4_000_000_000, 100_000_000, -3_000_000_000, i64::MIN / 1_000_000_000 + 1];
        let fraction = |rng: &mut Rng| if rng.bool() { 0 } else { rng.i64(0..per_second) };
        let value =
            |idx: usize, rng: &mut Rng| is_there[idx].then(|| seconds[rng.usize(..7)] * per_second + fraction(rng));
        (0..is_there.len()).map(|idx| value(idx, rng)).collect()
    };
    match data_type {
        DataType::Timestamp(Second, zone) => {
            Arc::new(TimestampSecondArray::from(time(1)).with_timezone_opt(zone.clone()))
        }
        DataType::Timestamp(Millisecond, zone) => {
            Arc::new(TimestampMillisecondArray::from(time(1_000)).with_timezone_opt(zone.clone()))
        }
        DataType::Timestamp(Microsecond, zone) => {
            Arc::new(TimestampMicrosecondArray::from(time(1_000_000)).with_timezone_opt(zone.clone()))
        }
        DataType::Timestamp(Nanosecond, zone) => {
            Arc::new(TimestampNanosecondArray::from(time(1_000_000_000)).with_timezone_opt(zone.clone()))
        }
        other => unreachable!("{other}"),
    }
}

fn scalars(rng: &mut Rng, data_type: &DataType, is_there: &[bool]) -> ArrayRef {
    let n = is_there.len();
    let text = |rng: &mut Rng| TEXTS[rng.usize(..TEXTS.len())].to_owned();
    macro_rules! values {
        ($array:ty, $value:expr) => {
            (0..n).map(|idx| is_there[idx].then(|| $value)).collect::<$array>()
        };
    }
    match data_type {
        DataType::Utf8 => Arc::new(values!(StringArray, text(rng))),
        DataType::LargeUtf8 => Arc::new(values!(LargeStringArray, text(rng))),
        DataType::Dictionary(..) => {
            let texts: Vec<Option<String>> = (0..n).map(|idx| is_there[idx].then(|| text(rng))).collect();
            Arc::new(texts.iter().map(Option::as_deref).collect::<DictionaryArray<Int32Type>>())
        }
        DataType::Int64 => Arc::new(values!(Int64Array, [0, -5, i64::MAX, 1_700_000_000][rng.usize(..4)])),
        DataType::Int32 => Arc::new(values!(Int32Array, rng.i32(-3..3))),
        DataType::UInt8 => Arc::new(values!(UInt8Array, rng.u8(..3))),
        DataType::Float64 => Arc::new(values!(Float64Array, [0.5, -0.0, 1e300, f64::NAN, 3.0][rng.usize(..5)])),
        DataType::Float32 => Arc::new(values!(Float32Array, [0.1, f32::INFINITY, 7.0][rng.usize(..3)])),
        DataType::Boolean => Arc::new(values!(BooleanArray, rng.bool())),
        DataType::Date32 => Arc::new(values!(Date32Array, rng.i32(-1000..30_000))),
        DataType::Date64 => Arc::new(values!(Date64Array, rng.i64(-1000..30_000) * 86_400_000)),
        DataType::Time64(_) => Arc::new(values!(Time64MicrosecondArray, rng.i64(..86_400_000_000))),
        DataType::Decimal128(..) => {
            let decimals = values!(Decimal128Array, rng.i128(-99_999..99_999));
            Arc::new(decimals.with_precision_and_scale(10, 2).unwrap())
        }
        DataType::Binary => {
            let bytes = |rng: &mut Rng| [&b"x"[..], b"\xff\x00", "é".as_bytes()][rng.usize(..3)];
            Arc::new(values!(BinaryArray, bytes(rng)))
        }
        DataType::FixedSizeBinary(2) => {
            let bytes = (0..n).map(|idx| is_there[idx].then(|| [rng.u8(..), 65]));
            Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes, 2).unwrap())
        }
        DataType::Null => Arc::new(NullArray::new(n)),
        other => unreachable!("{other}"),
    }
}

fn nested(rng: &mut Rng, data_type: &DataType, is_there: &[bool]) -> ArrayRef {
    let n = is_there.len();
    let nulls = || Some(NullBuffer::from(is_there.to_vec()));
    match data_type {
        DataType::Struct(fields) => {
            let columns = fields.iter().map(|field| array(rng, field.data_type(), n)).collect();
            Arc::new(StructArray::new(fields.clone(), columns, nulls()))
        }
        DataType::List(field) => {
            let lengths: Vec<usize> = (0..n).map(|idx| if is_there[idx] { rng.usize(..3) } else { 0 }).collect();
            let elements = array(rng, field.data_type(), lengths.iter().sum());
            let offsets = OffsetBuffer::from_lengths(lengths);
            Arc::new(ListArray::new(Arc::clone(field), offsets, elements, nulls()))
        }
        DataType::LargeList(field) => {
            let lengths: Vec<usize> = (0..n).map(|idx| if is_there[idx] { rng.usize(..3) } else { 0 }).collect();
            let elements = array(rng, field.data_type(), lengths.iter().sum());
            let offsets = OffsetBuffer::from_lengths(lengths);
            Arc::new(LargeListArray::new(Arc::clone(field), offsets, elements, nulls()))
        }
        DataType::Map(entry, _) => {
            let DataType::Struct(members) = entry.data_type() else { unreachable!() };
            let lengths: Vec<usize> = (0..n).map(|idx| usize::from(is_there[idx])).collect();
            let n_entries = lengths.iter().sum();
            let keys: StringArray = (0..n_entries).map(|_| Some(NAMES[rng.usize(..NAMES.len())])).collect();
            let values = array(rng, members[1].data_type(), n_entries);
            let entries = StructArray::new(members.clone(), vec![Arc::new(keys), values], None);
            let offsets = OffsetBuffer::from_lengths(lengths);
            Arc::new(MapArray::new(Arc::clone(entry), offsets, entries, nulls(), false))
        }
        other => unreachable!("{other}"),
    }
}

fn random_batch(rng: &mut Rng) -> RecordBatch {
    let n = rng.usize(1..40);
    let fields = fields(rng, 1, 3);
    let columns = fields.iter().map(|field| array(rng, field.data_type(), n)).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(n));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn columns_give_the_cells_that_their_text_gives(seed in any::<u64>()) {
        let rng = &mut Rng::with_seed(seed);
        let batch = random_batch(rng);
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("f.parquet");
        let properties = WriterProperties::builder()
            .set_dictionary_enabled(rng.bool())
            .set_max_row_group_row_count(Some(rng.usize(1..40)))
            .set_data_page_row_count_limit(rng.usize(1..20))
            .set_write_batch_size(rng.usize(1..20));
        write(&path, &batch, properties.build());
        let projection = specs(rng);
        let text = lines(&path);
        let name: Arc<str> = path.display().to_string().into();
        let chunk = Chunk { bytes: text.as_bytes(), name: &name, first_line: 0, is_last: true };
        let expected = Decoder::new(&projection, Identity::Hashed).decode(&chunk).unwrap();
        let (found, documents) = decoded(&path, &projection);
        prop_assert_eq!(documents, text.lines().collect::<Vec<_>>());
        let hashes: Vec<u64> = found.iter().flat_map(|batch| batch.id_hash.clone().unwrap()).collect();
        prop_assert_eq!(Some(hashes), expected.id_hash.clone());
        let stored = |batch: &EventBatch| {
            let n = batch.rows.len();
            let of_row = |row: usize| batch.stored_ids.get(row).copied().flatten();
            (0..n).map(of_row).collect::<Vec<_>>()
        };
        prop_assert_eq!(found.iter().flat_map(stored).collect::<Vec<_>>(), stored(&expected));
        let (found, expected) = (cells(&found), cells(&[expected]));
        for (row, (found, expected)) in found.iter().zip(&expected).enumerate() {
            prop_assert_eq!(found, expected, "row {}: {} in {:?}", row, text.lines().nth(row).unwrap(), projection.specs());
        }
        prop_assert_eq!(found.len(), expected.len());
    }
}

#[test]
fn rows_beyond_the_limits_are_skipped() {
    let long = "x".repeat(crate::event::decode::MAX_VALUE_BYTES + 1);
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["x", &long, "y"]));
    let batch = RecordBatch::try_from_iter([("a", texts)]).unwrap();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("f.parquet");
    write(&path, &batch, WriterProperties::new());
    let projection = Projection::new(vec![ColumnSpec::new("a", &FieldPath::new("a"), ColumnKind::Elements)]);
    let name: Arc<str> = path.display().to_string().into();
    let text = lines(&path);
    let chunk = Chunk { bytes: text.as_bytes(), name: &name, first_line: 0, is_last: true };
    let expected = Decoder::new(&projection, Identity::Hashed).decode(&chunk).unwrap();
    let (found, documents) = decoded(&path, &projection);
    assert_eq!(documents, [r#"{"a":"x"}"#, r#"{"a":"y"}"#]);
    let mut skipped = SkippedLines::default();
    found.iter().for_each(|batch| skipped.merge(batch.skipped.clone()));
    assert_eq!((&skipped, skipped.total()), (&expected.skipped, 1));
    assert_eq!(cells(&found), cells(&[expected]));
}

/// Reads a file to its end, or to its first fault.
fn fault(path: &std::path::Path) -> Option<String> {
    let file = InputFile::new(Some(path.to_owned())).unwrap();
    let opened = crate::sources::files::formats::open(&file, &Arc::default(), &crate::runtime::Interrupt::default());
    let mut blocks = match opened {
        Ok((blocks, _)) => blocks,
        Err(error) => return Some(error.to_string()),
    };
    let projection = Projection::new(vec![ColumnSpec::new("d", &FieldPath::new("d"), ColumnKind::Elements)]);
    blocks.want(&projection, None);
    while let Some(block) = blocks.next().unwrap() {
        let batch = block.decode(&mut Decoder::new(&projection, Identity::Hashed), &file.name).unwrap();
        if batch.fault.is_some() {
            return batch.fault;
        }
    }
    None
}

/// The schema of Arrow in the footer, which is damaged here byte by byte, makes the library panic.
#[test]
fn damage_in_the_footer_is_an_error() {
    let durations = Arc::new(arrow::array::DurationSecondArray::from(vec![1, 2])) as ArrayRef;
    let dates = Arc::new(Date32Array::from(vec![1, 2])) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("d", durations), ("e", dates)]).unwrap();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("f.parquet");
    write(&path, &batch, WriterProperties::new());
    let whole = std::fs::read(&path).unwrap();
    let mut messages = Vec::new();
    for at in whole.len() / 3..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x15;
        std::fs::write(&path, &damaged).unwrap();
        messages.extend(fault(&path));
    }
    assert!(messages.iter().any(|message| message.starts_with("the Parquet library fails on it: ")), "{messages:?}");
}

#[test]
fn row_groups_outside_of_all_windows_are_recognised() {
    let times: Vec<i64> = (0..6).map(|day| (1_714_521_600 + day * 86_400) * 1000).collect();
    let times = TimestampMillisecondArray::from(times).with_timezone("UTC");
    let texts = StringArray::from(vec![Some("a"), Some("b"), None, None, Some("a"), Some("a")]);
    let columns: [(&str, ArrayRef); 3] =
        [("t", Arc::new(times)), ("q", Arc::new(texts.clone())), ("x", Arc::new(texts))];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("f.parquet");
    write(&path, &batch, WriterProperties::builder().set_max_row_group_row_count(Some(2)).build());
    let file = ParquetFile::open(path).unwrap();
    let spec = |(name, kind)| ColumnSpec::new(name, &FieldPath::new(name), kind);
    let specs = [("t", ColumnKind::Time), ("q", ColumnKind::Leaves), ("x", ColumnKind::Elements)].map(spec);
    let projection = Projection::new(specs.to_vec());
    let unread = |window: (i64, i64)| {
        let [from, to] = [window.0, window.1].map(|day| (1_714_521_600 + day * 86_400) * 1_000_000);
        let windows = vec![crate::query::TimeWindow { from, to }];
        let outside = OutsideWindows { time: 0, windows, needed: vec![1] };
        let columns = projection.array_columns(file.schema());
        let outside = Outside::new(&file, &projection, &columns, &outside).unwrap();
        assert_eq!(outside.mask, file.mask(Some(&[1])));
        let unread = file.row_groups().iter().map(|row_group| outside.unread(row_group));
        unread.map(|unread| unread.map(|unread| unread.filled)).collect::<Vec<_>>()
    };
    assert_eq!(unread((3, 3)), [Some(vec![2]), None, Some(vec![2])]);
    assert_eq!(unread((4, 9)), [Some(vec![2]), Some(vec![]), None]);
    assert_eq!(unread((1, 4)), [None, None, None]);
    assert_eq!(unread((6, 9)), [Some(vec![2]), Some(vec![]), Some(vec![2])]);
    // rows of which nothing is read at all still count
    let windows = vec![crate::query::TimeWindow { from: 0, to: 1 }];
    let mut blocks = RowBlocks::new(file);
    blocks.want(&projection, Some(&OutsideWindows { time: 0, windows, needed: vec![] }));
    let mut rows = Vec::new();
    while let Some(block) = blocks.next().unwrap() {
        let batch = block.decode(&mut Decoder::new(&projection, Identity::NotWanted), &Arc::from("f")).unwrap();
        assert_eq!((&batch.fault, batch.rows.len()), (&None, 2));
        rows.extend(cells(&[batch]));
    }
    assert_eq!(rows.len(), 6);
    assert!(rows.iter().all(|row| row[0].is_some() && row[1] == Some(vec![]) && row[2].is_none()));
}
