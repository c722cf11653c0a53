//! Booking: at once, or in two steps; each the same whether it is asked once or ten times.

use api::answer::{BookAnswer, HoldView, InviteeView, LinkView, LocationView, PreviewView, QuestionView, True};
use api::request::{BookRequest, ConfirmRequest, CustomAnswers, LinkRequest};
use api::{Refusal, When, Why};
use domain::scheduling::budget::Span;
use domain::scheduling::form::{self, FormFault, GuestFault};
use domain::scheduling::slots::{chosen, nearest, span_of_alternatives};
use domain::scheduling::{EventType, Form, Given, Person, Shift, Slot, Tracking};
use domain::{
    Booking, BookingId, BookingState, ConnectionName, InviteeUri, KeyOrigin, Language, Metadata, Private, Settings,
    Token, digest,
};
use engine::{
    ApiStore, BookingRequest, BudgetSpent, Calendly, Complete, Identified, New, RequestDetails, RequestLookup,
    SubmitOutcome,
};
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use crate::agenda::DAYS_OF_ALTERNATIVES;
use crate::context::{Api, Caller, Ports};
use crate::phrases::Locale;
use crate::resolve::{self, Words, instant, invalid};
use crate::view;

/// How many of them are offered with a refusal.
const NEAREST: usize = 3;

/// A hold, as it is kept until it is confirmed.
#[derive(Serialize, Deserialize)]
struct Hold {
    /// With the token that the booking would have had then.
    form: Form,
    metadata: Metadata,
    digest: String,
    key: Key,
    language: Language,
}

/// What a request is known again by.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Key {
    /// The caller's own name for it.
    Given(String),
    /// What it wants: equal for whoever asks for the same.
    Of(Vec<String>),
}

impl Key {
    /// The token of the key. A booking that has ended makes room for another under the same derived key.
    fn token(&self, connection: &ConnectionName, ended: Option<&InviteeUri>) -> Token {
        let mut parts = match self {
            Self::Given(key) => vec!["given", key],
            Self::Of(parts) => std::iter::once("derived").chain(parts.iter().map(String::as_str)).collect(),
        };
        parts.extend(ended.map(InviteeUri::as_str));
        Token::from_key(connection, &digest(&parts))
    }

    fn of(&self) -> KeyOrigin {
        match self {
            Self::Given(_) => KeyOrigin::Caller,
            Self::Of(_) => KeyOrigin::Request,
        }
    }
}

/// How many bookings of one conversation, for one time, may have been canceled before it gets another.
const MOST_ENDED: usize = 8;

impl<D: Ports> Api<D> {
    /// Books, unless the same request was booked before.
    pub(crate) async fn book(&self, caller: &Caller, request: &BookRequest) -> Result<BookAnswer, Refusal> {
        let connection = &caller.connection;
        let settings = self.settings(connection).await?;
        let (person, locale) = self.invitee(connection, request, &settings).await?;
        let catalog = self.remembered_catalog(connection, &locale).await?;
        let event_type = resolve::event_type(&catalog, words(request), &settings, &locale)?;
        let wish = instant(request.preferred_time, &locale.tz(), "preferredTime")?;
        let same = digest_of(request, event_type, wish);
        let key = key_of(caller, request, event_type, wish);
        let request_for = For { key: &key, digest: &same, email: &person.email, event_type };
        let new = match self.found(caller, &request_for, &locale).await? {
            Found::Booked(booking) => return answer(&booking, &locale),
            Found::New(new) => *new,
        };
        // Somebody may have changed the event type since it was read. If it is another one by now, all of it is asked anew.
        let catalog = self.catalog_since(connection, new.stage.snapshot.event_types_changed_at, &locale).await?;
        let uri = event_type.uri.clone();
        let event_type = resolve::event_type(&catalog, words(request), &settings, &locale)?;
        if event_type.uri != uri {
            return Err(locale.refuse(Why::InProgress).after(1));
        }
        let slot = match self.free_slot(connection, event_type, wish, shift(request.max_shift), &locale).await {
            Ok(slot) => slot,
            Err(refusal) => return self.unless_made(caller, &request_for, &locale, refusal).await,
        };
        let (form, metadata) =
            self.form(request, person.clone(), event_type, &slot, new.token.clone(), &settings, &locale)?;
        let request_for = For { event_type, ..request_for };
        self.book_form(caller, new, &form, metadata, &request_for, &settings, &locale).await
    }

