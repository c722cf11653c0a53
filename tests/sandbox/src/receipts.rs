//! What providers tell of a message after they took it, posted to the program: how far it has come, what the person replied.
//!
//! No provider promises an order, or that it tells once only. An attempt without an answer is repeated once.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    faults::{Fault, Mode, Target},
    world::World,
};

/// Something to be posted.
#[derive(Clone)]
pub(crate) struct Receipt {
    /// Provider and event, as in `twilio.delivered`; the `path_prefix` of a fault is compared with it.
    pub(crate) event: String,
    /// The provider's id of the message.
    pub(crate) message_id: String,
    pub(crate) url: String,
    /// Makes headers and body, anew for each attempt: some signatures carry the time.
    pub(crate) letter: Arc<dyn Fn() -> Letter + Send + Sync>,
}

/// Headers and body on the wire.
#[derive(Clone)]
pub(crate) struct Letter {
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

/// One attempt to tell, as the inbox shows it.
#[derive(Clone, Serialize)]
pub(crate) struct Told {
    event: String,
    message_id: String,
    url: String,
    attempt: u32,
    /// The status answered; null when there was no answer.
    status: Option<u16>,
    error: Option<String>,
    at: Timestamp,
    /// Headers and body as they were sent, so that they can be sent once more.
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// How often it is tried.
const ATTEMPTS: u32 = 2;

/// Sends a receipt on its way, unless the world was told to lose it. Returns when the first attempt is over; what a fault
/// holds back doesn't hold up those that come after.
pub(crate) async fn tell(world: &World, receipt: Receipt) {
    let (fault, courier) = {
        let mut state = world.state();
        let fault = state.take_fault(Target::Receipts, "POST", &receipt.event);
        (fault, Courier { world: world.clone(), generation: state.generation, receipt })
    };
    let Some(fault) = fault else { return courier.deliver(None).await };
    match fault.mode {
        Mode::Drop => {}
        Mode::Duplicate => {
            courier.clone().deliver(None).await;
            courier.deliver(None).await;
        }
        Mode::Fail => courier.deliver(Some(Lost { status: fault.status, after: Duration::ZERO })).await,
        Mode::Hang => {
            let after = Duration::from_millis(world.state().settings.webhook_timeout_ms);
            courier.deliver(Some(Lost { status: None, after })).await;
        }
        Mode::Delay | Mode::Slow | Mode::Reorder => _ = tokio::spawn(courier.later(fault)),
    }
}

/// An attempt that never arrives.
struct Lost {
    /// What seems to have been answered.
    status: Option<u16>,
    after: Duration,
}

#[derive(Clone)]
struct Courier {
    world: World,
    generation: u64,
    receipt: Receipt,
}

impl Courier {
    async fn later(self, fault: Fault) {
        if fault.mode == Mode::Reorder {
            let _ = tokio::time::timeout(fault.delay(), self.world.ended(Target::Receipts).notified()).await;
        } else {
            tokio::time::sleep(fault.delay()).await;
        }
        self.deliver(None).await;
    }

    async fn deliver(self, lost: Option<Lost>) {
        if !self.attempt(1, lost).await {
            tokio::spawn(async move {
                for attempt in 2..=ATTEMPTS {
                    let pause = self.world.state().settings.retry_first_ms;
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                    if self.attempt(attempt, None).await {
                        return;
                    }
                }
            });
        }
    }

    /// Whether nothing is left to do: it was answered, with whatever status, or the world has begun anew.
    async fn attempt(&self, attempt: u32, lost: Option<Lost>) -> bool {
        let (of_today, timeout) = {
            let state = self.world.state();
            (state.generation == self.generation, Duration::from_millis(state.settings.webhook_timeout_ms))
        };
        if !of_today {
            return true;
        }
        let letter = (self.receipt.letter)();
        let at = Timestamp::now();
        let answer = match lost {
            Some(lost) => {
                tokio::time::sleep(lost.after).await;
                lost.status.ok_or_else(|| "lost on the way".to_owned())
            }
            None => self.post(&letter, timeout).await,
        };
        let status = answer.as_ref().ok().copied();
        let Receipt { event, message_id, url, .. } = self.receipt.clone();
        let Letter { headers, body } = letter;
        let told = Told { event, message_id, url, attempt, status, error: answer.err(), at, headers, body };
        self.world.state().receipts.push(told);
        self.world.ended(Target::Receipts).notify_waiters();
        status.is_some()
    }

    async fn post(&self, letter: &Letter, timeout: Duration) -> Result<u16, String> {
        let mut request = self.world.http().post(&self.receipt.url).timeout(timeout).body(letter.body.clone());
        for (name, value) in &letter.headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await;
        answer
            .map(|answer| answer.status().as_u16())
            .map_err(|error| if error.is_timeout() { "time-out".to_owned() } else { error.without_url().to_string() })
    }
}
