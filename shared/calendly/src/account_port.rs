//! [`CalendlyAccount`], the port of the schedule function, with the connection's stored token.

use domain::scheduling::{Catalog, EventType, Slot};
use domain::{ConnectionName, InviteeUri, Private, uri_uuid};
use engine::{
    Appointment, AvailabilityRule, AvailabilitySchedule, BusyTime, CalendlyAccount, CalendlyError, CalendlyUser,
    OriginalForm, Subscription,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::account::{parse_all, parse_valid};
use crate::meetings::{self, MAX_CONCURRENT_CALLS};
use crate::paths::InviteePath;
use crate::resources::{self, AvailableTime, Rule};
use crate::rest::Rest;
use crate::{catalog, original_form};

/// The longest span of one request for a host's busy times.
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The body of `POST /invitee_no_shows`.
#[derive(Serialize)]
struct NoShow<'a> {
    invitee: &'a InviteeUri,
}

impl CalendlyAccount for Rest {
    async fn list_event_types(&self, connection: &ConnectionName) -> Result<Catalog, CalendlyError> {
        let account = self.account(connection).await?;
        let owner = self.owner(connection, &account).await?;
        Ok(catalog::read_catalog(&account, &owner).await?)
    }

    async fn list_available_times(
        &self,
        connection: &ConnectionName,
        event_type: &EventType,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Slot>, CalendlyError> {
        let account = self.account(connection).await?;
        let (from, until) = (format!("{from:.0}"), format!("{until:.0}"));
        let params = [("event_type", event_type.uri.as_str()), ("start_time", &from), ("end_time", &until)];
        let listed = account.list_unpaged("/event_type_available_times", &params).await?;
        let lasts = SignedDuration::from_mins(event_type.minutes.into());
        let free = parse_valid::<AvailableTime>(listed, "available times").into_iter().filter_map(|it| {
            let remaining = it.invitees_remaining.map_or(1, |seats| seats as u32);
            let is_free = remaining > 0 && it.status.is_none_or(|status| status == "available");
            let end = it.start_time.checked_add(lasts).ok()?;
            is_free.then_some(Slot { start: it.start_time, end, remaining, scheduling_url: it.scheduling_url })
        });
        let mut slots: Vec<_> = free.collect();
        slots.sort();
        Ok(slots)
    }

    async fn list_appointments(
        &self,
        connection: &ConnectionName,
        email: &Private<String>,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Appointment>, CalendlyError> {
        let account = self.account(connection).await?;
        let owner = self.owner(connection, &account).await?;
        Ok(meetings::list_appointments(&account, &owner, email, from, until).await?)
    }

    async fn fetch_original_form(
        &self,
        connection: &ConnectionName,
        invitee: &InviteeUri,
    ) -> Result<OriginalForm, CalendlyError> {
        let location = InviteePath::parse(invitee).ok_or(CalendlyError::NotFound)?;
        let account = self.account(connection).await?;
        let (invitee, event) = tokio::try_join!(account.get(&location.invitee), account.get(&location.event))?;
        Ok(original_form::parse_original_form(&invitee, &event))
    }

    async fn set_no_show(
        &self,
        connection: &ConnectionName,
        invitee: &InviteeUri,
        is_no_show: bool,
    ) -> Result<(), CalendlyError> {
        let location = InviteePath::parse(invitee).ok_or(CalendlyError::NotFound)?;
        let account = self.account(connection).await?;
        let found: resources::Invitee = account.get(&location.invitee).await?;
        match found.no_show {
            None if is_no_show => {
                let _: Value = account.post("/invitee_no_shows", &NoShow { invitee }).await?;
            }
            Some(mark) if !is_no_show => account.delete(&format!("/invitee_no_shows/{}", uri_uuid(&mark.uri))).await?,
            _ => {}
        }
        Ok(())
    }

    async fn list_availability_schedules(
        &self,
        connection: &ConnectionName,
        host: &str,
    ) -> Result<Vec<AvailabilitySchedule>, CalendlyError> {
        let account = self.account(connection).await?;
        let listed = account.list_unpaged("/user_availability_schedules", &[("user", host)]).await?;
        let read = parse_all::<resources::AvailabilitySchedule>(listed)?.into_iter().map(|it| AvailabilitySchedule {
            name: it.name,
            is_default: it.default,
            zone: it.timezone,
            rules: it.rules.into_iter().filter_map(parse_rule).collect(),
        });
        Ok(read.collect())
    }

    async fn list_busy_times(
        &self,
        connection: &ConnectionName,
        host: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<BusyTime>, CalendlyError> {
        let account = &self.account(connection).await?;
        let each = stream::iter(split_into_weeks(from, until)).map(async |(from, until)| {
            let (from, until) = (from.to_string(), until.to_string());
            let params = [("user", host), ("start_time", from.as_str()), ("end_time", until.as_str())];
            parse_all::<resources::BusyTime>(account.list_unpaged("/user_busy_times", &params).await?)
        });
        let weeks: Vec<_> = each.buffered(MAX_CONCURRENT_CALLS).try_collect().await?;
        let spans = weeks.into_iter().flatten();
        let mut busy: Vec<_> =
            spans.map(|it| BusyTime { kind: it.kind, start: it.start_time, end: it.end_time }).collect();
        busy.sort_by(|a, b| (a.start, a.end, &a.kind).cmp(&(b.start, b.end, &b.kind)));
        // A span across the end of a week is in both answers.
        busy.dedup();
        Ok(busy)
    }

    async fn fetch_user(&self, connection: &ConnectionName) -> Result<CalendlyUser, CalendlyError> {
        let me = self.account(connection).await?.me().await?;
        Ok(CalendlyUser {
            uri: me.uri,
            name: me.name,
            email: me.email,
            zone: me.timezone,
            scheduling_url: me.scheduling_url,
            organization: me.current_organization,
        })
    }

    async fn list_subscriptions(&self, connection: &ConnectionName) -> Result<Vec<Subscription>, CalendlyError> {
        let account = self.account(connection).await?;
        let owner = self.owner(connection, &account).await?;
        let found = match account.subscriptions(&owner.current_organization).await {
            // Only owners and admins see the organization's. Others have one of their own.
            Err(error) if error.is_forbidden() => {
                account.subscriptions_of_user(&owner.current_organization, &owner.uri).await
            }
            found => found,
        };
        let found = found?.into_iter().map(|it| Subscription {
            callback_url: it.callback_url,
            state: it.state,
            retry_started_at: it.retry_started_at,
        });
        Ok(found.collect())
    }
}

/// Splits `from..until` into spans of at most a week, in whole seconds.
fn split_into_weeks(from: Timestamp, until: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
    let whole = |at: Timestamp| Timestamp::from_second(at.as_second()).unwrap_or(at);
    let (from, until) = (whole(from), whole(until));
    let end = move |start: Timestamp| start.checked_add(WEEK).map_or(until, |end| end.min(until));
    std::iter::successors(Some(from), move |start| Some(end(*start)))
        .take_while(move |start| *start < until)
        .map(move |start| (start, end(start)))
}

fn parse_rule(read: Rule) -> Option<AvailabilityRule> {
    // A rule may have both; its type says which applies.
    let day = if read.kind.as_deref() == Some("date") { pad_date(&read.date?) } else { read.wday? };
    let intervals = read.intervals.into_iter().filter_map(|it| Some((it.from?, it.to?)));
    Some(AvailabilityRule { day, intervals: intervals.collect() })
}

/// Adds the leading zeros that Calendly may omit in a date.
fn pad_date(date: &str) -> String {
    let parts: Vec<_> = date.split('-').map(|part| format!("{part:0>2}")).collect();
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::EventTypeUri;
    use engine::Calendly;
    use serde_json::json;
    use stand_in::{Answer, StandIn};

    use super::*;
    use crate::fixtures::{self, ME, event, invitee, made, none, ok, page, resource, with};

    const INVITEE: &str = "https://api.calendly.com/scheduled_events/E1/invitees/I1";
    const GET_INVITEE: &str = "GET /scheduled_events/E1/invitees/I1 ";
    const NO_SHOW: &str = "https://api.calendly.com/invitee_no_shows/N1";

    fn instant(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn all_of(collection: Value) -> Answer {
        ok(&json!({"collection": collection}))
    }

    fn start(answers: Vec<(&'static str, Answer)>) -> (Rest, StandIn, ConnectionName) {
        let calendly = StandIn::with_rules(answers);
        let mut rest = fixtures::rest(calendly.url());
        rest.timeout = Duration::from_millis(500);
        (rest, calendly, ConnectionName::default())
    }

    fn event_type() -> EventType {
        EventType {
            uri: EventTypeUri::new("https://api.calendly.com/event_types/T1"),
            name: "Intro call".to_owned(),
            slug: None,
            description: None,
            minutes: 30,
            is_group: false,
            is_round_robin: false,
            scheduling_url: "https://calendly.com/maria/intro".to_owned(),
            owner: ME.to_owned(),
            hosts: Vec::new(),
            questions: Vec::new(),
            locations: Vec::new(),
        }
    }

    #[tokio::test]
    async fn free_slots_have_an_end_and_are_sorted() {
        let (rest, calendly, connection) = start(vec![(
            "GET /event_type_available_times?",
            all_of(json!([
                {"status": "available", "invitees_remaining": 2, "start_time": "2127-01-11T10:00:00Z",
                 "scheduling_url": "https://calendly.com/maria/intro/2"},
                {"status": "available", "start_time": "2127-01-11T09:00:00.000000Z"},
                {"status": "available", "invitees_remaining": 0, "start_time": "2127-01-11T11:00:00Z"},
                {"status": "unavailable", "invitees_remaining": 1, "start_time": "2127-01-11T12:00:00Z"},
                {"status": "available"},
            ])),
        )]);
        let (from, until) = (instant("2127-01-11T08:00:00.25Z"), instant("2127-02-11T08:00:00Z"));
        let slots = rest.list_available_times(&connection, &event_type(), from, until).await.expect("slots");
        let found: Vec<_> = slots.iter().map(|it| (it.start.to_string(), it.end.to_string(), it.remaining)).collect();
        assert_eq!(
            found,
            [
                ("2127-01-11T09:00:00Z".to_owned(), "2127-01-11T09:30:00Z".to_owned(), 1),
                ("2127-01-11T10:00:00Z".to_owned(), "2127-01-11T10:30:00Z".to_owned(), 2),
            ]
        );
        assert_eq!(slots[1].scheduling_url.as_deref(), Some("https://calendly.com/maria/intro/2"));
        let expected = [
            ("event_type", "https://api.calendly.com/event_types/T1"),
            ("start_time", "2127-01-11T08:00:00Z"),
            ("end_time", "2127-02-11T08:00:00Z"),
        ];
        assert_eq!(
            calendly.requests()[0].query_fields(),
            expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
        );
    }

    #[tokio::test]
    async fn a_link_books_once() {
        let link = json!({"booking_url": "https://calendly.com/d/abcd", "owner": "…", "owner_type": "EventType"});
        let (rest, calendly, connection) = start(vec![("POST /scheduling_links ", made(&link))]);
        assert_eq!(
            rest.create_single_use_link(&connection, &event_type().uri).await.expect("a link"),
            "https://calendly.com/d/abcd"
        );
        assert_eq!(
            calendly.requests()[0].json(),
            json!({
                "max_event_count": 1, "owner": "https://api.calendly.com/event_types/T1", "owner_type": "EventType",
            })
        );
    }

    #[tokio::test]
    async fn a_no_show_is_marked_once_and_unmarked_once() {
        let mark = || made(&json!({"uri": NO_SHOW, "invitee": INVITEE, "created_at": "2127-01-11T10:00:00Z"}));
        let set = async |is_marked: bool, wanted: bool, deleted: Answer| {
            let mark_there = if is_marked { json!({"uri": NO_SHOW, "created_at": "…"}) } else { json!(null) };
            let (rest, calendly, connection) = start(vec![
                (GET_INVITEE, resource(&with(invitee("I1"), &json!({"no_show": mark_there})))),
                ("POST /invitee_no_shows ", mark()),
                ("DELETE /invitee_no_shows/N1 ", deleted),
            ]);
            rest.set_no_show(&connection, &InviteeUri::new(INVITEE), wanted).await.expect("done");
            calendly.requests()
        };
        let gone = || Answer::json(404, json!({}));
        let marked = set(false, true, none()).await;
        assert_eq!(marked[1].json(), json!({"invitee": INVITEE}));
        assert_eq!(set(true, true, none()).await.len(), 1);
        assert_eq!(set(false, false, none()).await.len(), 1);
        assert_eq!(set(true, false, none()).await[1].method_and_path(), "DELETE /invitee_no_shows/N1");
        assert_eq!(set(true, false, gone()).await.len(), 2);
    }

    #[tokio::test]
    async fn the_original_form_is_read_from_the_invitee_and_its_event() {
        let (rest, _calendly, connection) =
            start(vec![(GET_INVITEE, resource(&invitee("I1"))), ("GET /scheduled_events/E1 ", resource(&event()))]);
        let found = rest.fetch_original_form(&connection, &InviteeUri::new(INVITEE)).await.expect("a form");
        assert_eq!((found.seats, found.meeting.map(|it| it.kind).as_deref()), (1, Some("zoom_conference")));
        let odd = rest.fetch_original_form(&connection, &InviteeUri::new("I1")).await;
        assert_eq!(odd, Err(CalendlyError::NotFound));
    }

    #[tokio::test]
    async fn the_availability_of_a_host_has_weekdays_and_dates() {
        let (rest, calendly, connection) = start(vec![(
            "GET /user_availability_schedules?",
            all_of(json!([
                {
                    "uri": "…", "default": true, "name": "Working hours", "user": ME, "timezone": "Europe/Bucharest",
                    "rules": [
                        {"type": "wday", "wday": "monday", "date": "2126-12-31",
                         "intervals": [{"from": "09:00", "to": "12:00"}, {"from": "13:00", "to": "17:00"}, {}]},
                        {"type": "date", "date": "2127-1-4", "intervals": []},
                        {"type": "date"},
                    ],
                },
                {"default": null, "name": null, "timezone": "UTC", "rules": null},
            ])),
        )]);
        let found = rest.list_availability_schedules(&connection, ME).await.expect("schedules");
        let hours = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        assert_eq!(
            found[0],
            AvailabilitySchedule {
                name: "Working hours".to_owned(),
                is_default: true,
                zone: "Europe/Bucharest".to_owned(),
                rules: vec![
                    AvailabilityRule {
                        day: "monday".to_owned(),
                        intervals: vec![hours("09:00", "12:00"), hours("13:00", "17:00")],
                    },
                    AvailabilityRule { day: "2127-01-04".to_owned(), intervals: Vec::new() },
                ],
            }
        );
        assert!(!found[1].is_default && found[1].rules.is_empty());
        assert_eq!(calendly.requests()[0].query_fields(), [("user".to_owned(), ME.to_owned())]);
    }

    #[tokio::test]
    async fn busy_times_are_requested_by_week_and_deduplicated() {
        let across = json!({
            "type": "external", "start_time": "2127-01-17T23:00:00.000000Z", "end_time": "2127-01-18T11:00:00.000000Z",
        });
        let early =
            json!({"type": "calendly", "start_time": "2127-01-12T09:00:00Z", "end_time": "2127-01-12T10:00:00Z"});
        let (rest, calendly, connection) = start(vec![
            ("GET /user_busy_times?", all_of(json!([across, early])).once()),
            ("GET /user_busy_times?", all_of(json!([across]))),
        ]);
        let (from, until) = (instant("2127-01-11T00:00:00.7Z"), instant("2127-01-25T00:00:00.2Z"));
        let busy = rest.list_busy_times(&connection, ME, from, until).await.expect("busy times");
        assert_eq!(busy.iter().map(|it| it.kind.as_str()).collect::<Vec<_>>(), ["calendly", "external"]);
        let mut weeks: Vec<_> = calendly
            .requests()
            .iter()
            .map(|request| request.query_fields()[1..].iter().map(|it| it.1.clone()).collect::<Vec<_>>())
            .collect();
        weeks.sort();
        assert_eq!(
            weeks,
            [["2127-01-11T00:00:00Z", "2127-01-18T00:00:00Z"], ["2127-01-18T00:00:00Z", "2127-01-25T00:00:00Z"],]
        );
        assert_eq!(rest.list_busy_times(&connection, ME, until, from).await.expect("nothing"), []);
        assert_eq!(calendly.requests().len(), 2);
    }

    #[tokio::test]
    async fn the_owner_is_cached() {
        let subscription = json!({
            "uri": "…", "callback_url": "https://hooks.example.com", "state": "disabled", "events": [],
            "created_at": "2127-01-02T03:04:05Z", "retry_started_at": "2127-01-03T03:04:05Z",
        });
        let (rest, calendly, connection) =
            start(vec![fixtures::me(), ("GET /webhook_subscriptions?", page(json!([subscription]), None))]);
        for _ in 0..2 {
            let found = rest.list_subscriptions(&connection).await.expect("subscriptions");
            assert_eq!((found[0].state.as_str(), found[0].retry_started_at.is_some()), ("disabled", true));
        }
        assert_eq!(
            calendly.methods_and_paths(),
            ["GET /users/me", "GET /webhook_subscriptions", "GET /webhook_subscriptions"]
        );
        let me = rest.fetch_user(&connection).await.expect("the owner");
        assert_eq!((me.uri.as_str(), me.zone.as_deref()), (ME, Some("Europe/Bucharest")));
        assert_eq!(
            (me.organization.as_str(), me.email.expose().as_str()),
            (fixtures::ORGANIZATION, "maria@example.com")
        );
    }

    #[tokio::test]
    async fn each_failure_says_whether_a_retry_may_work() {
        let refused = |text: &str| CalendlyError::Refused(text.to_owned());
        let unavailable = |text: &str| CalendlyError::Unavailable(text.to_owned());
        for (answer, expected) in [
            (Answer::json(404, json!({})), CalendlyError::NotFound),
            (Answer::json(429, json!({})).header("x-ratelimit-reset", 12), CalendlyError::Limited(12)),
            (Answer::json(429, json!({})), CalendlyError::Limited(60)),
            (
                Answer::json(
                    400,
                    json!({"title": "Invalid Argument", "details": [{"parameter": "user", "message": "Ana Pop"}]}),
                ),
                refused("Calendly answered 400 Invalid Argument (user)"),
            ),
            (
                Answer::json(
                    403,
                    json!({"title": "Insufficient scope", "required_scopes": ["scheduling_links:write"]}),
                ),
                refused("Calendly answered 403 Insufficient scope; it needs scheduling_links:write"),
            ),
            (
                Answer::json(424, json!({"title": "External Calendar Error", "message": "…"})),
                unavailable("Calendly answered 424 External Calendar Error"),
            ),
            (Answer::json(503, json!({})).header("retry-after", 40), CalendlyError::Limited(40)),
            (Answer::json(502, json!("<html>")), unavailable("Calendly answered 502 Bad Gateway")),
            (Answer::never_answers(), unavailable("Calendly could not be reached: no answer in time")),
            (Answer::closes_connection(), unavailable("Calendly could not be reached: the connection broke")),
            (ok(&json!({})), unavailable("Calendly's answer could not be read: line 1, column 2")),
        ] {
            let (rest, _calendly, connection) = start(vec![("POST /scheduling_links ", answer)]);
            assert_eq!(rest.create_single_use_link(&connection, &event_type().uri).await, Err(expected));
        }
        let (rest, ..) = start(Vec::new());
        let empty = ConnectionName::parse("empty").expect("a name");
        let expected = unavailable("the connection's secret has no Calendly token");
        assert_eq!(rest.fetch_user(&empty).await, Err(expected));
    }
}
