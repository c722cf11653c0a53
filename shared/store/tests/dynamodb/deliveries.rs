//! The rows of events and deliveries.

use std::collections::BTreeSet;

use deliveries::{DeliveryStore, EndpointStore, EventLog, Settlement, Slot};
use endpoints::{
    Attempt, AttemptResult, Delivery, DeliveryState, Disabled, Endpoint, EndpointId, Health, Lane, RetryPolicy,
    Statistics, Status, TargetKind,
};
use engine::{ApiStore, CommitError};
use events::{Event, EventType, Stream};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::table::World;

fn at(seconds: i64) -> Timestamp {
    let start: Timestamp = "2026-11-26T12:00:00Z".parse().expect("an instant");
    start + SignedDuration::from_secs(seconds)
}

fn id(text: &str) -> EndpointId {
    EndpointId::parse(text).expect("an id")
}

fn booking(number: u32) -> Stream {
    Stream::Booking(format!("bk-{number}"))
}

fn event(id: &str, seconds: i64) -> Event {
    let data = json!({ "booking": { "id": "bk-1" } });
    Event { id: id.to_owned(), kind: EventType::BookingCreated, at: at(seconds), data }
}

fn endpoint(name: &str) -> Endpoint {
    Endpoint {
        id: id(name),
        created_at: at(0),
        target: TargetKind::Url,
        masked_url: "https://example.com/***".to_owned(),
        description: None,
        events: vec!["booking.*".to_owned()],
        condition: None,
        output: Value::Null,
        retry: RetryPolicy::Standard,
        ed25519: false,
        status: Status::Enabled,
        status_since: at(0),
        receives_since: at(0),
        sealed: "v1.a.b.c".to_owned(),
        header_names: Vec::new(),
        token_digest: None,
        request_digest: String::new(),
        revision: 0,
    }
}

fn attempt(seconds: i64, status: u16) -> Attempt {
    let result = AttemptResult::answered(status, "an answer");
    Attempt { at: at(seconds), millis: 40, result, is_replay: false }
}

fn delivery(stream: &Stream, number: u64, event: &Event) -> Delivery {
    Delivery {
        event_id: event.id.clone(),
        event_type: event.kind.name().to_owned(),
        event_at: event.at,
        stream: stream.to_string(),
        number,
        body: event.body(None),
        content_type: "application/json".to_owned(),
        state: DeliveryState::Pending,
        next_at: None,
        attempts: Vec::new(),
        revision: 0,
    }
}

fn settlement(delivery: Delivery, attempt: Attempt, state: DeliveryState, lane: Option<Lane>) -> Settlement {
    let before = delivery.state;
    let delivery = delivery.with_attempt(attempt.clone(), state, None);
    Settlement { delivery, before, attempt, lane, is_polled: false }
}

