//! The world: the ports of a function. A function implements only those that it uses.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use domain::{Command, ConnectionName, Pepper, Reason};

use super::calendly::Calendly;
use super::clock::Clock;
use super::crm::Crm;
use super::error::PortError;
use super::message::{Email, Sms};
use super::publisher::Publisher;
use super::store::Store;
use super::timers::Timers;
use super::vai::Vai;

/// The ports of a function that works on bookings.
pub trait World {
    /// The table.
    type Store: Store;
    /// Calendly.
    type Calendly: Calendly;
    /// Timers.
    type Timers: Timers;
    /// The clock.
    type Clock: Clock;
    /// The ports for messages and calls to VAI; [`super::NoMessaging`] in a function without them.
    type Messaging: Messaging;

    /// Returns the table.
    fn store(&self) -> &Self::Store;
    /// Calendly.
    fn calendly(&self) -> &Self::Calendly;
    /// Timers.
    fn timers(&self) -> &Self::Timers;
    /// Returns the clock.
    fn clock(&self) -> &Self::Clock;
    /// Returns the ports for messages and calls to VAI. A function without them leaves such commands to the due queue.
    fn messaging(&self) -> Option<&Self::Messaging>;

    /// Returns the secret under which contacts are kept. It is read once.
    async fn pepper(&self) -> Result<&Pepper, PortError>;

    /// Returns how much faster than written time passes for retries: 1, or more on a developer's machine.
    fn retry_speed(&self) -> u32 {
        1
    }

    /// Counts outcomes that need a person's attention. It is called after each change of a command.
    fn observe(&self, command: &Command);

    /// Counts a message that went out without a look at Calendly, and why.
    fn observe_failed_look(&self, reason: Reason);

    /// Counts an SMS at which the connection's budget is nearly spent, or is spent.
    fn observe_low_sms_budget(&self, connection: &ConnectionName);
}

/// The ports for messages, calls to VAI, the deliveries queue and the CRM.
pub trait Messaging {
    /// SMS.
    type Sms: Sms;
    /// E-mail.
    type Email: Email;
    /// VAI.
    type Vai: Vai;
    /// The deliveries queue.
    type Publisher: Publisher;
    /// The customer's CRM.
    type Crm: Crm;

    /// SMS.
    fn sms(&self) -> &Self::Sms;
    /// E-mail.
    fn email(&self) -> &Self::Email;
    /// VAI.
    fn vai(&self) -> &Self::Vai;
    /// Returns the deliveries queue.
    fn publisher(&self) -> &Self::Publisher;
    /// Returns the customer's CRM.
    fn crm(&self) -> &Self::Crm;
    /// Returns the base URL of short links, without a slash at its end. Without one, messages have the long ones.
    fn short_links(&self) -> Option<&str>;
}
