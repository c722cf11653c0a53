//! Connections: the customers' Calendly accounts that the stack serves.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::ConnectionName;

/// Whether a connection is in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionStatus {
    /// Nobody has connected a Calendly account yet.
    AwaitingLogin,
    /// In use.
    Active,
    /// Switched off by the operator. What happens at Calendly is still recorded; nothing is sent or booked.
    Disabled,
    /// Calendly no longer accepts its login or token: somebody must connect again.
    NeedsReconnect,
}

impl ConnectionStatus {
    /// Returns the name that is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::AwaitingLogin => "awaiting_login",
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::NeedsReconnect => "needs_reconnect",
        }
    }
}

/// How a connection may use its Calendly account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginKind {
    /// With a personal access token.
    PersonalToken,
    /// With a login by OAuth 2.0.
    #[serde(rename = "oauth")]
    OAuth,
}

impl LoginKind {
    /// Returns the name that is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::PersonalToken => "personal_token",
            Self::OAuth => "oauth",
        }
    }
}

/// What a connection is bound to at Calendly, by URIs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CalendlyBinding {
    /// The organization.
    pub organization: String,
    /// The token's owner.
    pub user: String,
    /// The webhook subscription.
    pub subscription: String,
}

/// So many users are remembered who connected an account.
const MOST_USERS: usize = 5;

/// One customer's Calendly account. Its secrets are stored elsewhere.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Connection {
    /// Its name.
    pub name: ConnectionName,
    /// Whether it is in use.
    pub status: ConnectionStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// How it may use its account, once that is connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<LoginKind>,
    /// What it is bound to at Calendly, once an account is connected. It stays bound to that organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendly: Option<CalendlyBinding>,
    /// The users who connected an account, the last one first. Webhooks of an earlier one's subscription may be on
    /// their way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    /// The revision of the stored connection; 0 when it is not stored yet.
    #[serde(skip)]
    pub revision: u64,
}

impl Connection {
    /// Returns a new connection, without an account.
    pub fn new(name: ConnectionName, now: Timestamp) -> Self {
        let status = ConnectionStatus::AwaitingLogin;
        Self { name, status, created_at: now, login: None, calendly: None, users: vec![], revision: 0 }
    }

    /// Returns the connection after an account was connected. It is active, whatever its status was.
    #[must_use]
    pub fn connected(&self, login: LoginKind, calendly: CalendlyBinding) -> Self {
        let earlier = self.users.iter().filter(|it| **it != calendly.user).take(MOST_USERS - 1).cloned();
        let users = [calendly.user.clone()].into_iter().chain(earlier).collect();
        let status = ConnectionStatus::Active;
        Self { status, login: Some(login), calendly: Some(calendly), users, ..self.clone() }
    }

    /// Returns the users whose webhook subscriptions deliver to the connection, if its signing key does not tell:
    /// Calendly signs the webhooks of all logins with the same key.
    pub fn webhook_creators(&self) -> Option<&[String]> {
        (self.login == Some(LoginKind::OAuth)).then_some(self.users.as_slice())
    }

    /// Returns the connection in another status.
    #[must_use]
    pub fn with_status(&self, status: ConnectionStatus) -> Self {
        Self { status, ..self.clone() }
    }

    /// Whether an account of this organization may be connected: another one would mix two customers' bookings.
    pub fn accepts_organization(&self, organization: &str) -> bool {
        self.calendly.as_ref().is_none_or(|it| it.organization == organization)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(subscription: &str) -> CalendlyBinding {
        CalendlyBinding { organization: "O1".to_owned(), user: "U1".to_owned(), subscription: subscription.to_owned() }
    }

    #[test]
    fn names_are_fixed() {
        let statuses = [
            ConnectionStatus::AwaitingLogin,
            ConnectionStatus::Active,
            ConnectionStatus::Disabled,
            ConnectionStatus::NeedsReconnect,
        ];
        for status in statuses {
            assert_eq!(serde_json::to_value(status).expect("JSON"), status.name());
        }
        for login in [LoginKind::PersonalToken, LoginKind::OAuth] {
            assert_eq!(serde_json::to_value(login).expect("JSON"), login.name());
        }
    }

    #[test]
    fn a_connection_that_is_connected_again_is_active_and_keeps_its_age() {
        let now = "2026-11-01T07:59:00Z".parse().expect("an instant");
        let new = Connection::new(ConnectionName::default(), now);
        assert!(new.status == ConnectionStatus::AwaitingLogin && new.accepts_organization("O2"));
        let first = new.connected(LoginKind::PersonalToken, binding("S1"));
        assert!(first.accepts_organization("O1") && !first.accepts_organization("O2"));
        let stored = Connection { revision: 3, ..first.with_status(ConnectionStatus::NeedsReconnect) };
        let again = stored.connected(LoginKind::OAuth, binding("S2"));
        let expected =
            Connection { calendly: Some(binding("S2")), login: Some(LoginKind::OAuth), revision: 3, ..first };
        assert_eq!(again, expected);
    }
}
