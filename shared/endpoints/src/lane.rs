//! A lane: the deliveries of one stream (a booking or a conversation) to one endpoint, in order.
//!
//! The first delivery of an event waits until the event before it was delivered or given up. No other stream waits.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How long a lane belongs to the function that claimed it. An attempt takes at most 15 seconds, and the calls around
/// it at most 8 seconds each. The queue delivers the message of a killed function again after 180 seconds.
pub const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// The event that is being delivered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pending {
    /// Its number in the stream's log.
    pub log_number: u64,
    /// The number of attempts that were begun.
    pub attempts: u32,
    /// When the next attempt is due. A timer exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
}

/// Until when a lane belongs to a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lease(pub Timestamp);

/// A lane, as it is stored.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Lane {
    /// The number in the stream's log up to which everything was delivered, given up, or is not for this endpoint.
    pub through: u64,
    /// The number of the last event in the endpoint's own sequence: the events that are not for it have none.
    pub number: u64,
    /// The digest of that event's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// The event that is being delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// The function that delivers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// Whether it has no message and no timer, because its endpoint gets no events now. It continues when the endpoint
    /// does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_stalled: bool,
    /// The revision of the stored lane; 0 when it is not stored yet.
    #[serde(skip)]
    pub revision: u64,
}

/// What can be done with a lane now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LaneState {
    /// The next event can be delivered.
    Free,
    /// Another function delivers an event, until this instant at most.
    Leased(Timestamp),
    /// The next attempt is due then. Its timer exists.
    Waiting(Timestamp),
}

impl Lane {
    /// Returns what can be done now.
    pub fn state(&self, now: Timestamp) -> LaneState {
        if let Some(Lease(until)) = self.lease
            && until > now
        {
            return LaneState::Leased(until);
        }
        match self.pending.as_ref().and_then(|pending| pending.next_at) {
            Some(at) if at > now => LaneState::Waiting(at),
            Some(_) | None => LaneState::Free,
        }
    }

    /// Returns the number in the log of the event to deliver, if it was begun.
    pub fn begun(&self) -> Option<u64> {
        self.pending.as_ref().map(|pending| pending.log_number)
    }

    /// Returns the number that the event to deliver has in the endpoint's sequence.
    pub fn next_number(&self) -> u64 {
        self.number + 1
    }

    /// Begins an attempt to deliver the event with this number in the log.
    #[must_use]
    pub fn claim(mut self, log_number: u64, now: Timestamp) -> Self {
        let attempts = self.pending.filter(|it| it.log_number == log_number).map_or(0, |it| it.attempts);
        self.pending = Some(Pending { log_number, attempts: attempts + 1, next_at: None });
        self.lease = Some(Lease(now + LEASE));
        self.is_stalled = false;
        self
    }

    /// Ends the event: it was delivered or given up. `digest` is that of its body.
    #[must_use]
    pub fn finish(mut self, digest: String) -> Self {
        if let Some(pending) = self.pending.take() {
            self.through = pending.log_number;
            self.number += 1;
            self.previous = Some(digest);
        }
        self.lease = None;
        self
    }

    /// Ends an event that is no longer in the log. If it was attempted, it may have been received, so its number stays
    /// used.
    #[must_use]
    pub fn abandon(mut self) -> Self {
        if let Some(pending) = self.pending.take() {
            self.through = pending.log_number;
            self.number += u64::from(pending.attempts > 0);
        }
        self
    }

    /// Plans the next attempt. Its timer must have been set before the lane is written.
    #[must_use]
    pub fn wait_until(mut self, at: Timestamp) -> Self {
        if let Some(pending) = &mut self.pending {
            pending.next_at = Some(at);
        }
        self.lease = None;
        self
    }

    /// Passes over events that are not for the endpoint.
    #[must_use]
    pub fn pass_over(mut self, through: u64) -> Self {
        if self.pending.is_none() {
            self.through = self.through.max(through);
        }
        self
    }

    /// Marks a lane that has no message and no timer.
    #[must_use]
    pub fn stall(mut self) -> Self {
        self.is_stalled = true;
        self.lease = None;
        self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("an instant")
    }

    #[test]
    fn a_claimed_lane_is_free_again_when_its_lease_has_ended() {
        let lane = Lane::default().claim(1, at(0));
        assert_eq!(lane.state(at(59)), LaneState::Leased(at(60)));
        assert_eq!(lane.state(at(60)), LaneState::Free);
        let again = lane.claim(1, at(60));
        assert_eq!(again.pending, Some(Pending { log_number: 1, attempts: 2, next_at: None }));
    }

    #[test]
    fn a_lane_waits_for_its_next_attempt() {
        let lane = Lane::default().claim(1, at(0)).wait_until(at(5));
        assert_eq!(lane.state(at(4)), LaneState::Waiting(at(5)));
        assert_eq!(lane.state(at(5)), LaneState::Free);
    }

    #[test]
    fn an_event_that_is_passed_over_makes_no_gap() {
        let lane = Lane::default().claim(1, at(0)).finish("a".to_owned()).pass_over(4).claim(5, at(1));
        assert_eq!(lane.next_number(), 2);
        let lane = lane.finish("b".to_owned());
        assert_eq!((lane.through, lane.number, lane.previous.as_deref()), (5, 2, Some("b")));
        assert_eq!(lane.clone().claim(6, at(2)).pass_over(9).through, 5, "a begun event is not passed over");
    }

    #[test]
    fn an_expired_event_keeps_its_number_only_if_it_was_attempted() {
        let lane = Lane::default().claim(3, at(0)).wait_until(at(5)).abandon();
        assert_eq!((lane.through, lane.number, lane.pending), (3, 1, None));
    }

    proptest! {
        #[test]
        fn numbers_are_contiguous_and_never_fall_back(steps in proptest::collection::vec((0_u8..5, 0_i64..100), 0..60)) {
            let mut lane = Lane::default();
            let mut now = 0;
            for (step, seconds) in steps {
                now += seconds;
                let before = lane.clone();
                let next = lane.begun().unwrap_or(lane.through + 1);
                lane = match step {
                    0 => lane.claim(next, at(now)),
                    1 => lane.finish(format!("digest {next}")),
                    2 => lane.wait_until(at(now + 5)),
                    3 => lane.pass_over(next),
                    _ => lane.stall(),
                };
                prop_assert!(lane.through >= before.through && lane.number >= before.number);
                prop_assert!(lane.number - before.number <= 1);
                prop_assert_eq!(lane.number != before.number, before.pending.is_some() && lane.pending.is_none());
                let stored: Lane = serde_json::from_str(&serde_json::to_string(&lane).expect("JSON")).expect("a lane");
                prop_assert_eq!(stored, lane.clone());
            }
        }
    }
}
