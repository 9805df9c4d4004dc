//! One block of documents: sent in chunks, several at once; every document ends in one of the counts.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Display;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::pace::Pace;
use super::{Change, Edit, Edited, Ended, Written};
use crate::elastic::{
    Attempts, Block as IndexBlock, BulkAction, BulkItem, Class, Client, DocumentId, ElasticError, Fault, StoredDocument,
};

/// Changes in one request.
const CHUNK_DOCUMENTS: usize = 1000;

/// Bytes of one request that are aimed at: servers take much more, but not all of it at once.
const CHUNK_BYTES: usize = 5 << 20;

/// How often a document that others keep changing is read and changed again.
const MOST_ROUNDS: u32 = 5;

/// What goes on from block to block.
#[derive(Debug)]
pub(super) struct State {
    pub(super) written: Written,
    pub(super) ended: Option<Ended>,
    pace: Pace,
    /// Bytes of one request that the server takes.
    chunk_bytes: usize,
    /// Indices that take no writes in this run.
    closed: HashSet<String>,
}

impl Default for State {
    fn default() -> Self {
        State {
            written: Written::default(),
            ended: None,
            pace: Pace::default(),
            chunk_bytes: CHUNK_BYTES,
            closed: HashSet::new(),
        }
    }
}

/// A document on its way.
struct Pending<E> {
    action: BulkAction,
    n_outliers: u64,
    edit: E,
    /// Rounds that ended in a conflict.
    n_rounds: u32,
    /// Whether an earlier change may have been done: its answer was lost.
    is_in_doubt: bool,
    /// Whether the change goes in steps, because new fields in it do not fit each other yet.
    in_steps: bool,
    /// Whether a step was done.
    is_begun: bool,
}

/// A document that the server could not take now.
struct Later<E> {
    pending: Pending<E>,
    class: Class,
    asked: Option<Duration>,
    /// What the server said.
    reason: String,
    /// The error of the request as a whole.
    error: Option<ElasticError>,
}

/// A request that was answered.
struct Answered<E> {
    chunk: Vec<Pending<E>>,
    /// Whether there were more documents: times of smaller requests cannot be compared.
    is_full: bool,
    seconds: f64,
    result: Result<Vec<BulkItem>, ElasticError>,
}

struct Block<E> {
    client: Client,
    state: State,
    ready: VecDeque<Pending<E>>,
    conflicts: Vec<Pending<E>>,
    later: Vec<Later<E>>,
    attempts: Attempts,
    /// Attempts at indices whose node has no space left.
    disk_attempts: HashMap<String, Attempts>,
}

/// Writes a block to its end.
pub(super) async fn write<E: Edit>(client: Client, state: State, documents: Vec<Edited<E>>) -> State {
    let attempts = Attempts::new(client.deadline());
    let mut block = Block {
        client,
        state,
        ready: VecDeque::with_capacity(documents.len()),
        conflicts: Vec::new(),
        later: Vec::new(),
        attempts,
        disk_attempts: HashMap::new(),
    };
    for Edited { id, version, change, edit } in documents {
        match change {
            None => block.state.written.unchanged += 1,
            Some(Change { bulk, n_outliers }) => {
                let action = BulkAction { id, version, change: bulk };
                let start = Pending {
                    action,
                    n_outliers,
                    edit,
                    n_rounds: 0,
                    is_in_doubt: false,
                    in_steps: false,
                    is_begun: false,
                };
                block.ready.push_back(start);
            }
        }
    }
    block.run().await;
    block.state
}

impl<E: Edit> Block<E> {
    async fn run(&mut self) {
        let mut under_way = FuturesUnordered::new();
        loop {
            if self.client.is_cancelled() && self.state.ended.is_none() {
                self.state.ended = Some(Ended::Interrupted);
            }
            while self.state.ended.is_none() && under_way.len() < self.state.pace.limit() {
                let chunk = self.next_chunk();
                if chunk.is_empty() {
                    break;
                }
                under_way.push(send(self.client.clone(), chunk, !self.ready.is_empty()));
            }
            match under_way.next().await {
                Some(answered) => self.take(answered),
                None if self.state.ended.is_some() => break,
                None if !self.conflicts.is_empty() => self.read_again().await,
                None if !self.later.is_empty() => self.wait().await,
                None if self.ready.is_empty() => break,
                None => {}
            }
        }
        let n_left = self.ready.len() + self.conflicts.len() + self.later.len();
        self.state.written.not_written += n_left as u64;
    }

    /// Documents for one request, without those of indices that take none.
    fn next_chunk(&mut self) -> Vec<Pending<E>> {
        let mut chunk = Vec::new();
        let mut n_bytes = 0;
        while let Some(pending) = self.ready.pop_front() {
            let index = &pending.action.id.index;
            if self.state.closed.contains(index) {
                self.state.written.block(index);
                continue;
            }
            n_bytes += pending.action.n_bytes();
            if !chunk.is_empty() && n_bytes > self.state.chunk_bytes {
                self.ready.push_front(pending);
                break;
            }
            chunk.push(pending);
            if chunk.len() == CHUNK_DOCUMENTS {
                break;
            }
        }
        chunk
    }

