//! What a booking wants done, read off where it stands. Nothing here remembers what was done already: the command's id
//! does that.

use jiff::Timestamp;

use crate::booking::Standing;
use crate::compose::{after, before, compose};
use crate::settings::{Channel, ConfirmationMailFor};
use crate::{Action, Booking, CanceledBy, Cancellation, Command, Leg, Message, News, Reason, Settings, State};

/// Every command that the booking's present standing calls for, each open or skipped with its reason.
pub(crate) fn wanted(booking: &Booking, settings: &Settings, now: Timestamp) -> Vec<Command> {
    let (leg, actions) = match booking.standing() {
        None | Some(Standing::Moving(_)) => return Vec::new(),
        Some(Standing::Active(leg)) => (leg, of_meeting(booking, leg, settings)),
        Some(Standing::Canceled(leg, end)) => (leg, of_cancellation(booking, leg, end, settings)),
    };
    let command = |(action, at): (Action, Option<Timestamp>)| {
        let skip = match at {
            _ if !settings.acts_on(leg) => Some(Reason::EventTypeIgnored),
            Some(at) if at <= now => Some(Reason::PastOffset),
            _ => compose(booking, leg, &action, settings, now).err(),
        };
        let command = Command::new(&booking.id, action, leg.invitee.clone(), leg.details.start, at);
        match skip {
            Some(reason) => command.turned(State::Skipped { reason }, now, Some(reason), None),
            None => command,
        }
    };
    actions.into_iter().map(command).collect()
}

/// A meeting that is on: it was booked, or moved here; then what comes before and after it.
fn of_meeting(booking: &Booking, leg: &Leg, settings: &Settings) -> Vec<(Action, Option<Timestamp>)> {
    let is_vai = booking.metadata.is_some();
    let moved = booking.was_moved_to(leg);
    let mut actions = Vec::new();
    let mut say = |message: Message, at: Option<Timestamp>| {
        for channel in settings.channels_of(message, leg) {
            match channel {
                Channel::Sms => actions.push((Action::Text(message), at)),
                Channel::Email if is_vai || settings.confirmation_mail_for == ConfirmationMailFor::All => {
                    actions.push((Action::Mail(message), at));
                }
                Channel::Email => {}
            }
        }
    };
    say(if moved { Message::Move } else { Message::Confirmation }, None);
    for &minutes_before in settings.reminders_of(leg) {
        say(Message::Reminder { minutes_before }, Some(before(leg.details.start, minutes_before)));
    }
    for &minutes_after in settings.follow_ups_of(leg) {
        say(Message::FollowUp { minutes_after }, Some(after(leg.details.end, minutes_after)));
    }
    if is_vai {
        actions.push((Action::TellVai(if moved { News::Rescheduled } else { News::Confirmed }), None));
    }
    actions
}

/// A meeting that is off.
fn of_cancellation(
    booking: &Booking,
    leg: &Leg,
    end: &Cancellation,
    settings: &Settings,
) -> Vec<(Action, Option<Timestamp>)> {
    let is_vai = booking.metadata.is_some();
    let mut actions = Vec::new();
    for channel in settings.channels_of(Message::Cancellation, leg) {
        match channel {
            Channel::Sms => actions.push((Action::Text(Message::Cancellation), None)),
            Channel::Email if is_vai => actions.push((Action::Mail(Message::Cancellation), None)),
            Channel::Email => {}
        }
    }
    if is_vai {
        actions.push((Action::TellVai(News::Canceled), None));
        let about_time = end.reason.as_ref().is_some_and(|reason| settings.is_about_time(reason.expose()));
        if end.by == CanceledBy::Invitee && about_time {
            actions.push((Action::OfferHelp, None));
        }
    }
    actions
}
