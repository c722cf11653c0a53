//! What becomes of a booking: looked up, moved, canceled, marked.

use api::answer::{CancelView, MoveView, NoShowView};
use api::request::{BookingRequest, CancelRequest, MoveBy, MoveRequest};
use api::{Refusal, Why};
use domain::scheduling::{Form, Person};
use domain::{
    Action, Booking, CancelRequested, ConnectionName, Language, Leg, Phone, Reason, Settings, Standing, State, Token,
    digest,
};
use engine::{
    Agenda, Calendly, CommitError, LEASE, Particulars, Received, Records, Store, Story, World, look_again, receive,
    resume,
};

use crate::book::{Found, Making, shift, tracking};
use crate::office::{Caller, Desk, Office};
use crate::say::Voice;
use crate::subject::{instant, invalid};
use crate::view;

/// How often a wish is written down again after somebody else wrote first.
const MOST_TRIES: usize = 5;

impl<D: Desk> Office<D> {
    /// A booking by any of its ids.
    pub(crate) async fn story(&self, connection: &ConnectionName, id: &str, voice: &Voice) -> Result<Story, Refusal> {
        let found = self.store().find(connection, id).await.map_err(|error| voice.unavailable(&error))?;
        let [booking] = found.as_slice() else {
            return Err(match found.len() {
                0 => voice.refuse(Why::BookingUnknown),
                _ => invalid("booking", "leads to several bookings: use one booking's own id"),
            });
        };
        let story = self.store().story(connection, booking).await.map_err(|error| voice.unavailable(&error))?;
        story.ok_or_else(|| voice.refuse(Why::BookingUnknown))
    }

    /// Moves a booking: books the new slot, then has the old one canceled; or hands out the invitee's own link.
    pub(crate) async fn move_booking(&self, caller: &Caller, request: &MoveRequest) -> Result<MoveView, Refusal> {
        let connection = &caller.connection;
        let settings = self.settings(connection).await?;
        let early = Voice::of(request.language.as_deref(), &settings.fallback_zone, &settings);
        let Story { booking, .. } = self.story(connection, &request.booking, &early).await?;
        let wish_zone = self.zone_of(connection, request.timezone.as_deref(), &booking, &settings, &early).await?;
        let voice = voice_of(&booking, request.language.as_deref(), wish_zone, &settings);
        let wish = instant(request.preferred_time, &voice.tz(), "preferredTime")?;
        let leg = self.on(&booking, &voice)?.clone();

        // The same wish a second time: the booking stands where it asked for.
        let same = digest(&[&wish.to_string(), &format!("{:?}", request.max_shift)]);
        let asked_of = |leg: &Leg| match &caller.idempotency_key {
            Some(key) => Token::of_key(connection, &digest(&["move-given", booking.id.as_str(), key])),
            None => Token::of_key(connection, &digest(&["move", leg.invitee.as_str(), &wish.to_string()])),
        };
        let before = booking.before(&leg).filter(|_| booking.was_requested(&leg));
        if let Some(token) = before.map(asked_of)
            && leg.token.as_ref() == Some(&token)
        {
            return Ok(moved(&booking, &leg, &voice));
        }

        if leg.details.start == wish {
            return Ok(moved(&booking, &leg, &voice));
        }
        let particulars = self.particulars(connection, &leg, &voice).await?;
        if request.by == Some(MoveBy::Link) {
            return Ok(MoveView {
                moved: false,
                booking: view::booking(&booking, &leg, &voice),
                reschedule_url: leg.details.reschedule_url.clone(),
                message: voice.pick(&leg.details.event_name),
            });
        }
        let catalog = self.catalog(connection, &voice).await?;
        let event_type = leg.details.event_type.as_ref().and_then(|uri| catalog.find(uri.as_str(), None).ok());
        let event_type = event_type.ok_or_else(|| voice.refuse(Why::EventTypeUnknown { near: Vec::new() }))?;
        let token = asked_of(&leg);
        let fresh = match self.begun(connection, &booking.id, &token, &same, event_type, &voice).await? {
            Found::Made(booking, leg) => return Ok(moved(&booking, &leg, &voice)),
            Found::Fresh(fresh) => *fresh,
        };
        let slot = self.free_slot(connection, event_type, wish, shift(request.max_shift), &voice).await?;
        let agent_type = booking.metadata.as_ref().and_then(|it| it.agent_type.clone());
        let form = Form {
            event_type: event_type.uri.clone(),
            event_name: event_type.name.clone(),
            start: slot.start,
            end: slot.end,
            person: person(&leg, &particulars, &settings),
            meeting: particulars.meeting.filter(|_| !event_type.is_round_robin),
            answers: particulars.answers,
            guests: particulars.guests,
            tracking: tracking(token, agent_type),
        };
        let making = Making {
            booking: &booking.id,
            event_type,
            form: &form,
            digest: &same,
            metadata: None,
            replaces: Some(&leg),
        };
        let (booking, leg) = self.make(caller, fresh, &making, &settings, &voice).await?;
        // The old event goes now, if there is time; else whoever comes next sees to it.
        self.carry_on(caller, &booking).await;
        Ok(moved(&booking, &leg, &voice))
    }

