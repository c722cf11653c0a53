//! The fake world as the schedule function sees it: its records, and a host's agenda.

use std::collections::BTreeMap;

use domain::scheduling::budget::Bucket;
use domain::scheduling::{Catalog, EventType, Host, LocationOption, Question, QuestionKind, Slot};
use domain::{
    Booking, BookingId, BookingState, ConnectionName, Decision, EventTypeUri, FactRecord, InviteeUri, Metadata,
    Private, Token,
};
use engine::{
    ApiStore, Appointment, AvailabilityRule, AvailabilitySchedule, BookingCounts, BookingRecord, BusyTime,
    CalendlyAccount, CalendlyError, CalendlyUser, OriginalForm, PortError, RequestSnapshot, ReserveError, Subscription,
};
use jiff::{SignedDuration, Timestamp};

use crate::world::Fake;

/// What the schedule function keeps in the table besides bookings.
#[derive(Default)]
pub(crate) struct Ports {
    pub(crate) spent: BTreeMap<(String, Bucket), u32>,
    pub(crate) closed: BTreeMap<String, Timestamp>,
    pub(crate) holds: BTreeMap<String, (String, Timestamp)>,
    pub(crate) permits: BTreeMap<(String, i64), u32>,
    /// Where Calendly is not to be reached, by the name of the question.
    pub(crate) down: Vec<&'static str>,
    /// Links that were made.
    pub(crate) links: usize,
}

impl ApiStore for Fake {
    async fn load_request(
        &self,
        connection: &ConnectionName,
        booking: &BookingId,
        owner: &str,
        buckets: &[Bucket],
    ) -> Result<RequestSnapshot, PortError> {
        self.call("prospect", |state| {
            let (known, revision) = match state.bookings.get(booking) {
                Some((known, revision)) => (known.clone(), *revision),
                None => (Booking::new(booking.clone(), connection.clone()), 0),
            };
            let spent = |bucket: &Bucket| state.desk.spent.get(&(owner.to_owned(), *bucket)).copied();
            RequestSnapshot {
                booking: known,
                revision,
                spent: buckets.iter().filter_map(|it| Some((*it, spent(it)?))).collect(),
                closed_until: state.desk.closed.get(owner).copied(),
                event_types_changed_at: state.event_types_changed_at,
            }
        })
        .await
    }

    async fn reserve_budget(
        &self,
        decision: &Decision,
        owner: &str,
        caps: &[(Bucket, u32)],
    ) -> Result<(), ReserveError> {
        self.call("reserve", |state| {
            // Whoever lost the booking has lost, whatever is left of the budget.
            let id = &decision.booking.id;
            if state.bookings.get(id).map_or(0, |(_, revision)| *revision) != decision.revision {
                return Err(engine::CommitError::Conflict.into());
            }
            let used = |state: &crate::world::State, bucket: &Bucket| {
                state.desk.spent.get(&(owner.to_owned(), *bucket)).copied().unwrap_or_default()
            };
            if let Some((bucket, _)) = caps.iter().find(|(bucket, cap)| used(state, bucket) >= *cap) {
                return Err(ReserveError::Spent(*bucket));
            }
            state.commit_decision(decision, &[])?;
            for (bucket, _) in caps {
                *state.desk.spent.entry((owner.to_owned(), *bucket)).or_default() += 1;
            }
            Ok(())
        })
        .await
        .map_err(engine::CommitError::from)?
    }

    async fn close_budget(&self, _: &ConnectionName, owner: &str, until: Timestamp) -> Result<(), PortError> {
        self.call("close", |state| {
            state.desk.closed.insert(owner.to_owned(), until);
        })
        .await
    }

    async fn find_zone(&self, _: &ConnectionName, email: &Private<String>) -> Result<Option<String>, PortError> {
        self.call("zone_of", |state| {
            let active = state.bookings.values().filter_map(|(booking, _)| match booking.state() {
                Some(BookingState::Active(leg)) if leg.details.email == *email => Some(leg.details.clone()),
                _ => None,
            });
            active.max_by_key(|details| details.start).and_then(|details| details.zone)
        })
        .await
    }

