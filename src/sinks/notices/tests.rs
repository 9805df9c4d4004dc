//! Nights in a cluster whose documents keep what was written to them.

use std::collections::{BTreeSet, HashSet};

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::config::{Configuration, UseCase, load};
use crate::delivery::{Delivery, Notice, deliver};
use crate::elastic::{DocumentId, DocumentVersion, Lookup, StoredDocument};
use crate::findings::{RollUp, RolledUp};
use crate::outlier::{FindingKey, Gathered, GatheredOutlier, StoredOutliers};
use crate::runtime::Interrupt;
use crate::sources::{DocumentKey, Documents, SourceError};
use crate::state::{MemoryUse, StateFolder};

const N_DOCUMENTS: usize = 3000;

/// A cluster with documents, each of which the use case finds, and those that have outliers.
#[derive(Debug, Default)]
struct Cluster {
    written: Mutex<HashSet<String>>,
}

impl Documents for Cluster {
    fn read(&self, documents: &[DocumentKey]) -> Result<Vec<Lookup>, SourceError> {
        let written = self.written.lock().unwrap();
        let lookup = |key: &DocumentKey| {
            let has_outlier = written.contains(&key.id.id);
            let outliers = json!({"summary": ["s"], "model_type": ["terms"], "model_name": ["a"], "total_outliers": 1});
            let source = if has_outlier { json!({"outliers": outliers, "tags": ["outlier"]}) } else { json!({"a": 1}) };
            let version = DocumentVersion { seq_no: 1, primary_term: 1 };
            Lookup::Found(StoredDocument { id: key.id.clone(), version, source: source.to_string() })
        };
        Ok(documents.iter().map(lookup).collect())
    }
}

/// Writes to the cluster, until the program is killed.
#[derive(Debug)]
struct Writer<'c> {
    cluster: &'c Cluster,
    blocks_until_kill: usize,
}

impl Sink for Writer<'_> {
    fn deliver(&mut self, documents: &[Delivered]) -> Result<(), DeliveryError> {
        let mut written = self.cluster.written.lock().unwrap();
        // half of the last block
        let n = if self.blocks_until_kill == 0 { documents.len() / 2 } else { documents.len() };
        written.extend(documents[..n].iter().map(|document| document.id.id.clone()));
        self.blocks_until_kill.checked_sub(1).map(|left| self.blocks_until_kill = left).ok_or(DeliveryError::Stopped)
    }
}

struct Site {
    folder: TempDir,
    configuration: Configuration,
    cluster: Cluster,
    routes: Vec<Route>,
}

