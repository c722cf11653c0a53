//! The state of the world, its settings, and the handle that every handler gets.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Notify;

use crate::{
    calendly::{calendar::Calendar, catalog::Catalog, webhooks::Delivery},
    faults::{Fault, Refused, TARGETS, Target},
    mail::Email,
    phones::{Handsets, Reply, Sms},
    random::Dice,
    receipts::Told,
    vai::Call,
};

/// The handle. Cloning it gives the same world.
#[derive(Clone)]
pub(crate) struct World(Arc<Shared>);

struct Shared {
    http: reqwest::Client,
    state: Mutex<State>,
    /// Per target: rings when a request or delivery of its has ended. A reordered one waits for that.
    ended: [Notify; TARGETS],
}

impl World {
    pub(crate) fn new() -> reqwest::Result<Self> {
        // Everything it calls is on this machine or was named by the tester: no proxy, no redirects (Calendly follows none).
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self(Arc::new(Shared { http, state: Mutex::default(), ended: Default::default() })))
    }

    /// The state, locked. Never held across an await.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    pub(crate) fn ended(&self, target: Target) -> &Notify {
        &self.0.ended[target as usize]
    }
}

/// Everything the world remembers.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) faults: Vec<Fault>,
    /// Decides about faults that happen with a probability.
    pub(crate) dice: Dice,
    pub(crate) catalog: Catalog,
    pub(crate) calendar: Calendar,
    pub(crate) rate: Rate,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) refused: Vec<Refused>,
    pub(crate) sms: Vec<Sms>,
    pub(crate) replies: Vec<Reply>,
    pub(crate) handsets: Handsets,
    /// Who opted out of being texted, and by which sender of Twilio's.
    pub(crate) opted_out: HashSet<(String, String)>,
    /// What the program was told of messages, attempt by attempt.
    pub(crate) receipts: Vec<Told>,
    pub(crate) emails: Vec<Email>,
    pub(crate) ses_events: Vec<Value>,
    /// Brevo's idempotency keys, and when they were seen.
    pub(crate) brevo_keys: HashMap<String, Timestamp>,
    pub(crate) vai: Vec<Call>,
    /// VAI's answers by path and idempotency key.
    pub(crate) vai_answers: HashMap<(String, String), Value>,
    /// Counts resets: a delivery of an earlier world stops.
    pub(crate) generation: u64,
}

impl State {
    /// Back to the beginning. Whoever is connected may stay so.
    pub(crate) fn reset(&mut self, keep_subscriptions: bool) {
        let subscriptions = std::mem::take(&mut self.calendar.subscriptions);
        *self = Self { generation: self.generation + 1, ..Self::default() };
        if keep_subscriptions {
            self.calendar.subscriptions = subscriptions;
        }
    }
}

/// How the world behaves when nothing is broken.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Calendly's pause before the second attempt of a delivery; it doubles from then on.
    pub(crate) retry_first_ms: u64,
    /// How long Calendly tries (24 hours in reality) before it disables the subscription.
    pub(crate) retry_window_ms: u64,
    /// How long Calendly waits for an answer to a delivery.
    pub(crate) webhook_timeout_ms: u64,
    /// Which half of a move is delivered first.
    pub(crate) move_order: MoveOrder,
    /// Whether the tracking of a booking is carried to the new invitee of a move. Calendly does not promise it.
    pub(crate) move_keeps_tracking: bool,
    /// How long a Google Meet link stays in status `processing`.
    pub(crate) meet_link_ms: u64,
    /// Calendly's requests per minute.
    pub(crate) requests_per_minute: u32,
    /// `POST /invitees` per minute; null: bounded by the general limit only.
    pub(crate) bookings_per_minute: Option<u32>,
    /// `POST /invitees` per hour; null: as many as the minute allows.
    pub(crate) bookings_per_hour: Option<u32>,
    /// `POST /invitees` per day; null: as many as the hour allows.
    pub(crate) bookings_per_day: Option<u32>,
    /// What the token may do; null: everything.
    pub(crate) scopes: Option<Vec<String>>,
    /// The token owner's role in the organization: owner, admin or user.
    pub(crate) role: String,
    /// The SMS provider refuses the same template to the same number within this time; 0: never.
    pub(crate) sms_frequency_ms: u64,
    /// How long after it was accepted a message counts as sent, and how long after that as delivered or not.
    pub(crate) receipts_after_ms: u64,
    /// Where `EngageLab` tells of deliveries and replies. Setting it posts a probe there.
    pub(crate) engagelab_callback_url: Option<String>,
    /// Where Twilio tells of replies. It tells of deliveries wherever a message asked it to.
    pub(crate) twilio_inbound_url: Option<String>,
    /// Where Brevo tells what became of its e-mails.
    pub(crate) brevo_webhook_url: Option<String>,
    /// How long Brevo remembers an idempotency key.
    pub(crate) brevo_key_ms: u64,
    /// The SQS queue that SES's events arrive in.
    pub(crate) ses_events_queue_url: Option<String>,
    /// Whether VAI answers a repeated idempotency key without acting again. It documents nothing either way.
    pub(crate) vai_idempotent: bool,
    /// Where the dice of faults with a probability begin; setting it begins anew.
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

/// Calendly's counters: of requests by the minute, of bookings by minute, hour and day.
#[derive(Default)]
pub(crate) struct Rate {
    requests: Counter,
    bookings: [Counter; 3],
}

/// What happened since a window began.
struct Counter {
    began: Instant,
    count: u32,
}

impl Default for Counter {
    fn default() -> Self {
        Self { began: Instant::now(), count: 0 }
    }
}

/// What Calendly's rate-limit headers say.
pub(crate) struct Allowance {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    pub(crate) reset_seconds: u64,
    pub(crate) exceeded: bool,
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

impl Rate {
    /// Counts one request. The answer is about the limit that is nearest, and of those that are reached the longest.
    pub(crate) fn count(&mut self, is_booking: bool, settings: &Settings) -> Allowance {
        let mut told = self.requests.count(settings.requests_per_minute, MINUTE);
        if is_booking {
            let limits = [settings.bookings_per_minute, settings.bookings_per_hour, settings.bookings_per_day];
            for ((counter, limit), window) in self.bookings.iter_mut().zip(limits).zip([MINUTE, HOUR, DAY]) {
                let Some(limit) = limit else { continue };
                let next = counter.count(limit, window);
                if next.exceeded || next.remaining <= told.remaining && !told.exceeded {
                    told = next;
                }
            }
        }
        told
    }
}

impl Counter {
    fn count(&mut self, limit: u32, window: Duration) -> Allowance {
        if self.began.elapsed() >= window {
            *self = Self::default();
        }
        self.count = self.count.saturating_add(1);
        Allowance {
            limit,
            remaining: limit.saturating_sub(self.count),
            reset_seconds: window.saturating_sub(self.began.elapsed()).as_secs() + 1,
            exceeded: self.count > limit,
        }
    }
}
