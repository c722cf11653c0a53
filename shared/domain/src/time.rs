//! Saturating arithmetic on instants: a meeting may be booked for the year 9999.

use jiff::{SignedDuration, Timestamp};

/// Returns the instant plus `wait`.
pub fn add(instant: Timestamp, wait: SignedDuration) -> Timestamp {
    instant.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

/// Returns the instant minus `minutes`.
pub fn minutes_before(instant: Timestamp, minutes: u32) -> Timestamp {
    instant.saturating_sub(SignedDuration::from_mins(i64::from(minutes))).unwrap_or(Timestamp::MIN)
}

/// Returns the instant plus `minutes`.
pub fn minutes_after(instant: Timestamp, minutes: u32) -> Timestamp {
    add(instant, SignedDuration::from_mins(i64::from(minutes)))
}
