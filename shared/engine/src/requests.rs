//! Requests with an unknown outcome: they are looked up at Calendly.

use domain::{ASK_AGAIN_AFTER, BookingId, CalendlyRequest, Fact, Reason, RequestCheck, Token, record_request};
use jiff::Timestamp;

use crate::change::Write;
use crate::invocation::{EngineError, Invocation};
use crate::ports::{BookingQuery, Calendly, Store, World};

/// How a request ended.
pub(crate) enum Settlement {
    /// Calendly has booked it.
    Booked(Box<Fact>),
    /// Calendly has not booked it and can no longer do so. That is stored.
    NotBooked,
    /// The outcome is not certain yet. Check again at this instant.
    Unsettled(Timestamp),
}

pub(crate) fn booking_query(token: &Token, request: &CalendlyRequest) -> BookingQuery {
    BookingQuery { token: token.clone(), email: request.email.clone(), start: request.start }
}

impl<W: World> Invocation<'_, W> {
    /// Settles a request: looks it up at Calendly, after the function that sent it has certainly ended.
    pub(crate) async fn settle_request(
        &self,
        booking: &BookingId,
        token: &Token,
        request: &CalendlyRequest,
    ) -> Result<Settlement, EngineError> {
        let now = self.now();
        match request.check(now) {
            RequestCheck::NotBooked => return Ok(Settlement::NotBooked),
            RequestCheck::Wait(until) => return Ok(Settlement::Unsettled(until)),
            RequestCheck::AskCalendly => {}
        }
        let found = self.world.calendly().find_booking(self.connection, &booking_query(token, request)).await?;
        if let Some(fact) = found {
            return Ok(Settlement::Booked(Box::new(fact)));
        }
        if !request.is_given_up(now) {
            return Ok(Settlement::Unsettled(now + ASK_AGAIN_AFTER));
        }
        let load = async || Ok(self.world.store().load_booking(self.connection, booking).await?);
        self.change(load, |snapshot, settings, _| {
            if !snapshot.booking.is_open(token, request) {
                return (Write::Nothing, Settlement::Unsettled(now + ASK_AGAIN_AFTER));
            }
            let ended = request.clone().refused(Reason::NotFound, now);
            let decision = record_request(&snapshot, token, ended, None, &settings, now);
            (Write::decision(decision, &[], now), Settlement::NotBooked)
        })
        .await
    }
}
