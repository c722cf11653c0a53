//! What Calendly knows of an account beyond single bookings.

use domain::scheduling::{Catalog, EventType, Host, LocationOption, Question, QuestionKind, Slot};
use domain::{ConnectionName, EventTypeUri, InviteeUri, NoShow, Private};
use engine::{
    Appointment, AvailabilityRule, AvailabilitySchedule, BusyTime, CalendlyAccount, CalendlyError, CalendlyUser,
    OriginalForm, Subscription,
};
use jiff::{SignedDuration, Timestamp};

use crate::call::Call;
use crate::fake::Fake;
use crate::fault::FaultPolicy;
use crate::state::State;

/// Two hosts with four event types. One has questions, one asks for the location, one is a group event.
fn catalog() -> Catalog {
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

impl<P: FaultPolicy> Fake<P> {
    async fn ask<T>(&self, call: Call, answer: impl FnOnce(&mut State) -> T) -> Result<T, CalendlyError> {
        Ok(self.call(call, answer).await?)
    }
}

impl<P: FaultPolicy> CalendlyAccount for Fake<P> {
    async fn list_event_types(&self, _: &ConnectionName) -> Result<Catalog, CalendlyError> {
        self.ask(Call::ListEventTypes, |_| catalog()).await
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
        self.ask(Call::ListAvailableTimes, |state| {
            let half_hours = (from.as_second().div_euclid(1800)..=until.as_second().div_euclid(1800))
                .filter_map(|it| Timestamp::from_second(it * 1800).ok())
                .filter(|it| (from..until).contains(it) && (7..16).contains(&((it.as_second() / 3600) % 24)));
            let is_free = |start: &Timestamp| {
                !state.calendly.invitees.values().any(|it| it.leg.canceled.is_none() && it.leg.details.start == *start)
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
        self.ask(Call::ListAppointments, |state| {
            let active = state.calendly.invitees.values().map(|it| &it.leg).filter(|it| it.canceled.is_none());
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
                    invitee_place: None,
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
        let fetched = self.ask(Call::FetchOriginalForm, |state| {
            let leg = &state.calendly.invitees.get(invitee).ok_or(CalendlyError::NotFound)?.leg;
            let form = state.calendly.forms.get(invitee).cloned();
            let (answers, guests, meeting) = form.map(|it| (it.answers, it.guests, it.meeting)).unwrap_or_default();
            let (is_canceled, seats) =
                (leg.canceled.is_some(), if leg.details.event_name == "Webinar" { 3 } else { 1 });
            Ok(OriginalForm { is_canceled, seats, answers, phone: None, guests, meeting })
        });
        fetched.await?
    }

    async fn set_no_show(
        &self,
        _: &ConnectionName,
        invitee: &InviteeUri,
        is_no_show: bool,
    ) -> Result<(), CalendlyError> {
        let now = self.now.get();
        self.ask(Call::SetNoShow, |state| {
            let fact = state.calendly.invitees.get_mut(invitee).ok_or(CalendlyError::NotFound)?;
            fact.leg.no_show = is_no_show.then_some(NoShow { at: now, marked: true });
            Ok(())
        })
        .await?
    }

    async fn list_availability_schedules(
        &self,
        _: &ConnectionName,
        _: &str,
    ) -> Result<Vec<AvailabilitySchedule>, CalendlyError> {
        self.ask(Call::ListAvailabilitySchedules, |_| {
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
        self.ask(Call::ListBusyTimes, |_| {
            vec![BusyTime { kind: "external".to_owned(), start: from, end: from + SignedDuration::from_hours(1) }]
        })
        .await
    }

    async fn fetch_user(&self, _: &ConnectionName) -> Result<CalendlyUser, CalendlyError> {
        self.ask(Call::FetchUser, |_| CalendlyUser {
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
        self.ask(Call::ListSubscriptions, |_| {
            let callback_url = "https://hooks.example.com/webhooks/calendly".to_owned();
            vec![Subscription { callback_url, state: "active".to_owned(), retry_started_at: None }]
        })
        .await
    }
}
