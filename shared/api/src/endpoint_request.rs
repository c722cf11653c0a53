//! Requests about endpoints of webhooks, and about events.
//!
//! The comments on these types and fields are published in the `OpenAPI` document.

use std::collections::BTreeMap;

use domain::Private;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::schema::{Text, exactly_one};
use crate::{Fault, Request, When};

/// How an endpoint gets its events.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryKind {
    /// Its URL is called.
    #[default]
    Url,
    /// It asks for them: see `endpoint_events`.
    Poll,
    /// They are sent to its e-mail address.
    Email,
}

impl DeliveryKind {
    /// Says why a field has no meaning.
    fn refuses(self) -> &'static str {
        match self {
            Self::Url => "must be left out: events are sent to the URL",
            Self::Poll => "must be left out: an endpoint that asks is not called",
            Self::Email => "must be left out: events are sent by e-mail",
        }
    }
}

/// A ready-made form of a delivery's body.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputName {
    /// The event as it is.
    Standard,
    /// A CloudEvent 1.0.
    #[serde(rename = "cloudevents")]
    CloudEvents,
    /// A message for a Slack incoming webhook.
    Slack,
    /// A message for a Teams workflow.
    Teams,
    /// A lead for a CRM: one flat object.
    CrmLead,
    /// A row for analytics: one flat object of scalars.
    AnalyticsRow,
}

/// The form of a delivery's body.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OutputChoice {
    /// The name of a ready-made form.
    Name(OutputName),
    /// A transformation.
    Template(TemplateOutput),
}

/// A transformation of the customer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateOutput {
    /// Any JSON whose texts may have templates, such as `{"text": "Booked: {{ data.invitee.name }}"}`.
    #[schemars(with = "Value")]
    pub template: Private<Value>,
}

/// An endpoint's own retries: the wait doubles after each attempt, up to ten hours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetryConfig {
    /// The number of attempts. Default: 3.
    #[schemars(range(min = 1, max = 15))]
    pub max_attempts: Option<u32>,
    /// The wait after the first attempt, in milliseconds. Default: 1000.
    #[schemars(range(min = 100, max = 3_600_000))]
    pub backoff_ms: Option<u32>,
}

/// An endpoint to create.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("allOf" = json!([{ "anyOf": [
    {
        "required": ["url"],
        "properties": {
            "url": { "type": "string" }, "delivery": { "enum": ["url", null] }, "email": { "type": "null" },
        },
    },
    {
        "required": ["delivery"],
        "properties": { "delivery": { "const": "poll" }, "url": { "type": "null" }, "email": { "type": "null" } },
    },
    {
        "required": ["delivery", "email"],
        "properties": { "delivery": { "const": "email" }, "email": { "type": "string" }, "url": { "type": "null" } },
    },
] }])))]
pub struct CreateEndpointRequest {
    /// The endpoint's id, 1 to 64 of `A-Z`, `a-z`, `0-9`, `_` and `-`. It also identifies repetitions of the call.
    /// Default: one that is made from the idempotency key, or a new one.
    #[schemars(length(min = 1, max = 64), extend("pattern" = "^[A-Za-z0-9_-]*$"))]
    pub id: Option<String>,
    /// The URL to call: https, on port 443 or 8443 of a public host. It is required, unless `delivery` is `poll` or
    /// `email`.
    #[schemars(with = "Option<String>", length(min = 1, max = 2_048))]
    pub url: Option<Private<String>>,
    /// The e-mail address, if `delivery` is `email`. A link that is sent to it confirms it. Then each event is an
    /// e-mail.
    #[schemars(with = "Option<String>", length(min = 3, max = 254))]
    pub email: Option<Private<String>>,
    /// The types of events to send: names such as `booking.created`, groups such as `booking.*`, or `*` for all.
    #[schemars(length(min = 1, max = 50), extend("items" = json!({ "type": "string", "maxLength": 100 })))]
    pub events: Vec<String>,
    /// The secret that signs deliveries: `whsec_` and base64 of 24 to 64 bytes, or 8 to 256 characters of your own.
    /// Default: a new one.
    #[schemars(with = "Option<String>", length(min = 1, max = 512))]
    pub secret: Option<Private<String>>,
    /// Headers to send with each delivery. Their values are secrets: they are encrypted and never shown again.
    #[schemars(with = "BTreeMap<String, Text<8_192>>", extend("maxProperties" = 20, "propertyNames" = json!({ "maxLength": 256 })))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Private<String>>,
    /// Retries of your own. Default: eight attempts over about 28 hours.
    pub retry_config: Option<RetryConfig>,
    /// The same as `output` with a `template`. JavaScript is refused.
    #[schemars(with = "Option<Value>")]
    pub data_transform: Option<Private<Value>>,
    /// The form of the bodies: a ready-made one by its name, or `{"template": …}`. Default: the event as it is.
    pub output: Option<OutputChoice>,
    /// A condition on the data of an event, such as `metrics.satisfactionScore < 0.8`. Other events are not sent.
    #[schemars(length(max = 2_000))]
    pub condition: Option<String>,
    /// A description for people.
    #[schemars(length(max = 500))]
    pub description: Option<String>,
    /// How the endpoint gets its events. Default: `url`.
    pub delivery: Option<DeliveryKind>,
    /// Whether deliveries are also signed with the connection's ed25519 key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ed25519: bool,
    /// Whether a signed test is sent to the URL in the same call. The endpoint is created either way.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verify: bool,
}

