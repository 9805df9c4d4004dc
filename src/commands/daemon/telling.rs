//! The task that tells the notices of all runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use super::super::error::RunError;
use super::super::open_state::open_outbox;
use crate::config::{Channel, ElasticSettings, MainConfig, Notifiers};
use crate::http::{ChannelStatus, SharedStatus};
use crate::outbox::{Outbox, Telling, Waiting};
use crate::runtime::{Clock, Interrupt};
use crate::state::{StateError, StateStore};

/// Tells notices as long as the daemon works.
#[derive(Debug)]
pub(super) struct TellingTask {
    settings: Notifiers,
    cluster: ElasticSettings,
    interrupt: Interrupt,
    queued: Arc<Notify>,
    task: JoinHandle<()>,
}

/// Channels that are ready, and who has them tell.
#[derive(Debug)]
pub(super) struct ReadyOutbox {
    outbox: Outbox,
    store: StateStore,
    settings: Notifiers,
    cluster: ElasticSettings,
    interrupt: Interrupt,
}

impl ReadyOutbox {
    /// Prepares the channels of a configuration.
    ///
    /// # Errors
    /// Channels that cannot be used.
    pub(super) fn open(store: &StateStore, main: &MainConfig, interrupt: &Interrupt) -> Result<Self, RunError> {
        let interrupt = interrupt.of_run();
        let outbox = open_outbox(store, main, &interrupt)?;
        let (settings, cluster) = (main.notifiers.clone(), main.elastic.clone());
        Ok(ReadyOutbox { outbox, store: store.clone(), settings, cluster, interrupt })
    }

    /// Starts to tell.
    pub(super) fn start(self, clock: Arc<dyn Clock>, status: SharedStatus) -> TellingTask {
        let queued = Arc::new(Notify::new());
        let (is_queued, interrupt) = (Arc::clone(&queued), self.interrupt.clone());
        let ReadyOutbox { outbox, store, settings, cluster, .. } = self;
        let task = tokio::spawn(async move {
            let tell = |telling: Telling| {
                log(&telling);
                let counted = outbox.waiting().and_then(|waiting| channels(&store, &waiting, &*clock));
                match counted {
                    Ok(channels) => status.lock().channels = channels,
                    Err(state_error) => error!("notices: {state_error}"),
                }
            };
            outbox.serve(&*clock, &is_queued, &interrupt, tell).await;
        });
        TellingTask { settings, cluster, interrupt: self.interrupt, queued, task }
    }
}

impl TellingTask {
    /// Says that there may be new notices.
    pub(super) fn wake(&self) {
        self.queued.notify_one();
    }

    /// True if it tells what the configuration asks for, and where.
    pub(super) fn follows(&self, main: &MainConfig) -> bool {
        let MainConfig { notifiers, elastic, .. } = main;
        let is_in_cluster = notifiers.channels.iter().any(|settings| matches!(settings.channel, Channel::Elastic(_)));
        (&self.settings.channels, self.settings.give_up_after) == (&notifiers.channels, notifiers.give_up_after)
            && (!is_in_cluster || self.cluster == *elastic)
    }

    /// Stops telling; an attempt under way may end.
    pub(super) async fn stop(self) {
        self.interrupt.raise();
        if let Err(join_error) = self.task.await {
            error!("notices: {join_error}");
        }
    }
}

fn log(telling: &Telling) {
    if telling.n_told() > 0 {
        info!(notices = telling.n_told(), "told");
    }
    telling.given_up.iter().for_each(|line| warn!("{line}"));
}

/// Numbers of all channels, also of those that the configuration no longer has.
fn channels(
    store: &StateStore,
    waiting: &[Waiting],
    clock: &dyn Clock,
) -> Result<BTreeMap<String, ChannelStatus>, StateError> {
    let mut channels = BTreeMap::<String, ChannelStatus>::new();
    for (name, counts) in store.channels()? {
        let known = channels.entry(name).or_default();
        (known.told, known.failed) = (counts.told, counts.given_up);
    }
    for waiting in waiting {
        let known = channels.entry(waiting.channel.clone()).or_default();
        known.pending = waiting.n_notices;
        known.oldest_pending = (clock.now() - waiting.since).to_std().unwrap_or_default();
    }
    Ok(channels)
}
