//! The decision: how facts change a booking, and what must be done now.

use std::collections::BTreeMap;

use events::Event;
use jiff::Timestamp;

use crate::booking::{Booking, BookingState};
use crate::command::{Command, State};
use crate::destinations::{Action, Analytics, CalendlyAction, PublishAction, VaiAction};
use crate::fact::{Fact, FactKind};
use crate::ids::{BookingId, CommandId, ConnectionName, InviteeUri, Token};
use crate::message::Message;
use crate::plan::{plan_commands, plan_crm};
use crate::publication::{Appended, EventLog, ReplyRecord, append_events, log_of};
use crate::reason::Reason;
use crate::request::{CalendlyRequest, CancellationRequest, Metadata};
use crate::settings::Settings;

/// A booking as it was read. The decision is based on it, and the commit compares against it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// The booking; empty before its first fact.
    pub booking: Booking,
    /// Its revision; 0 before its first commit.
    pub revision: u64,
    /// VAI's metadata row, if VAI wrote one under the booking's token.
    pub metadata: Option<Metadata>,
    /// All its commands.
    pub commands: Vec<Command>,
    /// Its log of events; `None` if it was last written while the connection had no endpoint.
    pub events: Option<EventLog>,
    /// The last instant for which the booking's row is kept, without the time of retention after it; `None` before its
    /// first commit.
    pub kept_until: Option<Timestamp>,
}

impl Snapshot {
    /// Returns a booking that is not stored yet.
    pub fn empty(id: BookingId, connection: ConnectionName) -> Self {
        Self::new(Booking::new(id, connection))
    }

    /// Returns a booking without commands, at revision 0.
    pub fn new(booking: Booking) -> Self {
        Self { booking, revision: 0, metadata: None, commands: Vec::new(), events: None, kept_until: None }
    }

    /// Returns the snapshot after a decision was committed.
    pub fn after(mut self, decision: &Decision) -> Self {
        if decision.writes_booking() {
            self.booking = decision.booking.clone();
            self.revision += 1;
            self.events.clone_from(&decision.log);
            self.kept_until = self.kept_until.max(decision.kept_until);
        }
        for write in &decision.commands {
            match self.commands.iter_mut().find(|it| it.id == write.command.id) {
                Some(row) => *row = write.command.clone(),
                None => self.commands.push(write.command.clone()),
            }
        }
        self
    }

    /// Returns a command by its id.
    pub fn command(&self, id: &CommandId) -> Option<&Command> {
        self.commands.iter().find(|it| it.id == *id)
    }
}

/// Whether the facts changed the booking.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The facts changed the booking.
    New,
    /// The facts were already known.
    Duplicate,
}

/// A command to write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandWrite {
    /// The new command.
    pub command: Command,
    /// The expected revision of the stored row; `None` if there must be no row yet.
    pub expected: Option<u64>,
}

/// The most commands and events in one decision. DynamoDB takes at most 100 rows in a transaction: 50 commands and
/// events, a booking, 16 facts and 13 aliases leave 20 rows free.
pub const MOST_COMMANDS: usize = 50;

/// The writes of one transaction.
#[derive(Clone, PartialEq, Debug)]
pub struct Decision {
    /// The new booking.
    pub booking: Booking,
    /// Whether it differs from the snapshot's.
    pub booking_changed: bool,
    /// The snapshot's revision.
    pub revision: u64,
    /// New commands, and commands that are withdrawn or reopened: with the events at most [`MOST_COMMANDS`].
    pub commands: Vec<CommandWrite>,
    /// The events to append to the booking's log, with their numbers.
    pub events: Vec<(u64, Event)>,
    /// The log after them. It is written with the booking.
    pub log: Option<EventLog>,
    /// Whether the log must be written, even if the booking is unchanged.
    pub log_changed: bool,
    /// The last instant to which something of the booking refers: the end of a meeting, or the due time of a command,
    /// stored or new. It is never earlier than what the booking was kept for before.
    pub kept_until: Option<Timestamp>,
    /// Whether the booking's row must be kept for longer than it is.
    pub extends: bool,
    /// Whether more commands are to be withdrawn, or more events appended. The next decision on the booking does it.
    pub is_partial: bool,
    /// Whether the facts changed the booking.
    pub verdict: Verdict,
}

