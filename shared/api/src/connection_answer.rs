//! Answers about connections.
//!
//! The comments on these types and fields are published in the `OpenAPI` document.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// A connection, without its secrets.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionView {
    /// Its name.
    pub id: String,
    /// `awaiting_login`: no Calendly account is connected yet. `active`: in use. `disabled`: what happens at Calendly
    /// is recorded, and nothing is sent or booked. `needs_reconnect`: Calendly no longer accepts its login or token.
    pub status: String,
    /// How it may use its account: `personal_token` or `oauth`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// The URI of its organization at Calendly. It does not change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// The URI of the user who made the token or logged in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The URI of the webhook subscription.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription: Option<String>,
    /// The URL that Calendly calls.
    pub webhook_url: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// What a person should know: scopes that are missing, or that only the owner's own bookings are seen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// The connections of the stack.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionsView {
    /// By name.
    pub connections: Vec<ConnectionView>,
}

/// A link to log in to Calendly.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoginLinkView {
    /// The link. Whoever opens it and logs in connects their account: give it to the customer only.
    pub url: String,
    /// It works once, until then.
    pub expires_at: Timestamp,
}
