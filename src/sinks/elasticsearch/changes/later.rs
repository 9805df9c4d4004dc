//! Documents that the server could not take: retried after a wait, until the deadline.

use std::collections::HashMap;
use std::time::Duration;

use super::{Changes, Edit, Later};
use crate::elastic::{Attempts, Block, Class};
use crate::runtime::Interrupted;

impl<E: Edit> Changes<E> {
    /// Waits for what may work later, and gives up documents whose deadline has passed.
    pub(super) async fn wait(&mut self) {
        let (on_disk, others): (Vec<Later<E>>, Vec<Later<E>>) = std::mem::take(&mut self.later)
            .into_iter()
            .partition(|later| later.class == Class::Blocked(Block::DiskFull));
        let wait = if others.is_empty() {
            self.wait_for_space(on_disk)
        } else {
            self.later = on_disk;
            self.wait_for_others(others)
        };
        let Some(wait) = wait else { return };
        tracing::warn!(
            seconds = wait.as_secs_f32(),
            documents = self.ready.len(),
            "retrying documents that the server could not take"
        );
        if self.client.interrupt().wait(wait).await.is_err() {
            self.ended.get_or_insert(Interrupted.into());
        }
    }

    fn wait_for_others(&mut self, others: Vec<Later<E>>) -> Option<Duration> {
        let asked = others.iter().filter_map(|later| later.asked).max();
        // back-pressure is waited out like any other temporary failure
        let wait = self.attempts.next_wait(Class::Retry, asked);
        for Later { pending, error, reason, .. } in others {
            match (wait, error) {
                (Some(_), _) => self.ready.push_back(pending),
                (None, Some(error)) => self.end(std::slice::from_ref(&pending), error),
                (None, None) => self.written.reject(&pending.action.id.index, &pending.action.id.id, &reason),
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
            match (wait, error) {
                (Some(_), _) => self.ready.push_back(pending),
                (None, Some(error)) => self.block(&index, &error),
                (None, None) => self.block(&index, &reason),
            }
        }
        waits.into_values().flatten().max()
    }
}
