//! Booking: at once, or in two steps; each the same whether it is asked once or ten times.

use api::answer::{BookAnswer, HoldView, InviteeView, Is, LinkView, LocationView, PreviewView, QuestionView};
use api::request::{BookRequest, ConfirmRequest, CustomAnswers, LinkRequest};
use api::{Refusal, When, Why};
use domain::scheduling::form::{self, FormFault, GuestFault};
use domain::scheduling::slots::{chosen, nearest, span_of_alternatives, windows};
use domain::scheduling::{EventType, Form, Given, Person, Shift, Slot, Tracking};
use domain::{Booking, BookingId, ConnectionName, Language, Leg, Metadata, Private, Settings, Token, digest};
use engine::{Agenda, Begun, Fresh, Placed, Records, Wish, begin, place};
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use crate::office::{Caller, Desk, Office};
use crate::say::Voice;
use crate::subject::{self, Words, instant, invalid};
use crate::view;

/// How far around a wish alternatives are looked for.
const DAYS_OF_ALTERNATIVES: u32 = 14;

/// How many of them are offered with a refusal.
const NEAREST: usize = 3;

/// A hold, as it is kept until it is confirmed.
#[derive(Serialize, Deserialize)]
struct Hold {
    form: Form,
    metadata: Metadata,
    digest: String,
    language: Language,
}

/// A booking to be made: nothing is left to be chosen.
pub(crate) struct Making<'a> {
    pub(crate) booking: &'a BookingId,
    pub(crate) event_type: &'a EventType,
    pub(crate) form: &'a Form,
    pub(crate) digest: &'a str,
    pub(crate) metadata: Option<Metadata>,
    pub(crate) replaces: Option<&'a Leg>,
}

impl<D: Desk> Office<D> {
    /// Books, unless the same request was booked before.
    pub(crate) async fn book(&self, caller: &Caller, request: &BookRequest) -> Result<BookAnswer, Refusal> {
        let connection = &caller.connection;
        let settings = self.settings(connection).await?;
        let (person, voice) = self.invitee(connection, request, &settings).await?;
        let catalog = self.catalog(connection, &voice).await?;
        let event_type = subject::event_type(&catalog, words(request), &settings, &voice)?;
        let wish = instant(request.preferred_time, &voice.tz(), "preferredTime")?;
        let same = digest_of(request, event_type, wish);
        let token = match &caller.idempotency_key {
            Some(key) => Token::of_key(connection, &digest(&["given", key])),
            None => {
                let slot = ["derived", &request.conversation_id, event_type.uri.as_str(), &wish.to_string()];
                Token::of_key(connection, &digest(&slot))
            }
        };
        let booking = BookingId::of_token(connection, &token);
        let fresh = match self.begun(connection, &booking, &token, &same, event_type, &voice).await? {
            Found::Made(booking, leg) => return Ok(answer(&booking, &leg, &voice)),
            Found::Fresh(fresh) => *fresh,
        };
        // Somebody may have changed the event type since it was read.
        let catalog = self.catalog_since(connection, fresh.prospect.event_types_changed_at, &voice).await?;
        let event_type = subject::event_type(&catalog, words(request), &settings, &voice)?;
        let slot = self.free_slot(connection, event_type, wish, shift(request.max_shift), &voice).await?;
        let (form, metadata) = self.form(request, person, event_type, &slot, token, &settings, &voice)?;
        let making = Making {
            booking: &booking,
            event_type,
            form: &form,
            digest: &same,
            metadata: Some(metadata),
            replaces: None,
        };
        let (booking, leg) = self.make(caller, fresh, &making, &settings, &voice).await?;
        Ok(answer(&booking, &leg, &voice))
    }

