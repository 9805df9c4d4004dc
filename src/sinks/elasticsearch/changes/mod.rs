//! Documents in progress: sent in chunks, several at once; every document ends in exactly one
//! count.

mod later;

use std::collections::{HashMap, VecDeque};
use std::fmt::Display;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc;

use super::pace::Pace;
use super::{Change, Edit, Edited};
use crate::delivery::Written;
use crate::elastic::{
    Attempts, Block, BulkAction, BulkItem, Class, Client, DocumentId, ElasticError, Fault, Lookup, StoredDocument,
};
use crate::runtime::Interrupted;

/// Maximum number of changes per request.
const CHUNK_DOCUMENTS: usize = 2000;

/// Target size of a request in bytes: servers accept much more, but not many such requests at once.
const CHUNK_BYTES: usize = 5 << 20;

/// Upper limit on conflicts per document before it is given up.
const MOST_ROUNDS: u32 = 5;

/// Document in progress.
struct Pending<E> {
    action: BulkAction,
    n_outliers: u64,
    edit: E,
    /// Rounds that ended in a conflict.
    n_rounds: u32,
    /// True if a change may have been applied: its answer was lost.
    is_in_doubt: bool,
    /// True if the change is made in steps, because its new fields do not fit each other yet.
    in_steps: bool,
    /// True once a step was applied.
    is_begun: bool,
}

/// Document that the server could not take now.
struct Later<E> {
    pending: Pending<E>,
    class: Class,
    asked: Option<Duration>,
    /// The server's reason.
    reason: String,
    /// Error of the request as a whole.
    error: Option<ElasticError>,
}

/// Request with its answer.
struct Answered<E> {
    chunk: Vec<Pending<E>>,
    /// True if more documents were waiting: the times of smaller requests are not comparable.
    is_full: bool,
    seconds: f64,
    result: Result<Vec<BulkItem>, ElasticError>,
}

/// Documents in progress, and the counts of finished ones.
struct Changes<E> {
    client: Client,
    written: Written,
    ended: Option<ElasticError>,
    pace: Pace,
    /// Upper limit on the bytes of a request, lowered when the server refuses one as too large.
    chunk_bytes: usize,
    ready: VecDeque<Pending<E>>,
    conflicts: Vec<Pending<E>>,
    later: Vec<Later<E>>,
    attempts: Attempts,
    /// Attempts at indices whose node has run out of disk space.
    disk_attempts: HashMap<String, Attempts>,
    /// True once no more documents will arrive.
    is_last: bool,
}

/// Writes all documents that arrive through `blocks`; returns their counts, and the reason if
/// writing ended early.
pub(super) async fn write<E: Edit>(
    client: Client,
    mut blocks: mpsc::Receiver<Vec<Edited<E>>>,
) -> (Written, Option<ElasticError>) {
    let attempts = Attempts::new(client.deadline());
    let mut changes = Changes {
        client,
        written: Written::default(),
        ended: None,
        pace: Pace::default(),
        chunk_bytes: CHUNK_BYTES,
        ready: VecDeque::new(),
        conflicts: Vec::new(),
        later: Vec::new(),
        attempts,
        disk_attempts: HashMap::new(),
        is_last: false,
    };
    changes.run(&mut blocks).await;
    // later documents are refused
    blocks.close();
    while let Some(documents) = blocks.recv().await {
        changes.written.not_written += documents.len() as u64;
    }
    (changes.written, changes.ended)
}

impl<E: Edit> Changes<E> {
    async fn run(&mut self, blocks: &mut mpsc::Receiver<Vec<Edited<E>>>) {
        let mut under_way = FuturesUnordered::new();
        loop {
            if self.client.interrupt().is_raised() && self.ended.is_none() {
                self.ended = Some(Interrupted.into());
            }
            let takes_more = self.takes_more();
            while !takes_more && self.ended.is_none() && under_way.len() < self.pace.limit() {
                let chunk = self.next_chunk();
                if chunk.is_empty() {
                    break;
                }
                under_way.push(send(self.client.clone(), chunk, !self.ready.is_empty()));
            }
            tokio::select! {
                Some(answered) = under_way.next() => self.take(answered, under_way.len() + 1),
                block = blocks.recv(), if takes_more => self.add(block),
                else => match self.ended {
                    Some(_) => break,
                    None if !self.conflicts.is_empty() => self.read_again().await,
                    None if !self.later.is_empty() => self.wait().await,
                    None if self.ready.is_empty() && self.is_last => break,
                    None => {}
                },
            }
        }
        let later = std::mem::take(&mut self.later).into_iter().map(|later| later.pending);
        let left = std::mem::take(&mut self.ready).into_iter().chain(std::mem::take(&mut self.conflicts)).chain(later);
        let left: Vec<Pending<E>> = left.collect();
        self.leave(&left);
    }

