//! The loop that drives a booking: load, decide, commit, execute; and the ports through which it reaches the world.
//!
//! Generic over [`World`], so the same code runs against AWS and the providers and against a fake world in memory.

mod book;
mod desk;
mod drive;
mod execute;
mod hear;
mod ports;

pub use book::{Ask, Begun, Fresh, Full, KeyOf, Placed, Wish, begin, place};
pub use desk::{
    Account, Agenda, Appointment, AvailabilityRule, AvailabilitySchedule, Busy, Denied, Particulars, Prospect, Records,
    ReserveError, Story, Subscription, Totals,
};
pub use drive::{Progress, Received, Trouble, look_again, receive, resume};
pub use execute::{Gate, LEASE};
pub use hear::hear;
pub use ports::{
    Aliases, Bearer, Calendly, Clock, CommitError, Contact, Evidence, Made, Mail, Store, Texts, Timers, Unavailable,
    UnknownEvent, Vai, Wanted, World,
};
