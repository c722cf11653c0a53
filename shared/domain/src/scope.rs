//! What an API key permits.

use serde::{Deserialize, Serialize};

/// What an API key permits. Each operation of the API needs one scope.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Look up event types, free times, bookings and messages.
    Read,
    /// Book meetings and make links.
    Book,
    /// Move and cancel bookings, and mark no-shows.
    Change,
    /// Report events.
    Events,
    /// Manage endpoints, and the key's own connection.
    Admin,
    /// Manage all connections of the stack. Only the operator of the stack should have it.
    Connections,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 6] = [Self::Read, Self::Book, Self::Change, Self::Events, Self::Admin, Self::Connections];

    /// The scopes of a key that has no list of scopes: those that an agent needs.
    pub const DEFAULT: [Self; 3] = [Self::Read, Self::Book, Self::Change];

    /// Returns the name that is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Book => "book",
            Self::Change => "change",
            Self::Events => "events",
            Self::Admin => "admin",
            Self::Connections => "connections",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}
