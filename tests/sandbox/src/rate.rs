//! Calendly's rate limits.

use std::time::{Duration, Instant};

use crate::settings::Settings;

/// Counts requests per minute, and bookings per minute, hour and day.
#[derive(Default)]
pub(crate) struct Rate {
    requests: Counter,
    bookings: [Counter; 3],
}

/// The number of requests since a window began.
struct Counter {
    began: Instant,
    count: u32,
}

impl Default for Counter {
    fn default() -> Self {
        Self { began: Instant::now(), count: 0 }
    }
}

/// The values of Calendly's rate-limit headers.
pub(crate) struct Allowance {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    pub(crate) reset_seconds: u64,
    pub(crate) exceeded: bool,
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

impl Rate {
    /// Counts one request. Returns the limit with the least remaining requests; of the exceeded ones, the longest.
    pub(crate) fn count(&mut self, is_booking: bool, settings: &Settings) -> Allowance {
        let mut allowance = self.requests.count(settings.requests_per_minute, MINUTE);
        if is_booking {
            let limits = [settings.bookings_per_minute, settings.bookings_per_hour, settings.bookings_per_day];
            for ((counter, limit), window) in self.bookings.iter_mut().zip(limits).zip([MINUTE, HOUR, DAY]) {
                let Some(limit) = limit else { continue };
                let other = counter.count(limit, window);
                if other.exceeded || other.remaining <= allowance.remaining && !allowance.exceeded {
                    allowance = other;
                }
            }
        }
        allowance
    }
}

impl Counter {
    fn count(&mut self, limit: u32, window: Duration) -> Allowance {
        if self.began.elapsed() >= window {
            *self = Self::default();
        }
        self.count = self.count.saturating_add(1);
        Allowance {
            limit,
            remaining: limit.saturating_sub(self.count),
            reset_seconds: window.saturating_sub(self.began.elapsed()).as_secs() + 1,
            exceeded: self.count > limit,
        }
    }
}
