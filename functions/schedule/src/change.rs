//! What becomes of a booking: looked up, moved, canceled, marked.

use api::answer::{CancelView, MoveView, NoShowView};
use api::request::{BookingRequest, CancelRequest, MoveBy, MoveRequest};
use api::{Refusal, Why};
use domain::scheduling::{Form, Person};
use domain::{
    Action, Booking, BookingId, CancelRequested, ConnectionName, Language, Leg, NoShow, Phone, Reason, Settings,
    Standing, State, Token, digest,
};
use engine::{
    Agenda, Ask, Begun, Calendly, CommitError, KeyOf, LEASE, Particulars, Received, Records, Store, Story, World,
    look_again, receive, resume,
};
use jiff::Timestamp;

use crate::book::{Making, owner, shift, tracking};
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
        let zone = self.zone_of(connection, request.timezone.as_deref(), &booking, &settings, &early).await?;
        let voice = voice_of(&booking, request.language.as_deref(), zone, &settings);
        let leg = latest(&booking).ok_or_else(|| not_yet(&booking, &voice))?.clone();
        let wish = match request.preferred_time.filter(|_| request.by != Some(MoveBy::Link)) {
            Some(wish) => instant(wish, &voice.tz(), "preferredTime")?,
            None => return by_link(&booking, self.on(&booking, None, &voice)?, &voice),
        };

        let same = digest(&[&wish.to_string(), &format!("{:?}", request.max_shift)]);
        let key = MoveKey { caller, booking: &booking.id, wish };
        if let Some(before) = booking.before(&leg).filter(|_| booking.was_requested(&leg)) {
            // The same wish a second time finds the booking where it asked for; another under its key is refused.
            let token = key.token(before);
            let is_it = leg.token.as_ref() == Some(&token);
            if is_it && booking.requested(&token).is_some_and(|it| it.digest != same) {
                return Err(voice.refuse(Why::KeyReused { booking: booking.id.to_string() }));
            }
            if is_it && leg.canceled.is_none() && !booking.cancel_requests().contains_key(&leg.invitee) {
                return Ok(moved(&booking, &leg, &voice));
            }
        }
        let token = key.token(&leg);
        self.on(&booking, Some(&token), &voice)?;
        if leg.details.start == wish {
            return Ok(moved(&booking, &leg, &voice));
        }

        let particulars = self.particulars(caller, &leg, &voice).await?;
        let catalog = self.remembered_catalog(connection, &voice).await?;
        let event_type = leg.details.event_type.as_ref().and_then(|uri| catalog.find(uri.as_str(), None).ok());
        // What is no longer on offer can't be booked anew; on Calendly's own page it can be moved all the same.
        let Some(event_type) = event_type else { return by_link(&booking, &leg, &voice) };
        let ask = Ask {
            booking: &booking.id,
            token: &token,
            digest: &same,
            email: &leg.details.email,
            owner: owner(event_type),
            key: key.of(),
        };
        let as_moved = |booking: &Booking| moved(booking, booking.leg_of(&token).unwrap_or(&leg), &voice);
        let fresh = match self.begun(connection, ask, &voice).await? {
            Begun::Booked(booking) => return Ok(as_moved(&booking)),
            Begun::Fresh(fresh) => *fresh,
            Begun::InProgress(until) => return Err(self.in_progress(until, &voice)),
            Begun::Differs => return Err(voice.refuse(Why::KeyReused { booking: booking.id.to_string() })),
        };
        let slot = match self.free_slot(connection, event_type, wish, shift(request.max_shift), &voice).await {
            Ok(slot) => slot,
            // Perhaps by this very move, asked for twice at once.
            Err(refusal) => {
                return match self.begun(connection, ask, &voice).await? {
                    Begun::Booked(booking) => Ok(as_moved(&booking)),
                    Begun::InProgress(until) => Err(self.in_progress(until, &voice)),
                    Begun::Fresh(_) | Begun::Differs => Err(refusal),
                };
            }
        };
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
            tracking: tracking(token.clone(), agent_type),
        };
        let making = Making { ask, event_type, form: &form, metadata: None, replaces: Some(&leg) };
        let booking = self.make(caller, fresh, &making, &settings, &voice).await?;
        // The old event goes now, if there is time; else whoever comes next sees to it.
        self.carry_on(caller, &booking).await;
        Ok(as_moved(&booking))
    }

    /// Cancels a booking. Canceling it again is no different.
    pub(crate) async fn cancel(&self, caller: &Caller, request: &CancelRequest) -> Result<CancelView, Refusal> {
        let connection = &caller.connection;
        let settings = self.settings(connection).await?;
        let early = Voice::of(request.language.as_deref(), &settings.fallback_zone, &settings);
        let Story { booking, .. } = self.story(connection, &request.booking, &early).await?;
        let zone = self.zone_of(connection, None, &booking, &settings, &early).await?;
        let voice = voice_of(&booking, request.language.as_deref(), zone, &settings);
        if let Some(Standing::Canceled(leg, _)) = booking.standing() {
            return Ok(CancelView {
                booking: view::booking(&booking, leg, &voice),
                message: voice.canceled(&leg.details.event_name, leg.details.start),
            });
        }
        let leg = self.on(&booking, None, &voice)?.clone();
        self.particulars(caller, &leg, &voice).await?;
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
                // A leg that has followed meanwhile is another meeting, and stands.
                let is_last = latest(&booking).is_some_and(|it| it.invitee == leg.invitee);
                let is_done = is_canceled || is_last && matches!(state, Some(State::Done { .. }));
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
        let voice = Voice::unknown(&settings);
        let Story { booking, .. } = self.story(connection, &request.booking, &voice).await?;
        let leg = match booking.standing() {
            Some(Standing::Active(leg)) => leg,
            Some(Standing::Canceled(..)) => return Err(voice.refuse(Why::BookingOver)),
            Some(Standing::Moving(_)) | None => return Err(not_yet(&booking, &voice)),
        };
        let set = self.calendly().set_no_show(connection, &leg.invitee, is_no_show).await;
        set.map_err(|error| voice.denied(&error, Why::BookingUnknown))?;
        // Its webhook will tell as well. A follow-up that is due meanwhile should know.
        let world = self.desk.world();
        let mut word = NoShow { at: self.now(), marked: is_no_show };
        if let Ok(Some(mut fact)) = world.calendly().look_up(connection, &leg.invitee).await {
            // That a mark is gone is told by nothing: it is what we have just brought about.
            word = fact.leg.no_show.filter(|_| is_no_show).unwrap_or(word);
            fact.leg.no_show = Some(word);
            let received = Received { fact, at: self.now(), payload: Vec::new() };
            let learned = receive(world, &self.gate, connection, &received, caller.deadline).await;
            if let Err(error) = learned {
                tracing::warn!(booking.id = %booking.id, error = %error, "a no-show waits for its webhook");
            }
        }
        Ok(NoShowView { booking: booking.id.to_string(), no_show: is_no_show, at: Some(word.at) })
    }

    /// Whether the invitee came, by the host's word.
    pub(crate) async fn no_show(&self, caller: &Caller, request: &BookingRequest) -> Result<NoShowView, Refusal> {
        let settings = self.settings(&caller.connection).await?;
        let voice = Voice::unknown(&settings);
        let Story { booking, .. } = self.story(&caller.connection, &request.booking, &voice).await?;
        let leg = latest(&booking).ok_or_else(|| voice.refuse(Why::BookingUnknown))?;
        let word = leg.no_show;
        Ok(NoShowView { booking: booking.id.to_string(), no_show: leg.is_no_show(), at: word.map(|it| it.at) })
    }

    /// The leg of a meeting that is on and ahead, and of which nothing is under way but what carries `own`.
    fn on<'a>(&self, booking: &'a Booking, own: Option<&Token>, voice: &Voice) -> Result<&'a Leg, Refusal> {
        let is_busy = booking.open_requests().any(|(token, _)| Some(token) != own);
        // To cancel again what is being canceled is no different; to move it is.
        let is_given_up = |leg: &Leg| own.is_some() && booking.cancel_requests().contains_key(&leg.invitee);
        match booking.standing() {
            Some(Standing::Active(leg)) if leg.details.start <= self.now() || is_given_up(leg) => {
                Err(voice.refuse(Why::BookingOver))
            }
            Some(Standing::Active(leg)) if !is_busy => Ok(leg),
            Some(Standing::Canceled(..)) => Err(voice.refuse(Why::BookingOver)),
            Some(Standing::Active(_) | Standing::Moving(_)) | None => Err(not_yet(booking, voice)),
        }
    }

    /// What a booking was made with, by Calendly's present word. It cancels whole events, so one that others are in is left
    /// to the invitee; and what the invitee has changed there meanwhile is taken in first.
    async fn particulars(&self, caller: &Caller, leg: &Leg, voice: &Voice) -> Result<Particulars, Refusal> {
        let connection = &caller.connection;
        let particulars = self.calendly().particulars(connection, &leg.invitee).await;
        let particulars = particulars.map_err(|error| voice.denied(&error, Why::BookingUnknown))?;
        if particulars.is_canceled {
            let world = self.desk.world();
            if let Ok(Some(fact)) = world.calendly().look_up(connection, &leg.invitee).await {
                let received = Received { fact, at: self.now(), payload: Vec::new() };
                if let Err(error) = receive(world, &self.gate, connection, &received, caller.deadline).await {
                    tracing::warn!(error = %error, "what the invitee has changed waits for its webhook");
                }
            }
            return Err(voice.refuse(Why::InProgress).after(2));
        }
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
            let Some(decision) = domain::cancel(&snapshot, asked, settings, now) else { break };
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
        Token::of_key(&self.caller.connection, &digest(&parts))
    }

    fn of(&self) -> KeyOf {
        if self.caller.idempotency_key.is_some() { KeyOf::Caller } else { KeyOf::Request }
    }
}

/// Why a booking can't be changed now: where it will come to stand is not known yet, or it never stood anywhere.
fn not_yet(booking: &Booking, voice: &Voice) -> Refusal {
    let is_under_way = booking.standing().is_some() || booking.open_requests().next().is_some();
    if is_under_way { voice.refuse(Why::InProgress).after(10) } else { voice.refuse(Why::BookingUnknown) }
}

/// The link on which the invitee moves the meeting.
fn by_link(booking: &Booking, leg: &Leg, voice: &Voice) -> Result<MoveView, Refusal> {
    let link = leg.details.reschedule_url.clone();
    Ok(MoveView {
        moved: false,
        booking: view::booking(booking, leg, voice),
        message: voice.pick(&leg.details.event_name),
        reschedule_url: Some(link.ok_or_else(|| voice.refuse(Why::InProgress).after(10))?),
    })
}

fn moved(booking: &Booking, leg: &Leg, voice: &Voice) -> MoveView {
    MoveView {
        moved: true,
        booking: view::booking(booking, leg, voice),
        reschedule_url: None,
        message: voice.moved(&leg.details.event_name, leg.details.start),
    }
}
