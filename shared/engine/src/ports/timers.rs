//! Timers.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use jiff::Timestamp;
use wire::due::Due;

use super::error::PortError;

/// How a message is brought to the due queue at its hour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimerKind {
    /// A one-shot schedule: precise, and it can be removed.
    Schedule,
    /// A delayed message, for waits of at most 15 minutes.
    DelayedMessage,
}

/// Timers. They have names: setting one twice makes one.
pub trait Timers {
    /// Has `due` arrive on the due queue at `at`; `now` is the present. A timer of that name already there is success.
    async fn set_timer(
        &self,
        name: &str,
        due: &Due,
        at: Timestamp,
        now: Timestamp,
        kind: TimerKind,
    ) -> Result<(), PortError>;

    /// Removes a timer. None of that name is success.
    async fn remove_timer(&self, name: &str) -> Result<(), PortError>;
}
