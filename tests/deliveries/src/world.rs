//! The ports, in memory.

use std::cell::{Cell, Ref, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use deliveries::{
    Answer, DeliveryQueue, DeliveryStore, EndpointStore, EventLog, Page, Ports, Receiver, Settlement, Slot, Vault,
};
use domain::ConnectionName;
use endpoints::{Delivery, Endpoint, EndpointId, EndpointSecrets, Health, HourStatistics, Lane, Statistics};
use engine::{Clock, CommitError, PortError};
use events::{Event, Stream};
use jiff::{SignedDuration, Timestamp};
use wire::due::Due;

use crate::receivers::Received;
use crate::state::State;

/// SQS delays a message by at most 15 minutes; a later one comes by a one-shot schedule.
const LONGEST_DELAY: SignedDuration = SignedDuration::from_mins(15);

/// The world as one function sees it.
#[derive(Clone, Debug)]
pub struct World {
    pub(crate) state: Rc<RefCell<State>>,
    /// Until when the function sleeps in a call.
    pub(crate) sleeps_until: Rc<Cell<Option<Timestamp>>>,
}

impl World {
    /// Returns an empty world at an instant.
    pub fn new(now: Timestamp) -> Self {
        Self { state: Rc::new(RefCell::new(State::new(now))), sleeps_until: Rc::default() }
    }

    /// Returns what the table and the queue hold.
    pub fn state(&self) -> Ref<'_, State> {
        self.state.borrow()
    }

    /// Makes a call with an effect. Another function may run before it, and after it before its answer arrives; and
    /// this function may be killed there.
    async fn call<T>(&self, name: &'static str, effect: impl FnOnce(&mut State) -> T) -> T {
        yield_now().await;
        let result = {
            let mut state = self.state.borrow_mut();
            *state.calls.entry(name).or_default() += 1;
            effect(&mut state)
        };
        yield_now().await;
        result
    }

    async fn sleep(&self, duration: SignedDuration) {
        let until = self.state.borrow().now + duration;
        poll_fn(|_| {
            if self.state.borrow().now >= until {
                self.sleeps_until.set(None);
                Poll::Ready(())
            } else {
                self.sleeps_until.set(Some(until));
                Poll::Pending
            }
        })
        .await;
    }
}

/// Lets another function run.
async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if has_yielded {
            Poll::Ready(())
        } else {
            has_yielded = true;
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        self.state.borrow().now
    }
}

impl EventLog for World {
    async fn read_events(
        &self,
        _: &ConnectionName,
        stream: &Stream,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, Event)>, PortError> {
        Ok(self
            .call("read_events", |state| {
                let log = state.logs.get(stream).map(Vec::as_slice).unwrap_or_default();
                let numbered = (1..).zip(log.iter().cloned());
                let is_kept = |number: u64| !state.expired.contains(&(stream.clone(), number));
                numbered.filter(|(number, _)| *number > after && is_kept(*number)).take(limit as usize).collect()
            })
            .await)
    }

    async fn append_event(
        &self,
        _: &ConnectionName,
        stream: &Stream,
        event: &Event,
        _: Timestamp,
    ) -> Result<(u64, bool), PortError> {
        Ok(self.call("append_event", |state| state.append(stream, event)).await)
    }
}

impl State {
    /// Appends an event. Returns its number and whether it is new.
    pub(crate) fn append(&mut self, stream: &Stream, event: &Event) -> (u64, bool) {
        let key = (stream.clone(), event.id.clone());
        if let Some(number) = self.seen_events.get(&key) {
            return (*number, false);
        }
        let log = self.logs.entry(stream.clone()).or_default();
        log.push(event.clone());
        let number = log.len() as u64;
        self.seen_events.insert(key, number);
        (number, true)
    }
}

impl DeliveryStore for World {
    async fn list_endpoints(&self, _: &ConnectionName) -> Result<Vec<Endpoint>, PortError> {
        Ok(self.call("list_endpoints", |state| state.endpoints.values().cloned().collect()).await)
    }

    // Functions keep the count for a minute, so it is no call.
    async fn count_endpoints(&self, _: &ConnectionName) -> Result<u32, PortError> {
        Ok(u32::try_from(self.state.borrow().endpoints.len()).expect("few endpoints"))
    }

