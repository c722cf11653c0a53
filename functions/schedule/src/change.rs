//! What becomes of a booking: looked up, moved, canceled, marked.

use api::answer::{CancelView, MoveView, NoShowView};
use api::request::{BookingIdRequest, CancelRequest, MoveBy, MoveRequest};
use api::{Refusal, Why};
use domain::scheduling::{Form, Person};
use domain::{
    Booking, BookingId, BookingState, CalendlyAction, ConnectionName, KeyOrigin, Language, Leg, NoShow, Phone, Reason,
    Settings, State, Token, digest,
};
use engine::{
    ApiStore, BookingRecord, BookingRequest, Calendly, CalendlyAccount, Identified, OriginalForm, ReceivedFact,
    RequestDetails, RequestLookup, World,
};
use jiff::Timestamp;

use crate::book::{owner, shift, tracking};
use crate::context::{Api, Caller, Ports};
use crate::phrases::Locale;
use crate::resolve::{instant, invalid};
use crate::view;

impl<D: Ports> Api<D> {
    /// A booking by any of its ids.
    pub(crate) async fn booking_record(
        &self,
        connection: &ConnectionName,
        id: &str,
        locale: &Locale,
    ) -> Result<BookingRecord, Refusal> {
        let found = self.store().find_bookings(connection, id).await.map_err(|error| locale.unavailable(&error))?;
        let [booking] = found.as_slice() else {
            return Err(match found.len() {
                0 => locale.refuse(Why::BookingUnknown),
                _ => invalid("booking", "leads to several bookings: use one booking's own id"),
            });
        };
        let story =
            self.store().booking_record(connection, booking).await.map_err(|error| locale.unavailable(&error))?;
        story.ok_or_else(|| locale.refuse(Why::BookingUnknown))
    }

