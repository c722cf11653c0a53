//! The clock.

use jiff::Timestamp;

/// The clock.
pub trait Clock {
    /// The present instant, UTC.
    fn now(&self) -> Timestamp;
}
