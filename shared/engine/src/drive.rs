//! The loop that drives a booking: find or load it, decide, commit, execute, and decide again with Calendly's answers.

use domain::{BookingId, Decision, Fact, Settings, Snapshot, Verdict, decide, decide_import};
use jiff::Timestamp;

use crate::change::Write;
use crate::execute::execute;
use crate::invocation::{EngineError, Invocation, Progress, ReceivedFact};
use crate::ports::{Store, World};
use crate::requests::Settlement;

/// The most rounds of executing and deciding in one invocation.
const MOST_ROUNDS: usize = 5;

/// A booking after a decision on it was committed.
pub(crate) struct Committed {
    pub(crate) snapshot: Snapshot,
    pub(crate) settings: Settings,
    pub(crate) verdict: Verdict,
    /// Whether another decision must follow.
    pub(crate) is_partial: bool,
}

impl Committed {
    pub(crate) fn new(snapshot: Snapshot, decision: &Decision, settings: Settings) -> Self {
        let Decision { verdict, is_partial, .. } = *decision;
        Self { snapshot: snapshot.after(decision), settings, verdict, is_partial }
    }
}

fn commit(
    snapshot: Snapshot,
    facts: &[Fact],
    received: Option<&ReceivedFact>,
    settings: Settings,
    now: Timestamp,
) -> (Write, Committed) {
    let decision = decide(&snapshot, facts, &settings, now);
    let committed = Committed::new(snapshot, &decision, settings);
    (Write::received(decision, facts, received, now), committed)
}

impl<W: World> Invocation<'_, W> {
    /// Processes a fact: commits the decision on it, and executes all open commands of its booking.
    ///
    /// # Errors
    /// The record must be delivered again. What was committed stays, and is not repeated.
    pub async fn process_fact(&self, received: &ReceivedFact) -> Result<Progress, EngineError> {
        let load = async || self.locate_booking(&received.fact).await;
        let committed = self
            .change(load, |(snapshot, facts), settings, now| commit(snapshot, &facts, Some(received), settings, now))
            .await?;
        self.drive(committed, Some(received)).await
    }

    /// Processes a fact that was read from Calendly's list. Of a booking that is new to us, nobody is told: it was
    /// confirmed when it was made. Its reminders are planned.
    ///
    /// # Errors
    /// The import must be repeated. What was committed stays, and is not repeated.
    pub async fn import_fact(&self, fact: Fact) -> Result<Progress, EngineError> {
        let load = async || self.locate_booking(&fact).await;
        let committed = self
            .change(load, |(snapshot, facts), settings, now| {
                let decision = decide_import(&snapshot, &facts, &settings, now);
                let committed = Committed::new(snapshot, &decision, settings);
                (Write::decision(decision, &facts, now), committed)
            })
            .await?;
        self.drive(committed, None).await
    }

    /// Executes all open commands of a booking, after a timer fired or an earlier invocation was killed. First,
    /// requests with an unknown outcome are settled by asking Calendly.
    ///
    /// # Errors
    /// The record must be delivered again.
    pub async fn resume_booking(&self, booking: &BookingId) -> Result<Progress, EngineError> {
        let mut first = Some(self.world.store().load_booking(self.connection, booking).await?);
        let mut facts = Vec::new();
        // A request that cannot be settled now must not delay commands that are due.
        let mut unsettled = None;
        let mut is_settled = false;
        for (token, request) in first.iter().flat_map(|it| it.booking.open_requests()) {
            match self.settle_request(booking, token, request).await {
                Ok(Settlement::Booked(fact)) => facts.push(*fact),
                Ok(Settlement::NotBooked) => is_settled = true,
                Ok(Settlement::Unsettled(at)) => self.schedule_recheck(booking, at).await?,
                Err(error) => unsettled = Some(error),
            }
        }
        if is_settled {
            // The settlement has changed the stored booking.
            first = None;
        }
        let load = async || self.snapshot_or_load(&mut first, booking).await;
        let committed =
            self.change(load, |snapshot, settings, now| commit(snapshot, &facts, None, settings, now)).await?;
        let progress = self.drive(committed, None).await?;
        unsettled.map_or(Ok(progress), Err)
    }

    /// Executes the commands of a booking. Decides again as long as Calendly answered with facts, an SMS could not be
    /// sent, a command has ended in an event, or the decision was partial.
    pub(crate) async fn drive(
        &self,
        mut committed: Committed,
        received: Option<&ReceivedFact>,
    ) -> Result<Progress, EngineError> {
        let mut verdict = committed.verdict;
        for _ in 0..MOST_ROUNDS {
            let execution = execute(*self, &committed.snapshot, &committed.settings, received).await?;
            let booking = committed.snapshot.booking.id.clone();
            if execution.is_finished() && !committed.is_partial {
                return Ok(Progress { booking, verdict });
            }
            verdict = Verdict::New;
            let load = async || Ok(self.world.store().load_booking(self.connection, &booking).await?);
            let facts = execution.facts;
            committed =
                self.change(load, |snapshot, settings, now| commit(snapshot, &facts, None, settings, now)).await?;
        }
        Err(EngineError::Contended)
    }

    /// Returns the snapshot that was read before; after its first use, loads the booking.
    pub(crate) async fn snapshot_or_load(
        &self,
        first: &mut Option<Snapshot>,
        booking: &BookingId,
    ) -> Result<Snapshot, EngineError> {
        match first.take() {
            Some(snapshot) => Ok(snapshot),
            None => Ok(self.world.store().load_booking(self.connection, booking).await?),
        }
    }
}
