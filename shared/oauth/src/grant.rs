//! A grant: the tokens of a connection, and what is known of their refresh. Pure.

use std::fmt;

use domain::Private;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// An access token is refreshed when it lives for less than this.
const REFRESHED_BEFORE: SignedDuration = SignedDuration::from_mins(10);

/// How long others wait for a refresh that has begun. The call to Calendly and the writing of its answer take less: the
/// call has a time-out of 8 seconds.
const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// The span of Calendly's limit on token requests, which is 8 for each user.
const LIMIT_SPAN: SignedDuration = SignedDuration::from_mins(1);

/// The most refreshes in that span. The rest is for logins, and for the other connections of the same user.
const MOST_REQUESTS: usize = 5;

/// What Calendly issued: the answer to a login or a refresh.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Issued {
    /// The access token.
    pub access_token: Private<String>,
    /// The refresh token. It works once.
    pub refresh_token: Private<String>,
    /// How many seconds the access token lives.
    pub expires_in: u32,
    /// The scopes; empty if Calendly named none.
    pub scopes: Vec<String>,
    /// The URI of the user who logged in.
    pub owner: String,
}

/// The tokens of a connection.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    access_token: String,
    expires_at: Timestamp,
    refresh_token: String,
    /// The scopes.
    pub scopes: Vec<String>,
    /// The URI of the user who logged in.
    pub owner: String,
    /// Until when others wait for a refresh that has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refreshing_until: Option<Timestamp>,
    /// Calendly is not asked before this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_before: Option<Timestamp>,
    /// When Calendly was asked in the last minute.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    requests: Vec<Timestamp>,
    /// Whether Calendly no longer accepts the refresh token.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_lost: bool,
}

/// The next step to an access token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// The access token can be used.
    Use,
    /// It cannot, and a refresh is under way or must wait: look again at this instant.
    Wait(Timestamp),
    /// Refresh: store this grant, then ask Calendly.
    Refresh(Grant),
    /// A person must log in again.
    LogIn,
}

impl Grant {
    /// Returns what is stored after a login.
    pub fn new(issued: &Issued, now: Timestamp) -> Self {
        Self {
            access_token: issued.access_token.expose().clone(),
            expires_at: now + SignedDuration::from_secs(issued.expires_in.into()),
            refresh_token: issued.refresh_token.expose().clone(),
            scopes: issued.scopes.clone(),
            owner: issued.owner.clone(),
            refreshing_until: None,
            not_before: None,
            requests: vec![],
            is_lost: false,
        }
    }

    /// Returns the access token.
    pub fn access_token(&self) -> Private<String> {
        self.access_token.clone().into()
    }

    /// Returns when the access token ends.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Returns the refresh token.
    pub fn refresh_token(&self) -> Private<String> {
        self.refresh_token.clone().into()
    }

    /// Whether a person must log in again.
    pub fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Whether both have the same refresh token.
    pub fn has_same_refresh_token(&self, other: &Self) -> bool {
        self.refresh_token == other.refresh_token
    }

    /// Returns the next step. `rejected` is the [`fingerprint`] of an access token that Calendly did not accept.
    pub fn next_step(&self, now: Timestamp, rejected: Option<&str>) -> Step {
        if self.is_lost {
            return Step::LogIn;
        }
        let is_rejected = rejected.is_some_and(|it| it == fingerprint(&self.access_token));
        let works = now < self.expires_at && !is_rejected;
        if works && self.expires_at.duration_since(now) > REFRESHED_BEFORE {
            return Step::Use;
        }
        let asked: Vec<_> = self.requests.iter().copied().filter(|at| *at + LIMIT_SPAN > now).collect();
        let room_at = (asked.len() >= MOST_REQUESTS).then(|| asked[asked.len() - MOST_REQUESTS] + LIMIT_SPAN);
        match [self.refreshing_until, self.not_before, room_at].into_iter().flatten().max().filter(|it| *it > now) {
            // A token that still works for some minutes is used meanwhile.
            Some(_) if works => Step::Use,
            Some(at) => Step::Wait(at),
            None => Step::Refresh(Self {
                refreshing_until: Some(now + LEASE),
                not_before: None,
                requests: asked.into_iter().chain([now]).collect(),
                ..self.clone()
            }),
        }
    }

    /// Returns the grant after a refresh.
    #[must_use]
    pub fn refreshed(&self, issued: &Issued, now: Timestamp) -> Self {
        let scopes = if issued.scopes.is_empty() { &self.scopes } else { &issued.scopes };
        Self { requests: self.requests.clone(), scopes: scopes.clone(), ..Self::new(issued, now) }
    }

