//! Connections of the server: each for one request, with limits on their number and their time, so
//! that clients that are slow, or say nothing, shut nobody out.

use std::collections::VecDeque;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

/// Upper limit on the connections at a time. One more closes the oldest: requests take
/// milliseconds, so the oldest is one that says nothing.
const MOST_CONNECTIONS: usize = 256;

/// Upper limit on the time until the header of the request is there.
const HEADER_TIME: Duration = Duration::from_secs(5);

/// Upper limit on the time of a connection, from its first byte to its last.
const CONNECTION_TIME: Duration = Duration::from_secs(60);

/// Upper limit on the bytes of a connection in memory, the header of its request included.
const BUFFER_BYTES: usize = 64 << 10;

/// Pause after a connection that could not be accepted: there may be no files left.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Answers until `stopped`; then answers in flight end.
pub(super) async fn serve(listener: TcpListener, router: Router, stopped: impl Future<Output = ()>) {
    let (stop, is_stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    // the oldest first
    let mut open: VecDeque<AbortHandle> = VecDeque::new();
    tokio::pin!(stopped);
    loop {
        let accepted = tokio::select! {
            () = &mut stopped => break,
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!("a connection to metrics and pages cannot be accepted: {error}");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        open.retain(|connection| !connection.is_finished());
        if open.len() == MOST_CONNECTIONS
            && let Some(oldest) = open.pop_front()
        {
            debug!("{MOST_CONNECTIONS} connections: the oldest is closed");
            oldest.abort();
        }
        open.push_back(connections.spawn(answer(stream, router.clone(), is_stopped.clone())));
    }
    drop(listener);
    drop(stop);
    while connections.join_next().await.is_some() {}
}

/// Answers the one request of a connection.
async fn answer(stream: TcpStream, router: Router, mut is_stopped: watch::Receiver<()>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME).keep_alive(false).max_buf_size(BUFFER_BYTES);
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    let answered = timeout(CONNECTION_TIME, async {
        tokio::select! {
            answered = &mut connection => return answered,
            // nothing is ever sent: the sender is dropped
            _ = is_stopped.changed() => {}
        }
        connection.as_mut().graceful_shutdown();
        connection.await
    });
    match answered.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!("connection: {error}"),
        Err(_) => debug!("a connection took longer than {} s", CONNECTION_TIME.as_secs()),
    }
}
