//! The progress bar.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::sources::ScanProgress;
use crate::terminal::counted;

/// A progress bar on a terminal, or nothing.
pub(in crate::commands) struct Progress {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Shows how much of `total_bytes` was read, until stopped.
    pub(in crate::commands) fn start(quiet: bool, total_bytes: Option<u64>, progress: Arc<ScanProgress>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let shown = !quiet && io::stderr().is_terminal();
        let thread = shown.then(|| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || show(total_bytes, &progress, &stop))
        });
        Progress { stop, thread }
    }

    pub(in crate::commands) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread {
            // the display has no result; its panic would already be on the screen
            drop(thread.join());
        }
    }
}

fn show(total_bytes: Option<u64>, progress: &ScanProgress, stop: &AtomicBool) {
    let bar = total_bytes.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let template = match total_bytes {
        Some(_) => "{bar:30} {percent}% of {total_bytes}, {msg} ({bytes_per_sec}, {eta} left)",
        None => "{spinner} {bytes}, {msg} ({bytes_per_sec})",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    while !stop.load(Ordering::Relaxed) {
        bar.set_position(progress.bytes());
        bar.set_message(counted(progress.events(), "event", "events"));
        std::thread::sleep(Duration::from_millis(100));
    }
    bar.finish_and_clear();
}