    /// Checks all that [`Api::book`] would, and keeps it under a name for a while. Nobody's slot is kept by that.
    pub(crate) async fn hold(&self, caller: &Caller, request: &BookRequest) -> Result<HoldView, Refusal> {
        let connection = &caller.connection;
        let settings = self.settings(connection).await?;
        let (person, locale) = self.invitee(connection, request, &settings).await?;
        let catalog = self.catalog(connection, &locale).await?;
        let event_type = resolve::event_type(&catalog, words(request), &settings, &locale)?;
        let wish = instant(request.preferred_time, &locale.tz(), "preferredTime")?;
        let slot = self.free_slot(connection, event_type, wish, shift(request.max_shift), &locale).await?;
        let key = key_of(caller, request, event_type, slot.start);
        let token = key.token(connection, None);
        let (form, metadata) = self.form(request, person.clone(), event_type, &slot, token, &settings, &locale)?;
        let digest = digest_of(request, event_type, wish);
        let request_for = For { key: &key, digest: &digest, email: &person.email, event_type };
        if let Found::New(new) = self.found(caller, &request_for, &locale).await?
            && let Err(full) = new.room(settings.booking.limits(), self.now())
        {
            let (name, email) = (Some(&form.person.name), Some(&form.person.email));
            let link = self.single_use(connection, event_type, &new.token, &metadata, name, email, &locale).await.ok();
            return Err(self.spent(event_type, full, link, &locale));
        }
        let preview = PreviewView {
            event_type: form.event_name.clone(),
            start_time: form.start,
            end_time: form.end,
            timezone: locale.zone.clone(),
            local_time: locale.when(form.start),
            location: form.meeting.as_ref().map(|it| it.location.clone().unwrap_or_else(|| it.kind.as_str().into())),
            invitee: InviteeView { email: form.person.email.clone(), name: form.person.name.clone() },
        };
        let message = locale.held(&form.event_name, form.start);
        let minutes = i64::from(settings.booking.hold_minutes);
        let expires_at = (self.now() + SignedDuration::from_mins(minutes)).min(form.start);
        let hold = Hold { form, metadata, digest, key, language: locale.language };
        let document = serde_json::to_string(&hold).map_err(|_| locale.refuse(Why::Unavailable))?;
        let id = self.new_name("hold", &locale)?;
        let kept = self.store().put_hold(connection, &id, &document, expires_at).await;
        kept.map_err(|error| locale.unavailable(&error))?;
        Ok(HoldView { hold: id, expires_at, message, booking: preview })
    }

    /// Books exactly what a hold says.
    pub(crate) async fn confirm(&self, caller: &Caller, request: &ConfirmRequest) -> Result<BookAnswer, Refusal> {
        let connection = &caller.connection;
        let settings = self.settings(connection).await?;
        let early = Locale::from_settings(&settings);
        let kept = self.store().load_hold(connection, &request.hold).await;
        let (document, expires_at) =
            kept.map_err(|error| early.unavailable(&error))?.ok_or_else(|| early.refuse(Why::HoldUnknown))?;
        let Ok(Hold { mut form, metadata, digest, key, language }) = serde_json::from_str(&document) else {
            return Err(early.refuse(Why::HoldUnknown));
        };
        let locale = Locale { language, zone: form.person.zone.clone() };
        let catalog = self.remembered_catalog(connection, &locale).await?;
        let unknown = |_| locale.refuse(Why::EventTypeUnknown { near: Vec::new() });
        let event_type = catalog.find(form.event_type.as_str(), None).map_err(unknown)?;
        let email = form.person.email.clone();
        let request_for = For { key: &key, digest: &digest, email: &email, event_type };
        let new = match self.found(caller, &request_for, &locale).await? {
            Found::Booked(booking) => return answer(&booking, &locale),
            Found::New(new) => *new,
        };
        if expires_at <= self.now() {
            return Err(locale.refuse(Why::HoldExpired));
        }
        let exactly = Shift::Within(SignedDuration::ZERO);
        if let Err(refusal) = self.free_slot(connection, event_type, form.start, exactly, &locale).await {
            return self.unless_made(caller, &request_for, &locale, refusal).await;
        }
        form.tracking.token = new.token.clone();
        self.book_form(caller, new, &form, metadata, &request_for, &settings, &locale).await
    }

