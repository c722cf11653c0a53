//! The machine's clock.

use jiff::Timestamp;

/// The machine's clock, UTC.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl SystemClock {
    /// Returns the current time.
    #[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
    pub fn now(self) -> Timestamp {
        Timestamp::now()
    }
}
