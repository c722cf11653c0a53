//! Endpoints, attempts and statistics, as answers show them.

use api::endpoint_answer::{AttemptView, DeliveryView, EndpointView, HourView, RetryView, StatisticsView, TotalsView};
use endpoints::{
    Attempt, AttemptResult, Delivery, Endpoint, HourStatistics, RetryPolicy, Statistics, Status, TargetKind,
};
use serde_json::{Value, json};

/// Returns an endpoint without its secrets.
pub(crate) fn endpoint(endpoint: &Endpoint) -> EndpointView {
    let disabled_reason = match endpoint.status {
        Status::Disabled { reason } => Some(reason.name().to_owned()),
        Status::Unverified | Status::Enabled => None,
    };
    let backoff_ms = match endpoint.retry {
        RetryPolicy::Standard => None,
        RetryPolicy::Doubling { backoff_ms, .. } => Some(backoff_ms),
    };
    EndpointView {
        id: endpoint.id.as_str().to_owned(),
        status: endpoint.status.name().to_owned(),
        status_since: endpoint.status_since,
        disabled_reason,
        delivery: delivery_name(endpoint.target).to_owned(),
        url: url(endpoint),
        email: Some(endpoint.masked_url.clone()).filter(|_| endpoint.target == TargetKind::Email),
        description: endpoint.description.clone(),
        events: endpoint.events.clone(),
        condition: endpoint.condition.clone(),
        output: if endpoint.output.is_null() { "standard".into() } else { endpoint.output.clone() },
        headers: endpoint.header_names.clone(),
        retry_config: RetryView { max_attempts: endpoint.retry.attempts(), backoff_ms },
        ed25519: endpoint.ed25519,
        created_at: endpoint.created_at,
    }
}

fn delivery_name(target: TargetKind) -> &'static str {
    match target {
        TargetKind::Url => "url",
        TargetKind::Poll => "poll",
        TargetKind::Email => "email",
    }
}

fn url(endpoint: &Endpoint) -> Option<String> {
    Some(endpoint.masked_url.clone()).filter(|_| endpoint.target == TargetKind::Url)
}

/// Returns an attempt.
pub(crate) fn attempt(attempt: &Attempt) -> AttemptView {
    let (status, body, code, detail) = match attempt.result.clone() {
        AttemptResult::Answered { status, body } => (Some(status), Some(body), None, None),
        AttemptResult::Failed { code, detail } => (None, None, Some(code), Some(detail)),
    };
    let Attempt { at, millis, is_replay, .. } = *attempt;
    AttemptView { at, millis, status, code, detail, body, is_replay }
}

/// Returns a delivery with its attempts, without its body.
pub(crate) fn delivery(delivery: &Delivery) -> DeliveryView {
    DeliveryView {
        id: format!("{}/{}", delivery.stream, delivery.number),
        event_id: delivery.event_id.clone(),
        event: delivery.event_type.clone(),
        event_at: delivery.event_at,
        stream: delivery.stream.clone(),
        number: delivery.number,
        state: delivery.state.name().to_owned(),
        next_at: delivery.next_at,
        attempts: delivery.attempts.iter().map(attempt).collect(),
    }
}

/// Returns the statistics of an endpoint, with its hours if they are wanted.
pub(crate) fn statistics(endpoint: &Endpoint, statistics: &Statistics, has_hours: bool) -> StatisticsView {
    let hours = statistics.hours.iter().filter(|_| has_hours).filter_map(|(hour, counted)| {
        Some(HourView { hour: format!("{hour}:00:00Z").parse().ok()?, totals: totals(counted) })
    });
    StatisticsView {
        webhook_id: endpoint.id.as_str().to_owned(),
        status: endpoint.status.name().to_owned(),
        events: endpoint.events.clone(),
        url: url(endpoint),
        stats: totals(&statistics.summary()),
        hours: hours.collect(),
    }
}

fn totals(counted: &HourStatistics) -> TotalsView {
    let HourStatistics { sent, failed, attempts, failed_attempts, last_sent, .. } = *counted;
    let success_rate = (attempts > 0).then(|| attempts.saturating_sub(failed_attempts) as f64 / attempts as f64);
    let (p50_ms, p95_ms) = (counted.percentile(50), counted.percentile(95));
    TotalsView { sent, failed, last_sent, attempts, success_rate, p50_ms, p95_ms }
}

/// Returns the types of events with their schemas and samples.
pub(crate) fn event_types() -> Value {
    json!({ "eventTypes": events::catalog() })
}
