//! Lists and reports of bookings. The numbers are counted again from what is stored.

use std::collections::BTreeMap;

use domain::{BookingId, ConnectionName, Settings, Snapshot, decide};
use proptest::prelude::*;
use serde_json::{Value, json};
use wire::calendly::{Webhook, parse_webhook};

use crate::world::{ADMIN, Instance, OTHER, Response};

const SPAN: &str = "from=2026-11-01T00:00:00Z&to=2026-12-31T00:00:00Z";

/// One booking's history.
#[derive(Clone, Debug)]
struct History {
    event_type: &'static str,
    host: &'static str,
    day: u8,
    /// How it ends.
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Ahead,
    Canceled { by: &'static str, reason: &'static str },
    NoShow,
}

fn payload(number: usize, history: &History) -> Value {
    json!({
        "uri": format!("https://api.calendly.com/scheduled_events/E{number}/invitees/I{number}"),
        "event": format!("https://api.calendly.com/scheduled_events/E{number}"),
        "email": format!("p{number}@example.com"), "name": "Ana", "status": "active", "timezone": "Europe/Bucharest",
        "created_at": "2026-11-01T09:00:00Z", "updated_at": "2026-11-01T09:00:00Z", "rescheduled": false,
        "questions_and_answers": [], "tracking": {}, "old_invitee": null, "new_invitee": null, "no_show": null,
        "scheduled_event": {
            "uri": format!("https://api.calendly.com/scheduled_events/E{number}"), "name": history.event_type,
            "status": "active", "start_time": format!("2026-11-{:02}T09:00:00Z", history.day),
            "end_time": format!("2026-11-{:02}T09:30:00Z", history.day),
            "event_type": "https://api.calendly.com/event_types/D", "location": null,
            "event_memberships": [{"user": "https://api.calendly.com/users/U", "user_email": "h@example.com", "user_name": history.host}],
            "updated_at": "2026-11-01T09:00:00Z",
        },
    })
}

fn webhooks(number: usize, history: &History) -> Vec<Value> {
    let created = payload(number, history);
    let body = |event: &str, at: &str, payload: Value| json!({"event": event, "created_at": at, "created_by": "https://api.calendly.com/users/U", "payload": payload});
    let mut all = vec![body("invitee.created", "2026-11-01T09:00:00Z", created.clone())];
    match history.end {
        End::Ahead => {}
        End::Canceled { by, reason } => {
            let mut canceled = created;
            canceled["status"] = json!("canceled");
            canceled["updated_at"] = json!("2026-11-02T09:00:00Z");
            canceled["cancellation"] = json!({"canceled_by": "x", "reason": reason, "canceler_type": by, "created_at": "2026-11-02T09:00:00Z"});
            all.push(body("invitee.canceled", "2026-11-02T09:00:00Z", canceled));
        }
        End::NoShow => {
            let mut absent = created;
            absent["no_show"] =
                json!({"uri": "https://api.calendly.com/invitee_no_shows/1", "created_at": "2026-11-30T09:00:00Z"});
            all.push(body("invitee_no_show.created", "2026-11-30T09:00:00Z", absent));
        }
    }
    all
}

fn instance(histories: &[History]) -> Instance {
    let instance = Instance::new();
    for (number, history) in histories.iter().enumerate() {
        let mut snapshot = Snapshot::empty(BookingId::new(format!("bk-{number}")), ConnectionName::default());
        for webhook in webhooks(number, history) {
            let parsed = parse_webhook(webhook.to_string().as_bytes()).expect("a webhook");
            let Webhook::Fact(fact) = parsed else { panic!("a fact") };
            let now = instance.outside.now.get();
            let decision = decide(&snapshot, &[*fact], &Settings::default(), now);
            snapshot = snapshot.after(&decision);
        }
        instance.outside.snapshots.borrow_mut().push(snapshot);
    }
    instance
}

fn get(instance: &Instance, target: &str) -> Response {
    instance.http("GET", target, None, Some(ADMIN), None)
}

