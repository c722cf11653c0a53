//! One lane: the events of one stream are delivered to one endpoint, in order.

use std::collections::BTreeMap;

use domain::{ConnectionName, digest};
use endpoints::{DeliveryState, Endpoint, EndpointId, Health, LEASE, Lane, LaneState, TargetKind};
use engine::PortError;
use events::{Event, Stream};
use jiff::{SignedDuration, Timestamp};

use crate::attempt::Attempted;
use crate::compose::selects;
use crate::dispatcher::Dispatcher;
use crate::lane_key::LaneKey;
use crate::ports::{DeliveryQueue, DeliveryStore, EventLog, Ports, Settlement, Slot};

/// So many events are read at once.
const EVENTS_PER_READ: u32 = 10;

/// So many events that are not for the endpoint are read in one invocation.
const MOST_PASSED_OVER: u64 = 200;

/// The longest wait of a lane for a place among the endpoint's attempts, in seconds.
const LONGEST_WAIT_FOR_SLOT: i64 = 60;

/// So many free places are tried, in case other functions take them first.
const SLOT_TRIES: usize = 10;

/// A timer may fire this much too early: machines' clocks differ.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(2);

/// What an attempt leads to.
enum Next {
    /// The event has ended; the next one can follow.
    Continue(Lane),
    /// Nothing more is done now.
    End,
}

