//! A relay of bytes: it knows connections and nothing of what they say.
//!
//! Enough to take any dependency down whose protocol the wires don't speak. With mode [`Mode::Pass`] it is
//! transparent, half-close and back-pressure included.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use sabot_wire::tcp::{Mode, TcpWire, TcpWireOptions};
//!
//! let wire = TcpWire::start(TcpWireOptions::to(([127, 0, 0, 1], 5432).into())).await?;
//! wire.set_mode(Mode::Refuse)?; // connecting to wire.address() now fails with ECONNREFUSED
//! wire.set_mode(Mode::Pass)?;
//! # Ok(())
//! # }
//! ```

mod gate;
mod relay;
mod socket;
mod wire;

pub use gate::Mode;
pub use wire::{TcpCounts, TcpWire, TcpWireOptions};

pub(crate) use gate::{Connection, Gate};
pub(crate) use relay::{Admission, Side, relay};
pub(crate) use socket::{Socket, connect};
