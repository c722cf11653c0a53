//! Whose token it is, remembered: nearly every question is asked for the owner's organization.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::{ConnectionName, Private};
use tokio::time::Instant;

use crate::User;

/// A person seldom changes organizations.
const FRESH: Duration = Duration::from_secs(600);

/// Each connection's token and its owner.
#[derive(Debug, Default)]
pub(crate) struct Owners(Mutex<BTreeMap<ConnectionName, Known>>);

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
