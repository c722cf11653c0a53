//! The health of an endpoint: the circuit breaker, the warning, and the automatic disabling.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::retry::Speed;

/// So many failures in a row, over all lanes, open the breaker.
const FAILURES_TO_OPEN: u32 = 5;

/// How long the breaker is open for the first time. It doubles with each failed probe.
const OPEN_FOR: SignedDuration = SignedDuration::from_secs(30);

/// How long the breaker is open at most.
const LONGEST_OPEN: SignedDuration = SignedDuration::from_mins(10);

/// After this time with failures only, the customer is warned.
const WARN_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// After this time with failures only, the endpoint is disabled. Svix uses five days, too.
const DISABLE_AFTER: SignedDuration = SignedDuration::from_hours(5 * 24);

/// The health of an endpoint. An endpoint without failures has none stored.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Health {
    /// The failures since the last success.
    pub failures: u32,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// The last error, as in the attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Until when nothing is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_until: Option<Timestamp>,
    /// How often the breaker was opened since the last success.
    #[serde(default)]
    pub openings: u32,
    /// When the next probe is planned: one of the lanes that have stalled is continued then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe_at: Option<Timestamp>,
    /// Whether the customer was warned.
    #[serde(default)]
    pub is_warned: bool,
    /// The revision of the stored health; 0 when none is stored.
    #[serde(skip)]
    pub revision: u64,
}

/// What follows from a failure.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct HealthChange {
    /// The breaker was opened. It must be probed then.
    pub opened_until: Option<Timestamp>,
    /// The customer must be warned: `endpoint.failing`.
    pub must_warn: bool,
    /// The endpoint must be disabled: `endpoint.disabled`.
    pub must_disable: bool,
}

impl Health {
    /// Returns whether the breaker is open: nothing is sent.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.open_until.is_some_and(|until| until > now)
    }

    /// Returns whether the breaker was opened and no attempt has succeeded since. One attempt at a time is made.
    pub fn is_probing(&self, now: Timestamp) -> bool {
        self.openings > 0 && !self.is_open(now)
    }

    /// Returns whether a probe is planned after an instant.
    pub fn has_probe_after(&self, at: Timestamp) -> bool {
        self.probe_at.is_some_and(|planned| planned > at)
    }

    /// Applies a failed attempt.
    #[must_use]
    pub fn after_failure(mut self, error: &str, now: Timestamp, speed: Speed) -> (Self, HealthChange) {
        let mut change = HealthChange::default();
        self.failures = self.failures.saturating_add(1);
        self.last_error = Some(error.to_owned());
        let since = *self.failing_since.get_or_insert(now);
        let failing_for = now.duration_since(since);
        // Attempts that began before the breaker was opened end while it is open. They do not open it again.
        if self.failures >= FAILURES_TO_OPEN && !self.is_open(now) {
            let doubled = OPEN_FOR.saturating_mul(1_i32.checked_shl(self.openings.min(16)).unwrap_or(i32::MAX));
            let until = now + speed.scale(doubled.min(LONGEST_OPEN)).max(SignedDuration::from_secs(1));
            self.openings = self.openings.saturating_add(1);
            self.open_until = Some(until);
            self.probe_at = Some(until);
            change.opened_until = Some(until);
        }
        change.must_disable = failing_for >= speed.scale(DISABLE_AFTER);
        change.must_warn = !self.is_warned && failing_for >= speed.scale(WARN_AFTER);
        self.is_warned |= change.must_warn;
        (self, change)
    }

    /// Applies a success. `None` if it changes nothing, so that a healthy endpoint costs no write.
    #[must_use]
    pub fn after_success(&self) -> Option<Self> {
        (self.failures > 0 || self.openings > 0).then(|| Self { revision: self.revision, ..Self::default() })
    }

    /// Returns when the endpoint will be disabled if it keeps failing.
    pub fn disabled_at(&self, speed: Speed) -> Option<Timestamp> {
        self.failing_since.map(|since| since + speed.scale(DISABLE_AFTER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("an instant")
    }

    fn fail(health: Health, seconds: i64) -> (Health, HealthChange) {
        health.after_failure("timeout", at(seconds), Speed::default())
    }

    #[test]
    fn the_breaker_opens_after_five_failures_and_for_longer_after_each_probe() {
        let mut health = Health::default();
        for second in 0..4 {
            let (next, change) = fail(health, second);
            assert_eq!(change, HealthChange::default());
            health = next;
        }
        let (health, change) = fail(health, 4);
        assert_eq!(change.opened_until, Some(at(34)));
        assert!(health.is_open(at(33)) && !health.is_open(at(34)) && health.is_probing(at(34)));
        let (health, change) = fail(health, 20);
        assert_eq!(change.opened_until, None, "an attempt that began before");
        let (mut health, change) = fail(health, 34);
        assert_eq!(change.opened_until, Some(at(34 + 60)));
        let mut now = 34 + 60;
        for _ in 0..40 {
            let (next, change) = fail(health, now);
            let open = change.opened_until.expect("opened").duration_since(at(now)).as_secs();
            assert!((120..=600).contains(&open), "{open}");
            (health, now) = (next, now + open);
        }
    }

    #[test]
    fn a_success_resets_all_and_a_healthy_endpoint_needs_no_write() {
        assert_eq!(Health::default().after_success(), None);
        let (health, _) = fail(Health { revision: 7, ..Health::default() }, 0);
        assert_eq!(health.after_success(), Some(Health { revision: 7, ..Health::default() }));
    }

    #[test]
    fn the_customer_is_warned_once_after_a_day_and_the_endpoint_disabled_after_five() {
        let day = 24 * 3_600;
        let (health, change) = fail(Health::default(), 0);
        assert!(!change.must_warn);
        let (health, change) = fail(health, day);
        assert!(change.must_warn && !change.must_disable);
        let (health, change) = fail(health, 2 * day);
        assert!(!change.must_warn && !change.must_disable);
        assert_eq!(health.disabled_at(Speed::default()), Some(at(5 * day)));
        let (_, change) = fail(health, 5 * day);
        assert!(change.must_disable);
        let (_, change) = fail(Health::default(), 9 * day);
        assert!(!change.must_disable, "one failure is no proof");
    }

    #[test]
    fn time_can_be_made_to_pass_faster() {
        let (health, _) = Health::default().after_failure("timeout", at(0), Speed::new(1_000));
        let (_, change) = health.after_failure("timeout", at(432), Speed::new(1_000));
        assert!(change.must_disable);
    }
}
