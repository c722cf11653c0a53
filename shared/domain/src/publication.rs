//! The events about a booking that customers' systems get: which ones it has, what they say, and their log.
//!
//! Which events a booking has follows from the booking and its commands, so the order of arrival does not matter. A
//! decision appends those that are not in the log yet.

use std::borrow::Cow;
use std::collections::BTreeSet;

use events::{
    BookingData, BookingPart, BookingStatus, CancellationPart, Channel, Event, EventType, FailurePart, HostPart,
    InviteePart, NotificationData, NotificationPart, PreviousPart, ReminderPart, ReplyMeaning, ReplyPart, TrackingPart,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stranger::StrangerText;

use crate::booking::{Booking, BookingState};
use crate::command::{Change, Command, State};
use crate::destinations::{Action, Context, MessageAction, PublishAction, choose_phone, completion_time};
use crate::ids::{CommandId, digest, uri_uuid};
use crate::leg::{CanceledBy, Leg};
use crate::message::Message;
use crate::reason::Reason;
use crate::settings::Settings;

/// The most events in one decision. More follow in the next one.
pub(crate) const MOST_EVENTS: usize = 16;

/// The longest text of a reply that an event has, in characters.
const LONGEST_REPLY: usize = 2_000;

/// The longest other text of a stranger that an event has, in characters.
const LONGEST_TEXT: usize = 2_000;

/// The longest name that an event has, in characters.
const LONGEST_LABEL: usize = 250;

/// What a decision must know of the log of a booking's events.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct EventLog {
    /// The number of the last event; 0 if there is none.
    pub last: u64,
    /// The ids of the events in the log, and of those that happened while the connection had no endpoint.
    pub known: BTreeSet<String>,
}

/// A person's reply to a message, for an event. Its words are stored only in that event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReplyRecord {
    /// The command that sent the message.
    pub command: CommandId,
    /// The words.
    pub text: StrangerText,
    /// What it means for further messages.
    pub meaning: ReplyMeaning,
    /// When it arrived.
    pub at: Timestamp,
}

/// The events that a decision appends.
pub(crate) struct Appended {
    /// The new events with their numbers.
    pub(crate) events: Vec<(u64, Event)>,
    /// The log after them; `None` if the connection never had an endpoint.
    pub(crate) log: Option<EventLog>,
    /// The command that tells of them.
    pub(crate) command: Option<Command>,
    /// Whether more events are to be appended.
    pub(crate) is_partial: bool,
}

/// Returns the log of a booking; `None` while the connection has no endpoint. For a booking that was made before the
/// connection had one, everything that has happened counts as known.
pub(crate) fn log_of(
    stored: Option<&EventLog>,
    revision: u64,
    booking: &Booking,
    commands: &[Command],
    settings: &Settings,
) -> Option<EventLog> {
    match stored {
        Some(log) => Some(log.clone()),
        None if !settings.publishes => None,
        None if revision == 0 => Some(EventLog::default()),
        None => {
            let known = wanted_events(booking, commands, settings).into_iter().map(|it| it.id).collect();
            Some(EventLog { last: 0, known })
        }
    }
}

/// Appends at most `room` of the events that are not in the log yet. While the connection has no endpoint, they count
/// as known instead.
pub(crate) fn append_events(
    mut log: Option<EventLog>,
    booking: &Booking,
    commands: &[Command],
    reply: Option<&ReplyRecord>,
    settings: &Settings,
    now: Timestamp,
    room: usize,
) -> Appended {
    let (mut events, mut command, mut is_partial) = (Vec::new(), None, false);
    let Some(EventLog { last, known }) = &mut log else { return Appended { events, log, command, is_partial } };
    let mut first_leg = None;
    // A reply comes first, because only this decision has its words.
    let wanted = reply.and_then(|reply| wanted_reply(booking, commands, reply)).into_iter();
    for wanted in wanted.chain(wanted_events(booking, commands, settings)) {
        if !settings.publishes || booking.happened_before_import(wanted.at) {
            known.insert(wanted.id);
        } else if !known.contains(&wanted.id) {
            if events.len() >= room.min(MOST_EVENTS) {
                is_partial = true;
                break;
            }
            known.insert(wanted.id.clone());
            *last += 1;
            first_leg.get_or_insert((wanted.leg.invitee.clone(), wanted.leg.details.start));
            events.push((*last, wanted.compose(booking, settings, now)));
        }
    }
    if let Some(((_, first), (leg, start))) = events.first().zip(first_leg) {
        let told = events.iter().map(|(number, event)| (*number, event.kind)).collect();
        let action = PublishAction::Events { first: first.id.clone(), events: told };
        command = Some(Command::new(&booking.id, action, leg, start, None).mark_as_appended(now));
    }
    Appended { events, log, command, is_partial }
}

