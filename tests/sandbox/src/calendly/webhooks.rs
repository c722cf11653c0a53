//! Delivers webhooks to the subscribers: signed over the raw bytes, repeated until a 2xx, given up after
//! `retry_window_ms`.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use super::{
    micros::Micros,
    subscription::{Delivery, Notice, SubscriptionState},
};
use crate::{
    faults::{Fault, Mode, Target},
    settings::Settings,
    world::World,
};

/// Delivers notices to the subscribers, in order. A later notice doesn't wait for the retries of an earlier one.
pub(crate) fn notify(world: &World, notices: Vec<Notice>) {
    let (subscriptions, generation) = {
        let state = world.state();
        (state.calendar.subscriptions.clone(), state.generation)
    };
    for subscription in subscriptions {
        let wanted: Vec<Notice> = notices.iter().filter(|notice| subscription.wants(notice)).cloned().collect();
        if wanted.is_empty() {
            continue;
        }
        let world = world.clone();
        tokio::spawn(async move {
            for notice in wanted {
                Sender { world: world.clone(), subscription: subscription.uri.clone(), generation, notice }
                    .start()
                    .await;
            }
        });
    }
}

/// The delivery of one notice to one subscription.
#[derive(Clone)]
struct Sender {
    world: World,
    subscription: String,
    generation: u64,
    notice: Notice,
}

impl Sender {
    /// Starts the delivery, as the active fault says. Returns after the first attempt, or at once if a fault delays it.
    async fn start(self) {
        let fault = self.world.state().next_fault(Target::Webhooks, "POST", self.notice.event);
        match fault.as_ref().map(|fault| fault.mode) {
            Some(Mode::Drop) => {}
            Some(Mode::Delay | Mode::Slow | Mode::Reorder) => {
                let wait = fault.as_ref().map(Fault::delay).unwrap_or_default();
                let is_reorder = fault.is_some_and(|fault| fault.mode == Mode::Reorder);
                tokio::spawn(async move {
                    if is_reorder {
                        let _ = tokio::time::timeout(wait, self.world.ended(Target::Webhooks).notified()).await;
                    } else {
                        tokio::time::sleep(wait).await;
                    }
                    self.deliver(None).await;
                });
            }
            Some(Mode::Duplicate) => {
                self.clone().deliver(None).await;
                self.deliver(None).await;
            }
            Some(Mode::Fail) => {
                let status = fault.and_then(|fault| fault.status);
                self.deliver(Some(Lost { status, after: Duration::ZERO })).await;
            }
            Some(Mode::Hang) => {
                let after = Duration::from_millis(self.world.state().settings.webhook_timeout_ms);
                self.deliver(Some(Lost { status: None, after })).await;
            }
            None => self.deliver(None).await,
        }
    }

    /// Makes the first attempt. If it fails, a background task retries.
    async fn deliver(self, lost: Option<Lost>) {
        let began = Timestamp::now();
        if self.attempt(1, lost).await == Some(false) {
            tokio::spawn(self.retry(began));
        }
    }

    async fn retry(self, began: Timestamp) {
        for attempt in 2.. {
            let settings = self.world.state().settings.clone();
            let window = Duration::from_millis(settings.retry_window_ms);
            tokio::time::sleep(pause(attempt, &settings).min(window)).await;
            if Timestamp::now().duration_since(began).unsigned_abs() >= window {
                return self.disable();
            }
            let fault = self.world.state().next_fault(Target::Webhooks, "POST", self.notice.event);
            let lost = fault
                .filter(|fault| fault.mode == Mode::Fail)
                .map(|fault| Lost { status: fault.status, after: Duration::ZERO });
            if self.attempt(attempt, lost).await != Some(false) {
                return;
            }
        }
    }

