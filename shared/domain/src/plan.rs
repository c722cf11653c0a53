//! The commands that a booking's state requires. This has no memory: commands that exist are recognized by their ids.

use std::borrow::Cow;

use events::EventType;
use jiff::{SignedDuration, Timestamp};
use stranger::Unchanged;

use crate::booking::{Booking, BookingState};
use crate::command::{Command, State};
use crate::crm_contact::MeetingStatus;
use crate::destinations::{
    Action, CONTACT_LATENESS, CalendlyAction, Context, CrmAction, CrmEvent, EVENT_LATENESS, MessageAction, News,
    PublishAction, VaiAction, completion_time, compose_consent, meeting_status, no_show_time, wants_event,
};
use crate::leg::{CanceledBy, Cancellation, Leg};
use crate::message::{Message, Notice};
use crate::personal::Private;
use crate::provider::Channel;
use crate::publication::leg_events;
use crate::reason::Reason;
use crate::settings::{CalendarFile, Occasion, Settings};
use crate::time;

/// Returns every command that the booking's state requires. Each is open, or skipped with a reason. `known` has the
/// commands that exist. It is used only to see whether an e-mail must replace an SMS.
pub(crate) fn plan_commands(booking: &Booking, known: &[Command], settings: &Settings, now: Timestamp) -> Vec<Command> {
    let Some((leg, mut actions)) = planned_actions(booking, settings) else { return Vec::new() };
    let calendar = find_sent_calendar(known);
    if let Some(email) = calendar.and_then(|_| calendar_change(booking)).map(|it| MessageAction::Email(it).into())
        && actions.iter().all(|(action, _)| *action != email)
    {
        actions.push((email, None));
    }
    let context = Context { booking, leg: &leg, passed_over: &[], turn: 0, calendar, settings, now };
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

/// Returns the calendar file that the invitee has: that of the booking's latest e-mail with one.
pub fn find_sent_calendar(commands: &[Command]) -> Option<CalendarFile> {
    let sent = commands.iter().filter_map(|it| Some((it.history.last()?.at, it.sent_calendar()?)));
    sent.max_by_key(|(at, _)| *at).map(|(_, calendar)| calendar)
}

/// Returns the message that changes or removes the meeting in the invitee's calendar. Whoever has the file gets it by
/// e-mail, whatever the channels of the message are.
fn calendar_change(booking: &Booking) -> Option<Message> {
    match booking.state()? {
        BookingState::Active(leg) if booking.is_to_be_canceled(leg) => None,
        BookingState::Active(leg) => booking.was_moved_to(leg).then_some(Message::Move),
        BookingState::Canceled(..) => Some(Message::Cancellation),
        BookingState::Moving(_) => None,
    }
}

/// Returns the command for an action with its planned time; `None` is now.
fn plan_command(context: &Context<'_>, action: Action, at: Option<Timestamp>) -> Command {
    let Context { booking, leg, settings, now, .. } = *context;
    let hour = at.map(|at| action.time_outside_quiet_hours((booking, leg), at, settings, now));
    let skip = match (at, &hour) {
        _ if action == CalendlyAction::FetchMissingHalf.into() => None,
        _ if !settings.acts_on(leg) => settings.reason_to_ignore(leg),
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

/// How long after the failure of an SMS an e-mail may replace it.
const FALLBACK_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// Returns the e-mail that replaces an SMS, or that has the links which the SMS may not have, if it is wanted and
/// possible.
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
    // An SMS that was skipped may be planned again: then it needs no replacement.
    let is_wanted_again = |row: &Command| sms.state == State::Open && row.may_be_reopened(now);
    let row = known.iter().find(|it| it.id == sms.id && !is_wanted_again(it));
    let withholds_links = || sms.action.withholds_links(context);
    let (since, reason) = match row.unwrap_or(sms).email_fallback() {
        Some(fallback) => fallback,
        // An SMS that was sent, or is being sent, keeps the e-mail that it has, and gets none because of new settings.
        None if row.map_or(sms.state == State::Open, |row| row.accepts_email(now)) && withholds_links() => {
            (now, Reason::CountryLinks)
        }
        None => {
            let email = action.command_id(&booking.id, &leg.invitee, leg.details.start);
            return known.iter().find(|it| it.id == email && it.is_fallback() && withholds_links()).cloned();
        }
    };
    let sms = row.unwrap_or(sms);
    // If the SMS was never tried, the e-mail is sent at the same time; otherwise it is sent now.
    let is_untried = matches!(sms.state, State::Skipped { .. } | State::Open | State::Waiting);
    let at = sms.not_before.filter(|at| is_untried && *at > now);
    let email = Command::new(&booking.id, action, leg.invitee.clone(), leg.details.start, at);
    if let Some(existing) = known.iter().find(|it| it.id == email.id) {
        let is_needed_again = reason == Reason::CountryLinks && at.is_some() && existing.may_be_reopened(now);
        if !is_needed_again {
            return Some(existing.clone());
        }
    }
    let is_recent = now < time::add(since, FALLBACK_WITHIN);
    (is_recent && email.action.check(context).is_ok()).then(|| email.mark_as_fallback(now, reason))
}

/// Returns whether an action is still useful after its planned time.
fn is_useful_late(action: &Action) -> bool {
    *action == PublishAction::Completion.into()
        || matches!(action.message(), Some(Message::NoShow | Message::NotBooked))
}

/// An action and its planned time; `None` is now.
type Planned = (Action, Option<Timestamp>);

/// Returns the actions that a booking's state requires, and their leg.
fn planned_actions<'a>(booking: &'a Booking, settings: &Settings) -> Option<(Cow<'a, Leg>, Vec<Planned>)> {
    Some(match booking.state() {
        None => {
            let (leg, since) = booking.failed_request()?;
            let occasion = Occasion { message: Message::NotBooked, leg: &leg, source: booking.source() };
            let actions = plan_not_booked(occasion, since, settings);
            (Cow::Owned(leg), actions)
        }
        Some(BookingState::Moving(leg)) => (Cow::Borrowed(leg), plan_incomplete_move(booking, leg)),
        Some(BookingState::Active(leg)) => (Cow::Borrowed(leg), plan_meeting(booking, leg, settings)),
        Some(BookingState::Canceled(leg, end)) => (Cow::Borrowed(leg), plan_cancellation(booking, leg, end, settings)),
    })
}

/// Returns the actions that send a message, one for each of its channels.
fn by_channel(occasion: Occasion<'_>, settings: &Settings) -> impl Iterator<Item = Action> {
    let message = occasion.message;
    settings.channels_of(occasion).iter().map(move |channel| match channel {
        Channel::Sms => MessageAction::Sms(message).into(),
        Channel::Email => MessageAction::Email(message).into(),
    })
}

/// The most hosts that are notified. With two channels each, the commands for a meeting fit into one decision: see
/// `MOST_COMMANDS`.
const MOST_HOSTS: usize = 6;

/// Returns the notices to the hosts that have a contact in the settings, or else to the phone number for all hosts.
fn host_notices(notice: Notice, booking: &Booking, leg: &Leg, settings: &Settings) -> impl Iterator<Item = Planned> {
    let message = Message::HostNotice(notice);
    let channels = settings.channels_of(Occasion { message, leg, source: booking.source() });
    let (by_sms, by_email) = (channels.contains(&Channel::Sms), channels.contains(&Channel::Email));
    let mut actions: Vec<Action> = Vec::new();
    for host in leg.details.hosts.iter().filter_map(|host| host.email.as_ref()).take(MOST_HOSTS) {
        let Some(contact) = settings.host(host.expose()) else { continue };
        if by_sms && contact.phone.is_some() {
            actions.push(MessageAction::SmsHost(notice, host.clone()).into());
        }
        // A host without a phone number gets an e-mail instead of the SMS.
        if contact.email && (by_email || by_sms && contact.phone.is_none()) {
            actions.push(MessageAction::EmailHost(notice, host.clone()).into());
        }
    }
    if actions.is_empty() && settings.host_phone.is_some() && by_sms {
        actions.push(MessageAction::SmsHost(notice, Private::default()).into());
    }
    actions.into_iter().map(|action| (action, None))
}

/// The time in which the agent may still book or move, before anybody is informed that nothing happened.
const NOT_BOOKED_AFTER_MINUTES: u32 = 10;

/// Plans the messages for a request that was not booked.
fn plan_not_booked(occasion: Occasion<'_>, since: Timestamp, settings: &Settings) -> Vec<Planned> {
    let at = time::minutes_after(since, NOT_BOOKED_AFTER_MINUTES);
    by_channel(occasion, settings).map(|action| (action, Some(at))).collect()
}

/// The time in which the new half of a move may arrive before it is fetched from Calendly. Calendly sends both halves
/// at the same time; a later one is a retry.
const FETCH_MISSING_HALF_AFTER_MINUTES: u32 = 10;

/// Plans for a move of which only the old half is known. No messages are sent before the new half is known.
fn plan_incomplete_move(booking: &Booking, leg: &Leg) -> Vec<Planned> {
    // It goes on as another booking.
    if leg.next.as_ref().is_some_and(|next| booking.elsewhere().contains_key(next)) {
        return Vec::new();
    }
    let moved_at = leg.canceled.as_ref().map_or(leg.details.as_of, |end| end.at);
    let at = time::minutes_after(moved_at, FETCH_MISSING_HALF_AFTER_MINUTES);
    vec![(CalendlyAction::FetchMissingHalf.into(), Some(at))]
}

/// Plans for an active meeting: the confirmation or the news of the move, then the messages before and after the
/// meeting.
fn plan_meeting(booking: &Booking, leg: &Leg, settings: &Settings) -> Vec<Planned> {
    let is_vai = booking.metadata.is_some();
    let is_moved = booking.was_moved_to(leg);
    let (start, end) = (leg.details.start, leg.details.end);
    let mut planned = Vec::new();
    let mut send = |message, at| {
        let occasion = Occasion { message, leg, source: booking.source() };
        planned.extend(by_channel(occasion, settings).map(|action| (action, at)));
    };
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
    if let Some(hour) = no_show_time(leg, settings) {
        send(Message::NoShow, Some(hour));
    }
    planned.extend(host_notices(if is_moved { Notice::Moved } else { Notice::Booked }, booking, leg, settings));
    if is_vai && booking.was_booked_by_us(leg) && !is_moved {
        planned.push((VaiAction::SendNews(News::Booked).into(), None));
    }
    if is_vai {
        let news = if is_moved { News::Rescheduled } else { News::Confirmed };
        planned.push((VaiAction::SendNews(news).into(), None));
    }
    if let Some((token, since)) = booking.failed_move(leg).filter(|_| is_vai) {
        let at = time::minutes_after(since, NOT_BOOKED_AFTER_MINUTES);
        planned.push((VaiAction::ReportFailedMove(token.clone()).into(), Some(at)));
    }
    // Nobody is told anything about a meeting that somebody has asked to cancel, although Calendly still has it.
    if booking.is_to_be_canceled(leg) {
        planned.retain(|(action, _): &Planned| action.message().is_none());
    }
    if settings.publishes || settings.crm.is_some() {
        planned.push((PublishAction::Completion.into(), Some(completion_time(end))));
    }
    planned
}

/// Plans for a canceled meeting.
fn plan_cancellation(booking: &Booking, leg: &Leg, end: &Cancellation, settings: &Settings) -> Vec<Planned> {
    let occasion = Occasion { message: Message::Cancellation, leg, source: booking.source() };
    let mut planned: Vec<Planned> = by_channel(occasion, settings).map(|action| (action, None)).collect();
    // A host is not notified of the host's own cancellation. Calendly attributes a cancellation by VAI's agent to the
    // host.
    let by_agent = booking.cancel_requests().contains_key(&leg.invitee);
    if by_agent || end.by != CanceledBy::Host {
        planned.extend(host_notices(Notice::Canceled, booking, leg, settings));
    }
    if booking.metadata.is_some() {
        planned.push((VaiAction::SendNews(News::Canceled).into(), None));
        let is_about_time =
            end.reason.as_ref().is_some_and(|reason| settings.is_about_time(reason.unchanged(Unchanged::Comparison)));
        if end.by == CanceledBy::Invitee && is_about_time {
            planned.push((VaiAction::OfferHelp.into(), None));
        }
    }
    planned
}

/// Returns the commands for the CRM: the contact in its present state, and every event that is not too old. They follow
/// from the booking alone, so the order of arrival does not matter.
pub(crate) fn plan_crm(booking: &Booking, settings: &Settings, now: Timestamp) -> Vec<Command> {
    let Some(crm) = &settings.crm else { return Vec::new() };
    let mut planned: Vec<(CrmAction, &Leg, Timestamp)> = Vec::new();
    let Some(current) = booking.current_leg() else { return Vec::new() };
    let context = Context { booking, leg: current, passed_over: &[], turn: 0, calendar: None, settings, now };
    let status = meeting_status(&context);
    if let Some((leg, status, changed_at)) = status {
        let is_wanted = crm.contacts && (crm.cancellations || status != MeetingStatus::Canceled);
        if is_wanted && now <= time::add(changed_at, CONTACT_LATENESS) {
            planned.push((CrmAction::SyncContact { changed_at }, leg, changed_at));
        }
    }
    let completed = status.filter(|(_, status, _)| *status == MeetingStatus::Completed);
    let completed = completed.map(|(leg, _, changed_at)| (CrmEvent::MeetingCompleted, leg, changed_at));
    let others = booking.legs().into_iter().flat_map(|leg| {
        leg_events(booking, leg).into_iter().filter_map(move |(kind, at)| Some((crm_event(kind)?, leg, at)))
    });
    for (event, leg, at) in others.chain(completed) {
        let is_fresh = now <= time::add(at, EVENT_LATENESS) && !booking.happened_before_import(at);
        if is_fresh && wants_event(crm, event) {
            planned.push((CrmAction::SendEvent { event, at }, leg, at));
        }
        let is_beginning = matches!(event, CrmEvent::BookingCreated | CrmEvent::BookingMoved);
        let is_ahead = leg.canceled.is_none() && now < leg.details.end;
        if is_beginning && is_fresh && is_ahead && crm.contacts && compose_consent(leg, crm).is_some() {
            planned.push((CrmAction::AskConsent, leg, at));
        }
    }
    let acted_on = planned.into_iter().filter(|(_, leg, _)| settings.acts_on(leg));
    acted_on
        .map(|(action, leg, at)| {
            Command::new(&booking.id, action, leg.invitee.clone(), leg.details.start, Some(at.min(now)))
        })
        .collect()
}

/// Returns the CRM's event for an event of a leg.
fn crm_event(kind: EventType) -> Option<CrmEvent> {
    match kind {
        EventType::BookingCreated => Some(CrmEvent::BookingCreated),
        EventType::BookingRescheduled => Some(CrmEvent::BookingMoved),
        EventType::BookingCanceled => Some(CrmEvent::BookingCanceled),
        EventType::BookingNoShow => Some(CrmEvent::NoShow),
        _ => None,
    }
}
