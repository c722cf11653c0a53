//! Replays: deliveries that have ended are made again, at the customer's wish. They keep their ids and bodies, and do
//! not touch the order of first deliveries.

use domain::ConnectionName;
use endpoints::{DeliveryState, EndpointId};
use engine::PortError;
use events::Stream;
use jiff::Timestamp;
use wire::deliveries::Delivery;

use crate::dispatcher::Dispatcher;
use crate::lane_key::LaneKey;
use crate::ports::{DeliveryQueue, DeliveryStore, Ports, Settlement};

/// A replay without a place waits as long as a lane that has waited often: up to a minute.
const LAST_WAIT: u32 = 6;

/// So many deliveries are replayed by one message.
const DELIVERIES_PER_PAGE: u32 = 50;

impl<P: Ports> Dispatcher<'_, P> {
    /// Repeats a delivery. A failed replay is repeated by the endpoint's retry schedule.
    pub(crate) async fn replay_delivery(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        stream: &Stream,
        number: u64,
        attempts: u32,
    ) -> Result<(), PortError> {
        let store = self.ports.store();
        let Some(endpoint) = store.load_endpoint(connection, endpoint).await? else { return Ok(()) };
        let Some(delivery) = store.load_delivery(connection, &endpoint.id, stream, number).await? else {
            return Ok(());
        };
        // An endpoint that gets nothing gets no replays. They can be asked for again.
        if !endpoint.is_active() || !delivery.allows_replay() || delivery.body.is_empty() {
            return Ok(());
        }
        let key = LaneKey { connection, endpoint: &endpoint.id, stream };
        let (health, taken) = store.load_health(connection, &endpoint.id).await?;
        if let Some(until) = health.open_until.filter(|until| *until > self.now()) {
            return self.repeat_replay(key, number, attempts, until).await;
        }
        let Some(slot) = self.take_slot(key, &health, &taken).await? else {
            let at = self.now() + self.wait_for_slot(key, LAST_WAIT);
            return self.repeat_replay(key, number, attempts, at).await;
        };
        let posted = self.post_delivery(connection, &endpoint, &delivery, true).await;
        self.release_slot(key, &slot).await;
        let (attempt, retry_after) = posted?;
        let result = &attempt.result;
        let attempts = attempts + 1;
        let next_at = if result.is_success() || result.is_gone() {
            None
        } else {
            let seed = format!("{}{}", endpoint.id, delivery.event_id);
            let (throttled, now, speed) = (result.is_throttled(), self.now(), self.limits.speed);
            endpoint.retry.next_attempt(attempts, &seed, throttled, retry_after, now, speed)
        };
        let before = delivery.state;
        let state = if result.is_success() { DeliveryState::Delivered } else { before };
        let settlement = Settlement {
            delivery: delivery.with_attempt(attempt.clone(), state, None),
            before,
            attempt,
            lane: None,
            is_polled: false,
        };
        if !store.settle_attempt(connection, &endpoint.id, &settlement).await? {
            // Another replay was settled first. To repeat this one would send the event a third time.
            tracing::info!(connection = %connection, endpoint.id = %endpoint.id, "replay not counted");
        }
        if let Some(at) = next_at {
            self.repeat_replay(key, number, attempts, at).await?;
        }
        self.record_health(connection, &endpoint, &health, &settlement.attempt).await.map(drop)
    }

    async fn repeat_replay(
        &self,
        key: LaneKey<'_>,
        number: u64,
        attempts: u32,
        at: Timestamp,
    ) -> Result<(), PortError> {
        let name = key.timer(&format!("replay {number} {at}"));
        let message = Delivery::Replay {
            connection: key.connection.clone(),
            endpoint: key.endpoint.as_str().to_owned(),
            stream: key.stream.clone(),
            number,
            attempts,
        };
        self.ports.queue().send_at(&name, &message, at, self.now()).await
    }

    /// Sends a replay for each delivery of a page.
    pub(crate) async fn replay_page(
        &self,
        connection: &ConnectionName,
        endpoint: &str,
        since: Timestamp,
        only_failed: bool,
        after: Option<&str>,
    ) -> Result<(), PortError> {
        let id = crate::dispatcher::parse_endpoint(endpoint)?;
        let page = self.ports.store().deliveries_since(connection, &id, since, after, DELIVERIES_PER_PAGE).await?;
        let is_wanted = |state| state == DeliveryState::GivenUp || !only_failed && state == DeliveryState::Delivered;
        let mut messages: Vec<_> = page
            .items
            .iter()
            .filter(|delivery| is_wanted(delivery.state))
            .filter_map(|delivery| {
                Some(Delivery::Replay {
                    connection: connection.clone(),
                    endpoint: endpoint.to_owned(),
                    stream: Stream::parse(&delivery.stream)?,
                    number: delivery.number,
                    attempts: 0,
                })
            })
            .collect();
        messages.extend(page.next.map(|after| Delivery::ReplaySince {
            connection: connection.clone(),
            endpoint: endpoint.to_owned(),
            since,
            only_failed,
            after: Some(after),
        }));
        self.ports.queue().send(&messages).await
    }
}
