//! One run over a booking's commands, with the parts that all destinations use.

use std::cell::Cell;

use domain::{Command, Fact, InviteeUri, Reason, Settings, Snapshot, State, error_chain};
use futures_util::lock::Mutex;
use jiff::{SignedDuration, Timestamp};
use wire::due::Due;

use crate::invocation::{EngineError, Invocation, ReceivedFact};
use crate::ports::{PortError, Store, TimerKind, Timers, World};

/// SQS delays a message by at most 15 minutes.
const LONGEST_DELAY: SignedDuration = SignedDuration::from_mins(15);

/// A schedule with a shorter wait could be in the past when it is created.
const NEAREST_SCHEDULE: SignedDuration = SignedDuration::from_secs(30);

/// Machines' clocks differ. A timer may fire this much too early.
pub(super) const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(5);

/// Why the work on a command ends in this invocation.
pub(super) enum Stop {
    /// The command is still open. The record must be delivered again.
    Open,
    /// Another function has claimed or changed the command.
    Held,
    /// This function sends no messages. The due queue passes the command to a function that does.
    LeftToDueQueue,
}

/// What a look at a meeting at Calendly has shown.
#[derive(Clone)]
pub(super) enum Look {
    /// What is known holds, or Calendly does not know the invitee.
    Unchanged,
    /// The meeting has changed.
    Changed(Box<Fact>),
    /// Calendly could not be asked. It may answer after this many seconds.
    Failed(Reason, Option<u32>),
}

/// One run over a booking's commands.
pub(super) struct Run<'a, W> {
    pub(super) invocation: Invocation<'a, W>,
    pub(super) snapshot: &'a Snapshot,
    pub(super) settings: &'a Settings,
    pub(super) received: Option<&'a ReceivedFact>,
    /// The leg that was read from Calendly in this run, and what that has shown. Several messages about a leg need one
    /// look: the others wait for it.
    pub(super) looked: Mutex<Option<(InviteeUri, Look)>>,
    /// Whether the contact in the CRM was written in this run. What has waited for it need not wait longer.
    pub(super) wrote_contact: Cell<bool>,
}

impl<'a, W: World> Run<'a, W> {
    /// Returns the function's ports.
    pub(super) fn world(&self) -> &'a W {
        self.invocation.world
    }

    /// Returns the time now.
    pub(super) fn now(&self) -> Timestamp {
        self.invocation.now()
    }

    /// Replaces a command's row.
    pub(super) async fn replace_command(&self, current: &Command, next: Command) -> Result<Command, Stop> {
        let booking = &self.snapshot.booking.id;
        let Invocation { world, connection, .. } = self.invocation;
        let next = next.hurry_retry(world.retry_speed(), self.now());
        match world.store().replace_command(connection, booking, &next, current.revision).await {
            Ok(true) => {
                let reason = next.history.last().and_then(|it| it.reason).map_or("", Reason::code);
                tracing::info!(
                    booking.id = %booking,
                    command.id = %next.id,
                    command.state = next.state.name(),
                    command.reason = reason,
                    "command changed"
                );
                world.observe(&next);
                Ok(next)
            }
            Ok(false) => {
                tracing::info!(booking.id = %booking, command.id = %current.id, "command held by another function");
                Err(Stop::Held)
            }
            Err(error) => Err(self.leave_open(current, "its row could not be written", &error)),
        }
    }

    /// Leaves a command open because a port gave no result.
    pub(super) fn leave_open(&self, command: &Command, why: &str, error: &PortError) -> Stop {
        let booking = &self.snapshot.booking.id;
        let error = error_chain(error);
        tracing::warn!(booking.id = %booking, command.id = %command.id, why, error, "command left open");
        Stop::Open
    }

    /// Sets the timer for a command's due time. The timer's name is derived from the command, so it needs no claim.
    pub(super) async fn set_timer(&self, command: &Command) -> Result<Command, Stop> {
        let now = self.now();
        let at = command.not_before.unwrap_or(now);
        let wait = at.duration_since(now);
        let is_again = command.attempts > 0 || command.postponed > 0;
        let kind = if wait < NEAREST_SCHEDULE || (is_again && wait <= LONGEST_DELAY) {
            TimerKind::DelayedMessage
        } else {
            TimerKind::Schedule
        };
        let due = Due::V1 {
            connection: self.invocation.connection.clone(),
            booking: self.snapshot.booking.id.clone(),
            commands: vec![command.id.clone()],
            settings: None,
        };
        match self.world().timers().set_timer(&command.timer(), &due, at, now, kind).await {
            Ok(()) => {
                let waiting = command.clone().with_state(State::Waiting, now, None, None);
                self.replace_command(command, waiting).await
            }
            Err(error) => Err(self.leave_open(command, "its timer could not be set", &error)),
        }
    }

    /// Schedules a recheck of the booking at an instant.
    pub(super) async fn schedule_recheck(&self, at: Timestamp) -> Result<(), EngineError> {
        Ok(self.invocation.schedule_recheck(&self.snapshot.booking.id, at).await?)
    }
}