    /// Cancels a booking. Canceling it again is no different.
    pub(crate) async fn cancel(&self, caller: &Caller, request: &CancelRequest) -> Result<CancelView, Refusal> {
        let connection = &caller.connection;
        let settings = self.settings(connection).await?;
        let early = Voice::of(None, &settings.fallback_zone, &settings);
        let Story { booking, .. } = self.story(connection, &request.booking, &early).await?;
        let zone = self.zone_of(connection, None, &booking, &settings, &early).await?;
        let voice = voice_of(&booking, None, zone, &settings);
        if let Some(Standing::Canceled(leg, _)) = booking.standing() {
            return Ok(CancelView {
                booking: view::booking(&booking, leg, &voice),
                message: voice.canceled(&leg.details.event_name, leg.details.start),
            });
        }
        let leg = self.on(&booking, &voice)?.clone();
        self.particulars(connection, &leg, &voice).await?;
        self.write_down(connection, &booking, request, &settings, &voice).await?;
        self.carry_on(caller, &booking).await;

        let story = self.store().story(connection, &booking.id).await.map_err(|error| voice.unavailable(&error))?;
        let Story { booking, commands, .. } = story.ok_or_else(|| voice.refuse(Why::BookingUnknown))?;
        let is_canceled = matches!(booking.standing(), Some(Standing::Canceled(..)));
        let errand = commands.iter().find(|it| it.action == Action::Cancel && it.leg == leg.invitee);
        match errand.map(|it| &it.state) {
            Some(State::Failed { reason: Reason::SharedEvent }) => Err(shared(&leg, &voice)),
            Some(State::Failed { .. }) => Err(voice.refuse(Why::CalendlyRefused)),
            Some(State::Skipped { reason: Reason::PastStart }) => Err(voice.refuse(Why::BookingOver)),
            state => {
                let is_done = is_canceled || matches!(state, Some(State::Done { .. }));
                let (event, start) = (&leg.details.event_name, leg.details.start);
                let message = if is_done { voice.canceled(event, start) } else { voice.canceling(event, start) };
                let leg = booking.leg(&leg.invitee).unwrap_or(&leg);
                Ok(CancelView { booking: view::booking(&booking, leg, &voice), message })
            }
        }
    }

    /// Marks an invitee as not having come, or takes that back; Calendly is told, and tells everybody else.
    pub(crate) async fn set_no_show(
        &self,
        caller: &Caller,
        request: &BookingRequest,
        is_no_show: bool,
    ) -> Result<NoShowView, Refusal> {
        let connection = &caller.connection;
        let settings = self.settings(connection).await?;
        let voice = Voice::of(None, &settings.fallback_zone, &settings);
        let Story { booking, .. } = self.story(connection, &request.booking, &voice).await?;
        let Some(Standing::Active(leg)) = booking.standing() else {
            return Err(voice.refuse(Why::BookingOver));
        };
        let set = self.calendly().set_no_show(connection, &leg.invitee, is_no_show).await;
        set.map_err(|error| voice.denied(&error))?;
        // Its webhook will tell as well. A follow-up that is due meanwhile should know.
        let world = self.desk.world();
        if let Ok(Some(fact)) = world.calendly().look_up(connection, &leg.invitee).await {
            let received = Received { fact, at: self.now(), payload: Vec::new() };
            let learned = receive(world, &self.gate, connection, &received, caller.deadline).await;
            if let Err(error) = learned {
                tracing::warn!(booking.id = %booking.id, error = %error, "a no-show waits for its webhook");
            }
        }
        Ok(NoShowView { booking: booking.id.to_string(), no_show: is_no_show, at: Some(self.now()) })
    }

    /// Whether the invitee came, by the host's word.
    pub(crate) async fn no_show(&self, caller: &Caller, request: &BookingRequest) -> Result<NoShowView, Refusal> {
        let settings = self.settings(&caller.connection).await?;
        let voice = Voice::of(None, &settings.fallback_zone, &settings);
        let Story { booking, .. } = self.story(&caller.connection, &request.booking, &voice).await?;
        let leg = latest(&booking).ok_or_else(|| voice.refuse(Why::BookingUnknown))?;
        let word = leg.no_show;
        Ok(NoShowView { booking: booking.id.to_string(), no_show: leg.is_no_show(), at: word.map(|it| it.at) })
    }