impl Decision {
    /// Returns whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        !self.writes_booking() && self.commands.is_empty()
    }

    /// Returns whether the booking's row is written.
    pub fn writes_booking(&self) -> bool {
        self.booking_changed || self.log_changed || self.extends
    }
}

/// Applies facts to a booking and decides what to do. The order of the facts and repeated facts do not matter. It also
/// works without facts, when a timer fires or a function resumes open commands.
pub fn decide(snapshot: &Snapshot, facts: &[Fact], settings: &Settings, now: Timestamp) -> Decision {
    decide_change(snapshot, settings, now, None, |booking| apply_facts(booking, facts, settings))
}

/// Applies facts that were read from Calendly's list. If the booking is not stored yet, it counts as imported: nobody
/// is told of what happened before. What is planned for later is planned.
pub fn decide_import(snapshot: &Snapshot, facts: &[Fact], settings: &Settings, now: Timestamp) -> Decision {
    decide_change(snapshot, settings, now, None, |booking| {
        if snapshot.revision == 0 {
            booking.imported_at = Some(now);
        }
        apply_facts(booking, facts, settings)
    })
}

/// Returns the commands for VAI's analytics.
fn apply_facts(booking: &mut Booking, facts: &[Fact], settings: &Settings) -> Vec<Command> {
    let mut commands = Vec::new();
    for fact in facts {
        booking.apply_fact(fact);
        commands.extend(analytics_command(booking, fact, settings));
    }
    commands
}

/// Records a request to Calendly before it is sent, or its outcome; `metadata` is what VAI knows of the booking.
pub fn record_request(
    snapshot: &Snapshot,
    token: &Token,
    request: CalendlyRequest,
    metadata: Option<Metadata>,
    settings: &Settings,
    now: Timestamp,
) -> Decision {
    decide_change(snapshot, settings, now, None, |booking| {
        booking.record_request(token.clone(), request);
        // The agent may have corrected the metadata after a failed try.
        if booking.metadata.is_none() || booking.legs().is_empty() {
            booking.metadata = metadata.or(booking.metadata.take());
        }
        Vec::new()
    })
}

/// Records an agent's request to cancel the active meeting, and creates the command or reopens a failed one. Returns
/// `None` if there is no active meeting or if a request is open, for example a move to another time.
pub fn record_cancellation(
    snapshot: &Snapshot,
    request: CancellationRequest,
    settings: &Settings,
    now: Timestamp,
) -> Option<Decision> {
    let leg = match snapshot.booking.state() {
        Some(BookingState::Active(leg)) if snapshot.booking.open_requests().next().is_none() => leg.clone(),
        Some(BookingState::Active(_) | BookingState::Moving(_) | BookingState::Canceled(..)) | None => return None,
    };
    let mut decision = decide_change(snapshot, settings, now, None, |booking| {
        booking.record_cancellation(leg.invitee.clone(), request);
        Vec::new()
    });
    let row = snapshot.commands.iter().find(|row| is_cancellation(&row.action) && row.leg == leg.invitee);
    decision.commands.extend(row.and_then(|row| try_again_now(row, now)));
    Some(decision)
}

/// Brings the next tries of cancellations at Calendly forward to now: an agent asks for the same cancellation or move
/// once more. Returns `None` if none waits for its next try.
pub fn hasten_cancellations(snapshot: &Snapshot, settings: &Settings, now: Timestamp) -> Option<Decision> {
    let waiting = snapshot.commands.iter().filter(|row| is_cancellation(&row.action) && !row.state.is_final());
    let commands: Vec<_> = waiting.filter_map(|row| try_again_now(row, now)).collect();
    if commands.is_empty() {
        return None;
    }
    let mut decision = decide_change(snapshot, settings, now, None, |_| Vec::new());
    decision.commands.retain(|write| commands.iter().all(|hastened| hastened.command.id != write.command.id));
    decision.commands.extend(commands);
    Some(decision)
}

