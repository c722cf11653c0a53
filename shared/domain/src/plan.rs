//! What a booking wants done, read off where it stands. Nothing here remembers what was done already: the command's id
//! does that.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};

use crate::booking::BookingState;
use crate::compose::{after, before, compose, is_reconfirmed, no_show_hour, postponed};
use crate::settings::Channel;
use crate::{
    Action, Booking, CanceledBy, Cancellation, Command, Leg, Message, News, Notice, Private, Reason, Settings, State,
};

/// Every command that the booking's present standing calls for, each open or skipped with its reason. Of the commands
/// there are (`known`), only what became of an SMS matters: an e-mail may have to take its place.
pub(crate) fn plan_commands(booking: &Booking, known: &[Command], settings: &Settings, now: Timestamp) -> Vec<Command> {
    let Some((leg, actions)) = planned_actions(booking, settings) else { return Vec::new() };
    let errands = booking
        .legs_to_cancel()
        .map(|old| Command::new(&booking.id, Action::Cancel, old.invitee.clone(), old.details.start, None));
    let command = |action: Action, at: Option<Timestamp>| {
        let hour = at.map(|at| postponed(&leg, &action, at, settings, now));
        let skip = match (at, &hour) {
            _ if action == Action::FetchMissingHalf => None,
            _ if !settings.acts_on(&leg) => Some(Reason::EventTypeIgnored),
            (Some(at), _) if at <= now && !is_worth_doing_late(&action) => Some(Reason::PastOffset),
            (_, Some(Err(reason))) => Some(*reason),
            _ => compose(booking, &leg, &action, &[], settings, now).err(),
        };
        let at = hour.and_then(Result::ok).or(at);
        let command = Command::new(&booking.id, action, leg.invitee.clone(), leg.details.start, at);
        match skip {
            Some(reason) => command.with_state(State::Skipped { reason }, now, Some(reason), None),
            None => command,
        }
    };
    let mut wanted: Vec<_> = actions.into_iter().map(|(action, at)| command(action, at)).collect();
    if settings.email_instead_of_sms {
        let instead: Vec<_> = wanted
            .iter()
            .filter_map(|text| plan_email_fallback(text, booking, &leg, known, &wanted, settings, now))
            .collect();
        wanted.extend(instead);
    }
    wanted.extend(errands);
    wanted
}

/// For how long after an SMS has failed an e-mail may take its place.
const FALLBACK_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// The e-mail that takes an SMS's place, if one should and can.
fn plan_email_fallback(
    text: &Command,
    booking: &Booking,
    leg: &Leg,
    known: &[Command],
    wanted: &[Command],
    settings: &Settings,
    now: Timestamp,
) -> Option<Command> {
    let action = text.action.by_email().filter(|mail| wanted.iter().all(|it| it.action != *mail))?;
    if let Action::EmailHost(_, host) = &action
        && settings.host(host.expose()).is_none_or(|contact| !contact.email)
    {
        return None;
    }
    let state = known.iter().find(|it| it.id == text.id).unwrap_or(text);
    let (since, reason) = state.email_fallback()?;
    // One that never had its hour waits for it; one that was tried goes out now.
    let is_untried = matches!(state.state, State::Skipped { .. });
    let at = state.not_before.filter(|at| is_untried && *at > now);
    let mail = Command::new(&booking.id, action, leg.invitee.clone(), leg.details.start, at);
    if let Some(there) = known.iter().find(|it| it.id == mail.id) {
        return Some(there.clone());
    }
    let is_recent = now < since.saturating_add(FALLBACK_WITHIN).unwrap_or(since);
    let can = is_recent && compose(booking, leg, &mail.action, &[], settings, now).is_ok();
    can.then(|| mail.as_fallback(now, reason))
}

/// What is of use though its hour has just passed.
fn is_worth_doing_late(action: &Action) -> bool {
    matches!(action.message(), Some(Message::NoShow | Message::NotBooked))
}

/// An action and its hour; at once, where it has none.
type Planned = (Action, Option<Timestamp>);

/// What a booking's standing calls for, and the leg that it is about.
fn planned_actions<'a>(booking: &'a Booking, settings: &Settings) -> Option<(Cow<'a, Leg>, Vec<Planned>)> {
    Some(match booking.state() {
        None => {
            let (leg, since) = booking.failed_request()?;
            let actions = plan_not_booked(&leg, since, settings);
            (Cow::Owned(leg), actions)
        }
        Some(BookingState::Moving(leg)) => (Cow::Borrowed(leg), plan_incomplete_move(leg)),
        Some(BookingState::Active(leg)) => (Cow::Borrowed(leg), plan_meeting(booking, leg, settings)),
        Some(BookingState::Canceled(leg, end)) => (Cow::Borrowed(leg), plan_cancellation(booking, leg, end, settings)),
    })
}