    /// Checks all that [`Office::book`] would, and keeps it under a name for a while. Nobody's slot is kept by that.
    pub(crate) async fn hold(&self, caller: &Caller, request: &BookRequest) -> Result<HoldView, Refusal> {
        let connection = &caller.connection;
        let settings = self.settings(connection).await?;
        let (person, voice) = self.invitee(connection, request, &settings).await?;
        let catalog = self.catalog(connection, &voice).await?;
        let event_type = subject::event_type(&catalog, words(request), &settings, &voice)?;
        let wish = instant(request.preferred_time, &voice.tz(), "preferredTime")?;
        let slot = self.free_slot(connection, event_type, wish, shift(request.max_shift), &voice).await?;
        let id = self.new_name("hold", &voice)?;
        let token = token_of_hold(connection, &id);
        let (form, metadata) = self.form(request, person, event_type, &slot, token, &settings, &voice)?;
        let digest = digest_of(request, event_type, wish);
        let preview = PreviewView {
            event_type: form.event_name.clone(),
            start_time: form.start,
            end_time: form.end,
            timezone: voice.zone.clone(),
            local_time: voice.when(form.start),
            location: form.meeting.as_ref().map(|it| it.location.clone().unwrap_or_else(|| it.kind.as_str().into())),
            invitee: InviteeView { email: form.person.email.clone(), name: form.person.name.clone() },
        };
        let message = voice.held(&form.event_name, form.start);
        let minutes = i64::from(settings.booking.hold_minutes);
        let expires_at = (self.now() + SignedDuration::from_mins(minutes)).min(form.start);
        let hold = Hold { form, metadata, digest, language: voice.language };
        let document = serde_json::to_string(&hold).map_err(|_| voice.refuse(Why::Unavailable))?;
        let kept = self.store().put_hold(connection, &id, &document, expires_at).await;
        kept.map_err(|error| voice.unavailable(&error))?;
        Ok(HoldView { hold: id, expires_at, message, booking: preview })
    }

    /// Books exactly what a hold says.
    pub(crate) async fn confirm(&self, caller: &Caller, request: &ConfirmRequest) -> Result<BookAnswer, Refusal> {
        let connection = &caller.connection;
        let settings = self.settings(connection).await?;
        let kept = self.store().hold(connection, &request.hold).await;
        let kept = kept.map_err(|error| Voice::plain().unavailable(&error))?;
        let (document, expires_at) = kept.ok_or_else(|| Voice::plain().refuse(Why::HoldUnknown))?;
        let Ok(Hold { form, metadata, digest, language }) = serde_json::from_str(&document) else {
            return Err(Voice::plain().refuse(Why::HoldUnknown));
        };
        let voice = Voice { language, zone: form.person.zone.clone() };
        let catalog = self.catalog(connection, &voice).await?;
        let unknown = |_| voice.refuse(Why::EventTypeUnknown { near: Vec::new() });
        let event_type = catalog.find(form.event_type.as_str(), None).map_err(unknown)?;
        let token = &form.tracking.token;
        let booking = BookingId::of_token(connection, token);
        let fresh = match self.begun(connection, &booking, token, &digest, event_type, &voice).await? {
            Found::Made(booking, leg) => return Ok(answer(&booking, &leg, &voice)),
            Found::Fresh(fresh) => *fresh,
        };
        if expires_at <= self.now() {
            return Err(voice.refuse(Why::HoldExpired));
        }
        let exactly = Shift::Within(SignedDuration::ZERO);
        self.free_slot(connection, event_type, form.start, exactly, &voice).await?;
        let making = Making {
            booking: &booking,
            event_type,
            form: &form,
            digest: &digest,
            metadata: Some(metadata),
            replaces: None,
        };
        let (booking, leg) = self.make(caller, fresh, &making, &settings, &voice).await?;
        Ok(answer(&booking, &leg, &voice))
    }

