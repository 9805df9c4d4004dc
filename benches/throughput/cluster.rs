//! Measures the program on a cluster, next to the fastest bare pull of the same fields and next to
//! Python's client.
//!
//! The events are first loaded into a separate index, unless it exists. Prints medians of:
//!
//! 1. a bare pull: slices of a point in time whose pages are discarded, for several numbers of
//!    slices and page sizes; the fastest counts;
//! 2. a run of one use case, and its ratio to the bare pull;
//! 3. a run of a hundred use cases over the same fields, with 25 different queries;
//! 4. with `PEER_PYTHON` (an interpreter with the packages `benches/peers/cluster.py` needs),
//!    reading with `helpers.scan`: whole documents, as the predecessor reads them, and the same
//!    fields;
//! 5. runs that write outliers into documents, alternating with `helpers.bulk`.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use ee_outliers::elastic::{Body, Client, Cursor, Method, PointInTime, Request, SearchTarget};
use ee_outliers::runtime::Interrupt;
use serde_json::{Value, json};

use super::{Measured, N_RUNS, Result, folder, median, run_program};

/// Size in bytes of a bulk request that loads events.
const LOAD_BYTES: usize = 8 << 20;

/// Fields used by the use cases of this bench.
const FIELDS: [&str; 2] = ["host.name", "process.name"];

/// Number of rounds of writing.
const N_WRITES: usize = 5;

/// Query for one of ten parts of some documents, so that each writer in each round gets documents
/// not yet written to.
fn part(number: usize) -> String {
    format!("process.name:(svchost.exe OR conhost.exe OR chrome.exe OR msedge.exe) AND host.name:*{number}")
}

pub(super) fn bench(url: &str, events: &str) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let n_events = BufReader::new(File::open(events)?).lines().count();
    let index = format!("ee-outliers-bench-{n_events}");
    let config = scratch.path().join("outliers.conf");
    let general = format!("[general]\nes_url={url}\nes_index_pattern={index}\nhistory_window_days=100000\n");
    std::fs::write(&config, format!("{general}es_save_results=0\n"))?;
    let writing = scratch.path().join("writing.conf");
    std::fs::write(&writing, format!("{general}es_save_results=1\nes_wipe_all_whitelisted_outliers=0\n"))?;
    let hundred = scratch.path().join("hundred.conf");
    std::fs::write(&hundred, hundred_use_cases())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let settings = ee_outliers::config::load(std::slice::from_ref(&config), &[]);
    let client = runtime.block_on(Client::connect(&settings.main.elastic, &Interrupt::default()))?;
    let mut out = io::stdout().lock();
    runtime.block_on(load(&client, &index, events))?;
    let survey = runtime.block_on(client.survey(&SearchTarget::new(&index), &json!({"match_all": {}})))?;
    let n_events = usize::try_from(survey.documents)?;
    writeln!(out, "{} at {url}, {n_events} events", client.server())?;
    let (bare, what) = fastest_pull(&runtime, &client, &index, n_events)?;
    writeln!(out, "bare pull, {what}: {bare}")?;
    let one = of_program(&folder().join("terms.conf"), &config, &[])?;
    writeln!(out, "one use case: {one}; {:.2} times the bare pull", one.measured.wall / bare.wall)?;
    let hundred = of_program(&hundred, &config, &[])?;
    let (wall, bytes) = (hundred.measured.wall / one.measured.wall, hundred.bytes / one.bytes);
    writeln!(out, "100 use cases: {hundred}; {wall:.2} times the time, {bytes:.2} times the bytes of one")?;
    for what in ["documents", "fields"] {
        let scans = (0..3).map(|_| peer(&["scan", url, &index, what])).collect::<Result<Option<Vec<_>>>>()?;
        let Some(scan) = scans.map(middle) else { continue };
        let documents = (n_events as f64 / one.measured.wall) / rate(&scan);
        let cpu = scan["cpu_seconds"].as_f64().unwrap_or(f64::NAN) / one.measured.cpu;
        writeln!(
            out,
            "helpers.scan, {what}: {scan}; one use case: {documents:.1} times the documents per second, {cpu:.1} times less CPU"
        )?;
    }
    write_outliers(&runtime, &client, &index, (url, &writing), scratch.path(), &mut out)
}

