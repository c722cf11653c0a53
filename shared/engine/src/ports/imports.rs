//! The import of meetings that exist at Calendly.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use domain::ConnectionName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::PortError;

/// How far the last import of a connection is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Import {
    /// When it began. It identifies the import.
    pub started_at: Timestamp,
    /// When it last advanced.
    pub updated_at: Timestamp,
    /// The scheduled events that were read.
    pub events: u64,
    /// The invitees that were read.
    pub invitees: u64,
    /// The bookings that were new, or changed.
    pub changed: u64,
    /// Whether it has ended.
    pub is_done: bool,
    /// What keeps it from advancing, or why it ended early. Without personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The stored progress of imports.
pub trait ImportStore {
    /// Reads how far the last import is. One read.
    async fn load_import(&self, connection: &ConnectionName) -> Result<Option<Import>, PortError>;

    /// Writes how far an import is, unless a later one has begun. One write.
    async fn write_import(&self, connection: &ConnectionName, import: &Import) -> Result<(), PortError>;
}
