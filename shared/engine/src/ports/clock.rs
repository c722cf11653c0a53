//! The clock.

use jiff::Timestamp;

/// The clock.
pub trait Clock {
    /// Returns the present instant, UTC.
    fn now(&self) -> Timestamp;
}
