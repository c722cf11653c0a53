//! An invitee's meetings. Calendly lists events without their invitees, who are asked for event by event.

use domain::{Fact, Private};
use engine::{Appointment, BookingQuery};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use wire::calendly::parse_looked_up;

use crate::account::Account;
use crate::error::Error;
use crate::paths::path_of_event;
use crate::user::User;

/// How many calls go side by side.
pub(crate) const AT_ONCE: usize = 8;

/// How far from the wanted start the booking is looked for: Calendly's filter need not include its own ends.
const NEAR: SignedDuration = SignedDuration::from_mins(1);

/// The booking that carries the token. One that is canceled meanwhile was made, too: it is found unless one is on.
pub(crate) async fn find(account: &Account, owner: &User, wanted: &BookingQuery) -> Result<Option<Fact>, Error> {
    let (from, until) = (wanted.start.saturating_sub(NEAR), wanted.start.saturating_add(NEAR));
    let (from, until) = (from.unwrap_or(wanted.start), until.unwrap_or(wanted.start));
    let mut found = Vec::new();
    for meeting in meetings(account, owner, &wanted.email, from, until, &[]).await? {
        if meeting.invitee["tracking"]["utm_content"] == wanted.token.as_str() {
            found.push(meeting.fact()?);
        }
    }
    found.sort_by_key(|fact| fact.leg.canceled.is_some());
    Ok(found.into_iter().next())
}

/// The meetings that are on and begin within `from..until`, in order.
pub(crate) async fn list_appointments(
    account: &Account,
    owner: &User,
    email: &Private<String>,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<Appointment>, Error> {
    let filter = [("status", "active"), ("sort", "start_time:asc")];
    let mut all = Vec::new();
    for meeting in meetings(account, owner, email, from, until, &filter).await? {
        let location_kind = meeting.event["location"]["type"].as_str().map(str::to_owned);
        let leg = meeting.fact()?.leg;
        let (is_on, details) = (leg.canceled.is_none(), leg.details);
        // Were Calendly's filter to say yes too often, nobody may see another's meeting.
        let is_theirs = details.email.expose().eq_ignore_ascii_case(email.expose().trim());
        if is_on && is_theirs && (from..until).contains(&details.start) {
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
                invitee_name: details.name,
                cancel_url: details.cancel_url,
                reschedule_url: details.reschedule_url,
            });
        }
    }
    all.sort_by_key(|it| it.start);
    Ok(all)
}

/// An event and one invitee in it, as Calendly answers them.
struct Meeting {
    event: Value,
    invitee: Value,
}

impl Meeting {
    fn fact(&self) -> Result<Fact, Error> {
        fact(&self.invitee, &self.event)
    }
}

/// The events in which this address is, each with each of its invitees of that address.
async fn meetings(
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
    let events = account.list_of(owner, "/scheduled_events", &[&span, filter].concat()).await?;
    let each = stream::iter(events).map(async |event| {
        let path = event["uri"].as_str().and_then(path_of_event);
        let path = path.ok_or_else(|| Error::Unreadable("an event's URI is not of the known form".to_owned()))?;
        match account.list(&format!("{path}/invitees"), &[("email", email)]).await {
            // It was there when events were listed: it is gone since.
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            Err(error) => Err(error),
            Ok(invitees) => {
                Ok(invitees.into_iter().map(|invitee| Meeting { event: event.clone(), invitee }).collect::<Vec<_>>())
            }
        }
    });
    let each: Vec<_> = each.buffered(AT_ONCE).try_collect().await?;
    Ok(each.into_iter().flatten().collect())
}