    /// A link on which the invitee books once, and which leads to the conversation that it was made in.
    pub(crate) async fn link(&self, caller: &Caller, request: &LinkRequest) -> Result<LinkView, Refusal> {
        let connection = &caller.connection;
        let settings = self.settings(connection).await?;
        let early = Locale::for_person(request.language.as_deref(), &settings.fallback_zone, &settings);
        let email =
            request.invitee_email.as_ref().map(|it| of_invitee("inviteeEmail", it, form::email, &early)).transpose()?;
        let name =
            request.invitee_name.as_ref().map(|it| of_invitee("inviteeName", it, form::name, &early)).transpose()?;
        let zone = self.zone(connection, None, email.as_ref(), &settings, &early).await?;
        let locale = Locale::for_person(request.language.as_deref(), &zone, &settings);
        let phone = request.phone.as_ref().map(|it| of_invitee("phone", it, form::phone, &early)).transpose()?;
        let catalog = self.catalog(connection, &locale).await?;
        let asked = Words {
            event_type: request.event_type.as_deref(),
            topic: request.topic.as_deref(),
            host: host_of(&request.host),
        };
        let event_type = resolve::event_type(&catalog, asked, &settings, &locale)?;
        let token = Token::from_key(connection, &self.new_name("link", &locale)?);
        let metadata = Metadata {
            conversation_id: request.conversation_id.clone(),
            user_id: request.user_id.clone(),
            agent_type: request.agent_type.clone(),
            event_type: Some(request.event_type.clone().unwrap_or_else(|| event_type.name.clone())),
            source: Some(SOURCE.to_owned()),
            notes: request.notes.clone(),
            phone: phone.map(|it| Private::from(it.expose())),
            language: language_tag(request.language.as_deref()),
            topic: request.topic.clone(),
            qualification: request.qualification.clone(),
            created_at: self.now(),
        };
        let url = self.single_use(connection, event_type, &token, &metadata, name.as_ref(), email.as_ref(), &locale);
        Ok(LinkView {
            url: url.await?,
            event_type: event_type.name.clone(),
            booking: BookingId::from_token(connection, &token).to_string(),
            message: locale.pick(&event_type.name),
        })
    }

    /// Looks a request up before anything is asked for it.
    async fn found(&self, caller: &Caller, request: &For<'_>, locale: &Locale) -> Result<Found, Refusal> {
        let mut ended = None;
        for _ in 0..MOST_ENDED {
            let identified =
                request.identify(&caller.connection, request.key.token(&caller.connection, ended.as_ref()));
            let booking = identified.booking.clone();
            match self.begun(caller, identified, locale).await? {
                RequestLookup::Booked(booking) => match ended_leg(&booking) {
                    Some(leg) if request.key.of() == KeyOrigin::Request => ended = Some(leg),
                    _ => return Ok(Found::Booked(booking)),
                },
                RequestLookup::New(new) => return Ok(Found::New(new)),
                RequestLookup::InProgress(until) => return Err(self.in_progress(until, locale)),
                RequestLookup::KeyReused => return Err(locale.refuse(Why::KeyReused { booking: booking.to_string() })),
            }
        }
        // Whoever cancels and books the same hour again and again had better take a key of their own.
        let booking = BookingId::from_token(&caller.connection, &request.key.token(&caller.connection, ended.as_ref()));
        Err(locale.refuse(Why::KeyReused { booking: booking.to_string() }))
    }

