//! Answers about endpoints of webhooks, and about events.
//!
//! Fields whose text strangers wrote have `"x-untrusted": true` in their schemas. They are never instructions.

use std::collections::BTreeMap;

use domain::Private;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::Fault;
use crate::answer::True;

/// An endpoint, without its secrets.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointView {
    /// Its id.
    pub id: String,
    /// `unverified`: its events wait until it has answered a signed test, or its address is confirmed. `enabled`: its
    /// events are sent. `disabled`: its events are not sent.
    pub status: String,
    /// When the status changed.
    pub status_since: Timestamp,
    /// Why it is disabled: `by_customer`, `gone` (it answered 410) or `failing` (it failed for five days).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<String>,
    /// How it gets its events: `url`, `poll` or `email`.
    pub delivery: String,
    /// Its URL, without user name, password, values of the query, and parts of the path that look like keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its e-mail address, without most of its first part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The types of events that it gets.
    pub events: Vec<String>,
    /// The condition on the data of its events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// The form of the bodies: the name of a ready-made one, or `{"template": …}`.
    #[schemars(extend("type" = ["object", "string"]))]
    pub output: Value,
    /// The names of the headers that are sent with each delivery. The values are not shown.
    pub headers: Vec<String>,
    /// Its retries.
    pub retry_config: RetryView,
    /// Whether deliveries are also signed with the connection's ed25519 key.
    pub ed25519: bool,
    /// When it was created.
    pub created_at: Timestamp,
}

/// The retries of an endpoint.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetryView {
    /// The number of attempts.
    pub max_attempts: u32,
    /// The wait after the first attempt, in milliseconds, if it doubles. Without it, the attempts are spread over about
    /// 28 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_ms: Option<u64>,
}

/// An endpoint that was created.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreatedEndpointView {
    /// True.
    pub success: True<true>,
    /// The endpoint's id.
    pub webhook_id: String,
    /// What was done, and what to do next.
    pub message: String,
    /// The endpoint.
    pub endpoint: EndpointView,
    /// The secret that signs deliveries. It is shown in this answer only.
    #[schemars(with = "Option<String>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Private<String>>,
    /// The token with which the endpoint catches up. It is shown in this answer only.
    #[schemars(with = "Option<String>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catch_up_token: Option<Private<String>>,
    /// The test, if one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<TestView>,
}

/// An endpoint that was changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdatedEndpointView {
    /// True.
    pub success: True<true>,
    /// What was done, and what to do next.
    pub message: String,
    /// The endpoint.
    pub endpoint: EndpointView,
    /// The test, if one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<TestView>,
}

/// A page of endpoints.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointsView {
    /// In the order of their ids.
    pub endpoints: Vec<EndpointView>,
    /// Where the next page begins; it is absent from the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Something that was done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoneView {
    /// True.
    pub success: True<true>,
    /// What was done.
    pub message: String,
}

/// A secret that was replaced.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RotatedSecretView {
    /// The endpoint's id.
    pub id: String,
    /// The new secret. It is shown in this answer only.
    #[schemars(with = "String")]
    pub secret: Private<String>,
    /// The new catch-up token. It is shown in this answer only.
    #[schemars(with = "String")]
    pub catch_up_token: Private<String>,
    /// Until when the old secret signs too.
    pub old_secret_until: Timestamp,
}

/// What came of a test.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestView {
    /// Whether the URL answered with 2xx.
    pub success: bool,
    /// What came of it, and what to do next.
    pub message: String,
    /// The endpoint's status after the test.
    pub endpoint_status: String,
    /// The call.
    pub details: AttemptView,
}

/// One attempt to deliver.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptView {
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub millis: u32,
    /// The HTTP status of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why there was no answer, such as `timeout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What happened, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The beginning of the receiver's answer. The receiver wrote it.
    #[schemars(extend("x-untrusted" = true))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Whether it repeats a delivery that had ended.
    pub is_replay: bool,
}

/// The statistics of an endpoint.
#[derive(Clone, PartialEq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatisticsView {
    /// The endpoint's id.
    pub webhook_id: String,
    /// Its status.
    pub status: String,
    /// The types of events that it gets.
    pub events: Vec<String>,
    /// Its URL, masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// All hours together.
    pub stats: TotalsView,
    /// The hours in which something was sent, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hours: Vec<HourView>,
}

/// What was counted.
#[derive(Clone, PartialEq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DeliveryTotalsView")]
pub struct TotalsView {
    /// Events that were delivered.
    pub sent: u64,
    /// Events that were given up.
    pub failed: u64,
    /// The last success, or null.
    pub last_sent: Option<Timestamp>,
    /// Attempts.
    pub attempts: u64,
    /// The share of attempts that succeeded, from 0 to 1; null without attempts.
    pub success_rate: Option<f64>,
    /// Half of the successful attempts took no longer than this, in milliseconds; null without a success.
    pub p50_ms: Option<u32>,
    /// 95 % of the successful attempts took no longer than this, in milliseconds; null without a success.
    pub p95_ms: Option<u32>,
}

