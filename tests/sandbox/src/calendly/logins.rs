//! The codes and tokens of logins.

use std::collections::HashMap;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::hosts::Host;
use crate::random;

/// What a person allowed.
#[derive(Clone)]
pub(crate) struct Granted {
    pub(crate) host: &'static Host,
    pub(crate) scopes: Vec<String>,
}

/// The code of a login.
pub(crate) struct Code {
    pub(crate) granted: Granted,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: Option<String>,
    pub(crate) ends: Timestamp,
}

/// The codes and tokens.
#[derive(Default)]
pub(crate) struct Logins {
    pub(crate) codes: HashMap<String, Code>,
    /// Access tokens with their ends.
    pub(crate) access: HashMap<String, (Granted, Timestamp)>,
    pub(crate) refresh: HashMap<String, Granted>,
    /// The token requests of the last minute, by user.
    requests: HashMap<&'static str, Vec<Timestamp>>,
    /// How many tokens were issued and how many requests were refused, for tests.
    pub(crate) issued: u32,
    pub(crate) refused: u32,
}

impl Logins {
    /// Finds an access token that works.
    pub(crate) fn find(&self, access_token: &str, now: Timestamp) -> Option<&Granted> {
        self.access.get(access_token).filter(|(_, ends)| *ends > now).map(|(granted, _)| granted)
    }

    /// Ends all tokens, as when the person removes the app from their account.
    pub(crate) fn revoke_all(&mut self) {
        self.access.clear();
        self.refresh.clear();
    }

    /// Counts a request of a user. Returns the seconds until the limit resets, if it is exceeded.
    pub(crate) fn count(&mut self, user: &'static str, limit: u32, now: Timestamp) -> Option<i64> {
        let requests = self.requests.entry(user).or_default();
        requests.retain(|at| *at + SignedDuration::from_mins(1) > now);
        if requests.len() >= usize::try_from(limit).unwrap_or(usize::MAX) {
            return Some(60 - now.duration_since(requests[0]).as_secs());
        }
        requests.push(now);
        None
    }

    pub(crate) fn issue(&mut self, granted: &Granted, seconds: u32, now: Timestamp) -> Response {
        let (access, refresh) = (random::base32(32), random::base32(32));
        self.issued += 1;
        let ends = now + SignedDuration::from_secs(seconds.into());
        self.access.insert(access.clone(), (granted.clone(), ends));
        self.refresh.insert(refresh.clone(), granted.clone());
        Json(json!({
            "token_type": "Bearer", "access_token": access, "refresh_token": refresh, "expires_in": seconds,
            "created_at": now.as_second(), "scope": granted.scopes.join(" "), "owner": granted.host.uri(),
            "organization": granted.host.organization,
        }))
        .into_response()
    }
}
