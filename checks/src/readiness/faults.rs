//! The faults that a dependency is put through, which of them each protocol has, and how a wire shows them.

use sabot_engine::{CannotTell, Context as _, Judgement};
use sabot_target::{Instance, Reach, Row, Wire};
use sabot_wire::http::{Match, Response, Rule};
use sabot_wire::pg;
use sabot_wire::tcp::Mode;
use std::fmt;
use std::time::Duration;

/// What a wait may exceed its bound by: scheduling, the wires, and a machine that does other things besides.
pub(crate) const SLACK: Duration = Duration::from_secs(2);

/// Something that goes wrong with a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nobody listens.
    Refused,
    /// It takes the connection and never answers.
    Hung,
    /// It answers with an error of its own: status 500, or an `ErrorResponse`.
    Error,
    /// It refuses our credentials: status 401.
    Unauthorised,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Refused => "refused",
            Self::Hung => "hung",
            Self::Error => "answering errors",
            Self::Unauthorised => "refusing credentials",
        })
    }
}

/// A fault that is left out for a kind of dependency, and why.
#[derive(Debug, Clone, Copy)]
pub struct LeftOut {
    /// The kind of dependency.
    pub kind: &'static str,
    /// The fault.
    pub fault: Fault,
    /// Why it is left out.
    pub reason: &'static str,
}

/// What `readiness.criticality` leaves out, for the catalogue.
pub const fn left_out() -> &'static [LeftOut] {
    const NO_LOOP: &str =
        "a loop of the service itself takes no connections and gives no answers; it is held instead";
    &[
        LeftOut {
            kind: "PostgreSQL",
            fault: Fault::Unauthorised,
            reason: "PostgreSQL refuses credentials when a connection starts, which a pool meets as any other failure",
        },
        LeftOut { kind: "loop", fault: Fault::Refused, reason: NO_LOOP },
        LeftOut { kind: "loop", fault: Fault::Error, reason: NO_LOOP },
        LeftOut { kind: "loop", fault: Fault::Unauthorised, reason: NO_LOOP },
    ]
}

/// The faults that the protocol of a dependency has, in an order in which each shows as a change of status or is
/// parted from the next by a recovery.
pub(crate) const fn of(reach: &Reach) -> &'static [&'static [Fault]] {
    match reach {
        Reach::Http { .. } => &[&[Fault::Refused, Fault::Unauthorised, Fault::Error], &[Fault::Hung]],
        Reach::Postgres { .. } => &[&[Fault::Refused], &[Fault::Hung], &[Fault::Error]],
        Reach::Loop { .. } => &[&[Fault::Hung]],
    }
}

/// Takes a whole connection down, whatever is on it.
pub(crate) fn take_down(wire: &Wire, fault: Fault) -> Judgement {
    let mode = if fault == Fault::Hung { Mode::Hang } else { Mode::Refuse };
    wire.set_mode(mode).context("taking a wire down")
}

/// Puts `fault` on the dependency of `row`, in place of whatever was on its wire.
pub(crate) async fn put_on(instance: &Instance, row: &Row, fault: Fault) -> Judgement {
    mend(instance, row).await?;
    let wire = wire(instance, row)?;
    match (&row.reach, wire, fault) {
        (Reach::Http { .. } | Reach::Postgres { .. }, wire, Fault::Refused | Fault::Hung) => {
            take_down(wire, fault)?
        }
        (Reach::Http { .. }, Wire::Http(wire), Fault::Error | Fault::Unauthorised) => {
            let status = if fault == Fault::Error { 500 } else { 401 };
            wire.set(Rule::on(Match::any()).answer(Response::status(status)));
        }
        (Reach::Postgres { probe, .. }, Wire::Postgres(wire), Fault::Error) => {
            // 53200 out_of_memory: an error that any statement may meet, and that leaves the connection whole.
            let answer = pg::ErrorResponse::error("53200", "out of memory");
            wire.set(pg::Rule::on(pg::Match::contains(probe)).answer(answer)).await?;
        }
        (Reach::Loop { statement, .. }, Wire::Postgres(wire), Fault::Hung) => {
            wire.set(pg::Rule::on(pg::Match::contains(statement)).hang()).await?;
        }
        _ => {
            return Err(CannotTell::new(format!(
                "{} can't be {fault}: see the table of faults",
                row.dependency
            )));
        }
    }
    Ok(())
}

/// Takes every fault off the wire of `row`.
pub(crate) async fn mend(instance: &Instance, row: &Row) -> Judgement {
    wire(instance, row)?.clear().await.context("mending a wire")
}

fn wire<'a>(instance: &'a Instance, row: &Row) -> Judgement<&'a Wire> {
    let name = row.reach.wire();
    let none = || CannotTell::new(format!("{} has no wire called {name}", instance.service()));
    instance.wires().get(name).ok_or_else(none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_put_on_or_left_out_with_a_reason() {
        let reaches = [
            ("HTTP", Reach::Http { wire: String::new(), path: String::new() }),
            ("PostgreSQL", Reach::Postgres { wire: String::new(), probe: String::new() }),
            (
                "loop",
                Reach::Loop { wire: String::new(), statement: String::new(), stale_after: Duration::ZERO },
            ),
        ];
        for (kind, reach) in &reaches {
            for fault in [Fault::Refused, Fault::Hung, Fault::Error, Fault::Unauthorised] {
                let put_on = of(reach).concat().contains(&fault);
                let left_out =
                    left_out().iter().any(|left_out| left_out.kind == *kind && left_out.fault == fault);
                assert!(put_on != left_out, "{kind}, {fault}");
            }
        }
    }
}
