//! The customers' webhook endpoints, for `doctor`.

use deliveries::DeliveryStore;
use domain::{ConnectionName, error_chain};
use endpoints::{Disabled, Endpoint, Health, Status};
use engine::PortError;
use jiff::Timestamp;
use store::Table;

use crate::report::{Finding, fail, ok, warn};

/// What the findings are about.
const TOPIC: &str = "endpoint";

/// Checks each endpoint of a connection: whether it gets its events, and what to do if not.
pub(crate) async fn check_endpoints(table: &Table, connection: &ConnectionName, now: Timestamp) -> Vec<Finding> {
    match read_endpoints(table, connection).await {
        Ok(endpoints) => endpoints.iter().map(|(endpoint, health)| check(endpoint, health, now)).collect(),
        Err(error) => vec![fail("endpoints", format!("can't be read: {}", error_chain(&error)))],
    }
}

async fn read_endpoints(table: &Table, connection: &ConnectionName) -> Result<Vec<(Endpoint, Health)>, PortError> {
    let mut read = Vec::new();
    for endpoint in table.list_endpoints(connection).await? {
        let (health, _) = table.load_health(connection, &endpoint.id).await?;
        read.push((endpoint, health));
    }
    Ok(read)
}

fn check(endpoint: &Endpoint, health: &Health, now: Timestamp) -> Finding {
    let Endpoint { id, masked_url, status_since, .. } = endpoint;
    let name = format!("{id} ({masked_url})");
    match (endpoint.status, health.failing_since) {
        (Status::Disabled { reason: Disabled::ByCustomer }, _) => {
            ok(TOPIC, format!("{name} is disabled by the customer since {status_since:.0}"))
        }
        (Status::Disabled { reason }, _) => {
            let error = health.last_error.as_deref().unwrap_or("status 410");
            let advice = "when it works again, enable it and recover what failed";
            fail(TOPIC, format!("{name} is disabled ({}) since {status_since:.0}: {error}; {advice}", reason.name()))
        }
        (Status::Unverified, _) => {
            let advice = "its events wait for 72 hours: test it (POST /api/endpoints/…/test)";
            warn(TOPIC, format!("{name} is not verified since {status_since:.0}; {advice}"))
        }
        (Status::Enabled, Some(since)) => {
            let error = health.last_error.as_deref().unwrap_or_default();
            let state = if health.is_open(now) { "nothing is sent until the next probe" } else { "it is tried again" };
            let failures = health.failures;
            warn(TOPIC, format!("{name} fails since {since:.0}, {failures} times in a row: {error}; {state}"))
        }
        (Status::Enabled, None) => ok(TOPIC, format!("{name} gets its events")),
    }
}

#[cfg(test)]
mod tests {
    use endpoints::{EndpointId, RetryPolicy, Speed, TargetKind};
    use serde_json::Value;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("an instant")
    }

    fn endpoint(status: Status) -> Endpoint {
        Endpoint {
            id: EndpointId::parse("ep_1").expect("an id"),
            created_at: at(0),
            target: TargetKind::Url,
            masked_url: "https://crm.example.com/***".to_owned(),
            description: None,
            events: vec!["*".to_owned()],
            condition: None,
            output: Value::Null,
            retry: RetryPolicy::Standard,
            ed25519: false,
            status,
            status_since: at(0),
            receives_since: at(0),
            sealed: String::new(),
            header_names: Vec::new(),
            token_digest: None,
            request_digest: String::new(),
            revision: 1,
        }
    }

    #[test]
    fn each_state_of_an_endpoint_has_its_line() {
        let healthy = Health::default();
        let (failing, _) = Health::default().after_failure("status 500", at(5), Speed::default());
        let disabled = |reason| endpoint(Status::Disabled { reason });
        let url = "ep_1 (https://crm.example.com/***)";
        for (endpoint, health, line) in [
            (endpoint(Status::Enabled), &healthy, ok(TOPIC, format!("{url} gets its events"))),
            (
                endpoint(Status::Enabled),
                &failing,
                warn(
                    TOPIC,
                    format!("{url} fails since 2027-01-15T08:00:05Z, 1 times in a row: status 500; it is tried again"),
                ),
            ),
            (
                endpoint(Status::Unverified),
                &healthy,
                warn(
                    TOPIC,
                    format!(
                        "{url} is not verified since 2027-01-15T08:00:00Z; its events wait for 72 hours: test it (POST \
                         /api/endpoints/…/test)"
                    ),
                ),
            ),
            (
                disabled(Disabled::Failing),
                &failing,
                fail(
                    TOPIC,
                    format!(
                        "{url} is disabled (failing) since 2027-01-15T08:00:00Z: status 500; when it works again, enable \
                         it and recover what failed"
                    ),
                ),
            ),
            (
                disabled(Disabled::ByCustomer),
                &healthy,
                ok(TOPIC, format!("{url} is disabled by the customer since 2027-01-15T08:00:00Z")),
            ),
        ] {
            assert_eq!(check(&endpoint, health, at(9)), line);
        }
    }
}