    /// The leg of a meeting that is on and ahead.
    fn on<'a>(&self, booking: &'a Booking, voice: &Voice) -> Result<&'a Leg, Refusal> {
        match booking.standing() {
            Some(Standing::Active(leg)) if leg.details.start > self.now() => Ok(leg),
            Some(Standing::Moving(_)) => Err(voice.refuse(Why::InProgress).after(10)),
            Some(Standing::Active(_) | Standing::Canceled(..)) => Err(voice.refuse(Why::BookingOver)),
            None => Err(voice.refuse(Why::BookingUnknown)),
        }
    }

    /// What a booking was made with. Calendly cancels whole events, so one that others are in is left to the invitee.
    async fn particulars(&self, connection: &ConnectionName, leg: &Leg, voice: &Voice) -> Result<Particulars, Refusal> {
        let particulars = self.calendly().particulars(connection, &leg.invitee).await;
        let particulars = particulars.map_err(|error| voice.denied(&error))?;
        if particulars.seats > 1 { Err(shared(leg, voice)) } else { Ok(particulars) }
    }

    /// Writes the wish to cancel down: from here on it is carried out, whatever becomes of us.
    async fn write_down(
        &self,
        connection: &ConnectionName,
        booking: &Booking,
        request: &CancelRequest,
        settings: &Settings,
        voice: &Voice,
    ) -> Result<(), Refusal> {
        let reason = request.reason.clone().filter(|it| !it.expose().trim().is_empty());
        for _ in 0..MOST_TRIES {
            let snapshot = self.store().load(connection, &booking.id).await;
            let snapshot = snapshot.map_err(|error| voice.unavailable(&error))?;
            let now = self.now();
            let asked = CancelRequested { at: now, reason: reason.clone() };
            let decision = domain::cancel(&snapshot, asked, settings, now);
            let again = look_again(self.desk.world(), connection, &booking.id, now + LEASE).await;
            again.map_err(|error| voice.unavailable(&error))?;
            match self.store().commit(&decision, &[]).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Conflict) => {}
                Err(CommitError::Unavailable(error)) => return Err(voice.unavailable(&error)),
            }
        }
        Err(voice.refuse(Why::InProgress).after(2))
    }

    /// Carries out what a booking wants done, as far as time allows.
    async fn carry_on(&self, caller: &Caller, booking: &Booking) {
        let world = self.desk.world();
        let resumed = resume(world, &self.gate, &caller.connection, &booking.id, caller.deadline).await;
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
        voice: &Voice,
    ) -> Result<String, Refusal> {
        match latest(booking).and_then(|leg| leg.details.zone.clone()) {
            Some(own) if named.is_none() => Ok(own),
            _ => self.zone(connection, named, None, settings, voice).await,
        }
    }
}

/// The leg that a booking stands on, or stood on last.
pub(crate) fn latest(booking: &Booking) -> Option<&Leg> {
    match booking.standing()? {
        Standing::Active(leg) | Standing::Moving(leg) | Standing::Canceled(leg, _) => Some(leg),
    }
}

/// The voice for a booking's invitee: what is asked for now goes before what was said when it was booked.
pub(crate) fn voice_of(booking: &Booking, language: Option<&str>, zone: String, settings: &Settings) -> Voice {
    let told = booking.metadata.as_ref().and_then(|it| it.language.as_deref());
    let fixed = latest(booking).and_then(|leg| settings.language_of(leg)).map(Language::tag);
    Voice::of(language.or(fixed).or(told), &zone, settings)
}

fn person(leg: &Leg, particulars: &Particulars, settings: &Settings) -> Person {
    let details = &leg.details;
    let told = details.phones.iter().filter_map(|it| Phone::parse(it.text.expose()).ok());
    Person {
        name: details.name.clone(),
        email: details.email.clone(),
        zone: details.zone.clone().unwrap_or_else(|| settings.fallback_zone.clone()),
        phone: particulars.phone.clone().or_else(|| told.into_iter().next()),
    }
}

fn shared(leg: &Leg, voice: &Voice) -> Refusal {
    let (cancel_url, reschedule_url) = (leg.details.cancel_url.clone(), leg.details.reschedule_url.clone());
    voice.refuse(Why::SharedEvent { cancel_url, reschedule_url })
}

fn moved(booking: &Booking, leg: &Leg, voice: &Voice) -> MoveView {
    MoveView {
        moved: true,
        booking: view::booking(booking, leg, voice),
        reschedule_url: None,
        message: voice.moved(&leg.details.event_name, leg.details.start),
    }
}