    /// Makes one attempt. Returns whether it was answered with 2xx; nothing when the subscription is gone or disabled.
    async fn attempt(&self, attempt: u32, lost: Option<Lost>) -> Option<bool> {
        let (url, key, body, timeout) = {
            let state = self.world.state();
            let subscription = state.calendar.subscriptions.iter().find(|one| one.uri == self.subscription);
            let subscription = subscription.filter(|one| one.state == SubscriptionState::Active)?;
            if state.generation != self.generation {
                return None;
            }
            let body = self.notice.body(&subscription.creator);
            let (url, key) = (subscription.callback_url.clone(), subscription.signing_key.clone());
            (url, key, body, state.settings.webhook_timeout_ms)
        };
        let at = Timestamp::now();
        let answer = match lost {
            Some(lost) => {
                tokio::time::sleep(lost.after).await;
                lost.status.ok_or_else(|| "lost on the way".to_owned())
            }
            None => self.post(&url, key.as_deref(), body.clone(), Duration::from_millis(timeout)).await,
        };
        let arrived = answer.as_ref().is_ok_and(|status| (200..300).contains(status));
        self.record(
            arrived,
            Delivery {
                event: self.notice.event,
                invitee: self.notice.invitee.clone(),
                url,
                attempt,
                status: answer.as_ref().ok().copied(),
                error: answer.err(),
                at,
                body,
            },
        );
        self.world.ended(Target::Webhooks).notify_waiters();
        Some(arrived)
    }

    async fn post(&self, url: &str, key: Option<&str>, body: String, timeout: Duration) -> Result<u16, String> {
        let mut request = self
            .world
            .http()
            .post(url)
            .timeout(timeout)
            .header("User-Agent", "Calendly")
            .header("Content-Type", "application/json")
            .header("Accept", "*/*");
        if let Some(key) = key {
            // Each attempt is signed with its own time.
            request = request.header("Calendly-Webhook-Signature", signature(key, Timestamp::now(), &body));
        }
        let answer = request.body(body).send().await;
        answer
            .map(|answer| answer.status().as_u16())
            .map_err(|error| if error.is_timeout() { "time-out".to_owned() } else { error.without_url().to_string() })
    }

    fn record(&self, arrived: bool, delivery: Delivery) {
        let mut state = self.world.state();
        if let Some(subscription) = state.calendar.subscriptions.iter_mut().find(|one| one.uri == self.subscription) {
            let since = subscription.retry_started_at.unwrap_or(Micros(delivery.at));
            subscription.retry_started_at = (!arrived).then_some(since);
        }
        state.deliveries.push(delivery);
    }

    /// Disables the subscription without a notification.
    fn disable(&self) {
        let mut state = self.world.state();
        if let Some(subscription) = state.calendar.subscriptions.iter_mut().find(|one| one.uri == self.subscription) {
            subscription.state = SubscriptionState::Disabled;
            subscription.updated_at = Micros(Timestamp::now());
        }
    }
}

/// An attempt that a fault keeps from arriving.
struct Lost {
    /// The status that Calendly seems to get.
    status: Option<u16>,
    after: Duration,
}

/// Returns the pause before an attempt: it doubles, up to a minute.
fn pause(attempt: u32, settings: &Settings) -> Duration {
    let first = Duration::from_millis(settings.retry_first_ms.max(1));
    first.saturating_mul(2_u32.saturating_pow(attempt - 2)).min(Duration::from_secs(60))
}

/// Returns the signature header: HMAC-SHA256 of `t.body` with the key's own bytes, in hex.
fn signature(key: &str, at: Timestamp, body: &str) -> String {
    let stamp = at.as_second();
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("{stamp}.{body}").as_bytes());
    format!("t={stamp},v1={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_calendly_documents() {
        let at = Timestamp::from_second(1_492_774_577).expect("a moment");
        let header = signature("5mEzn9C-I28UtwOjZJtFoob0sAAFZ95GbZkqj4y3i0I", at, r#"{"event":"invitee.created"}"#);
        assert_eq!(header, "t=1492774577,v1=49339305cdadaade56f50769e2760ae445111e293a6569c8e3f5b0148f4c0e13");
    }
}
