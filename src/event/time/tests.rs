use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::*;

fn instant(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros()
}

fn check(text: &str, expected: &str) {
    assert_eq!(TimeFormats::default().micros_of_text(text), Some(instant(expected)), "{text}");
}

#[test]
fn forms_of_iso_8601() {
    for text in [
        "2024-05-08T10:20:30.5Z",
        "2024-05-08t10:20:30.5z",
        "2024-05-08 10:20:30,5",
        "2024-05-08  10:20:30.500000000000 UTC",
        "2024-05-08T10:20:30.5+00:00",
        "2024-05-08 10:20:30.5 +0000",
        "2024-05-08T12:20:30.5 +02",
        "2024-05-08T05:20:30.5-0500",
        "2024-05-08T12:20:30.5+02:00[Europe/Paris]",
        "20240508T102030.5Z",
        "20240508102030.5Z",
        "20240508 102030.5",
        "2024-W19-3T10:20:30.5Z",
        "2024W193T102030.5Z",
        "2024-129T10:20:30.5Z",
        "2024129T102030.5Z",
        "2024/05/08 10:20:30.5",
        "2024/5/8 10:20:30.5",
        "2024.05.08 10:20:30.5 AM",
        "  2024-05-08T10:20:30.5Z ",
        "[2024-05-08T10:20:30.5Z]",
    ] {
        check(text, "2024-05-08T10:20:30.5Z");
    }
    for (text, expected) in [
        ("2024-W19", "2024-05-06T00:00:00Z"),
        ("2024-129", "2024-05-08T00:00:00Z"),
        ("20240508", "2024-05-08T00:00:00Z"),
        ("2024-05", "2024-05-01T00:00:00Z"),
        ("2024", "2024-01-01T00:00:00Z"),
        ("2024-05-08Z", "2024-05-08T00:00:00Z"),
        ("2024-05-08 +02:00", "2024-05-07T22:00:00Z"),
        ("2024-05-08T24:00:00Z", "2024-05-09T00:00:00Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2024-05-08T10:20,5", "2024-05-08T10:20:30Z"),
        ("2024-05-08T10.25Z", "2024-05-08T10:15:00Z"),
        ("2024-05-08T10:20:30.123456789123Z", "2024-05-08T10:20:30.123456Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999Z"),
    ] {
        check(text, expected);
    }
}

#[test]
fn forms_with_names_of_months() {
    for text in [
        "Wed, 08 May 2024 10:20:30 +0000",
        "Wed, 8 May 2024 12:20:30 +0200 (CEST)",
        "8 May 2024 05:20:30 EST",
        "8 May 24 10:20:30 GMT",
        "Wednesday, 08-May-24 10:20:30 GMT",
        "08/May/2024:10:20:30 +0000",
        "[08/May/2024:12:20:30 +0200]",
        "Wed May  8 10:20:30 2024",
        "Wed May  8 10:20:30 UTC 2024",
        "Wed May 08 2024 12:20:30 GMT+0200 (Central European Summer Time)",
        "May  8 2024 10:20:30",
        "May 08 2024 10:20:30:",
        "May 8, 2024 10:20:30 AM",
        "May 8, 2024, 10:20:30 AM",
        "May 8, 2024 @ 10:20:30.000",
        "08-May-2024 10:20:30.000",
        "2024-May-08 10:20:30",
    ] {
        check(text, "2024-05-08T10:20:30Z");
    }
    check("8 May 2024", "2024-05-08T00:00:00Z");
    check("Sept 8, 1994 12:00 am", "1994-09-08T00:00:00Z");
    check("/Date(1715163630000)/", "2024-05-08T10:20:30Z");
    check("/Date(1715163630000+0200)/", "2024-05-08T10:20:30Z");
    check("/Date(-1000)/", "1969-12-31T23:59:59Z");
}

#[test]
fn units_of_numbers_follow_from_their_size() {
    for text in [
        "1715163630",
        "+1715163630",
        "1715163630.0",
        "1.71516363e9",
        "1715163630000",
        "1715163630000.25",
        "1715163630000000",
        "1715163630000000000",
    ] {
        let expected = instant("2024-05-08T10:20:30Z") + if text.ends_with("25") { 250 } else { 0 };
        let formats = TimeFormats::default();
        assert_eq!(formats.micros_of_text(text), Some(expected), "{text}");
        assert_eq!(formats.micros_of_number(text), Some(expected), "{text}");
    }
    check("1714557600.774572", "2024-05-01T10:00:00.774572Z");
    check("31536000", "1971-01-01T00:00:00Z");
    check("9999999999", "2286-11-20T17:46:39Z");
    check("31536000000", "1971-01-01T00:00:00Z");
    check("9999999999999999999", "2286-11-20T17:46:39.999999Z");
    for number in [
        "0",
        "-1",
        "-1715163630",
        "5",
        "2024",
        "20240508",
        "31535999",
        "10000000000",
        "31535999999",
        // 2024 in the clocks of Windows, .NET and Chrome
        "133596372300000000",
        "638507604300000000",
        "13359637230000000",
        "10000000000000000000",
        "1e400",
        "1e30",
        "99999999999999999999999999999999999999999",
    ] {
        assert_eq!(TimeFormats::default().micros_of_number(number), None, "{number}");
    }
}

