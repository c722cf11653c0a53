//! The common part of the engine: the invocation, its errors, and the recheck of a booking.

use std::future::Future;

use domain::{BookingId, ConnectionName, ContactKey, Fact, Phone, Verdict};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use wire::due::Due;

use crate::ports::{Clock, PortError, TimerKind, Timers, World};

/// How long a claim is valid. Claiming, reading a secret, the provider's call and settling take at most 8 seconds each.
/// The queue delivers a record again after 180 seconds; by then the claim of a killed function has expired.
pub const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// The longest duration of a port's call. A call is begun only if it can end before the function is stopped.
const LONGEST_CALL: SignedDuration = SignedDuration::from_secs(10);

/// The most concurrent calls of providers in one invocation.
const MOST_CONCURRENT_CALLS: usize = 8;

/// Limits the concurrent calls of providers in one invocation, over all its records.
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
    /// Returns the time now.
    pub(crate) fn now(&self) -> Timestamp {
        self.world.clock().now()
    }

    /// Returns whether a call that begins now ends before the function is stopped.
    pub(crate) fn has_time_for_call(&self) -> bool {
        self.now() + LONGEST_CALL <= self.deadline
    }

    /// Returns the key of a phone number.
    pub(crate) async fn key_of_phone(&self, phone: &Phone) -> Result<ContactKey, PortError> {
        Ok(ContactKey::for_phone(self.world.pepper().await?, self.connection, phone))
    }

    /// Returns the key of an e-mail address.
    pub(crate) async fn key_of_email(&self, email: &str) -> Result<ContactKey, PortError> {
        Ok(ContactKey::for_email(self.world.pepper().await?, self.connection, email))
    }

    /// Schedules a recheck of a booking at an instant within 15 minutes. It is called before actions that no queue
    /// would repeat.
    ///
    /// # Errors
    /// The due queue could not be reached.
    pub async fn schedule_recheck(&self, booking: &BookingId, at: Timestamp) -> Result<(), PortError> {
        let due = Due::V1 {
            connection: self.connection.clone(),
            booking: booking.clone(),
            commands: Vec::new(),
            settings: None,
        };
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

/// The result of processing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Progress {
    /// The booking.
    pub booking: BookingId,
    /// Whether the fact changed the booking.
    pub verdict: Verdict,
}

/// Why a record was not finished.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A port gave no result.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Other functions repeatedly changed the same booking.
    #[error("other functions repeatedly changed the booking")]
    Contended,
    /// Commands are still open: there was too little time, or another function has claimed them.
    #[error("{0} commands are still open")]
    Unfinished(usize),
}

impl EngineError {
    /// Returns whether a later try may work.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Port(error) => error.is_temporary(),
            Self::Contended | Self::Unfinished(_) => true,
        }
    }
}
