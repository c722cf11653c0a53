//! A delivery: one event for one endpoint, with its attempts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The most attempts of one delivery, including replays. All are stored, so that the statistics can be rebuilt.
pub(crate) const MOST_ATTEMPTS: usize = 40;

/// The most characters of a receiver's answer that are stored.
const LONGEST_ANSWER: usize = 256;

/// Whether an event reached its endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is tried again.
    Pending,
    /// The endpoint answered with 2xx.
    Delivered,
    /// All attempts failed.
    GivenUp,
}

impl DeliveryState {
    /// Returns its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
        }
    }
}

/// How an attempt ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptResult {
    /// The receiver answered.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer.
        body: String,
    },
    /// There was no answer, or nothing was sent: a code such as `timeout`, and what to do.
    Failed {
        /// A stable code.
        code: String,
        /// What happened, without secrets.
        detail: String,
    },
}

impl AttemptResult {
    /// Returns the result of an answer, with the beginning of its body.
    pub fn answered(status: u16, body: &str) -> Self {
        Self::Answered { status, body: body.chars().take(LONGEST_ANSWER).collect() }
    }

    /// Returns whether the event was delivered: 2xx only.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Answered { status: 200..=299, .. })
    }

    /// Returns whether nothing was sent because of the endpoint's own configuration: its template, secret or headers.
    pub fn is_unsent(&self) -> bool {
        let codes = ["transformation_failed", "not_signed", "invalid_header"];
        matches!(self, Self::Failed { code, .. } if codes.contains(&code.as_str()))
    }

    /// Returns whether the receiver wants no more events: 410 Gone.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Answered { status: 410, .. })
    }

    /// Returns whether the receiver is overloaded: it timed out, or answered 429 or 503.
    pub fn is_throttled(&self) -> bool {
        match self {
            Self::Answered { status, .. } => matches!(status, 429 | 503),
            Self::Failed { code, .. } => code == "timeout",
        }
    }

    /// Returns a short name: the status or the code.
    pub fn name(&self) -> String {
        match self {
            Self::Answered { status, .. } => format!("status {status}"),
            Self::Failed { code, .. } => code.clone(),
        }
    }
}

/// One attempt.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Attempt {
    /// When it was begun.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub millis: u32,
    /// How it ended.
    pub result: AttemptResult,
    /// Whether it repeats a delivery that had ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_replay: bool,
}

/// One event for one endpoint.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Delivery {
    /// The event's id: `webhook-id` in each attempt.
    pub event_id: String,
    /// The event's type.
    pub event_type: String,
    /// When the event happened.
    pub event_at: Timestamp,
    /// The stream.
    pub stream: String,
    /// The event's number in the endpoint's sequence of the stream.
    pub number: u64,
    /// The body, the same in each attempt. Empty if it could not be made.
    pub body: String,
    /// The body's content type.
    pub content_type: String,
    /// Whether it was delivered.
    pub state: DeliveryState,
    /// When the next attempt is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// Its attempts, in order.
    pub attempts: Vec<Attempt>,
    /// The revision of the stored delivery; 0 when it is not stored yet.
    #[serde(skip)]
    pub revision: u64,
}

impl Delivery {
    /// Adds an attempt.
    #[must_use]
    pub fn with_attempt(mut self, attempt: Attempt, state: DeliveryState, next_at: Option<Timestamp>) -> Self {
        self.attempts.push(attempt);
        // A later failure of a replay does not make a delivered event undelivered.
        if self.state != DeliveryState::Delivered {
            self.state = state;
        }
        self.next_at = next_at.filter(|_| self.state == DeliveryState::Pending);
        self
    }

    /// Returns whether it may be replayed.
    pub fn allows_replay(&self) -> bool {
        self.state != DeliveryState::Pending && self.attempts.len() < MOST_ATTEMPTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_2xx_is_a_success() {
        for (status, is_success) in [(199, false), (200, true), (204, true), (299, true), (300, false), (302, false)] {
            assert_eq!(AttemptResult::answered(status, "").is_success(), is_success, "{status}");
        }
        let failed = |code: &str| AttemptResult::Failed { code: code.to_owned(), detail: String::new() };
        assert!(!failed("timeout").is_success());
        assert!(failed("timeout").is_throttled() && !failed("no_connection").is_throttled());
        assert!(failed("transformation_failed").is_unsent() && !failed("timeout").is_unsent());
        assert!(AttemptResult::answered(429, "").is_throttled() && AttemptResult::answered(503, "").is_throttled());
        assert!(AttemptResult::answered(410, "").is_gone() && !AttemptResult::answered(404, "").is_gone());
    }

    #[test]
    fn a_long_answer_is_cut_between_characters() {
        let AttemptResult::Answered { body, .. } = AttemptResult::answered(500, &"ș".repeat(1_000)) else { panic!() };
        assert_eq!(body.chars().count(), LONGEST_ANSWER);
    }
}
