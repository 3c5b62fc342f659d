//! A kind that the database knows and no runner: what the next release will bring.

use super::desk::Desk;
use crate::sql::{ident, literal};
use sabot_engine::{CannotTell, Context as _, Judgement};
use sabot_target::propagation::DeclaredKinds;

/// A kind that was declared for the time of a check. Where the check ends before it is withdrawn it was not green, so
/// its lane is remade.
pub(crate) struct ForeignKind {
    withdraw: String,
}

impl ForeignKind {
    /// Declares `kind`.
    pub(crate) async fn declare(desk: &Desk<'_>, kind: &str) -> Judgement<Self> {
        let (declare, withdraw) = match &desk.propagation.declared {
            DeclaredKinds::Enum(name) => (
                format!("ALTER TYPE {} ADD VALUE IF NOT EXISTS {}", ident(name), literal(kind)),
                // There is no statement that takes a value away. No row and no index has it any more.
                format!(
                    "DELETE FROM pg_enum WHERE enumtypid = {}::regtype AND enumlabel = {}",
                    literal(&ident(name)),
                    literal(kind)
                ),
            ),
            DeclaredKinds::Table { table, column } => (
                format!("INSERT INTO {} ({}) VALUES ({})", ident(table), ident(column), literal(kind)),
                format!("DELETE FROM {} WHERE {} = {}", ident(table), ident(column), literal(kind)),
            ),
            DeclaredKinds::Constraint(name) => {
                let reason = format!("a kind can't be declared for a while in the constraint {name}");
                return Err(CannotTell::new(reason));
            }
        };
        desk.client.batch_execute(&declare).await.context("declaring a kind")?;
        Ok(Self { withdraw })
    }

    /// Takes it away again. No row may have it any more.
    pub(crate) async fn withdraw(self, desk: &Desk<'_>) -> Judgement {
        desk.client.batch_execute(&self.withdraw).await.context("withdrawing a kind")
    }
}
