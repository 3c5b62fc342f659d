//! What the rules make of one execution.

use super::board::Active;
use super::message::{self, ErrorResponse};
use super::pending::{After, Entry, Fate, Kind, Undo};
use super::rule::{Action, CutAt, HoldAt};
use super::series::{repeat_of, status_after};
use super::statement::Execution;
use super::stream::End;
use super::up::{Outcome, Up, Work};
use crate::hold::Decision;
use std::future::pending;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

/// What the rules want done with an execution that is sent.
struct Orders {
    times: u32,
    early: Option<(Arc<Active>, String)>,
    after: Option<After>,
    cut_sent: bool,
}

/// Whether the execution goes on to the next rule. If not, it has been dealt with.
type Flow = Result<ControlFlow<()>, End>;

impl Up {
    /// Takes an execution through the rules and, where they let it, to the server.
    pub(super) async fn perform(&mut self, work: Work) -> Outcome {
        let connection = self.session.number;
        self.core.totals.executions.received.fetch_add(1, Ordering::SeqCst);
        work.matches
            .received
            .iter()
            .filter_map(Weak::upgrade)
            .for_each(|counter| counter.receive(connection));
        self.record(&work);
        let mut orders = Orders { times: 1, early: None, after: None, cut_sent: false };
        for active in &work.matches.rules {
            if active.rule.action.rewrites() || !active.takes(connection) {
                continue;
            }
            if self.apply(active, &work, &mut orders).await?.is_break() {
                return Ok(());
            }
        }
        self.count_rewritten(&work.statement.rewritten_by);
        if work.is_query() { self.send_query(&work, orders).await } else { self.send_execute(&work, orders) }
    }

    async fn apply(&mut self, active: &Arc<Active>, work: &Work, orders: &mut Orders) -> Flow {
        match &active.rule.action {
            Action::Delay(time) => {
                self.act(active);
                self.flush_complete().await?;
                tokio::select! {
                    () = tokio::time::sleep(*time) => {}
                    () = active.rule.removed.cancelled() => {}
                }
            }
            Action::Refuse => {
                self.act(active);
                return Err(End::Reset);
            }
            Action::Hang => return Err(self.hang(active).await?),
            Action::Cut(at) => self.cut(active, *at, work, orders).await?,
            Action::Answer(error) => {
                self.act(active);
                return self.answer(work, error).await;
            }
            Action::Complete(tag) => {
                self.act(active);
                self.complete(work, tag);
                return Ok(ControlFlow::Break(()));
            }
            Action::Repeat(times) => self.order_repeat(active, *times, work, orders),
            Action::AckEarly(tag) => orders.early = Some((Arc::clone(active), tag.clone())),
            Action::Hold(HoldAt::Before, holder) => {
                self.act(active);
                self.flush_complete().await?;
                match holder.hold(self.execution(work, true)).await {
                    Decision::Release => {}
                    Decision::Cut => return Err(End::Cut),
                    Decision::Answer(error) => return self.answer(work, &error).await,
                }
            }
            Action::Hold(HoldAt::Answered, holder) => {
                self.act(active);
                let (holder, execution) = (holder.clone(), Box::new(self.execution(work, true)));
                orders.after = Some(After::Hold { holder, execution });
            }
            Action::Notify(told) => {
                self.act(active);
                // Nobody listening any more is no reason to stop.
                drop(told.send(self.execution(work, true)));
            }
            Action::Rewrite { .. } => {}
        }
        Ok(ControlFlow::Continue(()))
    }

    fn act(&self, active: &Active) {
        active.act(self.session.number);
    }

    fn execution(&self, work: &Work, parameters: bool) -> Execution {
        let bind = work.bind.as_ref().filter(|_| parameters);
        Execution {
            text: Arc::clone(&work.statement.given),
            parameters: bind.and_then(|bind| message::bind_parameters(bind.slice(5..))).unwrap_or_default(),
            connection: self.session.info(),
        }
    }

    fn record(&self, work: &Work) {
        self.core.recorder.record(self.execution(work, false));
    }

    async fn hang(&mut self, active: &Active) -> Result<End, End> {
        self.act(active);
        self.flush_complete().await?;
        let removed = active.rule.removed.clone();
        Ok(tokio::select! {
            end = self.swallow() => end,
            () = removed.cancelled() => End::Reset,
        })
    }