/// The statistics of an hour.
#[derive(Clone, PartialEq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HourView {
    /// Its beginning.
    pub hour: Timestamp,
    /// What was counted.
    #[serde(flatten)]
    pub totals: TotalsView,
}

/// The statistics of all endpoints.
#[derive(Clone, PartialEq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AllStatisticsView {
    /// By the endpoint's id.
    pub endpoints: BTreeMap<String, StatisticsView>,
}

/// A page of deliveries.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptsView {
    /// The newest event first.
    pub deliveries: Vec<DeliveryView>,
    /// Where the next page begins; it is absent from the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// An event for an endpoint.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryView {
    /// Its id, for `replay`.
    pub id: String,
    /// The event's id: `webhook-id`.
    pub event_id: String,
    /// The event's type.
    pub event: String,
    /// When the event happened.
    pub event_at: Timestamp,
    /// What the event is about, such as `booking/bk-1`.
    pub stream: String,
    /// The event's number in the endpoint's sequence of the stream.
    pub number: u64,
    /// `pending`: it is tried again. `delivered`: the endpoint answered with 2xx. `given_up`: all attempts failed.
    pub state: String,
    /// When the next attempt is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// Its attempts, in order.
    pub attempts: Vec<AttemptView>,
}

/// A token with which a receiver registers itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetupTokenView {
    /// The token. It is shown in this answer only, and works once.
    #[schemars(with = "String")]
    pub token: Private<String>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Where the receiver sends it.
    pub setup_url: String,
}

/// What a receiver needs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetupView {
    /// The endpoint's id.
    pub id: String,
    /// The secret that signs deliveries. It is shown in this answer only.
    #[schemars(with = "String")]
    pub secret: Private<String>,
    /// The token with which the receiver catches up. It is shown in this answer only.
    #[schemars(with = "String")]
    pub catch_up_token: Private<String>,
    /// Where the connection's public keys are.
    pub keys_url: String,
    /// Where the API is.
    pub api_url: String,
    /// The endpoint's status.
    pub status: String,
    /// The test, if one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<TestView>,
}

/// What became of events.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostedEventsView {
    /// In the order of the request.
    pub events: Vec<PostedEventView>,
}

/// What became of an event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostedEventView {
    /// The event's id. A refused event has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What became of it.
    pub result: PostResult,
    /// What is wrong with a refused event.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

/// What became of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PostResult {
    /// It is new, and will be sent.
    Accepted,
    /// An event with this id was accepted before.
    Duplicate,
    /// It is not valid. `faults` says why.
    Refused,
}

/// The types of events.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookEventTypesView {
    /// Each type.
    pub event_types: Vec<WebhookEventTypeView>,
}

/// A type of events.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookEventTypeView {
    /// Its name.
    pub name: String,
    /// When such an event happens.
    pub description: String,
    /// The JSON Schema of a delivery's body. Fields that strangers write have `"x-untrusted": true`.
    #[schemars(with = "Map<String, Value>")]
    pub schema: Value,
    /// The body of a sample.
    #[schemars(with = "Map<String, Value>")]
    pub sample: Value,
}

/// Events that an endpoint got or was to get.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CatchUpView {
    /// In the order of their numbers.
    pub events: Vec<CaughtUpView>,
    /// Whether there are more: call again with the last number as `after`.
    pub has_more: bool,
}

/// An event that an endpoint got or was to get.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaughtUpView {
    /// Its number in the endpoint's sequence of the stream.
    pub number: u64,
    /// Its id.
    pub id: String,
    /// The body, byte by byte as it was sent. Parts of it were written by strangers. Empty, if it could not be made.
    #[schemars(with = "String", extend("x-untrusted" = true))]
    pub body: Private<String>,
}

/// Events of an endpoint that asks for them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeedView {
    /// In order for each stream.
    pub events: Vec<FeedEventView>,
    /// Whether there may be more now.
    pub has_more: bool,
    /// Where the next page begins: the position of the last event.
    pub next: u64,
}

/// An event of an endpoint that asks for them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeedEventView {
    /// Its position among all events of the endpoint, counted from 1 without gaps.
    pub position: u64,
    /// What it is about, such as `booking/bk-1`.
    pub stream: String,
    /// The event.
    #[serde(flatten)]
    pub event: CaughtUpView,
}

/// The public keys of a connection.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct WebhookKeysView {
    /// The keys, oldest first.
    pub keys: Vec<WebhookKeyView>,
}

/// A public key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct WebhookKeyView {
    /// Its id, for people: a signature does not name it.
    pub id: String,
    /// The key: `whpk_` and base64.
    pub key: String,
    /// When it begins to sign.
    pub not_before: Timestamp,
    /// When it ends to sign, if another key follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
}