/// Measures runs that write outliers into documents, alternating with Python's bulk updates of a
/// similar number of other documents. The index is refreshed before each.
fn write_outliers(
    runtime: &tokio::runtime::Runtime,
    client: &Client,
    index: &str,
    (url, config): (&str, &Path),
    scratch: &Path,
    out: &mut impl Write,
) -> Result<()> {
    let use_cases = scratch.join("writing_use_case.conf");
    let texts =
        "outlier_type=bench\noutlier_reason=bench\noutlier_summary={process.name} on {host.name}\nrun_model=1\n";
    let refresh = Request::new(Method::POST, format!("/{index}/_refresh"), "refreshing");
    let (mut rates, mut peers, mut n_documents) = (Vec::new(), Vec::new(), 0);
    for round in 0..N_WRITES {
        // a different name and summary in each round, so that there is something to write
        let query = part(2 * round);
        let name = format!("[simplequery_bench{}_{round}]\nes_query_filter={query}\n", std::process::id());
        std::fs::write(&use_cases, format!("{name}{}", texts.replace("{process", &format!("{round} {{process"))))?;
        runtime.block_on(client.send(&refresh))?;
        let (_, report) = run_program(&use_cases, &["--config".into(), OsString::from(config)])?;
        n_documents = report["use_cases"][0]["documents"].as_u64().unwrap_or_default();
        rates.push(n_documents as f64 / report["phases"]["write"].as_f64().unwrap_or(f64::NAN));
        runtime.block_on(client.send(&refresh))?;
        peers.extend(peer(&["bulk", url, index, &part(2 * round + 1)])?);
    }
    rates.sort_by(f64::total_cmp);
    let ours = rates[N_WRITES / 2];
    writeln!(out, "writing outliers into {n_documents} documents: {ours:.0} documents per second")?;
    if peers.is_empty() {
        writeln!(out, "Python's client is not measured: PEER_PYTHON is not set")?;
        return Ok(());
    }
    let bulk = middle(peers);
    writeln!(out, "helpers.bulk: {bulk}; ours: {:.2} times the documents per second", ours / rate(&bulk))?;
    Ok(())
}

/// Runs Python's client on the same documents; `None` without an interpreter.
fn peer(arguments: &[&str]) -> Result<Option<Value>> {
    let Some(python) = std::env::var_os("PEER_PYTHON") else { return Ok(None) };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/cluster.py");
    let output = Command::new(&python).arg(&script).args(arguments).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(Some(serde_json::from_slice(&output.stdout)?))
}

/// Returns the run with the median rate.
fn middle(mut runs: Vec<Value>) -> Value {
    runs.sort_by(|a, b| f64::total_cmp(&rate(a), &rate(b)));
    runs.swap_remove(runs.len() / 2)
}

fn rate(run: &Value) -> f64 {
    run["documents_per_second"].as_f64().unwrap_or(f64::NAN)
}

/// Measurements of runs over the cluster.
struct OfProgram {
    measured: Measured,
    /// Bytes of response bodies.
    bytes: f64,
    /// Bytes of memory taken by the event table.
    table: f64,
    outliers: u64,
}

impl std::fmt::Display for OfProgram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let beyond = (self.measured.peak - self.table) / f64::from(1 << 20);
        let megabytes = self.bytes / 1e6;
        write!(
            f,
            "{}, {beyond:.0} MiB beyond the event table, {megabytes:.0} MB read, {} outliers",
            self.measured, self.outliers
        )
    }
}

fn of_program(use_cases: &Path, config: &Path, options: &[&str]) -> Result<OfProgram> {
    let mut arguments: Vec<OsString> = vec!["--config".into(), config.into()];
    arguments.extend(options.iter().map(OsString::from));
    let (mut bytes, mut table, mut outliers) = (0.0, 0.0, 0);
    let measured = median(|| {
        let (measured, report) = run_program(use_cases, &arguments)?;
        bytes = report["source"]["bytes"].as_f64().unwrap_or(f64::NAN);
        table = report["source"]["table_bytes"].as_f64().unwrap_or(f64::NAN);
        outliers = report["totals"]["outliers"].as_u64().unwrap_or_default();
        Ok(measured)
    })?;
    Ok(OfProgram { measured, bytes, table, outliers })
}

/// Creates the index and loads the events; does nothing if the index exists.
async fn load(client: &Client, index: &str, events: &str) -> Result<()> {
    let settings = json!({
        "settings": {"number_of_shards": 2, "number_of_replicas": 0, "refresh_interval": "-1"},
        "mappings": {"dynamic_templates": [{"strings": {"match_mapping_type": "string", "mapping": {"type": "keyword"}}}]},
    });
    let create = Request::new(Method::PUT, format!("/{index}"), "creating the index").json(&settings);
    if client.send(&create).await.is_err() {
        return Ok(());
    }
    let mut lines = BufReader::new(File::open(events)?).lines().enumerate().peekable();
    while lines.peek().is_some() {
        let mut body = String::with_capacity(LOAD_BYTES + (1 << 16));
        while body.len() < LOAD_BYTES
            && let Some((number, line)) = lines.next()
        {
            writeln!(body, "{{\"index\":{{\"_index\":\"{index}\",\"_id\":\"{number:012}\"}}}}\n{}", line?)?;
        }
        let mut request = Request::new(Method::POST, "/_bulk", "loading events");
        request.body = Body::Lines(body.into_bytes());
        let answer: Value = client.read(&request).await?;
        // a few of the generated events do not fit the index mapping
        let items = answer["items"].as_array().ok_or("an answer without items")?;
        let n_refused = items.iter().filter(|item| !item["index"]["error"].is_null()).count();
        if n_refused > items.len() / 100 {
            return Err(format!("{n_refused} of {} events were refused", items.len()).into());
        }
    }
    client.send(&Request::new(Method::POST, format!("/{index}/_refresh"), "refreshing")).await?;
    Ok(())
}