    fn take(&mut self, answered: Answered<E>) {
        let Answered { chunk, is_full, seconds, result } = answered;
        match result {
            Ok(items) => {
                if items.iter().any(|item| item.class() == Class::BackPressure) {
                    self.state.pace.pushed_back();
                } else if is_full {
                    self.state.pace.answered(seconds, chunk.len());
                }
                if items.iter().any(|item| item.class() == Class::Done) {
                    self.attempts = Attempts::new(self.client.deadline());
                }
                chunk.into_iter().zip(items).for_each(|(pending, item)| self.take_item(pending, item));
            }
            Err(error) => self.take_failed(chunk, error),
        }
    }

    fn take_item(&mut self, mut pending: Pending<E>, item: BulkItem) {
        let Some(fault) = item.fault else {
            self.done(pending, item.is_noop);
            return;
        };
        let DocumentId { index, id, .. } = &pending.action.id;
        let written = &mut self.state.written;
        match fault.class() {
            Class::Gone => written.gone += 1,
            Class::Conflict if fault.status == 409 => self.conflict(pending, None::<Fault>),
            Class::Conflict => {
                pending.in_steps = true;
                self.conflict(pending, Some(fault));
            }
            Class::Done | Class::Poison => written.reject(index, id, &fault.to_string()),
            Class::Blocked(IndexBlock::Index) => {
                written.block(index);
                let index = index.clone();
                self.close(index, fault.to_string());
            }
            Class::Refused => {
                written.not_written += 1;
                let what = format!("writing to index {index}");
                let cure = "give the user or key the rights to write that docs/elasticsearch.md lists";
                self.state.ended.get_or_insert(Ended::Server(ElasticError::Refused { what, fault, cure }));
            }
            class @ (Class::Retry | Class::BackPressure | Class::Blocked(IndexBlock::DiskFull)) => {
                self.later.push(Later { pending, class, asked: None, reason: fault.to_string(), error: None });
            }
        }
    }

    fn done(&mut self, mut pending: Pending<E>, is_noop: bool) {
        let written = &mut self.state.written;
        self.disk_attempts.remove(&pending.action.id.index);
        if !is_noop {
            written.outliers += pending.n_outliers;
        }
        if pending.in_steps {
            pending.in_steps = false;
            pending.is_begun = true;
            pending.n_rounds = 0;
            self.conflicts.push(pending);
        } else if is_noop && !pending.is_begun {
            written.unchanged += 1;
        } else {
            written.updated += 1;
        }
    }

    /// `reason`: what went wrong, where it is not that others changed the document.
    fn conflict(&mut self, mut pending: Pending<E>, reason: Option<impl Display>) {
        pending.n_rounds += 1;
        if pending.n_rounds <= MOST_ROUNDS {
            self.conflicts.push(pending);
            return;
        }
        let DocumentId { index, id, .. } = &pending.action.id;
        match reason {
            Some(reason) => self.state.written.reject(index, id, &reason.to_string()),
            None => self.state.written.conflicts += 1,
        }
    }

    /// From here on, nothing is sent to this index.
    fn close(&mut self, index: String, reason: String) {
        if self.state.closed.insert(index.clone()) {
            tracing::error!(index, "the index takes no writes: {reason}");
            self.state.written.blocked_reasons.insert(index, reason);
        }
    }

    /// A request failed as a whole.
    fn take_failed(&mut self, chunk: Vec<Pending<E>>, error: ElasticError) {
        let class = error.class();
        let status = error.fault().map(|fault| fault.status);
        match class {
            _ if status == Some(413) && chunk.len() > 1 => {
                let n_bytes: usize = chunk.iter().map(|pending| pending.action.n_bytes()).sum();
                self.state.chunk_bytes = self.state.chunk_bytes.min(n_bytes / 2).max(1);
                tracing::warn!(bytes = self.state.chunk_bytes, "{error}: sending less at once");
                chunk.into_iter().rev().for_each(|pending| self.ready.push_front(pending));
            }
            Class::Refused => {
                self.state.written.not_written += chunk.len() as u64;
                self.state.ended.get_or_insert(Ended::Server(error));
            }
            Class::Retry | Class::BackPressure | Class::Blocked(IndexBlock::DiskFull) => {
                if class == Class::BackPressure {
                    self.state.pace.pushed_back();
                }
                let is_unreadable = matches!(error, ElasticError::Unreadable { .. });
                for mut pending in chunk {
                    pending.is_in_doubt |= class == Class::Retry;
                    if is_unreadable {
                        // only the documents themselves can tell what was done
                        self.conflict(pending, Some(&error));
                        continue;
                    }
                    let asked = error.fault().and_then(|fault| fault.retry_after);
                    let error = Some(error.clone());
                    self.later.push(Later { pending, class, asked, reason: String::new(), error });
                }
            }
            Class::Blocked(IndexBlock::Index) => {
                for pending in chunk {
                    self.state.written.block(&pending.action.id.index);
                    self.close(pending.action.id.index, error.to_string());
                }
            }
            Class::Done | Class::Gone | Class::Conflict | Class::Poison => {
                let reason = error.to_string();
                let ids = chunk.iter().map(|pending| &pending.action.id);
                ids.for_each(|id| self.state.written.reject(&id.index, &id.id, &reason));
            }
        }
    }

