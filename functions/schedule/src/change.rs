//! Changing a booking: moving it, canceling it, marking a no-show.

use api::answer::{CancelView, MoveView, NoShowView};
use api::request::{BookingIdRequest, CancelRequest, MoveBy, MoveRequest};
use api::{Refusal, Why};
use domain::scheduling::{Form, Person};
use domain::{
    Booking, BookingId, BookingState, CalendlyAction, KeyOrigin, Leg, NoShow, Reason, Settings, State, Token,
    choose_phone, digest, error_chain,
};
use engine::{
    BookingRecord, BookingRequest, Calendly, CalendlyAccount, Identified, OriginalForm, ReceivedFact, RequestDetails,
    RequestLookup,
};
use front::Context;
use jiff::Timestamp;

use crate::form::{tracking, words};
use crate::requests::owner;
use crate::resolve::{context_for_booking, instant};
use crate::schedule::{Ports, Schedule};
use crate::slots::shift;
use crate::view;

impl<P: Ports> Schedule<P> {
    /// Moves a booking: books the new slot and then cancels the old event, or returns the invitee's own link.
    pub(crate) async fn move_booking(&self, context: &Context, request: &MoveRequest) -> Result<MoveView, Refusal> {
        let BookingRecord { booking, .. } = self.find_record(context, &request.booking, &context.locale).await?;
        let context = &context_for_booking(context, request.timezone.as_deref(), &booking)?;
        let locale = &context.locale;
        let leg = booking.current_leg().ok_or_else(|| not_changeable_yet(context, &booking))?.clone();
        let requested = match request.preferred_time.filter(|_| request.by != Some(MoveBy::Link)) {
            Some(time) => instant(time, &locale.tz(), "preferredTime")?,
            None => return by_link(context, &booking, self.changeable_leg(context, &booking, None)?),
        };

        let request_digest = digest(&[&requested.to_string(), &format!("{:?}", request.max_shift)]);
        let key = MoveKey { context, booking: &booking.id, requested };
        if let Some(before) = booking.before(&leg).filter(|_| booking.was_booked_by_us(&leg)) {
            // If the same move was made before, the booking is already at the new time. Another move with the same key
            // is refused.
            let token = key.token(before);
            let is_same_key = leg.token.as_ref() == Some(&token);
            if is_same_key && booking.request_for(&token).is_some_and(|it| it.digest != request_digest) {
                return Err(locale.refuse(Why::KeyReused { booking: Some(booking.id.to_string()), endpoint: None }));
            }
            if is_same_key && leg.canceled.is_none() && !booking.cancel_requests().contains_key(&leg.invitee) {
                if before.canceled.is_none() {
                    // Calendly has not canceled the old event yet. Somebody is waiting for it: try it now.
                    self.hasten(context, &booking).await;
                }
                return Ok(moved(context, &booking, &leg));
            }
        }
        let token = key.token(&leg);
        self.changeable_leg(context, &booking, Some(&token))?;
        if leg.details.start == requested {
            return Ok(moved(context, &booking, &leg));
        }

        let original_form = self.fetch_original_form(context, &leg).await?;
        let catalog = self.cached_catalog(context).await?;
        let event_type = leg.details.event_type.as_ref().and_then(|uri| catalog.find(uri.as_str(), None).ok());
        // An event type that is no longer offered cannot be booked, but the meeting can be moved on Calendly's page.
        let Some(event_type) = event_type else { return by_link(context, &booking, &leg) };
        let identified = || BookingRequest {
            booking: booking.id.clone(),
            token: token.clone(),
            digest: request_digest.clone(),
            email: leg.details.email.clone(),
            owner: owner(event_type).to_owned(),
            key_origin: key.origin(),
            stage: Identified,
        };
        let moved_view = |booking: &Booking| moved(context, booking, booking.leg_of(&token).unwrap_or(&leg));
        let new = match self.look_up_request(context, identified()).await? {
            RequestLookup::Booked(booking) => return Ok(moved_view(&booking)),
            RequestLookup::New(new) => *new,
            RequestLookup::InProgress(until) => return Err(self.in_progress(context, until)),
            RequestLookup::KeyReused => {
                return Err(locale.refuse(Why::KeyReused { booking: Some(booking.id.to_string()), endpoint: None }));
            }
        };
        let slot = match self.find_slot(context, event_type, requested, shift(request.max_shift)).await {
            Ok(slot) => slot,
            // The same move, made concurrently, may have taken the slot.
            Err(refusal) => {
                return match self.look_up_request(context, identified()).await? {
                    RequestLookup::Booked(booking) => Ok(moved_view(&booking)),
                    RequestLookup::InProgress(until) => Err(self.in_progress(context, until)),
                    RequestLookup::New(_) | RequestLookup::KeyReused => Err(refusal),
                };
            }
        };
        let agent_type = booking.metadata.as_ref().and_then(|it| it.agent_type.clone());
        let form = Form {
            event_type: event_type.uri.clone(),
            event_name: event_type.name.clone(),
            start: slot.start,
            end: slot.end,
            person: person(&booking, &leg, &original_form, &context.settings),
            meeting: original_form.meeting.filter(|_| !event_type.is_round_robin),
            answers: original_form.answers,
            guests: original_form.guests,
            tracking: tracking(token.clone(), agent_type),
        };
        let limits = context.settings.booking.limits();
        let details = RequestDetails { form, metadata: None, replaces: Some(leg.clone()), limits };
        let booking = self.submit_request(context, event_type, new.complete(details)).await?;
        // The old event is canceled now, if there is time; otherwise by the recheck.
        self.resume(context, &booking).await;
        Ok(moved_view(&booking))
    }

