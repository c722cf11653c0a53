//! When a delivery is tried again.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The waits after each failed attempt, in seconds: the example of Standard Webhooks 1.0.0, as Svix uses it. With the
/// first attempt there are eight, over about 28 hours.
const WAITS: [u32; 7] = [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000];

/// The longest wait of a customer's own retries.
const LONGEST_WAIT_SECONDS: u64 = 36_000;

/// A receiver that times out, answers 429 or asks for a wait gets at least this long.
const THROTTLED_SECONDS: u32 = 60;

/// How much faster than written time passes for retries, breakers and disabling: 1, or more on a developer's machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Speed(u32);

impl Default for Speed {
    fn default() -> Self {
        Self(1)
    }
}

impl Speed {
    /// Returns the speed; 0 counts as 1.
    pub fn new(times: u32) -> Self {
        Self(times.max(1))
    }

    /// Returns a duration at this speed.
    pub fn scale(self, duration: SignedDuration) -> SignedDuration {
        let times = i32::try_from(self.0).unwrap_or(i32::MAX);
        duration.checked_div(times).unwrap_or(duration)
    }
}

/// The retries of an endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RetryPolicy {
    /// Eight attempts over about 28 hours.
    #[default]
    Standard,
    /// The customer's own: the wait doubles after each attempt, up to ten hours.
    Doubling {
        /// The number of attempts, 1 to 15.
        max_attempts: u32,
        /// The wait after the first attempt, in milliseconds: 100 to 3,600,000.
        backoff_ms: u64,
    },
}

impl RetryPolicy {
    /// Returns a customer's own policy, or what is wrong with it.
    ///
    /// # Errors
    /// A value is outside its limits.
    pub fn doubling(max_attempts: u32, backoff_ms: u64) -> Result<Self, &'static str> {
        if !(1..=15).contains(&max_attempts) {
            return Err("maxAttempts must be from 1 to 15");
        }
        if !(100..=3_600_000).contains(&backoff_ms) {
            return Err("backoffMs must be from 100 to 3600000");
        }
        Ok(Self::Doubling { max_attempts, backoff_ms })
    }

    /// Returns the wait after `attempts` failed attempts, without jitter; `None` when there is no further attempt.
    fn wait(self, attempts: u32) -> Option<SignedDuration> {
        let index = attempts.checked_sub(1)?;
        match self {
            Self::Standard => {
                let seconds = WAITS.get(usize::try_from(index).ok()?)?;
                Some(SignedDuration::from_secs(i64::from(*seconds)))
            }
            Self::Doubling { max_attempts, backoff_ms } => (attempts < max_attempts).then(|| {
                let doubled = backoff_ms.saturating_mul(1_u64.checked_shl(index).unwrap_or(u64::MAX));
                let millis = doubled.min(LONGEST_WAIT_SECONDS * 1_000);
                SignedDuration::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
            }),
        }
    }

    /// Returns when the next attempt is made after `attempts` failed ones; `None` when there is none.
    ///
    /// The wait differs by up to a fifth, by `seed`, so that deliveries that failed together are not repeated together.
    /// A receiver may ask for a longer wait (`retry_after`, in seconds): at most twice ours, or 15 minutes. One that
    /// timed out or answered 429 gets a minute.
    pub fn next_attempt(
        self,
        attempts: u32,
        seed: &str,
        is_throttled: bool,
        retry_after: Option<u32>,
        now: Timestamp,
        speed: Speed,
    ) -> Option<Timestamp> {
        let base = self.wait(attempts)?;
        let mut wait = jitter(base, seed, attempts);
        if is_throttled {
            wait = wait.max(SignedDuration::from_secs(i64::from(THROTTLED_SECONDS)));
        }
        if let Some(asked) = retry_after {
            let longest = (wait + wait).max(SignedDuration::from_mins(15));
            wait = SignedDuration::from_secs(i64::from(asked)).clamp(wait, longest);
        }
        now.checked_add(speed.scale(wait)).ok()
    }

    /// Returns how many attempts there are.
    pub fn attempts(self) -> u32 {
        match self {
            Self::Standard => 8,
            Self::Doubling { max_attempts, .. } => max_attempts,
        }
    }
}

