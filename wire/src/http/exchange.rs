//! One exchange on which rules act: in their order before the request is sent on, and again on the response.

use super::connection::{Arrived, Connection};
use super::forward::{CONTINUE, client_broken};
use super::message::{Request, Response};
use super::record::Outcome;
use super::rule::{Action, Cut, Forwarded, HeldRequest, Installed};
use super::transfer::{self, End};
use crate::hold::{Decision, Holder};
use crate::tcp::Side;
use bytes::Bytes;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// The longest that a request which was acknowledged early may take: nobody waits for it who could give up.
const FORWARD_LIMIT: Duration = Duration::from_mins(1);

/// How one rule leaves a request.
enum Fate {
    /// The next rule decides.
    Open,
    /// This stands in for the upstream; the next rules act as they would before the upstream.
    StandsIn(Response),
    /// This is given to the client at once.
    Answered(Response),
    Ended(End),
}

impl Arrived {
    /// The rules that took this request and are still set.
    pub(super) fn active(&self) -> impl Iterator<Item = &Arc<Installed>> {
        self.plan.rules.iter().filter(|rule| !rule.removed.is_cancelled())
    }

    /// The rule that cuts there, if one does.
    pub(super) fn cut(&self, place: Cut) -> Option<Arc<Installed>> {
        self.active().find(|rule| matches!(rule.action, Action::Cut(cut) if cut == place)).cloned()
    }

    pub(super) async fn delay_response(&self, rule: &Installed) {
        if let Action::DelayResponse(wait) = rule.action {
            self.delay(rule, wait).await;
        }
    }

    async fn delay(&self, rule: &Installed, wait: Duration) {
        self.probe.acted(rule);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = rule.removed.cancelled() => {}
        }
    }

    /// Holds a message until somebody has decided.
    async fn hold(
        &self,
        rule: &Installed,
        holder: &Holder<HeldRequest, Response>,
        held: HeldRequest,
    ) -> Decision<Response> {
        self.probe.acted(rule);
        holder.hold(held).await
    }
}

impl Connection {
    /// An exchange on which rules act, or that asks for a tunnel.
    pub(super) async fn act(&mut self, arrived: &mut Arrived) -> Result<(), End> {
        if let (true, Some(host)) = (arrived.facts.is_connect, &arrived.facts.authority) {
            self.shared.count_tunnel(host);
        }
        let mut whole = None;
        if arrived.plan.rules.iter().any(|rule| rule.action.needs_request()) {
            whole = Some(self.collect(arrived).await?);
        }
        let mut stand_in = None;
        for rule in arrived.plan.rules.clone() {
            if rule.removed.is_cancelled() || stand_in.is_some() && rule.action.stands_in() {
                continue;
            }
            match self.before(arrived, &rule, &mut whole).await {
                Fate::Open => {}
                Fate::StandsIn(answer) => stand_in = Some(answer),
                Fate::Answered(answer) => return self.answer(arrived, whole.as_ref(), answer).await,
                Fate::Ended(end) => return Err(end),
            }
        }
        if let Some(answer) = stand_in {
            return self.answer(arrived, whole.as_ref(), answer).await;
        }
        if arrived.facts.is_connect {
            return self.tunnel(arrived, whole.as_ref()).await;
        }
        self.forward(arrived, whole).await
    }

    /// Reads the whole request.
    async fn collect(&mut self, arrived: &mut Arrived) -> Result<Request, End> {
        let head = self.make_origin_form(arrived);
        let facts = &mut arrived.facts;
        let Side { socket, unsent } = &mut self.client;
        if facts.expects_continue && unsent.len() == head && !facts.body.is_empty() {
            socket.write(CONTINUE).await?;
        }
        let collected =
            transfer::collect(socket, unsent, head, &mut facts.body, self.shared.whole_body).await;
        let (head, content) = collected.map_err(|broken| client_broken(broken, &arrived.probe))?;
        arrived.probe.request_content(&content);
        Ok(Request::parse(&head, content))
    }

    /// What one rule does before the request is sent on.
    async fn before(&mut self, arrived: &Arrived, rule: &Installed, whole: &mut Option<Request>) -> Fate {
        let probe = &arrived.probe;
        match (&rule.action, whole) {
            (Action::DelayRequest(wait), _) => arrived.delay(rule, *wait).await,
            (Action::Notify(seen), whole) => {
                let request = match whole {
                    Some(request) => Request { body: Bytes::new(), ..request.clone() },
                    None => Request::parse(&self.client.unsent[..arrived.facts.head], Bytes::new()),
                };
                probe.acted(rule);
                drop(seen.send(request)); // nobody listens any more
            }
            (Action::Refuse, _) => {
                probe.acted(rule);
                return Fate::Ended(End::Reset);
            }
            (Action::Hang, _) => {
                probe.acted(rule);
                return Fate::Ended(self.hang(rule).await);
            }
            (Action::Cut(Cut::BeforeRequest), _) => {
                probe.acted(rule);
                return Fate::Ended(End::Cut);
            }
            (Action::Answer(answer), _) => {
                probe.acted(rule);
                return Fate::StandsIn(answer.clone());
            }
            (Action::AnswerWith(answer), Some(request)) => {
                probe.acted(rule);
                return Fate::StandsIn((answer.0)(request));
            }
            (Action::AcknowledgeEarly(answer, ended), Some(request)) => {
                probe.acted(rule);
                self.forward_apart(arrived, request.clone(), ended.clone());
                return Fate::StandsIn(answer.clone());
            }
            (Action::RewriteRequest(rewrite), Some(request)) => {
                let before = request.clone();
                (rewrite.0)(request);
                if *request != before {
                    probe.acted(rule);
                }
            }
            (Action::HoldRequest(holder), Some(request)) => {
                let held = HeldRequest { connection: self.number, request: request.clone(), response: None };
                match arrived.hold(rule, holder, held).await {
                    Decision::Release => {}
                    Decision::Cut => return Fate::Ended(End::Cut),
                    Decision::Answer(answer) => return Fate::Answered(answer),
                }
            }
            _ => {}
        }
        Fate::Open
    }