    /// What is known of a request.
    pub(crate) async fn begun(
        &self,
        caller: &Caller,
        request: BookingRequest<Identified>,
        locale: &Locale,
    ) -> Result<RequestLookup, Refusal> {
        self.invocation(caller).look_up_request(request).await.map_err(|error| locale.trouble(&error))
    }

    /// A refusal, unless the very same request was booked meanwhile: then it is the one in its own way.
    async fn unless_made(
        &self,
        caller: &Caller,
        request: &For<'_>,
        locale: &Locale,
        refusal: Refusal,
    ) -> Result<BookAnswer, Refusal> {
        if !matches!(refusal.why, Why::SlotTaken { .. } | Why::NoSlot | Why::BudgetExhausted { .. }) {
            return Err(refusal);
        }
        match self.found(caller, request, locale).await? {
            Found::Booked(booking) => answer(&booking, locale),
            Found::New(_) => Err(refusal),
        }
    }

    /// Books what a form says, for a request that is new.
    #[expect(clippy::too_many_arguments, reason = "a booking is made of many parts")]
    async fn book_form(
        &self,
        caller: &Caller,
        new: BookingRequest<New>,
        form: &Form,
        metadata: Metadata,
        request: &For<'_>,
        settings: &Settings,
        locale: &Locale,
    ) -> Result<BookAnswer, Refusal> {
        let details = RequestDetails {
            form: form.clone(),
            metadata: Some(metadata),
            replaces: None,
            limits: settings.booking.limits(),
        };
        match self.make(caller, request.event_type, new.complete(details), locale).await {
            Ok(booking) => answer(&booking, locale),
            Err(refusal) => self.unless_made(caller, request, locale, refusal).await,
        }
    }

    /// Books, and says what came of it.
    pub(crate) async fn make(
        &self,
        caller: &Caller,
        event_type: &EventType,
        request: BookingRequest<Complete>,
        locale: &Locale,
    ) -> Result<Box<Booking>, Refusal> {
        let connection = &caller.connection;
        let placed = self.invocation(caller).submit_request(request.clone()).await;
        match placed.map_err(|error| locale.trouble(&error))? {
            SubmitOutcome::Booked(booking) => Ok(booking),
            SubmitOutcome::Filled => {
                Err(self.taken(connection, event_type, request.details().form.start, locale).await)
            }
            SubmitOutcome::BudgetSpent(full) => {
                let link = self.instead(connection, event_type, &request, locale).await;
                Err(self.spent(event_type, full, link, locale))
            }
            SubmitOutcome::Refused { reason, detail, parameters } => {
                tracing::error!(reason = reason.code(), detail, "Calendly refuses a booking");
                Err(self.refused(event_type, &parameters, locale))
            }
            SubmitOutcome::Unavailable(detail) => {
                tracing::warn!(detail, "nothing was booked");
                Err(locale.refuse(Why::CalendlyUnavailable).after(5))
            }
            SubmitOutcome::Doubtful(until) => Err(self.in_progress(until, locale)),
            SubmitOutcome::Raced => Err(self.in_progress(self.now() + SignedDuration::from_secs(2), locale)),
        }
    }

    /// That the budget is spent.
    fn spent(&self, event_type: &EventType, full: BudgetSpent, link: Option<String>, locale: &Locale) -> Refusal {
        let BudgetSpent { span, free_at } = full;
        let seconds = u32::try_from(free_at.duration_since(self.now()).as_secs().max(1)).unwrap_or(u32::MAX);
        let window = span.map_or_else(|| window_of(seconds), Span::name);
        let message = locale.busy(&event_type.name, link.is_some());
        Refusal::new(Why::BudgetExhausted { link, available_at: free_at, window: window.to_owned() }, message)
            .after(seconds)
    }

