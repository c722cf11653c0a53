//! What may be booked and when: event types, free times, alternatives, and the hosts' own hours.

use api::answer::{
    AvailabilityView, BusyTimeView, BusyView, EventTypeView, EventTypesView, HoursView, MeView, RuleView, ScheduleView,
    TimesView,
};
use api::request::{
    AlternativesRequest, AvailableTimesRequest, BusyTimesRequest, EventTypesRequest, HostRequest, LONGEST_SPAN,
};
use api::{Refusal, Why};
use domain::ConnectionName;
use domain::scheduling::slots::{by_day, span_of_alternatives, windows};
use domain::scheduling::{EventType, Slot, form};
use engine::{CalendlyAccount, CalendlyError};
use futures_util::future::try_join_all;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::book::{host_of, later, of_invitee};
use crate::context::{Api, Caller, Ports};
use crate::phrases::Locale;
use crate::resolve::{self, Words, instant, invalid};
use crate::view;

/// How many days of free times are listed when nothing else is asked for.
const DAYS_LISTED: i64 = 7;

/// How many days of alternatives are looked at when nothing else is asked for.
pub(crate) const DAYS_OF_ALTERNATIVES: u32 = 14;

/// How many alternatives a day has.
const PER_DAY: usize = 3;

impl<D: Ports> Api<D> {
    /// The event types that fit, or all of them.
    pub(crate) async fn event_types(
        &self,
        caller: &Caller,
        request: &EventTypesRequest,
    ) -> Result<EventTypesView, Refusal> {
        let settings = self.settings(&caller.connection).await?;
        let locale = Locale::from_settings(&settings);
        let catalog = self.catalog(&caller.connection, &locale).await?;
        let Some(asked) = request.query.as_deref() else {
            return Ok(EventTypesView { event_types: catalog.event_types.iter().map(EventTypeView::from).collect() });
        };
        let by_name = Words { event_type: Some(asked), topic: None, host: None };
        let by_topic = Words { event_type: None, topic: Some(asked), host: None };
        let found = resolve::event_type(&catalog, by_name, &settings, &locale);
        let found = found.or_else(|unknown| {
            resolve::event_type(&catalog, by_topic, &settings, &locale).map_err(|topic| match topic.why {
                Why::TopicAmbiguous { .. } => topic,
                _ => unknown,
            })
        });
        // Part of a name is no error in a list: it fits whatever holds it.
        let parts: Vec<_> = catalog.event_types.iter().filter(|it| holds(it, asked)).map(EventTypeView::from).collect();
        match found {
            Ok(event_type) => Ok(EventTypesView { event_types: vec![EventTypeView::from(event_type)] }),
            Err(_) if !parts.is_empty() => Ok(EventTypesView { event_types: parts }),
            Err(refusal) => Err(refusal),
        }
    }

    /// The free times of a span, however long: never remembered, and never in the past.
    pub(crate) async fn available_times(
        &self,
        caller: &Caller,
        request: &AvailableTimesRequest,
    ) -> Result<TimesView, Refusal> {
        let connection = &caller.connection;
        let settings = self.settings(connection).await?;
        let early = Locale::for_person(request.language.as_deref(), &settings.fallback_zone, &settings);
        let catalog = self.catalog(connection, &early).await?;
        let asked = Words { event_type: Some(&request.event_type), topic: None, host: host_of(&request.host) };
        let event_type = resolve::event_type(&catalog, asked, &settings, &early)?;
        let hosts = event_type.hosts.iter().find_map(|it| it.zone.as_deref());
        let zone = self.zone(connection, request.timezone.as_deref().or(hosts), None, &settings, &early).await?;
        let locale = Locale::for_person(request.language.as_deref(), &zone, &settings);
        let (from, until) = self.span(request.from, request.until, &locale.tz())?;
        let slots = self.slots(connection, event_type, from, until, &locale).await?;
        Ok(TimesView {
            event_type: event_type.name.clone(),
            event_type_uri: event_type.uri.to_string(),
            timezone: locale.zone.clone(),
            days: view::days(&slots, &locale),
            message: None,
        })
    }

    /// The free slots nearest to a wish, day by day: one question to Calendly for each month that they lie in.
    pub(crate) async fn alternatives(
        &self,
        caller: &Caller,
        request: &AlternativesRequest,
    ) -> Result<TimesView, Refusal> {
        let connection = &caller.connection;
        let settings = self.settings(connection).await?;
        let early = Locale::for_person(request.language.as_deref(), &settings.fallback_zone, &settings);
        let email = request.invitee_email.as_ref();
        let email = email.map(|it| of_invitee("inviteeEmail", it, form::email, &early)).transpose()?;
        let zone = self.zone(connection, request.timezone.as_deref(), email.as_ref(), &settings, &early).await?;
        let locale = Locale::for_person(request.language.as_deref(), &zone, &settings);
        let catalog = self.catalog(connection, &locale).await?;
        let asked = Words {
            event_type: request.event_type.as_deref(),
            topic: request.topic.as_deref(),
            host: host_of(&request.host),
        };
        let event_type = resolve::event_type(&catalog, asked, &settings, &locale)?;
        let now = self.now();
        let wish = match request.preferred_time {
            Some(when) => instant(when, &locale.tz(), "preferredTime")?.max(now),
            None => now,
        };
        let days = request.days.unwrap_or(DAYS_OF_ALTERNATIVES);
        let (from, until) = span_of_alternatives(wish, now, &locale.tz(), days);
        let slots = self.slots(connection, event_type, from, until, &locale).await?;
        let days = usize::try_from(days).unwrap_or(usize::MAX);
        let near: Vec<&Slot> =
            by_day(&slots, wish, &locale.tz(), days, PER_DAY).into_iter().flat_map(|day| day.slots).collect();
        if near.is_empty() {
            return Err(locale.refuse(Why::NoSlot));
        }
        Ok(TimesView {
            event_type: event_type.name.clone(),
            event_type_uri: event_type.uri.to_string(),
            timezone: locale.zone.clone(),
            message: Some(locale.choices(&event_type.name)),
            days: view::days(near, &locale),
        })
    }