    async fn event_types_changed_at(&self, _: &ConnectionName) -> Result<Option<Timestamp>, PortError> {
        self.call("event_types_changed_at", |state| state.event_types_changed_at).await
    }

    async fn put_metadata(
        &self,
        connection: &ConnectionName,
        token: &Token,
        metadata: &Metadata,
    ) -> Result<(), PortError> {
        let booking = BookingId::from_token(connection, token);
        self.call("put_metadata", |state| drop(state.metadata.insert(booking, metadata.clone()))).await
    }

    async fn put_hold(
        &self,
        _: &ConnectionName,
        id: &str,
        document: &str,
        expires: Timestamp,
    ) -> Result<(), PortError> {
        self.call("put_hold", |state| drop(state.desk.holds.insert(id.to_owned(), (document.to_owned(), expires))))
            .await
    }

    async fn load_hold(&self, _: &ConnectionName, id: &str) -> Result<Option<(String, Timestamp)>, PortError> {
        self.call("hold", |state| state.desk.holds.get(id).cloned()).await
    }

    async fn take_permits(&self, key: &str, wanted: u32, limit: u32, now: Timestamp) -> Result<u32, PortError> {
        self.call("permits", |state| {
            let used = state.desk.permits.entry((key.to_owned(), now.as_second() / 60)).or_default();
            let granted = wanted.min(limit - *used);
            *used += granted;
            granted
        })
        .await
    }

    async fn find_bookings(&self, _: &ConnectionName, id: &str) -> Result<Vec<BookingId>, PortError> {
        self.call("find", |state| {
            let names = |booking: &Booking| {
                booking.id.as_str() == id
                    || booking.legs().iter().any(|leg| {
                        [leg.invitee.as_str(), leg.details.event.as_str()]
                            .iter()
                            .any(|uri| *uri == id || domain::uri_uuid(uri) == id)
                    })
            };
            state.bookings.values().filter(|(it, _)| names(it)).map(|(it, _)| it.id.clone()).collect()
        })
        .await
    }

    async fn booking_record(
        &self,
        _: &ConnectionName,
        booking: &BookingId,
    ) -> Result<Option<BookingRecord>, PortError> {
        self.call("story", |state| {
            let (known, _) = state.bookings.get(booking)?;
            let legs = known.aliases();
            let facts = state.facts.values().filter(|it| legs.contains(&it.invitee)).map(|it| FactRecord {
                kind: it.kind,
                invitee: it.invitee.clone(),
                occurred_at: it.occurred_at,
                received_at: it.received_at,
            });
            let commands = state.commands.values().filter(|(of, _)| of == booking).map(|(_, it)| it.clone());
            Some(BookingRecord { booking: known.clone(), facts: facts.collect(), commands: commands.collect() })
        })
        .await
    }

    async fn count_bookings(&self, _: &ConnectionName, now: Timestamp) -> Result<BookingCounts, PortError> {
        self.call("totals", |state| {
            let mut totals = BookingCounts::default();
            for (booking, _) in state.bookings.values() {
                match booking.state() {
                    Some(BookingState::Active(leg)) if leg.details.start > now => totals.upcoming += 1,
                    Some(BookingState::Active(_)) => totals.past += 1,
                    Some(BookingState::Moving(_)) => totals.moving += 1,
                    Some(BookingState::Canceled(..)) => totals.canceled += 1,
                    None => {}
                }
            }
            totals
        })
        .await
    }

    async fn last_webhook(&self, _: &ConnectionName) -> Result<Option<Timestamp>, PortError> {
        self.call("last_webhook", |state| state.facts.values().map(|it| it.received_at).max()).await
    }
}

