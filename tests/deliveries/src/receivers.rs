//! The customers' receivers.

use endpoints::{AttemptResult, EndpointId};
use jiff::{SignedDuration, Timestamp};

/// How a receiver behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Behavior {
    /// It answers 200.
    Healthy,
    /// It answers 200 after this time.
    Slow(SignedDuration),
    /// It does not answer.
    Hangs,
    /// It answers with this status.
    Fails(u16),
    /// It answers 500 in every second period of this length, and 200 in the others.
    Flaps(SignedDuration),
    /// It answers 200 to each event, but loses every event whose id's hash is divisible by this.
    Swallows(u64),
    /// It answers 500 until this instant, and 200 afterwards.
    FailsUntil(Timestamp),
}

impl Behavior {
    /// Returns how long an attempt takes and how it ends.
    pub(crate) fn answer(self, now: Timestamp, seed: &str) -> (SignedDuration, AttemptResult) {
        let jitter = i64::from(seed.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31) + u32::from(byte)) % 40);
        let quick = SignedDuration::from_millis(20 + jitter);
        let ok = (quick, AttemptResult::answered(200, "ok"));
        let broken = (quick, AttemptResult::answered(500, "broken"));
        match self {
            Self::Healthy | Self::Swallows(_) => ok,
            Self::Slow(duration) => (duration, AttemptResult::answered(200, "ok")),
            Self::Hangs => {
                let result =
                    AttemptResult::Failed { code: "timeout".to_owned(), detail: "no answer in 15 s".to_owned() };
                (SignedDuration::from_secs(15), result)
            }
            Self::Fails(status) => (quick, AttemptResult::answered(status, "no")),
            Self::Flaps(period) => {
                let periods = now.as_millisecond() / i64::try_from(period.as_millis()).unwrap_or(1).max(1);
                if periods % 2 == 0 { broken } else { ok }
            }
            Self::FailsUntil(until) => {
                if now < until {
                    broken
                } else {
                    ok
                }
            }
        }
    }

    /// Returns whether the receiver loses an event that it acknowledged.
    pub(crate) fn swallows(self, event: &str) -> bool {
        match self {
            Self::Swallows(every) => {
                let hash = event.bytes().fold(7_u64, |mix, byte| mix.wrapping_mul(31).wrapping_add(u64::from(byte)));
                hash % every.max(1) == 0
            }
            _ => false,
        }
    }
}

/// An event that a receiver got and acknowledged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Received {
    /// When.
    pub at: Timestamp,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// `webhook-id`.
    pub event: String,
    /// The body.
    pub body: String,
    /// The HTTP headers.
    pub headers: Vec<(String, String)>,
}