    /// Cancels a booking. Canceling it again changes nothing.
    pub(crate) async fn cancel(&self, context: &Context, request: &CancelRequest) -> Result<CancelView, Refusal> {
        let BookingRecord { booking, .. } = self.find_record(context, &request.booking, &context.locale).await?;
        let context = &context_for_booking(context, None, &booking)?;
        let locale = &context.locale;
        if let Some(BookingState::Canceled(leg, _)) = booking.state() {
            return Ok(CancelView {
                booking: view::booking(&booking, leg, locale),
                message: locale.canceled(&leg.details.event_name, leg.details.start),
            });
        }
        let leg = self.changeable_leg(context, &booking, None)?.clone();
        match self.fetch_original_form(context, &leg).await {
            // Calendly does not answer, or the connection's login is lost. That proves nothing about the meeting, so
            // the wish is stored all the same: from now on nobody is reminded, and the cancellation is tried until
            // Calendly answers. It then looks again for other people in the event.
            Err(refusal) if matches!(refusal.why, Why::CalendlyUnavailable | Why::CalendlyRefused) => {}
            // Somebody has asked for it before, and nothing is left to cancel.
            Err(refusal) if refusal.why == Why::BookingUnknown && booking.is_to_be_canceled(&leg) => {}
            checked => drop(checked?),
        }
        let reason = request.reason.as_ref().map(words).filter(|it| !it.is_blank());
        let requested = self.invocation(context).request_cancellation(&booking.id, reason).await;
        if !requested.map_err(|error| locale.unfinished(&error))? {
            return Err(locale.refuse(Why::InProgress).after(2));
        }
        self.resume(context, &booking).await;

        let record = self.load_record(context, &booking.id, locale).await?;
        let BookingRecord { booking, commands, .. } = record;
        let is_canceled = matches!(booking.state(), Some(BookingState::Canceled(..)));
        let is_cancellation = |action| action == &CalendlyAction::CancelEvent.into();
        let command = commands.iter().find(|it| is_cancellation(&it.action) && it.leg == leg.invitee);
        match command.map(|it| &it.state) {
            Some(State::Failed { reason: Reason::SharedEvent }) => Err(shared_event(context, &leg)),
            Some(State::Failed { reason: Reason::NotFound }) => Err(locale.refuse(Why::BookingUnknown)),
            Some(State::Failed { .. }) => Err(locale.refuse(Why::CalendlyRefused)),
            Some(State::Skipped { reason: Reason::PastStart }) => Err(locale.refuse(Why::BookingOver)),
            state => {
                // If the booking has moved on meanwhile, that leg is another meeting, and stays.
                let is_current = booking.current_leg().is_some_and(|it| it.invitee == leg.invitee);
                let is_done = is_canceled || is_current && matches!(state, Some(State::Done { .. }));
                let (event, start) = (&leg.details.event_name, leg.details.start);
                let message = if is_done { locale.canceled(event, start) } else { locale.canceling(event, start) };
                let leg = booking.leg(&leg.invitee).unwrap_or(&leg);
                Ok(CancelView { booking: view::booking(&booking, leg, locale), message })
            }
        }
    }