/// Returns whether a command that has ended like this is worth an event.
pub fn has_event(command: &Command) -> bool {
    !command_events(command).is_empty()
}

/// An event that a booking has.
struct Wanted<'a> {
    id: String,
    kind: EventType,
    at: Timestamp,
    leg: Cow<'a, Leg>,
    about: About<'a>,
}

/// What an event is about, besides the booking.
enum About<'a> {
    Booking,
    Reminder(ReminderPart),
    Message(&'a Command, &'a MessageAction),
    Failure(&'a Command, &'a MessageAction, FailurePart),
    Reply(&'a Command, &'a MessageAction, ReplyPart),
}

/// Returns every event of a booking, except replies, in the order in which things happened.
fn wanted_events<'a>(booking: &'a Booking, commands: &'a [Command], settings: &Settings) -> Vec<Wanted<'a>> {
    let mut wanted = Vec::new();
    // The messages about a request that was not booked.
    for command in commands.iter().filter(|it| booking.leg(&it.leg).is_none()) {
        if let Some(leg) = booking.leg_for_command(&command.leg).filter(|leg| settings.acts_on(leg)) {
            wanted.extend(message_events(booking, command, leg));
        }
    }
    wanted.sort_by_key(|it| it.at);
    for leg in booking.legs().into_iter().filter(|leg| settings.acts_on(leg)) {
        wanted.push(beginning(booking, leg));
        let mut later = Vec::new();
        later.extend(no_show(booking, leg));
        later.extend(cancellation(booking, leg));
        for command in commands.iter().filter(|it| it.leg == leg.invitee) {
            if command.action == Action::Publish(PublishAction::Completion) {
                later.extend(completion(booking, leg, command));
            }
            later.extend(message_events(booking, command, Cow::Borrowed(leg)));
        }
        later.sort_by_key(|it| it.at);
        wanted.extend(later);
    }
    wanted
}

/// Returns the events of a leg's meeting except its completion, and their times.
pub(crate) fn leg_events(booking: &Booking, leg: &Leg) -> Vec<(EventType, Timestamp)> {
    let events = [Some(beginning(booking, leg)), no_show(booking, leg), cancellation(booking, leg)];
    events.into_iter().flatten().map(|it| (it.kind, it.at)).collect()
}

fn wanted<'a>(booking: &Booking, kind: EventType, of: &[&str], at: Timestamp, leg: &'a Leg) -> Wanted<'a> {
    Wanted { id: event_id(booking, kind, of), kind, at, leg: Cow::Borrowed(leg), about: About::Booking }
}

/// Returns an event's id. It must never change: receivers recognize repetitions by it.
fn event_id(booking: &Booking, kind: EventType, of: &[&str]) -> String {
    format!("evt_{}", digest(&[&["event", booking.id.as_str(), kind.name()], of].concat()))
}

/// Returns the event of a leg's beginning: a booking, or a move.
fn beginning<'a>(booking: &Booking, leg: &'a Leg) -> Wanted<'a> {
    let is_moved = booking.was_moved_to(leg);
    let kind = if is_moved { EventType::BookingRescheduled } else { EventType::BookingCreated };
    // An old leg has no time of its booking. Its details may have changed since.
    let moved_at = booking.before(leg).and_then(|before| before.canceled.as_ref()).map(|end| end.at);
    let known_by = leg.details.as_of.min(leg.canceled.as_ref().map_or(Timestamp::MAX, |end| end.at));
    let at = leg.booked_at.unwrap_or_else(|| moved_at.map_or(known_by, |at| at.min(known_by)));
    wanted(booking, kind, &[leg.invitee.as_str()], at, leg)
}

