//! The loop that drives a booking: load, decide, commit, execute; and the ports through which it reaches the world.
//!
//! Generic over [`World`], so the same code runs against AWS and the providers and against a fake world in memory.

mod drive;
mod execute;
mod ports;

pub use drive::{Progress, Received, Trouble, receive, resume};
pub use execute::{Gate, LEASE};
pub use ports::{
    Bearer, Calendly, Clock, CommitError, Evidence, Mail, Store, Texts, Timers, Unavailable, UnknownEvent, Vai, World,
};