    /// Marks an invitee as a no-show, or removes the mark, at Calendly.
    pub(crate) async fn set_no_show(
        &self,
        context: &Context,
        request: &BookingIdRequest,
        is_no_show: bool,
    ) -> Result<NoShowView, Refusal> {
        let (connection, locale) = (&context.connection, &context.locale);
        let BookingRecord { booking, .. } = self.find_record(context, &request.booking, locale).await?;
        let leg = match booking.state() {
            Some(BookingState::Active(leg)) => leg,
            Some(BookingState::Canceled(..)) => return Err(locale.refuse(Why::BookingOver)),
            Some(BookingState::Moving(_)) | None => return Err(not_changeable_yet(context, &booking)),
        };
        let result = self.calendly().set_no_show(connection, &leg.invitee, is_no_show).await;
        result.map_err(|error| locale.calendly_error(&error, Why::BookingUnknown))?;
        // The webhook will report the mark, too, but a follow-up may be due before it arrives.
        let mut mark = NoShow { at: self.now(), marked: is_no_show };
        if let Ok(Some(mut fact)) = self.calendly().fetch_invitee(connection, &leg.invitee).await {
            // Calendly's answer does not show that a mark was removed.
            mark = fact.leg.no_show.filter(|_| is_no_show).unwrap_or(mark);
            fact.leg.no_show = Some(mark);
            let received = ReceivedFact { fact, at: self.now(), payload: Vec::new() };
            if let Err(error) = self.invocation(context).process_fact(&received).await {
                let error = error_chain(&error);
                tracing::warn!(booking.id = %booking.id, error, "no-show not processed, its webhook will bring it");
            }
        }
        Ok(NoShowView { booking: booking.id.to_string(), no_show: is_no_show, at: Some(mark.at) })
    }

    /// Returns whether the invitee is marked as a no-show.
    pub(crate) async fn no_show(&self, context: &Context, request: &BookingIdRequest) -> Result<NoShowView, Refusal> {
        let BookingRecord { booking, .. } = self.find_record(context, &request.booking, &context.locale).await?;
        let leg = booking.current_leg().ok_or_else(|| context.locale.refuse(Why::BookingUnknown))?;
        let at = leg.no_show.map(|it| it.at);
        Ok(NoShowView { booking: booking.id.to_string(), no_show: leg.is_no_show(), at })
    }

    /// Returns the leg of an upcoming active meeting without open requests, except the one with the token `own`.
    fn changeable_leg<'a>(
        &self,
        context: &Context,
        booking: &'a Booking,
        own: Option<&Token>,
    ) -> Result<&'a Leg, Refusal> {
        let is_busy = booking.open_requests().any(|(token, _)| Some(token) != own);
        // A meeting that is being canceled may be canceled again, but not moved.
        let is_being_canceled = |leg: &Leg| own.is_some() && booking.cancel_requests().contains_key(&leg.invitee);
        match booking.state() {
            Some(BookingState::Active(leg)) if leg.details.start <= self.now() || is_being_canceled(leg) => {
                Err(context.locale.refuse(Why::BookingOver))
            }
            Some(BookingState::Active(leg)) if !is_busy => Ok(leg),
            Some(BookingState::Canceled(..)) => Err(context.locale.refuse(Why::BookingOver)),
            Some(BookingState::Active(_) | BookingState::Moving(_)) | None => Err(not_changeable_yet(context, booking)),
        }
    }

    /// Reads the form of a booking from Calendly. Refuses if other people are in the same event, because Calendly
    /// cancels whole events. If the invitee has changed the booking at Calendly, that change is processed first.
    async fn fetch_original_form(&self, context: &Context, leg: &Leg) -> Result<OriginalForm, Refusal> {
        let (connection, locale) = (&context.connection, &context.locale);
        let original_form = self.calendly().fetch_original_form(connection, &leg.invitee).await;
        let original_form = original_form.map_err(|error| locale.calendly_error(&error, Why::BookingUnknown))?;
        if original_form.is_canceled {
            if let Ok(Some(fact)) = self.calendly().fetch_invitee(connection, &leg.invitee).await {
                let received = ReceivedFact { fact, at: self.now(), payload: Vec::new() };
                if let Err(error) = self.invocation(context).process_fact(&received).await {
                    let error = error_chain(&error);
                    tracing::warn!(error, "invitee's change not processed, its webhook will bring it");
                }
            }
            return Err(locale.refuse(Why::InProgress).after(2));
        }
        if original_form.seats > 1 { Err(shared_event(context, leg)) } else { Ok(original_form) }
    }

    /// Tries cancellations of a booking at Calendly now that wait for their next try.
    async fn hasten(&self, context: &Context, booking: &Booking) {
        match self.invocation(context).hasten_cancellations(&booking.id).await {
            Ok(()) => self.resume(context, booking).await,
            Err(error) => {
                tracing::info!(booking.id = %booking.id, error = error_chain(&error), "cancellation not brought forward");
            }
        }
    }

    /// Executes the open commands of a booking, as far as the time suffices.
    async fn resume(&self, context: &Context, booking: &Booking) {
        if let Err(error) = self.invocation(context).resume_booking(&booking.id).await {
            let error = error_chain(&error);
            tracing::info!(booking.id = %booking.id, error, "booking not resumed, the recheck will do it");
        }
    }
}