/// Returns the event of the latest no-show mark. An older mark that arrives later is not told.
fn no_show<'a>(booking: &Booking, leg: &'a Leg) -> Option<Wanted<'a>> {
    let mark = leg.no_show?;
    let kind = if mark.marked { EventType::BookingNoShow } else { EventType::BookingNoShowWithdrawn };
    Some(wanted(booking, kind, &[leg.invitee.as_str(), &mark.at.to_string()], mark.at, leg))
}

/// Returns the event of a cancellation. The old half of a move is none.
fn cancellation<'a>(booking: &Booking, leg: &'a Leg) -> Option<Wanted<'a>> {
    match booking.state()? {
        BookingState::Canceled(current, end) if current.invitee == leg.invitee => {
            Some(wanted(booking, EventType::BookingCanceled, &[leg.invitee.as_str()], end.at, leg))
        }
        BookingState::Active(_) | BookingState::Moving(_) | BookingState::Canceled(..) => None,
    }
}

/// Returns the event of a meeting that took place. Its command is done some time after the end.
fn completion<'a>(booking: &Booking, leg: &'a Leg, command: &Command) -> Option<Wanted<'a>> {
    let is_active = matches!(booking.state()?, BookingState::Active(current) if current.invitee == leg.invitee);
    let is_completed = is_active && !leg.is_no_show() && matches!(command.state, State::Done { .. });
    // The host may have taken a no-show mark back later.
    let at = leg.no_show.map_or(Timestamp::MIN, |mark| mark.at).max(completion_time(leg.details.end));
    is_completed.then(|| wanted(booking, EventType::BookingCompleted, &[command.id.as_str()], at, leg))
}

fn message_events<'a>(booking: &Booking, command: &'a Command, leg: Cow<'a, Leg>) -> Vec<Wanted<'a>> {
    let Action::Message(action) = &command.action else { return Vec::new() };
    let events = command_events(command).into_iter().map(|(kind, at)| Wanted {
        id: event_id(booking, kind, &[command.id.as_str()]),
        kind,
        at,
        leg: leg.clone(),
        about: match (kind, action.message()) {
            (EventType::BookingReminded, Message::Reminder { minutes_before }) => {
                About::Reminder(ReminderPart { minutes_before, channel: channel(action) })
            }
            (EventType::NotificationFailed, _) => About::Failure(command, action, failure(command)),
            _ => About::Message(command, action),
        },
    });
    events.collect()
}

/// Returns the types of events that a command has caused, and their times.
fn command_events(command: &Command) -> Vec<(EventType, Timestamp)> {
    let noted = |what: Change| command.history.iter().find(|note| note.what == what).map(|note| note.at);
    let ended_at = noted(Change::Done).or(command.history.last().map(|note| note.at)).unwrap_or_default();
    let is_done = matches!(command.state, State::Done { .. });
    let action = match &command.action {
        Action::Message(action) => action,
        Action::Publish(PublishAction::Completion) if is_done => return vec![(EventType::BookingCompleted, ended_at)],
        Action::Publish(_) | Action::Vai(_) | Action::Calendly(_) | Action::Crm(_) => return Vec::new(),
    };
    let mut events = Vec::new();
    if is_done && action.is_to_invitee() && matches!(action.message(), Message::Reminder { .. }) {
        events.push((EventType::BookingReminded, ended_at));
    }
    events.extend(noted(Change::Delivered).map(|at| (EventType::NotificationDelivered, at)));
    let failed_at = match command.state {
        State::Failed { .. } => Some(ended_at),
        _ => noted(Change::Undelivered),
    };
    events.extend(failed_at.map(|at| (EventType::NotificationFailed, at)));
    events
}

