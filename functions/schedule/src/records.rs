//! Stored data: bookings, their timelines, VAI's metadata, and the state of the system.

use std::collections::BTreeMap;

use api::answer::{
    BookingView, LineView, MetadataView, QueueView, Status, StatusView, SubscriptionView, TimelineView, TotalsView,
    True, UpcomingAnswer, UpcomingEvent,
};
use api::request::{BookingIdRequest, UpcomingRequest};
use api::{Refusal, Why};
use domain::{
    BookingId, BookingState, Connection, ConnectionName, ConnectionStatus, Private, is_same_email, timeline, uri_uuid,
};
use engine::{Aliases, ApiStore, BookingRecord, CalendlyAccount, Connections, Store};
use front::{Context, Locale};
use jiff::{SignedDuration, Timestamp, Unit};

use crate::resolve::{ZoneHints, context_for_booking, read_invitee, resolve_zone};
use crate::schedule::{Ports, Schedule};
use crate::view;

/// The default number of days ahead.
const DAYS_AHEAD: u32 = 7;

/// The path that Calendly delivers to.
const WEBHOOKS: &str = "/webhooks/calendly";

impl<P: Ports> Schedule<P> {
    /// Reads everything that is stored of a booking.
    pub(crate) async fn load_record(
        &self,
        context: &Context,
        booking: &BookingId,
        locale: &Locale,
    ) -> Result<BookingRecord, Refusal> {
        let record = self.store().booking_record(&context.connection, booking).await;
        let record = record.map_err(|error| locale.unavailable(&error))?;
        record.ok_or_else(|| locale.refuse(Why::BookingUnknown))
    }

    /// Returns a booking.
    pub(crate) async fn booking(&self, context: &Context, request: &BookingIdRequest) -> Result<BookingView, Refusal> {
        let BookingRecord { booking, .. } = self.find_record(context, &request.booking, &context.locale).await?;
        let context = &context_for_booking(context, None, &booking)?;
        let leg = booking.current_leg().ok_or_else(|| context.locale.refuse(Why::BookingUnknown))?;
        Ok(view::booking(&booking, leg, &context.locale))
    }

    /// Returns a booking's timeline.
    pub(crate) async fn timeline(
        &self,
        context: &Context,
        request: &BookingIdRequest,
    ) -> Result<TimelineView, Refusal> {
        let record = self.find_record(context, &request.booking, &Locale::english()).await?;
        let BookingRecord { booking, facts, commands, openings } = record;
        let deliveries = self.store().delivery_records(&context.connection, &booking.id).await;
        let deliveries = deliveries.map_err(|error| Locale::english().unavailable(&error))?;
        let lines = timeline(&booking, &facts, &commands, &deliveries, &openings).iter().map(LineView::from).collect();
        Ok(TimelineView { booking: booking.id.to_string(), lines })
    }

    /// Returns the metadata that VAI stored with a booking.
    pub(crate) async fn metadata(
        &self,
        context: &Context,
        request: &BookingIdRequest,
    ) -> Result<MetadataView, Refusal> {
        let locale = Locale::english();
        let BookingRecord { booking, .. } = self.find_record(context, &request.booking, &locale).await?;
        let metadata = booking.metadata.clone().ok_or_else(|| locale.refuse(Why::BookingUnknown))?;
        let leg = booking.current_leg();
        Ok(MetadataView {
            booking_id: booking.id.to_string(),
            booking_uri: leg.map(|it| it.details.event.to_string()),
            event_uuid: leg.map(|it| uri_uuid(it.details.event.as_str()).to_owned()),
            invitee_uuid: leg.map(|it| uri_uuid(it.invitee.as_str()).to_owned()),
            conversation_id: metadata.conversation_id,
            user_id: metadata.user_id,
            agent_type: metadata.agent_type,
            booking_source: metadata.source,
            event_type: metadata.event_type,
            topic: metadata.topic.as_ref().map(view::text),
            notes: metadata.notes.as_ref().map(|it| view::text(it).into()),
            phone: metadata.phone,
            language: metadata.language,
            qualification: metadata
                .qualification
                .iter()
                .map(|(name, it)| (view::text(name), view::text(it).into()))
                .collect(),
            timestamp: metadata.created_at,
        })
    }