#[test]
fn what_is_ambiguous_or_no_time_is_not_guessed() {
    for text in [
        "",
        " ",
        "x",
        "-",
        "now",
        "yesterday",
        "19.06.2024",
        "06/19/2024 10:00:00",
        "20.11.2026 10:00",
        "11/20/2026 10:00:00 AM",
        "10:20:30",
        "2024-13-01",
        "2023-02-29",
        "2024-05-08T25:00:00",
        "2024-05-08T24:00:01",
        "2024-05-08T10:60",
        "2024-05-08T10:20:30+99:00",
        "2024-05-08T10:20:30ZZ",
        "2024-05-08T10:20:30 CEST",
        "2024-05-08T10:20:30Z x",
        "2024-W54-1",
        "2024-W19-8",
        "2024-367",
        "2024-000",
        "2024000",
        "2024-05/08",
        "May 32 2024 10:00:00",
        "May 8",
        "Foo 8 10:00:00",
        "8 May 024 10:00:00",
        "0000-05-08 10:00:00 AM",
        "10000-05-08",
        "May 8 13:00:00 PM",
        "/Date()/",
        "/Date(x)/",
        "/Date(1",
        "1.",
        ".5",
        "1-1",
        "--5e9",
        "٢٠٢٤",
        "2024\u{2212}05",
        "é",
        "[",
        "+",
        "20245",
    ] {
        assert_eq!(TimeFormats::default().micros_of_text(text), None, "{text:?}");
    }
}

#[test]
fn years_that_are_missing_follow_from_the_newest_time() {
    let resolved = |text: &str, newest: &str| {
        let micros = TimeFormats::default().micros_of_text(text).unwrap();
        assert!(yearless::is(micros), "{text}");
        DateTime::from_timestamp_micros(yearless::resolve(micros, instant(newest))).unwrap().to_rfc3339()
    };
    for (text, newest, expected) in [
        ("Nov 20 10:00:00", "2026-11-26T00:00:00Z", "2026-11-20T10:00:00+00:00"),
        ("Nov  2 10:00:00", "2026-11-26T00:00:00Z", "2026-11-02T10:00:00+00:00"),
        ("<34>", "", ""),
        ("Nov 26 23:00:00", "2026-11-26T00:00:00Z", "2026-11-26T23:00:00+00:00"),
        ("Nov 27 01:00:00", "2026-11-26T00:00:00Z", "2025-11-27T01:00:00+00:00"),
        ("Dec 31 23:59:59", "2026-01-01T00:00:10Z", "2025-12-31T23:59:59+00:00"),
        ("Jan  1 00:10:00 EST", "2025-12-31T23:59:59Z", "2026-01-01T05:10:00+00:00"),
        ("Dec 31 23:00:00 EST", "2026-01-05T00:00:00Z", "2026-01-01T04:00:00+00:00"),
        ("Jan  1 01:00:00 GMT+0200", "2026-01-05T00:00:00Z", "2025-12-31T23:00:00+00:00"),
        ("Feb 29 10:00:00", "2027-01-05T00:00:00Z", "2024-02-29T10:00:00+00:00"),
        ("Feb 29 10:00:00", "1903-01-05T00:00:00Z", "1896-02-29T10:00:00+00:00"),
    ] {
        if !newest.is_empty() {
            assert_eq!(resolved(text, newest), expected, "{text} {newest}");
        }
    }
    assert_eq!(yearless::resolve(5, 10), 5);
    assert_eq!(TimeFormats::default().dated("Nov 20 10:00:00", 0), None);
}