    /// A host's working hours.
    pub(crate) async fn availability(
        &self,
        caller: &Caller,
        request: &HostRequest,
    ) -> Result<AvailabilityView, Refusal> {
        let locale = Locale::from_settings(&self.settings(&caller.connection).await?);
        let (host, _) = self.host(&caller.connection, request.host.expose(), &locale).await?;
        let schedules = self.calendly().list_availability_schedules(&caller.connection, &host).await;
        let unknown = Why::HostUnknown { near: Vec::new() };
        let schedules =
            schedules.map_err(|error| locale.calendly_error(&error, unknown))?.into_iter().map(|it| ScheduleView {
                name: it.name,
                is_default: it.is_default,
                timezone: it.zone,
                rules: it
                    .rules
                    .into_iter()
                    .map(|rule| RuleView {
                        day: rule.day,
                        intervals: rule.intervals.into_iter().map(|(from, to)| HoursView { from, to }).collect(),
                    })
                    .collect(),
            });
        Ok(AvailabilityView { schedules: schedules.collect(), host })
    }

    /// When a host is busy.
    pub(crate) async fn busy_times(&self, caller: &Caller, request: &BusyTimesRequest) -> Result<BusyView, Refusal> {
        let locale = Locale::from_settings(&self.settings(&caller.connection).await?);
        let (host, zone) = self.host(&caller.connection, request.host.expose(), &locale).await?;
        let tz = zone.and_then(|zone| TimeZone::get(&zone).ok()).unwrap_or(TimeZone::UTC);
        let (from, until) = self.span(request.from, request.until, &tz)?;
        let from = from.max(self.now() + SignedDuration::from_mins(1));
        let busy = if from < until {
            let busy = self.calendly().list_busy_times(&caller.connection, &host, from, until).await;
            busy.map_err(|error| locale.calendly_error(&error, Why::HostUnknown { near: Vec::new() }))?
        } else {
            Vec::new()
        };
        let busy = busy.into_iter().map(|it| BusyTimeView { kind: it.kind, start_time: it.start, end_time: it.end });
        Ok(BusyView { busy: busy.collect(), host, from, until })
    }

    /// Whose token it is.
    pub(crate) async fn me(&self, caller: &Caller) -> Result<MeView, Refusal> {
        let me = self.calendly().fetch_user(&caller.connection).await;
        let me = me.map_err(|error| Locale::english().calendly_error(&error, Why::CalendlyRefused))?;
        Ok(MeView {
            uri: me.uri,
            name: me.name,
            email: me.email,
            timezone: me.zone,
            scheduling_url: me.scheduling_url,
            organization: me.organization,
        })
    }

    /// From when until when: a week from now on, unless something else is asked for.
    fn span(
        &self,
        from: Option<api::When>,
        until: Option<api::When>,
        zone: &TimeZone,
    ) -> Result<(Timestamp, Timestamp), Refusal> {
        let from = match from {
            Some(from) => instant(from, zone, "from")?,
            None => self.now(),
        };
        let until = match until {
            Some(until) => instant(until, zone, "until")?,
            None => later(from, SignedDuration::from_hours(24 * DAYS_LISTED)),
        };
        if until <= from {
            return Err(invalid("until", "must be after from"));
        }
        if until.duration_since(from) > LONGEST_SPAN {
            return Err(invalid("until", "must be at most 366 days after from"));
        }
        Ok((from, until))
    }

    /// Free slots, or why there are none to be told of.
    pub(crate) async fn slots(
        &self,
        connection: &ConnectionName,
        event_type: &EventType,
        from: Timestamp,
        until: Timestamp,
        locale: &Locale,
    ) -> Result<Vec<Slot>, Refusal> {
        let slots = self.ask_for_slots(connection, event_type, from, until).await;
        slots.map_err(|error| locale.calendly_error(&error, Why::EventTypeUnknown { near: Vec::new() }))
    }

    /// Free slots, the spans that Calendly takes at once asked for side by side.
    pub(crate) async fn ask_for_slots(
        &self,
        connection: &ConnectionName,
        event_type: &EventType,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Slot>, CalendlyError> {
        let asked = windows(from, until, self.now())
            .into_iter()
            .map(|(from, until)| self.calendly().list_available_times(connection, event_type, from, until));
        Ok(try_join_all(asked).await?.into_iter().flatten().collect())
    }
}

fn holds(event_type: &EventType, asked: &str) -> bool {
    event_type.name.to_lowercase().contains(&asked.trim().to_lowercase())
}
