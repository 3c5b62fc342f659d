//! Waking at a commit: the connection that listens, and the bell.
//!
//! A notification makes its transaction take a lock that lets one commit at a time through, in the whole database. So a
//! runner that is idle holds an advisory lock, the *bell*, and an enqueue notifies only while somebody holds it: a busy
//! runner claims again anyway. An enqueue that looked just before the bell was taken, and committed after the claim that
//! followed, is found by polling, which is quick at first when a runner becomes idle.
//!
//! With several runners one holds the bell and all are woken; when it becomes busy it gives the bell up and rings, so
//! that another takes it.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Socket};

use crate::redact::with_causes;
use crate::schema::{BELL, CHANNEL};

/// How long to wait before connecting again.
const RECONNECT: Duration = Duration::from_secs(1);

/// What the listener shares with the runner.
#[derive(Debug, Clone)]
pub(super) struct Link {
    /// Rung when there may be something to claim.
    pub(super) woken: Arc<Notify>,
    /// Whether the runner is idle.
    pub(super) idle: watch::Receiver<bool>,
    /// How often to make sure that the connection lives.
    pub(super) probe: Duration,
    /// How long a statement may take.
    pub(super) limit: Duration,
}

/// A listener that is yet to be given its link.
pub(super) type Listener = Box<dyn FnOnce(Link) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A listener on connections of its own.
pub(super) fn listener<T>(mut config: Config, tls: T) -> Listener
where
    T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
    T::Stream: Send + 'static,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    Box::new(move |link| {
        Box::pin(async move {
            config.connect_timeout(link.limit);
            let mut well = true;
            loop {
                let error = session(&config, tls.clone(), link.clone(), &mut well).await;
                if std::mem::replace(&mut well, false) {
                    tracing::warn!(error, "no notifications reach the propagation runner; it polls");
                }
                sleep(RECONNECT).await;
            }
        })
    })
}

/// One connection, from its beginning to the error that ended it.
async fn session<T>(config: &Config, tls: T, link: Link, well: &mut bool) -> String
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let connected = timeout(link.limit, config.connect(tls)).await;
    let (client, connection) = match connected {
        Ok(Ok(connected)) => connected,
        Ok(Err(error)) => return with_causes(&error),
        Err(_) => return format!("no connection within {:?}", link.limit),
    };
    let heard = Notify::new();
    let ear = pin!(hear(connection, &link.woken, &heard));
    let talk = pin!(talk(&client, link.clone(), &heard, well));
    tokio::select! {
        error = ear => error,
        error = talk => error,
    }
}

/// Drives the connection, and passes on what it hears.
async fn hear<S, T>(mut connection: Connection<S, T>, woken: &Notify, heard: &Notify) -> String
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    loop {
        match poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notification(_))) => {
                woken.notify_one();
                heard.notify_one();
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return with_causes(&error),
            None => return "the connection was closed".to_owned(),
        }
    }
}

/// Keeps the bell as the runner wants it, and the connection under watch.
async fn talk(client: &Client, mut link: Link, heard: &Notify, well: &mut bool) -> String {
    let mut held = false;
    if let Err(error) = ask(client, &format!("LISTEN {CHANNEL} /* propagation listen */"), link.limit).await {
        return error;
    }
    if !std::mem::replace(well, true) {
        tracing::info!("notifications reach the propagation runner again");
    }
    // Whatever was enqueued while nobody listened.
    link.woken.notify_one();
    loop {
        let idle = *link.idle.borrow_and_update();
        let step = match (idle, held) {
            (true, false) => take(client, &link).await,
            (false, true) => give(client, link.limit).await,
            _ => Ok(held),
        };
        held = match step {
            Ok(held) => held,
            Err(error) => return error,
        };
        tokio::select! {
            changed = link.idle.changed() => if changed.is_err() { return "the runner is gone".to_owned() },
            () = heard.notified() => {}
            () = sleep(link.probe) => if let Err(error) = ask(client, "/* propagation probe */", link.limit).await {
                return error;
            },
        }
    }
}

/// Takes the bell if it is free. Whoever enqueued before, and so did not ring, is found by the claim that follows.
async fn take(client: &Client, link: &Link) -> Result<bool, String> {
    let sql = format!("SELECT pg_try_advisory_lock({BELL}) /* propagation bell */");
    let held = first(client, &sql, link.limit).await?.as_deref() == Some("t");
    if held {
        link.woken.notify_one();
    }
    Ok(held)
}

/// Gives the bell up, and tells the others.
async fn give(client: &Client, limit: Duration) -> Result<bool, String> {
    let sql = format!("SELECT pg_advisory_unlock({BELL}); NOTIFY {CHANNEL} /* propagation bell */");
    ask(client, &sql, limit).await.map(|()| false)
}

async fn ask(client: &Client, sql: &str, limit: Duration) -> Result<(), String> {
    first(client, sql, limit).await.map(drop)
}

/// The first value that a statement returns.
async fn first(client: &Client, sql: &str, limit: Duration) -> Result<Option<String>, String> {
    match timeout(limit, client.simple_query(sql)).await {
        Ok(Ok(messages)) => Ok(messages.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        })),
        Ok(Err(error)) => Err(with_causes(&error)),
        Err(_) => Err(format!("no answer within {limit:?}")),
    }
}