fn by_channel(message: Message, leg: &Leg, settings: &Settings) -> impl Iterator<Item = Action> {
    settings.channels_of(message, leg).iter().map(move |channel| match channel {
        Channel::Sms => Action::Sms(message),
        Channel::Email => Action::Email(message),
    })
}

/// A decision is one transaction, of at most 100 rows.
const MOST_HOSTS: usize = 6;

/// The notices to the hosts that have a contact; where none has, to the one phone for all.
fn host_notices(notice: Notice, leg: &Leg, settings: &Settings) -> Vec<Action> {
    let channels = settings.channels_of(Message::HostNotice(notice), leg);
    let mut actions = Vec::new();
    for host in leg.details.hosts.iter().take(MOST_HOSTS) {
        let Some(contact) = settings.host(host.email.expose()) else { continue };
        let (texts, mails) = (channels.contains(&Channel::Sms), channels.contains(&Channel::Email));
        if texts && contact.phone.is_some() {
            actions.push(Action::SmsHost(notice, host.email.clone()));
        }
        // Where there is nothing else, the e-mail is the notice.
        if contact.email && (mails || texts && contact.phone.is_none()) {
            actions.push(Action::EmailHost(notice, host.email.clone()));
        }
    }
    if actions.is_empty() && settings.host_phone.is_some() && channels.contains(&Channel::Sms) {
        actions.push(Action::SmsHost(notice, Private::default()));
    }
    actions
}

/// How long the agent has to book after all, before the invitee is told that it could not.
const NOT_BOOKED_AFTER_MINUTES: u32 = 10;

/// What was asked for, and never came to be.
fn plan_not_booked(leg: &Leg, since: Timestamp, settings: &Settings) -> Vec<Planned> {
    let at = after(since, NOT_BOOKED_AFTER_MINUTES);
    by_channel(Message::NotBooked, leg, settings).map(|action| (action, Some(at))).collect()
}

/// How long the new half of a move may take to arrive before Calendly is asked for it. Both halves are sent at once;
/// what comes later is a retry.
const FETCH_MISSING_HALF_AFTER_MINUTES: u32 = 10;

/// Only the old half of a move is known. Nobody is told anything until the new half is.
fn plan_incomplete_move(leg: &Leg) -> Vec<Planned> {
    let moved_at = leg.canceled.as_ref().map_or(leg.details.as_of, |end| end.at);
    vec![(Action::FetchMissingHalf, Some(after(moved_at, FETCH_MISSING_HALF_AFTER_MINUTES)))]
}

/// A meeting that is on: it was booked, or moved here; then what comes before and after it.
fn plan_meeting(booking: &Booking, leg: &Leg, settings: &Settings) -> Vec<Planned> {
    let is_vai = booking.metadata.is_some();
    let moved = booking.was_moved_to(leg);
    let mut actions = Vec::new();
    let mut say = |message, at| actions.extend(by_channel(message, leg, settings).map(|action| (action, at)));
    say(if moved { Message::Move } else { Message::Confirmation }, None);
    for &minutes_before in settings.reminders_of(leg) {
        say(Message::Reminder { minutes_before }, Some(before(leg.details.start, minutes_before)));
    }
    if !is_reconfirmed(leg) {
        for &minutes_before in settings.reconfirmations_of(leg) {
            say(Message::Reconfirmation { minutes_before }, Some(before(leg.details.start, minutes_before)));
        }
    }
    for &minutes_after in settings.follow_ups_of(leg) {
        say(Message::FollowUp { minutes_after }, Some(after(leg.details.end, minutes_after)));
    }
    if let Some(hour) = no_show_hour(leg, settings) {
        say(Message::NoShow, Some(hour));
    }
    let notice = if moved { Notice::Moved } else { Notice::Booked };
    actions.extend(host_notices(notice, leg, settings).into_iter().map(|action| (action, None)));
    if is_vai && booking.was_booked_by_us(leg) && !moved {
        actions.push((Action::TellVai(News::Booked), None));
    }
    if is_vai {
        actions.push((Action::TellVai(if moved { News::Rescheduled } else { News::Confirmed }), None));
    }
    actions
}

/// A meeting that is off.
fn plan_cancellation(booking: &Booking, leg: &Leg, end: &Cancellation, settings: &Settings) -> Vec<Planned> {
    let is_vai = booking.metadata.is_some();
    let mut actions = Vec::new();
    actions.extend(by_channel(Message::Cancellation, leg, settings).map(|action| (action, None)));
    // A host need not be told of what the host has done. What VAI's agent does, Calendly takes for the host's doing.
    let by_agent = booking.cancel_requests().contains_key(&leg.invitee);
    if by_agent || end.by != CanceledBy::Host {
        actions.extend(host_notices(Notice::Canceled, leg, settings).into_iter().map(|action| (action, None)));
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
