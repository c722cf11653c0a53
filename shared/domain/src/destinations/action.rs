//! An action: what a command does, at one of the destinations.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::base::{Context, DeliveryGuarantee, Destination, RetrySchedule};
use super::calendly::{CalendlyAction, CalendlyCall};
use super::crm::{CrmAction, CrmCall};
use super::message::{MessageAction, MessageOrder, compose, time_outside_quiet_hours, withholds_links};
use super::publish::{PublishAction, PublishCall};
use super::vai::{VaiAction, VaiCall};
use crate::booking::Booking;
use crate::ids::{BookingId, CommandId, InviteeUri};
use crate::leg::Leg;
use crate::message::Message;
use crate::reason::Reason;
use crate::settings::Settings;

/// What a command does. Recipient and content are composed when the command is performed, from the booking at that
/// time.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Action {
    /// Sends a message.
    Message(MessageAction),
    /// Calls VAI's backend.
    Vai(VaiAction),
    /// Calls Calendly.
    Calendly(CalendlyAction),
    /// Serves customers' systems.
    Publish(PublishAction),
    /// Writes to the customer's CRM.
    Crm(CrmAction),
}

/// A composed action, for an adapter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// Send a message.
    Message(Box<MessageOrder>),
    /// Call VAI's backend.
    Vai(Box<VaiCall>),
    /// Call Calendly.
    Calendly(CalendlyCall),
    /// Tell the deliveries queue.
    Publish(PublishCall),
    /// Call the CRM.
    Crm(CrmCall),
}

impl Action {
    /// Returns the action as a trait object. This is the only match over destinations, except where the result has a
    /// type of its destination.
    fn destination(&self) -> &dyn Destination {
        match self {
            Self::Message(action) => action,
            Self::Vai(action) => action,
            Self::Calendly(action) => action,
            Self::Publish(action) => action,
            Self::Crm(action) => action,
        }
    }

    /// Composes the action from the present booking.
    ///
    /// # Errors
    /// The reason why it cannot be done or should no longer be done.
    pub fn compose(&self, context: &Context<'_>) -> Result<Order, Reason> {
        match self {
            Self::Message(action) => compose(context, action).map(|order| Order::Message(Box::new(order))),
            Self::Vai(action) => action.compose(context).map(|call| Order::Vai(Box::new(call))),
            Self::Calendly(action) => action.compose(context).map(Order::Calendly),
            Self::Publish(action) => action.compose(context).map(Order::Publish),
            Self::Crm(action) => action.compose(context).map(Order::Crm),
        }
    }

    /// Checks whether the action can and should be done, without composing it.
    ///
    /// # Errors
    /// The reason against it.
    pub fn check(&self, context: &Context<'_>) -> Result<(), Reason> {
        self.destination().check(context)
    }

    /// Returns whether it is an SMS without links that the person misses, because of the number's country.
    pub(crate) fn withholds_links(&self, context: &Context<'_>) -> bool {
        matches!(self, Self::Message(action) if withholds_links(context, action))
    }

    /// Returns the readable part of a command's id.
    pub fn slug(&self) -> String {
        self.destination().slug()
    }

    /// Returns the id of the command that performs this action for a booking.
    pub(crate) fn command_id(&self, booking: &BookingId, leg: &InviteeUri, start: Timestamp) -> CommandId {
        self.destination().command_id(booking, leg, start)
    }

    /// Returns how often it may be done when its outcome is unknown.
    pub fn guarantee(&self) -> DeliveryGuarantee {
        self.destination().guarantee()
    }

    /// Returns when it is tried again.
    pub(crate) fn retry_schedule(&self) -> RetrySchedule {
        self.destination().retry_schedule()
    }

    /// Returns its name in the timeline.
    pub(crate) fn title(&self) -> String {
        self.destination().title()
    }

    /// Returns the message that it sends.
    pub fn message(&self) -> Option<Message> {
        match self {
            Self::Message(action) => Some(action.message()),
            Self::Vai(_) | Self::Calendly(_) | Self::Publish(_) | Self::Crm(_) => None,
        }
    }

    /// Returns the e-mail with the same message, for an SMS.
    pub fn by_email(&self) -> Option<Self> {
        match self {
            Self::Message(action) => action.by_email().map(Self::Message),
            Self::Vai(_) | Self::Calendly(_) | Self::Publish(_) | Self::Crm(_) => None,
        }
    }

    /// Returns the time for an action that is planned for `at`: another time if `at` is in the recipient's quiet hours.
    /// An answer to what the person has just done is not moved.
    ///
    /// # Errors
    /// No useful time is left.
    pub fn time_outside_quiet_hours(
        &self,
        (booking, leg): (&Booking, &Leg),
        at: Timestamp,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Timestamp, Reason> {
        match self {
            Self::Message(action) => time_outside_quiet_hours((booking, leg), action, at, settings, now),
            Self::Vai(_) | Self::Calendly(_) | Self::Publish(_) | Self::Crm(_) => Ok(at),
        }
    }
}

impl From<MessageAction> for Action {
    fn from(action: MessageAction) -> Self {
        Self::Message(action)
    }
}

impl From<VaiAction> for Action {
    fn from(action: VaiAction) -> Self {
        Self::Vai(action)
    }
}

impl From<CalendlyAction> for Action {
    fn from(action: CalendlyAction) -> Self {
        Self::Calendly(action)
    }
}

impl From<PublishAction> for Action {
    fn from(action: PublishAction) -> Self {
        Self::Publish(action)
    }
}

impl From<CrmAction> for Action {
    fn from(action: CrmAction) -> Self {
        Self::Crm(action)
    }
}
