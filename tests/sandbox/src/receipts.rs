//! What providers post to the program after they accepted a message: its delivery state, or a person's reply.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

/// A receipt to be posted.
#[derive(Clone)]
pub(crate) struct Receipt {
    /// Provider and event, as in `twilio.delivered`. The `path_prefix` of a fault is compared with it.
    pub(crate) event: String,
    /// The provider's id of the message.
    pub(crate) message_id: String,
    pub(crate) url: String,
    /// Makes headers and body, for each attempt again, because some signatures contain the time.
    pub(crate) content: Arc<dyn Fn() -> Content + Send + Sync>,
}

/// Headers and body as they are sent.
#[derive(Clone)]
pub(crate) struct Content {
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

/// One attempt to post a receipt, as the inbox shows it.
#[derive(Clone, Serialize)]
pub(crate) struct Attempt {
    pub(crate) event: String,
    pub(crate) message_id: String,
    pub(crate) url: String,
    pub(crate) attempt: u32,
    /// The status of the answer; null without an answer.
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<String>,
    pub(crate) at: Timestamp,
    /// Headers and body as they were sent, so that they can be sent again.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}