    /// What Calendly's refusal of a form is about, where it says so.
    fn refused(&self, event_type: &EventType, parameters: &[String], locale: &Locale) -> Refusal {
        let names = |part: &str| parameters.iter().any(|it| it.contains(part));
        let fields = [("email", "inviteeEmail"), ("name", "inviteeName"), ("text_reminder_number", "phone")];
        if let Some((_, field)) = fields.into_iter().find(|(part, _)| names(&format!("invitee.{part}"))) {
            return invitee_invalid(field, locale);
        }
        if names("location") {
            let offered = event_type.locations.iter().map(LocationView::from).collect();
            return Refusal::new(Why::LocationInvalid { offered, needs: None }, locale.location(None));
        }
        locale.refuse(Why::CalendlyRefused)
    }

    /// What takes the place of a booking that there is no budget for. Of a move, nothing does: the invitee's own link.
    async fn instead(
        &self,
        connection: &ConnectionName,
        event_type: &EventType,
        request: &BookingRequest<Complete>,
        locale: &Locale,
    ) -> Option<String> {
        let RequestDetails { form, metadata, replaces, .. } = request.details();
        if let Some(leg) = replaces {
            return leg.details.reschedule_url.clone();
        }
        let (name, email) = (Some(&form.person.name), Some(&form.person.email));
        self.single_use(connection, event_type, &request.token, metadata.as_ref()?, name, email, locale).await.ok()
    }

    /// A single-use link with the form filled in. What VAI knows is written down first, under the token in the link.
    #[expect(clippy::too_many_arguments, reason = "each stands for itself in the link")]
    async fn single_use(
        &self,
        connection: &ConnectionName,
        event_type: &EventType,
        token: &Token,
        metadata: &Metadata,
        name: Option<&Private<String>>,
        email: Option<&Private<String>>,
        locale: &Locale,
    ) -> Result<String, Refusal> {
        let written = self.store().put_metadata(connection, token, metadata).await;
        written.map_err(|error| locale.unavailable(&error))?;
        let link = self.calendly().create_single_use_link(connection, &event_type.uri).await;
        let link = link.map_err(|error| locale.calendly_error(&error, Why::EventTypeUnknown { near: Vec::new() }))?;
        let parameters = [
            ("name", name.map(|it| it.expose().as_str())),
            ("email", email.map(|it| it.expose().as_str())),
            ("utm_source", Some(UTM_SOURCE)),
            ("utm_content", Some(token.as_str())),
        ];
        let parameters: Vec<_> = parameters
            .into_iter()
            .filter_map(|(key, value)| {
                Some(format!("{key}={}", percent_encoding::utf8_percent_encode(value?, IN_QUERY)))
            })
            .collect();
        let join = if link.contains('?') { '&' } else { '?' };
        Ok(format!("{link}{join}{}", parameters.join("&")))
    }

    /// The free slot that a wish means, asked for just now.
    pub(crate) async fn free_slot(
        &self,
        connection: &ConnectionName,
        event_type: &EventType,
        wish: Timestamp,
        shift: Shift,
        locale: &Locale,
    ) -> Result<Slot, Refusal> {
        if wish <= self.now() {
            return Err(Refusal::new(Why::PastTime, locale.past(wish)));
        }
        let (from, until) = reach(wish, shift, locale);
        let slots = self.slots(connection, event_type, from, until, locale).await?;
        match chosen(&slots, wish, shift, &locale.tz()) {
            Some(slot) => Ok(slot.clone()),
            None => Err(self.taken(connection, event_type, wish, locale).await),
        }
    }

