//! Booking in two steps: a hold is prepared, and booked after the person has agreed.

use api::answer::{BookAnswer, HoldView, PreviewView};
use api::request::{BookRequest, ConfirmRequest};
use api::{Refusal, Why};
use domain::scheduling::{Form, Shift};
use domain::{Language, Metadata};
use engine::ApiStore;
use front::{Context, Locale};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::book::{RequestedMeeting, answer, read_requested_meeting};
use crate::form::fill_form;
use crate::links::NewLink;
use crate::own::{Found, already_booked, is_of_conversation};
use crate::requests::{Identity, Key, Started, owner, request_digest};
use crate::resolve::Invitee;
use crate::schedule::{Ports, Schedule};
use crate::slots::shift;
use crate::view;

/// A stored hold.
#[derive(Serialize, Deserialize)]
struct Hold {
    /// The form, with the token of the booking at that time.
    form: Form,
    metadata: Metadata,
    digest: String,
    key: Key,
    language: Language,
}

impl<P: Ports> Schedule<P> {
    /// Checks everything that a booking would check, and stores the hold until it expires. The slot is not reserved.
    pub(crate) async fn hold(&self, context: &Context, request: &BookRequest) -> Result<HoldView, Refusal> {
        context.conversation()?;
        let catalog = self.catalog(context).await?;
        let Invitee { person, context, zone_source, known } = &self.resolve_invitee(context, request, &catalog).await?;
        let (connection, locale) = (&context.connection, &context.locale);
        let RequestedMeeting { person, event_type, start } =
            read_requested_meeting(context, request, person, &catalog)?;
        let key = Key::new(context, event_type, start)?;
        let own = self.own_meetings(context, known, event_type, &key.token(connection, None)).await?;
        let slot = match self.find_meeting(context, event_type, start, shift(request.max_shift), own).await? {
            Found::Slot(slot) => slot,
            Found::Own(booking) => return Err(already_booked(context, &booking)),
        };
        // It is the same booking as one by the time that the person is told.
        let identity = Identity {
            key: Key::new(context, event_type, slot.start)?,
            digest: request_digest(request, event_type, slot.start),
            email: person.email.clone(),
            owner: owner(event_type).to_owned(),
        };
        let token = identity.key.token(connection, None);
        let (form, mut metadata) = fill_form(context, request, person, event_type, &slot, token, self.now())?;
        metadata.zone_source = Some(*zone_source);
        metadata.wished_start = Some(start);
        if let Started::New(new) = self.start_request(context, &identity).await?
            && let Err(spent) = new.room(context.settings.booking.limits(), self.now())
        {
            let (name, email) = (Some(&form.person.name), Some(&form.person.email));
            let link = NewLink { event_type, token: &new.token, metadata: &metadata, name, email };
            let link = self.make_link(context, &link).await.ok();
            return Err(self.budget_exhausted(context, event_type, spent, link));
        }
        let preview = PreviewView {
            event_type: form.event_name.clone(),
            start_time: form.start,
            end_time: form.end,
            timezone: locale.zone.clone(),
            timezone_source: (*zone_source).into(),
            local_time: locale.when(form.start),
            location: form.meeting.as_ref().map(|it| view::planned_location(it, metadata.place.as_ref())),
            invitee: view::invitee(&form.person.email, &form.person.name),
        };
        let message = locale.held(&form.event_name, form.start);
        let minutes = i64::from(context.settings.booking.hold_minutes);
        let expires_at = (self.now() + SignedDuration::from_mins(minutes)).min(form.start);
        let Identity { key, digest, .. } = identity;
        let hold = Hold { form, metadata, digest, key, language: locale.language };
        let document = serde_json::to_string(&hold).map_err(|_| locale.refuse(Why::Unavailable))?;
        let id = self.new_name("hold", context)?;
        let stored = self.store().put_hold(connection, &id, &document, expires_at).await;
        stored.map_err(|error| locale.unavailable(&error))?;
        Ok(HoldView { hold: id, expires_at, message, booking: preview })
    }

    /// Books a hold.
    pub(crate) async fn confirm(&self, context: &Context, request: &ConfirmRequest) -> Result<BookAnswer, Refusal> {
        let stored = self.store().load_hold(&context.connection, &request.hold).await;
        let (document, expires_at) = stored
            .map_err(|error| context.locale.unavailable(&error))?
            .ok_or_else(|| context.locale.refuse(Why::HoldUnknown))?;
        let Ok(Hold { mut form, metadata, digest, key, language }) = serde_json::from_str(&document) else {
            return Err(context.locale.refuse(Why::HoldUnknown));
        };
        let caller = &context.caller;
        if !caller.is_trusted && caller.speaker.conversation.as_ref() != Some(&metadata.conversation_id) {
            return Err(context.locale.refuse(Why::HoldUnknown));
        }
        let context =
            &context.with_locale(Locale { language, zone: form.person.zone.clone(), ..context.locale.clone() });
        let catalog = self.cached_catalog(context).await?;
        let unknown = |_| context.locale.refuse(Why::EventTypeUnknown { near: Vec::new() });
        let event_type = catalog.find(form.event_type.as_str(), None).map_err(unknown)?;
        let (email, owner) = (form.person.email.clone(), owner(event_type).to_owned());
        let identity = Identity { key, digest, email, owner };
        let new = match self.start_request(context, &identity).await? {
            Started::Booked(booking) => return answer(context, &booking),
            Started::New(new) => *new,
        };
        if expires_at <= self.now() {
            return Err(context.locale.refuse(Why::HoldExpired));
        }
        let no_shift = Shift::Within(SignedDuration::ZERO);
        let known = self.find_invitee(context, &form.person.email).await?;
        let own = self.own_meetings(context, &known, event_type, &new.token).await?;
        let booking = match self.find_meeting(context, event_type, form.start, no_shift, own).await {
            Ok(Found::Own(booking)) if is_of_conversation(&booking, &metadata.conversation_id) => Ok(booking),
            Ok(Found::Own(booking)) => return Err(already_booked(context, &booking)),
            Ok(Found::Slot(_)) => {
                form.tracking.token = new.token.clone();
                self.book_form(context, event_type, new, form, metadata).await
            }
            Err(refusal) => Err(refusal),
        };
        match booking {
            Ok(booking) => answer(context, &booking),
            Err(refusal) => answer(context, &*self.booked_concurrently(context, &identity, refusal).await?),
        }
    }
}
