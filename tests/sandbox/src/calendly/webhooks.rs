//! Webhook subscriptions and their deliveries: signed over the raw bytes, repeated until a 2xx, given up after a window.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    calendar::Micros,
    catalog::{MARIA, ORGANIZATION},
};
use crate::{
    faults::{Mode, Target},
    world::{Settings, World},
};

/// Every event Calendly knows, the scopes a subscription may have for it, and what the token needs.
pub(crate) const EVENTS: [(&str, &[&str], &str); 14] = {
    const ALL: &[&str] = &["organization", "user", "group"];
    [
        ("invitee.created", ALL, "scheduled_events:read"),
        ("invitee.canceled", ALL, "scheduled_events:read"),
        ("invitee_no_show.created", ALL, "scheduled_events:read"),
        ("invitee_no_show.deleted", ALL, "scheduled_events:read"),
        ("event_type.created", ALL, "event_types:read"),
        ("event_type.updated", ALL, "event_types:read"),
        ("event_type.deleted", ALL, "event_types:read"),
        ("routing_form_submission.created", &["organization"], "routing_forms:read"),
        ("meeting_recap.created", &["user"], "meeting_recaps:read"),
        ("meeting_recap.updated", &["user"], "meeting_recaps:read"),
        ("meeting_recap.deleted", &["user"], "meeting_recaps:read"),
        ("contact.created", ALL, "contacts:read"),
        ("contact.updated", ALL, "contacts:read"),
        ("contact.deleted", ALL, "contacts:read"),
    ]
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SubscriptionState {
    Active,
    Disabled,
}

/// Who is told of what.
#[derive(Clone, Serialize)]
pub(crate) struct Subscription {
    pub(crate) uri: String,
    pub(crate) callback_url: String,
    pub(crate) created_at: Micros,
    pub(crate) updated_at: Micros,
    /// Set while deliveries fail.
    pub(crate) retry_started_at: Option<Micros>,
    pub(crate) state: SubscriptionState,
    pub(crate) events: Vec<String>,
    pub(crate) scope: String,
    pub(crate) organization: &'static str,
    pub(crate) user: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) creator: String,
    /// No call ever gives it back.
    #[serde(skip)]
    pub(crate) signing_key: Option<String>,
}

impl Subscription {
    fn wants(&self, notice: &Notice) -> bool {
        self.state == SubscriptionState::Active
            && self.events.iter().any(|event| event == notice.event)
            && match self.scope.as_str() {
                "organization" => self.organization == ORGANIZATION,
                "user" => self.user.as_ref() == Some(&notice.host),
                _ => false,
            }
    }
}

/// Something to be told to subscribers.
#[derive(Clone)]
pub(crate) struct Notice {
    pub(crate) event: &'static str,
    /// Whom it is about, unless it is about an event type.
    pub(crate) invitee: Option<String>,
    pub(crate) host: String,
    pub(crate) payload: Value,
    pub(crate) at: Timestamp,
}

impl Notice {
    /// The bytes on the wire: compact JSON, the same on every attempt.
    fn body(&self) -> String {
        // The envelope's stamp was captured in whole seconds.
        let created_at = Micros(Timestamp::from_second(self.at.as_second()).unwrap_or(self.at));
        json!({"created_at": created_at, "created_by": MARIA.uri(), "event": self.event, "payload": self.payload})
            .to_string()
    }
}

/// One attempt to deliver, as the inbox shows it.
#[derive(Clone, Serialize)]
pub(crate) struct Delivery {
    pub(crate) event: &'static str,
    pub(crate) invitee: Option<String>,
    pub(crate) url: String,
    pub(crate) attempt: u32,
    /// The status answered; null when there was no answer.
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<String>,
    pub(crate) at: Timestamp,
    /// The body as it was signed, so that it can be delivered once more.
    pub(crate) body: String,
}

/// Tells the subscribers, in this order. A later notice doesn't wait for the retries of an earlier one.
pub(crate) fn tell(world: &World, notices: Vec<Notice>) {
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
                Courier { world: world.clone(), subscription: subscription.uri.clone(), generation, notice }
                    .set_out()
                    .await;
            }
        });
    }
}

/// Carries one notice to one subscription.
#[derive(Clone)]
struct Courier {
    world: World,
    subscription: String,
    generation: u64,
    notice: Notice,
}