    /// That a slot is not free, with the nearest that are.
    pub(crate) async fn taken(
        &self,
        connection: &ConnectionName,
        event_type: &EventType,
        wish: Timestamp,
        locale: &Locale,
    ) -> Refusal {
        let (from, until) = span_of_alternatives(wish, self.now(), &locale.tz(), DAYS_OF_ALTERNATIVES);
        let slots: Vec<_> = match self.ask_for_slots(connection, event_type, from, until).await {
            Ok(slots) => slots.into_iter().filter(|it| it.start != wish).collect(),
            // Without them it is still true that the slot is taken.
            Err(error) => {
                tracing::warn!(error = %error, "there are no alternatives to offer");
                return Refusal::new(Why::SlotTaken { alternatives: Vec::new() }, locale.taken(wish, false));
            }
        };
        if slots.is_empty() {
            return locale.refuse(Why::NoSlot);
        }
        let alternatives = view::days(nearest(&slots, wish, NEAREST), locale);
        Refusal::new(Why::SlotTaken { alternatives }, locale.taken(wish, true))
    }

    /// Who the meeting is for, and how they are spoken to.
    async fn invitee(
        &self,
        connection: &ConnectionName,
        request: &BookRequest,
        settings: &Settings,
    ) -> Result<(Person, Locale), Refusal> {
        let zone = request.timezone.as_deref().unwrap_or(&settings.fallback_zone);
        let early = Locale::for_person(request.language.as_deref(), zone, settings);
        let email = of_invitee("inviteeEmail", &request.invitee_email, form::email, &early)?;
        let name = of_invitee("inviteeName", &request.invitee_name, form::name, &early)?;
        let phone = request.phone.as_ref().map(|it| of_invitee("phone", it, form::phone, &early)).transpose()?;
        let zone = self.zone(connection, request.timezone.as_deref(), Some(&email), settings, &early).await?;
        let locale = Locale::for_person(request.language.as_deref(), &zone, settings);
        Ok((Person { name, email, zone, phone }, locale))
    }

    /// The form, and what is kept beside the booking.
    #[expect(clippy::too_many_arguments, reason = "a form is made of many parts")]
    fn form(
        &self,
        request: &BookRequest,
        person: Person,
        event_type: &EventType,
        slot: &Slot,
        token: Token,
        settings: &Settings,
        locale: &Locale,
    ) -> Result<(Form, Metadata), Refusal> {
        let given = match &request.custom_answers {
            None => Given::default(),
            Some(CustomAnswers::Pairs(pairs)) => {
                Given::Named(pairs.iter().map(|it| (it.question.clone(), it.answer.clone())).collect())
            }
            Some(CustomAnswers::ByQuestion(map)) => {
                Given::Named(map.iter().map(|(question, answer)| (question.clone(), answer.clone())).collect())
            }
            Some(CustomAnswers::InOrder(answers)) => Given::InOrder(answers.clone()),
        };
        let answers = form::answers(event_type, &given, person.phone.as_ref(), settings);
        let answers = answers.map_err(|fault| match fault {
            FormFault::Missing(questions) => {
                let names: Vec<_> = questions.iter().map(|it| it.name.as_str()).collect();
                let message = locale.questions(&names);
                Refusal::new(
                    Why::QuestionMissing { questions: questions.iter().map(QuestionView::from).collect() },
                    message,
                )
            }
            FormFault::Invalid { question, choices, .. } => {
                let message = locale.answer(&question);
                Refusal::new(Why::AnswerInvalid { question, choices }, message)
            }
        })?;
        let wanted = request.location.as_ref();
        let wanted = wanted.map(|it| (it.kind.as_str(), it.location.as_ref().map(|it| it.expose().as_str())));
        let meeting = form::meeting(event_type, wanted, person.phone.as_ref()).map_err(|fault| {
            let offered = fault.offered.iter().map(LocationView::from).collect();
            let message = locale.location(fault.needs);
            Refusal::new(Why::LocationInvalid { offered, needs: fault.needs.map(str::to_owned) }, message)
        })?;
        let guests = form::guests(&request.guests, &settings.booking.never_guests, &person.email);
        let guests = guests.map_err(|fault| match fault {
            GuestFault::Invalid(at) => invitee_invalid(&format!("guests[{at}]"), locale),
            GuestFault::TooMany(_) => invalid("guests", "are more than the ten that Calendly takes"),
        })?;
        let mut qualification = request.qualification.clone();
        // What the form has no question for is still worth knowing.
        qualification.extend(answers.unmatched);
        let metadata = Metadata {
            conversation_id: request.conversation_id.clone(),
            user_id: request.user_id.clone(),
            agent_type: request.agent_type.clone(),
            event_type: Some(request.event_type.clone().unwrap_or_else(|| event_type.name.clone())),
            source: Some(SOURCE.to_owned()),
            notes: request.notes.clone(),
            phone: person.phone.as_ref().map(|it| Private::from(it.expose())),
            language: language_tag(request.language.as_deref()),
            topic: request.topic.clone(),
            qualification,
            created_at: self.now(),
        };
        let form = Form {
            event_type: event_type.uri.clone(),
            event_name: event_type.name.clone(),
            start: slot.start,
            end: slot.end,
            person,
            meeting,
            answers: answers.filled,
            guests,
            tracking: tracking(token, request.agent_type.clone()),
        };
        Ok((form, metadata))
    }

