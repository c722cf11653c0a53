//! The audit: one line for each call, in a log group of its own. It says who called what, about which booking, in which
//! conversation (hashed), and how it ended.

use api::{Call, Refusal};
use domain::{ConnectionName, digest};
use serde_json::{Value, json};

use crate::context::Speaker;

/// The target of lines that go to the function's own log. It has them at every level.
pub(crate) const TARGET: &str = "audit";

/// The longest id of a booking that is written. A longer one is no id of ours or of Calendly.
const LONGEST_ID: usize = 64;

/// What is known of a call. It becomes known step by step, so that a refused call has a line, too.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    /// The name of the key; empty for a call without a known key.
    pub(crate) caller: String,
    /// The operation; empty if the path leads nowhere.
    pub(crate) operation: &'static str,
    connection: String,
    conversation: String,
    booking: String,
}

impl Audit {
    /// Notes the connection.
    pub(crate) fn connection(&mut self, connection: &ConnectionName) {
        connection.as_str().clone_into(&mut self.connection);
    }

    /// Notes whom the caller's agent talks to.
    pub(crate) fn speaker(&mut self, speaker: &Speaker) {
        self.conversation = speaker.conversation.as_deref().map(hash_conversation).unwrap_or_default();
    }

    /// Notes what the call is about.
    pub(crate) fn call(&mut self, call: &Call) {
        self.operation = call.operation().name();
        self.booking = call.booking().map(plain).unwrap_or_default();
    }

    /// Returns the line, as JSON.
    pub(crate) fn line(&self, answer: Result<&Value, &Refusal>) -> String {
        let outcome = answer.err().map_or("ok", |refusal| refusal.code().name());
        // A booking that was made is only known from the answer.
        let made = answer.ok().filter(|_| self.booking.is_empty()).and_then(|it| it.pointer("/booking/id"));
        let booking = made.and_then(Value::as_str).unwrap_or(&self.booking);
        let Self { caller, operation, connection, conversation, .. } = self;
        let line = json!({
            "caller": caller, "operation": operation, "outcome": outcome, "connection": connection,
            "conversation": conversation, "booking": booking,
        });
        line.to_string()
    }
}

/// Returns the hash of a conversation's id, as it stands in a line.
fn hash_conversation(conversation: &str) -> String {
    digest(&["conversation", conversation])
}

/// Returns an id as it may be written. What a model put in its place may be personal.
fn plain(id: &str) -> String {
    let last = id.trim().rsplit('/').next().unwrap_or_default();
    let is_plain = last.len() <= LONGEST_ID && last.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it));
    if is_plain { last.to_owned() } else { "*".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_are_written() {
        let uri = "https://api.calendly.com/scheduled_events/E/invitees/I-1";
        let written = ["bk-1", uri, "ana@example.com", "Ana Pop", "", &"x".repeat(65)].map(plain);
        assert_eq!(written, ["bk-1", "I-1", "*", "*", "", "*"]);
        assert_eq!(hash_conversation("conv-1").len(), 32);
        assert_ne!(hash_conversation("conv-1"), hash_conversation("conv-2"));
    }
}
