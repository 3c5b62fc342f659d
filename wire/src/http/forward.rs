//! Requests on their way to the upstream, and responses on their way back.

use super::connection::{Arrived, Connection};
use super::message::{Request, Response};
use super::record::Outcome;
use super::rule::{Action, Cut, Installed, Shown};
use super::transfer::{self, Broken, End, Outgoing};
use crate::tcp::Side;
use std::net::SocketAddr;
use std::sync::Arc;

/// Tells a client that waits with its body to go on.
pub(super) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

impl Connection {
    /// An exchange on which no rule acts.
    pub(super) async fn pass(&mut self, arrived: &mut Arrived) -> Result<(), End> {
        match self.route(arrived) {
            Ok(address) => self.connect(address).await?,
            Err(answer) => return self.answer(arrived, None, answer).await,
        }
        let head = self.make_origin_form(arrived);
        let body = std::mem::replace(&mut arrived.facts.body, super::body::Body::none());
        self.stream_through(arrived, Outgoing::Streamed { head, body }).await
    }

    /// Sends a request, and streams its response to the client as the rules of the response let it.
    async fn stream_through(&mut self, arrived: &Arrived, outgoing: Outgoing) -> Result<(), End> {
        let Some((_, upstream)) = &mut self.upstream else { return Err(End::Cut) };
        let (towards, client) = (upstream.socket.clone(), self.client.socket.clone());
        let download = stream_back(arrived, upstream, &client);
        transfer::exchange(&mut self.client, &towards, outgoing, &arrived.probe, download).await
    }

    /// Sends a request, and reads its response as a whole.
    async fn whole_through(
        &mut self,
        arrived: &Arrived,
        outgoing: Outgoing,
        show_interim: bool,
    ) -> Result<Response, End> {
        let Some((_, upstream)) = &mut self.upstream else { return Err(End::Cut) };
        let (towards, client) = (upstream.socket.clone(), self.client.socket.clone());
        let interim = show_interim.then_some(&client);
        let limit = self.shared.whole_body;
        let to_head = sent_as_head(arrived, &outgoing);
        let download = transfer::whole_response(upstream, interim, to_head, limit);
        let (facts, response) =
            transfer::exchange(&mut self.client, &towards, outgoing, &arrived.probe, download).await?;
        if facts.closes {
            self.upstream = None;
        }
        Ok(response)
    }

    /// Sends a request on, as the rules of the way there and back have it. `whole` is the request where some rule
    /// needed it as a whole.
    pub(super) async fn forward(&mut self, arrived: &mut Arrived, whole: Option<Request>) -> Result<(), End> {
        let address = match self.route(arrived) {
            Ok(address) => address,
            Err(answer) => return self.answer(arrived, whole.as_ref(), answer).await,
        };
        self.connect(address).await?;
        let outgoing = match &whole {
            Some(request) => Outgoing::Whole(request.encode()),
            None => {
                let head = self.make_origin_form(arrived);
                let body = std::mem::replace(&mut arrived.facts.body, super::body::Body::none());
                Outgoing::Streamed { head, body }
            }
        };
        if let Some(rule) = arrived.cut(Cut::WithinRequest).or_else(|| arrived.cut(Cut::AfterRequest)) {
            return self.cut_request(arrived, &rule, outgoing).await;
        }
        let repeat = arrived.active().find_map(|rule| match rule.action {
            Action::Repeat(times, shown) => Some((Arc::clone(rule), times, shown)),
            _ => None,
        });
        let response = if let (Some((rule, times, shown)), Outgoing::Whole(bytes)) = (repeat, &outgoing) {
            let bytes = bytes.clone();
            self.repeat(arrived, address, &bytes, (times, shown), &rule).await?
        } else if arrived.active().any(|rule| rule.action.needs_response())
            || sent_as_head(arrived, &outgoing) != arrived.facts.is_head
        {
            self.whole_through(arrived, outgoing, true).await?
        } else {
            return self.stream_through(arrived, outgoing).await;
        };
        let switched = response.status == 101;
        let given = self.respond(arrived, whole.as_ref(), response).await;
        if switched && !matches!(given, Err(End::Switched)) {
            // The upstream speaks another protocol by now, and a rule has kept that from the client.
            self.upstream = None;
        }
        given
    }

    /// Sends the beginning of a request, or all of it and nothing more.
    async fn cut_request(
        &mut self,
        arrived: &Arrived,
        rule: &Installed,
        outgoing: Outgoing,
    ) -> Result<(), End> {
        let Some((_, upstream)) = &self.upstream else { return Err(End::Cut) };
        let within = matches!(rule.action, Action::Cut(Cut::WithinRequest));
        let (upstream, Side { socket, unsent }) = (upstream.socket.clone(), &mut self.client);
        if arrived.facts.expects_continue {
            socket.write(CONTINUE).await?; // nobody reads what the upstream says to it
        }
        arrived.probe.acted(rule);
        arrived.probe.sending();
        match outgoing {
            Outgoing::Whole(bytes) if within => upstream.write(&bytes[..half_of(&bytes)]).await?,
            Outgoing::Whole(bytes) => upstream.write(&bytes).await?,
            Outgoing::Streamed { head, body } if within => {
                transfer::stream_half(socket, unsent, &upstream, head, &body).await?;
            }
            Outgoing::Streamed { head, mut body } => {
                let tap = |content: &[u8]| arrived.probe.request_content(content);
                let sent = transfer::stream(socket, unsent, &upstream, head, &mut body, |_| (), tap).await;
                if let Err(Broken::Malformed(why)) = sent {
                    return Err(arrived.probe.malformed(&why));
                }
            }
        }
        Err(End::Cut)
    }