    /// Documents that were changed meanwhile, as they are now.
    async fn read_again(&mut self) {
        let conflicts = std::mem::take(&mut self.conflicts);
        let ids: Vec<DocumentId> = conflicts.iter().map(|pending| pending.action.id.clone()).collect();
        let found = match self.client.mget(&ids).await {
            Ok(found) => found,
            Err(error) => {
                self.state.written.not_written += conflicts.len() as u64;
                self.state.ended.get_or_insert(Ended::Server(error));
                return;
            }
        };
        for (mut pending, found) in conflicts.into_iter().zip(found) {
            let Some(StoredDocument { version, source, .. }) = found else {
                self.state.written.gone += 1;
                continue;
            };
            let edit = &pending.edit;
            let change = if pending.in_steps { edit.step(source.get()) } else { edit.change(source.get()) };
            match change {
                Ok(Some(Change { bulk, n_outliers })) => {
                    pending.action.version = version;
                    pending.action.change = bulk;
                    pending.n_outliers = n_outliers;
                    self.ready.push_back(pending);
                }
                Ok(None) if pending.is_begun => self.state.written.updated += 1,
                Ok(None) if pending.is_in_doubt => {
                    self.state.written.updated += 1;
                    self.state.written.outliers += pending.n_outliers;
                }
                Ok(None) => self.state.written.unchanged += 1,
                Err(reason) => self.state.written.reject(&pending.action.id.index, &pending.action.id.id, &reason),
            }
        }
    }

    /// Waits for what may work later. What has waited long enough is given up.
    async fn wait(&mut self) {
        let (on_disk, others): (Vec<Later<E>>, Vec<Later<E>>) = std::mem::take(&mut self.later)
            .into_iter()
            .partition(|later| later.class == Class::Blocked(IndexBlock::DiskFull));
        let wait = if others.is_empty() {
            self.wait_for_space(on_disk)
        } else {
            self.later = on_disk;
            self.wait_for_others(others)
        };
        let Some(wait) = wait else { return };
        tracing::warn!(seconds = wait.as_secs_f32(), documents = self.ready.len(), "writing again after a while");
        // a run that is cancelled meanwhile ends in the loop
        self.client.wait(wait).await;
    }

    fn wait_for_others(&mut self, others: Vec<Later<E>>) -> Option<Duration> {
        let class = if others.iter().any(|later| later.class == Class::BackPressure) {
            Class::BackPressure
        } else {
            Class::Retry
        };
        let asked = others.iter().filter_map(|later| later.asked).max();
        let wait = self.attempts.next_wait(class, asked);
        for Later { pending, error, reason, .. } in others {
            match (wait, error) {
                (Some(_), _) => self.ready.push_back(pending),
                (None, Some(error)) => {
                    self.state.written.not_written += 1;
                    self.state.ended.get_or_insert(Ended::Server(error));
                }
                (None, None) => {
                    self.state.written.reject(&pending.action.id.index, &pending.action.id.id, &reason);
                }
            }
        }
        wait
    }

    fn wait_for_space(&mut self, on_disk: Vec<Later<E>>) -> Option<Duration> {
        let mut waits: HashMap<String, Option<Duration>> = HashMap::new();
        for Later { pending, class, asked, reason, error } in on_disk {
            let index = pending.action.id.index.clone();
            let wait = *waits.entry(index.clone()).or_insert_with(|| {
                let new = || Attempts::new(self.client.deadline());
                self.disk_attempts.entry(index.clone()).or_insert_with(new).next_wait(class, asked)
            });
            if wait.is_some() {
                self.ready.push_back(pending);
            } else {
                self.state.written.block(&index);
                self.close(index, error.map_or(reason, |error| error.to_string()));
            }
        }
        waits.into_values().flatten().max()
    }
}

async fn send<E>(client: Client, chunk: Vec<Pending<E>>, is_full: bool) -> Answered<E> {
    let started = Instant::now();
    let actions: Vec<&BulkAction> = chunk.iter().map(|pending| &pending.action).collect();
    let result = client.bulk(&actions).await;
    Answered { chunk, is_full, seconds: started.elapsed().as_secs_f64(), result }
}
