//! Arithmetic on instants that ends at the end of time: a meeting may be booked for the year 9999.

use jiff::{SignedDuration, Timestamp};

/// `wait` after an instant.
pub fn add(instant: Timestamp, wait: SignedDuration) -> Timestamp {
    instant.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

/// `minutes` before an instant.
pub fn minutes_before(instant: Timestamp, minutes: u32) -> Timestamp {
    instant.saturating_sub(SignedDuration::from_mins(i64::from(minutes))).unwrap_or(Timestamp::MIN)
}

/// `minutes` after an instant.
pub fn minutes_after(instant: Timestamp, minutes: u32) -> Timestamp {
    add(instant, SignedDuration::from_mins(i64::from(minutes)))
}
