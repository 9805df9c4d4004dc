use std::time::Duration;

use crate::config::{Channel, Configuration, LoadOptions, MailTls, Severity, load_in};

const USE_CASE: &str =
    "[simplequery_a]\nes_query_filter=a:b\noutlier_type=t\noutlier_reason=r\noutlier_summary=s\nrun_model=1\n";

fn load_texts(main: &str, use_case: &str) -> Configuration {
    load_with(main, use_case, &[])
}

fn load_with(main: &str, use_case: &str, variables: &[(&str, &str)]) -> Configuration {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let use_cases = write("u.conf", &format!("{USE_CASE}{use_case}"));
    let variable =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    load_in(&[write("main.conf", main)], &[use_cases.display().to_string()], &LoadOptions::default(), &variable)
}

/// `KEY: MESSAGE` of each problem, and the word for its severity.
fn problems(settings: &Configuration) -> Vec<String> {
    let shown = |problem: &crate::config::Problem| {
        let severity = if problem.severity == Severity::Error { "error" } else { "warning" };
        format!("{severity} {}: {}", problem.key.as_deref().unwrap_or_default(), problem.message)
    };
    settings.problems.iter().map(shown).collect()
}

#[test]
fn the_old_section_is_a_channel_with_defaults() {
    let old = "[notifier]\nemail_notifier=True\nsmtp_server=smtp.example\nsmtp_port=465\nsmtp_user=a@example.org\n\
        smtp_pass=hunter2\nnotification_email=soc@example.org\nmax_cache_ignore=500\n";
    let settings = load_texts(old, "should_notify=1\n");
    assert_eq!(problems(&settings), [""; 0]);
    assert!(!format!("{settings:?}").contains("hunter2"));
    let [channel] = settings.main.notifiers.channels.as_slice() else { panic!("{settings:?}") };
    assert_eq!((channel.name.as_str(), channel.min_score, channel.digest_above), ("mail", None, 50));
    assert_eq!((channel.rate_limit.get(), channel.timeout), (60, Duration::from_secs(30)));
    let Channel::Mail(mail) = &channel.channel else { panic!("{channel:?}") };
    assert_eq!((mail.encryption, mail.from.to_string()), (MailTls::Smtps, "a@example.org".to_owned()));
    assert!(settings.use_cases[0].notifies("mail"));
    assert_eq!(settings.main.notifiers.give_up_after, Duration::from_secs(72 * 3600));
    for (port, encryption) in [("587", MailTls::StartTls), ("25", MailTls::StartTls), ("10465", MailTls::Smtps)] {
        let settings = load_texts(&old.replace("465", port), "");
        let Channel::Mail(mail) = &settings.main.notifiers.channels[0].channel else { panic!("{settings:?}") };
        assert_eq!(mail.encryption, encryption, "{port}");
    }
    // what ships with old configurations is switched off, and has placeholders
    let off = old.replace("True", "0").replace("a@example.org", "user").replace("hunter2", "");
    let settings = load_texts(&off, "");
    assert_eq!(problems(&settings), [""; 0]);
    assert_eq!(settings.main.notifiers.switched_off, ["mail"]);
    // an old user without a domain stays the sender
    let settings = load_texts(&old.replace("a@example.org", "mailer"), "");
    assert_eq!(problems(&settings), ["warning smtp_user: not an e-mail address: the sender is mailer@smtp.example"]);
}

#[test]
fn use_cases_name_their_channels() {
    let main = "[notifier_a]\ntype=syslog\nserver=s\n[notifier_b]\ntype=syslog\nserver=s\nenabled=0\n";
    for (use_case, told, expected) in [
        ("", [false, false], &[][..]),
        ("notify=a\n", [true, false], &[]),
        ("notify=a, b\n", [true, true], &[]),
        ("should_notify=1\n", [true, true], &[]),
        ("should_notify=1\nnotify=b\n", [false, true], &[]),
        ("should_notify=0\nnotify=a\n", [false, false], &[]),
        ("notify=\n", [false, false], &[]),
        (
            "notify=a,chanel\n",
            [true, false],
            &["warning notify: no channel is called `chanel`: nobody is told through it"],
        ),
    ] {
        let settings = load_texts(main, use_case);
        assert_eq!(["a", "b"].map(|name| settings.use_cases[0].notifies(name)), told, "{use_case}");
        assert_eq!(problems(&settings), expected, "{use_case}");
        assert!(settings.use_cases[0].arbitrary.is_empty(), "{use_case}");
    }
}