    async fn load_endpoint(&self, _: &ConnectionName, id: &EndpointId) -> Result<Option<Endpoint>, PortError> {
        Ok(self.call("load_endpoint", |state| state.endpoints.get(id).cloned()).await)
    }

    async fn write_endpoint(&self, _: &ConnectionName, endpoint: &Endpoint) -> Result<(), CommitError> {
        self.call("write_endpoint", |state| {
            let stored = state.endpoints.get(&endpoint.id).map_or(0, |it| it.revision);
            if stored != endpoint.revision {
                return Err(CommitError::Conflict);
            }
            let written = Endpoint { revision: stored + 1, ..endpoint.clone() };
            state.endpoints.insert(endpoint.id.clone(), written);
            Ok(())
        })
        .await
    }

    async fn load_lane(&self, _: &ConnectionName, id: &EndpointId, stream: &Stream) -> Result<Lane, PortError> {
        let key = (id.clone(), stream.clone());
        Ok(self.call("load_lane", |state| state.lanes.get(&key).cloned().unwrap_or_default()).await)
    }

    async fn write_lane(
        &self,
        _: &ConnectionName,
        id: &EndpointId,
        stream: &Stream,
        lane: &Lane,
        _: Timestamp,
    ) -> Result<bool, PortError> {
        Ok(self.call("write_lane", |state| state.write_lane(id, stream, lane)).await)
    }

    async fn stalled_lanes(
        &self,
        _: &ConnectionName,
        id: &EndpointId,
        after: Option<&Stream>,
        limit: u32,
    ) -> Result<Vec<Stream>, PortError> {
        Ok(self
            .call("stalled_lanes", |state| {
                let lanes = state.lanes.iter().filter(|((owner, _), lane)| owner == id && lane.is_stalled);
                let streams = lanes.map(|((_, stream), _)| stream.clone());
                streams.filter(|stream| after.is_none_or(|after| stream > after)).take(limit as usize).collect()
            })
            .await)
    }

    async fn load_delivery(
        &self,
        _: &ConnectionName,
        id: &EndpointId,
        stream: &Stream,
        number: u64,
    ) -> Result<Option<Delivery>, PortError> {
        let key = (id.clone(), stream.clone(), number);
        Ok(self.call("load_delivery", |state| state.deliveries.get(&key).cloned()).await)
    }

    async fn settle_attempt(
        &self,
        _: &ConnectionName,
        id: &EndpointId,
        settlement: &Settlement,
    ) -> Result<bool, PortError> {
        Ok(self
            .call("settle_attempt", |state| {
                let Settlement { delivery, before, attempt, lane, is_polled } = settlement;
                let stream = Stream::parse(&delivery.stream).expect("a stream");
                let key = (id.clone(), stream.clone(), delivery.number);
                let stored = state.deliveries.get(&key).map_or(0, |it| it.revision);
                if stored != delivery.revision {
                    return false;
                }
                if let Some(lane) = lane
                    && !state.write_lane(id, &stream, lane)
                {
                    return false;
                }
                let written = Delivery { revision: stored + 1, ..delivery.clone() };
                if *is_polled {
                    state.feeds.entry(id.clone()).or_default().push(written.clone());
                }
                state.deliveries.insert(key, written);
                let hour = (id.clone(), HourStatistics::hour_of(attempt.at));
                let added = HourStatistics::of_attempt(attempt, *before, delivery.state);
                state.statistics.entry(hour).or_default().add(&added);
                true
            })
            .await)
    }