    /// Moves a booking: books the new slot, then has the old one canceled; or hands out the invitee's own link.
    pub(crate) async fn move_booking(&self, caller: &Caller, request: &MoveRequest) -> Result<MoveView, Refusal> {
        let connection = &caller.connection;
        let settings = self.settings(connection).await?;
        let early = Locale::for_person(request.language.as_deref(), &settings.fallback_zone, &settings);
        let BookingRecord { booking, .. } = self.booking_record(connection, &request.booking, &early).await?;
        let zone = self.zone_of(connection, request.timezone.as_deref(), &booking, &settings, &early).await?;
        let locale = locale_for(&booking, request.language.as_deref(), zone, &settings);
        let leg = booking.current_leg().ok_or_else(|| not_yet(&booking, &locale))?.clone();
        let wish = match request.preferred_time.filter(|_| request.by != Some(MoveBy::Link)) {
            Some(wish) => instant(wish, &locale.tz(), "preferredTime")?,
            None => return by_link(&booking, self.on(&booking, None, &locale)?, &locale),
        };

        let same = digest(&[&wish.to_string(), &format!("{:?}", request.max_shift)]);
        let key = MoveKey { caller, booking: &booking.id, wish };
        if let Some(before) = booking.before(&leg).filter(|_| booking.was_booked_by_us(&leg)) {
            // The same wish a second time finds the booking where it asked for; another under its key is refused.
            let token = key.token(before);
            let is_it = leg.token.as_ref() == Some(&token);
            if is_it && booking.request_for(&token).is_some_and(|it| it.digest != same) {
                return Err(locale.refuse(Why::KeyReused { booking: booking.id.to_string() }));
            }
            if is_it && leg.canceled.is_none() && !booking.cancel_requests().contains_key(&leg.invitee) {
                return Ok(moved(&booking, &leg, &locale));
            }
        }
        let token = key.token(&leg);
        self.on(&booking, Some(&token), &locale)?;
        if leg.details.start == wish {
            return Ok(moved(&booking, &leg, &locale));
        }

        let original_form = self.original_form(caller, &leg, &locale).await?;
        let catalog = self.remembered_catalog(connection, &locale).await?;
        let event_type = leg.details.event_type.as_ref().and_then(|uri| catalog.find(uri.as_str(), None).ok());
        // What is no longer on offer can't be booked anew; on Calendly's own page it can be moved all the same.
        let Some(event_type) = event_type else { return by_link(&booking, &leg, &locale) };
        let identify = || BookingRequest {
            booking: booking.id.clone(),
            token: token.clone(),
            digest: same.clone(),
            email: leg.details.email.clone(),
            owner: owner(event_type).to_owned(),
            key_origin: key.of(),
            stage: Identified,
        };
        let as_moved = |booking: &Booking| moved(booking, booking.leg_of(&token).unwrap_or(&leg), &locale);
        let new = match self.begun(caller, identify(), &locale).await? {
            RequestLookup::Booked(booking) => return Ok(as_moved(&booking)),
            RequestLookup::New(new) => *new,
            RequestLookup::InProgress(until) => return Err(self.in_progress(until, &locale)),
            RequestLookup::KeyReused => return Err(locale.refuse(Why::KeyReused { booking: booking.id.to_string() })),
        };
        let slot = match self.free_slot(connection, event_type, wish, shift(request.max_shift), &locale).await {
            Ok(slot) => slot,
            // Perhaps by this very move, asked for twice at once.
            Err(refusal) => {
                return match self.begun(caller, identify(), &locale).await? {
                    RequestLookup::Booked(booking) => Ok(as_moved(&booking)),
                    RequestLookup::InProgress(until) => Err(self.in_progress(until, &locale)),
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
            person: person(&leg, &original_form, &settings),
            meeting: original_form.meeting.filter(|_| !event_type.is_round_robin),
            answers: original_form.answers,
            guests: original_form.guests,
            tracking: tracking(token.clone(), agent_type),
        };
        let details =
            RequestDetails { form, metadata: None, replaces: Some(leg.clone()), limits: settings.booking.limits() };
        let booking = self.make(caller, event_type, new.complete(details), &locale).await?;
        // The old event goes now, if there is time; else whoever comes next sees to it.
        self.carry_on(caller, &booking).await;
        Ok(as_moved(&booking))
    }

    /// Cancels a booking. Canceling it again is no different.
    pub(crate) async fn cancel(&self, caller: &Caller, request: &CancelRequest) -> Result<CancelView, Refusal> {
        let connection = &caller.connection;
        let settings = self.settings(connection).await?;
        let early = Locale::for_person(request.language.as_deref(), &settings.fallback_zone, &settings);
        let BookingRecord { booking, .. } = self.booking_record(connection, &request.booking, &early).await?;
        let zone = self.zone_of(connection, None, &booking, &settings, &early).await?;
        let locale = locale_for(&booking, request.language.as_deref(), zone, &settings);
        if let Some(BookingState::Canceled(leg, _)) = booking.state() {
            return Ok(CancelView {
                booking: view::booking(&booking, leg, &locale),
                message: locale.canceled(&leg.details.event_name, leg.details.start),
            });
        }
        let leg = self.on(&booking, None, &locale)?.clone();
        self.original_form(caller, &leg, &locale).await?;
        let reason = request.reason.clone().filter(|it| !it.expose().trim().is_empty());
        let written = self.invocation(caller).request_cancellation(&booking.id, reason).await;
        if !written.map_err(|error| locale.trouble(&error))? {
            return Err(locale.refuse(Why::InProgress).after(2));
        }
        self.carry_on(caller, &booking).await;

        let story =
            self.store().booking_record(connection, &booking.id).await.map_err(|error| locale.unavailable(&error))?;
        let BookingRecord { booking, commands, .. } = story.ok_or_else(|| locale.refuse(Why::BookingUnknown))?;
        let is_canceled = matches!(booking.state(), Some(BookingState::Canceled(..)));
        let errand =
            commands.iter().find(|it| it.action == CalendlyAction::CancelEvent.into() && it.leg == leg.invitee);
        match errand.map(|it| &it.state) {
            Some(State::Failed { reason: Reason::SharedEvent }) => Err(shared(&leg, &locale)),
            Some(State::Failed { .. }) => Err(locale.refuse(Why::CalendlyRefused)),
            Some(State::Skipped { reason: Reason::PastStart }) => Err(locale.refuse(Why::BookingOver)),
            state => {
                // A leg that has followed meanwhile is another meeting, and stands.
                let is_last = booking.current_leg().is_some_and(|it| it.invitee == leg.invitee);
                let is_done = is_canceled || is_last && matches!(state, Some(State::Done { .. }));
                let (event, start) = (&leg.details.event_name, leg.details.start);
                let message = if is_done { locale.canceled(event, start) } else { locale.canceling(event, start) };
                let leg = booking.leg(&leg.invitee).unwrap_or(&leg);
                Ok(CancelView { booking: view::booking(&booking, leg, &locale), message })
            }
        }
    }

    /// Marks an invitee as not having come, or takes that back; Calendly is told, and tells everybody else.
    pub(crate) async fn set_no_show(
        &self,
        caller: &Caller,
        request: &BookingIdRequest,
        is_no_show: bool,
    ) -> Result<NoShowView, Refusal> {
        let connection = &caller.connection;
        let settings = self.settings(connection).await?;
        let locale = Locale::from_settings(&settings);
        let BookingRecord { booking, .. } = self.booking_record(connection, &request.booking, &locale).await?;
        let leg = match booking.state() {
            Some(BookingState::Active(leg)) => leg,
            Some(BookingState::Canceled(..)) => return Err(locale.refuse(Why::BookingOver)),
            Some(BookingState::Moving(_)) | None => return Err(not_yet(&booking, &locale)),
        };
        let set = self.calendly().set_no_show(connection, &leg.invitee, is_no_show).await;
        set.map_err(|error| locale.calendly_error(&error, Why::BookingUnknown))?;
        // Its webhook will tell as well. A follow-up that is due meanwhile should know.
        let world = self.ports.world();
        let mut word = NoShow { at: self.now(), marked: is_no_show };
        if let Ok(Some(mut fact)) = world.calendly().fetch_invitee(connection, &leg.invitee).await {
            // That a mark is gone is told by nothing: it is what we have just brought about.
            word = fact.leg.no_show.filter(|_| is_no_show).unwrap_or(word);
            fact.leg.no_show = Some(word);
            let received = ReceivedFact { fact, at: self.now(), payload: Vec::new() };
            let learned = self.invocation(caller).process_fact(&received).await;
            if let Err(error) = learned {
                tracing::warn!(booking.id = %booking.id, error = %error, "a no-show waits for its webhook");
            }
        }
        Ok(NoShowView { booking: booking.id.to_string(), no_show: is_no_show, at: Some(word.at) })
    }

    /// Whether the invitee came, by the host's word.
    pub(crate) async fn no_show(&self, caller: &Caller, request: &BookingIdRequest) -> Result<NoShowView, Refusal> {
        let settings = self.settings(&caller.connection).await?;
        let locale = Locale::from_settings(&settings);
        let BookingRecord { booking, .. } = self.booking_record(&caller.connection, &request.booking, &locale).await?;
        let leg = booking.current_leg().ok_or_else(|| locale.refuse(Why::BookingUnknown))?;
        let word = leg.no_show;
        Ok(NoShowView { booking: booking.id.to_string(), no_show: leg.is_no_show(), at: word.map(|it| it.at) })
    }

    /// The leg of a meeting that is on and ahead, and of which nothing is under way but what carries `own`.
    fn on<'a>(&self, booking: &'a Booking, own: Option<&Token>, locale: &Locale) -> Result<&'a Leg, Refusal> {
        let is_busy = booking.open_requests().any(|(token, _)| Some(token) != own);
        // To cancel again what is being canceled is no different; to move it is.
        let is_given_up = |leg: &Leg| own.is_some() && booking.cancel_requests().contains_key(&leg.invitee);
        match booking.state() {
            Some(BookingState::Active(leg)) if leg.details.start <= self.now() || is_given_up(leg) => {
                Err(locale.refuse(Why::BookingOver))
            }
            Some(BookingState::Active(leg)) if !is_busy => Ok(leg),
            Some(BookingState::Canceled(..)) => Err(locale.refuse(Why::BookingOver)),
            Some(BookingState::Active(_) | BookingState::Moving(_)) | None => Err(not_yet(booking, locale)),
        }
    }

