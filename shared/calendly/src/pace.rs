//! How much of Calendly's rate limit is left, as its answers say.
//!
//! Calendly permits 500 calls a minute for each user, and 50 on a free plan (its documentation of rate limits).
//! Bookings and cancellations need the same calls. So reads that can wait leave half of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::ConnectionName;
use tokio::time::Instant;

use crate::account::Answer;
use crate::error::Error;

/// What is left of each connection's limit.
#[derive(Debug, Default)]
pub(crate) struct Pace(Mutex<BTreeMap<ConnectionName, Left>>);

#[derive(Clone, Copy, Debug)]
struct Left {
    /// Whether less than half is left.
    is_low: bool,
    /// When the limit resets.
    until: Instant,
}

impl Pace {
    /// Takes note of an answer.
    pub(crate) fn record(&self, connection: &ConnectionName, answer: &Result<Answer, Error>) {
        let (is_low, seconds) = match answer {
            Ok(Answer { remaining: Some(remaining), limit: Some(limit), reset_seconds: Some(seconds), .. }) => {
                (remaining.saturating_mul(2) < *limit, *seconds)
            }
            Err(Error::Refused { status: 429, wait_seconds: Some(seconds), .. }) => (true, *seconds),
            _ => return,
        };
        let until = Instant::now() + Duration::from_secs(u64::from(seconds));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(connection.clone(), Left { is_low, until });
    }

    /// Returns for how many seconds reads that can wait should wait.
    pub(crate) fn wait_seconds(&self, connection: &ConnectionName) -> Option<u32> {
        let left = *self.0.lock().unwrap_or_else(PoisonError::into_inner).get(connection)?;
        let wait = left.until.saturating_duration_since(Instant::now());
        (left.is_low && !wait.is_zero()).then(|| u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(remaining: u32, limit: u32) -> Result<Answer, Error> {
        Ok(Answer { body: Vec::new(), remaining: Some(remaining), limit: Some(limit), reset_seconds: Some(40) })
    }

    #[tokio::test(start_paused = true)]
    async fn half_of_the_limit_is_left_to_bookings() {
        let (pace, acme) = (Pace::default(), ConnectionName::parse("acme").expect("a name"));
        let other = ConnectionName::default();
        assert_eq!(pace.wait_seconds(&acme), None);
        for (remaining, limit, wait) in [(250, 500, None), (249, 500, Some(41)), (25, 50, None), (24, 50, Some(41))] {
            pace.record(&acme, &answer(remaining, limit));
            assert_eq!(pace.wait_seconds(&acme), wait, "{remaining} of {limit}");
        }
        assert_eq!(pace.wait_seconds(&other), None);
        tokio::time::advance(Duration::from_secs(40)).await;
        assert_eq!(pace.wait_seconds(&acme), None, "the limit has been reset");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_waited_out() {
        let (pace, connection) = (Pace::default(), ConnectionName::default());
        let refused = |status, wait_seconds| {
            let (faults, required_scopes) = (Vec::new(), Vec::new());
            Err(Error::Refused { status, title: String::new(), faults, required_scopes, wait_seconds })
        };
        pace.record(&connection, &refused(503, Some(20)));
        assert_eq!(pace.wait_seconds(&connection), None);
        pace.record(&connection, &refused(429, Some(20)));
        assert_eq!(pace.wait_seconds(&connection), Some(21));
    }
}
