//! The loop that drives a booking: find or load it, decide, commit, execute, and decide again on what Calendly
//! answered.

use domain::{BookingId, Decision, Fact, Settings, Snapshot, Verdict, decide};
use jiff::Timestamp;

use crate::change::Write;
use crate::execute::execute;
use crate::invocation::{EngineError, Invocation, Progress, ReceivedFact};
use crate::ports::{Store, World};
use crate::requests::Settlement;

/// How often commands are executed and decided on again within one invocation.
const MOST_ROUNDS: usize = 5;

/// A booking after a decision on it was committed.
struct Committed {
    snapshot: Snapshot,
    settings: Settings,
    verdict: Verdict,
    /// Whether another decision must follow.
    is_partial: bool,
}

fn commit(
    snapshot: Snapshot,
    facts: &[Fact],
    received: Option<&ReceivedFact>,
    settings: Settings,
    now: Timestamp,
) -> (Write, Committed) {
    let decision = decide(&snapshot, facts, &settings, now);
    let Decision { verdict, is_partial, .. } = decision;
    let committed = Committed { snapshot: snapshot.after(&decision), settings, verdict, is_partial };
    (Write::received(decision, facts, received, now), committed)
}

impl<W: World> Invocation<'_, W> {
    /// Takes in a fact, and executes what follows from it and whatever else of its booking is open.
    ///
    /// # Errors
    /// When the record must come back. What was committed stays, and is not done twice.
    pub async fn process_fact(&self, received: &ReceivedFact) -> Result<Progress, EngineError> {
        let load = async || self.locate_booking(&received.fact).await;
        let committed = self
            .change(load, |(snapshot, facts), settings, now| commit(snapshot, &facts, Some(received), settings, now))
            .await?;
        self.drive(committed, Some(received)).await
    }

    /// Executes whatever is open of a booking: a timer fired, or an earlier invocation was cut off. A request whose
    /// outcome is not known is settled first, by asking Calendly.
    ///
    /// # Errors
    /// When the record must come back.
    pub async fn resume_booking(&self, booking: &BookingId) -> Result<Progress, EngineError> {
        let mut first = Some(self.world.store().load_booking(self.connection, booking).await?);
        let mut facts = Vec::new();
        // A request that can't be settled now must not hold up what is due.
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
            // The settlement and what follows from it were committed.
            first = None;
        }
        let load = async || self.snapshot_or_load(&mut first, booking).await;
        let committed =
            self.change(load, |snapshot, settings, now| commit(snapshot, &facts, None, settings, now)).await?;
        let progress = self.drive(committed, None).await?;
        unsettled.map_or(Ok(progress), Err)
    }

    /// Executes the commands of a booking, and decides again as long as Calendly answered something, an SMS was missed,
    /// or the decision was partial.
    async fn drive(&self, mut at: Committed, received: Option<&ReceivedFact>) -> Result<Progress, EngineError> {
        let mut verdict = at.verdict;
        for _ in 0..MOST_ROUNDS {
            let execution = execute(*self, &at.snapshot, &at.settings, received).await?;
            let booking = at.snapshot.booking.id.clone();
            if execution.is_finished() && !at.is_partial {
                return Ok(Progress { booking, verdict });
            }
            verdict = Verdict::New;
            let load = async || Ok(self.world.store().load_booking(self.connection, &booking).await?);
            let facts = execution.facts;
            at = self.change(load, |snapshot, settings, now| commit(snapshot, &facts, None, settings, now)).await?;
        }
        Err(EngineError::Contended)
    }

    /// The snapshot that was read before, the first time; then the booking as it is stored.
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
