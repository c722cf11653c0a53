//! The ports: traits for everything that the engine needs from outside, and their types.
//!
//! Futures need not be `Send`: a Lambda function serves one invocation at a time, on one thread.

mod api_store;
mod booking_lists;
mod calendly;
mod calendly_account;
mod clock;
mod connections;
mod crm;
mod error;
mod imports;
mod message;
mod no_messaging;
mod publisher;
mod settings_store;
mod store;
mod timers;
mod vai;
mod world;

pub use api_store::{
    ApiStore, BookingCounts, BookingRecord, KnownInvitee, MOST_UPCOMING, RequestSnapshot, ReserveError,
};
pub use booking_lists::{BookingList, BookingLists, ListedBookings};
pub use calendly::{BookOutcome, BookingQuery, Calendly, InviteePage, InviteeQuery};
pub use calendly_account::{
    Appointment, AvailabilityRule, AvailabilitySchedule, BusyTime, CalendlyAccount, CalendlyUser, OriginalForm,
    Subscription,
};
pub use clock::Clock;
pub use connections::Connections;
pub use crm::Crm;
pub use error::{CalendlyError, CommitError, PortError};
pub use imports::{Import, ImportStore};
pub use message::{Email, FittedSms, Sms};
pub use no_messaging::NoMessaging;
pub use publisher::Publisher;
pub use settings_store::{BookingPage, Replan, SettingsStore, SettingsVersion};
pub use store::{Aliases, Contact, SmsReservation, SmsReserved, Store, StoredFact, UnhandledEvent};
pub use timers::{TimerKind, Timers};
pub use vai::Vai;
pub use world::{Messaging, World};
