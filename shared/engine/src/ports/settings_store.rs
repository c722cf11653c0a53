//! The versions of a connection's settings, and the re-planning after a change.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use domain::{BookingId, ConnectionName, Settings};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::{CommitError, PortError};

/// A version of the settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SettingsVersion {
    /// Its number, from 1.
    pub version: u64,
    /// When it was written.
    pub at: Timestamp,
    /// The settings.
    pub settings: Settings,
}

/// How far the messages of booked meetings are planned again after a change of settings.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Replan {
    /// The version of the settings that it applies.
    pub version: u64,
    /// The number of bookings that were handed over to be planned again.
    pub bookings: u64,
    /// Whether all were.
    pub is_done: bool,
    /// When it began.
    pub started_at: Timestamp,
    /// When it last advanced.
    pub updated_at: Timestamp,
}

/// One page of bookings.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct BookingPage {
    /// Their ids.
    pub bookings: Vec<BookingId>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<String>,
}

/// The stored versions of settings.
pub trait SettingsStore {
    /// Reads the settings and their version, strongly consistent; the defaults and 0 if none are stored. One read.
    async fn load_settings_version(&self, connection: &ConnectionName) -> Result<(Settings, u64), PortError>;

    /// Writes settings as the version after `last`, if that is still the last one. Returns the new version. One
    /// transaction.
    async fn write_settings(
        &self,
        connection: &ConnectionName,
        settings: &Settings,
        last: u64,
        at: Timestamp,
    ) -> Result<u64, CommitError>;

    /// Lists the last 50 versions, the newest first. One read.
    async fn list_settings_versions(&self, connection: &ConnectionName) -> Result<Vec<SettingsVersion>, PortError>;

    /// Reads a version; `None` if it is not stored any more. One read.
    async fn load_settings_of(&self, connection: &ConnectionName, version: u64) -> Result<Option<Settings>, PortError>;

    /// Has [`super::Store::load_settings`] return this version or a later one.
    async fn require_settings(&self, connection: &ConnectionName, version: u64) -> Result<(), PortError>;

    /// Reads how far the last re-planning is. One read.
    async fn load_replan(&self, connection: &ConnectionName) -> Result<Option<Replan>, PortError>;

    /// Writes how far a re-planning is, unless a later one has begun. One write.
    async fn write_replan(&self, connection: &ConnectionName, replan: &Replan) -> Result<(), PortError>;

    /// Lists active bookings that begin at `from` or later, by their start. `after` is the end of the page before. One
    /// read.
    async fn list_upcoming(
        &self,
        connection: &ConnectionName,
        from: Timestamp,
        after: Option<&str>,
        limit: usize,
    ) -> Result<BookingPage, PortError>;
}