    /// True if documents are accepted before the next request: a full request has room for them,
    /// and none has to wait.
    fn takes_more(&self) -> bool {
        let has_room = self.ready.len() + self.conflicts.len() < CHUNK_DOCUMENTS
            && self.ready.iter().map(|pending| pending.action.n_bytes()).sum::<usize>() < self.chunk_bytes;
        !self.is_last && self.ended.is_none() && self.later.is_empty() && has_room
    }

    fn add(&mut self, block: Option<Vec<Edited<E>>>) {
        let Some(block) = block else {
            self.is_last = true;
            return;
        };
        if self.attempts.failed() == 0 {
            self.attempts = Attempts::new(self.client.deadline());
        }
        for Edited { id, version, change, edit } in block {
            match change {
                None => self.written.unchanged += 1,
                Some(Change { bulk, n_outliers }) => self.ready.push_back(Pending {
                    action: BulkAction { id, version, change: bulk },
                    n_outliers,
                    edit,
                    n_rounds: 0,
                    is_in_doubt: false,
                    in_steps: false,
                    is_begun: false,
                }),
            }
        }
    }

    /// Returns the documents for one request, without those of closed indices.
    fn next_chunk(&mut self) -> Vec<Pending<E>> {
        let mut chunk = Vec::new();
        let mut n_bytes = 0;
        while let Some(pending) = self.ready.pop_front() {
            let index = &pending.action.id.index;
            if self.written.blocked_reasons.contains_key(index) {
                self.written.block(index);
                continue;
            }
            n_bytes += pending.action.n_bytes();
            if !chunk.is_empty() && n_bytes > self.chunk_bytes {
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

    /// `n_under_way` is the number of requests that shared the server, including this one.
    fn take(&mut self, answered: Answered<E>, n_under_way: usize) {
        let Answered { chunk, is_full, seconds, result } = answered;
        match result {
            Ok(items) => {
                if items.iter().any(|item| item.class() == Class::BackPressure) {
                    self.pace.pushed_back();
                } else if is_full {
                    self.pace.answered(seconds, chunk.len(), n_under_way);
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
        match fault.class() {
            Class::Conflict if fault.status == 409 => self.conflict(pending, None),
            Class::Conflict => {
                pending.in_steps = true;
                self.conflict(pending, Some(&fault));
            }
            Class::Done | Class::Gone | Class::Poison | Class::Blocked(Block::Index) | Class::Refused => {
                self.fail(&pending, fault);
            }
            class @ (Class::Retry | Class::BackPressure | Class::Blocked(Block::DiskFull)) => {
                self.later.push(Later { pending, class, asked: None, reason: fault.to_string(), error: None });
            }
        }
    }

    /// Handles a document that the server answered with `fault`, which is final for this run.
    fn fail(&mut self, pending: &Pending<E>, fault: Fault) {
        let document = &pending.action.id;
        match fault.class() {
            Class::Blocked(Block::Index) => self.block(&document.index, &fault),
            Class::Refused => {
                let what = format!("writing to index {}", document.index);
                let cure = "grant the user or key the write privileges that docs/elasticsearch.md lists";
                self.end(std::slice::from_ref(pending), ElasticError::Refused { what, fault, cure });
            }
            _ => self.written.fail(document, &fault),
        }
    }

    fn done(&mut self, mut pending: Pending<E>, is_noop: bool) {
        let written = &mut self.written;
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

    /// `reason` is set if the conflict is not due to changes by others.
    fn conflict(&mut self, mut pending: Pending<E>, reason: Option<&dyn Display>) {
        pending.n_rounds += 1;
        if pending.n_rounds <= MOST_ROUNDS {
            self.conflicts.push(pending);
            return;
        }
        let DocumentId { index, id, .. } = &pending.action.id;
        match reason {
            Some(reason) => self.written.reject(index, id, &reason.to_string()),
            None => self.written.conflicts += 1,
        }
    }

    /// Counts a document whose index accepts no writes, and stops sending to this index.
    fn block(&mut self, index: &str, reason: &dyn Display) {
        self.written.block(index);
        if !self.written.blocked_reasons.contains_key(index) {
            tracing::error!(index, "the index accepts no writes: {reason}");
            self.written.blocked_reasons.insert(index.to_owned(), reason.to_string());
        }
    }

    /// Ends writing early; `unwritten` are not written because of it.
    fn end(&mut self, unwritten: &[Pending<E>], reason: ElasticError) {
        self.leave(unwritten);
        self.ended.get_or_insert(reason);
    }

    /// Counts documents that are not written, or of which nobody knows.
    fn leave(&mut self, unwritten: &[Pending<E>]) {
        let may_be_changed = |pending: &&Pending<E>| pending.is_in_doubt || pending.is_begun;
        self.written.not_written += unwritten.len() as u64;
        self.written.in_doubt += unwritten.iter().filter(may_be_changed).count() as u64;
    }

    /// Handles a request that failed as a whole.
    fn take_failed(&mut self, mut chunk: Vec<Pending<E>>, error: ElasticError) {
        let may_be_done = error.may_be_done();
        chunk.iter_mut().for_each(|pending| pending.is_in_doubt |= may_be_done);
        let class = error.class();
        let status = error.fault().map(|fault| fault.status);
        match class {
            _ if matches!(error, ElasticError::Interrupted(_)) => self.end(&chunk, error),
            _ if status == Some(413) && chunk.len() > 1 => {
                let n_bytes: usize = chunk.iter().map(|pending| pending.action.n_bytes()).sum();
                self.chunk_bytes = self.chunk_bytes.min(n_bytes / 2).max(1);
                tracing::warn!(bytes = self.chunk_bytes, "{error}: sending smaller requests");
                chunk.into_iter().rev().for_each(|pending| self.ready.push_front(pending));
            }
            Class::Refused => self.end(&chunk, error),
            Class::Retry | Class::BackPressure | Class::Blocked(Block::DiskFull) => {
                if class == Class::BackPressure {
                    self.pace.pushed_back();
                }
                let is_unreadable = matches!(error, ElasticError::Unreadable { .. });
                for pending in chunk {
                    if is_unreadable {
                        // only the documents themselves show what was applied
                        self.conflict(pending, Some(&error));
                        continue;
                    }
                    let asked = error.fault().and_then(|fault| fault.retry_after);
                    let error = Some(error.clone());
                    self.later.push(Later { pending, class, asked, reason: String::new(), error });
                }
            }
            Class::Blocked(Block::Index) => {
                chunk.iter().for_each(|pending| self.block(&pending.action.id.index, &error));
            }
            Class::Done | Class::Gone | Class::Conflict | Class::Poison => {
                let reason = error.to_string();
                let ids = chunk.iter().map(|pending| &pending.action.id);
                ids.for_each(|id| self.written.reject(&id.index, &id.id, &reason));
            }
        }
    }

    /// Reads conflicting documents again and recomputes their changes.
    async fn read_again(&mut self) {
        let conflicts = std::mem::take(&mut self.conflicts);
        let ids: Vec<DocumentId> = conflicts.iter().map(|pending| pending.action.id.clone()).collect();
        let found = match self.client.mget(&ids).await {
            Ok(found) => found,
            Err(error) => return self.end(&conflicts, error),
        };
        for (mut pending, found) in conflicts.into_iter().zip(found) {
            let StoredDocument { version, source, .. } = match found {
                Lookup::Found(document) => document,
                Lookup::Gone => {
                    self.written.gone += 1;
                    continue;
                }
                Lookup::Failed(fault) => {
                    self.fail(&pending, fault);
                    continue;
                }
            };
            let edit = &pending.edit;
            let change = if pending.in_steps { edit.step(&source) } else { edit.change(&source) };
            match change {
                Ok(Some(Change { bulk, n_outliers })) => {
                    pending.action.version = version;
                    pending.action.change = bulk;
                    pending.n_outliers = n_outliers;
                    self.ready.push_back(pending);
                }
                Ok(None) if pending.is_begun => self.written.updated += 1,
                Ok(None) if pending.is_in_doubt => {
                    self.written.updated += 1;
                    self.written.outliers += pending.n_outliers;
                }
                Ok(None) => self.written.unchanged += 1,
                Err(reason) => self.written.reject(&pending.action.id.index, &pending.action.id.id, &reason),
            }
        }
    }
}

async fn send<E>(client: Client, chunk: Vec<Pending<E>>, is_full: bool) -> Answered<E> {
    let started = Instant::now();
    let actions: Vec<&BulkAction> = chunk.iter().map(|pending| &pending.action).collect();
    let result = client.bulk(&actions).await;
    Answered { chunk, is_full, seconds: started.elapsed().as_secs_f64(), result }
}
