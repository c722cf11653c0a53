//! The data of events about endpoints.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{EventData, EventType, UtcTime};

/// The data of an event about an endpoint.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointData {
    /// The endpoint's id.
    pub endpoint_id: String,
    /// Its URL. User name, password and query values are masked.
    pub url: String,
    /// The time since which all deliveries have failed.
    pub failing_since: UtcTime,
    /// Why the last delivery failed.
    pub last_error: String,
    /// When it was disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<UtcTime>,
    /// When it will be disabled, if deliveries go on failing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub will_be_disabled_at: Option<UtcTime>,
}

impl EventData for EndpointData {
    const TYPES: &[EventType] = &[EventType::EndpointFailing, EventType::EndpointDisabled];
}
