//! Picture of `word2vec`: the scores of the texts of a group, as the program stores them.

use std::fmt::Write as _;

use ee_outliers::plots::{Axis, HistogramPlot};
use outlier_kernels::surprise::Distances;
use outlier_kernels::{FrontierMethod, Multiset, Side, frontier};

use super::check;
use super::pictures::values_by_bits;
use crate::outliers;
use crate::program;
use crate::random::Random;

/// Flags every text, so that every score is stored.
const USE_CASE: &str = "[word2vec_texts]\nes_query_filter=*\ntarget=command\naggregator=host\nrun_model=1\n\
     separators=\" \"\nuse_prob_model=1\noutput_prob=0\ntrigger_focus=text\ntrigger_score=mean\ntrigger_on=low\n\
     trigger_method=float\ntrigger_sensitivity=1000\noutlier_type=t\noutlier_reason=r\noutlier_summary={command}\n";

const ODD: &str = "net copy admin status";

/// Command lines of administrators: a tool, a verb and an object that belong together, and options.
fn command(random: &mut Random) -> String {
    const TOOLS: [(&str, [&str; 3], [&str; 3]); 3] = [
        ("net", ["use", "view", "share"], ["drive", "server", "printer"]),
        ("robocopy", ["copy", "mirror", "move"], ["home", "backup", "archive"]),
        ("sc", ["query", "start", "status"], ["spooler", "agent", "admin"]),
    ];
    let (tool, verbs, objects) = TOOLS[random.below(3) as usize];
    // small numbers are more frequent
    let mut pick = || (3.0 * random.uniform() * random.uniform()) as usize;
    let (verb, object, first, second) = (verbs[pick()], objects[pick()], pick(), pick());
    format!("{tool} {verb} {object} o{first} v{second}")
}

#[test]
fn word2vec() {
    let random = &mut Random(6);
    let folder = tempfile::tempdir().expect("a scratch folder");
    let mut events = String::new();
    for line in (0..3000).map(|_| command(random)).chain([ODD.to_owned()]) {
        writeln!(events, "{{\"host\":\"a\",\"command\":\"{line}\"}}").expect("text");
    }
    std::fs::write(folder.path().join("u.conf"), USE_CASE).expect("written");
    std::fs::write(folder.path().join("e.ndjson"), events).expect("written");
    let args = ["run", "-q", "--use-cases", "u.conf", "--events", "e.ndjson", "-o", "o.ndjson"];
    program::run(folder.path(), &args).expect_code(0);
    let number = |value: &serde_json::Value| value[0].as_f64().expect("a number");
    let stored = outliers::read(&folder.path().join("o.ndjson")).expect("well-formed output").into_values();
    let texts: Vec<(String, f64, f64)> = stored
        .map(|text| (text["summary"][0].to_string(), number(&text["score"]), number(&text["surprise"])))
        .collect();
    assert_eq!(texts.len(), 3001, "every text is flagged");

    let mut scores: Multiset = texts.iter().map(|(_, score, _)| *score).collect();
    let distances = Distances::of(scores.finish(), Side::Low).expect("scores");
    for (text, score, surprise) in &texts {
        // the use case flags all events, so the surprise is that of the model, less one bit
        let expected = (distances.surprise(*score) - 1.0).max(0.0);
        assert!((expected - surprise).abs() < 0.01, "{text}: {surprise} bits, not {expected}");
    }
    let (odd, found) =
        texts.iter().find(|(text, ..)| text.contains(ODD)).map(|text| (text.1, text.2)).expect("the odd one");
    let frontier = frontier(FrontierMethod::Mad, Side::Low, 6.0, scores.finish()).expect("scores");
    let by_bits = values_by_bits(0.5, |size| distances.surprise(-size)).into_iter().map(|(size, bits)| (-size, bits));
    let plot = HistogramPlot::new(
        "word2vec: do the words of a text belong together?",
        format!(
            "Histogram of the scores of 3,001 command lines: the mean logarithms of the probabilities of their word \
             pairs. Ordinary ones lie between -1 and -3. The words of one command line, which occur with other words \
             only, have a score of {odd:.1}, a surprise of {found:.1} bits."
        ),
        Axis::linear("score: mean logarithm of the probabilities of the word pairs"),
        Axis::logarithmic("texts").reaching(0.5),
    )
    .population(texts.iter().map(|(_, score, _)| (*score, 1)))
    .scale_above("surprise in bits", by_bits.collect())
    .frontier(frontier, Side::Low, "frontier: mad 6")
    .mark(odd, format!("{ODD}: {found:.1} bits"));
    check("word2vec.svg", &plot.svg());
}
