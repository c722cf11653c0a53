//! The import of meetings that exist at Calendly: its request and its answer.
//!
//! The comments on these types and fields are published in the `OpenAPI` document.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::exactly_one;
use crate::{Fault, Request, When};

/// The meetings to import: exactly one of `since`, `event` and `booking`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("allOf" = exactly_one(&["since", "event", "booking"])))]
pub struct ImportRequest {
    /// The connection's name.
    #[schemars(length(min = 1, max = 40))]
    pub connection: String,
    /// Every meeting that begins at this instant or later.
    #[schemars(extend("pattern" = When::INSTANT_PATTERN))]
    pub since: Option<Timestamp>,
    /// One scheduled event: its URI or UUID at Calendly.
    #[schemars(length(min = 1, max = 300))]
    pub event: Option<String>,
    /// One booking: its id.
    #[schemars(length(min = 1, max = 300))]
    pub booking: Option<String>,
}

/// An import.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportView {
    /// `running` or `done`.
    pub status: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it last advanced.
    pub updated_at: Timestamp,
    /// The scheduled events that were read.
    pub events: u64,
    /// The invitees that were read.
    pub invitees: u64,
    /// The bookings that were new, or changed.
    pub changed: u64,
    /// What keeps it from advancing, or why it ended early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The last import of a connection.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportsView {
    /// The last import; left out if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import: Option<ImportView>,
}

impl Request for ImportRequest {
    fn check(&self) -> Vec<Fault> {
        let given = [self.since.is_some(), self.event.is_some(), self.booking.is_some()];
        let is_one = given.into_iter().filter(|it| *it).count() == 1;
        let fault = || Fault::new("since", "give exactly one of since, event and booking");
        (!is_one).then(fault).into_iter().collect()
    }

    fn connection(&self) -> Option<&str> {
        Some(&self.connection)
    }
}