impl Site {
    fn new(digest_above: u64) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("u.conf");
        let use_case = "[terms_a]\nes_query_filter=x:*\ntarget=t\naggregator=a\ntarget_count_method=within_aggregator\n\
             trigger_on=low\ntrigger_method=float\ntrigger_sensitivity=1\noutlier_type=x\noutlier_reason=x\n\
             outlier_summary=x\nrun_model=1\nseverity=high\ndescription=why\ntechniques=T1059, T1204.002\n";
        std::fs::write(&path, use_case).unwrap();
        let configuration = load(&[], &[path.display().to_string()]);
        let route = Route { channel: "mail".to_owned(), min_score: 0.0, digest_above, use_cases: vec![true] };
        Site { folder, configuration, cluster: Cluster::default(), routes: vec![route] }
    }

    fn state(&self) -> StateStore {
        StateStore::open(&StateFolder::lock(&self.folder.path().join("state"), MemoryUse::ReadAndAdd).unwrap()).unwrap()
    }

    fn outliers(&self, n_documents: usize) -> StoredOutliers {
        let gathered = Gathered::new(self.folder.path());
        gathered
            .extend((0..n_documents).map(|n| {
                let fields = json!({"summary": "s", "model_type": "terms", "model_name": "a", "type": ["t"], "n": n});
                let id = DocumentId { index: "i".to_owned(), id: format!("{n:05}"), routing: None };
                GatheredOutlier {
                    document: DocumentKey { id, place: None },
                    use_case_idx: 0,
                    element: 0,
                    outlier: json!({"fields": fields, "unwrapped_summary": format!("at {n}")}).to_string(),
                    aggregator: 0,
                    round: 0,
                    // ten documents each
                    finding: FindingKey::new(Some("host"), Some(&format!("process {}", n / 10))),
                    surprise: (n % 97) as f64 / 10.0,
                    time: Some(1_700_000_000_000_000 + n as i64),
                }
            }))
            .unwrap();
        gathered.store().unwrap()
    }

    /// A night; returns the number of notices, or `None` if the program was killed.
    fn night(&self, n_documents: usize, blocks_until_kill: usize) -> Option<u64> {
        let store = self.state();
        let now = Utc::now();
        let run = store.begin_run(now).unwrap();
        let use_cases: Vec<Arc<UseCase>> = self.configuration.use_cases.iter().cloned().map(Arc::new).collect();
        let names: Vec<String> = use_cases.iter().map(|use_case| use_case.id()).collect();
        let (interrupt, spill_dir) = (Interrupt::default(), self.folder.path());
        let outliers = self.outliers(n_documents);
        let general = &self.configuration.main.general;
        let roll_up = RollUp { use_cases: &use_cases, general, spill_dir, interrupt: &interrupt, keeps_scores: true };
        let RolledUp { findings, withheld, .. } = roll_up.run(&outliers).unwrap();
        let noted = Noted::new(spill_dir);
        let sink = NoticeSink::new(&store, run.number, now, &names, &self.routes, &noted).unwrap();
        let writer = Writer { cluster: &self.cluster, blocks_until_kill };
        let mut sinks: Vec<Box<dyn Sink + '_>> = vec![Box::new(sink), Box::new(writer)];
        let mut delivery = Delivery::of(1);
        let documents = outliers.documents(withheld).unwrap();
        deliver(documents, &self.cluster, &mut sinks, &interrupt, &mut delivery).ok()?;
        let mut delivery = store.deliver(run.number, now).unwrap();
        let notices = Notices {
            store: &store,
            run: &run,
            now,
            routes: &self.routes,
            use_cases: &use_cases,
            findings: &findings,
            outliers: &outliers,
            documents: &self.cluster,
            spill_dir,
        };
        let n_notices = notices.store(&noted, &mut delivery).unwrap();
        delivery.commit().unwrap();
        Some(n_notices)
    }

    /// Takes all notices that wait.
    fn take(&self) -> Vec<Notice> {
        let store = self.state();
        let take = |pending: crate::state::PendingNotice| {
            let notice = store.notice(pending.number).unwrap().unwrap();
            store.told(&pending, Utc::now()).unwrap();
            serde_json::from_str(&notice).unwrap()
        };
        store.pending().unwrap().into_iter().map(take).collect()
    }
}

fn summaries(notices: &[Notice]) -> Vec<(u64, String)> {
    let summary = |notice: &Notice| match notice {
        Notice::Finding(notice) => (notice.n_documents, notice.target.clone().unwrap()),
        other => panic!("{other:?}"),
    };
    notices.iter().map(summary).collect()
}

#[test]
fn each_outlier_is_told_once() {
    let site = Site::new(1000);
    assert_eq!(site.night(100, 1000), Some(10));
    let notices = site.take();
    let told: BTreeSet<(u64, String)> = summaries(&notices).into_iter().collect();
    assert_eq!(told, (0..10).map(|n| (10, format!("process {n}"))).collect());
    let Notice::Finding(notice) = &notices[0] else { panic!("{notices:?}") };
    assert_eq!((notice.summary.as_str(), notice.outlier_type.as_slice()), ("at 96", &["t".to_owned()][..]));
    assert_eq!((notice.description.as_deref(), notice.techniques.len()), (Some("why"), 2));
    assert_eq!((notice.example.as_ref().unwrap().id.as_str(), &notice.observations["n"]), ("00096", &json!(96)));
    assert_eq!(notice.first.unwrap().timestamp_micros(), 1_700_000_000_000_090);
    assert_eq!(site.night(100, 1000), Some(0));
    // more of an old finding, and a new one
    assert_eq!(site.night(115, 1000), Some(2));
    let numbers: BTreeSet<u64> = summaries(&site.take()).into_iter().map(|(n, _)| n).collect();
    assert_eq!(numbers, BTreeSet::from([5, 10]));
    assert_eq!(site.night(118, 1000), Some(1));
    let notices = site.take();
    assert_eq!(summaries(&notices), [(3, "process 11".to_owned())]);
}

