//! A function's answer.

use serde_json::Value;

/// A function's answer to an event.
pub(crate) struct Answer {
    pub(crate) response: Value,
    /// Seconds from sending the event to the answer.
    pub(crate) seconds: f64,
}

impl Answer {
    /// Returns the status of an answer to API Gateway; 0 if there is none.
    pub(crate) fn status(&self) -> u64 {
        self.response["statusCode"].as_u64().unwrap_or_default()
    }

    /// Returns the body of an answer to API Gateway.
    pub(crate) fn body(&self) -> &str {
        self.response["body"].as_str().unwrap_or_default()
    }
}
