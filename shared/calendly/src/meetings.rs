//! An invitee's meetings. Calendly lists events without their invitees, so these are read event by event.

use domain::{Fact, Private, is_same_email};
use engine::{Appointment, BookingQuery, InviteePage, InviteeQuery};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use wire::calendly::parse_looked_up;

use crate::account::Account;
use crate::error::Error;
use crate::paths::event_path;
use crate::user::User;

/// How many calls are made concurrently.
pub(crate) const MAX_CONCURRENT_CALLS: usize = 8;

/// The span searched before and after the start: Calendly's filter may exclude its own ends.
const SEARCH_MARGIN: SignedDuration = SignedDuration::from_mins(1);

/// Finds the booking with the token. Returns a canceled booking only when there is no active one.
pub(crate) async fn find(account: &Account, owner: &User, wanted: &BookingQuery) -> Result<Option<Fact>, Error> {
    let (from, until) = (wanted.start.saturating_sub(SEARCH_MARGIN), wanted.start.saturating_add(SEARCH_MARGIN));
    let (from, until) = (from.unwrap_or(wanted.start), until.unwrap_or(wanted.start));
    let mut found = Vec::new();
    for meeting in list_meetings(account, owner, &wanted.email, from, until, &[]).await? {
        if meeting.invitee["tracking"]["utm_content"] == wanted.token.as_str() {
            found.push(meeting.to_fact()?);
        }
    }
    found.sort_by_key(|fact| fact.leg.canceled.is_some());
    Ok(found.into_iter().next())
}

/// The scheduled events of one page of an import.
const PAGE: &str = "20";

/// Lists one page of scheduled events with all their invitees, or one event. An event that was deleted has none.
pub(crate) async fn list_page(account: &Account, owner: &User, query: &InviteeQuery) -> Result<InviteePage, Error> {
    let (events, next) = match &query.event {
        Some(event) => {
            let path = event_path(event.as_str());
            let path =
                path.ok_or_else(|| Error::Unreadable("an event's URI is not of the expected form".to_owned()))?;
            match account.get::<Value>(&path).await {
                Ok(event) => (vec![event], None),
                Err(error) if error.is_not_found() => (Vec::new(), None),
                Err(error) => return Err(error),
            }
        }
        None => {
            let since = format!("{:.0}", query.since);
            let mut params = vec![("min_start_time", since.as_str()), ("sort", "start_time:asc"), ("count", PAGE)];
            params.extend(query.page.as_deref().map(|token| ("page_token", token)));
            account.list_page_in_organization(owner, "/scheduled_events", &params).await?
        }
    };
    let count = u64::try_from(events.len()).unwrap_or(u64::MAX);
    let meetings = list_invitees(account, events, &[]).await?;
    let facts = meetings.iter().map(Meeting::to_fact).collect::<Result<_, _>>()?;
    Ok(InviteePage { events: count, facts, next })
}