    async fn deliveries_since(
        &self,
        _: &ConnectionName,
        id: &EndpointId,
        since: Timestamp,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<Delivery>, PortError> {
        Ok(self
            .call("deliveries_since", |state| {
                let mut keyed = state.deliveries_by_time(id);
                keyed.retain(|(_, it)| it.event_at >= since);
                keyed.retain(|(key, _)| after.is_none_or(|after| key.as_str() > after));
                let has_more = keyed.len() > limit as usize;
                keyed.truncate(limit as usize);
                let next = keyed.last().map(|(key, _)| key.clone()).filter(|_| has_more);
                Page { items: keyed.into_iter().map(|(_, it)| it).collect(), next }
            })
            .await)
    }

    async fn load_health(
        &self,
        _: &ConnectionName,
        id: &EndpointId,
    ) -> Result<(Health, BTreeMap<u32, Timestamp>), PortError> {
        Ok(self
            .call("load_health", |state| {
                let taken = state.slots.iter().filter(|((owner, _), _)| owner == id);
                let taken = taken.map(|((_, index), until)| (*index, *until)).collect();
                (state.health.get(id).cloned().unwrap_or_default(), taken)
            })
            .await)
    }

    async fn write_health(&self, _: &ConnectionName, id: &EndpointId, health: &Health) -> Result<bool, PortError> {
        Ok(self
            .call("write_health", |state| {
                let stored = state.health.get(id).map_or(0, |it| it.revision);
                let is_unchanged = stored == health.revision;
                if is_unchanged {
                    state.health.insert(id.clone(), Health { revision: stored + 1, ..health.clone() });
                }
                is_unchanged
            })
            .await)
    }

    async fn take_slot(
        &self,
        _: &ConnectionName,
        id: &EndpointId,
        slot: &Slot,
        now: Timestamp,
    ) -> Result<bool, PortError> {
        Ok(self
            .call("take_slot", |state| {
                let until = state.slots.entry((id.clone(), slot.index)).or_insert(Timestamp::MIN);
                let is_free = *until <= now;
                if is_free {
                    *until = slot.until;
                }
                is_free
            })
            .await)
    }

    async fn release_slot(&self, _: &ConnectionName, id: &EndpointId, slot: &Slot) -> Result<(), PortError> {
        self.call("release_slot", |state| {
            if let Some(until) = state.slots.get_mut(&(id.clone(), slot.index))
                && *until == slot.until
            {
                *until = Timestamp::MIN;
            }
        })
        .await;
        Ok(())
    }
}

impl EndpointStore for World {
    async fn delete_endpoint(&self, _: &ConnectionName, endpoint: &Endpoint) -> Result<(), CommitError> {
        self.call("delete_endpoint", |state| {
            if state.endpoints.get(&endpoint.id).is_none_or(|it| it.revision != endpoint.revision) {
                return Err(CommitError::Conflict);
            }
            state.endpoints.remove(&endpoint.id);
            Ok(())
        })
        .await
    }

    async fn load_statistics(
        &self,
        _: &ConnectionName,
        id: &EndpointId,
        since: Timestamp,
    ) -> Result<Statistics, PortError> {
        let first = HourStatistics::hour_of(since);
        Ok(self
            .call("load_statistics", |state| {
                let hours = state.statistics.iter().filter(|((owner, hour), _)| owner == id && *hour >= first);
                Statistics { hours: hours.map(|((_, hour), counted)| (hour.clone(), counted.clone())).collect() }
            })
            .await)
    }