    async fn cut(&mut self, active: &Active, at: CutAt, work: &Work, orders: &mut Orders) -> Outcome {
        self.act(active);
        match at {
            CutAt::Before => {
                self.flush_complete().await?;
                return Err(End::Cut);
            }
            CutAt::Within => {
                self.send(&work.message[..work.message.len() / 2]);
                self.flush().await?;
                return Err(End::Cut);
            }
            CutAt::Sent => {
                orders.after = Some(After::Vanish);
                orders.cut_sent = true;
            }
            CutAt::Answered => orders.after = Some(After::Cut),
        }
        Ok(())
    }

    async fn answer(&mut self, work: &Work, error: &ErrorResponse) -> Flow {
        if error.is_fatal() {
            self.abandon_series();
            self.flush().await?;
            let made = Kind::Made { bytes: error.encode(), last: true };
            self.request(made, &[]);
            self.session.wake.notify_one();
            return pending().await;
        }
        self.poison(work.is_query(), error);
        Ok(ControlFlow::Break(()))
    }

    /// Answers with a command tag; the columns, where the client has yet to learn them, are the server's to say.
    fn complete(&mut self, work: &Work, tag: &str) {
        let made = Kind::Made { bytes: message::complete(tag), last: false };
        if work.is_query() {
            let undo = Undo { name: Box::default(), previous: None };
            self.request(Entry::new(Kind::Parse(undo), Fate::OnlyColumns), &[]);
            self.request(
                Entry::new(Kind::Describe { statement: true }, Fate::OnlyColumns),
                &message::parse_and_describe(&work.statement.sent),
            );
            self.request(made, &[]);
            self.request(Kind::Sync, &message::sync());
        } else {
            self.request(made, &[]);
            self.session.wake.notify_one();
        }
    }

    fn order_repeat(&self, active: &Active, times: u32, work: &Work, orders: &mut Orders) {
        let copies =
            work.statement.given.trim_start().get(..4).is_some_and(|word| word.eq_ignore_ascii_case("copy"));
        if copies {
            active.refuse("a COPY cannot be repeated: its data has passed".to_owned());
        } else if !work.is_query() && work.bind.is_none() {
            active.refuse("its parameters were bound before the rule was set".to_owned());
        } else {
            self.act(active);
            orders.times = times;
        }
    }

    fn count_sent(&self, work: &Work, times: u32) {
        let times = u64::from(times);
        self.core.totals.executions.sent.fetch_add(times, Ordering::SeqCst);
        let counters = work.matches.sent.iter().filter_map(Weak::upgrade);
        counters.for_each(|counter| counter.send(self.session.number, times));
    }

    async fn send_query(&mut self, work: &Work, orders: Orders) -> Outcome {
        self.count_sent(work, orders.times);
        let early = orders.early.is_some();
        if let Some((active, tag)) = orders.early {
            self.act(&active);
            let status = status_after(&tag, self.session.state().status);
            let mut bytes = message::complete(&tag).to_vec();
            bytes.extend_from_slice(&message::ready(status));
            self.request(Kind::Made { bytes: bytes.into(), last: false }, &[]);
            self.session.wake.notify_one();
        }
        let mut after = orders.after;
        for index in 0..orders.times {
            let (first, last) = (index == 0, index + 1 == orders.times);
            let fate = match (early, first, last) {
                (true, ..) | (_, false, false) => Fate::Swallow,
                (_, true, true) => Fate::Pass,
                (_, true, false) => Fate::SwallowReady,
                (_, false, true) => Fate::OnlyReady,
            };
            let after = if first { after.take() } else { None };
            self.request(Entry { after, ..Entry::new(Kind::Query, fate) }, &work.message);
        }
        if orders.cut_sent {
            self.flush().await?;
            return Err(End::CutSent);
        }
        Ok(())
    }

    fn send_execute(&mut self, work: &Work, orders: Orders) -> Outcome {
        self.count_sent(work, orders.times);
        if let (Some(bind), Some(portal)) = (&work.bind, &work.portal) {
            let repeat = repeat_of(portal, bind, &work.message);
            self.series.repeats.extend((1..orders.times).map(|_| repeat.clone()));
        }
        self.series.cut |= orders.cut_sent;
        let early = orders.early.map(|(active, tag)| {
            self.series.early = Some(active);
            tag
        });
        self.request(Entry { after: orders.after, early, ..Kind::Execute.into() }, &work.message);
        Ok(())
    }
}
