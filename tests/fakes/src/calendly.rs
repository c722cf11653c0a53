//! Calendly's REST API, as far as bookings need it.

use domain::scheduling::Form;
use domain::{
    CanceledBy, Cancellation, ConnectionName, Details, EventTypeUri, EventUri, Fact, FactId, FactKind, InviteeUri, Leg,
    Outcome, PhoneCandidate, PhoneSource, Private, Reason, Tracking,
};
use engine::{
    BookOutcome, BookingQuery, Calendly, CalendlyError, CallLimiter, InviteePage, InviteeQuery, Invocation, PortError,
    ReceivedFact,
};
use jiff::Timestamp;

use crate::call::Call;
use crate::fake::{Fake, TIME_OUT};
use crate::fault::FaultPolicy;
use crate::state::{CalendlyState, Effect};

/// The events of one page of an import.
const IMPORT_PAGE: usize = 2;

impl<P: FaultPolicy> Calendly for Fake<P> {
    async fn fetch_invitee(&self, _: &ConnectionName, invitee: &InviteeUri) -> Result<Option<Fact>, PortError> {
        let fetched = self.call(Call::FetchInvitee, |state| self.faults.invitee(state, invitee, self.now.get()));
        Ok(fetched.await?)
    }

    fn busy_for(&self, _: &ConnectionName) -> Option<u32> {
        self.state.borrow().calendly.busy_for
    }

    async fn create_booking(&self, _: &ConnectionName, form: &Form) -> BookOutcome {
        let now = self.now.get();
        let outcome = self.call(Call::CreateBooking, |state| state.calendly.book(form, now)).await;
        if self.state.borrow().calendly.sends_webhook_first
            && let Ok(BookOutcome::Booking { fact, .. }) = &outcome
        {
            self.process_webhook(fact, now).await;
        }
        outcome.unwrap_or_else(Into::into)
    }

    async fn find_booking(&self, _: &ConnectionName, wanted: &BookingQuery) -> Result<Option<Fact>, PortError> {
        let is_wanted = |fact: &&Fact| {
            fact.leg.token.as_ref() == Some(&wanted.token)
                && fact.leg.details.start == wanted.start
                && fact.leg.details.email == wanted.email
        };
        let found = self.call(Call::FindBooking, |state| state.calendly.invitees.values().find(is_wanted).cloned());
        Ok(found.await?)
    }

    async fn list_invitees(&self, _: &ConnectionName, query: &InviteeQuery) -> Result<InviteePage, PortError> {
        let listed = self.call(Call::ListInvitees, |state| {
            let is_wanted = |fact: &&Fact| {
                let details = &fact.leg.details;
                query.event.as_ref().map_or(details.start >= query.since, |event| details.event == *event)
            };
            let mut facts: Vec<_> = state.calendly.invitees.values().filter(is_wanted).cloned().collect();
            facts.sort_by_key(|it| it.leg.details.start);
            let first: usize = query.page.as_ref().map_or(0, |it| it.parse().expect("a page of ours"));
            let page: Vec<_> = facts.iter().skip(first).take(IMPORT_PAGE).cloned().collect();
            let next = (facts.len() > first + IMPORT_PAGE).then(|| (first + IMPORT_PAGE).to_string());
            InviteePage { events: u64::try_from(page.len()).expect("few"), facts: page, next }
        });
        Ok(listed.await?)
    }

    async fn cancel_event(&self, _: &ConnectionName, invitee: &InviteeUri, reason: &str) -> Outcome {
        let now = self.now.get();
        let outcome = self.call(Call::CancelEvent, |state| {
            // Nothing is left to cancel.
            let Some(fact) = state.calendly.invitees.get_mut(invitee) else {
                return Outcome::done(None);
            };
            if fact.leg.canceled.is_none() {
                let reason = (!reason.is_empty()).then(|| reason.into());
                fact.leg.canceled = Some(Cancellation { at: now, by: CanceledBy::Host, reason, rescheduled: false });
                fact.leg.details.as_of = now;
                let text = format!("Calendly cancels {}", fact.leg.details.start);
                state.effects.push(Effect { command: None, at: now, text });
            }
            Outcome::done(None)
        });
        outcome.await.unwrap_or_else(Into::into)
    }

