//! A finding that does not exist, for trying a channel.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde_json::json;

use crate::config::FindingSeverity;
use crate::delivery::{FindingNotice, Notice, NoticeDocument};

/// Returns the sample of a time: receivers take those of different times for different ones.
pub fn sample(now: DateTime<Utc>) -> Notice {
    let key = format!("{:016x}", now.timestamp_micros());
    let now = now.trunc_subsecs(3);
    let document = json!({
        "@timestamp": now.to_rfc3339(),
        "host": {"name": "example-host"},
        "process": {"name": "powershell.exe", "command_line": "powershell -nop -w hidden \"<sample & test>\""},
        "user": {"name": "example-user"}
    });
    let observations =
        json!({"aggregator": "example-host", "term": "powershell.exe", "term_count": 1, "decision_frontier": 3.5});
    Notice::Sample(Box::new(FindingNotice {
        finding_id: format!("sample-{key}"),
        key,
        run_id: "sample".to_owned(),
        found_at: now,
        use_case: "terms_sample".to_owned(),
        outlier_type: vec!["sample".to_owned()],
        reason: vec!["this finding does not exist".to_owned()],
        summary: "a test of this channel: rare process powershell.exe <sample & test> on example-host".to_owned(),
        description: Some("Nothing happened: the notice tests that people can be told.".to_owned()),
        score: 42.0,
        severity: Some(FindingSeverity::Low),
        techniques: vec!["T1059.001".to_owned()],
        supported_by: Vec::new(),
        aggregator: Some("example-host".to_owned()),
        target: Some("powershell.exe".to_owned()),
        n_documents: 1,
        first: Some(now - TimeDelta::minutes(1)),
        last: Some(now),
        assets: vec!["host: example-host".to_owned(), "user: example-user".to_owned(), "ip: 192.0.2.1".to_owned()],
        example: Some(NoticeDocument {
            index: "sample".to_owned(),
            id: "1".to_owned(),
            source: Some(document.to_string()),
        }),
        observations: observations.as_object().cloned().unwrap_or_default(),
    }))
}