/// Main configurations, and the problem of each.
const MISTAKES: &[(&str, &str)] = &[
    ("[notifier_]\ntype=slack", "error : not a name of a channel"),
    ("[notifier_a b]\ntype=slack", "error : not a name of a channel"),
    ("[notifier]\nemail_notifier=0\n[notifier_mail]\ntype=mail", "error : [notifier] is the channel `mail` already"),
    ("[notifier_a]\nurl=https://a", "error type: missing"),
    ("[notifier_a]\ntype=slak", "error type: unknown value `slak`"),
    ("[notifier_a]\ntype=slack", "error url: missing"),
    ("[notifier_a]\ntype=slack\nurl=hooks.slack.com", "error url: not an address"),
    (
        "[notifier_a]\ntype=slack\nurl=http://hooks.example",
        "warning url: without TLS, anyone between here and the receiver can read everything",
    ),
    (
        "[notifier_a]\ntype=slack\nurl=https://a\nverify_certs=0",
        "warning verify_certs: certificates are not verified: anyone between here and the server can read everything",
    ),
    ("[notifier_a]\ntype=slack\nurl=https://a\nrate_limit=0", "error rate_limit: not a number from 1 on: `0`"),
    ("[notifier_a]\ntype=slack\nurl=https://a\ntimeout=601", "error timeout: not a number from 1 to 600: `601`"),
    ("[notifier_a]\ntype=slack\nurl=https://a\nmin_score=101", "error min_score: not a number from 0 to 100: `101`"),
    ("[notifier_a]\ntype=slack\nurl=https://a\nrate_limt=1", "warning : unknown key"),
    ("[notifier_a]\ntype=webhook\nurl=https://a\nheaders=X", "error headers: not a list of headers"),
    ("[notifier_a]\ntype=thehive\nurl=https://a?x=1\napi_key=k", "error url: more than an address"),
    (
        "[notifier_a]\ntype=thehive\nurl=https://a\napi_key=k\napi=4\ntlp=amber+strict",
        "error tlp: unknown value `amber+strict`",
    ),
    (
        "[notifier_a]\ntype=thehive\nurl=https://a\napi_key=k\nobservables=user",
        "error observables: not a list of pairs: `user`",
    ),
    (
        "[notifier_a]\ntype=thehive\nurl=https://a\napi_key=k\ncustom_fields=a:text = b",
        "error custom_fields: not a list of fields: `a:text = b`",
    ),
    ("[notifier_a]\ntype=thehive\nurl=https://a", "error api_key: missing"),
    ("[notifier_a]\ntype=elastic\ndata_stream=Logs-*", "error data_stream: not the name of a data stream: `Logs-*`"),
    ("[notifier_a]\ntype=syslog", "error server: missing"),
    ("[notifier_a]\ntype=syslog\nserver=s\nfacility=local8", "error facility: not a facility: `local8`"),
    (
        "[notifier_a]\ntype=syslog\nserver=s\nformat=rfc5424\nmax_bytes=479",
        "error max_bytes: not a size from 480 to 65000: `479`",
    ),
    (
        "[notifier_a]\ntype=syslog\nserver=s\nmax_bytes=480",
        "error max_bytes: not a size from 600 to 65000, which cef needs: `480`",
    ),
    (
        "[notifier_a]\ntype=mail\nsmtp_server=s\nsmtp_from=x\nnotification_email=a@b.c",
        "error smtp_from: not an e-mail address",
    ),
    (
        "[notifier_a]\ntype=mail\nsmtp_server=s\nsmtp_from=a@b.c\nnotification_email=a",
        "error notification_email: not an e-mail address",
    ),
    (
        "[notifier_a]\ntype=mail\nsmtp_server=s\nsmtp_user=a@b.c\nsmtp_pass=p\nsmtp_tls=none\nnotification_email=a@b.c",
        "error smtp_tls: the password would be readable on its way",
    ),
    ("[general]\nnotify_give_up_hours=-1", "error notify_give_up_hours: not a number of hours from 0 on: `-1`"),
];

#[test]
fn mistakes_in_channels_are_told() {
    let mut wrong = Vec::new();
    for (main, expected) in MISTAKES {
        let settings = load_texts(&format!("{main}\n"), "");
        let found: Vec<String> =
            problems(&settings).into_iter().map(|text| text.replace("rate_limt: ", ": ")).collect();
        let n_errors = usize::from(expected.starts_with("error"));
        if found != [*expected] || settings.main_errors != n_errors {
            wrong.push(format!("{main}\n{found:?}\n"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_section_that_is_nearly_a_channel_is_told() {
    let settings = load_texts("[notifer]\nemail_notifier=0\n", "");
    assert_eq!(settings.problems[0].help.as_deref(), Some("did you mean [notifier]?"));
}

#[test]
fn secrets_may_be_in_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, "key in a file\n").unwrap();
    let main = "[notifier_hive]\ntype=thehive\nurl=https://a\n[notifier_soc]\ntype=slack\nurl=https://b\n";
    let variables = [
        ("notifier_hive_api_key_file", path.to_str().unwrap()),
        ("notifier_soc_url", "https://not-this-one"),
        ("notifier_soc_proxy", "http://proxy"),
        ("notifier_soc_headers", ""),
    ];
    let settings = load_with(main, "", &variables);
    assert_eq!(problems(&settings), [""; 0]);
    let channel = |name: &str| settings.main.notifiers.channel(name).map(|channel| &channel.channel);
    let Some(Channel::TheHive(hive)) = channel("hive") else { panic!("{settings:?}") };
    assert_eq!(hive.api_key.expose(), "key in a file");
    let Some(Channel::Slack(slack)) = channel("soc") else { panic!("{settings:?}") };
    assert_eq!(slack.http.url.expose(), "https://b", "the file comes first");
    assert_eq!(slack.http.proxy.as_ref().map(crate::config::Secret::expose), Some("http://proxy"));
    let wrong = load_with(main, "", &[("notifier_hive_api_key_file", "no-such-file")]);
    assert_eq!(wrong.main_errors, 1, "{:?}", wrong.problems);
}