    async fn recent_deliveries(
        &self,
        _: &ConnectionName,
        id: &EndpointId,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Page<Delivery>, PortError> {
        Ok(self
            .call("recent_deliveries", |state| {
                let mut keyed = state.deliveries_by_time(id);
                keyed.reverse();
                keyed.retain(|(key, _)| before.is_none_or(|before| key.as_str() < before));
                let has_more = keyed.len() > limit as usize;
                keyed.truncate(limit as usize);
                let next = keyed.last().map(|(key, _)| key.clone()).filter(|_| has_more);
                Page { items: keyed.into_iter().map(|(_, it)| it).collect(), next }
            })
            .await)
    }

    async fn feed_after(
        &self,
        _: &ConnectionName,
        id: &EndpointId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, Delivery)>, PortError> {
        Ok(self
            .call("feed_after", |state| {
                let feed = state.feeds.get(id).map(Vec::as_slice).unwrap_or_default();
                let numbered = (1..).zip(feed.iter().cloned());
                numbered.filter(|(number, _)| *number > after).take(limit as usize).collect()
            })
            .await)
    }

    async fn stream_deliveries(
        &self,
        _: &ConnectionName,
        id: &EndpointId,
        stream: &Stream,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Delivery>, PortError> {
        Ok(self
            .call("stream_deliveries", |state| {
                let all = state.deliveries.iter();
                let of_stream = all.filter(|((owner, of, number), _)| owner == id && of == stream && *number > after);
                of_stream.take(limit as usize).map(|(_, it)| it.clone()).collect()
            })
            .await)
    }
}

impl State {
    /// Returns the deliveries of an endpoint by the time of their events, each with its place in that order.
    fn deliveries_by_time(&self, id: &EndpointId) -> Vec<(String, Delivery)> {
        let all = self.deliveries.iter().filter(|((owner, ..), _)| owner == id);
        let mut keyed: Vec<_> =
            all.map(|(_, it)| (format!("{:.9}#{}", it.event_at, it.event_id), it.clone())).collect();
        keyed.sort_by(|(a, _), (b, _)| a.cmp(b));
        keyed
    }

    fn write_lane(&mut self, id: &EndpointId, stream: &Stream, lane: &Lane) -> bool {
        let key = (id.clone(), stream.clone());
        let stored = self.lanes.get(&key).map_or(0, |it| it.revision);
        let is_unchanged = stored == lane.revision;
        if is_unchanged {
            self.lanes.insert(key, Lane { revision: stored + 1, ..lane.clone() });
        }
        is_unchanged
    }
}

impl DeliveryQueue for World {
    async fn send(&self, messages: &[wire::deliveries::Delivery]) -> Result<(), PortError> {
        if messages.is_empty() {
            return Ok(());
        }
        self.call("send", |state| {
            let now = state.now;
            messages.iter().for_each(|body| state.send(body.clone(), now, 0));
        })
        .await;
        Ok(())
    }

    async fn send_at(
        &self,
        name: &str,
        message: &wire::deliveries::Delivery,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<(), PortError> {
        self.call("send_at", |state| {
            let is_schedule = at.duration_since(now) > LONGEST_DELAY;
            if !is_schedule || state.schedules.insert(name.to_owned()) {
                state.send(message.clone(), at.max(now), 0);
            }
        })
        .await;
        Ok(())
    }

    async fn hand_over(&self, email: &Due) -> Result<(), PortError> {
        self.call("hand_over", |state| state.handed_over.push(email.clone())).await;
        Ok(())
    }
}

impl Receiver for World {
    async fn post(&self, url: &str, headers: &[(String, String)], body: &[u8]) -> Answer {
        let endpoint = EndpointId::parse(url).expect("the URL is the endpoint's id here");
        let header = |name: &str| headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.clone());
        let event = header("webhook-id").expect("an id");
        let (duration, result) = self
            .call("post", |state| {
                let concurrent = state.concurrent.entry(endpoint.clone()).or_default();
                *concurrent += 1;
                let most = state.most_concurrent.entry(endpoint.clone()).or_default();
                *most = (*most).max(*concurrent);
                state.most_in_all = state.most_in_all.max(state.concurrent.values().sum());
                state.behaviors[&endpoint].answer(state.now, &event)
            })
            .await;
        let attempt = RunningAttempt { world: self, endpoint: endpoint.clone() };
        self.sleep(duration).await;
        drop(attempt);
        let mut state = self.state.borrow_mut();
        if result.is_success() && !state.behaviors[&endpoint].swallows(&event) {
            let at = state.now;
            let body = String::from_utf8(body.to_vec()).expect("UTF-8");
            state.received.push(Received { at, endpoint, event, body, headers: headers.to_vec() });
        }
        let millis = u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
        Answer { result, retry_after: None, millis }
    }
}

/// Counts an attempt as running until it ends or its function is killed.
struct RunningAttempt<'a> {
    world: &'a World,
    endpoint: EndpointId,
}

impl Drop for RunningAttempt<'_> {
    fn drop(&mut self) {
        let mut state = self.world.state.borrow_mut();
        *state.concurrent.entry(self.endpoint.clone()).or_default() -= 1;
    }
}

impl Vault for World {
    async fn open(&self, _: &ConnectionName, endpoint: &Endpoint) -> Result<EndpointSecrets, PortError> {
        let (url, secret) = (endpoint.id.as_str().to_owned(), "a secret of the customer".to_owned());
        Ok(EndpointSecrets { url, secret, ..EndpointSecrets::default() })
    }

    async fn signing_key(
        &self,
        _: &ConnectionName,
        _: Timestamp,
    ) -> Result<Option<signing::SigningKeyPair>, PortError> {
        Ok(None)
    }
}

impl Ports for World {
    type Store = Self;
    type Queue = Self;
    type Receiver = Self;
    type Vault = Self;
    type Clock = Self;

    fn store(&self) -> &Self {
        self
    }
    fn queue(&self) -> &Self {
        self
    }
    fn receiver(&self) -> &Self {
        self
    }
    fn vault(&self) -> &Self {
        self
    }
    fn clock(&self) -> &Self {
        self
    }
    fn count(&self, _: &str, _: &[(&str, &str)]) {}
}
