//! Tests of the roll-up with outliers made by hand.

use std::path::Path;

use outlier_kernels::surprise::score;
use serde_json::json;

use super::*;
use crate::config::{Configuration, load};
use crate::elastic::DocumentId;
use crate::outlier::{FindingKey, Gathered, GatheredOutlier, rounded};
use crate::sources::DocumentKey;

/// Terms use cases `a` to `e`, with more keys each.
fn configuration(more: &[(&str, &str)], general: &str) -> Configuration {
    let folder = tempfile::tempdir().unwrap();
    let section = |name: &str| {
        let more: String = more.iter().filter(|(of, _)| *of == name).map(|(_, key)| format!("{key}\n")).collect();
        format!(
            "[terms_{name}]\nes_query_filter=x:*\ntarget=t\naggregator=a\ntarget_count_method=within_aggregator\n\
             trigger_on=low\ntrigger_method=float\ntrigger_sensitivity=1\noutlier_type=x\noutlier_reason=x\n\
             outlier_summary=x\nrun_model=1\n{more}\n"
        )
    };
    let (use_cases, main) = (folder.path().join("u.conf"), folder.path().join("main.conf"));
    std::fs::write(&use_cases, ["a", "b", "c", "d", "e"].map(section).concat()).unwrap();
    std::fs::write(&main, format!("[general]\n{general}\n")).unwrap();
    let configuration = load(&[main], &[use_cases.display().to_string()]);
    let errors: Vec<String> = configuration.problems.iter().map(ToString::to_string).collect();
    assert_eq!(errors, Vec::<String>::new());
    configuration
}