/// Outliers that a killed night wrote are in the documents, so the next night finds them there.
#[test]
fn what_a_killed_night_wrote_is_told_by_the_next() {
    for blocks in 0..4 {
        let site = Site::new(1000);
        assert_eq!(site.night(30, 1000), Some(3));
        assert_eq!(site.take().len(), 3);
        for killed in [blocks, blocks / 2, 0] {
            assert_eq!(site.night(N_DOCUMENTS, killed), None);
        }
        assert!(site.cluster.written.lock().unwrap().len() > 30);
        assert_eq!(site.night(N_DOCUMENTS, 1000), Some(297), "{blocks}");
        let told = summaries(&site.take());
        assert!(told.iter().all(|(n, _)| *n == 10), "{told:?}");
        assert_eq!(told.into_iter().collect::<BTreeSet<_>>().len(), 297);
        assert!(!site.state().has_announced().unwrap());
        assert_eq!(site.night(N_DOCUMENTS, 1000), Some(0));
    }
}

/// A night that looks at other events settles nothing of theirs.
#[test]
fn what_a_killed_night_wrote_may_be_told_much_later() {
    let site = Site::new(1000);
    assert_eq!(site.night(2000, 1), None);
    let n_written = site.cluster.written.lock().unwrap().len();
    assert!(n_written > 100, "{n_written}");
    assert_eq!(site.night(50, 1000), Some(5));
    site.take();
    assert!(site.state().has_announced().unwrap());
    assert_eq!(site.night(2000, 1000), Some(195));
    let n_told: u64 = summaries(&site.take()).iter().map(|(n, _)| n).sum();
    assert_eq!(n_told, 1950);
}

#[test]
fn keys_of_notices_are_the_same_when_they_are_made_again() {
    let keys = || {
        let site = Site::new(1000);
        site.night(200, 1000);
        site.take().iter().map(|notice| notice.key().to_owned()).collect::<Vec<_>>()
    };
    let digest = || {
        let site = Site::new(3);
        site.night(200, 1000);
        site.take().iter().map(|notice| notice.key().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(keys(), keys());
    assert_eq!((digest(), digest().len()), (digest(), 1));
    let distinct: BTreeSet<String> = keys().into_iter().chain(digest()).collect();
    assert_eq!(distinct.len(), 21);
}

#[test]
fn a_flood_is_one_digest_with_exact_sums() {
    let site = Site::new(50);
    assert_eq!(site.night(500, 1000), Some(50));
    site.take();
    assert_eq!(site.night(N_DOCUMENTS, 1000), Some(1));
    let notices = site.take();
    let [Notice::Digest(digest)] = notices.as_slice() else { panic!("{notices:?}") };
    assert_eq!((digest.n_findings, digest.n_outliers, digest.n_use_cases), (250, 2500, 1));
    assert_eq!((digest.use_cases[0].use_case.as_str(), digest.use_cases[0].n_findings), ("terms_a", 250));
    assert_eq!(digest.best.len(), 20);
    assert!(digest.best.is_sorted_by(|a, b| a.score >= b.score));
    assert_eq!(digest.best[0].score, digest.use_cases[0].highest_score);
    assert_eq!(site.night(N_DOCUMENTS, 1000), Some(0));
}

#[test]
fn channels_have_scores_and_use_cases_of_their_own() {
    let mut site = Site::new(50);
    let route = |channel: &str, min_score, is_wanted| Route {
        channel: channel.to_owned(),
        min_score,
        digest_above: 50,
        use_cases: vec![is_wanted],
    };
    site.routes = vec![route("all", 0.0, true), route("best", 50.0, true), route("none", 0.0, false)];
    site.night(400, 1000);
    let channels: Vec<String> = site.state().pending().unwrap().into_iter().map(|pending| pending.channel).collect();
    let count = |name: &str| channels.iter().filter(|channel| *channel == name).count();
    assert_eq!((count("all"), count("none")), (40, 0));
    assert!((1..40).contains(&count("best")), "{}", count("best"));
}