    /// Lists an invitee's upcoming meetings at Calendly. Meetings that are stored here have our own ids.
    pub(crate) async fn upcoming(
        &self,
        context: &Context,
        request: &UpcomingRequest,
    ) -> Result<UpcomingAnswer, Refusal> {
        let email = read_invitee("userEmail", &request.user_email, domain::parse_email, context)?;
        let until = self.now() + SignedDuration::from_hours(24 * i64::from(request.days.unwrap_or(DAYS_AHEAD)));
        if !self.may_see_address(context, &email).await? {
            return self.upcoming_of_conversation(context, &email, until).await;
        }
        let known = self.find_invitee(context, &email).await?;
        let (zone, _) = resolve_zone(context, ZoneHints { latest: known.zone.as_deref(), ..ZoneHints::default() })?;
        let context = &context.in_zone(&zone);
        let (connection, locale) = (&context.connection, &context.locale);
        let found = self.calendly().list_appointments(connection, &email, self.now(), until).await;
        let found = found.map_err(|error| locale.calendly_error(&error, Why::CalendlyRefused))?;

        let invitees: Vec<_> = found.iter().map(|it| it.invitee.clone()).collect();
        let known = if invitees.is_empty() {
            Aliases::default()
        } else {
            let known = self.store().aliases(connection, &invitees, None).await;
            known.map_err(|error| locale.unavailable(&error))?
        };
        let names: BTreeMap<_, _> = match self.catalog(context).await {
            Ok(catalog) => catalog.event_types.iter().map(|it| (it.uri.clone(), it.name.clone())).collect(),
            // The events' own names are used.
            Err(_) => BTreeMap::new(),
        };
        let events: Vec<_> = found
            .into_iter()
            .map(|it| {
                let invitee_uuid = uri_uuid(it.invitee.as_str()).to_owned();
                // A meeting that is not stored here has Calendly's id. It can be used after the meeting is stored.
                let id = known.invitees.get(&it.invitee).map_or_else(|| invitee_uuid.clone(), ToString::to_string);
                UpcomingEvent {
                    id,
                    event_type: it
                        .event_type
                        .and_then(|uri| names.get(&uri).cloned())
                        .unwrap_or_else(|| it.name.clone()),
                    name: it.name,
                    start_time: it.start,
                    end_time: it.end,
                    timezone: locale.zone.clone(),
                    local_time: locale.when(it.start),
                    location: view::location(it.join_url.as_deref(), it.location.as_ref(), it.invitee_place.as_ref()),
                    invitee: view::invitee(&email, &it.invitee_name),
                    status: Status::Active,
                    event_uuid: uri_uuid(it.event.as_str()).to_owned(),
                    invitee_uuid,
                    cancel_url: it.cancel_url,
                    reschedule_url: it.reschedule_url,
                }
            })
            .collect();
        Ok(UpcomingAnswer { success: True, message: locale.upcoming(events.len()), events })
    }

    /// Lists the upcoming meetings of an address that were booked in the conversation.
    ///
    /// # Errors
    /// There are none. Whether the address has others is not said.
    async fn upcoming_of_conversation(
        &self,
        context: &Context,
        email: &Private<String>,
        until: Timestamp,
    ) -> Result<UpcomingAnswer, Refusal> {
        let (now, mut events) = (self.now(), Vec::new());
        let mut locale = context.locale.clone();
        for id in self.own_bookings(context).await? {
            let loaded = self.store().load_booking(&context.connection, &id).await;
            let booking = loaded.map_err(|error| locale.unavailable(&error))?.booking;
            let Some(BookingState::Active(leg)) = booking.state() else { continue };
            let details = &leg.details;
            if details.end <= now || details.start >= until || !is_same_email(details.email.expose(), email.expose()) {
                continue;
            }
            locale = context_for_booking(context, None, &booking)?.locale;
            events.push(UpcomingEvent {
                id: id.to_string(),
                name: details.event_name.clone(),
                start_time: details.start,
                end_time: details.end,
                timezone: locale.zone.clone(),
                local_time: locale.when(details.start),
                location: view::location_of(&booking, leg),
                event_type: details.event_name.clone(),
                invitee: view::invitee(&details.email, &details.name),
                status: Status::Active,
                event_uuid: uri_uuid(details.event.as_str()).to_owned(),
                invitee_uuid: uri_uuid(leg.invitee.as_str()).to_owned(),
                cancel_url: details.cancel_url.clone(),
                reschedule_url: details.reschedule_url.clone(),
            });
        }
        if events.is_empty() {
            return Err(context.locale.refuse(Why::NotYours));
        }
        events.sort_by_key(|it| it.start_time);
        Ok(UpcomingAnswer { success: True, message: locale.upcoming(events.len()), events })
    }

