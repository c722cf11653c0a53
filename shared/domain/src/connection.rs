//! Connections: the customers' Calendly accounts that the stack serves.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::ConnectionName;

/// Whether a connection is in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionStatus {
    /// In use.
    Active,
    /// Switched off by the operator.
    Disabled,
    /// Calendly no longer accepts its token: the customer must connect again.
    NeedsReconnect,
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

/// One customer's Calendly account. Its secrets are stored elsewhere.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Connection {
    /// Its name.
    pub name: ConnectionName,
    /// Whether it is in use.
    pub status: ConnectionStatus,
    /// When it was connected first.
    pub created_at: Timestamp,
    /// What it is bound to at Calendly.
    pub calendly: CalendlyBinding,
    /// The revision of the stored connection; 0 when it is not stored yet.
    #[serde(skip)]
    pub revision: u64,
}

impl Connection {
    /// Returns a new connection, which is active.
    pub fn new(name: ConnectionName, calendly: CalendlyBinding, now: Timestamp) -> Self {
        Self { name, status: ConnectionStatus::Active, created_at: now, calendly, revision: 0 }
    }

    /// Returns the connection after the customer has connected again. It is active, whatever its status was.
    #[must_use]
    pub fn reconnected(&self, calendly: CalendlyBinding) -> Self {
        Self { status: ConnectionStatus::Active, calendly, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_names_are_fixed() {
        let statuses = [ConnectionStatus::Active, ConnectionStatus::Disabled, ConnectionStatus::NeedsReconnect];
        let names = statuses.map(|status| serde_json::to_value(status).expect("JSON"));
        assert_eq!(names, ["active", "disabled", "needs_reconnect"]);
    }

    #[test]
    fn a_connection_that_is_made_again_is_active_and_keeps_its_age() {
        let binding = |subscription: &str| CalendlyBinding {
            organization: "O1".to_owned(),
            user: "U1".to_owned(),
            subscription: subscription.to_owned(),
        };
        let now = "2026-11-01T07:59:00Z".parse().expect("an instant");
        let first = Connection::new(ConnectionName::default(), binding("S1"), now);
        let stored = Connection { status: ConnectionStatus::NeedsReconnect, revision: 3, ..first.clone() };
        assert_eq!(stored.reconnected(binding("S2")), Connection { calendly: binding("S2"), revision: 3, ..first });
    }
}
