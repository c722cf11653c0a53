//! Whose token it is, remembered: nearly every question is asked for the owner's organization.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::{ConnectionName, Private};
use tokio::time::Instant;

use crate::user::User;

/// A person seldom changes organizations.
const FRESH: Duration = Duration::from_secs(600);

/// Each connection's token and its owner.
#[derive(Debug, Default)]
pub(crate) struct Owners(Mutex<BTreeMap<ConnectionName, Known>>);

/// The hosts' time zones, remembered as long as owners are.
#[derive(Debug, Default)]
pub(crate) struct Zones(Mutex<BTreeMap<Host, Zone>>);

/// Whose Calendly, and the host's URI there.
type Host = (ConnectionName, String);

/// A host's zone, and when it was asked for.
type Zone = (Option<String>, Instant);

/// Past this many the hosts are forgotten.
const MOST_HOSTS: usize = 1_000;

impl Zones {
    /// A host's zone, if it was asked for not long ago; `Some(None)` when Calendly named none.
    pub(crate) fn get(&self, connection: &ConnectionName, host: &str) -> Option<Option<String>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (zone, _) = known.get(&(connection.clone(), host.to_owned())).filter(|(_, at)| at.elapsed() < FRESH)?;
        Some(zone.clone())
    }

    pub(crate) fn put(&self, connection: &ConnectionName, host: &str, zone: Option<String>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_HOSTS {
            known.clear();
        }
        known.insert((connection.clone(), host.to_owned()), (zone, Instant::now()));
    }
}

#[derive(Debug)]
struct Known {
    token: Private<String>,
    owner: User,
    at: Instant,
}

impl Owners {
    /// The owner, if this very token was seen not long ago.
    pub(crate) fn get(&self, connection: &ConnectionName, token: &Private<String>) -> Option<User> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.get(connection).filter(|it| it.token == *token && it.at.elapsed() < FRESH);
        found.map(|it| it.owner.clone())
    }

    pub(crate) fn put(&self, connection: &ConnectionName, token: &Private<String>, owner: &User) {
        let known = Known { token: token.clone(), owner: owner.clone(), at: Instant::now() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(connection.clone(), known);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_owner_is_remembered_ten_minutes_and_for_one_token() {
        let (owners, connection) = (Owners::default(), ConnectionName::default());
        let owner: User = serde_json::from_value(json!({"uri": "U1", "current_organization": "O1"})).expect("a user");
        owners.put(&connection, &"one".into(), &owner);
        assert_eq!(owners.get(&connection, &"one".into()), Some(owner));
        assert_eq!(owners.get(&connection, &"two".into()), None);
        assert_eq!(owners.get(&ConnectionName::parse("acme").expect("a name"), &"one".into()), None);
        tokio::time::advance(FRESH).await;
        assert_eq!(owners.get(&connection, &"one".into()), None);
    }
}
