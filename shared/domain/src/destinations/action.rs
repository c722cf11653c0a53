//! An action: what a command does, at one of the destinations.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::base::{Context, DeliveryGuarantee, Destination, RetrySchedule};
use super::calendly::{CalendlyAction, CalendlyCall};
use super::message::{MessageAction, MessageOrder, compose, hour_outside_quiet_hours};
use super::vai::{VaiAction, VaiCall};
use crate::ids::{BookingId, CommandId, InviteeUri};
use crate::leg::Leg;
use crate::message::Message;
use crate::reason::Reason;
use crate::settings::Settings;

/// What a command does. Who gets it and what it says is composed when it is performed, from the booking of that moment.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Action {
    /// Sends a message.
    Message(MessageAction),
    /// Calls VAI's backend.
    Vai(VaiAction),
    /// Calls Calendly.
    Calendly(CalendlyAction),
}

/// A composed action: what an adapter is to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// Send a message.
    Message(MessageOrder),
    /// Call VAI's backend.
    Vai(VaiCall),
    /// Call Calendly.
    Calendly(CalendlyCall),
}

impl Action {
    /// The one match over the destinations. Only composing has a result of its own for each.
    fn destination(&self) -> &dyn Destination {
        match self {
            Self::Message(action) => action,
            Self::Vai(action) => action,
            Self::Calendly(action) => action,
        }
    }

    /// Composes the action, as the booking is now.
    ///
    /// # Errors
    /// The reason why it can't be done, or should not be done any more.
    pub fn compose(&self, context: &Context<'_>) -> Result<Order, Reason> {
        match self {
            Self::Message(action) => compose(context, action).map(Order::Message),
            Self::Vai(action) => action.compose(context).map(Order::Vai),
            Self::Calendly(action) => action.compose(context).map(Order::Calendly),
        }
    }

    /// Checks whether the action can and should be done, without composing it.
    ///
    /// # Errors
    /// The reason why not.
    pub fn check(&self, context: &Context<'_>) -> Result<(), Reason> {
        self.destination().check(context)
    }

    /// The readable part of a command's id.
    pub fn slug(&self) -> String {
        self.destination().slug()
    }

    /// The id of the command that does this for a booking.
    pub(crate) fn command_id(&self, booking: &BookingId, leg: &InviteeUri, start: Timestamp) -> CommandId {
        self.destination().command_id(booking, leg, start)
    }

    /// How often it may have been done when its outcome is unknown.
    pub fn guarantee(&self) -> DeliveryGuarantee {
        self.destination().guarantee()
    }

    /// When it is tried again.
    pub(crate) fn retry_schedule(&self) -> RetrySchedule {
        self.destination().retry_schedule()
    }

    /// Its name in the timeline.
    pub(crate) fn title(&self) -> String {
        self.destination().title()
    }

    /// The message that it sends.
    pub fn message(&self) -> Option<Message> {
        match self {
            Self::Message(action) => Some(action.message()),
            Self::Vai(_) | Self::Calendly(_) => None,
        }
    }

    /// For an SMS: the e-mail that says the same.
    pub fn by_email(&self) -> Option<Self> {
        match self {
            Self::Message(action) => action.by_email().map(Self::Message),
            Self::Vai(_) | Self::Calendly(_) => None,
        }
    }

    /// The hour for an action that was meant for `at`: another one, where `at` is in the recipient's quiet hours.
    ///
    /// # Errors
    /// No hour is left that would be of use.
    pub fn hour_outside_quiet_hours(
        &self,
        leg: &Leg,
        at: Timestamp,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Timestamp, Reason> {
        match self {
            Self::Message(action) => hour_outside_quiet_hours(leg, action, at, settings, now),
            Self::Vai(_) | Self::Calendly(_) => Ok(at),
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
