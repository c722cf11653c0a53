//! What can be booked, and when: event types, free times, alternatives.

use api::answer::{EventTypeView, EventTypesView, TimesView};
use api::request::{AlternativesRequest, AvailableTimesRequest, EventTypesRequest, LONGEST_SPAN};
use api::{Refusal, When, Why};
use domain::scheduling::slots::{alternatives_span, slots_by_day};
use domain::scheduling::{EventType, Slot};
use domain::time;
use engine::KnownInvitee;
use front::{Context, invalid};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::resolve::{self, Words, ZoneHints, exposed, instant, read_invitee};
use crate::schedule::{Ports, Schedule};
use crate::slots::DAYS_OF_ALTERNATIVES;
use crate::view;

/// The default length of a span, in days.
const DAYS_LISTED: i64 = 7;

/// The most alternatives of each day.
const PER_DAY: usize = 3;

impl<P: Ports> Schedule<P> {
    /// Lists the event types that match a query, or all.
    pub(crate) async fn event_types(
        &self,
        context: &Context,
        request: &EventTypesRequest,
    ) -> Result<EventTypesView, Refusal> {
        let catalog = self.catalog(context).await?;
        let Some(query) = request.query.as_deref() else {
            return Ok(EventTypesView { event_types: catalog.event_types.iter().map(EventTypeView::from).collect() });
        };
        let by_name = Words { event_type: Some(query), topic: None, host: None };
        let by_topic = Words { event_type: None, topic: Some(query), host: None };
        let found = resolve::event_type(&catalog, by_name, context);
        let found = found.or_else(|unknown| {
            resolve::event_type(&catalog, by_topic, context).map_err(|topic| match topic.why {
                Why::TopicAmbiguous { .. } => topic,
                _ => unknown,
            })
        });
        // Here a part of a name matches, too.
        let by_part = catalog.event_types.iter().filter(|it| contains(it, query)).map(EventTypeView::from);
        let by_part: Vec<_> = by_part.collect();
        match found {
            Ok(event_type) => Ok(EventTypesView { event_types: vec![EventTypeView::from(event_type)] }),
            Err(_) if !by_part.is_empty() => Ok(EventTypesView { event_types: by_part }),
            Err(refusal) => Err(refusal),
        }
    }

    /// Lists the free times of a span. They are never cached.
    pub(crate) async fn available_times(
        &self,
        context: &Context,
        request: &AvailableTimesRequest,
    ) -> Result<TimesView, Refusal> {
        let catalog = self.catalog(context).await?;
        let words = Words { event_type: Some(&request.event_type), topic: None, host: exposed(&request.host) };
        let event_type = resolve::event_type(&catalog, words, context)?;
        let hints = ZoneHints { named: request.timezone.as_deref(), hosts: &event_type.hosts, ..ZoneHints::default() };
        let (zone, source) = resolve::resolve_zone(context, hints)?;
        let context = &context.in_zone(&zone);
        let locale = &context.locale;
        let (from, until) = self.read_span(request.from, request.until, &locale.tz())?;
        let slots = self.list_slots(context, event_type, from, until).await?;
        Ok(TimesView {
            event_type: event_type.name.clone(),
            event_type_uri: event_type.uri.to_string(),
            timezone: locale.zone.clone(),
            timezone_source: source.into(),
            days: view::days(&slots, locale),
            message: None,
        })
    }

    /// Lists the free slots nearest to a time, by day. One call to Calendly for each month.
    pub(crate) async fn alternatives(
        &self,
        context: &Context,
        request: &AlternativesRequest,
    ) -> Result<TimesView, Refusal> {
        let email = request.invitee_email.as_ref();
        let email = email.map(|it| read_invitee("inviteeEmail", it, domain::parse_email, context)).transpose()?;
        let catalog = self.catalog(context).await?;
        let words = Words {
            event_type: request.event_type.as_deref(),
            topic: request.topic.as_deref(),
            host: exposed(&request.host),
        };
        let event_type = resolve::event_type(&catalog, words, context)?;
        let (named, hosts) = (request.timezone.as_deref(), event_type.hosts.as_slice());
        let known = match &email {
            Some(email) if named.is_none() => self.find_invitee(context, email).await?,
            _ => KnownInvitee::default(),
        };
        let hints = ZoneHints { named, latest: known.zone.as_deref(), phone: None, hosts };
        let (zone, source) = resolve::resolve_zone(context, hints)?;
        let context = &context.in_zone(&zone);
        let locale = &context.locale;
        let now = self.now();
        let requested = match request.preferred_time {
            Some(when) => instant(when, &locale.tz(), "preferredTime")?.max(now),
            None => now,
        };
        let days = request.days.unwrap_or(DAYS_OF_ALTERNATIVES);
        let (from, until) = alternatives_span(requested, now, &locale.tz(), days);
        let slots = self.list_slots(context, event_type, from, until).await?;
        let days = usize::try_from(days).unwrap_or(usize::MAX);
        let near: Vec<&Slot> = slots_by_day(&slots, requested, &locale.tz(), days, PER_DAY)
            .into_iter()
            .flat_map(|day| day.slots)
            .collect();
        if near.is_empty() {
            return Err(locale.refuse(Why::NoSlot));
        }
        Ok(TimesView {
            event_type: event_type.name.clone(),
            event_type_uri: event_type.uri.to_string(),
            timezone: locale.zone.clone(),
            timezone_source: source.into(),
            message: Some(locale.choices(&event_type.name)),
            days: view::days(near, locale),
        })
    }

    /// Reads a span. The default is a week from now.
    pub(crate) fn read_span(
        &self,
        from: Option<When>,
        until: Option<When>,
        zone: &TimeZone,
    ) -> Result<(Timestamp, Timestamp), Refusal> {
        let from = match from {
            Some(from) => instant(from, zone, "from")?,
            None => self.now(),
        };
        let until = match until {
            Some(until) => instant(until, zone, "until")?,
            None => time::add(from, SignedDuration::from_hours(24 * DAYS_LISTED)),
        };
        if until <= from {
            return Err(invalid("until", "must be after from"));
        }
        if until.duration_since(from) > LONGEST_SPAN {
            return Err(invalid("until", "must be at most 366 days after from"));
        }
        Ok((from, until))
    }
}

fn contains(event_type: &EventType, query: &str) -> bool {
    event_type.name.to_lowercase().contains(&query.trim().to_lowercase())
}
