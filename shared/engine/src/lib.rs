//! The loop that drives a booking (load, decide, commit, execute), and the ports to the outside.
//!
//! Everything is generic over [`World`], so the same code runs with AWS and the providers and with a fake world in
//! memory. [`Invocation`] has the operations: `process_fact`, `resume_booking`, `process_feedback`, `look_up_request`,
//! `submit_request`, `request_cancellation`, `request_code`, `confirm_code`.

mod book;
mod change;
mod codes;
mod drive;
mod execute;
mod feedback;
mod invocation;
mod locate;
mod ports;
mod requests;
mod reserve;

pub use book::{BookingRequest, BudgetSpent, Complete, Identified, New, RequestDetails, RequestLookup, SubmitOutcome};
pub use codes::{CODE_AGE, CodeRequest};
pub use invocation::{CallLimiter, EngineError, Invocation, LEASE, Progress, ReceivedFact};
pub use ports::{
    Aliases, ApiStore, Appointment, AvailabilityRule, AvailabilitySchedule, BookOutcome, BookingCounts, BookingList,
    BookingLists, BookingPage, BookingQuery, BookingRecord, BusyTime, Calendly, CalendlyAccount, CalendlyError,
    CalendlyUser, Clock, CommitError, Connections, Contact, Crm, Email, FittedSms, Import, ImportStore, InviteePage,
    InviteeQuery, KnownInvitee, ListedBookings, MOST_UPCOMING, Messaging, NoMessaging, OriginalForm, PortError,
    Publisher, Replan, RequestSnapshot, ReserveError, SettingsStore, SettingsVersion, Sms, SmsReservation, SmsReserved,
    Store, StoredFact, Subscription, TimerKind, Timers, UnhandledEvent, Vai, World,
};
pub use reserve::reserve_sms;