    /// What a booking was made with, by Calendly's present word. It cancels whole events, so one that others are in is left
    /// to the invitee; and what the invitee has changed there meanwhile is taken in first.
    async fn original_form(&self, caller: &Caller, leg: &Leg, locale: &Locale) -> Result<OriginalForm, Refusal> {
        let connection = &caller.connection;
        let original_form = self.calendly().fetch_original_form(connection, &leg.invitee).await;
        let original_form = original_form.map_err(|error| locale.calendly_error(&error, Why::BookingUnknown))?;
        if original_form.is_canceled {
            let world = self.ports.world();
            if let Ok(Some(fact)) = world.calendly().fetch_invitee(connection, &leg.invitee).await {
                let received = ReceivedFact { fact, at: self.now(), payload: Vec::new() };
                if let Err(error) = self.invocation(caller).process_fact(&received).await {
                    tracing::warn!(error = %error, "what the invitee has changed waits for its webhook");
                }
            }
            return Err(locale.refuse(Why::InProgress).after(2));
        }
        if original_form.seats > 1 { Err(shared(leg, locale)) } else { Ok(original_form) }
    }

    /// Carries out what a booking wants done, as far as time allows.
    async fn carry_on(&self, caller: &Caller, booking: &Booking) {
        let resumed = self.invocation(caller).resume_booking(&booking.id).await;
        if let Err(error) = resumed {
            tracing::info!(booking.id = %booking.id, error = %error, "the rest is left to whoever comes next");
        }
    }

