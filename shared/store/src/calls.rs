//! What the table is asked, call by call, and what becomes of answers that an emulator doesn't give.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use domain::scheduling::budget::{Bucket, Span, buckets};
use domain::{BookingId, CalendlyRequest, ConnectionName, Reason, RequestState, Settings, decide};
use engine::{ApiStore, CommitError, ReserveError, Store};
use serde_json::{Value, json};
use stand_in::{Answer, StandIn};

use crate::Table;
use crate::fixtures::{asking, at, calendly_request, created, invitee, snapshot, stored_facts, token};

const START: &str = "2026-11-20T10:00:00Z";
const NOW: &str = "2026-11-20T08:00:27Z";
const OWNER: &str = "https://api.calendly.com/users/U1";

/// A call that the table's service was sent.
#[derive(Debug)]
struct Call {
    name: String,
    body: Value,
}

/// A service that gives these answers, one after the other, and tells what it was asked.
struct Service {
    table: Table,
    calls: Receiver<Call>,
}

impl Service {
    fn new(answers: Vec<(u16, Value)>) -> Self {
        let (sender, calls) = channel();
        let mut answers = answers.into_iter();
        let server = StandIn::start(move |request| {
            let target = request.header("x-amz-target").unwrap_or_default();
            let name = target.rsplit('.').next().unwrap_or_default().to_owned();
            let _ = sender.send(Call { name, body: request.json() });
            answers.next().map_or_else(Answer::closes_connection, |(status, body)| Answer::json(status, body))
        });
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .endpoint_url(server.url())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .build();
        Self { table: Table::new(Client::from_conf(config), "table"), calls }
    }

    /// The names of the calls since the last time.
    fn names(&self) -> Vec<String> {
        self.calls.try_iter().map(|call| call.name).collect()
    }
}

fn fine() -> (u16, Value) {
    (200, json!({}))
}

/// A transaction of one booking row and three buckets that was refused for these reasons.
fn refused(reasons: [&str; 4]) -> (u16, Value) {
    let reasons = reasons.map(|code| json!({ "Code": code }));
    let name = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    (400, json!({ "__type": name, "Message": "canceled", "CancellationReasons": reasons }))
}

fn busy() -> (u16, Value) {
    refused(["None", "None", "TransactionConflict", "None"])
}

async fn reserve_budget(table: &Table, most: u32) -> Result<(), ReserveError> {
    let decision = asking(&snapshot("bk-1"), "k-1", calendly_request(START, None));
    let caps = Span::ALL.map(|span| (Bucket::of(span, at(NOW)), most));
    table.reserve_budget(&decision, OWNER, &caps).await
}

#[tokio::test]
async fn a_prospect_is_one_consistent_read() {
    let service = Service::new(vec![(200, json!({ "Responses": { "table": [] }, "UnprocessedKeys": {} }))]);
    let connection = ConnectionName::default();
    let request_snapshot =
        service.table.load_request(&connection, &BookingId::new("bk-1"), OWNER, &buckets(at(NOW))).await;
    assert_eq!(request_snapshot.expect("a prospect").revision, 0);
    let call = service.calls.try_recv().expect("a call");
    assert_eq!(call.name, "BatchGetItem");
    let asked = &call.body["RequestItems"]["table"];
    assert_eq!(asked["ConsistentRead"], true);
    assert_eq!(asked["Keys"].as_array().map(Vec::len), Some(24), "21 buckets, booking, closed, event types");
}

#[tokio::test]
async fn what_a_read_left_out_is_asked_for_again() {
    let row = json!({
        "pk": { "S": "default#event-types" }, "sk": { "S": "event-types" }, "kind": { "S": "event_types.v1" },
        "instant": { "S": "2026-11-20T07:00:00.000000000Z" }
    });
    let key = json!({ "pk": row["pk"], "sk": row["sk"] });
    let left = json!({ "Responses": { "table": [] }, "UnprocessedKeys": { "table": { "Keys": [key] } } });
    let service = Service::new(vec![(200, left), (200, json!({ "Responses": { "table": [row] } }))]);
    let request_snapshot =
        service.table.load_request(&ConnectionName::default(), &BookingId::new("bk-1"), OWNER, &[]).await;
    assert_eq!(request_snapshot.expect("a prospect").event_types_changed_at, Some(at("2026-11-20T07:00:00Z")));
    assert_eq!(service.names(), ["BatchGetItem", "BatchGetItem"]);
}

#[tokio::test]
async fn aliases_of_invitees_and_a_token_are_one_read() {
    let service = Service::new(vec![(200, json!({ "Responses": { "table": [] } }))]);
    let wanted = [invitee("I1"), invitee("I2")];
    service.table.aliases(&ConnectionName::default(), &wanted, Some(&token("k-1"))).await.expect("aliases");
    assert_eq!(service.names(), ["BatchGetItem"]);
}

