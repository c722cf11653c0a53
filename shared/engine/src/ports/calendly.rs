//! The part of Calendly's REST API that bookings need.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use domain::scheduling::Form;
use domain::{ConnectionName, EventTypeUri, EventUri, Fact, InviteeUri, Outcome, Private, Reason, Token};
use jiff::Timestamp;

use super::error::{CalendlyError, PortError};

/// Calendly's REST API.
pub trait Calendly {
    /// Reads an invitee with its event; `None` when Calendly knows no such invitee.
    async fn fetch_invitee(&self, connection: &ConnectionName, invitee: &InviteeUri)
    -> Result<Option<Fact>, PortError>;

    /// Returns for how many seconds reads that can wait should wait, because bookings need what is left of Calendly's
    /// rate limit. Known from Calendly's latest answers; `None` if there is room.
    fn busy_for(&self, connection: &ConnectionName) -> Option<u32>;

    /// Books. Must not be repeated unless it certainly failed: Calendly has no idempotency key.
    async fn create_booking(&self, connection: &ConnectionName, form: &Form) -> BookOutcome;

    /// Finds the booking with a token, after an answer was lost.
    async fn find_booking(&self, connection: &ConnectionName, query: &BookingQuery) -> Result<Option<Fact>, PortError>;

    /// Lists one page of scheduled events with all their invitees, by their start; or one event. One call, and one for
    /// each event.
    async fn list_invitees(&self, connection: &ConnectionName, query: &InviteeQuery) -> Result<InviteePage, PortError>;

    /// Cancels an invitee's whole event, unless it has other invitees ([`Reason::SharedEvent`]) or has begun. If the
    /// event is already canceled, the outcome is done.
    async fn cancel_event(&self, connection: &ConnectionName, invitee: &InviteeUri, reason: &str) -> Outcome;

    /// Reads the IANA time zone of a host, by the host's URI; `None` if Calendly has no valid one. Cached.
    async fn fetch_host_zone(&self, connection: &ConnectionName, host: &str) -> Result<Option<String>, PortError>;

    /// Creates a link with which an event type can be booked once. One call.
    async fn create_single_use_link(
        &self,
        connection: &ConnectionName,
        event_type: &EventTypeUri,
    ) -> Result<String, CalendlyError>;
}

/// The outcome of a booking form that was sent to Calendly.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BookOutcome {
    /// Booked.
    Booking {
        /// The invitee, as Calendly answered.
        fact: Box<Fact>,
        /// If set, Calendly accepts no further booking for this many seconds.
        closed_for_seconds: Option<u32>,
    },
    /// Not booked: the slot is no longer free.
    Filled,
    /// Not booked: Calendly's limit is reached.
    Limited {
        /// Seconds until Calendly accepts more bookings.
        reset_seconds: u32,
    },
    /// Not booked. The same form would be refused again.
    Refused {
        /// Why.
        reason: Reason,
        /// Status, title, codes and parameters, without personal data.
        detail: String,
        /// The fields of the form that are not valid, by Calendly's names, such as `invitee.email`.
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

/// The scheduled events to list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InviteeQuery {
    /// Those that begin at this instant or later.
    pub since: Timestamp,
    /// Only this one.
    pub event: Option<EventUri>,
    /// The page, as Calendly named it; `None` for the first one.
    pub page: Option<String>,
}

/// One page of scheduled events.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct InviteePage {
    /// The number of events.
    pub events: u64,
    /// Their invitees.
    pub facts: Vec<Fact>,
    /// The next page; `None` after the last one.
    pub next: Option<String>,
}

/// The booking to look for after an answer was lost.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BookingQuery {
    /// Its token.
    pub token: Token,
    /// The invitee's address.
    pub email: Private<String>,
    /// Its start.
    pub start: Timestamp,
}
