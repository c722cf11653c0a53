//! Booking at once. A repeated request books once.

use api::answer::{BookAnswer, True};
use api::request::BookRequest;
use api::{Refusal, Why};
use domain::scheduling::{Catalog, EventType, Form, Person};
use domain::{Booking, Metadata};
use engine::{BookingRequest, New, RequestDetails};
use front::Context;
use jiff::Timestamp;

use crate::form::fill_form;
use crate::own::{Found, already_booked, is_of_conversation};
use crate::requests::{Identity, Key, Started, ended_leg, owner, request_digest};
use crate::resolve::{self, Invitee, Words, instant};
use crate::schedule::{Ports, Schedule};
use crate::slots::shift;
use crate::view;

/// The meeting that a booking request asks for.
pub(crate) struct RequestedMeeting<'a> {
    pub(crate) person: Person,
    pub(crate) event_type: &'a EventType,
    pub(crate) start: Timestamp,
}

impl<P: Ports> Schedule<P> {
    /// Books a meeting, or returns the booking of the same earlier request.
    pub(crate) async fn book(&self, context: &Context, request: &BookRequest) -> Result<BookAnswer, Refusal> {
        let conversation = context.conversation()?;
        let catalog = self.cached_catalog(context).await?;
        let Invitee { person, context, zone_source, known } = &self.resolve_invitee(context, request, &catalog).await?;
        let RequestedMeeting { person, event_type, start } =
            read_requested_meeting(context, request, person, &catalog)?;
        let identity = Identity {
            key: Key::new(context, event_type, start)?,
            digest: request_digest(request, event_type, start),
            email: person.email.clone(),
            owner: owner(event_type).to_owned(),
        };
        let new = match self.start_request(context, &identity).await? {
            Started::Booked(booking) => return answer(context, &booking),
            Started::New(new) => *new,
        };
        // The event types may have changed since they were read. If the request now selects another one, the caller
        // must try again.
        let catalog = self.catalog_since(context, new.stage.snapshot.event_types_changed_at).await?;
        let uri = &event_type.uri;
        let event_type = resolve::event_type(&catalog, Words::from_request(request), context)?;
        if event_type.uri != *uri {
            return Err(context.locale.refuse(Why::InProgress).after(1));
        }
        let own = self.own_meetings(context, known, event_type, &new.token).await?;
        let booking = match self.find_meeting(context, event_type, start, shift(request.max_shift), own).await {
            Ok(Found::Own(booking)) if is_of_conversation(&booking, conversation) => Ok(booking),
            Ok(Found::Own(booking)) => return Err(already_booked(context, &booking)),
            Ok(Found::Slot(slot)) => {
                let (token, now) = (new.token.clone(), self.now());
                let (form, mut metadata) = fill_form(context, request, person, event_type, &slot, token, now)?;
                metadata.zone_source = Some(*zone_source);
                metadata.wished_start = Some(start);
                self.book_form(context, event_type, new, form, metadata).await
            }
            Err(refusal) => Err(refusal),
        };
        match booking {
            Ok(booking) => answer(context, &booking),
            Err(refusal) => answer(context, &*self.booked_concurrently(context, &identity, refusal).await?),
        }
    }

    /// Books a complete form, for a new request.
    pub(crate) async fn book_form(
        &self,
        context: &Context,
        event_type: &EventType,
        request: BookingRequest<New>,
        form: Form,
        metadata: Metadata,
    ) -> Result<Box<Booking>, Refusal> {
        let limits = context.settings.booking.limits();
        let details = RequestDetails { form, metadata: Some(metadata), replaces: None, limits };
        self.submit_request(context, event_type, request.complete(details)).await
    }
}

/// Reads the meeting that a booking request asks for.
pub(crate) fn read_requested_meeting<'a>(
    context: &Context,
    request: &BookRequest,
    person: &Person,
    catalog: &'a Catalog,
) -> Result<RequestedMeeting<'a>, Refusal> {
    let event_type = resolve::event_type(catalog, Words::from_request(request), context)?;
    let start = instant(request.preferred_time, &context.locale.tz(), "preferredTime")?;
    Ok(RequestedMeeting { person: person.clone(), event_type, start })
}

/// Returns the answer to a booking request. It has the booking as it is now: the meeting may have been moved since.
pub(crate) fn answer(context: &Context, booking: &Booking) -> Result<BookAnswer, Refusal> {
    let locale = &context.locale;
    let leg = booking.current_leg().ok_or_else(|| locale.refuse(Why::BookingUnknown))?;
    let (event, start) = (&leg.details.event_name, leg.details.start);
    let has_ended = ended_leg(booking).is_some();
    let message = if has_ended { locale.canceled(event, start) } else { locale.booked(event, start) };
    Ok(BookAnswer { success: True, booking: view::booking(booking, leg, locale), message })
}
