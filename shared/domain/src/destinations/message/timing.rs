//! When a message may be sent: whether it still applies, and the time outside quiet hours.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::action::MessageAction;
use crate::booking::BookingState;
use crate::destinations::base::Context;
use crate::leg::Leg;
use crate::message::{Message, Notice};
use crate::provider::Channel;
use crate::quiet::Leeway;
use crate::reason::Reason;
use crate::settings::Settings;
use crate::time;

/// How late a follow-up may be sent. A later one would confuse people.
const FOLLOW_UP_LATENESS: SignedDuration = SignedDuration::from_hours(24);

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
            let hour = |minutes: u32| {
                let hour = time::minutes_before(details.start, minutes);
                match channel {
                    Channel::Sms => earliest_time(hour, leg, settings),
                    Channel::Email => hour,
                }
            };
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

/// Returns a reminder's time, or the time to which it may have been brought forward.
fn earliest_time(hour: Timestamp, leg: &Leg, settings: &Settings) -> Timestamp {
    let quiet = &settings.quiet_hours;
    if quiet.are_off() {
        return hour;
    }
    let tz = recipient_zone(leg, settings);
    if quiet.contain(hour, &tz) { quiet.evening_before(hour, &tz) } else { hour }
}

/// Returns the time zone of the invitee's quiet hours.
fn recipient_zone(leg: &Leg, settings: &Settings) -> TimeZone {
    TimeZone::get(&settings.zone_of(leg)).unwrap_or(TimeZone::UTC)
}

/// Returns the time for a message that is planned for `at`: another time if `at` is in the recipient's quiet hours. An
/// answer to what the person has just done is not moved, unless it `is_delayed`.
///
/// # Errors
/// No useful time is left.
pub(crate) fn time_outside_quiet_hours(
    leg: &Leg,
    action: &MessageAction,
    at: Timestamp,
    is_delayed: bool,
    settings: &Settings,
    now: Timestamp,
) -> Result<Timestamp, Reason> {
    let MessageAction::Sms(message) = action else { return Ok(at) };
    if !message.is_timed() && !is_delayed || settings.quiet_hours.are_off() {
        return Ok(at);
    }
    let leeway = match message {
        Message::FollowUp { .. } | Message::NoShow | Message::Cancellation | Message::NotBooked => Leeway::Later,
        _ => Leeway::EarlierOrUntil(time::minutes_before(leg.details.start, settings.quiet_hours.useful_minutes)),
    };
    let tz = recipient_zone(leg, settings);
    settings.quiet_hours.allowed_time(at, &tz, leeway, now).ok_or(Reason::QuietHours)
}