fn histories() -> impl Strategy<Value = Vec<History>> {
    let end = prop_oneof![
        Just(End::Ahead),
        Just(End::NoShow),
        (prop_oneof![Just("invitee"), Just("host")], prop_oneof![Just("Too busy that day"), Just("Not interested")])
            .prop_map(|(by, reason)| End::Canceled { by, reason }),
    ];
    let event_type = prop_oneof![Just("Demo"), Just("Intro, short")];
    let host = prop_oneof![Just("Maria"), Just("=Lars")];
    let history = (event_type, host, 3_u8..30, end).prop_map(|(event_type, host, day, end)| History {
        event_type,
        host,
        day,
        end,
    });
    prop::collection::vec(history, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_report_equals_what_is_counted_from_the_histories(histories in histories()) {
        let instance = instance(&histories);
        let report = get(&instance, &format!("/api/reports/bookings?{SPAN}")).ok();
        let mut expected: BTreeMap<&str, [u64; 6]> = BTreeMap::new();
        for history in &histories {
            let counts = expected.entry(history.event_type).or_default();
            counts[0] += 1;
            match history.end {
                End::Canceled { by, reason } => {
                    counts[1] += 1;
                    counts[2] += u64::from(by == "invitee");
                    counts[3] += u64::from(reason == "Too busy that day");
                }
                End::NoShow => counts[4] += 1,
                // The clock says 12:00 on the 26th.
                End::Ahead => counts[5] += u64::from(history.day <= 26),
            }
        }
        let found: BTreeMap<&str, [u64; 6]> = report["rows"].as_array().expect("rows").iter().map(|row| {
            let names = ["booked", "canceled", "canceledByInvitee", "canceledAboutTime", "noShows", "completed"];
            (row["group"].as_str().expect("a name"), names.map(|name| row[name].as_u64().expect("a count")))
        }).collect();
        prop_assert_eq!(found, expected);

        // Every page of the list together has each booking once.
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = get(&instance, &format!("/api/bookings?{SPAN}&limit=7{cursor}")).ok();
            ids.extend(page["bookings"].as_array().expect("a list").iter().map(|it| it["id"].to_string()));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        ids.sort();
        ids.dedup();
        prop_assert_eq!(ids.len(), histories.len());
    }
}

fn three() -> Vec<History> {
    let history = |event_type, host, day, end| History { event_type, host, day, end };
    vec![
        history("Demo", "Maria", 5, End::NoShow),
        history("Intro, short", "=Lars", 28, End::Ahead),
        history("Demo", "Maria", 29, End::Canceled { by: "host", reason: "Ill" }),
    ]
}

#[test]
fn a_list_is_filtered() {
    let instance = instance(&three());
    let ids = |filter: &str| -> Vec<String> {
        let page = get(&instance, &format!("/api/bookings?{SPAN}{filter}")).ok();
        page["bookings"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|it| it["id"].as_str().expect("an id").to_owned())
            .collect()
    };
    assert_eq!(ids(""), ["bk-0", "bk-1", "bk-2"]);
    assert_eq!(ids("&status=no_show"), ["bk-0"]);
    assert_eq!(ids("&status=canceled"), ["bk-2"]);
    assert_eq!(ids("&host=maria"), ["bk-0", "bk-2"]);
    assert_eq!(ids("&event_type=Intro,%20short"), ["bk-1"]);
    assert_eq!(ids("&event=https://api.calendly.com/scheduled_events/E2"), ["bk-2"]);
    let other = instance.http("GET", &format!("/api/bookings?{SPAN}"), None, Some(OTHER), None).ok();
    assert_eq!(other["bookings"], json!([]));
}

#[test]
fn a_report_may_be_a_file() {
    let instance = instance(&three());
    let answer =
        instance.http("GET", &format!("/api/reports/bookings?{SPAN}&by=host&format=csv"), None, Some(ADMIN), None);
    assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8");
    let expected = "group,booked,moved,canceled,canceledByInvitee,canceledByHost,canceledAboutTime,noShows,completed,medianLeadHours\n\
                    '=Lars,1,0,0,0,0,0,0,0,648\n\
                    Maria,2,0,1,0,1,0,1,0,672\n";
    assert_eq!(answer.body.as_str(), Some(expected));
}

#[test]
fn bad_spans_and_words_are_refused() {
    let instance = instance(&[]);
    let faults = |query: &str| get(&instance, &format!("/api/reports/bookings?{query}")).faults();
    assert_eq!(
        faults("from=2026-12-01T00:00:00Z&to=2026-11-01T00:00:00Z"),
        ["to: must be after from, and at most 400 days later"]
    );
    assert_eq!(
        faults("from=2020-12-01T00:00:00Z&to=2026-11-01T00:00:00Z"),
        ["to: must be after from, and at most 400 days later"]
    );
    assert_eq!(faults(&format!("{SPAN}&by=mood")), ["by: must be one of event_type, agent, host, source, week"]);
    assert_eq!(faults(&format!("{SPAN}&format=xls")), ["format: must be one of json, csv"]);
    assert_eq!(get(&instance, &format!("/api/bookings?{SPAN}&cursor=x")).faults(), ["cursor: is not one of ours"]);
}
