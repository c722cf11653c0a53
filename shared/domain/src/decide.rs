//! The decision: what a fact makes of a booking, and what must be done now.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::booking::BookingState;
use crate::compose::is_reconfirmed;
use crate::plan::plan_commands;
use crate::{
    Action, Analytics, Booking, BookingId, CalendlyRequest, CancellationRequest, Command, CommandId, ConnectionName,
    Fact, FactKind, InviteeUri, Message, Metadata, Reason, Settings, State, Token,
};

/// A booking as it was read: what [`decide()`] decides on, and what the commit compares against.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// The booking; empty before its first fact.
    pub booking: Booking,
    /// Its revision; 0 before its first commit.
    pub revision: u64,
    /// VAI's row about it, if VAI wrote one under its token.
    pub metadata: Option<Metadata>,
    /// Every command it ever had.
    pub commands: Vec<Command>,
}

impl Snapshot {
    /// A booking that nobody has written yet.
    pub fn empty(id: BookingId, connection: ConnectionName) -> Self {
        Self::new(Booking::new(id, connection))
    }

    /// A booking that has no commands yet, at revision 0.
    pub fn new(booking: Booking) -> Self {
        Self { booking, revision: 0, metadata: None, commands: Vec::new() }
    }

    /// The snapshot that a committed decision leaves.
    pub fn after(mut self, decision: &Decision) -> Self {
        if decision.booking_changed {
            self.booking = decision.booking.clone();
            self.revision += 1;
        }
        for changed in &decision.commands {
            match self.commands.iter_mut().find(|it| it.id == changed.command.id) {
                Some(row) => *row = changed.command.clone(),
                None => self.commands.push(changed.command.clone()),
            }
        }
        self
    }
}

/// Whether the facts said anything new.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// They did.
    New,
    /// The booking knew it all.
    Duplicate,
}

/// A command to write, and the revision its row must still have for the commit to hold; `None`: there is no row yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandWrite {
    /// The command as it is to be.
    pub command: Command,
    /// The row's revision that was seen.
    pub was: Option<u64>,
}

/// What is to be committed, as one transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// The booking as it is now.
    pub booking: Booking,
    /// Whether it differs from the snapshot's, which was at `revision`.
    pub booking_changed: bool,
    /// The revision that was seen.
    pub revision: u64,
    /// New commands, and those taken back.
    pub commands: Vec<CommandWrite>,
    /// Whether the facts said anything new.
    pub verdict: Verdict,
}

impl Decision {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        !self.booking_changed && self.commands.is_empty()
    }
}

/// Folds facts into a booking and says what follows. Total and pure: any facts, in any order, any number of times, and
/// without any fact at all (a timer fired; somebody resumes what was left open).
pub fn decide(snapshot: &Snapshot, facts: &[Fact], settings: &Settings, now: Timestamp) -> Decision {
    decide_change(snapshot, settings, now, |booking| {
        let mut logs = Vec::new();
        for fact in facts {
            booking.apply_fact(fact);
            logs.extend(analytics_command(booking, fact, settings));
        }
        logs
    })
}

/// Writes down what Calendly is about to be asked to book, or how that ended; `metadata` is what VAI knows of it.
pub fn request(
    snapshot: &Snapshot,
    token: &Token,
    requested: CalendlyRequest,
    metadata: Option<Metadata>,
    settings: &Settings,
    now: Timestamp,
) -> Decision {
    decide_change(snapshot, settings, now, |booking| {
        booking.request(token.clone(), requested);
        // Of a try that came to nothing, what was noted down may have been mended since.
        if booking.metadata.is_none() || booking.legs().is_empty() {
            booking.metadata = metadata.or(booking.metadata.take());
        }
        Vec::new()
    })
}

/// Takes in an agent's wish to cancel the meeting that is on: a command that is carried out until it holds. One that had
/// failed is begun again. `None` when there is no such meeting, or a move of it is under way: it would come to stand
/// elsewhere.
pub fn cancel(
    snapshot: &Snapshot,
    requested: CancellationRequest,
    settings: &Settings,
    now: Timestamp,
) -> Option<Decision> {
    let leg = match snapshot.booking.state() {
        Some(BookingState::Active(leg)) if snapshot.booking.open_requests().next().is_none() => leg.clone(),
        Some(BookingState::Active(_) | BookingState::Moving(_) | BookingState::Canceled(..)) | None => return None,
    };
    let mut decision = decide_change(snapshot, settings, now, |booking| {
        booking.request_cancellation(leg.invitee.clone(), requested);
        Vec::new()
    });
    let failed = |row: &&Command| {
        row.action == Action::Cancel && row.leg == leg.invitee && matches!(row.state, State::Failed { .. })
    };
    decision.commands.extend(snapshot.commands.iter().find(failed).map(|row| CommandWrite {
        command: row.clone().with_state(State::Open, now, None, None),
        was: Some(row.revision()),
    }));
    Some(decision)
}

