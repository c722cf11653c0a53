//! Bookings and slots as they are answered.

use api::answer::{BookingView, DayView, InviteeView, SlotView, Status};
use domain::scheduling::Slot;
use domain::{Booking, Leg, Private, Standing, uuid_of};
use jiff::civil::Date;

use crate::say::Voice;

/// A free slot.
pub(crate) fn slot(slot: &Slot, voice: &Voice) -> SlotView {
    SlotView {
        start_time: slot.start,
        end_time: slot.end,
        local_time: voice.when(slot.start),
        remaining: slot.remaining,
    }
}

/// Slots by their days, in order.
pub(crate) fn days<'a>(slots: impl IntoIterator<Item = &'a Slot>, voice: &Voice) -> Vec<DayView> {
    let tz = voice.tz();
    let mut days: Vec<DayView> = Vec::new();
    for one in slots {
        let date: Date = one.start.to_zoned(tz.clone()).date();
        match days.last_mut().filter(|day| day.date == date) {
            Some(day) => day.slots.push(slot(one, voice)),
            None => days.push(DayView { date, slots: vec![slot(one, voice)] }),
        }
    }
    days
}

/// A booking at one of its legs.
pub(crate) fn booking(booking: &Booking, leg: &Leg, voice: &Voice) -> BookingView {
    let details = &leg.details;
    let place = details.join_url.as_deref().map(Private::from).or_else(|| details.place.clone());
    let status = match booking.standing() {
        Some(Standing::Canceled(head, _)) if head.invitee == leg.invitee => Status::Canceled,
        Some(Standing::Moving(_)) => Status::Moving,
        // An earlier leg of a booking that has moved on.
        _ if leg.canceled.is_some() => Status::Canceled,
        _ => Status::Active,
    };
    BookingView {
        id: booking.id.to_string(),
        event_uuid: uuid_of(details.event.as_str()).to_owned(),
        invitee_uuid: uuid_of(leg.invitee.as_str()).to_owned(),
        event_type: details.event_name.clone(),
        start_time: details.start,
        end_time: details.end,
        timezone: voice.zone.clone(),
        local_time: voice.when(details.start),
        location: place,
        invitee: InviteeView { email: details.email.clone(), name: details.name.clone() },
        meeting_url: details.join_url.clone(),
        cancel_url: details.cancel_url.clone(),
        reschedule_url: details.reschedule_url.clone(),
        status,
    }
}
