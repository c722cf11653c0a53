//! What a booking wants done, read off where it stands. Nothing here remembers what was done already: the command's id
//! does that.

use jiff::Timestamp;

use crate::booking::Standing;
use crate::compose::{after, before, compose};
use crate::settings::Channel;
use crate::{Action, Booking, CanceledBy, Cancellation, Command, Leg, Message, News, Reason, Settings, State};

/// Every command that the booking's present standing calls for, each open or skipped with its reason.
pub(crate) fn wanted(booking: &Booking, settings: &Settings, now: Timestamp) -> Vec<Command> {
    let (leg, actions) = match booking.standing() {
        None => return Vec::new(),
        Some(Standing::Moving(leg)) => (leg, of_half_a_move(leg)),
        Some(Standing::Active(leg)) => (leg, of_meeting(booking, leg, settings)),
        Some(Standing::Canceled(leg, end)) => (leg, of_cancellation(booking, leg, end, settings)),
    };
    let errands = booking
        .to_be_canceled()
        .map(|old| Command::new(&booking.id, Action::Cancel, old.invitee.clone(), old.details.start, None));
    let command = |(action, at): (Action, Option<Timestamp>)| {
        let skip = match at {
            _ if action == Action::Heal => None,
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
    actions.into_iter().map(command).chain(errands).collect()
}

fn by_channel(message: Message, leg: &Leg, settings: &Settings) -> impl Iterator<Item = Action> {
    settings.channels_of(message, leg).iter().map(move |channel| match channel {
        Channel::Sms => Action::Text(message),
        Channel::Email => Action::Mail(message),
    })
}

/// How long the new half of a move may take to arrive before Calendly is asked for it. Both halves are sent at once;
/// what comes later is a retry.
const HEAL_AFTER_MINUTES: u32 = 10;

/// Only the old half of a move is known. Nobody is told anything until the new half is.
fn of_half_a_move(leg: &Leg) -> Vec<(Action, Option<Timestamp>)> {
    let moved_at = leg.canceled.as_ref().map_or(leg.details.as_of, |end| end.at);
    vec![(Action::Heal, Some(after(moved_at, HEAL_AFTER_MINUTES)))]
}

/// A meeting that is on: it was booked, or moved here; then what comes before and after it.
fn of_meeting(booking: &Booking, leg: &Leg, settings: &Settings) -> Vec<(Action, Option<Timestamp>)> {
    let is_vai = booking.metadata.is_some();
    let moved = booking.was_moved_to(leg);
    let mut actions = Vec::new();
    let mut say = |message, at| actions.extend(by_channel(message, leg, settings).map(|action| (action, at)));
    say(if moved { Message::Move } else { Message::Confirmation }, None);
    for &minutes_before in settings.reminders_of(leg) {
        say(Message::Reminder { minutes_before }, Some(before(leg.details.start, minutes_before)));
    }
    for &minutes_after in settings.follow_ups_of(leg) {
        say(Message::FollowUp { minutes_after }, Some(after(leg.details.end, minutes_after)));
    }
    if is_vai && booking.was_requested(leg) && !moved {
        actions.push((Action::TellVai(News::Booked), None));
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
    actions.extend(by_channel(Message::Cancellation, leg, settings).map(|action| (action, None)));
    if is_vai {
        actions.push((Action::TellVai(News::Canceled), None));
        let about_time = end.reason.as_ref().is_some_and(|reason| settings.is_about_time(reason.expose()));
        if end.by == CanceledBy::Invitee && about_time {
            actions.push((Action::OfferHelp, None));
        }
    }
    actions
}