fn failure(command: &Command) -> FailurePart {
    let told = |it: &&crate::command::Note| matches!(it.what, Change::Failed | Change::Undelivered);
    let note = command.history.iter().rfind(told);
    let reason = note.and_then(|it| it.reason).unwrap_or(Reason::Undelivered);
    FailurePart { reason: reason.code().to_owned(), detail: note.and_then(|it| it.detail.clone()) }
}

fn wanted_reply<'a>(booking: &'a Booking, commands: &'a [Command], reply: &ReplyRecord) -> Option<Wanted<'a>> {
    let ReplyRecord { command: id, text, meaning, at } = reply;
    let command = commands.iter().find(|it| it.id == *id)?;
    let Action::Message(action) = &command.action else { return None };
    let text = text.as_written_shortened(LONGEST_REPLY);
    let kind = EventType::NotificationReplied;
    Some(Wanted {
        id: event_id(booking, kind, &[id.as_str(), &at.to_string()]),
        kind,
        at: *at,
        leg: booking.leg_for_command(&command.leg)?,
        about: About::Reply(command, action, ReplyPart { text, meaning: *meaning, at: (*at).into() }),
    })
}

fn channel(action: &MessageAction) -> Channel {
    match action {
        MessageAction::Sms(_) | MessageAction::SmsHost(..) => Channel::Sms,
        MessageAction::Email(_) | MessageAction::EmailHost(..) => Channel::Email,
    }
}

impl Wanted<'_> {
    fn compose(&self, booking: &Booking, settings: &Settings, now: Timestamp) -> Event {
        let Self { id, kind, at, leg, about } = self;
        let context = Context { booking, leg, passed_over: &[], turn: 0, calendar: None, settings, now };
        let (failure, reply) = match about {
            About::Failure(.., failure) => (Some(failure.clone()), None),
            About::Reply(.., reply) => (None, Some(reply.clone())),
            About::Booking | About::Reminder(_) | About::Message(..) => (None, None),
        };
        match about {
            About::Booking => Event::new(id, *kind, *at, &booking_data(&context, *kind, None)),
            About::Reminder(reminder) => {
                Event::new(id, *kind, *at, &booking_data(&context, *kind, Some(reminder.clone())))
            }
            About::Message(command, action) | About::Failure(command, action, _) | About::Reply(command, action, _) => {
                let data = NotificationData {
                    booking: booking_part(&context, *kind),
                    invitee: invitee_part(&context),
                    notification: notification_part(command, action),
                    failure,
                    reply,
                    conversation_id: booking.metadata.as_ref().map(|it| it.conversation_id.clone()),
                };
                Event::new(id, *kind, *at, &data)
            }
        }
    }
}

/// Returns what a stranger wrote, for a field that is marked as such.
fn text(value: Option<&StrangerText>) -> Option<String> {
    value.map(|it| it.as_written_shortened(LONGEST_TEXT))
}

fn booking_data(context: &Context<'_>, kind: EventType, reminder: Option<ReminderPart>) -> BookingData {
    let Context { booking, leg, .. } = context;
    let (details, metadata) = (&leg.details, booking.metadata.as_ref());
    let answers = details.answers.iter().map(|it| events::Answer {
        question: it.question.clone(),
        answer: it.answer.as_written_shortened(LONGEST_TEXT),
    });
    let qualification = metadata.map(|it| &it.qualification).into_iter().flatten();
    // Answers to no question of the form are among them, each under the question that was made up for it.
    let qualification = qualification
        .map(|(name, it)| (name.as_written_shortened(LONGEST_LABEL), it.as_written_shortened(LONGEST_TEXT)));
    let tracking = &details.tracking;
    let cancellation = leg.canceled.as_ref().filter(|_| kind == EventType::BookingCanceled);
    let previous = booking.before(leg).filter(|_| kind == EventType::BookingRescheduled);
    BookingData {
        booking: booking_part(context, kind),
        invitee: invitee_part(context),
        answers: answers.collect(),
        qualification: qualification.collect(),
        conversation_id: metadata.map(|it| it.conversation_id.clone()),
        agent_type: metadata.and_then(|it| it.agent_type.clone()),
        user_id: metadata.and_then(|it| it.user_id.clone()),
        topic: text(metadata.and_then(|it| it.topic.as_ref())),
        tracking: TrackingPart {
            utm_source: text(tracking.utm_source.as_ref()),
            utm_medium: text(tracking.utm_medium.as_ref()),
            utm_campaign: text(tracking.utm_campaign.as_ref()),
            utm_term: text(tracking.utm_term.as_ref()),
            utm_content: text(tracking.utm_content.as_ref()),
            salesforce_uuid: text(tracking.salesforce_uuid.as_ref()),
        },
        cancellation: cancellation.map(|end| CancellationPart {
            by: match end.by {
                CanceledBy::Invitee => events::CanceledBy::Invitee,
                CanceledBy::Host => events::CanceledBy::Host,
                CanceledBy::Other => events::CanceledBy::Other,
            },
            reason: text(end.reason.as_ref()),
            at: end.at.into(),
        }),
        previous: previous
            .map(|old| PreviousPart { start_time: old.details.start.into(), end_time: old.details.end.into() }),
        reminder,
    }
}