/// An outlier: use case, document, aggregator, target, bits of surprise, assets.
type Made<'a> = (usize, u64, &'a str, &'a str, f64, &'a [&'a str]);

fn gathered(made: &[Made<'_>]) -> StoredOutliers {
    let gathered = Gathered::new(&std::env::temp_dir());
    for (element, (use_case_idx, n, aggregator, target, surprise, assets)) in made.iter().enumerate() {
        let fields = json!({"summary": "s", "assets": assets});
        let outlier = json!({"fields": fields, "unwrapped_summary": format!("{target} at {n}")}).to_string();
        let id = DocumentId { index: "i".to_owned(), id: format!("{n:03}"), routing: None };
        let found = GatheredOutlier {
            document: DocumentKey { id, place: None },
            use_case_idx: *use_case_idx,
            element: element as u64,
            outlier,
            aggregator: 0,
            round: 1,
            finding: FindingKey::new(Some(aggregator), Some(target)),
            surprise: *surprise,
            // later documents happened earlier
            time: (*n > 0).then_some(1_000_000 * (1000 - *n as i64)),
        };
        gathered.extend([found]).unwrap();
    }
    gathered.store().unwrap()
}

fn roll_up(configuration: &Configuration, outliers: &StoredOutliers) -> RolledUp {
    let use_cases: Vec<Arc<UseCase>> = configuration.use_cases.iter().cloned().map(Arc::new).collect();
    let interrupt = Interrupt::default();
    let general = &configuration.main.general;
    RollUp { use_cases: &use_cases, general, spill_dir: Path::new("."), interrupt: &interrupt, keeps_scores: false }
        .run(outliers)
        .unwrap()
}

/// Findings as `USE_CASE AGGREGATOR TARGET: DOCUMENTS/OUTLIERS SURPRISE SUMMARY`.
fn shown(rolled_up: &RolledUp) -> Vec<String> {
    let text = |finding: &Finding| {
        let Finding { use_case, documents, outliers, surprise, summary, .. } = finding;
        let [aggregator, target] = [&finding.aggregator, &finding.target].map(|text| text.as_deref().unwrap_or("-"));
        format!("{use_case} {aggregator} {target}: {documents}/{outliers} {surprise} {summary}")
    };
    let findings = rolled_up.findings.top(usize::MAX).unwrap();
    assert_eq!(findings.len() as u64, rolled_up.findings.n_findings);
    findings.iter().map(text).collect()
}

/// Documents that are written, with the number of their outliers.
fn written(rolled_up: RolledUp, outliers: &StoredOutliers) -> Vec<(String, usize)> {
    let documents = outliers.documents(rolled_up.withheld).unwrap().next_block(|_| true).unwrap();
    documents.into_iter().map(|found| (found.document.id.id, found.outliers.len())).collect()
}

#[test]
fn outliers_of_a_finding_are_one_row() {
    let outliers = gathered(&[
        (0, 1, "h", "x", 3.0, &["host: h", "user: u"]),
        (0, 2, "h", "x", 5.0, &["host: h"]),
        // its document stores one with this summary
        (0, 2, "h", "x", 4.0, &["host: h"]),
        (0, 0, "h", "x", 1.0, &["host: h"]),
        (0, 3, "h", "y", 5.0, &[]),
        (1, 4, "h", "x", 6.0, &["user: u"]),
    ]);
    let rolled_up = roll_up(&configuration(&[], ""), &outliers);
    let expected =
        ["terms_b h x: 1/1 6 x at 4", "terms_a h x: 3/3 5 x at 2", "terms_a h y: 1/1 5 y at 3"].map(str::to_owned);
    assert_eq!(shown(&rolled_up), expected);
    let finding = &rolled_up.findings.top(2).unwrap()[1];
    assert_eq!((finding.first, finding.last), (Some(998_000_000), Some(999_000_000)));
    assert_eq!((finding.id.as_str(), &finding.assets[..]), ("002", &["host: h", "user: u"].map(str::to_owned)[..]));
    assert_eq!(finding.score, rounded(score(5.0)));
    assert_eq!(rolled_up.use_cases.iter().map(|counts| counts.findings).collect::<Vec<_>>(), [2, 1, 0, 0, 0]);
    assert_eq!(written(rolled_up, &outliers).len(), 5);
}

#[test]
fn use_cases_that_flag_the_same_event_support_each_other() {
    let outliers = gathered(&[
        (0, 1, "h", "x", 8.0, &[]),
        (1, 1, "h", "y", 6.0, &[]),
        // several of one use case are one sign
        (1, 1, "h", "z", 5.0, &[]),
        (2, 1, "g", "x", 4.0, &[]),
        (0, 2, "h", "w", 9.0, &[]),
    ]);
    let rolled_up = roll_up(&configuration(&[], ""), &outliers);
    let expected = [
        "terms_a h x: 1/1 12 x at 1",
        "terms_b h y: 1/1 12 y at 1",
        "terms_b h z: 1/1 12 z at 1",
        "terms_c g x: 1/1 12 x at 1",
        "terms_a h w: 1/1 9 w at 2",
    ];
    assert_eq!(shown(&rolled_up), expected.map(str::to_owned));
    let own: Vec<f64> = rolled_up.findings.top(5).unwrap().iter().map(|finding| finding.own_surprise).collect();
    assert_eq!(own, [8.0, 6.0, 5.0, 4.0, 9.0]);
    let findings = rolled_up.findings.top(5).unwrap();
    assert_eq!(findings[1].supported_by, ["terms_a", "terms_c"].map(str::to_owned));
    assert!(findings[4].supported_by.is_empty());
    // what is left out supports nothing
    let rolled_up = roll_up(&configuration(&[("b", &format!("min_score={}", score(6.5)))], ""), &outliers);
    assert_eq!(shown(&rolled_up)[0], "terms_a h x: 1/1 10 x at 1");
    assert_eq!(rolled_up.use_cases[1].left_out, LeftOut { below_min_score: 2, ..LeftOut::default() });
}

#[test]
fn different_weak_signs_outrank_many_equal_ones() {
    let repeated: Vec<String> = (0..100).map(|n| format!("t{n}")).collect();
    let mut made: Vec<Made<'_>> = repeated
        .iter()
        .enumerate()
        .map(|(n, target)| (0, n as u64, "x", target.as_str(), 4.0, &["host: x"][..]))
        .collect();
    made.extend((0..5).map(|use_case_idx| (use_case_idx, 200 + use_case_idx as u64, "y", "t", 2.0, &["host: y"][..])));
    // several outliers of one finding are one sign
    made.extend((0..3).map(|n| (4, 300 + n, "z", "t", 2.0 + n as f64, &["host: z"][..])));
    let rolled_up = roll_up(&configuration(&[], ""), &gathered(&made));
    let assets = &rolled_up.findings.assets;
    let shown: Vec<(&str, u64, usize)> =
        assets.iter().map(|asset| (asset.asset.as_str(), asset.findings, asset.use_cases.len())).collect();
    assert_eq!(shown, [("host: y", 5, 5), ("host: x", 100, 1), ("host: z", 1, 1)]);
    assert_eq!(assets.iter().map(|asset| asset.surprise).collect::<Vec<_>>(), [10.0, 8.0, 4.0]);
    assert_eq!(assets[0].score, rounded(score(10.0)));
}

#[test]
fn limits_keep_the_highest_scores() {
    let outliers = gathered(&[
        (0, 1, "h", "x", 3.0, &[]),
        (0, 2, "h", "x", 3.0, &[]),
        (0, 3, "h", "y", 3.0, &[]),
        (0, 4, "h", "z", 2.0, &[]),
        (1, 5, "h", "x", 1.0, &[]),
        (1, 6, "h", "x", 4.0, &[]),
    ]);
    let check = |more: &[(&str, &str)], general: &str, expected: &[&str]| {
        let rolled_up = roll_up(&configuration(more, general), &outliers);
        let counts: Vec<LeftOut> = rolled_up.use_cases.iter().map(|counts| counts.left_out).take(2).collect();
        let ids: Vec<String> = written(rolled_up, &outliers).into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids, expected, "{more:?} {general}");
        counts
    };
    let none = LeftOut::default();
    check(&[], "", &["001", "002", "003", "004", "005", "006"]);
    // of equal scores, the first event of each finding comes first
    let left_out = check(&[("a", "max_outliers=2")], "", &["002", "003", "005", "006"]);
    assert_eq!(left_out, [LeftOut { beyond_max_outliers: 2, ..none }, none]);
    let left_out = check(&[], "outlier_budget=3", &["002", "003", "006"]);
    assert_eq!(left_out, [LeftOut { beyond_budget: 2, ..none }, LeftOut { beyond_budget: 1, ..none }]);
    // what a use case has too much of leaves the budget to others
    let left_out = check(&[("a", "max_outliers=1")], "outlier_budget=3", &["002", "005", "006"]);
    assert_eq!(left_out, [LeftOut { beyond_max_outliers: 3, ..none }, none]);
    let general = format!("min_score={}", score(2.5));
    let left_out = check(&[("b", "min_score=0")], &general, &["001", "002", "003", "005", "006"]);
    assert_eq!(left_out, [LeftOut { below_min_score: 1, ..none }, none]);
}

#[test]
fn findings_count_documents_that_are_not_written() {
    let outliers = gathered(&[
        (0, 1, "h", "x", 3.0, &[]),
        (0, 2, "h", "x", 3.0, &[]),
        (0, 2, "h", "x", 4.0, &[]),
        (0, 3, "h", "x", 3.0, &[]),
        (0, 0, "h", "x", 9.0, &[]),
        (1, 1, "h", "x", 3.0, &[]),
    ]);
    let rolled_up = roll_up(&configuration(&[], "max_documents_per_finding=2"), &outliers);
    assert_eq!(shown(&rolled_up)[0], "terms_a h x: 4/4 9 x at 0");
    assert_eq!(rolled_up.use_cases[0].left_out, LeftOut { not_written: 2, ..LeftOut::default() });
    // the first in time; without a time, documents come last
    let expected = [("001", 1), ("002", 2), ("003", 1)].map(|(id, n)| (id.to_owned(), n));
    assert_eq!(written(rolled_up, &outliers), expected);
}

#[test]
fn requirements_look_at_aggregators_in_the_order_of_use_cases() {
    let outliers = gathered(&[
        (0, 1, "h", "x", 3.0, &[]),
        (0, 2, "i", "x", 3.0, &[]),
        (0, 3, "j", "x", 3.0, &[]),
        (1, 4, "h", "y", 3.0, &[]),
        (1, 5, "i", "y", 3.0, &[]),
        (2, 6, "h", "z", 3.0, &[]),
        (3, 7, "j", "z", 3.0, &[]),
        (4, 8, "k", "z", 3.0, &[]),
    ]);
    let check = |more: &[(&str, &str)], general: &str, expected: &[u64]| {
        let rolled_up = roll_up(&configuration(more, general), &outliers);
        let n_left_out: u64 = rolled_up.use_cases.iter().map(|counts| counts.left_out.without_required).sum();
        let ids: Vec<u64> = written(rolled_up, &outliers).into_iter().map(|(id, _)| id.parse().unwrap()).collect();
        assert_eq!((&ids[..], n_left_out), (expected, 8 - expected.len() as u64), "{more:?}");
    };
    check(&[("a", "requires=terms_b")], "", &[1, 2, 4, 5, 6, 7, 8]);
    check(&[("a", "requires=terms_b, terms_c")], "", &[1, 4, 5, 6, 7, 8]);
    // what does not stand itself meets no requirement, in whatever order the use cases are written
    check(&[("a", "requires=terms_b"), ("b", "requires=terms_c")], "", &[1, 4, 6, 7, 8]);
    check(&[("c", "requires=terms_b"), ("b", "requires=terms_a"), ("a", "requires=terms_d")], "", &[3, 7, 8]);
    check(&[("e", "requires=terms_a")], "", &[1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn long_texts_are_cut_where_they_are_shown() {
    let long = "é".repeat(1001);
    let outliers = gathered(&[(0, 1, &long, "x", 3.0, &[&long])]);
    let rolled_up = roll_up(&configuration(&[], ""), &outliers);
    let shown = format!("{} …", "é".repeat(1000));
    let top = rolled_up.findings.top(1).unwrap();
    assert_eq!((top[0].aggregator.as_ref(), &top[0].assets[0]), (Some(&shown), &shown));
    assert_eq!(rolled_up.findings.assets[0].asset, shown);
    let whole = rolled_up.findings.read().unwrap().next_if(|_| true).unwrap().unwrap();
    assert_eq!((whole.aggregator.as_ref(), &whole.assets[0]), (Some(&long), &long));
}

#[test]
fn assets_of_a_finding_may_be_many() {
    let texts: Vec<String> = (0..3000).map(|n| format!("ip: {}{}", "x".repeat(1000), n % 1500)).collect();
    let lists: Vec<[&str; 1]> = texts.iter().map(|text| [text.as_str()]).collect();
    let made: Vec<Made<'_>> =
        lists.iter().enumerate().map(|(n, list)| (0, n as u64, "h", "x", (n / 1500) as f64 + 1.0, &list[..])).collect();
    let rolled_up = roll_up(&configuration(&[], ""), &gathered(&made));
    assert_eq!((rolled_up.findings.n_assets, rolled_up.findings.assets.len()), (1500, 100));
    // two outliers of one finding are one sign, whichever is held in memory
    assert!(rolled_up.findings.assets.iter().all(|asset| (asset.surprise, asset.findings) == (2.0, 1)));
}

#[test]
fn nothing_rolls_up_to_nothing() {
    let rolled_up = roll_up(&configuration(&[], ""), &gathered(&[]));
    assert_eq!((rolled_up.findings.n_findings, rolled_up.findings.n_assets), (0, 0));
    assert!(shown(&rolled_up).is_empty());
}

#[test]
fn the_order_of_gathering_changes_nothing() {
    let mut made: Vec<Made<'_>> = Vec::new();
    for n in 0..200_u64 {
        let (use_case_idx, surprise) = ((n % 5) as usize, (n * 7 % 11) as f64);
        made.push((
            use_case_idx,
            n % 60,
            ["h", "i", "j"][(n % 3) as usize],
            ["x", "y"][(n % 2) as usize],
            surprise,
            &["host: h"],
        ));
    }
    let settings = configuration(&[("a", "max_outliers=9"), ("b", "requires=terms_c")], "outlier_budget=70");
    let result = |made: &[Made<'_>]| {
        let outliers = gathered(made);
        let rolled_up = roll_up(&settings, &outliers);
        let counts = rolled_up.use_cases.clone();
        (shown(&rolled_up), rolled_up.findings.assets.clone(), counts, written(rolled_up, &outliers))
    };
    let expected = result(&made);
    made.reverse();
    assert_eq!(result(&made), expected);
}
