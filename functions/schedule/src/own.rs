//! A person's own meetings: whoever has the meeting already is not booked again, whatever words or conversation the
//! request comes from.

use api::{Refusal, Why};
use domain::scheduling::slots::is_near_enough;
use domain::scheduling::{EventType, Shift, Slot};
use domain::{Booking, BookingState, Leg, SENDING_AGAIN_AFTER, Token};
use engine::{KnownInvitee, Store};
use front::Context;
use jiff::Timestamp;

use crate::schedule::{Ports, Schedule};

/// The meeting for a request.
pub(crate) enum Found {
    /// A free slot.
    Slot(Slot),
    /// A meeting that the person has.
    Own(Box<Booking>),
}

impl<P: Ports> Schedule<P> {
    /// Reads the person's coming meetings of an event type.
    ///
    /// # Errors
    /// Another request of the person for this event type is not settled, so it may be one.
    pub(crate) async fn own_meetings(
        &self,
        context: &Context,
        known: &KnownInvitee,
        event_type: &EventType,
        token: &Token,
    ) -> Result<Vec<Booking>, Refusal> {
        let mut own = Vec::new();
        for id in &known.upcoming {
            let loaded = self.store().load_booking(&context.connection, id).await;
            let booking = loaded.map_err(|error| context.locale.unavailable(&error))?.booking;
            let is_open = booking.open_requests().any(|(other, request)| {
                other != token && request.replaces.is_none() && request.event_type.as_ref() == Some(&event_type.uri)
            });
            if is_open {
                return Err(self.in_progress(context, self.now() + SENDING_AGAIN_AFTER));
            }
            if own_leg(&booking).is_some_and(|leg| leg.details.event_type.as_ref() == Some(&event_type.uri)) {
                own.push(booking);
            }
        }
        Ok(own)
    }

    /// Finds the meeting for a requested time: one of the person's own that is meant, else a free slot.
    ///
    /// # Errors
    /// Neither is near enough; or the person's own meeting is at that time, and the request accepts only another.
    pub(crate) async fn find_meeting(
        &self,
        context: &Context,
        event_type: &EventType,
        requested: Timestamp,
        shift: Shift,
        own: Vec<Booking>,
    ) -> Result<Found, Refusal> {
        let meant = own
            .into_iter()
            .find_map(|it| Some((own_leg(&it)?.details.start, it)).filter(|(_, it)| is_meant(it, requested)));
        match meant {
            Some((start, booking)) if is_near_enough(start, requested, shift, &context.locale.tz()) => {
                Ok(Found::Own(Box::new(booking)))
            }
            Some((_, booking)) => Err(already_booked(context, &booking)),
            None => self.find_slot(context, event_type, requested, shift).await.map(Found::Slot),
        }
    }
}

/// Returns whether a person who asks for a time means the meeting that they have: it was booked for the same wish, or a
/// meeting at that time would overlap it.
fn is_meant(booking: &Booking, requested: Timestamp) -> bool {
    let Some(leg) = own_leg(booking) else { return false };
    let (start, end) = (leg.details.start, leg.details.end);
    let overlaps = start.duration_since(requested).abs() < end.duration_since(start);
    let was_moved = booking.legs().len() > 1;
    let is_same_wish = booking.metadata.as_ref().is_some_and(|it| it.wished_start == Some(requested));
    overlaps || is_same_wish && !was_moved
}

/// Returns the current leg of a meeting that stands and that nobody has asked to cancel.
fn own_leg(booking: &Booking) -> Option<&Leg> {
    match booking.state()? {
        BookingState::Active(leg) if !booking.is_to_be_canceled(leg) => Some(leg),
        _ => None,
    }
}

/// Returns whether an agent booked a meeting in a conversation.
pub(crate) fn is_of_conversation(booking: &Booking, conversation: &str) -> bool {
    booking.metadata.as_ref().is_some_and(|it| it.conversation_id == conversation)
}

/// Refuses because the person has the meeting already.
pub(crate) fn already_booked(context: &Context, booking: &Booking) -> Refusal {
    let Some(leg) = booking.current_leg() else { return context.locale.refuse(Why::BookingUnknown) };
    let start = leg.details.start;
    let message = context.locale.already_booked(&leg.details.event_name, start);
    let (id, local_time) = (booking.id.to_string(), context.locale.when(start));
    Refusal::new(Why::AlreadyBooked { booking: id, start_time: start, local_time }, message)
}