impl Courier {
    /// The first attempt; whatever must follow goes its own way.
    async fn set_out(self) {
        let fault = self.world.state().take_fault(Target::Webhooks, "POST", self.notice.event);
        match fault.as_ref().map(|fault| fault.mode) {
            Some(Mode::Drop) => {}
            Some(Mode::Delay | Mode::Slow | Mode::Reorder) => {
                let wait = fault.as_ref().map(crate::faults::Fault::delay).unwrap_or_default();
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

    /// One attempt now; when it comes to nothing, the retries are left to a task of their own.
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
                return self.give_up();
            }
            let fault = self.world.state().take_fault(Target::Webhooks, "POST", self.notice.event);
            let lost = fault
                .filter(|fault| fault.mode == Mode::Fail)
                .map(|fault| Lost { status: fault.status, after: Duration::ZERO });
            if self.attempt(attempt, lost).await != Some(false) {
                return;
            }
        }
    }

    /// Whether it arrived; nothing when there is nobody to deliver to any more.
    async fn attempt(&self, attempt: u32, lost: Option<Lost>) -> Option<bool> {
        let (url, key, timeout) = {
            let state = self.world.state();
            let subscription = state.calendar.subscriptions.iter().find(|one| one.uri == self.subscription);
            let subscription = subscription.filter(|one| one.state == SubscriptionState::Active)?;
            if state.generation != self.generation {
                return None;
            }
            (subscription.callback_url.clone(), subscription.signing_key.clone(), state.settings.webhook_timeout_ms)
        };
        let at = Timestamp::now();
        let answer = match lost {
            Some(lost) => {
                tokio::time::sleep(lost.after).await;
                lost.status.ok_or_else(|| "lost on the way".to_owned())
            }
            None => self.post(&url, key.as_deref(), Duration::from_millis(timeout)).await,
        };
        let arrived = answer.as_ref().is_ok_and(|status| (200..300).contains(status));
        self.note(
            arrived,
            Delivery {
                event: self.notice.event,
                invitee: self.notice.invitee.clone(),
                url,
                attempt,
                status: answer.as_ref().ok().copied(),
                error: answer.err(),
                at,
                body: self.notice.body(),
            },
        );
        self.world.ended(Target::Webhooks).notify_waiters();
        Some(arrived)
    }

    async fn post(&self, url: &str, key: Option<&str>, timeout: Duration) -> Result<u16, String> {
        let body = self.notice.body();
        let mut request = self
            .world
            .http()
            .post(url)
            .timeout(timeout)
            .header("User-Agent", "Calendly")
            .header("Content-Type", "application/json")
            .header("Accept", "*/*");
        if let Some(key) = key {
            // Stamped anew on each attempt.
            request = request.header("Calendly-Webhook-Signature", signature(key, Timestamp::now(), &body));
        }
        let answer = request.body(body).send().await;
        answer
            .map(|answer| answer.status().as_u16())
            .map_err(|error| if error.is_timeout() { "time-out".to_owned() } else { error.without_url().to_string() })
    }

    fn note(&self, arrived: bool, delivery: Delivery) {
        let mut state = self.world.state();
        if let Some(subscription) = state.calendar.subscriptions.iter_mut().find(|one| one.uri == self.subscription) {
            let since = subscription.retry_started_at.unwrap_or(Micros(delivery.at));
            subscription.retry_started_at = (!arrived).then_some(since);
        }
        state.deliveries.push(delivery);
    }

    /// The window is over: nothing is sent to this subscription any more, and nobody is told.
    fn give_up(&self) {
        let mut state = self.world.state();
        if let Some(subscription) = state.calendar.subscriptions.iter_mut().find(|one| one.uri == self.subscription) {
            subscription.state = SubscriptionState::Disabled;
            subscription.updated_at = Micros(Timestamp::now());
        }
    }
}

/// An attempt that never reaches the subscriber.
struct Lost {
    /// What seems to have been answered.
    status: Option<u16>,
    after: Duration,
}

/// The pause before an attempt: it doubles, up to a minute.
fn pause(attempt: u32, settings: &Settings) -> Duration {
    let first = Duration::from_millis(settings.retry_first_ms.max(1));
    first.saturating_mul(2_u32.saturating_pow(attempt - 2)).min(Duration::from_secs(60))
}

/// The header's value: HMAC-SHA256 of `t.body` under the key as it stands, in hex.
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
