//! Timers.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use jiff::Timestamp;
use wire::due::Due;

use super::error::PortError;

/// How a message is put on the due queue at its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimerKind {
    /// A one-shot schedule: precise, and it can be removed.
    Schedule,
    /// A delayed message, for waits of at most 15 minutes.
    DelayedMessage,
}

/// Timers. They have names, and setting a timer twice creates one.
pub trait Timers {
    /// Sets a timer that puts `due` on the due queue at `at`. If a timer with that name exists, that is success.
    async fn set_timer(
        &self,
        name: &str,
        due: &Due,
        at: Timestamp,
        now: Timestamp,
        kind: TimerKind,
    ) -> Result<(), PortError>;

    /// Removes a timer. If there is no timer with that name, that is success.
    async fn remove_timer(&self, name: &str) -> Result<(), PortError>;
}
