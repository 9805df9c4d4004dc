use serde_json::json;

use super::*;

fn inventory(events: &[String], n_bytes: usize) -> FieldInventory {
    let times = HashMap::from([("ts".to_owned(), TimeFormats::default())]);
    let collector = FieldCollector::with_memory(times, &std::env::temp_dir(), n_bytes);
    collector.add(events).unwrap();
    collector.finish().unwrap()
}

fn shown(inventory: &FieldInventory) -> String {
    format!("{inventory:?}")
}

#[test]
fn fields_are_counted_by_event_and_by_value() {
    let event = |n: u64| {
        json!({"ts": 1_591_367_999 + n, "user": {"name": format!("u{}", n % 3)}, "tags": ["a", "b"], "gone": null,
            "mixed": if n == 0 { json!(1) } else { json!("x") }})
        .to_string()
    };
    let found = inventory(&(0..10).map(event).collect::<Vec<_>>(), MEMORY_BYTES);
    assert_eq!((found.events, found.names, found.fields.len()), (10, 4, 4));
    let names: Vec<&str> = found.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["mixed", "tags", "ts", "user.name"]);
    let tags = found.field("tags").unwrap();
    assert_eq!((tags.events, tags.values, tags.lists, tags.distinct), (10, 20, 10, 2));
    let mixed = found.field("mixed").unwrap();
    assert_eq!(mixed.kinds, [(ValueKind::Text, 9), (ValueKind::Integer, 1)]);
    assert_eq!(mixed.numbers, Some((1.0, 1.0)));
    let times = found.field("ts").unwrap();
    assert_eq!(times.main_kind(), ValueKind::Time);
    assert_eq!(times.times.range(), Some((1_591_367_999_000_000, 1_591_368_008_000_000)));
    let user = found.field("user.name").unwrap();
    assert_eq!(user.examples[0], FieldExample { text: "u0".to_owned(), is_cut: false, count: 4 });
    assert_eq!(shown(&inventory(&[], MEMORY_BYTES)), shown(&FieldInventory::default()));
}

#[test]
fn order_memory_and_threads_do_not_matter() {
    let event = |n: u64| json!({"a": n, "b": {format!("k{}", n % 700): n * 7 % 5_000, "x": ["y", n]}}).to_string();
    let mut events: Vec<String> = (0..6_000).map(event).collect();
    let whole = inventory(&events, MEMORY_BYTES);
    assert_eq!((whole.events, whole.names), (6_000, 702));
    assert!(whole.fields[0].is_estimate);
    events.reverse();
    let small = inventory(&events, 100_000);
    assert_eq!(shown(&small), shown(&whole));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(7).build().unwrap();
    assert_eq!(shown(&pool.install(|| inventory(&events, 1_000_000))), shown(&whole));
}

#[test]
fn of_a_million_names_those_that_most_events_have_stay() {
    let noise = |n: u64| {
        let names: serde_json::Map<String, serde_json::Value> =
            (0..10_000).map(|k| (format!("noise {}", n * 10_000 + k), json!(k))).collect();
        json!({"user": "u", "noise": names}).to_string()
    };
    let events: Vec<String> = (0..20).map(noise).chain([json!({"user": "v"}).to_string()]).collect();
    let found = inventory(&events, 4 << 20);
    assert_eq!((found.events, found.names, found.fields.len()), (21, 200_001, MOST_FIELDS));
    assert_eq!(found.fields[0].name, "user");
    assert_eq!(found.left_out.len(), NAMED_LEFT_OUT);
    assert!(found.left_out.iter().all(|name| found.field(name).is_none()));
}