    async fn fetch_host_zone(&self, _: &ConnectionName, host: &str) -> Result<Option<String>, PortError> {
        Ok(self.call(Call::FetchHostZone, |state| state.calendly.host_zones.get(host).cloned()).await?)
    }

    async fn create_single_use_link(&self, _: &ConnectionName, _: &EventTypeUri) -> Result<String, CalendlyError> {
        let link = self.call(Call::CreateSingleUseLink, |state| {
            state.calendly.links += 1;
            format!("https://calendly.com/d/abc-{}", state.calendly.links)
        });
        Ok(link.await?)
    }
}

impl<P: FaultPolicy> Fake<P> {
    /// Processes the webhook about a new booking, as another function would at the same time.
    async fn process_webhook(&self, fact: &Fact, now: Timestamp) {
        let received = ReceivedFact {
            fact: Fact { kind: FactKind::Created, ..fact.clone() },
            at: now,
            payload: br#"{"payload":{"uri":"x"}}"#.to_vec(),
        };
        let (limiter, connection) = (CallLimiter::default(), ConnectionName::default());
        let deadline = now + TIME_OUT;
        let invocation = Invocation { world: self, limiter: &limiter, connection: &connection, deadline };
        let processed = Box::pin(invocation.process_fact(&received));
        processed.await.expect("the webhook is processed");
    }
}

impl CalendlyState {
    fn book(&mut self, form: &Form, now: Timestamp) -> BookOutcome {
        if let Some(parameters) = self.refuses_bookings.clone() {
            let detail = "as the test asks".to_owned();
            return BookOutcome::Refused { reason: Reason::ProviderRefused, detail, parameters };
        }
        if self.is_limited {
            return BookOutcome::Limited { reset_seconds: 40 };
        }
        let is_taken = |fact: &Fact| fact.leg.canceled.is_none() && fact.leg.details.start == form.start;
        if !self.has_room_for_all && self.invitees.values().any(is_taken) {
            return BookOutcome::Filled;
        }
        let fact = booked(form, self.invitees.len() + 1, now);
        self.invitees.insert(fact.leg.invitee.clone(), fact.clone());
        self.forms.insert(fact.leg.invitee.clone(), form.clone());
        BookOutcome::Booking { fact: Box::new(fact), closed_for_seconds: None }
    }
}

/// What Calendly answers when it has booked.
fn booked(form: &Form, number: usize, now: Timestamp) -> Fact {
    let event = format!("https://api.calendly.com/scheduled_events/E{number}");
    let invitee = InviteeUri::new(format!("{event}/invitees/I{number}"));
    let phone = form.person.phone.iter().map(|phone| PhoneCandidate {
        source: PhoneSource::TextReminderNumber,
        question: None,
        text: Private::new(phone.expose().to_owned()),
    });
    Fact {
        id: FactId::from_parts("booked", invitee.as_str(), &now.to_string()),
        kind: FactKind::LookedUp,
        occurred_at: now,
        leg: Leg {
            invitee,
            token: Some(form.tracking.token.clone()),
            previous: None,
            next: None,
            booked_at: None,
            details: Details {
                as_of: now,
                looked_at: None,
                event: EventUri::new(event),
                event_type: Some(form.event_type.clone()),
                event_name: form.event_name.clone(),
                start: form.start,
                end: form.end,
                name: form.person.name.clone(),
                first_name: None,
                email: form.person.email.clone(),
                zone: Some(form.person.zone.clone()),
                join_url: Some(format!("https://meet.example.com/{number}")),
                location: None,
                invitee_place: None,
                cancel_url: Some(format!("https://calendly.com/cancellations/I{number}")),
                reschedule_url: Some(format!("https://calendly.com/reschedulings/I{number}")),
                in_person: false,
                online: false,
                by_phone: false,
                host: Some("Maria Popescu".to_owned()),
                hosts: Vec::new(),
                phones: phone.collect(),
                reconfirmation: None,
                routing_form_submission: None,
                payment: None,
                answers: Vec::new(),
                tracking: Tracking::default(),
            },
            canceled: None,
            no_show: None,
            created_received: false,
            canceled_received: false,
        },
    }
}
