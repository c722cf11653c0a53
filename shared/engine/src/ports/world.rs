//! The world: a function's ports, put together. A function implements no more than it uses.

use domain::Command;

use super::calendly::Calendly;
use super::clock::Clock;
use super::message::{Email, Sms};
use super::store::Store;
use super::timers::Timers;
use super::vai::Vai;

/// What a function that works on bookings has.
pub trait World {
    /// The table.
    type Store: Store;
    /// Calendly.
    type Calendly: Calendly;
    /// Timers.
    type Timers: Timers;
    /// The clock.
    type Clock: Clock;
    /// What sends messages and calls VAI; [`NoMessaging`] in a function that does neither.
    type Messaging: Messaging;

    /// The table.
    fn store(&self) -> &Self::Store;
    /// Calendly.
    fn calendly(&self) -> &Self::Calendly;
    /// Timers.
    fn timers(&self) -> &Self::Timers;
    /// The clock.
    fn clock(&self) -> &Self::Clock;
    /// What sends messages and calls VAI. A function without it leaves such commands to the due queue.
    fn messaging(&self) -> Option<&Self::Messaging>;

    /// Is called after each change of a command, to count the outcomes that need a person's attention.
    fn observe(&self, command: &Command);
}

/// What sends messages and calls VAI.
pub trait Messaging {
    /// SMS.
    type Sms: Sms;
    /// E-mail.
    type Email: Email;
    /// VAI.
    type Vai: Vai;

    /// SMS.
    fn sms(&self) -> &Self::Sms;
    /// E-mail.
    fn email(&self) -> &Self::Email;
    /// VAI.
    fn vai(&self) -> &Self::Vai;
}