/// Returns the write that tries a cancellation now that has failed, or that waits for its next try.
fn try_again_now(row: &Command, now: Timestamp) -> Option<CommandWrite> {
    let command = match row.state {
        State::Failed { .. } => row.clone().with_state(State::Open, now, None, None),
        State::Open | State::Waiting if !row.is_due(now) => row.clone().reopen(None, now),
        _ => return None,
    };
    Some(CommandWrite { command, expected: Some(row.revision) })
}

/// Writes a message's command that feedback has changed once, and appends the event about it; `reply` is what the
/// person answered. Everything that happened before counts by the snapshot without the feedback.
pub fn record_feedback(
    snapshot: &Snapshot,
    command: Command,
    reply: Option<&ReplyRecord>,
    settings: &Settings,
    now: Timestamp,
) -> Decision {
    let Snapshot { booking, revision, commands, events, .. } = snapshot;
    let log = log_of(events.as_ref(), *revision, booking, commands, settings);
    let expected = Some(command.revision - 1);
    let mut changed = Snapshot { events: log, ..snapshot.clone() };
    if let Some(row) = changed.commands.iter_mut().find(|it| it.id == command.id) {
        row.clone_from(&command);
    }
    let mut decision = decide_change(&changed, settings, now, reply, |_| Vec::new());
    decision.commands.push(CommandWrite { command, expected });
    decision
}

fn is_cancellation(action: &Action) -> bool {
    *action == Action::Calendly(CalendlyAction::CancelEvent)
}