#[tokio::test]
async fn events_are_appended_once_and_read_in_order() {
    let Some(World { table, connection, .. }) = World::new("events-appended").await else { return };
    let stream = Stream::Conversation("c-1".to_owned());
    let ids: Vec<_> = (0..6).map(|number| format!("evt_{number}")).collect();
    let appended = join_all(ids.iter().chain(&ids).map(|id| {
        let event = event(id, 0);
        let (table, connection, stream) = (&table, &connection, &stream);
        async move { table.append_event(connection, stream, &event, at(0)).await }
    }));
    let appended: Vec<_> = appended.await.into_iter().map(|it| it.expect("appended")).collect();
    assert_eq!(appended.iter().filter(|(_, is_new)| *is_new).count(), 6);
    let (first, repeated) = appended.split_at(6);
    let numbers = |part: &[(u64, bool)]| part.iter().map(|(number, _)| *number).collect::<Vec<_>>();
    assert_eq!(numbers(first), numbers(repeated), "a repetition has the number of the first");
    let log = table.read_events(&connection, &stream, 0, 10).await.expect("a log");
    assert_eq!(log.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    let rest = table.read_events(&connection, &stream, 2, 3).await.expect("a log");
    assert_eq!(rest, log[2..5]);
    assert!(table.read_events(&connection, &booking(1), 0, 10).await.expect("a log").is_empty());
}

#[tokio::test]
async fn an_endpoint_is_written_at_its_revision_only() {
    let Some(World { table, connection, .. }) = World::new("endpoint-revision").await else { return };
    table.set_publishing(&connection, true).await.expect("written");
    for name in ["ep_b", "ep_a"] {
        table.write_endpoint(&connection, &endpoint(name)).await.expect("written");
    }
    let again = table.write_endpoint(&connection, &endpoint("ep_a")).await;
    assert!(matches!(again, Err(CommitError::Conflict)), "{again:?}");
    let stored = table.load_endpoint(&connection, &id("ep_a")).await.expect("read").expect("an endpoint");
    assert_eq!(stored, Endpoint { revision: 1, ..endpoint("ep_a") });
    let gone = stored.clone().with_status(Status::Disabled { reason: Disabled::Gone }, at(9));
    table.write_endpoint(&connection, &gone).await.expect("written");
    let listed = table.list_endpoints(&connection).await.expect("a list");
    assert_eq!(listed, [Endpoint { revision: 2, ..gone }, Endpoint { revision: 1, ..endpoint("ep_b") }]);
    assert!(matches!(table.delete_endpoint(&connection, &stored).await, Err(CommitError::Conflict)));
    table.delete_endpoint(&connection, &listed[0]).await.expect("deleted");
    assert_eq!(table.load_endpoint(&connection, &id("ep_a")).await.expect("read"), None);
}

#[tokio::test]
async fn an_attempt_is_settled_whole_or_not_at_all() {
    let Some(World { table, connection, .. }) = World::new("attempt-settled").await else { return };
    let (endpoint, stream) = (id("ep_1"), booking(1));
    let event = event("evt_1", 0);
    let lane = table.load_lane(&connection, &endpoint, &stream).await.expect("a lane");
    assert_eq!(lane, Lane::default());
    let claimed = lane.claim(1, at(1));
    assert!(table.write_lane(&connection, &endpoint, &stream, &claimed, at(1)).await.expect("an answer"));
    assert!(!table.write_lane(&connection, &endpoint, &stream, &claimed, at(1)).await.expect("an answer"));
    let claimed = Lane { revision: 1, ..claimed };
    let waiting = claimed.clone().wait_until(at(6));
    let failed =
        settlement(delivery(&stream, 1, &event), attempt(1, 500), DeliveryState::Pending, Some(waiting.clone()));
    assert!(table.settle_attempt(&connection, &endpoint, &failed).await.expect("an answer"));
    assert!(!table.settle_attempt(&connection, &endpoint, &failed).await.expect("an answer"), "settled twice");
    let stored = table.load_delivery(&connection, &endpoint, &stream, 1).await.expect("read").expect("a delivery");
    assert_eq!((stored.revision, stored.attempts.len(), stored.state), (1, 1, DeliveryState::Pending));
    let stale = settlement(stored.clone(), attempt(6, 200), DeliveryState::Delivered, Some(claimed));
    assert!(!table.settle_attempt(&connection, &endpoint, &stale).await.expect("an answer"), "a stale lane");
    let lane = table.load_lane(&connection, &endpoint, &stream).await.expect("a lane");
    assert_eq!(lane, Lane { revision: 2, ..waiting });
    let done = lane.claim(1, at(6)).finish("sha256:0".to_owned());
    let delivered = settlement(stored, attempt(6, 200), DeliveryState::Delivered, Some(done));
    assert!(table.settle_attempt(&connection, &endpoint, &delivered).await.expect("an answer"));
    let all = table.stream_deliveries(&connection, &endpoint, &stream, 0, 10).await.expect("deliveries");
    let counted = table.load_statistics(&connection, &endpoint, at(0)).await.expect("statistics");
    assert_eq!(counted, Statistics::rebuild(&all));
    assert_eq!((counted.summary().sent, counted.summary().attempts), (1, 2));
    assert_eq!(counted.summary().last_sent, Some(at(6)));
}

#[tokio::test]
async fn concurrent_settlements_are_all_counted() {
    let Some(World { table, connection, .. }) = World::new("settlements-counted").await else { return };
    let endpoint = id("ep_1");
    let settled = join_all((0..20).map(|number| {
        let (table, connection, endpoint) = (&table, &connection, &endpoint);
        async move {
            let event = event(&format!("evt_{number}"), i64::from(number));
            let stream = booking(number);
            let lane = Lane::default().claim(1, at(0)).finish(String::new());
            let done = settlement(delivery(&stream, 1, &event), attempt(1, 200), DeliveryState::Delivered, Some(lane));
            table.settle_attempt(connection, endpoint, &done).await
        }
    }));
    assert!(settled.await.into_iter().all(|it| it.expect("an answer")));
    let counted = table.load_statistics(&connection, &endpoint, at(0)).await.expect("statistics");
    assert_eq!((counted.summary().sent, counted.summary().attempts), (20, 20));

    let mut seen = BTreeSet::new();
    let mut before = None;
    loop {
        let page = table.recent_deliveries(&connection, &endpoint, before.as_deref(), 7).await.expect("a page");
        seen.extend(page.items.iter().map(|it| it.event_id.clone()));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 20);
    let newest = table.recent_deliveries(&connection, &endpoint, None, 2).await.expect("a page");
    assert_eq!(newest.items.iter().map(|it| it.event_id.as_str()).collect::<Vec<_>>(), ["evt_19", "evt_18"]);
    let since = table.deliveries_since(&connection, &endpoint, at(18), None, 10).await.expect("a page");
    assert_eq!(since.items.iter().map(|it| it.event_id.as_str()).collect::<Vec<_>>(), ["evt_18", "evt_19"]);
}

#[tokio::test]
async fn stalled_lanes_are_listed_page_by_page() {
    let Some(World { table, connection, .. }) = World::new("stalled-lanes").await else { return };
    let endpoint = id("ep_1");
    for number in 0..5 {
        let lane = if number == 2 { Lane::default() } else { Lane::default().stall() };
        assert!(table.write_lane(&connection, &endpoint, &booking(number), &lane, at(0)).await.expect("an answer"));
    }
    let first = table.stalled_lanes(&connection, &endpoint, None, 2).await.expect("a page");
    assert_eq!(first, [booking(0), booking(1)]);
    let rest = table.stalled_lanes(&connection, &endpoint, first.last(), 10).await.expect("a page");
    assert_eq!(rest, [booking(3), booking(4)]);
}

#[tokio::test]
async fn a_slot_is_taken_once_until_it_is_released_or_ends() {
    let Some(World { table, connection, .. }) = World::new("slot-taken").await else { return };
    let endpoint = id("ep_1");
    let take = async |until: i64, now: i64| {
        let slot = Slot { index: 3, until: at(until) };
        table.take_slot(&connection, &endpoint, &slot, at(now)).await.expect("an answer")
    };
    assert!(take(60, 0).await && !take(61, 1).await);
    let (health, taken) = table.load_health(&connection, &endpoint).await.expect("health");
    assert_eq!((health, taken), (Health::default(), [(3, at(60))].into()));
    let release = async |until: i64| {
        table.release_slot(&connection, &endpoint, &Slot { index: 3, until: at(until) }).await.expect("released");
    };
    release(59).await;
    assert!(!take(62, 2).await, "the slot of another function is not released");
    release(60).await;
    assert!(take(63, 3).await && take(200, 63).await, "it ends by itself");
    let (failing, _) = Health::default().after_failure("timeout", at(0), endpoints::Speed::default());
    assert!(table.write_health(&connection, &endpoint, &failing).await.expect("an answer"));
    assert!(!table.write_health(&connection, &endpoint, &failing).await.expect("an answer"));
    let (health, _) = table.load_health(&connection, &endpoint).await.expect("health");
    assert_eq!(health, Health { revision: 1, ..failing });
}

#[tokio::test]
async fn the_feed_of_an_endpoint_that_asks_has_no_gaps() {
    let Some(World { table, connection, .. }) = World::new("feed").await else { return };
    let endpoint = id("ep_1");
    let settled = join_all((0..8).map(|number| {
        let (table, connection, endpoint) = (&table, &connection, &endpoint);
        async move {
            let event = event(&format!("evt_{number}"), 0);
            let stream = booking(number);
            let lane = Lane::default().claim(1, at(0)).finish(String::new());
            let done = settlement(delivery(&stream, 1, &event), attempt(1, 200), DeliveryState::Delivered, Some(lane));
            table.settle_attempt(connection, endpoint, &Settlement { is_polled: true, ..done }).await
        }
    }));
    assert!(settled.await.into_iter().all(|it| it.expect("an answer")));
    let feed = table.feed_after(&connection, &endpoint, 0, 100).await.expect("a feed");
    assert_eq!(feed.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8]);
    let ids: BTreeSet<_> = feed.iter().map(|(_, it)| it.event_id.as_str()).collect();
    assert_eq!(ids.len(), 8);
    let rest = table.feed_after(&connection, &endpoint, 6, 1).await.expect("a feed");
    assert_eq!(rest, feed[6..7]);
}
