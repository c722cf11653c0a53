//! The sandbox's settings: how it behaves when no fault is active. `/control/settings` reads and changes them.

use serde::{Deserialize, Serialize};

/// The settings.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Calendly's pause before the second attempt of a delivery. It doubles before each further attempt.
    pub(crate) retry_first_ms: u64,
    /// How long Calendly retries (24 hours in reality) before it disables the subscription.
    pub(crate) retry_window_ms: u64,
    /// Calendly's time-out for a delivery.
    pub(crate) webhook_timeout_ms: u64,
    /// Which of the two webhooks of a move is delivered first.
    pub(crate) move_order: MoveOrder,
    /// Whether a move copies the booking's tracking to the new invitee. Calendly does not promise it.
    pub(crate) move_keeps_tracking: bool,
    /// How long a Google Meet link stays in status `processing`.
    pub(crate) meet_link_ms: u64,
    /// Calendly's requests per minute.
    pub(crate) requests_per_minute: u32,
    /// `POST /invitees` per minute; null: no limit besides `requests_per_minute`.
    pub(crate) bookings_per_minute: Option<u32>,
    /// `POST /invitees` per hour; null: no limit.
    pub(crate) bookings_per_hour: Option<u32>,
    /// `POST /invitees` per day; null: no limit.
    pub(crate) bookings_per_day: Option<u32>,
    /// The token's scopes; null: all.
    pub(crate) scopes: Option<Vec<String>>,
    /// The token owner's role in the organization: owner, admin or user.
    pub(crate) role: String,
    /// How long an access token of a login lives: two hours in reality.
    pub(crate) access_token_seconds: u32,
    /// Token requests for each user and minute.
    pub(crate) token_requests_per_minute: u32,
    /// The SMS provider refuses the same template to the same number within this time; 0: never.
    pub(crate) sms_frequency_ms: u64,
    /// The time between two delivery states of a message: accepted, sent, delivered or not.
    pub(crate) receipts_after_ms: u64,
    /// Where `EngageLab` posts delivery states and replies. Setting it posts a probe there.
    pub(crate) engagelab_callback_url: Option<String>,
    /// Where Twilio posts replies. It posts delivery states to each message's `StatusCallback`.
    pub(crate) twilio_inbound_url: Option<String>,
    /// Where Brevo posts the events of its e-mails.
    pub(crate) brevo_webhook_url: Option<String>,
    /// How long Brevo remembers an idempotency key.
    pub(crate) brevo_key_ms: u64,
    /// The SQS queue for the events of SES.
    pub(crate) ses_events_queue_url: Option<String>,
    /// Whether VAI answers a repeated idempotency key without acting again. VAI's documents do not say.
    pub(crate) vai_idempotent: bool,
    /// The seed for faults with a probability. A new value restarts the random generator.
    pub(crate) seed: u64,
}

#[derive(Clone, Copy, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MoveOrder {
    CanceledFirst,
    CreatedFirst,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retry_first_ms: 1_000,
            retry_window_ms: 120_000,
            webhook_timeout_ms: 10_000,
            move_order: MoveOrder::CanceledFirst,
            move_keeps_tracking: true,
            meet_link_ms: 3_000,
            requests_per_minute: 500,
            bookings_per_minute: None,
            bookings_per_hour: None,
            bookings_per_day: None,
            scopes: None,
            role: "owner".to_owned(),
            access_token_seconds: 7_200,
            token_requests_per_minute: 8,
            sms_frequency_ms: 0,
            receipts_after_ms: 1_000,
            engagelab_callback_url: None,
            twilio_inbound_url: None,
            brevo_webhook_url: None,
            brevo_key_ms: 30 * 60 * 1_000,
            ses_events_queue_url: None,
            vai_idempotent: true,
            seed: 0,
        }
    }
}