/// Changes a booking and says what follows. `change` gives back commands of its own.
fn decide_change(
    snapshot: &Snapshot,
    settings: &Settings,
    now: Timestamp,
    change: impl FnOnce(&mut Booking) -> Vec<Command>,
) -> Decision {
    let mut booking = snapshot.booking.clone();
    if booking.metadata.is_none() {
        booking.metadata.clone_from(&snapshot.metadata);
    }
    // What is told at once is told when the booking comes to stand where it stands, and never later: not because the
    // settings have changed since, or a release has learned to say more.
    let stood = booking.state().map(position);
    let logs = change(&mut booking);
    let booking_changed = booking != snapshot.booking;

    let known: BTreeMap<&CommandId, &Command> = snapshot.commands.iter().map(|it| (&it.id, it)).collect();
    let plan_commands = plan_commands(&booking, &snapshot.commands, settings, now);
    let mut commands = Vec::new();
    for row in &snapshot.commands {
        if let Some(reason) = withdrawal_reason(&booking, row, &plan_commands) {
            let command = row.clone().withdraw(reason, now);
            commands.push(CommandWrite { command, was: Some(row.revision()) });
        }
    }
    let stands_anew = booking.state().map(position) != stood;
    // An SMS that is not on record has no place to take: it belongs to what is not told any more.
    let takes_a_known_place = |command: &Command| {
        let is_its = |row: &Command| row.leg == command.leg && row.action.by_email().as_ref() == Some(&command.action);
        command.is_fallback() && snapshot.commands.iter().any(is_its)
    };
    for command in plan_commands {
        match known.get(&command.id) {
            // What we owe Calendly is owed whatever people are told.
            None if stands_anew
                || command.not_before.is_some()
                || takes_a_known_place(&command)
                || command.action == Action::Cancel =>
            {
                commands.push(CommandWrite { command, was: None });
            }
            // It was taken back for a reason that no longer holds.
            Some(row) if may_be_reopened(row) && command.state == State::Open => {
                let command = (*row).clone().reopen(command.not_before, now);
                commands.push(CommandWrite { command, was: Some(row.revision()) });
            }
            _ => {}
        }
    }
    let fresh = logs.into_iter().filter(|command| !known.contains_key(&command.id));
    commands.extend(fresh.map(|command| CommandWrite { command, was: None }));

    let verdict = if booking_changed { Verdict::New } else { Verdict::Duplicate };
    Decision { booking, booking_changed, revision: snapshot.revision, commands, verdict }
}

/// Where a booking stands, as far as it matters for what people are told.
fn position(state: BookingState<'_>) -> (u8, InviteeUri) {
    match state {
        BookingState::Active(leg) => (0, leg.invitee.clone()),
        BookingState::Moving(leg) => (1, leg.invitee.clone()),
        BookingState::Canceled(leg, _) => (2, leg.invitee.clone()),
    }
}

/// Whether a command was taken back for a reason that can pass: the settings, the host's word, or the agent's next try.
fn may_be_reopened(row: &Command) -> bool {
    use Reason::{CameAfterAll, EventTypeIgnored, SettingsChanged, TriedAgain};
    match row.state {
        State::Withdrawn { reason } | State::Withdrawing { reason } => {
            matches!(reason, SettingsChanged | EventTypeIgnored | CameAfterAll | TriedAgain)
        }
        _ => false,
    }
}

/// The line in VAI's analytics that a fact is worth: once, for its id is the fact's. A move is one fact: its new half.
fn analytics_command(booking: &Booking, fact: &Fact, settings: &Settings) -> Option<Command> {
    let leg = &fact.leg;
    // Of a move of ours Calendly tells no links.
    let replaces = leg.token.as_ref().and_then(|token| booking.request_for(token)?.replaces.as_ref());
    let is_given_up = leg.canceled.as_ref().is_some_and(|end| end.rescheduled) || booking.replacing(leg).is_some();
    let what = match fact.kind {
        FactKind::Created if leg.previous.is_some() || replaces.is_some() => Analytics::InviteeRescheduled,
        FactKind::Created => Analytics::InviteeCreated,
        FactKind::Canceled if is_given_up => return None,
        FactKind::Canceled => Analytics::InviteeCanceled,
        FactKind::NoShow | FactKind::NoShowRemoved | FactKind::LookedUp | FactKind::Booked => return None,
    };
    settings.acts_on(leg).then(|| {
        Command::new(&booking.id, Action::Log(what, fact.id.clone()), leg.invitee.clone(), leg.details.start, None)
    })
}

/// Why a command that has not happened yet should not happen any more; `None` when it may stand. One that is still
/// wanted stands even when its hour has come: what to make of that is for its execution to say.
fn withdrawal_reason(booking: &Booking, row: &Command, plan_commands: &[Command]) -> Option<Reason> {
    let may_be_taken_back = matches!(row.state, State::Open | State::Waiting) && !matches!(row.action, Action::Log(..));
    if !may_be_taken_back {
        return None;
    }
    match plan_commands.iter().find(|it| it.id == row.id).map(|it| &it.state) {
        Some(State::Skipped { reason: Reason::EventTypeIgnored }) => return Some(Reason::EventTypeIgnored),
        Some(_) => return None,
        None => {}
    }
    let is_not_booked = row.action.message() == Some(Message::NotBooked);
    let Some(state) = booking.state() else { return is_not_booked.then_some(Reason::TriedAgain) };
    match state {
        _ if is_not_booked => Some(Reason::BookedAfterAll),
        BookingState::Active(_) | BookingState::Canceled(..) if row.action == Action::FetchMissingHalf => {
            Some(Reason::Arrived)
        }
        // Somebody else was first: it is canceled.
        _ if row.action == Action::Cancel => Some(Reason::Arrived),
        // The new half of the move is not known yet, and what is new is made before what is old is removed. A timer that
        // fires meanwhile is harmless.
        BookingState::Moving(_) => None,
        BookingState::Active(head) if head.invitee == row.leg => Some(match row.action.message() {
            Some(Message::NoShow) if !head.is_no_show() => Reason::CameAfterAll,
            Some(Message::Reconfirmation { .. }) if is_reconfirmed(head) => Reason::Reconfirmed,
            _ => Reason::SettingsChanged,
        }),
        BookingState::Active(_) => Some(Reason::MovedBeforeFire),
        BookingState::Canceled(..) => Some(Reason::CanceledBeforeFire),
    }
}