/// Returns a duration that is up to a fifth longer or shorter.
fn jitter(base: SignedDuration, seed: &str, attempts: u32) -> SignedDuration {
    let mixed = seed.bytes().fold(u64::from(attempts) ^ 0xcbf2_9ce4_8422_2325, |mix, byte| {
        (mix ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let millis = u64::try_from(base.as_millis()).unwrap_or(0);
    let fifth = millis / 5;
    let offset = (mixed >> 16) % (2 * fifth + 1);
    SignedDuration::from_millis(i64::try_from(millis - fifth + offset).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-26T12:00:00Z".parse().expect("an instant")
    }

    fn wait_of(policy: RetryPolicy, attempts: u32, is_throttled: bool, retry_after: Option<u32>) -> Option<i64> {
        let next = policy.next_attempt(attempts, "evt_1", is_throttled, retry_after, now(), Speed::default());
        next.map(|at| at.duration_since(now()).as_secs())
    }

    #[test]
    fn the_standard_schedule_has_eight_attempts_over_about_28_hours() {
        let waits: Vec<_> = (1..).map_while(|attempts| wait_of(RetryPolicy::Standard, attempts, false, None)).collect();
        assert_eq!(waits.len() + 1, 8);
        for (wait, base) in waits.iter().zip(WAITS) {
            let base = i64::from(base);
            assert!((base * 4 / 5..=base * 6 / 5).contains(wait), "{wait} is {base} by a fifth at most");
        }
        let total: u32 = WAITS.iter().sum();
        assert_eq!(total, 99_305, "27 h 35 min without jitter");
    }

    #[test]
    fn a_customers_own_waits_double_within_limits() {
        let policy = RetryPolicy::doubling(3, 1_000).expect("a policy");
        assert_eq!(policy.wait(1), Some(SignedDuration::from_secs(1)));
        assert_eq!(policy.wait(2), Some(SignedDuration::from_secs(2)));
        assert_eq!(policy.wait(3), None);
        let long = RetryPolicy::doubling(15, 3_600_000).expect("a policy");
        assert_eq!(long.wait(14), Some(SignedDuration::from_hours(10)));
        for (attempts, backoff) in [(0, 1_000), (16, 1_000), (3, 99), (3, 3_600_001)] {
            assert!(RetryPolicy::doubling(attempts, backoff).is_err());
        }
    }

    #[test]
    fn a_receiver_may_ask_for_a_longer_wait_within_bounds() {
        assert!(wait_of(RetryPolicy::Standard, 1, false, None) <= Some(6));
        assert_eq!(wait_of(RetryPolicy::Standard, 1, true, None), Some(60));
        assert_eq!(wait_of(RetryPolicy::Standard, 1, true, Some(100)), Some(100));
        assert_eq!(wait_of(RetryPolicy::Standard, 1, true, Some(1_000_000)), Some(900));
        assert_eq!(wait_of(RetryPolicy::Standard, 1, true, Some(1)), Some(60));
        let two_hours = wait_of(RetryPolicy::Standard, 4, false, None).expect("a wait");
        assert_eq!(wait_of(RetryPolicy::Standard, 4, false, Some(1_000_000)), Some(2 * two_hours));
    }

    proptest! {
        #[test]
        fn every_policy_ends_and_never_waits_for_more_than_a_day(
            attempts in 0_u32..100, max in 1_u32..=15, backoff in 100_u64..=3_600_000, asked in proptest::option::of(any::<u32>()),
            throttled: bool, seed in "[a-z0-9]{0,8}", speed in 0_u32..2_000,
        ) {
            let policy = RetryPolicy::doubling(max, backoff).expect("within the limits");
            for policy in [policy, RetryPolicy::Standard] {
                let next = policy.next_attempt(attempts, &seed, throttled, asked, now(), Speed::new(speed));
                prop_assert_eq!(next.is_some(), (1..policy.attempts()).contains(&attempts));
                if let Some(at) = next {
                    prop_assert!(at > now() && at.duration_since(now()) <= SignedDuration::from_hours(24));
                }
            }
        }
    }
}