    pub(crate) fn in_progress(&self, until: Timestamp, locale: &Locale) -> Refusal {
        let seconds = until.duration_since(self.now()).as_secs().clamp(1, 60);
        locale.refuse(Why::InProgress).after(u32::try_from(seconds).unwrap_or(1))
    }

    /// A name that nobody can guess.
    fn new_name(&self, what: &str, locale: &Locale) -> Result<String, Refusal> {
        let random = self.ports.random().map_err(|error| locale.unavailable(&error))?;
        Ok(format!("{what}-{:032x}", u128::from_be_bytes(random)))
    }
}

/// A request, by what it is known again.
struct For<'a> {
    key: &'a Key,
    digest: &'a str,
    email: &'a Private<String>,
    event_type: &'a EventType,
}

impl For<'_> {
    fn identify(&self, connection: &ConnectionName, token: Token) -> BookingRequest<Identified> {
        BookingRequest {
            booking: BookingId::from_token(connection, &token),
            token,
            digest: self.digest.to_owned(),
            email: self.email.clone(),
            owner: owner(self.event_type).to_owned(),
            key_origin: self.key.of(),
            stage: Identified,
        }
    }
}

/// What is known of a request before anything is asked.
enum Found {
    /// It was booked before.
    Booked(Box<Booking>),
    /// It was never made.
    New(Box<BookingRequest<New>>),
}

/// The leg that a booking ended with, or will.
fn ended_leg(booking: &Booking) -> Option<InviteeUri> {
    match booking.state()? {
        BookingState::Canceled(leg, _) => Some(leg.invitee.clone()),
        BookingState::Active(leg) => Some(leg.invitee.clone()).filter(|it| booking.cancel_requests().contains_key(it)),
        BookingState::Moving(_) => None,
    }
}

/// Where our bookings come from, in VAI's words.
const SOURCE: &str = "vai_agent";

/// And in the words of tracking.
const UTM_SOURCE: &str = "vai";

/// What must not stand in a query as it is.
const IN_QUERY: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// The tracking keys of a booking of ours.
pub(crate) fn tracking(token: Token, agent_type: Option<String>) -> Tracking {
    Tracking {
        source: Some(UTM_SOURCE.to_owned()),
        medium: Some("agent".to_owned()),
        campaign: agent_type,
        term: None,
        token,
        salesforce_uuid: None,
    }
}

/// Whose budget a booking counts against. An event type of nobody's has its own.
pub(crate) fn owner(event_type: &EventType) -> &str {
    if event_type.owner.is_empty() { event_type.uri.as_str() } else { &event_type.owner }
}

