//! Posts the receipts of the messaging providers to the program.
//!
//! No provider promises an order, or to send a receipt only once. An attempt that gets no answer is repeated once.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    faults::{Fault, Mode, Target},
    receipts::{Attempt, Content, Receipt},
    world::World,
};

/// How many times a receipt is posted, until it gets an answer.
const ATTEMPTS: u32 = 2;

/// Posts a receipt, as the active fault says. Returns after the first attempt, or at once if a fault delays the
/// receipt, so that later receipts can overtake it.
pub(crate) async fn deliver(world: &World, receipt: Receipt) {
    let (fault, sender) = {
        let mut state = world.state();
        let fault = state.next_fault(Target::Receipts, "POST", &receipt.event);
        (fault, Sender { world: world.clone(), generation: state.generation, receipt })
    };
    let Some(fault) = fault else { return sender.deliver(None).await };
    match fault.mode {
        Mode::Drop => {}
        Mode::Duplicate => {
            sender.clone().deliver(None).await;
            sender.deliver(None).await;
        }
        Mode::Fail => sender.deliver(Some(Lost { status: fault.status, after: Duration::ZERO })).await,
        Mode::Hang => {
            let after = Duration::from_millis(world.state().settings.webhook_timeout_ms);
            sender.deliver(Some(Lost { status: None, after })).await;
        }
        Mode::Delay | Mode::Slow | Mode::Reorder => _ = tokio::spawn(sender.deliver_late(fault)),
    }
}

/// An attempt that a fault keeps from arriving.
struct Lost {
    /// The status that the provider seems to get.
    status: Option<u16>,
    after: Duration,
}

#[derive(Clone)]
struct Sender {
    world: World,
    generation: u64,
    receipt: Receipt,
}

impl Sender {
    async fn deliver_late(self, fault: Fault) {
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

    /// Makes one attempt. Returns true when no other is needed: it got an answer with any status, or the sandbox was
    /// reset.
    async fn attempt(&self, attempt: u32, lost: Option<Lost>) -> bool {
        let (is_current, timeout) = {
            let state = self.world.state();
            (state.generation == self.generation, Duration::from_millis(state.settings.webhook_timeout_ms))
        };
        if !is_current {
            return true;
        }
        let content = (self.receipt.content)();
        let at = Timestamp::now();
        let answer = match lost {
            Some(lost) => {
                tokio::time::sleep(lost.after).await;
                lost.status.ok_or_else(|| "lost on the way".to_owned())
            }
            None => self.post(&content, timeout).await,
        };
        let status = answer.as_ref().ok().copied();
        let Receipt { event, message_id, url, .. } = self.receipt.clone();
        let Content { headers, body } = content;
        let attempt = Attempt { event, message_id, url, attempt, status, error: answer.err(), at, headers, body };
        self.world.state().receipts.push(attempt);
        self.world.ended(Target::Receipts).notify_waiters();
        status.is_some()
    }

    async fn post(&self, content: &Content, timeout: Duration) -> Result<u16, String> {
        let mut request = self.world.http().post(&self.receipt.url).timeout(timeout).body(content.body.clone());
        for (name, value) in &content.headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await;
        answer
            .map(|answer| answer.status().as_u16())
            .map_err(|error| if error.is_timeout() { "time-out".to_owned() } else { error.without_url().to_string() })
    }
}