/// Returns the booking as it was after the event, as far as the event tells.
fn booking_part(context: &Context<'_>, kind: EventType) -> BookingPart {
    let Context { booking, leg, .. } = context;
    let details = &leg.details;
    let status = match kind {
        EventType::BookingCanceled => BookingStatus::Canceled,
        EventType::NotificationDelivered | EventType::NotificationFailed | EventType::NotificationReplied => {
            match booking.state() {
                Some(BookingState::Active(_)) | None => BookingStatus::Active,
                Some(BookingState::Moving(_)) => BookingStatus::Moving,
                Some(BookingState::Canceled(..)) => BookingStatus::Canceled,
            }
        }
        _ => BookingStatus::Active,
    };
    // A request that was not booked has neither.
    let is_at_calendly = !details.event.as_str().is_empty();
    let uuid = |uri: &str| is_at_calendly.then(|| uri_uuid(uri).to_owned());
    let host =
        |host: &crate::leg::EventHost| Some(HostPart { name: host.name.clone(), email: host.address()?.to_owned() });
    BookingPart {
        id: booking.id.as_str().to_owned(),
        event_uuid: uuid(details.event.as_str()),
        invitee_uuid: uuid(leg.invitee.as_str()),
        status,
        event_type: details.event_name.clone(),
        start_time: details.start.into(),
        end_time: details.end.into(),
        timezone: details.zone.clone(),
        language: Some(context.language().tag().to_owned()),
        place: place_of(booking, leg),
        join_url: details.join_url.clone(),
        cancel_url: details.cancel_url.clone(),
        reschedule_url: details.reschedule_url.clone(),
        hosts: details.hosts.iter().filter_map(host).collect(),
        is_vai: booking.metadata.is_some(),
    }
}

/// Returns the host's place, or the one that a stranger named: as text, without a link.
fn place_of(booking: &Booking, leg: &Leg) -> Option<String> {
    let (of_host, of_stranger) = booking.places_of(leg);
    of_host.map(|it| it.expose().clone()).or_else(|| of_stranger?.as_line(LONGEST_TEXT))
}

fn invitee_part(context: &Context<'_>) -> InviteePart {
    let Context { booking, leg, settings, .. } = context;
    let details = &leg.details;
    let phone = choose_phone(booking, leg, settings).ok().map(|(phone, _)| phone);
    InviteePart {
        name: details.name.as_written_shortened(LONGEST_LABEL),
        first_name: text(details.first_name.as_ref()),
        email: details.email.expose().clone(),
        phone: phone.map(|it| it.expose().to_owned()),
    }
}

fn notification_part(command: &Command, action: &MessageAction) -> NotificationPart {
    let sent = command.history.iter().rfind(|note| matches!(note.what, Change::Claimed | Change::Done));
    let at = sent.or(command.history.last()).map(|note| note.at).unwrap_or_default();
    NotificationPart {
        id: command.id.as_str().to_owned(),
        message: action.message().name().to_owned(),
        channel: channel(action),
        provider: None,
        at: at.into(),
    }
}