    /// The zone of a booking's invitee, unless another is named.
    pub(crate) async fn zone_of(
        &self,
        connection: &ConnectionName,
        named: Option<&str>,
        booking: &Booking,
        settings: &Settings,
        locale: &Locale,
    ) -> Result<String, Refusal> {
        match booking.current_leg().and_then(|leg| leg.details.zone.clone()) {
            Some(own) if named.is_none() => Ok(own),
            _ => self.zone(connection, named, None, settings, locale).await,
        }
    }
}

/// The voice for a booking's invitee: what is asked for now goes before what was said when it was booked.
pub(crate) fn locale_for(booking: &Booking, language: Option<&str>, zone: String, settings: &Settings) -> Locale {
    let told = booking.metadata.as_ref().and_then(|it| it.language.as_deref());
    let fixed = booking.current_leg().and_then(|leg| settings.language_of(leg)).map(Language::tag);
    Locale::for_person(language.or(fixed).or(told), &zone, settings)
}

fn person(leg: &Leg, original_form: &OriginalForm, settings: &Settings) -> Person {
    let details = &leg.details;
    let told = details.phones.iter().filter_map(|it| Phone::parse(it.text.expose()).ok());
    Person {
        name: details.name.clone(),
        email: details.email.clone(),
        zone: details.zone.clone().unwrap_or_else(|| settings.fallback_zone.clone()),
        phone: original_form.phone.clone().or_else(|| told.into_iter().next()),
    }
}

fn shared(leg: &Leg, locale: &Locale) -> Refusal {
    let (cancel_url, reschedule_url) = (leg.details.cancel_url.clone(), leg.details.reschedule_url.clone());
    locale.refuse(Why::SharedEvent { cancel_url, reschedule_url })
}

/// What a move is known again by.
struct MoveKey<'a> {
    caller: &'a Caller,
    booking: &'a BookingId,
    wish: Timestamp,
}

impl MoveKey<'_> {
    /// The token of a move from a leg. To move there again from elsewhere is another move.
    fn token(&self, from: &Leg) -> Token {
        let wish = self.wish.to_string();
        let parts = match &self.caller.idempotency_key {
            Some(key) => ["move-given", self.booking.as_str(), key],
            None => ["move", from.invitee.as_str(), &wish],
        };
        Token::from_key(&self.caller.connection, &digest(&parts))
    }

    fn of(&self) -> KeyOrigin {
        if self.caller.idempotency_key.is_some() { KeyOrigin::Caller } else { KeyOrigin::Request }
    }
}

/// Why a booking can't be changed now: where it will come to stand is not known yet, or it never stood anywhere.
fn not_yet(booking: &Booking, locale: &Locale) -> Refusal {
    let is_under_way = booking.state().is_some() || booking.open_requests().next().is_some();
    if is_under_way { locale.refuse(Why::InProgress).after(10) } else { locale.refuse(Why::BookingUnknown) }
}

/// The link on which the invitee moves the meeting.
fn by_link(booking: &Booking, leg: &Leg, locale: &Locale) -> Result<MoveView, Refusal> {
    let link = leg.details.reschedule_url.clone();
    Ok(MoveView {
        moved: false,
        booking: view::booking(booking, leg, locale),
        message: locale.pick(&leg.details.event_name),
        reschedule_url: Some(link.ok_or_else(|| locale.refuse(Why::InProgress).after(10))?),
    })
}

fn moved(booking: &Booking, leg: &Leg, locale: &Locale) -> MoveView {
    MoveView {
        moved: true,
        booking: view::booking(booking, leg, locale),
        reschedule_url: None,
        message: locale.moved(&leg.details.event_name, leg.details.start),
    }
}