    /// A link on which the invitee books once, and which leads to the conversation that it was made in.
    pub(crate) async fn link(&self, caller: &Caller, request: &LinkRequest) -> Result<LinkView, Refusal> {
        let connection = &caller.connection;
        let settings = self.settings(connection).await?;
        let early = Voice::of(request.language.as_deref(), &settings.fallback_zone, &settings);
        let email = match &request.invitee_email {
            Some(text) => Some(form::email(text.expose()).ok_or_else(|| invitee_invalid("inviteeEmail", &early))?),
            None => None,
        };
        let name = match &request.invitee_name {
            Some(text) => Some(form::name(text.expose()).ok_or_else(|| invitee_invalid("inviteeName", &early))?),
            None => None,
        };
        let zone = self.zone(connection, None, email.as_ref(), &settings, &early).await?;
        let voice = Voice::of(request.language.as_deref(), &zone, &settings);
        let phone = match &request.phone {
            Some(text) => Some(form::phone(text.expose()).ok_or_else(|| invitee_invalid("phone", &early))?),
            None => None,
        };
        let catalog = self.catalog(connection, &voice).await?;
        let asked = Words { event_type: request.event_type.as_deref(), topic: request.topic.as_deref(), host: None };
        let event_type = subject::event_type(&catalog, asked, &settings, &voice)?;
        let token = Token::of_key(connection, &self.new_name("link", &voice)?);
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
        let url = self.single_use(connection, event_type, &token, &metadata, name.as_ref(), email.as_ref(), &voice);
        Ok(LinkView {
            url: url.await?,
            event_type: event_type.name.clone(),
            booking: BookingId::of_token(connection, &token).to_string(),
            message: voice.pick(&event_type.name),
        })
    }

    /// Looks a request up before anything is asked for it.
    pub(crate) async fn begun(
        &self,
        connection: &ConnectionName,
        booking: &BookingId,
        token: &Token,
        digest: &str,
        event_type: &EventType,
        voice: &Voice,
    ) -> Result<Found, Refusal> {
        match begin(self.desk.world(), connection, booking, token, digest, owner(event_type)).await {
            Ok(Begun::Fresh(fresh)) => Ok(Found::Fresh(fresh)),
            Ok(Begun::Booked(booking, leg)) => Ok(Found::Made(booking, leg)),
            Ok(Begun::InProgress(until)) => Err(self.in_progress(until, voice)),
            Ok(Begun::Differs) => Err(voice.refuse(Why::KeyReused)),
            Err(error) => Err(voice.trouble(&error)),
        }
    }

    /// Books, and says what came of it.
    pub(crate) async fn make(
        &self,
        caller: &Caller,
        fresh: Fresh,
        making: &Making<'_>,
        settings: &Settings,
        voice: &Voice,
    ) -> Result<(Box<Booking>, Box<Leg>), Refusal> {
        let connection = &caller.connection;
        let wish = Wish {
            booking: making.booking,
            form: making.form,
            digest: making.digest,
            metadata: making.metadata.clone(),
            replaces: making.replaces,
            owner: owner(making.event_type),
            limits: settings.booking.limits(),
        };
        let placed = place(self.desk.world(), connection, fresh, &wish, caller.deadline).await;
        match placed.map_err(|error| voice.trouble(&error))? {
            Placed::Booked(booking, leg) => Ok((booking, leg)),
            Placed::Filled => Err(self.taken(connection, making.event_type, making.form.start, voice).await),
            Placed::Spent { span, free_at } => {
                let seconds = u32::try_from(free_at.duration_since(self.now()).as_secs().max(1)).unwrap_or(u32::MAX);
                let window = span.map_or_else(|| window_of(seconds), |it| it.name());
                let link = self.instead(connection, making, voice).await;
                let message = voice.busy(&making.event_type.name, link.is_some());
                let why = Why::BudgetExhausted { link, available_at: free_at, window: window.to_owned() };
                Err(Refusal::new(why, message).after(seconds))
            }
            Placed::Refused(reason, detail) => {
                tracing::error!(reason = reason.code(), detail, "Calendly refuses a booking");
                Err(voice.refuse(Why::CalendlyRefused))
            }
            Placed::Unavailable(detail) => {
                tracing::warn!(detail, "nothing was booked");
                Err(voice.refuse(Why::CalendlyUnavailable).after(5))
            }
            Placed::Doubtful(until) => Err(self.in_progress(until, voice)),
            Placed::Raced => Err(self.in_progress(self.now() + SignedDuration::from_secs(2), voice)),
        }
    }

