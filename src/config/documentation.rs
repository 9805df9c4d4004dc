//! The documentation against the keys that the readers ask for.

use super::keys::asked_in_this_thread;
use super::models::ModelType;
use super::notifiers::ChannelType;

const GUIDES: [&str; 4] = [
    include_str!("../../docs/configuration.md"),
    include_str!("../../docs/elasticsearch.md"),
    include_str!("../../docs/notifiers.md"),
    include_str!("../../use_cases/README.md"),
];

/// Returns every key of every section, by loading a configuration with one use case per model
/// and one channel per type.
fn keys() -> Vec<&'static str> {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let use_cases: String = ModelType::ALL.iter().map(|model| format!("[{}_a]\n", model.as_str())).collect();
    let use_cases = write("use_cases.conf", &use_cases);
    let channel = |name: &&str| format!("[notifier_{name}]\ntype={name}\n");
    let channels: String = ChannelType::NAMES.iter().map(|(name, _)| channel(name)).collect();
    asked_in_this_thread::take();
    super::load(&[write("main.conf", &format!("[general]\n{channels}"))], &[use_cases.display().to_string()]);
    asked_in_this_thread::take().into_iter().collect()
}

#[test]
fn every_key_is_documented() {
    let keys = keys();
    assert!(keys.len() > 60, "{keys:?}");
    for known in
        ["es_url", "log_level", "email_notifier", "schedule", "es_query_filter", "trigger_method", "size_window"]
    {
        assert!(keys.contains(&known), "no reader asks for {known}");
    }
    let is_documented = |key: &&&str| GUIDES.iter().any(|guide| guide.contains(&format!("`{key}`")));
    let missing: Vec<&&str> = keys.iter().filter(|key| !is_documented(key)).collect();
    assert!(missing.is_empty(), "no guide has {missing:?}");
}