/// What an invitee and its event say together.
pub(crate) fn fact(invitee: &Value, event: &Value) -> Result<Fact, Error> {
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
    use crate::fake::{self, ME, ORGANIZATION, TOKEN, event, invitee, page, with};

    const LIST: &str = "GET /scheduled_events?organization=";
    const INVITEES: &str = "GET /scheduled_events/E1/invitees?";

    fn instant(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    async fn look(calendly: &StandIn) -> Option<Fact> {
        let token = Token::parse(TOKEN).expect("a token");
        let wanted = BookingQuery { token, email: "ana@example.com".into(), start: instant("2127-01-11T09:00:00Z") };
        fake::rest(calendly.url()).find_booking(&ConnectionName::default(), &wanted).await.expect("an answer")
    }

    async fn looked(answers: Vec<(&'static str, Answer)>) -> Option<Fact> {
        look(&StandIn::with_rules([vec![fake::me()], answers].concat())).await
    }

    #[tokio::test]
    async fn a_booking_is_found_by_its_token_among_the_meetings_of_its_minute() {
        let others = with(invitee("I0"), &json!({"tracking": {"utm_content": "spring"}}));
        let none = with(invitee("I2"), &json!({"tracking": null}));
        let calendly = StandIn::with_rules(vec![
            fake::me(),
            (LIST, page(json!([event()]), Some("p2")).once()),
            (LIST, page(json!([]), None)),
            (INVITEES, page(json!([others, none, invitee("I1")]), None)),
        ]);
        let found = look(&calendly).await.expect("a booking");
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
    async fn whoever_may_not_see_the_organization_sees_their_own() {
        let calendly = StandIn::with_rules(vec![
            fake::me(),
            (LIST, Answer::json(403, json!({"title": "Permission Denied"}))),
            ("GET /scheduled_events?user=", page(json!([event()]), None)),
            (INVITEES, page(json!([invitee("I1")]), None)),
        ]);
        assert!(look(&calendly).await.is_some());
        assert_eq!(calendly.requests()[2].query_fields()[0], ("user".to_owned(), ME.to_owned()));
    }

    #[tokio::test]
    async fn a_booking_that_was_canceled_since_was_made() {
        let over = with(invitee("I0"), &json!({"status": "canceled"}));
        let list = || (LIST, page(json!([event()]), None));
        let both = looked(vec![list(), (INVITEES, page(json!([over, invitee("I1")]), None))]).await.expect("one");
        assert!(both.leg.canceled.is_none());
        let one = looked(vec![list(), (INVITEES, page(json!([over]), None))]).await.expect("one");
        assert!(one.leg.canceled.is_some());
    }

    #[tokio::test]
    async fn nothing_that_carries_the_token_is_none_and_an_event_that_is_gone_is_no_failure() {
        assert!(looked(vec![(LIST, page(json!([]), None))]).await.is_none());
        assert!(looked(vec![(LIST, page(json!([event()]), None))]).await.is_none());
    }

    #[tokio::test]
    async fn appointments_are_those_that_are_on_in_order_and_nobody_elses() {
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
        let of = |changes: &Value| page(json!([with(invitee("I1"), changes)]), None);
        let calendly = StandIn::with_rules(vec![
            fake::me(),
            (LIST, page(listed, None)),
            (INVITEES, of(&json!({"email": "Ana@Example.com"}))),
            ("GET /scheduled_events/E2/invitees?", of(&json!({"email": "bo@example.com"}))),
            ("GET /scheduled_events/E3/invitees?", of(&json!({}))),
            ("GET /scheduled_events/E4/invitees?", of(&json!({}))),
        ]);
        let (from, until) = (instant("2127-01-11T00:00:00.5Z"), instant("2127-01-18T00:00:00Z"));
        let rest = fake::rest(calendly.url());
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
    async fn one_event_that_cannot_be_asked_about_makes_no_half_list() {
        let answers = vec![
            fake::me(),
            (LIST, page(json!([event()]), None)),
            (INVITEES, Answer::json(429, json!({})).header("x-ratelimit-reset", 12)),
        ];
        let calendly = StandIn::with_rules(answers);
        let (from, until) = (instant("2127-01-11T00:00:00Z"), instant("2127-01-18T00:00:00Z"));
        let rest = fake::rest(calendly.url());
        let found = rest.list_appointments(&ConnectionName::default(), &"ana@example.com".into(), from, until).await;
        assert_eq!(found, Err(CalendlyError::Limited(12)));
    }
}