    /// What takes the place of a booking that there is no budget for. Of a move, nothing does: the invitee's own link.
    async fn instead(&self, connection: &ConnectionName, making: &Making<'_>, voice: &Voice) -> Option<String> {
        if let Some(leg) = making.replaces {
            return leg.details.reschedule_url.clone();
        }
        let (person, token) = (&making.form.person, &making.form.tracking.token);
        let metadata = making.metadata.as_ref()?;
        let (name, email) = (Some(&person.name), Some(&person.email));
        self.single_use(connection, making.event_type, token, metadata, name, email, voice).await.ok()
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
        voice: &Voice,
    ) -> Result<String, Refusal> {
        let written = self.store().put_metadata(connection, token, metadata).await;
        written.map_err(|error| voice.unavailable(&error))?;
        let link = self.calendly().link(connection, &event_type.uri).await.map_err(|error| voice.denied(&error))?;
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
        voice: &Voice,
    ) -> Result<Slot, Refusal> {
        let now = self.now();
        if wish <= now {
            return Err(Refusal::new(Why::PastTime, voice.past(wish)));
        }
        let (from, until) = reach(wish, shift, voice);
        let mut slots = Vec::new();
        for (from, until) in windows(from, until, now) {
            let some = self.calendly().available(connection, event_type, from, until).await;
            slots.extend(some.map_err(|error| voice.denied(&error))?);
        }
        match chosen(&slots, wish, shift, &voice.tz()) {
            Some(slot) => Ok(slot.clone()),
            None => Err(self.taken(connection, event_type, wish, voice).await),
        }
    }

    /// That a slot is not free, with the nearest that are.
    pub(crate) async fn taken(
        &self,
        connection: &ConnectionName,
        event_type: &EventType,
        wish: Timestamp,
        voice: &Voice,
    ) -> Refusal {
        let now = self.now();
        let (from, until) = span_of_alternatives(wish, now, &voice.tz(), DAYS_OF_ALTERNATIVES);
        let mut slots = Vec::new();
        for (from, until) in windows(from, until, now) {
            // Without them it is still true that the slot is taken.
            slots.extend(self.calendly().available(connection, event_type, from, until).await.unwrap_or_default());
        }
        if slots.is_empty() {
            return voice.refuse(Why::NoSlot { alternatives: Vec::new() });
        }
        let alternatives = view::days(nearest(&slots, wish, NEAREST), voice);
        Refusal::new(Why::SlotTaken { alternatives }, voice.taken(wish))
    }