    /// Returns whether a subscription delivers to this connection of this stack. Another stack may have its own
    /// subscription.
    fn is_ours(&self, callback_url: &str, connection: &ConnectionName) -> bool {
        let url = callback_url.split('?').next().unwrap_or_default().trim_end_matches('/');
        let path = if *connection == ConnectionName::default() {
            WEBHOOKS.to_owned()
        } else {
            format!("{WEBHOOKS}/{connection}")
        };
        match front::Ports::public_url(self.ports()) {
            Some(public) => url == format!("{}{path}", public.trim_end_matches('/')),
            None => url.ends_with(&path),
        }
    }

    /// Returns the state of the system, and problems that a person must look at.
    pub(crate) async fn status(&self, context: &Context) -> Result<StatusView, Refusal> {
        let (connection, locale) = (&context.connection, &Locale::english());
        let last_webhook = self.store().last_webhook(connection).await.map_err(|error| locale.unavailable(&error))?;
        let totals =
            self.store().count_bookings(connection, self.now()).await.map_err(|error| locale.unavailable(&error))?;
        let queues = self.ports().queues().await.map_err(|error| locale.unavailable(&error))?;
        let stored = self.store().load_connection(connection).await.map_err(|error| locale.unavailable(&error))?;
        let mut problems: Vec<_> = connection_problem(stored.as_ref()).into_iter().collect();
        let subscription = match self.calendly().list_subscriptions(connection).await {
            Ok(all) => {
                let ours = all.into_iter().filter(|it| self.is_ours(&it.callback_url, connection));
                // If there are several, the one that delivers counts.
                let best = ours.max_by_key(|it| (it.state == "active", it.retry_started_at.is_none()));
                Some(best.map_or_else(missing, |it| SubscriptionView {
                    state: it.state,
                    callback_url: Some(it.callback_url),
                    retry_started_at: it.retry_started_at,
                }))
            }
            Err(error) => {
                problems.push(format!("Calendly can't be asked for its subscription: {error}."));
                None
            }
        };
        match &subscription {
            Some(it) if it.state != "active" => {
                problems.push(format!("Calendly's webhook subscription is {}: run make connect.", it.state));
            }
            Some(SubscriptionView { retry_started_at: Some(since), .. }) => {
                problems.push(format!("Calendly's deliveries have failed since {since}."));
            }
            Some(_) | None => {}
        }
        for queue in queues.iter().filter(|it| it.dead > 0) {
            problems.push(format!("The {} dead-letter queue holds {} messages.", queue.name, queue.dead));
        }
        Ok(StatusView {
            // It is written at most once a minute, so a fraction of a second has no meaning.
            last_webhook: last_webhook.map(|at| at.round(Unit::Second).unwrap_or(at)),
            totals: TotalsView {
                upcoming: totals.upcoming,
                past: totals.past,
                canceled: totals.canceled,
                moving: totals.moving,
            },
            queues: queues
                .into_iter()
                .map(|it| QueueView {
                    name: it.name.to_owned(),
                    waiting: it.waiting,
                    in_flight: it.in_flight,
                    dead: it.dead,
                })
                .collect(),
            subscription,
            problems,
        })
    }
}

fn missing() -> SubscriptionView {
    SubscriptionView { state: "missing".to_owned(), callback_url: None, retry_started_at: None }
}

/// What a person should know of a connection, if anything.
fn connection_problem(connection: Option<&Connection>) -> Option<String> {
    let text = match connection.map(|it| it.status) {
        Some(ConnectionStatus::Active) => return None,
        Some(ConnectionStatus::AwaitingLogin) => "No Calendly account is connected yet.",
        Some(ConnectionStatus::Disabled) => "The connection is switched off.",
        Some(ConnectionStatus::NeedsReconnect) => {
            "Calendly no longer accepts the connection's login or token: connect it again."
        }
        None => "The connection is not stored: run make connect.",
    };
    Some(text.to_owned())
}
