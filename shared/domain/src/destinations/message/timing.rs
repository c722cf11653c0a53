//! When a message may be sent: whether it still applies, and the time outside quiet hours.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::action::MessageAction;
use super::content::find_host;
use super::country_rules::CountryRules;
use super::phones::choose_phone;
use crate::booking::{Booking, BookingState};
use crate::country::zone_of_phone;
use crate::destinations::base::Context;
use crate::leg::Leg;
use crate::message::{Message, Notice};
use crate::provider::Channel;
use crate::quiet::{Leeway, QuietTimes};
use crate::reason::Reason;
use crate::settings::{QuietHours, Settings};
use crate::time;

/// How late a follow-up may be sent: after an outage of a day, and the longest wait between two tries. A later one
/// would confuse people.
const FOLLOW_UP_LATENESS: SignedDuration = SignedDuration::from_hours(26);

/// Checks whether a message about a leg still applies: the leg is current, and it is not too late.
///
/// # Errors
/// The reason against it.
pub(crate) fn check_applies(context: &Context<'_>, message: Message, channel: Channel) -> Result<(), Reason> {
    let Context { booking, leg, settings, now, .. } = *context;
    let is_about_the_end = matches!(message, Message::Cancellation | Message::HostNotice(Notice::Canceled));
    let is_current = match booking.state() {
        None if message == Message::NotBooked => {
            booking.failed_request().is_some_and(|(failed, _)| failed.invitee == leg.invitee)
        }
        Some(_) if message == Message::NotBooked => return Err(Reason::BookedAfterAll),
        Some(BookingState::Active(current)) => current.invitee == leg.invitee && !is_about_the_end,
        Some(BookingState::Canceled(current, _)) if is_about_the_end => current.invitee == leg.invitee,
        Some(BookingState::Canceled(..)) => return Err(Reason::CanceledBeforeFire),
        Some(BookingState::Moving(_)) | None => false,
    };
    if !is_current {
        return Err(Reason::MovedBeforeFire);
    }
    if !is_about_the_end && booking.is_to_be_canceled(leg) {
        return Err(Reason::CancelRequested);
    }
    let details = &leg.details;
    match message {
        Message::FollowUp { .. } if leg.is_no_show() => Err(Reason::NoShow),
        Message::FollowUp { minutes_after } => {
            let hour = time::minutes_after(details.end, minutes_after);
            if now > time::add(hour, FOLLOW_UP_LATENESS) { Err(Reason::TooLate) } else { Ok(()) }
        }
        Message::NoShow => match no_show_time(leg, settings) {
            None => Err(Reason::CameAfterAll),
            Some(hour) if now > time::add(hour, FOLLOW_UP_LATENESS) => Err(Reason::TooLate),
            Some(_) => Ok(()),
        },
        _ if now >= details.start => Err(Reason::PastStart),
        Message::Reminder { minutes_before } => {
            // Two reminders that are brought forward out of the same quiet hours would be sent at the same time.
            let quiet = match channel {
                Channel::Sms => quiet_times(booking, leg, message, true, settings),
                Channel::Email => QuietTimes::new(None, &[]),
            };
            let tz = recipient_zone(leg, settings);
            let hour = |minutes: u32| quiet.earliest_time(time::minutes_before(details.start, minutes), &tz);
            let is_later_one_due = |other: &u32| *other < minutes_before && hour(*other) <= now;
            if settings.reminders_of(leg).iter().any(is_later_one_due) { Err(Reason::Superseded) } else { Ok(()) }
        }
        Message::Reconfirmation { .. } if leg.is_reconfirmed() => Err(Reason::Reconfirmed),
        Message::Confirmation
        | Message::Move
        | Message::Cancellation
        | Message::Reconfirmation { .. }
        | Message::NotBooked
        | Message::HostNotice(_) => Ok(()),
    }
}

/// Returns when the no-show message is sent: after the meeting, when the host has had time to remove the mark. `None`
/// without a mark.
pub(crate) fn no_show_time(leg: &Leg, settings: &Settings) -> Option<Timestamp> {
    let mark = leg.no_show.filter(|mark| mark.marked)?;
    Some(time::minutes_after(mark.at.max(leg.details.end), settings.no_show_minutes))
}

/// Returns the quiet hours of the settings, if they apply.
fn own_quiet_hours(respects_own: bool, settings: &Settings) -> Option<QuietHours> {
    Some(settings.quiet_hours).filter(|it| respects_own && !it.are_off())
}