/// How far a request may shift.
pub(crate) fn shift(minutes: Option<u32>) -> Shift {
    minutes.map_or(Shift::SameDay, |it| Shift::Within(SignedDuration::from_mins(i64::from(it))))
}

/// The span in which a slot would be acceptable; its end is not in it.
fn reach(wish: Timestamp, shift: Shift, locale: &Locale) -> (Timestamp, Timestamp) {
    match shift {
        Shift::Within(most) => {
            (wish.saturating_sub(most).unwrap_or(wish), later(wish, most.saturating_add(SignedDuration::from_secs(60))))
        }
        Shift::SameDay => {
            let local = wish.to_zoned(locale.tz());
            let day =
                local.start_of_day().and_then(|start| Ok((start.timestamp(), start.checked_add(1.day())?.timestamp())));
            day.unwrap_or_else(|_| (wish, later(wish, SignedDuration::from_hours(24))))
        }
    }
}

/// An instant so much later, or the end of time.
pub(crate) fn later(at: Timestamp, wait: SignedDuration) -> Timestamp {
    at.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

fn window_of(seconds: u32) -> &'static str {
    match seconds {
        0..=60 => "minute",
        61..=3_600 => "hour",
        _ => "day",
    }
}

fn words(request: &BookRequest) -> Words<'_> {
    Words { event_type: request.event_type.as_deref(), topic: request.topic.as_deref(), host: host_of(&request.host) }
}

pub(crate) fn host_of(host: &Option<Private<String>>) -> Option<&str> {
    host.as_ref().map(|it| it.expose().as_str())
}

fn language_tag(asked: Option<&str>) -> Option<String> {
    asked.and_then(Language::parse).map(|it| it.tag().to_owned())
}

/// Reads what a request says of the invitee.
pub(crate) fn of_invitee<T>(
    field: &str,
    given: &Private<String>,
    read: impl FnOnce(&str) -> Option<T>,
    locale: &Locale,
) -> Result<T, Refusal> {
    read(given.expose()).ok_or_else(|| invitee_invalid(field, locale))
}

fn invitee_invalid(field: &str, locale: &Locale) -> Refusal {
    Refusal::new(Why::InviteeInvalid { field: field.to_owned() }, locale.invitee(field))
}

/// The caller's key, else what makes requests of one conversation the same: what is to be booked, and when.
fn key_of(caller: &Caller, request: &BookRequest, event_type: &EventType, start: Timestamp) -> Key {
    match &caller.idempotency_key {
        Some(key) => Key::Given(key.clone()),
        None => Key::Of(vec![request.conversation_id.clone(), event_type.uri.to_string(), start.to_string()]),
    }
}

/// Equal for requests that mean the same booking. What the agent notes down beside it may differ from try to try.
fn digest_of(request: &BookRequest, event_type: &EventType, wish: Timestamp) -> String {
    let same = BookRequest {
        event_type: Some(event_type.uri.to_string()),
        topic: None,
        host: None,
        invitee_email: Private::new(request.invitee_email.expose().trim().to_lowercase()),
        preferred_time: When::Instant(wish),
        conversation_id: String::new(),
        user_id: None,
        agent_type: None,
        notes: None,
        timezone: None,
        language: None,
        qualification: std::collections::BTreeMap::new(),
        ..request.clone()
    };
    digest(&[&serde_json::to_string(&same).unwrap_or_default()])
}

/// What the caller of a booking is told: how it stands now, which may be elsewhere than it was booked.
fn answer(booking: &Booking, locale: &Locale) -> Result<BookAnswer, Refusal> {
    let leg = booking.current_leg().ok_or_else(|| locale.refuse(Why::BookingUnknown))?;
    let (event, start) = (&leg.details.event_name, leg.details.start);
    let is_off = ended_leg(booking).is_some();
    let message = if is_off { locale.canceled(event, start) } else { locale.booked(event, start) };
    Ok(BookAnswer { success: True, booking: view::booking(booking, leg, locale), message })
}