impl<P: Ports> Dispatcher<'_, P> {
    /// Delivers the next events of a lane, as long as each is delivered at once and there is time.
    pub(crate) async fn advance_lane(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        stream: &Stream,
        waits: u32,
    ) -> Result<(), PortError> {
        let key = LaneKey { connection, endpoint, stream };
        // An endpoint that was deleted gets nothing.
        let Some(endpoint) = self.ports.store().load_endpoint(connection, endpoint).await? else { return Ok(()) };
        let lane = self.ports.store().load_lane(connection, key.endpoint, stream).await?;
        let now = self.now();
        match lane.state(now) {
            // It is looked at again when the lease has ended: its holder may have been killed.
            LaneState::Leased(until) => return self.come_back(key, until + CLOCK_SKEW).await,
            // This may be its timer, which has fired a little early.
            LaneState::Waiting(at) if at <= now + CLOCK_SKEW => return self.come_back(key, at).await,
            LaneState::Waiting(_) => return Ok(()),
            LaneState::Free => {}
        }
        let mut slot = None;
        let result = self.deliver_events(key, &endpoint, lane, waits, &mut slot).await;
        if let Some(slot) = slot {
            self.release_slot(key, &slot).await;
        }
        result
    }

    /// Gives a place back. A failure is logged only: the place ends by itself.
    pub(crate) async fn release_slot(&self, key: LaneKey<'_>, slot: &Slot) {
        if let Err(error) = self.ports.store().release_slot(key.connection, key.endpoint, slot).await {
            let error = domain::error_chain(&error);
            tracing::warn!(connection = %key.connection, endpoint.id = %key.endpoint, error, "place not given back");
        }
    }

    async fn deliver_events(
        &self,
        key: LaneKey<'_>,
        endpoint: &Endpoint,
        mut lane: Lane,
        waits: u32,
        slot: &mut Option<Slot>,
    ) -> Result<(), PortError> {
        loop {
            let through = lane.through;
            let (passed_over, event) = self.next_event(key, endpoint, lane).await?;
            lane = passed_over;
            let Some((log_number, event)) = event else { return self.leave_lane(key, lane, through).await };
            let (health, taken) = self.ports.store().load_health(key.connection, key.endpoint).await?;
            if !endpoint.is_active() || health.is_open(self.now()) {
                return self.stall_lane(key, lane).await;
            }
            if !self.has_time() {
                return self.ports.queue().send(&[key.message()]).await;
            }
            if slot.is_none() {
                *slot = self.take_slot(key, &health, &taken).await?;
                // One attempt at a time finds out whether the endpoint answers again. All other lanes wait for its
                // result.
                if slot.is_none() && health.is_probing(self.now()) {
                    return self.stall_lane(key, lane).await;
                }
                if slot.is_none() {
                    let at = self.now() + self.wait_for_slot(key, waits);
                    let message = key.waiting_message(waits.saturating_add(1));
                    return self.ports.queue().send_at(&key.timer(&at.to_string()), &message, at, self.now()).await;
                }
            }
            let claimed = lane.clone().claim(log_number, self.now());
            if !self.ports.store().write_lane(key.connection, key.endpoint, key.stream, &claimed, self.now()).await? {
                // Another function changed it. It may have ended by then.
                return self.come_back(key, self.now() + SignedDuration::from_secs(1)).await;
            }
            let claimed = Lane { revision: claimed.revision + 1, ..claimed };
            match self.attempt_event(key, endpoint, &health, claimed, &event).await? {
                Next::Continue(next) => lane = next,
                Next::End => return Ok(()),
            }
        }
    }

    /// Returns the next event of the lane that is for the endpoint, and the lane after the events that are not.
    async fn next_event(
        &self,
        key: LaneKey<'_>,
        endpoint: &Endpoint,
        mut lane: Lane,
    ) -> Result<(Lane, Option<(u64, Event)>), PortError> {
        let store = self.ports.store();
        if let Some(begun) = lane.begun() {
            // A begun event keeps its place, even if the endpoint's choice has changed meanwhile.
            let found = store.read_events(key.connection, key.stream, begun - 1, 1).await?.pop();
            match found.filter(|(number, event)| *number == begun && event.at >= endpoint.receives_since) {
                Some(found) => return Ok((lane, Some(found))),
                // The endpoint was disabled for so long that the event has expired, or was deleted and made again.
                None => lane = lane.abandon(),
            }
        }
        let start = lane.through;
        loop {
            let events = store.read_events(key.connection, key.stream, lane.through, EVENTS_PER_READ).await?;
            let is_end = events.len() < usize::try_from(EVENTS_PER_READ).unwrap_or(usize::MAX);
            for (number, event) in events {
                if selects(endpoint, &event) {
                    return Ok((lane, Some((number, event))));
                }
                lane = lane.pass_over(number);
            }
            if is_end || lane.through - start >= MOST_PASSED_OVER {
                return Ok((lane, None));
            }
        }
    }

    /// Ends the work on a lane that has nothing to deliver now. `through` is what the stored lane has.
    async fn leave_lane(&self, key: LaneKey<'_>, lane: Lane, through: u64) -> Result<(), PortError> {
        if lane.through == through && !lane.is_stalled {
            return Ok(());
        }
        let store = self.ports.store();
        let after = lane.through;
        let lane = Lane { is_stalled: false, lease: None, ..lane };
        if !store.write_lane(key.connection, key.endpoint, key.stream, &lane, self.now()).await? {
            return self.come_back(key, self.now() + SignedDuration::from_secs(1)).await;
        }
        // There may be more after many events that are not for the endpoint.
        let more = store.read_events(key.connection, key.stream, after, 1).await?;
        if more.is_empty() { Ok(()) } else { self.ports.queue().send(&[key.message()]).await }
    }

    /// Marks a lane whose endpoint gets nothing now. It continues by a `Resume`.
    async fn stall_lane(&self, key: LaneKey<'_>, lane: Lane) -> Result<(), PortError> {
        let store = self.ports.store();
        if !lane.is_stalled
            && !store.write_lane(key.connection, key.endpoint, key.stream, &lane.stall(), self.now()).await?
        {
            return self.come_back(key, self.now() + SignedDuration::from_secs(1)).await;
        }
        // The endpoint may have been enabled, and its stalled lanes listed, before this lane was marked.
        let Some(endpoint) = store.load_endpoint(key.connection, key.endpoint).await? else { return Ok(()) };
        let (health, _) = store.load_health(key.connection, key.endpoint).await?;
        let now = self.now();
        if !endpoint.is_active() || health.is_open(now) {
            return Ok(());
        }
        if health.is_probing(now) {
            return self.ensure_probe(key.connection, key.endpoint, health, now).await;
        }
        self.ports.queue().send(&[key.message()]).await
    }

    /// Takes a free place among the endpoint's concurrent attempts, if there is one.
    pub(crate) async fn take_slot(
        &self,
        key: LaneKey<'_>,
        health: &Health,
        taken: &BTreeMap<u32, Timestamp>,
    ) -> Result<Option<Slot>, PortError> {
        let now = self.now();
        let share = self.limits.share(self.ports.store().count_endpoints(key.connection).await?);
        let places = match health {
            _ if health.is_probing(now) => 1,
            Health { failures: 0, .. } => share,
            _ => share.min(self.limits.concurrency_when_failing),
        };
        let mut free: Vec<_> = (0..places).filter(|index| taken.get(index).is_none_or(|until| *until <= now)).collect();
        for _ in 0..SLOT_TRIES {
            if free.is_empty() {
                return Ok(None);
            }
            // Functions that read the same free places choose different ones.
            let mixed = mix(&[&key.stream.to_string(), &free.len().to_string()]);
            let index = free.swap_remove(mixed % free.len());
            let slot = Slot { index, until: now + LEASE };
            if self.ports.store().take_slot(key.connection, key.endpoint, &slot, now).await? {
                return Ok(Some(slot));
            }
        }
        Ok(None)
    }

    /// Returns how long a lane waits for a place among the endpoint's attempts: up to 2 seconds three times, because a
    /// healthy endpoint has a place by then; afterwards twice as long each time, and up to a minute, so that many
    /// waiting lanes of a slow endpoint do not fill the queue.
    pub(crate) fn wait_for_slot(&self, key: LaneKey<'_>, waits: u32) -> SignedDuration {
        let longest = 2_i64.checked_shl(waits.saturating_sub(2).min(6)).unwrap_or(i64::MAX).min(LONGEST_WAIT_FOR_SLOT);
        let mixed = mix(&[&key.stream.to_string(), &self.now().to_string()]);
        SignedDuration::from_secs(1 + i64::try_from(mixed).unwrap_or(0) % longest)
    }

    /// Sends the lane's message again, to arrive at an instant.
    async fn come_back(&self, key: LaneKey<'_>, at: Timestamp) -> Result<(), PortError> {
        let name = key.timer(&at.to_string());
        self.ports.queue().send_at(&name, &key.message(), at, self.now()).await
    }

    /// Makes an attempt on a claimed lane and stores it.
    async fn attempt_event(
        &self,
        key: LaneKey<'_>,
        endpoint: &Endpoint,
        health: &Health,
        lane: Lane,
        event: &Event,
    ) -> Result<Next, PortError> {
        let attempted = self.attempt_delivery(key, endpoint, &lane, event).await?;
        let Attempted { delivery, attempt, retry_after } = attempted;
        let before = delivery.state;
        let result = &attempt.result;
        let attempts = lane.pending.as_ref().map_or(1, |pending| pending.attempts);
        let next_at = if result.is_success() {
            None
        } else {
            let seed = format!("{}{}", endpoint.id, delivery.event_id);
            let (policy, now) = (endpoint.retry, self.now());
            policy.next_attempt(attempts, &seed, result.is_throttled(), retry_after, now, self.limits.speed)
        };
        let state = match next_at {
            _ if result.is_success() => DeliveryState::Delivered,
            Some(_) => DeliveryState::Pending,
            None => DeliveryState::GivenUp,
        };
        let next_lane = match next_at {
            // The timer is set before the lane says that it waits for it.
            Some(at) => {
                let name = key.timer(&format!("{} {attempts}", delivery.event_id));
                self.ports.queue().send_at(&name, &key.message(), at, self.now()).await?;
                lane.wait_until(at)
            }
            None => lane.finish(events::digest(&delivery.body)),
        };
        let is_success = result.is_success();
        let settlement = Settlement {
            delivery: delivery.with_attempt(attempt.clone(), state, next_at),
            before,
            attempt,
            lane: Some(next_lane.clone()),
            is_polled: endpoint.target == TargetKind::Poll,
        };
        if !self.ports.store().settle_attempt(key.connection, key.endpoint, &settlement).await? {
            // The lease had ended, and another function has gone on.
            self.come_back(key, self.now() + SignedDuration::from_secs(1)).await?;
            return Ok(Next::End);
        }
        self.log_attempt(key, &settlement);
        let goes_on = self.record_health(key.connection, endpoint, health, &settlement.attempt).await?;
        let next_lane = Lane { revision: next_lane.revision + 1, ..next_lane };
        match state {
            DeliveryState::Pending => Ok(Next::End),
            // The next event, if there is one, comes by a message of its own: the endpoint has just failed.
            DeliveryState::GivenUp => {
                self.ports.queue().send(&[key.message()]).await?;
                Ok(Next::End)
            }
            DeliveryState::Delivered if goes_on && is_success => Ok(Next::Continue(next_lane)),
            DeliveryState::Delivered => {
                self.ports.queue().send(&[key.message()]).await?;
                Ok(Next::End)
            }
        }
    }

    fn log_attempt(&self, key: LaneKey<'_>, settlement: &Settlement) {
        let Settlement { delivery, attempt, .. } = settlement;
        let outcome = if attempt.result.is_success() { "delivered" } else { "failed" };
        tracing::info!(
            connection = %key.connection,
            endpoint.id = %key.endpoint,
            event.id = delivery.event_id,
            event.number = delivery.number,
            attempt.result = attempt.result.name(),
            attempt.millis = attempt.millis,
            delivery.state = delivery.state.name(),
            "delivery attempted"
        );
        self.ports.count("Delivery", &[("Outcome", outcome)]);
    }
}

/// Returns a number that is mixed of texts.
fn mix(parts: &[&str]) -> usize {
    let digest = digest(parts);
    usize::from_str_radix(digest.get(..6).unwrap_or("0"), 16).unwrap_or(0)
}