/// Two hosts with an event type each, one of a name that both have, and one that takes many.
pub(crate) fn catalog() -> Catalog {
    let host = |uuid: &str, name: &str, zone: &str| Host {
        uri: format!("https://api.calendly.com/users/{uuid}"),
        name: name.to_owned(),
        email: Private::new(format!("{}@example.com", name.to_lowercase())),
        zone: Some(zone.to_owned()),
    };
    let (maria, lars) = (host("M", "Maria", "Europe/Bucharest"), host("L", "Lars", "Europe/Copenhagen"));
    let question = |name: &str, kind, required, choices: &[&str], position| Question {
        name: name.to_owned(),
        kind,
        position,
        required,
        choices: choices.iter().map(|it| (*it).to_owned()).collect(),
        include_other: false,
    };
    let event_type = |uuid: &str, name: &str, slug: &str, host: &Host| EventType {
        uri: EventTypeUri::new(format!("https://api.calendly.com/event_types/{uuid}")),
        name: name.to_owned(),
        slug: Some(slug.to_owned()),
        description: Some(format!("About {name}")),
        minutes: 30,
        is_group: false,
        is_round_robin: false,
        scheduling_url: format!("https://calendly.com/x/{slug}"),
        owner: host.uri.clone(),
        hosts: vec![host.clone()],
        questions: Vec::new(),
        locations: vec![LocationOption { kind: "google_conference".to_owned(), location: None }],
    };
    let mut demo = event_type("T1", "Sales Demo", "sales-demo", &maria);
    demo.questions = vec![
        question("Company", QuestionKind::Text, true, &[], 0),
        question("Your role", QuestionKind::Single, false, &["Founder", "Sales"], 1),
    ];
    let support = event_type("T2", "Technical Support", "technical-support", &lars);
    let mut visit = event_type("T3", "Visit", "visit", &lars);
    visit.locations = vec![LocationOption { kind: "ask_invitee".to_owned(), location: None }];
    let mut webinar = event_type("T4", "Webinar", "webinar", &lars);
    webinar.is_group = true;
    Catalog { event_types: vec![demo, support, visit, webinar] }
}

impl Fake {
    fn is_down(&self, what: &'static str) -> Result<(), CalendlyError> {
        match self.state.borrow().desk.down.contains(&what) {
            true => Err(CalendlyError::Unavailable("Calendly is down, as the test asks".to_owned())),
            false => Ok(()),
        }
    }

    /// One question to Calendly.
    async fn ask<T>(
        &self,
        what: &'static str,
        answer: impl FnOnce(&mut crate::world::State) -> T,
    ) -> Result<T, CalendlyError> {
        self.is_down(what)?;
        self.call(what, answer).await.map_err(|error| CalendlyError::Unavailable(error.to_string()))
    }
}

impl CalendlyAccount for Fake {
    async fn list_event_types(&self, _: &ConnectionName) -> Result<Catalog, CalendlyError> {
        self.ask("catalog", |_| catalog()).await
    }

