//! The only way to change a stored booking: load, decide, commit, and start again after a conflict.

use domain::{BookingId, Command, Decision, Fact, Settings};
use jiff::Timestamp;

use crate::invocation::{EngineError, Invocation, ReceivedFact};
use crate::ports::{CommitError, Store, StoredFact, World};

/// The most tries of a change when other functions write first.
const MOST_ATTEMPTS: usize = 5;

/// The most facts that are stored with one decision. See `domain::MOST_COMMANDS`.
const MOST_STORED_FACTS: usize = 16;

/// What a change writes.
#[derive(Debug)]
pub(crate) enum Write {
    /// Nothing.
    Nothing,
    /// A decision, with its facts.
    Decision(Box<Decision>, Vec<StoredFact>),
    /// One command's row, if it still has the expected revision.
    Command {
        /// The command's booking.
        booking: BookingId,
        /// The new command.
        command: Box<Command>,
        /// The expected revision of the stored row.
        expected: u64,
    },
}

impl Write {
    /// Returns a decision on facts without a payload.
    pub(crate) fn decision(decision: Decision, facts: &[Fact], now: Timestamp) -> Self {
        Self::received(decision, facts, None, now)
    }

    /// Returns a decision on facts, one of which was received with its payload.
    pub(crate) fn received(
        decision: Decision,
        facts: &[Fact],
        received: Option<&ReceivedFact>,
        now: Timestamp,
    ) -> Self {
        if decision.is_empty() {
            return Self::Nothing;
        }
        // A duplicate fact is not stored again, even if commands change.
        let stored = if decision.booking_changed { facts } else { &[] };
        let stored = stored.iter().take(MOST_STORED_FACTS).map(|fact| stored_fact(fact, received, now)).collect();
        Self::Decision(Box::new(decision), stored)
    }
}

fn stored_fact(fact: &Fact, received: Option<&ReceivedFact>, now: Timestamp) -> StoredFact {
    let received = received.filter(|it| it.fact.id == fact.id);
    StoredFact {
        id: fact.id.clone(),
        kind: fact.kind,
        invitee: fact.leg.invitee.clone(),
        occurred_at: fact.occurred_at,
        received_at: received.map_or(now, |it| it.at),
        payload: received.map(|it| it.payload.clone()).unwrap_or_default(),
    }
}

impl<W: World> Invocation<'_, W> {
    /// Calls `load`, then `decide`, and commits the write that it returns. Starts again if another function wrote
    /// first. Returns the result of `decide`.
    ///
    /// # Errors
    /// A port gave no result, or other functions repeatedly wrote first.
    pub(crate) async fn change<L, T>(
        &self,
        mut load: impl AsyncFnMut() -> Result<L, EngineError>,
        mut decide: impl FnMut(L, Settings, Timestamp) -> (Write, T),
    ) -> Result<T, EngineError> {
        for _ in 0..MOST_ATTEMPTS {
            let loaded = load().await?;
            let settings = self.world.store().load_settings(self.connection).await?;
            let (write, result) = decide(loaded, settings, self.now());
            if self.commit(&write).await? {
                return Ok(result);
            }
        }
        Err(EngineError::Contended)
    }

    /// Writes. Returns `false` if another function wrote first.
    async fn commit(&self, write: &Write) -> Result<bool, EngineError> {
        let store = self.world.store();
        match write {
            Write::Nothing => Ok(true),
            Write::Decision(decision, facts) => match store.commit_decision(decision, facts).await {
                Ok(()) => Ok(true),
                Err(CommitError::Conflict) => Ok(false),
                Err(CommitError::Port(error)) => Err(error.into()),
            },
            Write::Command { booking, command, expected } => {
                let written = store.replace_command(self.connection, booking, command, *expected).await?;
                if written {
                    self.world.observe(command);
                }
                Ok(written)
            }
        }
    }
}
