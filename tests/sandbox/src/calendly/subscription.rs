//! Webhook subscriptions, their webhooks, and the attempts to deliver them.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{hosts::find_host, micros::Micros};

/// All events of Calendly: the scopes that a subscription to it may have, and the scope that the token needs.
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

/// A webhook subscription.
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
    /// No answer contains it.
    #[serde(skip)]
    pub(crate) signing_key: Option<String>,
}

impl Subscription {
    pub(crate) fn wants(&self, notice: &Notice) -> bool {
        self.state == SubscriptionState::Active
            && self.events.iter().any(|event| event == notice.event)
            && match self.scope.as_str() {
                "organization" => find_host(&notice.host).is_some_and(|host| host.organization == self.organization),
                "user" => self.user.as_ref() == Some(&notice.host),
                _ => false,
            }
    }
}

/// A webhook for the subscribers.
#[derive(Clone)]
pub(crate) struct Notice {
    pub(crate) event: &'static str,
    /// The invitee, unless it is about an event type.
    pub(crate) invitee: Option<String>,
    pub(crate) host: String,
    pub(crate) payload: Value,
    pub(crate) at: Timestamp,
}

impl Notice {
    /// Returns the body: compact JSON, the same on every attempt. `creator` created the subscription.
    pub(crate) fn body(&self, creator: &str) -> String {
        // Captured from Calendly: the envelope's time has whole seconds.
        let created_at = Micros(Timestamp::from_second(self.at.as_second()).unwrap_or(self.at));
        json!({"created_at": created_at, "created_by": creator, "event": self.event, "payload": self.payload})
            .to_string()
    }
}

/// One attempt to deliver a webhook, as the inbox shows it.
#[derive(Clone, Serialize)]
pub(crate) struct Delivery {
    pub(crate) event: &'static str,
    pub(crate) invitee: Option<String>,
    pub(crate) url: String,
    pub(crate) attempt: u32,
    /// The status of the answer; null without an answer.
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<String>,
    pub(crate) at: Timestamp,
    /// The body as it was signed, so that it can be delivered again.
    pub(crate) body: String,
}
