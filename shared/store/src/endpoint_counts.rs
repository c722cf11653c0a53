//! How many endpoints each connection has, as an instance of a function has read it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::ConnectionName;
use tokio::time::Instant;

/// A new endpoint changes the shares of the others within a minute.
const FRESH_FOR: Duration = Duration::from_secs(60);

/// The last known counts.
#[derive(Default, Debug)]
pub(crate) struct EndpointCounts(Mutex<HashMap<ConnectionName, (u32, Instant)>>);

impl EndpointCounts {
    /// Returns a count that is younger than a minute.
    pub(crate) fn get(&self, connection: &ConnectionName) -> Option<u32> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(connection).filter(|(_, read_at)| read_at.elapsed() < FRESH_FOR).map(|(count, _)| *count)
    }

    pub(crate) fn insert(&self, connection: &ConnectionName, count: u32) {
        let entry = (count, Instant::now());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(connection.clone(), entry);
    }
}
