//! Events of a small company, with findings of every kind among them.

use std::fmt::Write as _;

use serde_json::json;

pub(super) const MAIN: &str = "[assets]\nhost=host\nuser=user\n[whitelist_literals]\nharmless=harmless.exe\n";

/// Text that would run, load or restyle something if it were taken for markup or script.
pub(super) const HOSTILE: &str = "</script><script>document.title='pwned'</script><img src=x onerror=alert(1)>\
    <style>body{display:none}</style>\" onmouseover=\"x {{ 7 * 7 }} \u{2028}\u{202e}gnp.exe";

/// One use case of each kind, and one that matches nothing.
pub(super) const USE_CASES: &str = "\
[terms_rare_process]
es_query_filter=*
aggregator=host
target=process
target_count_method=within_aggregator
trigger_on=low
trigger_method=float
trigger_sensitivity=2
technique=T1204
severity=high
outlier_type=a
outlier_reason=b
outlier_summary={process} on {host}
run_model=1

[metrics_long_command]
es_query_filter=*
aggregator=host
target=command
metric=length
trigger_on=high
trigger_method=mad
trigger_sensitivity=10
technique=T1027
severity=medium
outlier_type=a
outlier_reason=b
outlier_summary=long command of {user}
run_model=1

[simplequery_shell]
es_query_filter=process:bash
technique=T1059.004
severity=critical
outlier_type=a
outlier_reason=b
outlier_summary=shell: {process}
run_model=1

[sudden_appearance_user]
es_query_filter=*
aggregator=host
target=user
sliding_window_size=1:00:00
sliding_window_step_size=1:00:00
outlier_type=a
outlier_reason=b
outlier_summary=new user {user}
run_model=1

[simplequery_nothing]
es_query_filter=process:nothing
technique=T1003
outlier_type=a
outlier_reason=b
outlier_summary=c
run_model=1

[simplequery_numbered]
es_query_filter=process:number*
outlier_type=a
outlier_reason=b
outlier_summary={process}
run_model=1
";

/// Findings of [`events`].
pub(super) const N_FINDINGS: usize = 11;

fn line(events: &mut String, second: usize, host: usize, process: &str, user: &str, command: &str) {
    let clock = format!("{:02}:{:02}:{:02}", second / 3600 % 24, second / 60 % 60, second % 60);
    let event = json!({
        "@timestamp": format!("2024-05-07T{clock}Z"),
        "host": format!("ws{host}"),
        "process": process,
        "user": user,
        "command": command,
    });
    writeln!(events, "{event}").expect("text");
}

/// Events of a day.
pub(super) fn events() -> String {
    let mut events = String::new();
    for number in 0..600 {
        let (process, user) = (["word.exe", "mail.exe", "chat.exe"][number % 3], ["ann", "bob"][number % 2]);
        let command = "x".repeat(10 + number % 7);
        line(&mut events, number * 120, number % 4, process, user, &command);
    }
    line(&mut events, 70_000, 1, "mimikatz.exe", "ann", "short text");
    line(&mut events, 70_100, 2, HOSTILE, "bob", "short text");
    line(&mut events, 70_200, 3, "harmless.exe", "bob", "short text");
    for second in [70_300, 70_301, 70_302] {
        line(&mut events, second, 0, "bash", "ann", "short text");
    }
    line(&mut events, 70_400, 1, "word.exe", "ann", &"y".repeat(400));
    line(&mut events, 70_500, 1, "word.exe", "mallory", "short text");
    events
}

/// Events, each of which is a finding of its own.
pub(super) fn many_events(n: usize) -> String {
    let mut events = String::new();
    for number in 0..n {
        line(&mut events, number, number % 4, &format!("number{number}"), "ann", "short text");
    }
    events
}