#[test]
fn formats_of_the_user() {
    for (formats, text, expected) in [
        ("MM/dd/yyyy hh:mm:ss a", "11/20/2026 10:00:00 PM", "2026-11-20T22:00:00Z"),
        ("dd.MM.yyyy HH:mm", "20.11.2026 10:00", "2026-11-20T10:00:00Z"),
        ("dd.MM.yyyy HH:mm||MM/dd/yyyy", "11/20/2026", "2026-11-20T00:00:00Z"),
        ("d.M.yy H:mm", "2.1.26 9:05", "2026-01-02T09:05:00Z"),
        ("dd/MMM/yyyy:HH:mm:ss Z", "10/Oct/2000:13:55:36 -0700", "2000-10-10T20:55:36Z"),
        ("EEE MMM d HH:mm:ss yyyy", "Wed Jun  9 01:00:00 2024", "2024-06-09T01:00:00Z"),
        ("yyyyMMddHHmmssSSS", "20240508102030123", "2024-05-08T10:20:30.123Z"),
        ("yyyyMMddHH", "2024050810", "2024-05-08T10:00:00Z"),
        ("yyyy-MM-dd'T'HH:mm:ss.SSSX", "2024-05-08T10:20:30.123456+02", "2024-05-08T08:20:30.123456Z"),
        ("yyyy-MM-dd'T'HH:mm[:ss]", "2024-05-08T10:20", "2024-05-08T10:20:00Z"),
        ("YYYY-'W'ww-e", "2024-W19-3", "2024-05-08T00:00:00Z"),
        ("yyyy.D", "2024.129", "2024-05-08T00:00:00Z"),
        ("8uuuu/dd/MM 'o''clock' kk", "2024/08/05 o'clock 24", "2024-05-08T00:00:00Z"),
        ("epoch_second", "5", "1970-01-01T00:00:05Z"),
        ("epoch_second", "-1.5", "1969-12-31T23:59:58.5Z"),
        ("epoch_millis", "1715163630", "1970-01-20T20:26:03.63Z"),
        ("epoch_micros", "1715163630", "1970-01-01T00:28:35.16363Z"),
        ("epoch_nanos", "133596372300000000", "1974-03-27T06:06:12.3Z"),
        ("strict_date_optional_time || epoch_second", "2024-05-08", "2024-05-08T00:00:00Z"),
        ("basic_date_time", "20240508T102030.5Z", "2024-05-08T10:20:30.5Z"),
        // what no format reads is read as without formats
        ("epoch_second", "1715163630000", "2024-05-08T10:20:30Z"),
        ("dd.MM.yyyy", "Wed May  8 10:20:30 2024", "2024-05-08T10:20:30Z"),
    ] {
        let parsed = TimeFormats::parse(formats).unwrap().micros_of_text(text);
        assert_eq!(parsed, Some(instant(expected)), "{formats} {text}");
    }
    for (formats, text) in [
        ("dd.MM.yyyy", "31.02.2024"),
        ("dd.MM.yyyy", "1.2.2024"),
        ("dd.MM.yyyy", "01.02.2024 10:00"),
        ("hh a dd.MM.yyyy", "13 PM 01.02.2024"),
        ("dd.MM.yyyy HH", "01.02.2024 25"),
    ] {
        assert_eq!(TimeFormats::parse(formats).unwrap().micros_of_text(text), None, "{formats} {text}");
    }
    let syslog = TimeFormats::parse("MMM d HH:mm:ss").unwrap().micros_of_text("Nov  2 10:00:00").unwrap();
    assert!(yearless::is(syslog));
    assert_eq!(
        TimeFormats::parse("yyyyMMdd").unwrap().micros_of_number("20240508"),
        Some(instant("2024-05-08T00:00:00Z"))
    );
}

#[test]
fn formats_that_cannot_be_used() {
    for (text, format, at, reason) in [
        ("", "", 0, "empty"),
        ("epoch_second||", "", 14, "empty"),
        ("epoch_seconds", "epoch_seconds", 0, "did you mean `epoch_second`?"),
        ("strict_date_optional_tim", "strict_date_optional_tim", 0, "did you mean `date_optional_time`?"),
        ("yyyy-MM-ddTHH:mm", "yyyy-MM-ddTHH:mm", 0, "the letter `T`"),
        ("epoch_second||yyyy-MM-dd 'at HH", "yyyy-MM-dd 'at HH", 14, "quote without an end"),
        ("yyyy[-MM", "yyyy[-MM", 0, "`[` without `]`"),
        ("yyyy]", "yyyy]", 0, "`]` without `[`"),
        ("HH:mm:ss", "HH:mm:ss", 0, "no date"),
        ("hour_minute", "hour_minute", 0, ""),
        ("dd.MM.yyyy hh:mm", "dd.MM.yyyy hh:mm", 0, "AM or PM"),
    ] {
        let error = TimeFormats::parse(text).expect_err(text);
        assert_eq!((error.format.as_str(), error.at), (format, at), "{text}");
        assert!(error.reason.contains(reason), "{text}: {error}");
    }
}