/// Returns the invitee for the new form. The phone number is the original form's, else the one that messages go to: an
/// answer to another question, such as that for an emergency contact, is somebody else's.
fn person(booking: &Booking, leg: &Leg, original_form: &OriginalForm, settings: &Settings) -> Person {
    let details = &leg.details;
    let known = choose_phone(booking, leg, settings).ok().map(|(phone, _)| phone);
    Person {
        name: details.name.clone(),
        email: details.email.clone(),
        zone: settings.zone_of(leg),
        phone: original_form.phone.clone().or(known),
    }
}

fn shared_event(context: &Context, leg: &Leg) -> Refusal {
    let (cancel_url, reschedule_url) = (leg.details.cancel_url.clone(), leg.details.reschedule_url.clone());
    context.locale.refuse(Why::SharedEvent { cancel_url, reschedule_url })
}

/// The key of a move, for recognizing repetitions.
struct MoveKey<'a> {
    context: &'a Context,
    booking: &'a BookingId,
    requested: Timestamp,
}

impl MoveKey<'_> {
    /// Returns the token of a move from a leg. A move to the same time from another leg is another move.
    fn token(&self, from: &Leg) -> Token {
        let requested = self.requested.to_string();
        let parts = match &self.context.caller.idempotency_key {
            Some(key) => ["move-given", self.booking.as_str(), key],
            None => ["move", from.invitee.as_str(), &requested],
        };
        Token::from_key(&self.context.connection, &digest(&parts))
    }

    fn origin(&self) -> KeyOrigin {
        if self.context.caller.idempotency_key.is_some() { KeyOrigin::Caller } else { KeyOrigin::Request }
    }
}

/// Refuses a change of a booking whose next leg is not known yet, or that was never made.
fn not_changeable_yet(context: &Context, booking: &Booking) -> Refusal {
    let is_known = booking.state().is_some() || booking.open_requests().next().is_some();
    if is_known { context.locale.refuse(Why::InProgress).after(10) } else { context.locale.refuse(Why::BookingUnknown) }
}

/// Returns the link with which the invitee moves the meeting.
fn by_link(context: &Context, booking: &Booking, leg: &Leg) -> Result<MoveView, Refusal> {
    let locale = &context.locale;
    let link = leg.details.reschedule_url.clone();
    Ok(MoveView {
        moved: false,
        booking: view::booking(booking, leg, locale),
        message: locale.pick(&leg.details.event_name),
        reschedule_url: Some(link.ok_or_else(|| locale.refuse(Why::InProgress).after(10))?),
    })
}

fn moved(context: &Context, booking: &Booking, leg: &Leg) -> MoveView {
    MoveView {
        moved: true,
        booking: view::booking(booking, leg, &context.locale),
        reschedule_url: None,
        message: context.locale.moved(&leg.details.event_name, leg.details.start),
    }
}
