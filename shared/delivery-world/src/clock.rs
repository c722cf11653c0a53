//! The machine's clock, as the engine's port.

use jiff::Timestamp;
use runtime::SystemClock;

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock(SystemClock);

impl engine::Clock for Clock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}