/// What to change of an endpoint.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateEndpointRequest {
    /// The endpoint's id.
    #[schemars(length(min = 1, max = 64))]
    pub endpoint: String,
    /// The endpoint's id again, as in the shape of VAI's documents. It cannot be changed.
    #[schemars(length(min = 1, max = 64))]
    pub id: Option<String>,
    /// The URL to call.
    #[schemars(with = "Option<String>", length(min = 1, max = 2_048))]
    pub url: Option<Private<String>>,
    /// The e-mail address, if events are sent to one. A new one must be confirmed again.
    #[schemars(with = "Option<String>", length(min = 3, max = 254))]
    pub email: Option<Private<String>>,
    /// The types of events to send.
    #[schemars(length(min = 1, max = 50), extend("items" = json!({ "type": "string", "maxLength": 100 })))]
    pub events: Option<Vec<String>>,
    /// A new secret. The old one signs too for a day.
    #[schemars(with = "Option<String>", length(min = 1, max = 512))]
    pub secret: Option<Private<String>>,
    /// All headers to send. `{}` removes them.
    #[schemars(with = "Option<BTreeMap<String, Text<8_192>>>", extend("maxProperties" = 20, "propertyNames" = json!({ "maxLength": 256 })))]
    pub headers: Option<BTreeMap<String, Private<String>>>,
    /// Retries of your own. `{}` stands for the eight attempts that are the default.
    pub retry_config: Option<RetryConfig>,
    /// The same as `output` with a `template`. JavaScript is refused.
    #[schemars(with = "Option<Value>")]
    pub data_transform: Option<Private<Value>>,
    /// The form of the bodies. `standard` is the event as it is.
    pub output: Option<OutputChoice>,
    /// A condition on the data of an event. An empty one removes it.
    #[schemars(length(max = 2_000))]
    pub condition: Option<String>,
    /// A description for people. An empty one removes it.
    #[schemars(length(max = 500))]
    pub description: Option<String>,
    /// Whether deliveries are also signed with the connection's ed25519 key.
    pub ed25519: Option<bool>,
    /// Whether a signed test is sent to the URL in the same call.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verify: bool,
}

/// Which endpoints to list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListEndpointsRequest {
    /// `next` of the page before.
    #[schemars(length(min = 1, max = 64))]
    pub after: Option<String>,
    /// The most endpoints of the page. Default: 50.
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

/// An endpoint.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EndpointIdRequest {
    /// The endpoint's id.
    #[schemars(length(min = 1, max = 64))]
    pub endpoint: String,
}

/// Which secret to replace.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RotateSecretRequest {
    /// The endpoint's id.
    #[schemars(length(min = 1, max = 64))]
    pub endpoint: String,
    /// How long the old secret signs too, in seconds. Default: a day. 0 ends it at once.
    #[schemars(range(min = 0, max = 604_800))]
    pub grace_seconds: Option<u32>,
    /// The new secret. Default: a new one of ours.
    #[schemars(with = "Option<String>", length(min = 1, max = 512))]
    pub secret: Option<Private<String>>,
}

/// Which sample to send.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TestEndpointRequest {
    /// The endpoint's id.
    #[schemars(length(min = 1, max = 64))]
    pub endpoint: String,
    /// The type of the sample. Default: `webhook.test`.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 100))]
    pub kind: Option<String>,
}