/// Changes a booking and decides what to do. `change` returns further commands.
fn decide_change(
    snapshot: &Snapshot,
    settings: &Settings,
    now: Timestamp,
    reply: Option<&ReplyRecord>,
    change: impl FnOnce(&mut Booking) -> Vec<Command>,
) -> Decision {
    let mut booking = snapshot.booking.clone();
    if booking.metadata.is_none() {
        booking.metadata.clone_from(&snapshot.metadata);
    }
    // Immediate commands are created only when the booking gets a new position. A later change of settings or a new
    // release must not send messages for old bookings.
    let position_before = booking.state().map(position);
    for row in &snapshot.commands {
        // What Calendly does not know, it does not refuse to cancel: nobody is reminded of it.
        let is_refused = matches!(row.state, State::Failed { reason } if reason != Reason::NotFound);
        if is_cancellation(&row.action) && is_refused {
            booking.record_refused_cancellation(&row.leg);
        }
    }
    let further = change(&mut booking);
    let booking_changed = booking != snapshot.booking;
    let is_told = booking.state().is_some_and(|state| !booking.happened_before_import(position_time(state)));
    let is_position_new = is_told && booking.state().map(position) != position_before;

    let known: BTreeMap<&CommandId, &Command> = snapshot.commands.iter().map(|it| (&it.id, it)).collect();
    let planned = plan_commands(&booking, &snapshot.commands, settings, now);
    let mut withdrawals: Vec<_> = snapshot
        .commands
        .iter()
        .filter_map(|row| {
            let reason = withdrawal_reason(&booking, row, &planned)?;
            Some(CommandWrite { command: row.clone().withdraw(reason, now), expected: Some(row.revision) })
        })
        .collect();
    let mut commands = Vec::new();
    // An e-mail replaces only a stored SMS. An SMS that is not stored is one that is not sent for an old booking.
    let replaces_stored_sms = |command: &Command| {
        let is_replaced =
            |row: &Command| row.leg == command.leg && row.action.by_email().as_ref() == Some(&command.action);
        command.is_fallback() && snapshot.commands.iter().any(is_replaced)
    };
    for command in planned {
        match known.get(&command.id) {
            None if is_position_new
                || command.not_before.is_some()
                || replaces_stored_sms(&command)
                // A cancellation at Calendly is always needed.
                || is_cancellation(&command.action) =>
            {
                commands.push(CommandWrite { command, expected: None });
            }
            // It was withdrawn for a reason that no longer applies.
            Some(row) if row.may_be_reopened(now) && command.state == State::Open => {
                let command = (*row).clone().reopen(command.not_before, now);
                commands.push(CommandWrite { command, expected: Some(row.revision) });
            }
            _ => {}
        }
    }
    let new = further.into_iter().filter(|command| !known.contains_key(&command.id));
    commands.extend(new.map(|command| CommandWrite { command, expected: None }));

    let room = MOST_COMMANDS.saturating_sub(commands.len() + 1);
    let crm: Vec<_> = plan_crm(&booking, settings, now).into_iter().filter(|it| !known.contains_key(&it.id)).collect();
    let has_more_crm = crm.len() > room;
    commands.extend(crm.into_iter().take(room).map(|command| CommandWrite { command, expected: None }));

    // New commands must be in this decision, since the position is new only once. The CRM's and events can follow, and
    // so can withdrawals: a command that is due meanwhile is skipped by the check before it is executed. Those that are
    // due first are withdrawn first.
    let log = log_of(snapshot.events.as_ref(), snapshot.revision, &snapshot.booking, &snapshot.commands, settings);
    // One row is for the command that tells of the events.
    let room = MOST_COMMANDS.saturating_sub(commands.len() + 1);
    let Appended { events, log, command, is_partial: has_more_events } =
        append_events(log, &booking, &snapshot.commands, reply, settings, now, room);
    commands.extend(command.map(|command| CommandWrite { command, expected: None }));
    let is_stored = booking_changed || snapshot.revision > 0;
    let log_changed = settings.publishes && is_stored && log != snapshot.events;

    withdrawals.sort_by_key(|write| write.command.not_before);
    let room = MOST_COMMANDS.saturating_sub(commands.len() + events.len());
    let is_partial = has_more_crm || has_more_events || withdrawals.len() > room;
    withdrawals.truncate(room);
    commands.extend(withdrawals);

    let kept_until = last_reference(&booking, snapshot, &commands);
    // Expiry has whole seconds.
    let second = |at: Option<Timestamp>| at.map(Timestamp::as_second);
    let extends = snapshot.revision > 0 && second(kept_until) > second(snapshot.kept_until);
    let verdict = if booking_changed { Verdict::New } else { Verdict::Duplicate };
    let revision = snapshot.revision;
    Decision {
        booking,
        booking_changed,
        revision,
        commands,
        events,
        log,
        log_changed,
        kept_until,
        extends,
        is_partial,
        verdict,
    }
}

/// Returns whether an e-mail would replace an SMS if it ended like this: failed or skipped.
pub fn email_would_replace(snapshot: &Snapshot, ended: &Command, settings: &Settings, now: Timestamp) -> bool {
    let others = snapshot.commands.iter().filter(|it| it.id != ended.id);
    let known: Vec<_> = others.chain([ended]).cloned().collect();
    let planned = plan_commands(&snapshot.booking, &known, settings, now);
    let email = ended.action.by_email();
    planned.iter().any(|it| it.is_fallback() && Some(&it.action) == email.as_ref() && it.leg == ended.leg)
}

/// Returns the last instant to which something of a booking refers, or for which it is already kept.
fn last_reference(booking: &Booking, snapshot: &Snapshot, writes: &[CommandWrite]) -> Option<Timestamp> {
    let stored = snapshot.commands.iter().filter_map(|it| it.not_before);
    let new = writes.iter().filter_map(|it| it.command.not_before);
    stored.chain(new).chain(booking.last_end()).chain(snapshot.kept_until).max()
}

/// Returns a booking's state and leg. People are informed when it changes.
fn position(state: BookingState<'_>) -> (u8, InviteeUri) {
    match state {
        BookingState::Active(leg) => (0, leg.invitee.clone()),
        BookingState::Moving(leg) => (1, leg.invitee.clone()),
        BookingState::Canceled(leg, _) => (2, leg.invitee.clone()),
    }
}