#[tokio::test]
async fn a_busy_bucket_is_tried_again() {
    let service = Service::new(vec![busy(), busy(), fine()]);
    reserve_budget(&service.table, 9).await.expect("reserved");
    let calls: Vec<_> = service.calls.try_iter().collect();
    assert_eq!(calls.iter().map(|call| call.name.as_str()).collect::<Vec<_>>(), ["TransactWriteItems"; 3]);
    let tokens = [0, 1, 2].map(|number: usize| calls[number].body["ClientRequestToken"].as_str().expect("a token"));
    assert!(tokens[0] != tokens[1] && tokens[1] != tokens[2], "a token that comes again is answered as the first time");

    let service = Service::new(vec![busy(), refused(["None", "None", "ConditionalCheckFailed", "None"])]);
    assert!(matches!(reserve_budget(&service.table, 9).await, Err(ReserveError::Spent(it)) if it.span == Span::Hour));

    let service = Service::new(vec![busy(); 5]);
    assert!(matches!(reserve_budget(&service.table, 9).await, Err(ReserveError::Commit(CommitError::Conflict))));
    assert_eq!(service.names().len(), 5, "not for ever");
}

#[tokio::test]
async fn a_busy_booking_is_somebody_elses() {
    let service = Service::new(vec![refused(["TransactionConflict", "TransactionConflict", "None", "None"])]);
    assert!(matches!(reserve_budget(&service.table, 9).await, Err(ReserveError::Commit(CommitError::Conflict))));
    assert_eq!(service.names().len(), 1);
}

#[tokio::test]
async fn a_cap_of_nothing_needs_no_call() {
    let service = Service::new(Vec::new());
    assert!(matches!(reserve_budget(&service.table, 0).await, Err(ReserveError::Spent(it)) if it.span == Span::Day));
    assert!(service.names().is_empty());
}

#[tokio::test]
async fn permits_take_two_calls_at_most() {
    let name = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
    let full = |used: &str| (400, json!({ "__type": name, "message": "no", "Item": { "used": { "N": used } } }));
    let permits = async |service: &Service| service.table.take_permits("a", 4, 10, at(NOW)).await.expect("an answer");
    let service = Service::new(vec![full("10")]);
    assert_eq!((permits(&service).await, service.names().len()), (0, 1));
    let service = Service::new(vec![full("9"), fine()]);
    assert_eq!((permits(&service).await, service.names().len()), (1, 2));
    let service = Service::new(vec![full("7"), full("8")]);
    assert_eq!((permits(&service).await, service.names().len()), (0, 2));
}

#[tokio::test]
async fn of_many_aliases_those_that_matter_have_room() {
    let service = Service::new(vec![fine()]);
    let mut seen = snapshot("bk-1");
    seen.booking.apply_fact(&created("I1", START));
    for number in 0..150 {
        let state = RequestState::Refused { reason: Reason::SlotTaken, at: at(NOW) };
        let refused = CalendlyRequest { state, ..calendly_request(START, Some("I1")) };
        seen = seen.clone().after(&asking(&seen, &format!("refused-{number}"), refused));
    }
    let decision = asking(&seen, "awaited", calendly_request(START, Some("I1")));
    service.table.commit_decision(&decision, &[]).await.expect("a commit");
    let call = service.calls.try_recv().expect("a call");
    let items = call.body["TransactItems"].as_array().expect("items");
    // The booking, its invitee and event, and as many tokens as a booking remembers.
    assert_eq!(items.len(), 3 + 32);
    let puts = |pk: String| items.iter().any(|item| item["Put"]["Item"]["pk"]["S"] == pk.as_str());
    assert!(puts(format!("default#alias#{}", token("awaited").as_str())));
    assert!(puts("default#alias#I1".to_owned()));
}

#[tokio::test]
async fn a_commit_is_one_call_but_for_a_pulse_a_minute_that_may_fail() {
    let broken = (400, json!({ "__type": "com.amazon.coral.validate#ValidationException", "message": "no" }));
    let service = Service::new(vec![fine(), broken, fine(), fine(), fine(), fine()]);
    let fact = created("I1", START);
    let decision = decide(&snapshot("bk-1"), std::slice::from_ref(&fact), &Settings::default(), at(START));
    let told = [stored_facts(&fact)];
    let commit = async || service.table.commit_decision(&decision, &told).await.expect("a commit");
    commit().await;
    assert_eq!(service.names(), ["TransactWriteItems", "PutItem"]);
    commit().await;
    assert_eq!(service.names(), ["TransactWriteItems"]);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    tokio::time::resume();
    service.table.commit_decision(&decision, &[]).await.expect("a commit");
    assert_eq!(service.names(), ["TransactWriteItems"], "nothing was told");
    commit().await;
    assert_eq!(service.names(), ["TransactWriteItems", "PutItem"]);
}
