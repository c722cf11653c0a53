//! Values of an event.

use serde_json::Value;

/// Returns a text of the event that is not empty.
pub(super) fn text<'a>(event: &'a Value, pointer: &str) -> Option<&'a str> {
    event.pointer(pointer)?.as_str().filter(|it| !it.is_empty())
}

/// Returns the first of several texts that the event has.
pub(super) fn first_text<'a>(event: &'a Value, pointers: &[&str]) -> Option<&'a str> {
    pointers.iter().find_map(|it| text(event, it))
}

/// Returns the type of an event. It is in `type` and, for receivers that exist already, in `event`.
pub(super) fn event_type(event: &Value) -> Option<&str> {
    first_text(event, &["/type", "/event"])
}