    /// Who the meeting is for, and how they are spoken to.
    async fn invitee(
        &self,
        connection: &ConnectionName,
        request: &BookRequest,
        settings: &Settings,
    ) -> Result<(Person, Voice), Refusal> {
        let zone = request.timezone.as_deref().unwrap_or(&settings.fallback_zone);
        let early = Voice::of(request.language.as_deref(), zone, settings);
        let email =
            form::email(request.invitee_email.expose()).ok_or_else(|| invitee_invalid("inviteeEmail", &early))?;
        let name = form::name(request.invitee_name.expose()).ok_or_else(|| invitee_invalid("inviteeName", &early))?;
        let phone = match &request.phone {
            Some(text) => Some(form::phone(text.expose()).ok_or_else(|| invitee_invalid("phone", &early))?),
            None => None,
        };
        let zone = self.zone(connection, request.timezone.as_deref(), Some(&email), settings, &early).await?;
        let voice = Voice::of(request.language.as_deref(), &zone, settings);
        Ok((Person { name, email, zone, phone }, voice))
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
        voice: &Voice,
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
                let message = voice.questions(&names);
                Refusal::new(
                    Why::QuestionMissing { questions: questions.iter().map(QuestionView::from).collect() },
                    message,
                )
            }
            FormFault::Invalid { question, choices, .. } => {
                let message = voice.answer(&question);
                Refusal::new(Why::AnswerInvalid { question, choices }, message)
            }
        })?;
        let wanted = request.location.as_ref();
        let wanted = wanted.map(|it| (it.kind.as_str(), it.location.as_ref().map(|it| it.expose().as_str())));
        let meeting = form::meeting(event_type, wanted, person.phone.as_ref()).map_err(|fault| {
            let offered = fault.offered.iter().map(LocationView::from).collect();
            voice.refuse(Why::LocationInvalid { offered, needs: fault.needs.map(str::to_owned) })
        })?;
        let guests = form::guests(&request.guests, &settings.booking.never_guests, &person.email);
        let guests = guests.map_err(|fault| match fault {
            GuestFault::Invalid(at) => invalid(&format!("guests[{at}]"), "is no e-mail address"),
            GuestFault::TooMany(_) => invalid("guests", "are more than Calendly takes: 10"),
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

    fn in_progress(&self, until: Timestamp, voice: &Voice) -> Refusal {
        let seconds = until.duration_since(self.now()).as_secs().clamp(1, 60);
        voice.refuse(Why::InProgress).after(u32::try_from(seconds).unwrap_or(1))
    }

    /// A name that nobody can guess.
    fn new_name(&self, what: &str, voice: &Voice) -> Result<String, Refusal> {
        let random = self.desk.random().map_err(|error| voice.unavailable(&error))?;
        Ok(format!("{what}-{:032x}", u128::from_be_bytes(random)))
    }
}

/// What is known of a request before anything is asked.
pub(crate) enum Found {
    /// It was booked before.
    Made(Box<Booking>, Box<Leg>),
    /// Nothing is known of it.
    Fresh(Box<Fresh>),
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
fn reach(wish: Timestamp, shift: Shift, voice: &Voice) -> (Timestamp, Timestamp) {
    match shift {
        Shift::Within(most) => (wish - most, wish + most + SignedDuration::from_secs(60)),
        Shift::SameDay => {
            let local = wish.to_zoned(voice.tz());
            let day =
                local.start_of_day().and_then(|start| Ok((start.timestamp(), start.checked_add(1.day())?.timestamp())));
            day.unwrap_or((wish, wish + SignedDuration::from_hours(24)))
        }
    }
}

fn window_of(seconds: u32) -> &'static str {
    match seconds {
        0..=60 => "minute",
        61..=3_600 => "hour",
        _ => "day",
    }
}

fn words(request: &BookRequest) -> Words<'_> {
    Words {
        event_type: request.event_type.as_deref(),
        topic: request.topic.as_deref(),
        host: request.host.as_ref().map(|it| it.expose().as_str()),
    }
}

fn language_tag(asked: Option<&str>) -> Option<String> {
    asked.and_then(Language::parse).map(|it| it.tag().to_owned())
}

fn invitee_invalid(field: &str, voice: &Voice) -> Refusal {
    voice.refuse(Why::InviteeInvalid { field: field.to_owned() })
}

fn token_of_hold(connection: &ConnectionName, id: &str) -> Token {
    Token::of_key(connection, &digest(&["hold", id]))
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

/// What the caller of a booking is told.
pub(crate) fn answer(booking: &Booking, leg: &Leg, voice: &Voice) -> BookAnswer {
    BookAnswer {
        success: Is,
        booking: view::booking(booking, leg, voice),
        message: voice.booked(&leg.details.event_name, leg.details.start),
    }
}