    /// Returns the grant after Calendly refused its refresh token.
    #[must_use]
    pub fn lost(&self) -> Self {
        Self { is_lost: true, refreshing_until: None, ..self.clone() }
    }

    /// Returns the grant after a refresh that gave nothing. Calendly is not asked before an instant.
    #[must_use]
    pub fn put_off(&self, until: Timestamp) -> Self {
        Self { refreshing_until: None, not_before: Some(until), ..self.clone() }
    }
}

/// Returns what a function names an access token by, to say that Calendly rejected it.
pub fn fingerprint(access_token: &str) -> String {
    hex::encode(&Sha256::digest(access_token)[..16])
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { expires_at, refreshing_until, not_before, is_lost, .. } = self;
        f.debug_struct("Grant")
            .field("expires_at", expires_at)
            .field("refreshing_until", refreshing_until)
            .field("not_before", not_before)
            .field("is_lost", is_lost)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_694_400 + seconds).expect("an instant")
    }

    fn issued(number: u32) -> Issued {
        Issued {
            access_token: format!("access-{number}").into(),
            refresh_token: format!("refresh-{number}").into(),
            expires_in: 7200,
            scopes: vec!["users:read".to_owned()],
            owner: "https://api.calendly.com/users/U1".to_owned(),
        }
    }

    fn intent(grant: &Grant, now: Timestamp, rejected: Option<&str>) -> Grant {
        match grant.next_step(now, rejected) {
            Step::Refresh(intent) => intent,
            step => panic!("not a refresh: {step:?}"),
        }
    }

    #[test]
    fn a_token_is_used_until_ten_minutes_before_its_end_and_then_refreshed_by_one() {
        let grant = Grant::new(&issued(1), at(0));
        assert_eq!(grant.next_step(at(6_599), None), Step::Use);
        let refreshing = intent(&grant, at(6_600), None);
        // The others use it meanwhile, while it works.
        assert_eq!(refreshing.next_step(at(6_610), None), Step::Use);
        let refreshing = intent(&grant, at(7_200), None);
        assert_eq!(refreshing.next_step(at(7_201), None), Step::Wait(at(7_230)));
        let refreshed = refreshing.refreshed(&issued(2), at(7_202));
        assert_eq!(refreshed.next_step(at(7_203), None), Step::Use);
        assert_eq!(refreshed.access_token().expose(), "access-2");
        // The one that had begun was killed.
        assert!(matches!(refreshing.next_step(at(7_230), None), Step::Refresh(_)));
    }

    #[test]
    fn a_rejected_token_is_refreshed_once() {
        let grant = Grant::new(&issued(1), at(0));
        let rejected = fingerprint("access-1");
        let refreshed = intent(&grant, at(60), Some(&rejected)).refreshed(&issued(2), at(61));
        assert_eq!(refreshed.next_step(at(62), Some(&rejected)), Step::Use, "another function has refreshed it");
    }

    #[test]
    fn calendly_is_asked_five_times_a_minute_at_most() {
        let mut grant = Grant::new(&issued(1), at(0));
        for number in 0..5 {
            grant = intent(&grant, at(8_000 + number), None).put_off(at(8_000 + number));
        }
        assert_eq!(grant.next_step(at(8_010), None), Step::Wait(at(8_060)));
        grant = intent(&grant, at(8_060), None).put_off(at(8_060));
        assert_eq!(grant.next_step(at(8_060), None), Step::Wait(at(8_061)));
        assert_eq!(grant.put_off(at(8_500)).next_step(at(8_100), None), Step::Wait(at(8_500)));
    }

    #[test]
    fn a_lost_grant_needs_a_login() {
        let grant = Grant::new(&issued(1), at(0)).lost();
        assert_eq!(grant.next_step(at(1), None), Step::LogIn);
    }

    #[test]
    fn its_form_is_fixed_and_its_tokens_are_not_printed() {
        let grant = intent(&Grant::new(&issued(1), at(0)), at(7_000), None);
        let text = serde_json::to_string(&grant).expect("JSON");
        assert_eq!(
            text,
            r#"{"access_token":"access-1","expires_at":"2026-11-26T14:00:00Z","refresh_token":"refresh-1","scopes":["users:read"],"owner":"https://api.calendly.com/users/U1","refreshing_until":"2026-11-26T13:57:10Z","requests":["2026-11-26T13:56:40Z"]}"#
        );
        assert_eq!(serde_json::from_str::<Grant>(&text).expect("a grant"), grant);
        let shown = format!("{grant:?} {:?}", issued(1));
        assert!(!shown.contains("access-1") && !shown.contains("refresh-1"), "{shown}");
    }
}
