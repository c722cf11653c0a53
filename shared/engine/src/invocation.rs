//! What every part of the engine shares: the invocation that it works in, the errors that end it, and the recheck of a
//! booking.

use std::future::Future;

use domain::{BookingId, ConnectionName, Fact, Verdict};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use wire::due::Due;

use crate::ports::{Clock, PortError, TimerKind, Timers, World};

/// How long a claim holds. Claiming, reading a secret, the provider's call and settling end within 8 seconds each. The
/// queue brings a record back after 180 seconds: by then the claim of a killed function has lapsed.
pub const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// The longest that one call of a port takes. No call begins that could not end before the function is stopped.
const LONGEST_CALL: SignedDuration = SignedDuration::from_secs(10);

/// How many providers are called concurrently within one invocation.
const MOST_CONCURRENT_CALLS: usize = 8;

/// Limits the concurrent calls of providers within one invocation, over all its records.
#[derive(Debug)]
pub struct CallLimiter(Semaphore);

impl Default for CallLimiter {
    fn default() -> Self {
        Self(Semaphore::new(MOST_CONCURRENT_CALLS))
    }
}

impl CallLimiter {
    pub(crate) async fn run<T>(&self, call: impl Future<Output = T>) -> T {
        let permit = self.0.acquire().await;
        let result = call.await;
        drop(permit);
        result
    }
}

/// One invocation of a function, for one connection.
#[derive(Debug)]
pub struct Invocation<'a, W> {
    /// The function's ports.
    pub world: &'a W,
    /// Shared by all records of the invocation.
    pub limiter: &'a CallLimiter,
    /// The connection.
    pub connection: &'a ConnectionName,
    /// When the function will be stopped.
    pub deadline: Timestamp,
}

impl<W> Clone for Invocation<'_, W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for Invocation<'_, W> {}

impl<W: World> Invocation<'_, W> {
    /// The present instant.
    pub(crate) fn now(&self) -> Timestamp {
        self.world.clock().now()
    }

    /// Whether a call that begins now ends before the function is stopped.
    pub(crate) fn has_time_for_call(&self) -> bool {
        self.now() + LONGEST_CALL <= self.deadline
    }

    /// Has a booking looked at again at an instant within 15 minutes. Done before anything that no queue would
    /// redeliver.
    ///
    /// # Errors
    /// The due queue could not be reached.
    pub async fn schedule_recheck(&self, booking: &BookingId, at: Timestamp) -> Result<(), PortError> {
        let due = Due::V1 { connection: self.connection.clone(), booking: booking.clone(), commands: Vec::new() };
        self.world.timers().set_timer(booking.as_str(), &due, at, self.now(), TimerKind::DelayedMessage).await
    }
}

/// A fact as it was received.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReceivedFact {
    /// The fact.
    pub fact: Fact,
    /// When it reached us.
    pub at: Timestamp,
    /// The body as Calendly sent it.
    pub payload: Vec<u8>,
}

/// What was achieved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Progress {
    /// The booking.
    pub booking: BookingId,
    /// Whether the fact said anything new.
    pub verdict: Verdict,
}

/// Why a record was not finished.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A port gave no result.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Others kept writing the same booking.
    #[error("the booking was changed concurrently, again and again")]
    Contended,
    /// Commands are still open: time ran short, or another function holds them.
    #[error("{0} commands are still open")]
    Unfinished(usize),
}

impl EngineError {
    /// Whether the record may be finished when it is tried again.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Port(error) => error.is_temporary(),
            Self::Contended | Self::Unfinished(_) => true,
        }
    }
}