/// The statistics of an endpoint to read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EndpointStatisticsRequest {
    /// The endpoint's id.
    #[schemars(length(min = 1, max = 64))]
    pub endpoint: String,
    /// The number of hours until now. Default: 24.
    #[schemars(range(min = 1, max = 2_160))]
    pub hours: Option<u32>,
}

/// The statistics to read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AllStatisticsRequest {
    /// The number of hours until now. Default: 24.
    #[schemars(range(min = 1, max = 2_160))]
    pub hours: Option<u32>,
}

/// Which deliveries to list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttemptsRequest {
    /// The endpoint's id.
    #[schemars(length(min = 1, max = 64))]
    pub endpoint: String,
    /// `next` of the page before.
    #[schemars(length(min = 1, max = 300))]
    pub after: Option<String>,
    /// The most deliveries of the page. Default: 20.
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

/// What to repeat: `delivery` or `since`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("allOf" = exactly_one(&["delivery", "since"])))]
pub struct ReplayRequest {
    /// The endpoint's id.
    #[schemars(length(min = 1, max = 64))]
    pub endpoint: String,
    /// The id of a delivery, from `attempts`.
    #[schemars(length(min = 1, max = 200))]
    pub delivery: Option<String>,
    /// All deliveries of events that happened at this instant or later, such as `2027-01-11T09:00:00Z`.
    #[schemars(extend("pattern" = When::INSTANT_PATTERN))]
    pub since: Option<When>,
}

/// What to recover.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecoverRequest {
    /// The endpoint's id.
    #[schemars(length(min = 1, max = 64))]
    pub endpoint: String,
    /// The failed deliveries of events that happened at this instant or later, such as `2027-01-11T09:00:00Z`.
    #[schemars(extend("pattern" = When::INSTANT_PATTERN))]
    pub since: When,
}

/// What the endpoint of a setup token gets.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetupTokenRequest {
    /// The types of events to send. Default: all.
    #[schemars(length(min = 1, max = 50), extend("items" = json!({ "type": "string", "maxLength": 100 })))]
    pub events: Option<Vec<String>>,
    /// A description for people.
    #[schemars(length(max = 500))]
    pub description: Option<String>,
    /// Whether deliveries are also signed with the connection's ed25519 key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ed25519: bool,
}

/// A receiver that registers itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetupRequest {
    /// The setup token.
    #[schemars(with = "String", length(min = 1, max = 200))]
    pub token: Private<String>,
    /// The receiver's own URL.
    #[schemars(with = "String", length(min = 1, max = 2_048))]
    pub url: Private<String>,
    /// A secret of the receiver's own. Default: a new one.
    #[schemars(with = "Option<String>", length(min = 1, max = 512))]
    pub secret: Option<Private<String>>,
    /// Whether a signed test is sent to the URL in the same call. The receiver must know the secret by then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verify: bool,
}

/// One event, or up to 100 under `events`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("allOf" = json!([{ "anyOf": [
    { "required": ["event"], "properties": { "event": { "type": "string" } } },
    { "required": ["type"], "properties": { "type": { "type": "string" } } },
    { "required": ["events"], "properties": { "events": { "type": "array", "minItems": 1, "maxItems": 100 } } },
] }])))]
pub struct PostEventsRequest {
    /// The event's id. An event with the id of an earlier one changes nothing. Default: a hash of the event.
    #[schemars(with = "Option<Value>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Private<Value>>,
    /// The event's type, such as `message.received`.
    #[schemars(with = "Option<Value>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Private<Value>>,
    /// The same as `event`: one of them is required.
    #[schemars(with = "Option<Value>")]
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<Private<Value>>,
    /// When it happened. Default: now.
    #[schemars(with = "Option<Value>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Private<Value>>,
    /// Its data: `webhook_event_types` has the schema of each type.
    #[schemars(with = "Option<Value>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Private<Value>>,
    /// Up to 100 events, each with these fields. Then the body has no other field.
    #[schemars(with = "Option<Value>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Private<Value>>,
}

/// The pattern of the id of a booking or conversation in events: visible ASCII without `#` and `/`.
const STREAM_ID: &str = r#"^[!"$-.0-~]+$"#;

/// What to catch up of a booking.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BookingEventsRequest {
    /// The booking's id.
    #[schemars(length(min = 1, max = 128), extend("pattern" = STREAM_ID))]
    pub booking: String,
    /// The number of the last event that you have. Default: 0.
    #[schemars(range(min = 0, max = 99_999_998))]
    pub after: Option<u32>,
    /// The most events of the page. Default: 100.
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

