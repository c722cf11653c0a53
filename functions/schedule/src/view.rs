//! Views of bookings and slots in answers.

use api::answer::{BookingView, DayView, InviteeView, SlotView, Status};
use domain::scheduling::{Meeting, Slot};
use domain::{Booking, BookingState, Leg, Private, StrangerText, ZoneSource, uri_uuid};
use front::Locale;
use jiff::civil::Date;

/// The longest name of an invitee in an answer, in characters.
const LONGEST_NAME: usize = 80;

/// The longest place that an invitee named, in characters.
const LONGEST_PLACE: usize = 200;

/// The longest other text of a stranger, in characters.
const LONGEST_TEXT: usize = 1_000;

/// Returns the view of an invitee.
pub(crate) fn invitee(email: &Private<String>, name: &StrangerText) -> InviteeView {
    InviteeView { email: email.clone(), name: name.as_written_shortened(LONGEST_NAME).into() }
}

/// Returns a stranger's text, for a field that is marked as such.
pub(crate) fn text(text: &StrangerText) -> String {
    text.as_written_shortened(LONGEST_TEXT)
}

/// Returns the link to join, the host's place, or the place that the invitee named: as text, without a link.
pub(crate) fn location(
    join_url: Option<&str>,
    of_host: Option<&Private<String>>,
    of_invitee: Option<&StrangerText>,
) -> Option<Private<String>> {
    let link = join_url.map(Private::from);
    link.or_else(|| of_host.cloned()).or_else(|| of_invitee?.as_line(LONGEST_PLACE).map(Private::from))
}

/// Returns the link to join a leg's meeting, or its place.
pub(crate) fn location_of(booking: &Booking, leg: &Leg) -> Option<Private<String>> {
    let (of_host, of_stranger) = booking.places_of(leg);
    location(leg.details.join_url.as_deref(), of_host.as_ref(), of_stranger.as_ref())
}

/// Returns the place of a meeting that is not booked yet, or its kind. `named` is a place that is not the host's.
pub(crate) fn planned_location(meeting: &Meeting, named: Option<&StrangerText>) -> Private<String> {
    let place = if named.is_some() { location(None, None, named) } else { meeting.location.clone() };
    place.unwrap_or_else(|| meeting.kind.as_str().into())
}

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
    let location = location_of(booking, leg);
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
        invitee: invitee(&details.email, &details.name),
        meeting_url: details.join_url.clone(),
        cancel_url: details.cancel_url.clone(),
        reschedule_url: details.reschedule_url.clone(),
        status,
    }
}
