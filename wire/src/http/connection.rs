//! One connection of a client: its requests one after the other, and how it ends.

use super::head::{self, RequestFacts};
use super::message::Response;
use super::probe::{Plan, Probe};
use super::record::Outcome;
use super::route::{Upstream, route};
use super::transfer::End;
use super::wire::{Settings, Shared};
use crate::tcp::{Admission, Side, Socket, connect, relay};
use bytes::{Buf, BytesMut};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long a client that is being refused may take to read why; closing sooner could destroy what it has not read.
const LINGER: Duration = Duration::from_secs(2);

/// A client's connection, and the connection to an upstream that goes with it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) client: Side,
    pub(super) upstream: Option<(SocketAddr, Side)>,
    pub(super) number: u64,
}

/// One request whose head has been read, and everything that was decided about it then.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) facts: RequestFacts,
    pub(super) settings: Arc<Settings>,
    pub(super) plan: Plan,
    pub(super) probe: Probe,
}

/// Serves a connection to its end.
pub(super) async fn serve(shared: Arc<Shared>, socket: Socket, number: u64) {
    let mut connection = Connection { shared, client: Side::new(socket), upstream: None, number };
    loop {
        if let Err(end) = connection.next().await {
            return connection.end(end).await;
        }
    }
}

impl Connection {
    async fn next(&mut self) -> Result<(), End> {
        let end = self.head().await?;
        let settings = self.shared.settings();
        let bytes = &self.client.unsent[..end];
        let (facts, mut plan) = match head::request(bytes, |head| Plan::of(&settings, head)) {
            Ok(understood) => understood,
            Err(why) => return Err(self.refuse(&why)),
        };
        let counters = std::mem::take(&mut plan.counters);
        let probe = Probe::open(&self.shared, counters, self.number, bytes);
        let mut arrived = Arrived { facts, settings, plan, probe };
        let exchanged = if arrived.facts.is_connect || !arrived.plan.rules.is_empty() {
            // Boxed, because rules and tunnels are rare and would make every connection as large as they are.
            Box::pin(self.act(&mut arrived)).await
        } else {
            self.pass(&mut arrived).await
        };
        exchanged.inspect_err(|end| arrived.probe.ended(end))
    }

    /// Waits for the head of the next request; meanwhile the upstream may end the connection or break its silence.
    async fn head(&mut self) -> Result<usize, End> {
        let mut scanned = 0;
        loop {
            match head::end(&self.client.unsent, &mut scanned) {
                Ok(Some(end)) => return Ok(end),
                Ok(None) => {}
                Err(why) => return Err(self.refuse(&why)),
            }
            let Some((_, upstream)) = &mut self.upstream else {
                if self.client.socket.read(&mut self.client.unsent).await? == 0 {
                    return Err(End::Finished);
                }
                continue;
            };
            if !upstream.unsent.is_empty() {
                // Nobody asked for this, but it is what the client would have seen.
                self.client.socket.write(&upstream.unsent).await?;
                return Err(End::Finished);
            }
            tokio::select! {
                biased;
                read = self.client.socket.read(&mut self.client.unsent) => {
                    if read? == 0 {
                        return Err(End::Finished);
                    }
                }
                read = upstream.socket.read(&mut upstream.unsent) => {
                    if !matches!(read, Ok(1..)) {
                        self.upstream = None;
                        if self.shared.settings().upstream != Upstream::Named {
                            read?;
                            return Err(End::Finished);
                        }
                    }
                }
            }
        }
    }

    /// The connection to `address`, a new one where there is none yet.
    pub(super) async fn connect(&mut self, address: SocketAddr) -> Result<(), End> {
        if self.upstream.as_ref().is_some_and(|(connected, _)| *connected == address) {
            return Ok(());
        }
        self.upstream = None;
        match connect(address).await {
            Ok(socket) => {
                self.upstream = Some((address, Side::new(socket)));
                Ok(())
            }
            Err(error) => {
                let why = format!("the upstream {address} cannot be reached: {error}");
                Err(End::Refusal(Response::complaint(502, &why)))
            }
        }
    }

    /// Gives the client a response that is there as a whole.
    pub(super) async fn give(&self, response: &Response, arrived: &Arrived) -> Result<(), End> {
        let bytes = response.encode(arrived.facts.is_head, arrived.facts.closes);
        let head = bytes.len() - if arrived.facts.is_head { 0 } else { response.sent_body().len() };
        arrived.probe.responding(response.status, &bytes[..head]);
        arrived.probe.response_content(&bytes[head..]);
        self.client.socket.write(&bytes).await?;
        if response.status == 101 {
            arrived.probe.outcome(Outcome::Tunnelled);
            return Err(End::Switched);
        }
        arrived.probe.outcome(Outcome::Answered);
        if arrived.facts.closes { Err(End::AfterResponse) } else { Ok(()) }
    }

    fn refuse(&self, why: &head::Malformed) -> End {
        self.shared.malformed.fetch_add(1, Ordering::SeqCst);
        End::Refusal(Response::complaint(400, why))
    }

    /// Brings the connection to its end.
    async fn end(mut self, end: End) {
        match end {
            End::Cut => {}
            End::Reset => {
                self.client.socket.reset_on_close();
                if let Some((_, upstream)) = &self.upstream {
                    upstream.socket.reset_on_close();
                }
            }
            End::Finished | End::AfterResponse => self.linger().await,
            End::Refusal(response) => {
                self.upstream = None;
                if self.client.socket.write(&response.encode(false, true)).await.is_ok() {
                    self.linger().await;
                }
            }
            End::Switched => {
                if let Some((_, upstream)) = self.upstream.take() {
                    relay(self.client, upstream, |_, bytes| Admission { bytes, last: false }).await;
                }
            }
        }
    }

    /// Finishes, and reads for a while what the client still sends: closing on unread bytes is a reset, and that
    /// would take back what the client has not read yet.
    async fn linger(&mut self) {
        self.upstream = None;
        self.client.socket.finish();
        let Side { socket, unsent } = &mut self.client;
        let drained = async {
            while matches!(socket.read(unsent).await, Ok(1..)) {
                unsent.clear();
            }
        };
        // A client that goes on sending for longer is reset by the close.
        drop(tokio::time::timeout(LINGER, drained).await);
    }

    /// Puts the origin form in place of an absolute target, as a proxy has to (RFC 9112, section 3.2.1). Returns
    /// the new length of the head.
    pub(super) fn make_origin_form(&mut self, arrived: &Arrived) -> usize {
        let facts = &arrived.facts;
        let origin = facts.origin.clone();
        if arrived.settings.upstream != Upstream::Named || origin.is_empty() {
            return facts.head;
        }
        let unsent = &self.client.unsent;
        let mut changed = BytesMut::with_capacity(unsent.len());
        changed.extend_from_slice(&unsent[..origin.start]);
        if unsent[origin.end] != b'/' {
            changed.extend_from_slice(b"/");
        }
        changed.extend_from_slice(&unsent[origin.end..]);
        let head = facts.head + changed.len() - unsent.len();
        self.client.unsent = changed;
        head
    }

    /// The address that a request goes to. Where there is none, the answer that says why.
    pub(super) fn route(&self, arrived: &Arrived) -> Result<SocketAddr, Response> {
        route(&arrived.settings, &arrived.facts)
    }

    /// Takes the head of a request that is not sent on off what the client has sent.
    pub(super) fn take_head(&mut self, arrived: &Arrived) {
        self.client.unsent.advance(arrived.facts.head);
    }
}