/// Returns the times without a message to the invitee by SMS: the quiet hours of the settings, if they apply, and those
/// of the number's country.
fn quiet_times(booking: &Booking, leg: &Leg, message: Message, respects_own: bool, settings: &Settings) -> QuietTimes {
    let own = own_quiet_hours(respects_own, settings);
    // Without a number there will be no SMS.
    let phone = choose_phone(booking, leg, settings).ok();
    let country = phone.map_or(&[][..], |(phone, _)| CountryRules::of(&phone, settings).quiet_spans(message));
    QuietTimes::new(own, country)
}

/// Returns the time zone of the invitee's quiet hours.
fn recipient_zone(leg: &Leg, settings: &Settings) -> TimeZone {
    time_zone(&settings.zone_of(leg))
}

fn time_zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// How long a message is an answer to what somebody has just done, and may come at any hour.
const ANSWER_WITHIN: SignedDuration = SignedDuration::from_mins(30);

/// Returns whether a message that is sent at an instant respects quiet hours: one that has its own hour, and one that
/// comes too late to be an answer to what somebody has just done, whatever has delayed it.
fn respects_quiet_hours(booking: &Booking, leg: &Leg, message: Message, at: Timestamp) -> bool {
    let booked_at = leg.booked_at.unwrap_or(leg.details.as_of);
    let act = match message {
        Message::Confirmation | Message::Move | Message::HostNotice(Notice::Booked | Notice::Moved) => booked_at,
        Message::Cancellation | Message::HostNotice(Notice::Canceled) => {
            let asked = booking.cancel_requests().get(&leg.invitee).map(|it| it.at);
            let canceled = leg.canceled.as_ref().map(|it| it.at);
            asked.into_iter().chain(canceled).min().unwrap_or(booked_at)
        }
        // Of a request that was not booked, it is the time of the request.
        Message::NotBooked => leg.details.as_of,
        Message::Reminder { .. } | Message::Reconfirmation { .. } | Message::FollowUp { .. } | Message::NoShow => {
            return true;
        }
    };
    at.duration_since(act) >= ANSWER_WITHIN
}

/// Returns the time for a message that is planned for `at`: another time if `at` is in the recipient's quiet hours, or
/// in those of the number's country. An answer to what somebody has just done does not respect the quiet hours of the
/// settings. E-mails have no quiet hours.
///
/// # Errors
/// No useful time is left.
pub(crate) fn time_outside_quiet_hours(
    (booking, leg): (&Booking, &Leg),
    action: &MessageAction,
    at: Timestamp,
    settings: &Settings,
    now: Timestamp,
) -> Result<Timestamp, Reason> {
    let message = action.message();
    let respects_own = respects_quiet_hours(booking, leg, message, at);
    let (quiet, tz) = match action {
        MessageAction::Sms(message) => {
            (quiet_times(booking, leg, *message, respects_own, settings), recipient_zone(leg, settings))
        }
        MessageAction::SmsHost(_, host) => {
            let (_, contact) = find_host(leg, host.expose(), settings);
            let own = own_quiet_hours(respects_own, settings);
            let of_phone = || contact.phone.as_ref().and_then(zone_of_phone);
            let zone = contact.zone.as_deref().or_else(of_phone).unwrap_or(&settings.fallback_zone);
            (QuietTimes::new(own, &[]), time_zone(zone))
        }
        MessageAction::Email(_) | MessageAction::EmailHost(..) => return Ok(at),
    };
    if quiet.are_off() {
        return Ok(at);
    }
    let leeway = leeway_of(message, leg.details.start, settings);
    let is_own = || respects_own && settings.quiet_hours.contain(at, &tz);
    let reason = || if is_own() { Reason::QuietHours } else { Reason::CountryHours };
    quiet.allowed_time(at, &tz, leeway, now).ok_or_else(reason)
}

/// Returns how a message may be moved out of quiet hours.
pub(super) fn leeway_of(message: Message, start: Timestamp, settings: &Settings) -> Leeway {
    match message {
        Message::FollowUp { .. } | Message::NoShow => Leeway::Later,
        // Who does not know of it goes to the meeting.
        Message::Cancellation | Message::NotBooked | Message::HostNotice(_) => Leeway::EarlierOrUntil(start),
        _ => Leeway::EarlierOrUntil(time::minutes_before(start, settings.quiet_hours.useful_minutes)),
    }
}