    /// Reads whatever the client sends until it goes or the rule is removed.
    async fn hang(&mut self, rule: &Installed) -> End {
        let Side { socket, unsent } = &mut self.client;
        loop {
            unsent.clear();
            tokio::select! {
                () = rule.removed.cancelled() => return End::Cut,
                read = socket.read(unsent) => match read {
                    Ok(1..) => {}
                    Ok(0) => return End::Cut,
                    Err(error) => return error.into(),
                }
            }
        }
    }

    /// Does to a response that is there as a whole what the rules say, and gives it to the client.
    pub(super) async fn respond(
        &mut self,
        arrived: &Arrived,
        request: Option<&Request>,
        mut response: Response,
    ) -> Result<(), End> {
        for rule in arrived.active() {
            match (&rule.action, request) {
                (Action::DelayResponse(_), _) => arrived.delay_response(rule).await,
                (Action::RewriteResponse(rewrite), _) => {
                    let before = response.clone();
                    (rewrite.0)(&mut response);
                    if response != before {
                        arrived.probe.acted(rule);
                    }
                }
                (Action::HoldResponse(holder), Some(request)) => {
                    let (request, copy) = (request.clone(), Some(response.clone()));
                    let held = HeldRequest { connection: self.number, request, response: copy };
                    match arrived.hold(rule, holder, held).await {
                        Decision::Release => {}
                        Decision::Cut => return Err(End::Cut),
                        Decision::Answer(answer) => response = answer,
                    }
                }
                (Action::Cut(Cut::BeforeResponse), _) => {
                    arrived.probe.acted(rule);
                    return Err(End::Cut);
                }
                _ => {}
            }
        }
        if let Some(rule) = arrived.cut(Cut::WithinResponse) {
            arrived.probe.acted(&rule);
            return self.give_half(&response, arrived).await;
        }
        let given = self.give(&response, arrived).await;
        match arrived.cut(Cut::AfterResponse) {
            Some(rule) if given.is_ok() => {
                arrived.probe.acted(&rule);
                Err(End::AfterResponse)
            }
            _ => given,
        }
    }

    /// Sends a request on a connection of its own, whatever becomes of this one.
    fn forward_apart(&self, arrived: &Arrived, request: Request, ended: mpsc::UnboundedSender<Forwarded>) {
        let (shared, number) = (Arc::clone(&self.shared), self.number);
        let (route, is_head) = (self.route(arrived), request.method == "HEAD");
        let sent = arrived.probe.sender();
        tokio::spawn(async move {
            let forward = async {
                let unroutable =
                    |_| io::Error::new(io::ErrorKind::AddrNotAvailable, "no upstream for this request");
                let socket = crate::tcp::connect(route.map_err(unroutable)?).await?;
                sent();
                socket.write(&request.encode()).await?;
                let mut upstream = Side::new(socket);
                let answered =
                    transfer::whole_response(&mut upstream, None, is_head, shared.whole_body).await;
                let broken = |end| io::Error::other(format!("the upstream did not answer: {end:?}"));
                answered.map(|(_, response)| response).map_err(broken)
            };
            let answer = tokio::select! {
                () = shared.gone.cancelled() => return,
                answer = tokio::time::timeout(FORWARD_LIMIT, forward) => {
                    answer.unwrap_or_else(|late| Err(io::Error::new(io::ErrorKind::TimedOut, late)))
                }
            };
            tracing::debug!(
                connection = number,
                ok = answer.is_ok(),
                "forwarded after an early acknowledgement"
            );
            drop(ended.send(Forwarded { request, answer }));
        });
    }

    /// Opens a tunnel and relays it to its end.
    async fn tunnel(&mut self, arrived: &mut Arrived, whole: Option<&Request>) -> Result<(), End> {
        let address = match self.route(arrived) {
            Ok(address) => address,
            Err(answer) => return self.answer(arrived, whole, answer).await,
        };
        self.upstream = None;
        self.connect(address).await?;
        if whole.is_none() {
            self.take_head(arrived);
        }
        let opened = b"HTTP/1.1 200 Connection Established\r\n\r\n";
        arrived.probe.sending();
        arrived.probe.responding(200, opened);
        arrived.probe.outcome(Outcome::Tunnelled);
        self.client.socket.write(opened).await?;
        Err(End::Switched)
    }

    async fn give_half(&self, response: &Response, arrived: &Arrived) -> Result<(), End> {
        let bytes = response.encode(arrived.facts.is_head, arrived.facts.closes);
        let head = bytes.len() - if arrived.facts.is_head { 0 } else { response.sent_body().len() };
        let half = if head == bytes.len() { head / 2 } else { head + (bytes.len() - head) / 2 };
        arrived.probe.responding(response.status, &bytes[..head]);
        arrived.probe.response_content(&bytes[head..half.max(head)]);
        self.client.socket.write(&bytes[..half]).await?;
        Err(End::Cut)
    }
}