/// Lists the active meetings that begin within `from..until`, by start.
pub(crate) async fn list_appointments(
    account: &Account,
    owner: &User,
    email: &Private<String>,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<Appointment>, Error> {
    let filter = [("status", "active"), ("sort", "start_time:asc")];
    let mut all = Vec::new();
    for meeting in list_meetings(account, owner, email, from, until, &filter).await? {
        let location_kind = meeting.event["location"]["type"].as_str().map(str::to_owned);
        let leg = meeting.to_fact()?.leg;
        let (is_active, details) = (leg.canceled.is_none(), leg.details);
        // Even if Calendly's filter returned too much, no caller may see another person's meeting.
        let is_theirs = is_same_email(details.email.expose(), email.expose());
        if is_active && is_theirs && (from..until).contains(&details.start) {
            all.push(Appointment {
                event: details.event,
                invitee: leg.invitee,
                name: details.event_name,
                event_type: details.event_type,
                start: details.start,
                end: details.end,
                location_kind,
                join_url: details.join_url,
                location: details.location,
                invitee_place: details.invitee_place,
                invitee_name: details.name,
                cancel_url: details.cancel_url,
                reschedule_url: details.reschedule_url,
            });
        }
    }
    all.sort_by_key(|it| it.start);
    Ok(all)
}

/// An event and one of its invitees, as Calendly returns them.
struct Meeting {
    event: Value,
    invitee: Value,
}

impl Meeting {
    fn to_fact(&self) -> Result<Fact, Error> {
        build_fact(&self.invitee, &self.event)
    }
}

/// Lists the events with an invitee of this address, once for each such invitee.
async fn list_meetings(
    account: &Account,
    owner: &User,
    email: &Private<String>,
    from: Timestamp,
    until: Timestamp,
    filter: &[(&str, &str)],
) -> Result<Vec<Meeting>, Error> {
    let (from, until) = (format!("{from:.0}"), format!("{until:.0}"));
    let email = email.expose().as_str();
    let span = [("invitee_email", email), ("min_start_time", from.as_str()), ("max_start_time", until.as_str())];
    let events = account.list_in_organization(owner, "/scheduled_events", &[&span, filter].concat()).await?;
    list_invitees(account, events, &[("email", email)]).await
}

/// Lists the invitees of events.
async fn list_invitees(account: &Account, events: Vec<Value>, filter: &[(&str, &str)]) -> Result<Vec<Meeting>, Error> {
    let each = stream::iter(events).map(async |event| {
        let path = event["uri"].as_str().and_then(event_path);
        let path = path.ok_or_else(|| Error::Unreadable("an event's URI is not of the expected form".to_owned()))?;
        match account.list(&format!("{path}/invitees"), filter).await {
            // The event was deleted after it was listed.
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            Err(error) => Err(error),
            Ok(invitees) => {
                Ok(invitees.into_iter().map(|invitee| Meeting { event: event.clone(), invitee }).collect::<Vec<_>>())
            }
        }
    });
    let each: Vec<_> = each.buffered(MAX_CONCURRENT_CALLS).try_collect().await?;
    Ok(each.into_iter().flatten().collect())
}

/// Builds the fact of an invitee and its event.
pub(crate) fn build_fact(invitee: &Value, event: &Value) -> Result<Fact, Error> {
    let one = |resource: &Value| json!({"resource": resource}).to_string();
    parse_looked_up(one(invitee).as_bytes(), one(event).as_bytes())
        .map_err(|malformed| Error::Unreadable(malformed.to_string()))
}

#[cfg(test)]
mod tests {
    use domain::{ConnectionName, Token};
    use engine::{Calendly, CalendlyAccount, CalendlyError};
    use stand_in::{Answer, StandIn};

    use super::*;
    use crate::fixtures::{self, ME, ORGANIZATION, TOKEN, event, invitee, page, with};

    const LIST: &str = "GET /scheduled_events?organization=";
    const INVITEES: &str = "GET /scheduled_events/E1/invitees?";

    fn instant(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    async fn find(calendly: &StandIn) -> Option<Fact> {
        let token = Token::parse(TOKEN).expect("a token");
        let wanted = BookingQuery { token, email: "ana@example.com".into(), start: instant("2127-01-11T09:00:00Z") };
        fixtures::rest(calendly.url()).find_booking(&ConnectionName::default(), &wanted).await.expect("an answer")
    }

    async fn find_among(answers: Vec<(&'static str, Answer)>) -> Option<Fact> {
        find(&StandIn::with_rules([vec![fixtures::me()], answers].concat())).await
    }

    #[tokio::test]
    async fn a_booking_is_found_by_its_token_near_its_start() {
        let others = with(invitee("I0"), &json!({"tracking": {"utm_content": "spring"}}));
        let none = with(invitee("I2"), &json!({"tracking": null}));
        let calendly = StandIn::with_rules(vec![
            fixtures::me(),
            (LIST, page(json!([event()]), Some("p2")).once()),
            (LIST, page(json!([]), None)),
            (INVITEES, page(json!([others, none, invitee("I1")]), None)),
        ]);
        let found = find(&calendly).await.expect("a booking");
        assert_eq!(found.leg.invitee.as_str(), "https://api.calendly.com/scheduled_events/E1/invitees/I1");
        let requests = calendly.requests();
        let query = |at: usize| {
            requests[at].query_fields().into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>()
        };
        assert_eq!(
            query(1),
            [
                &format!("organization={ORGANIZATION}"),
                "invitee_email=ana@example.com",
                "min_start_time=2127-01-11T08:59:00Z",
                "max_start_time=2127-01-11T09:01:00Z",
                "count=100",
            ]
        );
        assert!(query(2).contains(&"page_token=p2".to_owned()));
        assert_eq!(query(3), ["email=ana@example.com", "count=100"]);
    }

    #[tokio::test]
    async fn without_permission_for_the_organization_own_events_are_searched() {
        let calendly = StandIn::with_rules(vec![
            fixtures::me(),
            (LIST, Answer::json(403, json!({"title": "Permission Denied"}))),
            ("GET /scheduled_events?user=", page(json!([event()]), None)),
            (INVITEES, page(json!([invitee("I1")]), None)),
        ]);
        assert!(find(&calendly).await.is_some());
        assert_eq!(calendly.requests()[2].query_fields()[0], ("user".to_owned(), ME.to_owned()));
    }

    #[tokio::test]
    async fn a_canceled_booking_is_found_when_none_is_active() {
        let over = with(invitee("I0"), &json!({"status": "canceled"}));
        let list = || (LIST, page(json!([event()]), None));
        let both = find_among(vec![list(), (INVITEES, page(json!([over, invitee("I1")]), None))]).await.expect("one");
        assert!(both.leg.canceled.is_none());
        let one = find_among(vec![list(), (INVITEES, page(json!([over]), None))]).await.expect("one");
        assert!(one.leg.canceled.is_some());
    }

    #[tokio::test]
    async fn without_the_token_there_is_no_booking_and_a_deleted_event_is_no_failure() {
        assert!(find_among(vec![(LIST, page(json!([]), None))]).await.is_none());
        assert!(find_among(vec![(LIST, page(json!([event()]), None))]).await.is_none());
    }

    #[tokio::test]
    async fn appointments_are_active_sorted_and_of_the_invitee_only() {
        let at = |id: &str, start: &str| {
            let uri = format!("https://api.calendly.com/scheduled_events/{id}");
            with(event(), &json!({"uri": uri, "start_time": start, "name": id}))
        };
        let listed = json!([
            at("E3", "2127-01-13T09:00:00Z"),
            at("E1", "2127-01-11T09:00:00Z"),
            at("E2", "2127-01-12T09:00:00Z"),
            at("E4", "2127-01-18T00:00:00Z"),
        ]);
        let invitees = |changes: &Value| page(json!([with(invitee("I1"), changes)]), None);
        let calendly = StandIn::with_rules(vec![
            fixtures::me(),
            (LIST, page(listed, None)),
            (INVITEES, invitees(&json!({"email": "Ana@Example.com"}))),
            ("GET /scheduled_events/E2/invitees?", invitees(&json!({"email": "bo@example.com"}))),
            ("GET /scheduled_events/E3/invitees?", invitees(&json!({}))),
            ("GET /scheduled_events/E4/invitees?", invitees(&json!({}))),
        ]);
        let (from, until) = (instant("2127-01-11T00:00:00.5Z"), instant("2127-01-18T00:00:00Z"));
        let rest = fixtures::rest(calendly.url());
        let found = rest.list_appointments(&ConnectionName::default(), &"ana@example.com".into(), from, until).await;
        let found = found.expect("appointments");
        assert_eq!(found.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["E1", "E3"]);
        assert_eq!(found[0].location_kind.as_deref(), Some("zoom"));
        assert_eq!(found[0].join_url.as_deref(), Some("https://zoom.example/1"));
        assert_eq!(found[0].cancel_url.as_deref(), Some("https://calendly.com/cancellations/I1"));
        let query = calendly.requests()[1].query_fields();
        for (key, value) in
            [("status", "active"), ("min_start_time", "2127-01-11T00:00:00Z"), ("sort", "start_time:asc")]
        {
            assert!(query.contains(&(key.to_owned(), value.to_owned())), "{key} {query:?}");
        }
    }

    #[tokio::test]
    async fn a_page_of_an_import_has_every_invitee_of_its_events() {
        let calendly = StandIn::with_rules(vec![
            fixtures::me(),
            (LIST, page(json!([event()]), Some("p2")).once()),
            (LIST, page(json!([]), None)),
            (INVITEES, page(json!([invitee("I1"), invitee("I2")]), None)),
        ]);
        let rest = fixtures::rest(calendly.url());
        let list = async |page: Option<&str>| {
            let since = instant("2127-01-11T00:00:00Z");
            let query = InviteeQuery { since, event: None, page: page.map(str::to_owned) };
            rest.list_invitees(&ConnectionName::default(), &query).await.expect("a page")
        };
        let first = list(None).await;
        assert_eq!((first.events, first.facts.len(), first.next.as_deref()), (1, 2, Some("p2")));
        assert_eq!(list(Some("p2")).await, InviteePage::default());
        let queries: Vec<_> = calendly.requests().iter().filter(|it| it.path == "/scheduled_events").cloned().collect();
        let fields = |at: usize| {
            let all = queries[at].query_fields().into_iter().skip(1);
            all.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>()
        };
        assert_eq!(fields(0), ["min_start_time=2127-01-11T00:00:00Z", "sort=start_time:asc", "count=20"]);
        assert_eq!(fields(1)[3], "page_token=p2");
    }

    #[tokio::test]
    async fn one_event_is_imported_alone_and_a_deleted_one_has_no_invitees() {
        let event_uri = domain::EventUri::new("https://api.calendly.com/scheduled_events/E1");
        let query = InviteeQuery { since: instant("2127-01-11T00:00:00Z"), event: Some(event_uri), page: None };
        let calendly = StandIn::with_rules(vec![
            fixtures::me(),
            (INVITEES, page(json!([invitee("I1")]), None)),
            ("GET /scheduled_events/E1 ", fixtures::resource(&event())),
        ]);
        let rest = fixtures::rest(calendly.url());
        let found = rest.list_invitees(&ConnectionName::default(), &query).await.expect("a page");
        assert_eq!((found.events, found.facts.len(), found.next), (1, 1, None));
        let calendly = StandIn::with_rules(vec![fixtures::me()]);
        let rest = fixtures::rest(calendly.url());
        let found = rest.list_invitees(&ConnectionName::default(), &query).await.expect("a page");
        assert_eq!(found, InviteePage::default());
    }

    #[tokio::test]
    async fn a_failed_call_fails_the_whole_list() {
        let answers = vec![
            fixtures::me(),
            (LIST, page(json!([event()]), None)),
            (INVITEES, Answer::json(429, json!({})).header("x-ratelimit-reset", 12)),
        ];
        let calendly = StandIn::with_rules(answers);
        let (from, until) = (instant("2127-01-11T00:00:00Z"), instant("2127-01-18T00:00:00Z"));
        let rest = fixtures::rest(calendly.url());
        let found = rest.list_appointments(&ConnectionName::default(), &"ana@example.com".into(), from, until).await;
        assert_eq!(found, Err(CalendlyError::Limited(12)));
    }
}
