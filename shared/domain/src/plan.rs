//! What a booking's state calls for. Nothing here remembers what was done already: the commands' ids do that.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};

use crate::booking::{Booking, BookingState};
use crate::command::{Command, State};
use crate::destinations::{Action, CalendlyAction, Context, MessageAction, News, VaiAction, no_show_hour};
use crate::leg::{CanceledBy, Cancellation, Leg};
use crate::message::{Message, Notice};
use crate::personal::Private;
use crate::provider::Channel;
use crate::reason::Reason;
use crate::settings::Settings;
use crate::time;

/// Every command that the booking's present state calls for, each open, or skipped with its reason. Of the commands
/// that exist (`known`), only what became of an SMS matters: an e-mail may have to replace it.
pub(crate) fn plan_commands(booking: &Booking, known: &[Command], settings: &Settings, now: Timestamp) -> Vec<Command> {
    let Some((leg, actions)) = planned_actions(booking, settings) else { return Vec::new() };
    let context = Context { booking, leg: &leg, passed_over: &[], settings, now };
    let mut commands: Vec<_> = actions.into_iter().map(|(action, at)| plan_command(&context, action, at)).collect();
    if settings.email_instead_of_sms {
        let fallbacks: Vec<_> =
            commands.iter().filter_map(|sms| plan_email_fallback(&context, sms, known, &commands)).collect();
        commands.extend(fallbacks);
    }
    let cancel = |leg: &Leg| {
        Command::new(&booking.id, CalendlyAction::CancelEvent, leg.invitee.clone(), leg.details.start, None)
    };
    commands.extend(booking.legs_to_cancel().map(cancel));
    commands
}

/// The command for an action that is meant for an hour, or for now.
fn plan_command(context: &Context<'_>, action: Action, at: Option<Timestamp>) -> Command {
    let Context { booking, leg, settings, now, .. } = *context;
    let hour = at.map(|at| action.hour_outside_quiet_hours(leg, at, settings, now));
    let skip = match (at, &hour) {
        _ if action == CalendlyAction::FetchMissingHalf.into() => None,
        _ if !settings.acts_on(leg) => Some(Reason::EventTypeIgnored),
        (Some(at), _) if at <= now && !is_useful_late(&action) => Some(Reason::PastOffset),
        (_, Some(Err(reason))) => Some(*reason),
        _ => action.check(context).err(),
    };
    let at = hour.and_then(Result::ok).or(at);
    let command = Command::new(&booking.id, action, leg.invitee.clone(), leg.details.start, at);
    match skip {
        Some(reason) => command.with_state(State::Skipped { reason }, now, Some(reason), None),
        None => command,
    }
}

/// How long after an SMS has failed an e-mail may replace it.
const FALLBACK_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// The e-mail that replaces an SMS, if one should and can.
fn plan_email_fallback(
    context: &Context<'_>,
    sms: &Command,
    known: &[Command],
    planned: &[Command],
) -> Option<Command> {
    let Context { booking, leg, settings, now, .. } = *context;
    let action = sms.action.by_email().filter(|email| planned.iter().all(|it| it.action != *email))?;
    if let Action::Message(MessageAction::EmailHost(_, host)) = &action
        && settings.host(host.expose()).is_none_or(|contact| !contact.email)
    {
        return None;
    }
    let sms = known.iter().find(|it| it.id == sms.id).unwrap_or(sms);
    let (since, reason) = sms.email_fallback()?;
    // If the SMS was never tried, the e-mail waits for the same hour; if it was, the e-mail goes out now.
    let is_untried = matches!(sms.state, State::Skipped { .. });
    let at = sms.not_before.filter(|at| is_untried && *at > now);
    let email = Command::new(&booking.id, action, leg.invitee.clone(), leg.details.start, at);
    if let Some(existing) = known.iter().find(|it| it.id == email.id) {
        return Some(existing.clone());
    }
    let is_recent = now < time::add(since, FALLBACK_WITHIN);
    (is_recent && email.action.check(context).is_ok()).then(|| email.mark_as_fallback(now, reason))
}

/// Whether an action is of use though its hour has just passed.
fn is_useful_late(action: &Action) -> bool {
    matches!(action.message(), Some(Message::NoShow | Message::NotBooked))
}

/// An action and its hour; `None` is at once.
type Planned = (Action, Option<Timestamp>);

/// What a booking's state calls for, and the leg that it is about.
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

/// A message by each of its channels.
fn by_channel(message: Message, leg: &Leg, settings: &Settings) -> impl Iterator<Item = Action> {
    settings.channels_of(message, leg).iter().map(move |channel| match channel {
        Channel::Sms => MessageAction::Sms(message).into(),
        Channel::Email => MessageAction::Email(message).into(),
    })
}

/// How many hosts are notified. With two channels each, the commands for a meeting fit into one decision: see
/// `MOST_COMMANDS`.
const MOST_HOSTS: usize = 6;

