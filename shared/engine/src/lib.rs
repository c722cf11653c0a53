//! The loop that drives a booking: load, decide, commit, execute; and the ports through which it reaches the world.
//!
//! Generic over [`World`], so the same code runs against AWS and the providers and against a fake world in memory.

mod book;
mod desk;
mod drive;
mod execute;
mod feedback;
mod ports;

pub use book::{
    Ask, BudgetSpent, KeyOrigin, NewRequest, RequestLookup, SubmitOutcome, Wish, look_up_request, submit_request,
};
pub use desk::{
    ApiStore, Appointment, AvailabilityRule, AvailabilitySchedule, BookingCounts, BookingRecord, Busy, CalendlyAccount,
    CalendlyError, CalendlyUser, OriginalForm, RequestSnapshot, ReserveError, Subscription,
};
pub use drive::{EngineError, Progress, ReceivedFact, process_fact, resume_booking, schedule_recheck};
pub use execute::{CallLimiter, LEASE};
pub use feedback::take_feedback;
pub use ports::{
    Aliases, BookOutcome, BookingQuery, Calendly, Clock, CommitError, Contact, Email, Sms, Store, StoredFact,
    TimerKind, Timers, Unavailable, UnhandledEvent, Vai, World,
};