/// Measures several ways to pull the fields; returns the fastest and its description.
fn fastest_pull(
    runtime: &tokio::runtime::Runtime,
    client: &Client,
    index: &str,
    n_events: usize,
) -> Result<(Measured, String)> {
    let mut fastest = (Measured { wall: f64::INFINITY, ..Measured::default() }, String::new());
    for n_slices in [1, 2, 4] {
        for page in [2_000, 10_000] {
            let pull = || {
                let started = Instant::now();
                let n_read = runtime.block_on(pull(client, index, n_slices, page))?;
                if n_read != n_events {
                    return Err(format!("{n_read} of {n_events} documents were read").into());
                }
                Ok(Measured { wall: started.elapsed().as_secs_f64(), ..Measured::default() })
            };
            // the first run warms up and is not counted
            let measured = (0..=N_RUNS).map(|_| pull()).collect::<Result<Vec<_>>>()?;
            let mut walls: Vec<f64> = measured[1..].iter().map(|run| run.wall).collect();
            walls.sort_by(f64::total_cmp);
            if walls[N_RUNS / 2] < fastest.0.wall {
                let wall = walls[N_RUNS / 2];
                fastest = (Measured { wall, ..Measured::default() }, format!("{n_slices} slices, pages of {page}"));
            }
        }
    }
    Ok(fastest)
}

/// Reads all documents in slices of a point in time and discards the pages. Returns the number of
/// documents.
async fn pull(client: &Client, index: &str, n_slices: usize, page: usize) -> Result<usize> {
    let target = SearchTarget::new(index);
    let dialect = client.server().pit_dialect().ok_or("this server has no points in time")?;
    let pit = client.open_pit(dialect, &target, "5m").await?;
    let slices = (0..n_slices).map(|slice| {
        let (client, target, pit) = (client.clone(), target.clone(), pit.clone());
        tokio::spawn(async move {
            pull_slice(&client, &target, &pit, (slice, n_slices), page).await.map_err(|error| error.to_string())
        })
    });
    let mut n_read = 0;
    for slice in slices.collect::<Vec<_>>() {
        n_read += slice.await??;
    }
    client.close_pit(&pit).await?;
    Ok(n_read)
}

async fn pull_slice(
    client: &Client,
    target: &SearchTarget,
    pit: &PointInTime,
    (slice, n_slices): (usize, usize),
    page: usize,
) -> Result<usize> {
    let mut body = json!({
        "size": page, "_source": FIELDS, "track_total_hits": false, "query": {"match_all": {}},
        "pit": {"id": pit.id, "keep_alive": "5m"}, "sort": [{"_shard_doc": "asc"}],
    });
    if n_slices > 1 {
        body["slice"] = json!({"id": slice, "max": n_slices});
    }
    let mut n_read = 0;
    loop {
        let answer = client.page(target, &Cursor::PointInTime, "5m", &body, drop).await?;
        // only the sort value where the next page starts is decoded
        const SORT: &[u8] = b"\"sort\":[";
        let n_hits = memchr::memmem::find_iter(&answer, SORT).count();
        n_read += n_hits;
        let Some(start) = memchr::memmem::rfind(&answer, SORT).filter(|_| n_hits == page) else {
            return Ok(n_read);
        };
        let digits = answer[start + SORT.len()..].iter().take_while(|byte| byte.is_ascii_digit());
        let sort: u64 = String::from_utf8(digits.copied().collect())?.parse()?;
        body["search_after"] = json!([sort]);
    }
}

/// Generates a hundred use cases over the fields of `terms.conf`: 25 queries, 4 use cases each.
fn hundred_use_cases() -> String {
    let mut text = String::new();
    for idx in 0..100 {
        let query = match idx % 25 {
            0 => "*".to_owned(),
            idx @ 1..15 => format!("host.name:*-{idx:03}*"),
            idx => format!("process.name:{}*", char::from(b'a' + idx as u8 - 15)),
        };
        let (aggregator, target) = if idx % 2 == 0 { (FIELDS[0], FIELDS[1]) } else { (FIELDS[1], FIELDS[0]) };
        let count = if idx % 4 < 2 { "within_aggregator" } else { "across_aggregators" };
        let sensitivity = 0.01 * (1 + idx / 25) as f64;
        write!(
            text,
            "[terms_bench_{idx}]\nes_query_filter={query}\naggregator={aggregator}\ntarget={target}\ntarget_count_method={count}\n\
             trigger_on=low\ntrigger_method=pct_of_max_value\ntrigger_sensitivity={sensitivity}\noutlier_type=t\noutlier_reason=r\n\
             outlier_summary=s\nrun_model=1\n\n"
        )
        .expect("a text takes more text");
    }
    text
}