/// Returns when a booking came into a state, by Calendly's clock.
fn position_time(state: BookingState<'_>) -> Timestamp {
    match state {
        BookingState::Active(leg) => leg.booked_at.unwrap_or(leg.details.as_of),
        BookingState::Moving(leg) => leg.canceled.as_ref().map_or(leg.details.as_of, |end| end.at),
        BookingState::Canceled(_, end) => end.at,
    }
}

/// Returns the command for the entry of a fact in VAI's analytics. Its id has the fact's id, so there is one entry for
/// each fact. A move is one entry: its new half.
fn analytics_command(booking: &Booking, fact: &Fact, settings: &Settings) -> Option<Command> {
    let leg = &fact.leg;
    // Calendly does not link the halves of a move by us.
    let replaces = leg.token.as_ref().and_then(|token| booking.request_for(token)?.replaces.as_ref());
    let is_old_half = leg.canceled.as_ref().is_some_and(|end| end.rescheduled) || booking.replacing(leg).is_some();
    let analytics = match fact.kind {
        FactKind::Created if leg.previous.is_some() || replaces.is_some() => Analytics::InviteeRescheduled,
        FactKind::Created => Analytics::InviteeCreated,
        FactKind::Canceled if is_old_half => return None,
        FactKind::Canceled => Analytics::InviteeCanceled,
        FactKind::NoShow | FactKind::NoShowRemoved | FactKind::LookedUp | FactKind::Booked => return None,
    };
    settings.acts_on(leg).then(|| {
        let action = VaiAction::LogFact(analytics, fact.id.clone());
        Command::new(&booking.id, action, leg.invitee.clone(), leg.details.start, None)
    })
}

/// Returns why a command is withdrawn before it is done; `None` if it stays. A planned command stays even after its due
/// time: the executor checks it.
fn withdrawal_reason(booking: &Booking, row: &Command, planned: &[Command]) -> Option<Reason> {
    let is_pending = matches!(row.state, State::Open | State::Waiting);
    let is_unconditional = matches!(
        row.action,
        Action::Vai(VaiAction::LogFact(..)) | Action::Publish(PublishAction::Events { .. }) | Action::Crm(_)
    );
    if !is_pending || is_unconditional {
        return None;
    }
    match planned.iter().find(|it| it.id == row.id).map(|it| &it.state) {
        Some(State::Skipped { reason: reason @ (Reason::EventTypeIgnored | Reason::ConnectionDisabled) }) => {
            return Some(*reason);
        }
        Some(_) => return None,
        None => {}
    }
    let is_not_booked = row.action.message() == Some(Message::NotBooked);
    let Some(state) = booking.state() else { return is_not_booked.then_some(Reason::TriedAgain) };
    let is_calendly = |action| row.action == Action::Calendly(action);
    match state {
        _ if is_not_booked => Some(Reason::BookedAfterAll),
        BookingState::Active(_) | BookingState::Canceled(..) if is_calendly(CalendlyAction::FetchMissingHalf) => {
            Some(Reason::Arrived)
        }
        // Somebody else canceled it.
        _ if is_calendly(CalendlyAction::CancelEvent) => Some(Reason::Arrived),
        // The new half of the move is not known yet, and new timers are created before old ones are removed. A timer
        // that fires meanwhile does no harm.
        BookingState::Moving(_) => None,
        BookingState::Active(current) if current.invitee == row.leg && booking.is_to_be_canceled(current) => {
            Some(Reason::CancelRequested)
        }
        BookingState::Active(current) if current.invitee == row.leg => Some(match row.action.message() {
            Some(Message::NoShow) if !current.is_no_show() => Reason::CameAfterAll,
            Some(Message::Reconfirmation { .. }) if current.is_reconfirmed() => Reason::Reconfirmed,
            _ if matches!(row.action, Action::Vai(VaiAction::ReportFailedMove(_))) => Reason::TriedAgain,
            _ => Reason::SettingsChanged,
        }),
        BookingState::Active(_) => Some(Reason::MovedBeforeFire),
        BookingState::Canceled(..) => Some(Reason::CanceledBeforeFire),
    }
}
