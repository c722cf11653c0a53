//! Caches of the owner of each token, whose organization nearly every call needs, and of the hosts' time zones.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::{ConnectionName, Private};
use tokio::time::Instant;

use crate::user::User;

/// How long an entry is valid. A person seldom changes organizations.
const MAX_AGE: Duration = Duration::from_secs(600);

/// Each connection's token and its owner.
#[derive(Debug, Default)]
pub(crate) struct Owners(Mutex<BTreeMap<ConnectionName, CachedOwner>>);

/// The hosts' time zones.
#[derive(Debug, Default)]
pub(crate) struct Zones(Mutex<BTreeMap<Host, Zone>>);

/// The connection and the host's URI.
type Host = (ConnectionName, String);

/// A host's zone, and when it was read.
type Zone = (Option<String>, Instant);

/// The most hosts in the cache. A full cache is cleared.
const MAX_HOSTS: usize = 1_000;

impl Zones {
    /// Returns a host's zone, if it is cached; `Some(None)` when Calendly named none.
    pub(crate) fn get(&self, connection: &ConnectionName, host: &str) -> Option<Option<String>> {
        let cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (zone, _) = cached.get(&(connection.clone(), host.to_owned())).filter(|(_, at)| at.elapsed() < MAX_AGE)?;
        Some(zone.clone())
    }

    pub(crate) fn put(&self, connection: &ConnectionName, host: &str, zone: Option<String>) {
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.len() >= MAX_HOSTS {
            cached.clear();
        }
        cached.insert((connection.clone(), host.to_owned()), (zone, Instant::now()));
    }
}

#[derive(Debug)]
struct CachedOwner {
    token: Private<String>,
    owner: User,
    at: Instant,
}

impl Owners {
    /// Returns the owner of this token, if it is cached.
    pub(crate) fn get(&self, connection: &ConnectionName, token: &Private<String>) -> Option<User> {
        let cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = cached.get(connection).filter(|it| it.token == *token && it.at.elapsed() < MAX_AGE);
        found.map(|it| it.owner.clone())
    }

    pub(crate) fn put(&self, connection: &ConnectionName, token: &Private<String>, owner: &User) {
        let cached = CachedOwner { token: token.clone(), owner: owner.clone(), at: Instant::now() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(connection.clone(), cached);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_owner_is_cached_for_ten_minutes_and_one_token() {
        let (owners, connection) = (Owners::default(), ConnectionName::default());
        let owner: User = serde_json::from_value(json!({"uri": "U1", "current_organization": "O1"})).expect("a user");
        owners.put(&connection, &"one".into(), &owner);
        assert_eq!(owners.get(&connection, &"one".into()), Some(owner));
        assert_eq!(owners.get(&connection, &"two".into()), None);
        assert_eq!(owners.get(&ConnectionName::parse("acme").expect("a name"), &"one".into()), None);
        tokio::time::advance(MAX_AGE).await;
        assert_eq!(owners.get(&connection, &"one".into()), None);
    }
}
