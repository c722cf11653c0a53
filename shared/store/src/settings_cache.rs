//! The settings that an instance of a function has read.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::{ConnectionName, Settings};
use tokio::time::Instant;

/// A change takes effect within a minute.
const FRESH_FOR: Duration = Duration::from_secs(60);

/// Settings of a connection without endpoints are read more often: a customer who registers the first endpoint expects
/// the events of the next booking.
const FRESH_WITHOUT_ENDPOINTS: Duration = Duration::from_secs(5);

/// The last known settings of each connection.
#[derive(Default, Debug)]
pub(crate) struct SettingsCache {
    entries: Mutex<HashMap<ConnectionName, (Settings, Instant)>>,
}

/// Settings from the cache.
pub(crate) struct CachedSettings {
    pub(crate) settings: Settings,
    /// Whether they are younger than a minute.
    pub(crate) is_fresh: bool,
}

impl SettingsCache {
    pub(crate) fn get(&self, connection: &ConnectionName) -> Option<CachedSettings> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let (settings, read_at) = entries.get(connection)?;
        let fresh_for = if settings.publishes { FRESH_FOR } else { FRESH_WITHOUT_ENDPOINTS };
        Some(CachedSettings { settings: settings.clone(), is_fresh: read_at.elapsed() < fresh_for })
    }

    /// Has the settings read anew the next time.
    pub(crate) fn forget(&self, connection: &ConnectionName) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).remove(connection);
    }

    pub(crate) fn insert(&self, connection: &ConnectionName, settings: &Settings) {
        let entry = (settings.clone(), Instant::now());
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).insert(connection.clone(), entry);
    }
}
