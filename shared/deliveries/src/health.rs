//! What an attempt means for the health of its endpoint.

use domain::ConnectionName;
use endpoints::{Attempt, Disabled, Endpoint, EndpointId, Health, Status};
use engine::{CommitError, PortError};
use events::{EndpointData, Event, EventType, Stream, derive_id};
use jiff::{SignedDuration, Timestamp};
use wire::deliveries::{Delivery, NewEvent};

use crate::dispatcher::{Dispatcher, parse_endpoint};
use crate::ports::{DeliveryQueue, DeliveryStore, EventLog, Ports};

/// While the breaker was opened and lanes have stalled, the endpoint is probed again after this time.
const PROBE_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// Stalled lanes are continued when an endpoint gets events again, and once more after this time: lanes may have
/// stalled meanwhile, and the function may be killed before it sends the first message.
pub const RESUME_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// Another function may write the health at the same time.
const MOST_TRIES: usize = 20;

impl<P: Ports> Dispatcher<'_, P> {
    /// Applies an attempt to the endpoint's health. `before` is the health as it was read before the attempt: a success
    /// of an endpoint that was healthy costs nothing. Returns whether the endpoint goes on getting events now.
    pub(crate) async fn record_health(
        &self,
        connection: &ConnectionName,
        endpoint: &Endpoint,
        before: &Health,
        attempt: &Attempt,
    ) -> Result<bool, PortError> {
        if attempt.result.is_success() {
            if before.after_success().is_some() {
                self.record_success(connection, endpoint).await?;
            }
            return Ok(true);
        }
        // Nothing was sent: the endpoint did not fail.
        if attempt.result.is_unsent() {
            return Ok(true);
        }
        if attempt.result.is_gone() {
            self.disable(connection, endpoint, Disabled::Gone, "status 410", None).await?;
            return Ok(false);
        }
        let store = self.ports.store();
        for _ in 0..MOST_TRIES {
            let (health, _) = store.load_health(connection, &endpoint.id).await?;
            let (now, speed, error) = (self.now(), self.limits.speed, attempt.result.name());
            let (health, change) = health.after_failure(&error, now, speed);
            // One timer for each opening of the breaker. It is set before the breaker is stored as open.
            if let Some(until) = change.opened_until {
                self.plan_probe(connection, endpoint, &health, until, now).await?;
            }
            // The customer is told before the health says so. The event's id makes it one event.
            if change.must_warn {
                self.tell_failing(connection, endpoint, &health, now).await?;
            }
            if store.write_health(connection, &endpoint.id, &health).await? {
                if change.must_warn {
                    tracing::warn!(connection = %connection, endpoint.id = %endpoint.id, "endpoint fails for a day");
                    self.ports.count("EndpointFailing", &[]);
                }
                if change.must_disable {
                    self.disable(connection, endpoint, Disabled::Failing, &error, health.failing_since).await?;
                }
                return Ok(change.opened_until.is_none() && !change.must_disable);
            }
        }
        Err(PortError::unavailable("other functions repeatedly changed the endpoint's health"))
    }

    pub(crate) async fn record_success(
        &self,
        connection: &ConnectionName,
        endpoint: &Endpoint,
    ) -> Result<(), PortError> {
        let store = self.ports.store();
        for _ in 0..MOST_TRIES {
            let (health, _) = store.load_health(connection, &endpoint.id).await?;
            let Some(healthy) = health.after_success() else { return Ok(()) };
            let (now, was_open) = (self.now(), health.openings > 0);
            let resume = resume(connection, endpoint.id.as_str(), None);
            // The breaker closes: every lane that has stalled continues. This is planned before the health is written,
            // so that it is not lost when the function is killed.
            if was_open {
                let again_at = now + RESUME_AGAIN_AFTER;
                let parts = [connection.as_str(), endpoint.id.as_str(), &again_at.to_string()];
                let name = format!("resume-{}", domain::digest(&parts));
                self.ports.queue().send_at(&name, &resume, again_at, now).await?;
            }
            if store.write_health(connection, &endpoint.id, &healthy).await? {
                if was_open {
                    self.ports.queue().send(&[resume]).await?;
                }
                return Ok(());
            }
        }
        Err(PortError::unavailable("other functions repeatedly changed the endpoint's health"))
    }

    async fn plan_probe(
        &self,
        connection: &ConnectionName,
        endpoint: &Endpoint,
        health: &Health,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), PortError> {
        let since = health.failing_since.unwrap_or(now).to_string();
        let parts = [connection.as_str(), endpoint.id.as_str(), &since, &health.openings.to_string()];
        let name = format!("probe-{}", domain::digest(&parts));
        let message = resume(connection, endpoint.id.as_str(), Some(health.openings));
        self.ports.queue().send_at(&name, &message, until, now).await
    }

    /// Plans another probe of an endpoint whose breaker was opened, unless one is planned already. Many lanes may stall
    /// at the same time: one of them plans it.
    pub(crate) async fn ensure_probe(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        health: Health,
        now: Timestamp,
    ) -> Result<(), PortError> {
        if health.has_probe_after(now) {
            return Ok(());
        }
        let again_at = now + PROBE_AGAIN_AFTER;
        let name =
            format!("probe-{}", domain::digest(&[connection.as_str(), endpoint.as_str(), &again_at.to_string()]));
        let message = resume(connection, endpoint.as_str(), Some(health.openings));
        // The timer is set before the health says so. A second timer does no harm.
        self.ports.queue().send_at(&name, &message, again_at, now).await?;
        let planned = Health { probe_at: Some(again_at), ..health };
        self.ports.store().write_health(connection, endpoint, &planned).await.map(drop)
    }

    /// Continues one lane of an endpoint whose breaker was opened. As long as the opening is the last one and lanes
    /// have stalled, the probe is repeated: so a killed function does not end it.
    pub(crate) async fn probe_endpoint(
        &self,
        connection: &ConnectionName,
        endpoint: &str,
        opening: u32,
    ) -> Result<(), PortError> {
        let id = parse_endpoint(endpoint)?;
        let (store, now) = (self.ports.store(), self.now());
        let (health, _) = store.load_health(connection, &id).await?;
        // The endpoint answers again, or a later opening has a probe of its own.
        if health.openings != opening {
            return Ok(());
        }
        // An endpoint that was disabled continues when it is enabled.
        let is_active = store.load_endpoint(connection, &id).await?.is_some_and(|endpoint| endpoint.is_active());
        if !is_active {
            return Ok(());
        }
        let Some(stream) = store.stalled_lanes(connection, &id, None, 1).await?.pop() else { return Ok(()) };
        let advance =
            Delivery::Advance { connection: connection.clone(), endpoint: endpoint.to_owned(), stream, waits: 0 };
        self.ensure_probe(connection, &id, health, now).await?;
        self.ports.queue().send(&[advance]).await
    }

    /// Tells the customer's other endpoints that an endpoint has failed for a day.
    async fn tell_failing(
        &self,
        connection: &ConnectionName,
        endpoint: &Endpoint,
        health: &Health,
        now: Timestamp,
    ) -> Result<(), PortError> {
        let data = EndpointData {
            endpoint_id: endpoint.id.as_str().to_owned(),
            url: endpoint.masked_url.clone(),
            failing_since: health.failing_since.unwrap_or(now).into(),
            last_error: health.last_error.clone().unwrap_or_default(),
            disabled_at: None,
            will_be_disabled_at: health.disabled_at(self.limits.speed).map(Into::into),
        };
        let failing_since = health.failing_since.unwrap_or(now);
        self.publish_endpoint_event(connection, endpoint, EventType::EndpointFailing, &data, failing_since, now).await
    }

    /// Disables an endpoint, and tells the customer's other endpoints and the operator.
    async fn disable(
        &self,
        connection: &ConnectionName,
        endpoint: &Endpoint,
        reason: Disabled,
        error: &str,
        failing_since: Option<Timestamp>,
    ) -> Result<(), PortError> {
        let (store, now) = (self.ports.store(), self.now());
        for _ in 0..MOST_TRIES {
            let Some(current) = store.load_endpoint(connection, &endpoint.id).await? else { return Ok(()) };
            if !current.is_active() {
                return Ok(());
            }
            // The event is appended first: its id is that of this failure, so a repetition adds none.
            let data = EndpointData {
                endpoint_id: endpoint.id.as_str().to_owned(),
                url: endpoint.masked_url.clone(),
                failing_since: failing_since.unwrap_or(now).into(),
                last_error: error.to_owned(),
                disabled_at: Some(now.into()),
                will_be_disabled_at: None,
            };
            let kind = EventType::EndpointDisabled;
            self.publish_endpoint_event(connection, &current, kind, &data, current.status_since, now).await?;
            match store.write_endpoint(connection, &current.with_status(Status::Disabled { reason }, now)).await {
                Ok(()) => {
                    tracing::error!(
                        connection = %connection,
                        endpoint.id = %endpoint.id,
                        reason = reason.name(),
                        "endpoint disabled"
                    );
                    self.ports.count("EndpointDisabled", &[("Reason", reason.name())]);
                    return Ok(());
                }
                Err(CommitError::Conflict) => {}
                Err(CommitError::Port(error)) => return Err(error),
            }
        }
        Err(PortError::unavailable("other functions repeatedly changed the endpoint"))
    }

    async fn publish_endpoint_event(
        &self,
        connection: &ConnectionName,
        endpoint: &Endpoint,
        kind: EventType,
        data: &EndpointData,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<(), PortError> {
        let stream = Stream::Endpoint(endpoint.id.as_str().to_owned());
        let identity = format!("{connection} {} {} {since}", endpoint.id, kind.name());
        let event = Event::new(derive_id(&identity), kind, now, data);
        let (number, _) = self.ports.store().append_event(connection, &stream, &event, now).await?;
        let events = vec![NewEvent { number, kind }];
        self.ports.queue().send(&[Delivery::Published { connection: connection.clone(), stream, events }]).await
    }
}

fn resume(connection: &ConnectionName, endpoint: &str, probe: Option<u32>) -> Delivery {
    Delivery::Resume { connection: connection.clone(), endpoint: endpoint.to_owned(), probe, after: None }
}
