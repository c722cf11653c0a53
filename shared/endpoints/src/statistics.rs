//! The statistics of an endpoint, by hour.

use jiff::{Timestamp, tz::TimeZone};

use crate::delivery::{Attempt, Delivery, DeliveryState};

/// The upper bounds of the latency classes, in milliseconds. Each is about 1.4 times the one before it.
pub(crate) const LATENCY_BOUNDS: [u32; 25] = [
    4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128, 181, 256, 362, 512, 724, 1_024, 1_448, 2_048, 2_896, 4_096, 5_793, 8_192,
    11_585, 16_384,
];

/// The statistics of one hour.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct HourStatistics {
    /// Delivered events.
    pub sent: u64,
    /// Events that were given up.
    pub failed: u64,
    /// Attempts.
    pub attempts: u64,
    /// Attempts that failed.
    pub failed_attempts: u64,
    /// The last successful attempt.
    pub last_sent: Option<Timestamp>,
    /// Successful attempts by latency class.
    pub latencies: [u64; LATENCY_BOUNDS.len() + 1],
}

impl HourStatistics {
    /// The number of latency classes.
    pub const CLASSES: usize = LATENCY_BOUNDS.len() + 1;

    /// Returns the latency class of an attempt.
    pub fn class_of(millis: u32) -> usize {
        LATENCY_BOUNDS.iter().position(|bound| millis <= *bound).unwrap_or(LATENCY_BOUNDS.len())
    }

    /// Returns the name of an attempt's hour, UTC: `2026-11-26T11`.
    pub fn hour_of(at: Timestamp) -> String {
        at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H").to_string()
    }

    /// Returns what an attempt adds. `state` is that of its delivery before and after it.
    pub fn of_attempt(attempt: &Attempt, before: DeliveryState, after: DeliveryState) -> Self {
        let is_success = attempt.result.is_success();
        let mut latencies = [0; LATENCY_BOUNDS.len() + 1];
        if is_success {
            latencies[Self::class_of(attempt.millis)] = 1;
        }
        let reached = |state| before != state && after == state;
        Self {
            sent: u64::from(reached(DeliveryState::Delivered)),
            failed: u64::from(reached(DeliveryState::GivenUp)),
            attempts: 1,
            failed_attempts: u64::from(!is_success),
            last_sent: is_success.then_some(attempt.at),
            latencies,
        }
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.failed += other.failed;
        self.attempts += other.attempts;
        self.failed_attempts += other.failed_attempts;
        self.last_sent = self.last_sent.max(other.last_sent);
        for (class, count) in self.latencies.iter_mut().zip(other.latencies) {
            *class += count;
        }
    }

    /// Returns the latency that this percentage of the successful attempts did not exceed: the upper bound of its
    /// class, in milliseconds. `None` without a success.
    pub fn percentile(&self, percent: u64) -> Option<u32> {
        let total: u64 = self.latencies.iter().sum();
        let wanted = (total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let class = self.latencies.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        Some(*LATENCY_BOUNDS.get(class).unwrap_or(&15_000).min(&15_000))
    }
}

/// The statistics of an endpoint: its hours, in order.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Statistics {
    /// By hour, as [`HourStatistics::hour_of`] names it.
    pub hours: Vec<(String, HourStatistics)>,
}

/// All hours together.
pub type Summary = HourStatistics;

impl Statistics {
    /// Returns all hours together.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for (_, hour) in &self.hours {
            summary.add(hour);
        }
        summary
    }

    /// Rebuilds the statistics from deliveries. They equal those that were counted.
    pub fn rebuild<'a>(deliveries: impl IntoIterator<Item = &'a Delivery>) -> Self {
        let mut hours = std::collections::BTreeMap::<String, HourStatistics>::new();
        for delivery in deliveries {
            let mut before = DeliveryState::Pending;
            let firsts = delivery.attempts.iter().filter(|attempt| !attempt.is_replay).count();
            let mut first = 0;
            for attempt in &delivery.attempts {
                first += usize::from(!attempt.is_replay);
                let is_given_up = delivery.state != DeliveryState::Pending && first == firsts;
                let after = match before {
                    _ if attempt.result.is_success() => DeliveryState::Delivered,
                    DeliveryState::Delivered => DeliveryState::Delivered,
                    DeliveryState::GivenUp => DeliveryState::GivenUp,
                    DeliveryState::Pending if is_given_up => DeliveryState::GivenUp,
                    DeliveryState::Pending => DeliveryState::Pending,
                };
                let hour = hours.entry(HourStatistics::hour_of(attempt.at)).or_default();
                hour.add(&HourStatistics::of_attempt(attempt, before, after));
                before = after;
            }
        }
        Self { hours: hours.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::delivery::AttemptResult;

    fn attempt(second: i64, millis: u32, status: u16, is_replay: bool) -> Attempt {
        let at = Timestamp::from_second(1_800_000_000 + second).expect("an instant");
        Attempt { at, millis, result: AttemptResult::answered(status, ""), is_replay }
    }

    fn delivery() -> Delivery {
        Delivery {
            event_id: "evt_1".to_owned(),
            event_type: "booking.created".to_owned(),
            event_at: Timestamp::UNIX_EPOCH,
            stream: "booking/bk-1".to_owned(),
            number: 1,
            body: "{}".to_owned(),
            content_type: "application/json".to_owned(),
            state: DeliveryState::Pending,
            next_at: None,
            attempts: Vec::new(),
            revision: 0,
        }
    }

    #[test]
    fn percentiles_are_upper_bounds() {
        let mut hour = HourStatistics::default();
        assert_eq!(hour.percentile(50), None);
        for millis in [10, 20, 20, 20, 20_000] {
            let one = attempt(0, millis, 200, false);
            hour.add(&HourStatistics::of_attempt(&one, DeliveryState::Pending, DeliveryState::Delivered));
        }
        assert_eq!((hour.percentile(50), hour.percentile(95)), (Some(23), Some(15_000)));
        assert_eq!((hour.sent, hour.attempts, hour.failed_attempts), (5, 5, 0));
    }

    proptest! {
        #[test]
        fn what_is_counted_equals_what_is_rebuilt(
            histories in proptest::collection::vec(
                (proptest::collection::vec((0_i64..20_000, 0_u32..20_000, any::<bool>()), 1..8), 0_usize..4), 0..10),
        ) {
            let mut counted = std::collections::BTreeMap::<String, HourStatistics>::new();
            let mut deliveries = Vec::new();
            for (attempts, replays) in histories {
                let mut delivery = delivery();
                let firsts = attempts.len().saturating_sub(replays).max(1);
                let mut firsts_left = firsts;
                for (second, millis, is_success) in attempts {
                    let is_replay = delivery.state != DeliveryState::Pending;
                    firsts_left = firsts_left.saturating_sub(usize::from(!is_replay));
                    let attempt = attempt(second, millis, if is_success { 200 } else { 500 }, is_replay);
                    let before = delivery.state;
                    let wanted = match (is_success, firsts_left) {
                        (true, _) => DeliveryState::Delivered,
                        (false, 0) => DeliveryState::GivenUp,
                        (false, _) => DeliveryState::Pending,
                    };
                    delivery = delivery.with_attempt(attempt.clone(), wanted, None);
                    let hour = counted.entry(HourStatistics::hour_of(attempt.at)).or_default();
                    hour.add(&HourStatistics::of_attempt(&attempt, before, delivery.state));
                }
                deliveries.push(delivery);
            }
            let counted = Statistics { hours: counted.into_iter().collect() };
            prop_assert_eq!(Statistics::rebuild(&deliveries), counted);
        }
    }
}