/// Forms in which `time` may be written, with microseconds unless the form has no place for them.
fn written(time: DateTime<Utc>, offset_minutes: i32) -> Vec<(String, i64)> {
    let local = time + TimeDelta::minutes(i64::from(offset_minutes));
    let (sign, minutes) = (if offset_minutes < 0 { '-' } else { '+' }, offset_minutes.abs());
    let zone = format!("{sign}{:02}{:02}", minutes / 60, minutes % 60);
    let micros = time.timestamp_micros();
    let seconds = micros.div_euclid(1_000_000) * 1_000_000;
    let mut forms = Vec::new();
    for form in [
        "%Y-%m-%dT%H:%M:%S%.6f",
        "%Y-%m-%dt%H:%M:%S,%6f",
        "%Y-%m-%d %H:%M:%S%.6f ",
        "%G-W%V-%uT%H:%M:%S%.6f",
        "%GW%V%uT%H%M%S%.6f",
        "%Y-%jT%H:%M:%S%.6f ",
        "%Y/%m/%d %H:%M:%S%.6f",
        "%Y.%m.%d %I:%M:%S%.6f %p ",
        "%d/%b/%Y:%H:%M:%S%.6f ",
        "%a %b %e %H:%M:%S%.6f %Y ",
        "%B %e, %Y %I:%M:%S%.6f %p ",
        "%Y-%b-%d %H:%M:%S%.6f ",
    ] {
        forms.push((format!("{}{zone}", local.format(form)), micros));
    }
    forms.push((format!("{}{zone}", local.format("%a, %d %b %Y %H:%M:%S ")), seconds));
    forms.push((format!("/Date({})/", micros.div_euclid(1_000)), micros.div_euclid(1_000) * 1_000));
    forms
}

proptest! {
    #[test]
    fn printed_instants_are_read_again(
        micros in -62_000_000_000_000_000_i64..253_300_000_000_000_000,
        offset_minutes in -18 * 60..=18 * 60,
    ) {
        for (text, expected) in written(DateTime::from_timestamp_micros(micros).unwrap(), offset_minutes) {
            prop_assert_eq!(TimeFormats::default().micros_of_text(&text), Some(expected), "{}", text);
        }
    }

    #[test]
    fn basic_forms_and_counts_are_read_again(micros in 31_536_000_000_000_i64..9_999_999_999_999_999) {
        let time = DateTime::from_timestamp_micros(micros).unwrap();
        let seconds = micros / 1_000_000;
        for (text, expected) in [
            (time.format("%Y%m%dT%H%M%S%.6fZ").to_string(), micros),
            (time.format("%Y%m%d%H%M%S%.6f").to_string(), micros),
            (time.format("%Y%jT%H%M%S%.6fZ").to_string(), micros),
            (seconds.to_string(), seconds * 1_000_000),
            (format!("{seconds}.{:06}", micros % 1_000_000), micros),
            ((micros / 1_000).to_string(), micros / 1_000 * 1_000),
            (micros.to_string(), micros),
        ] {
            prop_assert_eq!(TimeFormats::default().micros_of_text(&text), Some(expected), "{}", text);
        }
        if seconds >= 1_000_000_000 {
            prop_assert_eq!(TimeFormats::default().micros_of_number(&format!("{micros}123")), Some(micros));
        }
    }

    #[test]
    fn patterns_read_what_they_print(micros in -62_000_000_000_000_000_i64..253_300_000_000_000_000) {
        let time = DateTime::from_timestamp_micros(micros).unwrap();
        for (pattern, form) in [
            ("dd.MM.yyyy HH:mm:ss.SSSSSS", "%d.%m.%Y %H:%M:%S%.6f"),
            ("M/d/yyyy h:mm:ss,SSSSSS a", "%-m/%-d/%Y %-I:%M:%S,%6f %p"),
            ("yyyyMMddHHmmssSSSSSS", "%Y%m%d%H%M%S%6f"),
            ("EEEE, d MMMM yyyy kk:mm:ss.SSSSSS", "%A, %-d %B %Y %H:%M:%S%.6f"),
            ("YYYY'-W'ww'-'e'T'HH:mm:ss.S", "%G-W%V-%uT%H:%M:%S%.6f"),
        ] {
            let text = time.format(form).to_string().replace(" 00:", if pattern.contains("kk") { " 24:" } else { " 00:" });
            let formats = TimeFormats::parse(pattern).unwrap();
            prop_assert_eq!(formats.in_formats(&text, 0).map(|parsed| parsed.micros), Some(micros), "{} {}", pattern, text);
        }
    }

    #[test]
    fn no_text_panics(
        text in "[0-9TZWtz:.,+/()\\[\\] -]{0,32}|(Wed|May|Nov|2024|[0-9:/ ,+-]){0,8}|.{0,16}",
        format in "[yMdHhmsSaZDwYe'\\[\\]|: .]{0,12}|.{0,12}",
        micros in any::<i64>(),
        reference in any::<i64>(),
    ) {
        let formats = TimeFormats::parse(&format).unwrap_or_default();
        for micros in [formats.micros_of_text(&text), formats.micros_of_number(&text)].into_iter().flatten() {
            prop_assert!(yearless::is(micros) || DateTime::from_timestamp_micros(micros).is_some());
            let _ = yearless::resolve(micros, reference);
        }
        let _ = yearless::resolve(micros, reference);
    }
}