    /// Sends a request several times.
    async fn repeat(
        &mut self,
        arrived: &Arrived,
        address: SocketAddr,
        request: &bytes::Bytes,
        (times, shown): (u32, Shown),
        rule: &Installed,
    ) -> Result<Response, End> {
        let mut response = self.whole_through(arrived, Outgoing::Whole(request.clone()), true).await?;
        for _ in 1..times {
            self.connect(address).await?;
            let next = self.whole_through(arrived, Outgoing::Whole(request.clone()), false).await?;
            if shown == Shown::Last {
                response = next;
            }
        }
        arrived.probe.acted(rule);
        Ok(response)
    }

    /// Answers in place of the upstream, after reading the rest of the request.
    pub(super) async fn answer(
        &mut self,
        arrived: &mut Arrived,
        whole: Option<&Request>,
        answer: Response,
    ) -> Result<(), End> {
        if whole.is_none() {
            let facts = &mut arrived.facts;
            if facts.expects_continue && self.client.unsent.len() == facts.head && !facts.body.is_empty() {
                // The client may or may not send its body after a final answer: nobody could tell what follows.
                facts.closes = true;
                self.take_head(arrived);
            } else {
                let Side { socket, unsent } = &mut self.client;
                let tap = |content: &[u8]| arrived.probe.request_content(content);
                let skipped = transfer::skip(socket, unsent, facts.head, &mut facts.body, tap).await;
                skipped.map_err(|broken| client_broken(broken, &arrived.probe))?;
            }
        }
        self.respond(arrived, whole, answer).await
    }
}

/// Whether the upstream takes this for a `HEAD` request, which a rule may have made of another one or the reverse.
fn sent_as_head(arrived: &Arrived, outgoing: &Outgoing) -> bool {
    match outgoing {
        Outgoing::Streamed { .. } => arrived.facts.is_head,
        Outgoing::Whole(bytes) => bytes.starts_with(b"HEAD "),
    }
}

/// What becomes of a connection whose client broke off or sent something malformed, before anything was sent on.
pub(super) fn client_broken(broken: Broken, probe: &super::probe::Probe) -> End {
    match broken {
        Broken::Malformed(why) => probe.malformed(&why),
        Broken::TooLong(limit) => {
            let why = format!("a rule needs the whole request, and its body is longer than {limit} bytes");
            End::Refusal(Response::complaint(413, &why))
        }
        Broken::Ended => End::Finished,
        Broken::From(error) | Broken::To(error) => error.into(),
    }
}

fn half_of(message: &[u8]) -> usize {
    let head = message.windows(4).position(|four| four == b"\r\n\r\n").map_or(message.len(), |at| at + 4);
    if head == message.len() { head / 2 } else { head + (message.len() - head) / 2 }
}

/// Streams a response to the client. Of the rules only those act that don't need it as a whole.
async fn stream_back(arrived: &Arrived, upstream: &mut Side, client: &crate::tcp::Socket) -> Result<(), End> {
    let mut facts = transfer::response_head(upstream, Some(client), arrived.facts.is_head).await?;
    for rule in arrived.active() {
        arrived.delay_response(rule).await;
    }
    let probe = &arrived.probe;
    let Side { socket, unsent } = upstream;
    if let Some(rule) = arrived.cut(Cut::WithinResponse) {
        probe.acted(&rule);
        probe.responding(facts.status, &unsent[..facts.head]);
        transfer::stream_half(socket, unsent, client, facts.head, &facts.body).await?;
        // An orderly end would make half of such a body look like all of it.
        return Err(if facts.body.ends_with_connection() { End::Reset } else { End::Cut });
    }
    let status = facts.status;
    let first = |head: &[u8]| probe.responding(status, head);
    let tap = |content: &[u8]| probe.response_content(content);
    let streamed = transfer::stream(socket, unsent, client, facts.head, &mut facts.body, first, tap).await;
    match streamed {
        Ok(()) => {}
        Err(Broken::Malformed(why)) if !probe.has_responded() => {
            let why = format!("the upstream's response is malformed: {why}");
            return Err(End::Refusal(Response::complaint(502, &why)));
        }
        Err(Broken::Malformed(_) | Broken::TooLong(_)) => return Err(End::Reset),
        Err(Broken::Ended) => return Err(End::Finished),
        Err(Broken::From(error) | Broken::To(error)) => return Err(error.into()),
    }
    if status == 101 {
        probe.outcome(Outcome::Tunnelled);
        return Err(End::Switched);
    }
    probe.outcome(Outcome::Answered);
    if let Some(rule) = arrived.cut(Cut::AfterResponse) {
        probe.acted(&rule);
        return Err(End::AfterResponse);
    }
    if facts.body.ends_with_connection() { Err(End::Finished) } else { Ok(()) }
}
