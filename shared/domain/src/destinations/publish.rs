//! Customers' systems as a destination: a booking's log of events, and the queue that tells of new ones.

use events::{EventType, Stream};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::base::{Context, DeliveryGuarantee, Destination, RetrySchedule};
use crate::ids::{BookingId, CommandId, InviteeUri};
use crate::reason::Reason;
use crate::time;

/// An action for customers' systems.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublishAction {
    /// Tells the deliveries queue of events that were appended to the booking's log.
    #[serde(rename = "publish")]
    Events {
        /// The id of the first event.
        first: String,
        /// The events, by number.
        events: Vec<(u64, EventType)>,
    },
    /// Waits until the meeting is over. Then the booking has the event `booking.completed`.
    Completion,
}

/// A composed call to the deliveries queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublishCall {
    /// The stream that has new events.
    pub stream: Stream,
    /// The new events, by number.
    pub events: Vec<(u64, EventType)>,
}

/// How long after the end of a meeting it counts as completed. Until then the host may mark the invitee as a no-show.
const COMPLETED_AFTER_MINUTES: u32 = 30;

/// How late a meeting may still become completed, if its booking becomes known late.
const COMPLETION_LATENESS: SignedDuration = SignedDuration::from_hours(24);

/// Returns when a meeting with this end counts as completed.
pub(crate) fn completion_time(end: Timestamp) -> Timestamp {
    time::minutes_after(end, COMPLETED_AFTER_MINUTES)
}

impl PublishAction {
    /// Composes the call.
    ///
    /// # Errors
    /// The reason why it cannot be made.
    pub(crate) fn compose(&self, context: &Context<'_>) -> Result<PublishCall, Reason> {
        match self {
            Self::Events { events, .. } => Ok(PublishCall {
                stream: Stream::Booking(context.booking.id.as_str().to_owned()),
                events: events.clone(),
            }),
            // It makes no call: only its time matters.
            Self::Completion => Err(Reason::NotFound),
        }
    }
}

impl Destination for PublishAction {
    fn slug(&self) -> String {
        match self {
            Self::Events { .. } => "publish".to_owned(),
            Self::Completion => "completion".to_owned(),
        }
    }

    fn command_id(&self, booking: &BookingId, leg: &InviteeUri, start: Timestamp) -> CommandId {
        let slug = self.slug();
        match self {
            Self::Events { first, .. } => CommandId::from_parts(&slug, &[booking.as_str(), &slug, first]),
            Self::Completion => {
                CommandId::from_parts(&slug, &[booking.as_str(), &slug, leg.as_str(), &start.to_string()])
            }
        }
    }

    /// Returns the guarantee. Telling of the same events twice changes nothing.
    fn guarantee(&self) -> DeliveryGuarantee {
        DeliveryGuarantee::AtLeastOnce
    }

    /// Returns the schedule: eight tries within about a day.
    fn retry_schedule(&self) -> RetrySchedule {
        RetrySchedule { waits: &[30, 120, 600, 1_800, 3_600], repeats: Some(48) }
    }

    fn check(&self, context: &Context<'_>) -> Result<(), Reason> {
        match self {
            Self::Completion
                if context.now > time::add(completion_time(context.leg.details.end), COMPLETION_LATENESS) =>
            {
                Err(Reason::TooLate)
            }
            Self::Events { .. } | Self::Completion => Ok(()),
        }
    }

    fn title(&self) -> String {
        match self {
            Self::Events { .. } => "events for customers' systems".to_owned(),
            Self::Completion => "end of the meeting".to_owned(),
        }
    }
}
