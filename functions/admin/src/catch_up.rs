//! An endpoint catches up: it reads what it got or was to get, and nothing else.

use api::endpoint_answer::{CatchUpView, CaughtUpView, FeedEventView, FeedView};
use api::endpoint_request::{BookingEventsRequest, ConversationEventsRequest, EndpointEventsRequest};
use api::{Refusal, Why};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deliveries::{DeliveryStore, EndpointStore};
use domain::BookingId;
use endpoints::{Delivery, EndpointId, TargetKind};
use events::Stream;
use front::{Context, invalid};

use crate::admin::{Admin, endpoint_unknown, unavailable};
use crate::ports::Ports;

/// The default length of a page of events.
const PAGE: u32 = 100;

/// The most bytes of the bodies of a page. Quoted as JSON twice, they stay within what Lambda can answer: 6 MB.
const LARGEST_PAGE: usize = 1024 * 1024;

impl<P: Ports> Admin<P> {
    /// Lists the events of a booking.
    pub(crate) async fn booking_events(
        &self,
        context: &Context,
        request: &BookingEventsRequest,
    ) -> Result<CatchUpView, Refusal> {
        let stream = Stream::parse(&format!("booking/{}", request.booking));
        let stream = stream.ok_or_else(|| invalid("booking", "is not the id of a booking"))?;
        if let Some(conversation) = &context.caller.speaker.conversation {
            let id = BookingId::new(request.booking.as_str());
            let found = self.ports().load_booking(&context.connection, &id).await.map_err(unavailable)?;
            let metadata = found.booking.metadata.or(found.metadata);
            check_conversation(context, metadata.as_ref().map(|it| it.conversation_id.as_str()), conversation)?;
        }
        self.stream_events(context, &stream, request.after, request.limit).await
    }

    /// Lists the events of a conversation.
    pub(crate) async fn conversation_events(
        &self,
        context: &Context,
        request: &ConversationEventsRequest,
    ) -> Result<CatchUpView, Refusal> {
        let stream = Stream::parse(&format!("conversation/{}", request.conversation));
        let stream = stream.ok_or_else(|| invalid("conversation", "is not the id of a conversation"))?;
        if let Some(conversation) = &context.caller.speaker.conversation {
            check_conversation(context, Some(&request.conversation), conversation)?;
        }
        self.stream_events(context, &stream, request.after, request.limit).await
    }

    async fn stream_events(
        &self,
        context: &Context,
        stream: &Stream,
        after: Option<u32>,
        limit: Option<u32>,
    ) -> Result<CatchUpView, Refusal> {
        let (connection, endpoint) = (&context.connection, token_endpoint(context)?);
        let (after, limit) = (after.unwrap_or(0).into(), limit.unwrap_or(PAGE));
        // The lane is read first: what is delivered meanwhile is not missed, but only seen by the next call.
        let lane = self.store().load_lane(connection, &endpoint, stream).await.map_err(unavailable)?;
        let found = self.store().stream_deliveries(connection, &endpoint, stream, after, limit).await;
        let found = found.map_err(unavailable)?;
        let mut events: Vec<_> = found[..fitting(found.iter())].iter().map(caught_up).collect();
        // Rows that have expired do not come back: an empty page is the last one.
        let is_behind = events.last().is_some_and(|last| last.number < lane.number || events.len() < found.len());
        if is_behind {
            return Ok(CatchUpView { events, has_more: true });
        }
        // What waits: behind an event that fails, or while the endpoint gets nothing.
        let endpoint = self.load_endpoint(context, endpoint.as_str()).await?;
        let dispatcher = self.dispatcher(context);
        let known = events.last().map_or(after, |last| last.number);
        let room = u64::from(limit).saturating_sub(events.len() as u64);
        // One more than there is room for shows whether there are more.
        let upcoming = dispatcher.upcoming_events(connection, &endpoint, stream, &lane, known + room + 1).await;
        let upcoming = upcoming.map_err(unavailable)?;
        let has_more = upcoming.last().is_some_and(|it| it.number > known + room);
        let waiting = upcoming.into_iter().filter(|it| it.number > known && it.number <= known + room);
        events.extend(waiting.map(|it| CaughtUpView { number: it.number, id: it.event_id, body: it.body.into() }));
        Ok(CatchUpView { events, has_more })
    }

    /// Lists the events of an endpoint that asks for them.
    pub(crate) async fn endpoint_events(
        &self,
        context: &Context,
        request: &EndpointEventsRequest,
    ) -> Result<FeedView, Refusal> {
        let endpoint = token_endpoint(context)?;
        if endpoint.as_str() != request.endpoint {
            return Err(endpoint_unknown());
        }
        if self.load_endpoint(context, endpoint.as_str()).await?.target != TargetKind::Poll {
            return Err(invalid(
                "endpoint",
                "does not ask for its events: make one with \"delivery\": \"poll\" to do so",
            ));
        }
        let (after, limit) = (request.after.unwrap_or(0), request.limit.unwrap_or(PAGE));
        let found = self.store().feed_after(&context.connection, &endpoint, after.into(), limit).await;
        let found = found.map_err(unavailable)?;
        let taken = &found[..fitting(found.iter().map(|(_, delivery)| delivery))];
        let events = taken.iter().map(|(position, delivery)| FeedEventView {
            position: *position,
            stream: delivery.stream.clone(),
            event: caught_up(delivery),
        });
        let next = taken.last().map_or(after.into(), |(position, _)| *position);
        let is_full = found.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(FeedView { events: events.collect(), has_more: is_full || taken.len() < found.len(), next })
    }
}

/// Refuses events of another conversation than the one that the caller names. Whoever names none is the receiver
/// itself: a token opens what its endpoint got anyway.
fn check_conversation(context: &Context, of: Option<&str>, named: &str) -> Result<(), Refusal> {
    if of == Some(named) { Ok(()) } else { Err(context.locale.refuse(Why::NotYours)) }
}

/// Returns the endpoint whose token the caller presented.
fn token_endpoint(context: &Context) -> Result<EndpointId, Refusal> {
    context.caller.endpoint.as_deref().and_then(EndpointId::parse).ok_or_else(|| {
        Refusal::new(Why::Unauthorized, "Call this over HTTP, with the catch-up token of an endpoint as the bearer.")
    })
}

/// Returns how many deliveries fit into a page: at least one.
fn fitting<'a>(deliveries: impl Iterator<Item = &'a Delivery>) -> usize {
    let mut bytes = 0;
    let fits = |delivery: &&Delivery| {
        let is_first = bytes == 0;
        bytes += delivery.body.len().max(1);
        is_first || bytes <= LARGEST_PAGE
    };
    deliveries.take_while(fits).count()
}

fn caught_up(delivery: &Delivery) -> CaughtUpView {
    CaughtUpView { number: delivery.number, id: delivery.event_id.clone(), body: delivery.body.clone().into() }
}

/// Returns a cursor as callers see it: without characters that have a meaning in a URL.
pub(crate) fn show_cursor(cursor: &str) -> String {
    URL_SAFE_NO_PAD.encode(cursor)
}

/// Reads a cursor that a caller presents.
pub(crate) fn read_cursor(shown: &str) -> Result<String, Refusal> {
    let decoded = URL_SAFE_NO_PAD.decode(shown).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded
        .filter(|it| !it.is_empty())
        .ok_or_else(|| invalid("after", "must be `next` of an earlier answer, unchanged"))
}
