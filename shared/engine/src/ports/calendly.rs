//! Calendly's REST API, as far as bookings need it.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use domain::scheduling::Form;
use domain::{ConnectionName, EventTypeUri, Fact, InviteeUri, Outcome, Private, Reason, Token};
use jiff::Timestamp;

use super::error::{CalendlyError, PortError};

/// Calendly's REST API.
pub trait Calendly {
    /// Reads an invitee with its event; `None` when Calendly knows no such invitee.
    async fn fetch_invitee(&self, connection: &ConnectionName, invitee: &InviteeUri)
    -> Result<Option<Fact>, PortError>;

    /// Books. Must not be repeated unless it certainly did not work: Calendly takes no idempotency key.
    async fn create_booking(&self, connection: &ConnectionName, form: &Form) -> BookOutcome;

    /// Looks for the booking that carries a token: what is asked after an answer was lost.
    async fn find_booking(&self, connection: &ConnectionName, query: &BookingQuery) -> Result<Option<Fact>, PortError>;

    /// Cancels an invitee's whole event, unless others are in it too ([`Reason::SharedEvent`]) or it has begun. An
    /// event that is canceled already is done.
    async fn cancel_event(&self, connection: &ConnectionName, invitee: &InviteeUri, reason: &str) -> Outcome;

    /// Reads the IANA time zone of a host, by the host's URI; `None` when Calendly names none that exists. Cached.
    async fn fetch_host_zone(&self, connection: &ConnectionName, host: &str) -> Result<Option<String>, PortError>;

    /// Makes a link on which an event type can be booked once. One call.
    async fn create_single_use_link(
        &self,
        connection: &ConnectionName,
        event_type: &EventTypeUri,
    ) -> Result<String, CalendlyError>;
}

/// What came of a booking form that was sent to Calendly.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BookOutcome {
    /// Booked.
    Booking {
        /// The invitee, as Calendly answered.
        fact: Box<Fact>,
        /// Set when this was the last booking that Calendly takes for so many seconds.
        closed_for_seconds: Option<u32>,
    },
    /// Not booked: the slot is no longer free.
    Filled,
    /// Not booked: Calendly takes no more bookings for so many seconds.
    Limited {
        /// Seconds until it takes more.
        reset_seconds: u32,
    },
    /// Not booked, and the same form will not be booked later either.
    Refused {
        /// Why.
        reason: Reason,
        /// Status, title, codes and parameters; nothing personal.
        detail: String,
        /// The fields of the form that are at fault, by Calendly's names: `invitee.email`.
        parameters: Vec<String>,
    },
    /// Certainly not booked. It may be tried again.
    Unsent {
        /// What went wrong.
        detail: String,
    },
    /// It is not known whether it was booked.
    Unknown {
        /// What went wrong.
        detail: String,
    },
}

/// The booking to look for after an answer was lost.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BookingQuery {
    /// The token that it carries.
    pub token: Token,
    /// The invitee's address.
    pub email: Private<String>,
    /// Its start.
    pub start: Timestamp,
}
