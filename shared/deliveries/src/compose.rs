//! Which events an endpoint gets, and the body of a delivery.

use domain::ConnectionName;
use endpoints::Endpoint;
use events::{Event, EventType, Sequence};
use serde_json::Value;
use transform::{Condition, Output, TypePatterns};

/// Returns whether an endpoint gets events of a type.
pub fn selects_type(endpoint: &Endpoint, kind: EventType) -> bool {
    let patterns = TypePatterns::parse(&endpoint.events, EventType::NAMES);
    patterns.is_ok_and(|patterns| patterns.matches(kind.name()))
}

/// Returns whether an endpoint gets an event.
pub(crate) fn selects(endpoint: &Endpoint, event: &Event) -> bool {
    let meets_condition = || match &endpoint.condition {
        // A condition that cannot be read must not let events pass that the customer does not want.
        Some(text) => Condition::parse(text).is_ok_and(|condition| condition.matches(&event.data)),
        None => true,
    };
    event.at >= endpoint.receives_since && selects_type(endpoint, event.kind) && meets_condition()
}

/// A body with its content type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Composed {
    /// The body.
    pub body: String,
    /// Its content type.
    pub content_type: &'static str,
}

/// Composes the body of a test.
///
/// # Errors
/// The endpoint's template failed for an event that the endpoint gets.
pub fn compose_test(connection: &ConnectionName, endpoint: &Endpoint, event: &Event) -> Result<Composed, String> {
    match compose_body(connection, endpoint, event, None) {
        // The customer's template is made for the events that the endpoint gets, and this is none of them.
        Err(_) if !selects_type(endpoint, event.kind) => {
            Ok(Composed { body: event.body(None), content_type: signing::JSON })
        }
        composed => composed,
    }
}

/// Composes the body of a delivery. The same event at the same place of a sequence gives the same bytes. A test has no
/// place.
///
/// # Errors
/// The endpoint's template failed. Nothing may be sent then, and never the original.
pub(crate) fn compose_body(
    connection: &ConnectionName,
    endpoint: &Endpoint,
    event: &Event,
    sequence: Option<&Sequence>,
) -> Result<Composed, String> {
    let standard = event.body(sequence);
    let output = match &endpoint.output {
        Value::Null => Output::Standard,
        value => {
            serde_json::from_value(value.clone()).map_err(|error| format!("the output cannot be read: {error}"))?
        }
    };
    if output == Output::Standard {
        return Ok(Composed { body: standard, content_type: signing::JSON });
    }
    // CloudEvents wants the source and the id together to be unique.
    let source = format!("vai-calendly/{connection}");
    let value: Value = serde_json::from_str(&standard).map_err(|error| error.to_string())?;
    let rendered = output.render(&value, &source).map_err(|error| error.to_string())?;
    let body = String::from_utf8(rendered.body).map_err(|error| error.to_string())?;
    Ok(Composed { body, content_type: rendered.content_type })
}