/// What to catch up of a conversation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConversationEventsRequest {
    /// The conversation's `sessionId`.
    #[schemars(length(min = 1, max = 128), extend("pattern" = STREAM_ID))]
    pub conversation: String,
    /// The number of the last event that you have. Default: 0.
    #[schemars(range(min = 0, max = 99_999_998))]
    pub after: Option<u32>,
    /// The most events of the page. Default: 100.
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

/// What to read of an endpoint's events.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EndpointEventsRequest {
    /// The endpoint's id.
    #[schemars(length(min = 1, max = 64))]
    pub endpoint: String,
    /// `next` of the page before. Default: from the beginning.
    #[schemars(range(min = 0, max = 4_294_967_295_u32))]
    pub after: Option<u32>,
    /// The most events of the page. Default: 100.
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

/// Whose keys to read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebhookKeysRequest {
    /// The connection's name.
    #[schemars(length(min = 1, max = 40))]
    pub connection: String,
}

impl Request for CreateEndpointRequest {
    fn check(&self) -> Vec<Fault> {
        let delivery = self.delivery.unwrap_or_default();
        let mut faults = check_output(self.output.is_some(), self.data_transform.is_some());
        for (path, is_given, owner) in
            [("url", self.url.is_some(), DeliveryKind::Url), ("email", self.email.is_some(), DeliveryKind::Email)]
        {
            match (is_given, delivery == owner) {
                (true, false) => faults.push(Fault::new(path, delivery.refuses())),
                (false, true) => faults.push(Fault::new(path, "is missing")),
                _ => {}
            }
        }
        if self.verify && delivery != DeliveryKind::Url {
            faults.push(Fault::new("verify", delivery.refuses()));
        }
        if delivery == DeliveryKind::Email {
            let not_for_emails =
                [("secret", self.secret.is_some()), ("headers", !self.headers.is_empty()), ("ed25519", self.ed25519)];
            let given = not_for_emails.into_iter().filter(|(_, is_given)| *is_given);
            faults.extend(given.map(|(path, _)| Fault::new(path, delivery.refuses())));
        }
        faults
    }
}

impl Request for UpdateEndpointRequest {
    fn check(&self) -> Vec<Fault> {
        let mut faults = check_output(self.output.is_some(), self.data_transform.is_some());
        if self.id.as_ref().is_some_and(|id| *id != self.endpoint) {
            faults.push(Fault::new("id", "cannot be changed"));
        }
        faults
    }
}

fn check_output(has_output: bool, has_transform: bool) -> Vec<Fault> {
    let both = has_output && has_transform;
    Vec::from_iter(both.then(|| Fault::new("dataTransform", "must be left out if output is given")))
}

impl Request for ReplayRequest {
    fn check(&self) -> Vec<Fault> {
        match (&self.delivery, self.since) {
            (None, None) => vec![Fault::new("delivery", "or since is needed")],
            (Some(_), Some(_)) => vec![Fault::new("since", "must be left out if delivery is given")],
            (_, since) => check_offset(since),
        }
    }
}

impl Request for RecoverRequest {
    fn check(&self) -> Vec<Fault> {
        check_offset(Some(self.since))
    }
}

fn check_offset(since: Option<When>) -> Vec<Fault> {
    let is_local = since.is_some_and(When::is_local);
    Vec::from_iter(is_local.then(|| Fault::new("since", "needs an offset, such as 2027-01-11T09:00:00Z")))
}

impl Request for SetupRequest {
    /// A setup token names its connection: `vst.<connection>.<random>`.
    fn connection(&self) -> Option<&str> {
        self.token.expose().split('.').nth(1)
    }
}

impl Request for WebhookKeysRequest {
    fn connection(&self) -> Option<&str> {
        Some(&self.connection)
    }
}

impl Request for ListEndpointsRequest {}
impl Request for EndpointIdRequest {}
impl Request for RotateSecretRequest {}
impl Request for TestEndpointRequest {}
impl Request for EndpointStatisticsRequest {}
impl Request for AllStatisticsRequest {}
impl Request for AttemptsRequest {}
impl Request for SetupTokenRequest {}
impl Request for PostEventsRequest {}
impl Request for BookingEventsRequest {}
impl Request for ConversationEventsRequest {}
impl Request for EndpointEventsRequest {}
