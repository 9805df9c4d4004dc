//! Messages to the service manager: systemd, by the socket in `NOTIFY_SOCKET`. Without one, nobody
//! is told.
//!
//! A thread of its own sends the messages: a manager that does not listen must not stop the daemon.

use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use sd_notify::NotifyState;
use tracing::debug;

/// Interval of signs of life without a watchdog, and the longest one.
const LONGEST_INTERVAL: Duration = Duration::from_secs(30);

/// Messages that may wait; further ones are dropped.
const MOST_WAITING: usize = 16;

/// Time for the last message.
const LAST_MESSAGE: Duration = Duration::from_secs(1);

/// A message.
#[derive(Debug)]
enum Message {
    Ready,
    Alive,
    Status(String),
    /// The last one, and who waits for it.
    Stopping(SyncSender<()>),
}

/// Tells that the daemon is ready.
pub(super) fn ready() {
    tell(Message::Ready);
}

/// Tells what the daemon does, in one line.
pub(super) fn status(line: String) {
    tell(Message::Status(line));
}

/// A sign of life, for the watchdog.
pub(super) fn alive() {
    tell(Message::Alive);
}

/// Tells that the daemon ends, and waits a moment until that is sent.
pub(super) fn stopping() {
    let (sent, is_sent) = sync_channel(1);
    tell(Message::Stopping(sent));
    if is_sent.recv_timeout(LAST_MESSAGE).is_err() {
        debug!("the service manager was not told of the end");
    }
}

/// Interval in which the watchdog wants signs of life: a third of its patience.
pub(super) fn interval() -> Duration {
    sd_notify::watchdog_enabled().map_or(LONGEST_INTERVAL, |patience| (patience / 3).min(LONGEST_INTERVAL))
}

fn tell(message: Message) {
    static MESSAGES: OnceLock<Option<SyncSender<Message>>> = OnceLock::new();
    let messages = MESSAGES.get_or_init(|| {
        std::env::var_os("NOTIFY_SOCKET")?;
        let (sender, receiver) = sync_channel(MOST_WAITING);
        std::thread::spawn(move || send_all(&receiver));
        Some(sender)
    });
    if messages.as_ref().is_some_and(|messages| messages.try_send(message).is_err()) {
        debug!("the service manager does not listen");
    }
}

fn send_all(messages: &Receiver<Message>) {
    for message in messages {
        let sent = match &message {
            Message::Ready => sd_notify::notify(&[NotifyState::Ready]),
            Message::Alive => sd_notify::notify(&[NotifyState::Watchdog]),
            Message::Status(line) => sd_notify::notify(&[NotifyState::Status(line)]),
            Message::Stopping(_) => sd_notify::notify(&[NotifyState::Stopping, NotifyState::Status("ending")]),
        };
        if let Err(error) = sent {
            debug!("the service manager was not told: {error}");
        } else if let Message::Stopping(waiting) = message {
            // nobody waits any more if it took too long
            let _ = waiting.send(());
        }
    }
}
