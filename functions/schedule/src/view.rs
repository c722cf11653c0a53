//! Views of bookings and slots in answers.

use api::answer::{BookingView, DayView, InviteeView, SlotView, Status};
use domain::scheduling::Slot;
use domain::{Booking, BookingState, Leg, Private, ZoneSource, uri_uuid};
use front::Locale;
use jiff::civil::Date;

/// Returns the view of a free slot.
pub(crate) fn slot(slot: &Slot, locale: &Locale) -> SlotView {
    SlotView::new(slot, locale.when(slot.start))
}

/// Groups slots by day. `slots` must be sorted by time.
pub(crate) fn days<'a>(slots: impl IntoIterator<Item = &'a Slot>, locale: &Locale) -> Vec<DayView> {
    let tz = locale.tz();
    let mut days: Vec<DayView> = Vec::new();
    for item in slots {
        let date: Date = item.start.to_zoned(tz.clone()).date();
        match days.last_mut().filter(|day| day.date == date) {
            Some(day) => day.slots.push(slot(item, locale)),
            None => days.push(DayView { date, slots: vec![slot(item, locale)] }),
        }
    }
    days
}

/// Returns how the time zone of an answer became known: the call names another one than the booking has, or it became
/// known when the booking was made.
fn zone_source(booking: &Booking, leg: &Leg, locale: &Locale) -> Option<ZoneSource> {
    let stored = booking.metadata.as_ref()?.zone_source?;
    let is_own = leg.details.zone.as_ref().is_none_or(|zone| *zone == locale.zone);
    Some(if is_own { stored } else { ZoneSource::Request })
}

/// Returns the view of a booking at one of its legs.
pub(crate) fn booking(booking: &Booking, leg: &Leg, locale: &Locale) -> BookingView {
    let details = &leg.details;
    let location = details.join_url.as_deref().map(Private::from).or_else(|| details.location.clone());
    let status = match booking.state() {
        Some(BookingState::Canceled(head, _)) if head.invitee == leg.invitee => Status::Canceled,
        Some(BookingState::Moving(_)) => Status::Moving,
        // An earlier leg of a booking that was moved.
        _ if leg.canceled.is_some() => Status::Canceled,
        _ => Status::Active,
    };
    BookingView {
        id: booking.id.to_string(),
        event_uuid: uri_uuid(details.event.as_str()).to_owned(),
        invitee_uuid: uri_uuid(leg.invitee.as_str()).to_owned(),
        event_type: details.event_name.clone(),
        start_time: details.start,
        end_time: details.end,
        timezone: locale.zone.clone(),
        timezone_source: zone_source(booking, leg, locale).map(Into::into),
        local_time: locale.when(details.start),
        location,
        invitee: InviteeView { email: details.email.clone(), name: details.name.clone() },
        meeting_url: details.join_url.clone(),
        cancel_url: details.cancel_url.clone(),
        reschedule_url: details.reschedule_url.clone(),
        status,
    }
}
