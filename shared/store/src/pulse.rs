//! How often an instance of a function writes when Calendly last sent something new.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::ConnectionName;
use tokio::time::Instant;

/// Each instance writes the pulse of a connection at most once a minute.
const INTERVAL: Duration = Duration::from_secs(60);

/// When this instance last wrote the pulse of each connection.
#[derive(Default, Debug)]
pub(crate) struct PulseLimiter {
    written: Mutex<HashMap<ConnectionName, Instant>>,
}

impl PulseLimiter {
    /// Returns whether the pulse is due. If so, it counts as written, and is not due again before the interval is over.
    pub(crate) fn claim(&self, connection: &ConnectionName) -> bool {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = written.get(connection).is_none_or(|last| last.elapsed() >= INTERVAL);
        if is_due {
            written.insert(connection.clone(), Instant::now());
        }
        is_due
    }
}