    /// A slot each half hour of the working day, UTC, where nothing is booked.
    async fn list_available_times(
        &self,
        _: &ConnectionName,
        event_type: &EventType,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Slot>, CalendlyError> {
        let now = self.now.get();
        assert!(from > now, "Calendly refuses a start that is past");
        assert!(until.duration_since(from) <= SignedDuration::from_hours(31 * 24), "Calendly takes 31 days");
        self.ask("available", |state| {
            let half_hours = (from.as_second().div_euclid(1800)..=until.as_second().div_euclid(1800))
                .filter_map(|it| Timestamp::from_second(it * 1800).ok())
                .filter(|it| (from..until).contains(it) && (7..16).contains(&((it.as_second() / 3600) % 24)));
            let is_free = |start: &Timestamp| {
                !state.at_calendly.values().any(|it| it.leg.canceled.is_none() && it.leg.details.start == *start)
            };
            let slot = |start: Timestamp| Slot {
                start,
                end: start + SignedDuration::from_mins(i64::from(event_type.minutes)),
                remaining: 1,
                scheduling_url: None,
            };
            half_hours.filter(is_free).map(slot).collect()
        })
        .await
    }

    async fn list_appointments(
        &self,
        _: &ConnectionName,
        email: &Private<String>,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Appointment>, CalendlyError> {
        self.ask("appointments", |state| {
            let active = state.at_calendly.values().map(|it| &it.leg).filter(|it| it.canceled.is_none());
            let mut found: Vec<_> = active
                .filter(|it| it.details.email == *email && (from..until).contains(&it.details.start))
                .map(|leg| Appointment {
                    event: leg.details.event.clone(),
                    invitee: leg.invitee.clone(),
                    name: leg.details.event_name.clone(),
                    event_type: leg.details.event_type.clone(),
                    start: leg.details.start,
                    end: leg.details.end,
                    location_kind: Some("google_conference".to_owned()),
                    join_url: leg.details.join_url.clone(),
                    location: None,
                    invitee_name: leg.details.name.clone(),
                    cancel_url: leg.details.cancel_url.clone(),
                    reschedule_url: leg.details.reschedule_url.clone(),
                })
                .collect();
            found.sort_by_key(|it| it.start);
            found
        })
        .await
    }

    async fn fetch_original_form(
        &self,
        _: &ConnectionName,
        invitee: &InviteeUri,
    ) -> Result<OriginalForm, CalendlyError> {
        let found = self.ask("particulars", |state| state.at_calendly.get(invitee).cloned()).await?;
        let leg = found.ok_or(CalendlyError::NotFound)?.leg;
        let is_webinar = leg.details.event_name == "Webinar";
        let answers = self.state.borrow().forms.get(invitee).map(|form| form.answers.clone()).unwrap_or_default();
        let guests = self.state.borrow().forms.get(invitee).map(|form| form.guests.clone()).unwrap_or_default();
        let meeting = self.state.borrow().forms.get(invitee).and_then(|form| form.meeting.clone());
        Ok(OriginalForm {
            is_canceled: leg.canceled.is_some(),
            seats: if is_webinar { 3 } else { 1 },
            answers,
            phone: None,
            guests,
            meeting,
        })
    }

    async fn set_no_show(
        &self,
        _: &ConnectionName,
        invitee: &InviteeUri,
        is_no_show: bool,
    ) -> Result<(), CalendlyError> {
        let now = self.now.get();
        self.ask("set_no_show", |state| {
            let fact = state.at_calendly.get_mut(invitee).ok_or(CalendlyError::NotFound)?;
            fact.leg.no_show = is_no_show.then_some(domain::NoShow { at: now, marked: true });
            Ok(())
        })
        .await?
    }

    async fn list_availability_schedules(
        &self,
        _: &ConnectionName,
        _: &str,
    ) -> Result<Vec<AvailabilitySchedule>, CalendlyError> {
        self.ask("schedules", |_| {
            let rule = AvailabilityRule {
                day: "monday".to_owned(),
                intervals: vec![("09:00".to_owned(), "17:00".to_owned())],
            };
            let zone = "Europe/Bucharest".to_owned();
            vec![AvailabilitySchedule { name: "Working hours".to_owned(), is_default: true, zone, rules: vec![rule] }]
        })
        .await
    }

    async fn list_busy_times(
        &self,
        _: &ConnectionName,
        _: &str,
        from: Timestamp,
        _: Timestamp,
    ) -> Result<Vec<BusyTime>, CalendlyError> {
        self.ask("busy", |_| {
            vec![BusyTime { kind: "external".to_owned(), start: from, end: from + SignedDuration::from_hours(1) }]
        })
        .await
    }

    async fn fetch_user(&self, _: &ConnectionName) -> Result<CalendlyUser, CalendlyError> {
        self.ask("me", |_| CalendlyUser {
            uri: "https://api.calendly.com/users/M".to_owned(),
            name: "Maria".to_owned(),
            email: Private::from("maria@example.com"),
            zone: Some("Europe/Bucharest".to_owned()),
            scheduling_url: Some("https://calendly.com/maria".to_owned()),
            organization: "https://api.calendly.com/organizations/O".to_owned(),
        })
        .await
    }

    async fn list_subscriptions(&self, _: &ConnectionName) -> Result<Vec<Subscription>, CalendlyError> {
        self.ask("subscriptions", |_| {
            let callback_url = "https://hooks.example.com/webhooks/calendly".to_owned();
            vec![Subscription { callback_url, state: "active".to_owned(), retry_started_at: None }]
        })
        .await
    }
}
