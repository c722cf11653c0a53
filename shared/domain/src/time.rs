//! Saturating arithmetic on instants: a meeting may be booked for the year 9999.

use jiff::{SignedDuration, Timestamp};

/// Returns the instant plus `duration`, which may be negative.
pub fn add(instant: Timestamp, duration: SignedDuration) -> Timestamp {
    instant.saturating_add(duration).unwrap_or(Timestamp::MAX)
}

/// Returns the instant minus `minutes`.
pub fn minutes_before(instant: Timestamp, minutes: u32) -> Timestamp {
    add(instant, -SignedDuration::from_mins(i64::from(minutes)))
}

/// Returns the instant plus `minutes`.
pub fn minutes_after(instant: Timestamp, minutes: u32) -> Timestamp {
    add(instant, SignedDuration::from_mins(i64::from(minutes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_end_at_the_first_and_the_last_instant() {
        let hour = SignedDuration::from_hours(1);
        assert_eq!(add(Timestamp::MAX, hour), Timestamp::MAX);
        assert_eq!(add(Timestamp::MIN, -hour), Timestamp::MIN);
        assert_eq!(minutes_before(Timestamp::MIN, 60), Timestamp::MIN);
        assert_eq!(minutes_after(Timestamp::UNIX_EPOCH, 60), Timestamp::UNIX_EPOCH + hour);
    }
}
