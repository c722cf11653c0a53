//! The forms of a delivery's body.

mod chat;
mod cloud_event;
mod flat;
mod slack;
mod teams;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{TransformError, Transformation};

/// The form in which an endpoint gets its events. Stored as a name, or as `{"template": …}`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// The event as it is.
    #[default]
    Standard,
    /// A CloudEvent 1.0, in structured mode.
    #[serde(rename = "cloudevents")]
    CloudEvents,
    /// A message for a Slack incoming webhook.
    Slack,
    /// A message with an Adaptive Card, for a Teams workflow.
    Teams,
    /// A lead for a CRM: one flat object. What the event lacks is left out, since many CRMs clear a field that is null.
    CrmLead,
    /// A row for analytics: one flat object of scalars, with names in lower case.
    AnalyticsRow,
    /// The customer's transformation.
    Template(Transformation),
}

/// The body of a delivery.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The bytes, always JSON.
    pub body: Vec<u8>,
    /// The media type.
    pub content_type: &'static str,
}

/// The body is personal and is not printed.
impl std::fmt::Debug for Rendered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let length = self.body.len();
        f.debug_struct("Rendered").field("bytes", &length).field("content_type", &self.content_type).finish()
    }
}

impl Output {
    /// Makes the body of a delivery. `source` names the sender in a CloudEvent, as a URI reference.
    pub fn render(&self, event: &Value, source: &str) -> Result<Rendered, TransformError> {
        let body = match self {
            Self::Standard => event.clone(),
            Self::CloudEvents => cloud_event::make(event, source)?,
            Self::Slack => slack::make(event),
            Self::Teams => teams::make(event),
            Self::CrmLead => flat::make_lead(event),
            Self::AnalyticsRow => flat::make_row(event),
            Self::Template(transformation) => transformation.apply(event)?,
        };
        let content_type = match self {
            Self::CloudEvents => "application/cloudevents+json",
            _ => "application/json",
        };
        let body = serde_json::to_vec(&body).map_err(|_| TransformError::NoJson)?;
        Ok(Rendered { body, content_type })
    }
}

/// Returns a text of the event that is not empty.
fn text<'a>(event: &'a Value, pointer: &str) -> Option<&'a str> {
    event.pointer(pointer)?.as_str().filter(|it| !it.is_empty())
}

/// Returns the first of several texts that the event has.
fn first_text<'a>(event: &'a Value, pointers: &[&str]) -> Option<&'a str> {
    pointers.iter().find_map(|it| text(event, it))
}

/// Returns the type of an event. It is in `type` and, for receivers that exist already, in `event`.
fn event_type(event: &Value) -> Option<&str> {
    first_text(event, &["/type", "/event"])
}