/// The notices to the hosts that have a contact in the settings; where none has, to the one phone for all.
fn host_notices(notice: Notice, leg: &Leg, settings: &Settings) -> impl Iterator<Item = Planned> {
    let channels = settings.channels_of(Message::HostNotice(notice), leg);
    let (by_sms, by_email) = (channels.contains(&Channel::Sms), channels.contains(&Channel::Email));
    let mut actions: Vec<Action> = Vec::new();
    for host in leg.details.hosts.iter().take(MOST_HOSTS) {
        let Some(contact) = settings.host(host.email.expose()) else { continue };
        if by_sms && contact.phone.is_some() {
            actions.push(MessageAction::SmsHost(notice, host.email.clone()).into());
        }
        // A host without a phone gets the e-mail in place of the SMS.
        if contact.email && (by_email || by_sms && contact.phone.is_none()) {
            actions.push(MessageAction::EmailHost(notice, host.email.clone()).into());
        }
    }
    if actions.is_empty() && settings.host_phone.is_some() && by_sms {
        actions.push(MessageAction::SmsHost(notice, Private::default()).into());
    }
    actions.into_iter().map(|action| (action, None))
}

/// How long the agent has to book after all, before the invitee is told that it could not.
const NOT_BOOKED_AFTER_MINUTES: u32 = 10;

/// A meeting that was asked for and never made.
fn plan_not_booked(leg: &Leg, since: Timestamp, settings: &Settings) -> Vec<Planned> {
    let at = time::minutes_after(since, NOT_BOOKED_AFTER_MINUTES);
    by_channel(Message::NotBooked, leg, settings).map(|action| (action, Some(at))).collect()
}

/// How long the new half of a move may take to arrive before Calendly is asked for it. Calendly sends both halves at
/// once; one that comes later is a retry.
const FETCH_MISSING_HALF_AFTER_MINUTES: u32 = 10;

/// A move of which only the old half is known. Nobody is told anything until the new half is.
fn plan_incomplete_move(leg: &Leg) -> Vec<Planned> {
    let moved_at = leg.canceled.as_ref().map_or(leg.details.as_of, |end| end.at);
    let at = time::minutes_after(moved_at, FETCH_MISSING_HALF_AFTER_MINUTES);
    vec![(CalendlyAction::FetchMissingHalf.into(), Some(at))]
}

/// A meeting that is on: the news that it was booked, or moved here; then what comes before and after it.
fn plan_meeting(booking: &Booking, leg: &Leg, settings: &Settings) -> Vec<Planned> {
    let is_vai = booking.metadata.is_some();
    let is_moved = booking.was_moved_to(leg);
    let (start, end) = (leg.details.start, leg.details.end);
    let mut planned = Vec::new();
    let mut send = |message, at| planned.extend(by_channel(message, leg, settings).map(|action| (action, at)));
    send(if is_moved { Message::Move } else { Message::Confirmation }, None);
    for &minutes_before in settings.reminders_of(leg) {
        send(Message::Reminder { minutes_before }, Some(time::minutes_before(start, minutes_before)));
    }
    if !leg.is_reconfirmed() {
        for &minutes_before in settings.reconfirmations_of(leg) {
            send(Message::Reconfirmation { minutes_before }, Some(time::minutes_before(start, minutes_before)));
        }
    }
    for &minutes_after in settings.follow_ups_of(leg) {
        send(Message::FollowUp { minutes_after }, Some(time::minutes_after(end, minutes_after)));
    }
    if let Some(hour) = no_show_hour(leg, settings) {
        send(Message::NoShow, Some(hour));
    }
    planned.extend(host_notices(if is_moved { Notice::Moved } else { Notice::Booked }, leg, settings));
    if is_vai && booking.was_booked_by_us(leg) && !is_moved {
        planned.push((VaiAction::SendNews(News::Booked).into(), None));
    }
    if is_vai {
        let news = if is_moved { News::Rescheduled } else { News::Confirmed };
        planned.push((VaiAction::SendNews(news).into(), None));
    }
    planned
}

/// A meeting that is canceled.
fn plan_cancellation(booking: &Booking, leg: &Leg, end: &Cancellation, settings: &Settings) -> Vec<Planned> {
    let mut planned: Vec<Planned> =
        by_channel(Message::Cancellation, leg, settings).map(|action| (action, None)).collect();
    // A host is not notified of what the host has done. Calendly takes what VAI's agent does for the host's doing.
    let by_agent = booking.cancel_requests().contains_key(&leg.invitee);
    if by_agent || end.by != CanceledBy::Host {
        planned.extend(host_notices(Notice::Canceled, leg, settings));
    }
    if booking.metadata.is_some() {
        planned.push((VaiAction::SendNews(News::Canceled).into(), None));
        let is_about_time = end.reason.as_ref().is_some_and(|reason| settings.is_about_time(reason.expose()));
        if end.by == CanceledBy::Invitee && is_about_time {
            planned.push((VaiAction::OfferHelp.into(), None));
        }
    }
    planned
}
