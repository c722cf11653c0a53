//! The calls to DynamoDB, one by one, and answers that an emulator does not give.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use domain::scheduling::budget::{Bucket, Span, buckets};
use domain::{
    BookingId, CalendlyRequest, ConnectionName, ConnectionStatus, ContactKey, Reason, RequestState, Settings, decide,
};
use engine::{ApiStore, CommitError, Connections, PortError, ReserveError, Store};
use serde_json::{Value, json};
use stand_in::{Answer, StandIn};

use crate::Table;
use crate::fixtures::{at, calendly_request, created, invitee, requesting, snapshot, stored_fact, token};

const START: &str = "2026-11-20T10:00:00Z";
const NOW: &str = "2026-11-20T08:00:27Z";
const OWNER: &str = "https://api.calendly.com/users/U1";

/// A call that the service received.
#[derive(Debug)]
struct Call {
    name: String,
    body: Value,
}

/// A service that gives these answers in order, and the calls that it received.
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

    /// Returns the names of the calls since the last time.
    fn names(&self) -> Vec<String> {
        self.calls.try_iter().map(|call| call.name).collect()
    }
}

fn ok() -> (u16, Value) {
    (200, json!({}))
}

/// Returns the answer to a refused transaction of one booking row and three buckets.
fn canceled(reasons: [&str; 4]) -> (u16, Value) {
    let reasons = reasons.map(|code| json!({ "Code": code }));
    let name = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    (400, json!({ "__type": name, "Message": "canceled", "CancellationReasons": reasons }))
}

fn busy() -> (u16, Value) {
    canceled(["None", "None", "TransactionConflict", "None"])
}

async fn reserve_budget(table: &Table, cap: u32) -> Result<(), ReserveError> {
    let decision = requesting(&snapshot("bk-1"), "k-1", calendly_request(START, None));
    let caps = Span::ALL.map(|span| (Bucket::containing(span, at(NOW)), cap));
    table.reserve_budget(&decision, OWNER, &caps).await
}

#[tokio::test]
async fn a_request_snapshot_is_one_consistent_read() {
    let service = Service::new(vec![(200, json!({ "Responses": { "table": [] }, "UnprocessedKeys": {} }))]);
    let connection = ConnectionName::default();
    let request_snapshot =
        service.table.load_request(&connection, &BookingId::new("bk-1"), OWNER, &buckets(at(NOW))).await;
    assert_eq!(request_snapshot.expect("a snapshot").revision, 0);
    let call = service.calls.try_recv().expect("a call");
    assert_eq!(call.name, "BatchGetItem");
    let request = &call.body["RequestItems"]["table"];
    assert_eq!(request["ConsistentRead"], true);
    assert_eq!(request["Keys"].as_array().map(Vec::len), Some(24), "21 buckets, booking, closed, event types");
}

#[tokio::test]
async fn unprocessed_keys_are_read_again() {
    let row = json!({
        "pk": { "S": "default#event-types" }, "sk": { "S": "event-types" }, "kind": { "S": "event_types.v1" },
        "instant": { "S": "2026-11-20T07:00:00.000000000Z" }
    });
    let key = json!({ "pk": row["pk"], "sk": row["sk"] });
    let left = json!({ "Responses": { "table": [] }, "UnprocessedKeys": { "table": { "Keys": [key] } } });
    let service = Service::new(vec![(200, left), (200, json!({ "Responses": { "table": [row] } }))]);
    let request_snapshot =
        service.table.load_request(&ConnectionName::default(), &BookingId::new("bk-1"), OWNER, &[]).await;
    assert_eq!(request_snapshot.expect("a snapshot").event_types_changed_at, Some(at("2026-11-20T07:00:00Z")));
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
    let service = Service::new(vec![busy(), busy(), ok()]);
    reserve_budget(&service.table, 9).await.expect("reserved");
    let calls: Vec<_> = service.calls.try_iter().collect();
    assert_eq!(calls.iter().map(|call| call.name.as_str()).collect::<Vec<_>>(), ["TransactWriteItems"; 3]);
    let tokens = [0, 1, 2].map(|number: usize| calls[number].body["ClientRequestToken"].as_str().expect("a token"));
    assert!(tokens[0] != tokens[1] && tokens[1] != tokens[2], "a repeated token would get the first answer again");

    let service = Service::new(vec![busy(), canceled(["None", "None", "ConditionalCheckFailed", "None"])]);
    assert!(matches!(reserve_budget(&service.table, 9).await, Err(ReserveError::Spent(it)) if it.span == Span::Hour));

    let service = Service::new(vec![busy(); 5]);
    assert!(matches!(reserve_budget(&service.table, 9).await, Err(ReserveError::Commit(CommitError::Conflict))));
    assert_eq!(service.names().len(), 5, "it gives up");
}

#[tokio::test]
async fn a_booking_in_another_transaction_is_a_conflict() {
    let service = Service::new(vec![canceled(["TransactionConflict", "TransactionConflict", "None", "None"])]);
    assert!(matches!(reserve_budget(&service.table, 9).await, Err(ReserveError::Commit(CommitError::Conflict))));
    assert_eq!(service.names().len(), 1);
}

#[tokio::test]
async fn a_cap_of_0_needs_no_call() {
    let service = Service::new(Vec::new());
    assert!(matches!(reserve_budget(&service.table, 0).await, Err(ReserveError::Spent(it)) if it.span == Span::Day));
    assert!(service.names().is_empty());
}

#[tokio::test]
async fn permits_take_two_calls_at_most() {
    let name = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
    let full = |used: &str| (400, json!({ "__type": name, "message": "no", "Item": { "used": { "N": used } } }));
    let permits =
        async |service: &Service| service.table.reserve_permits("a", 4, 10, at(NOW)).await.expect("an answer");
    let service = Service::new(vec![full("10")]);
    assert_eq!((permits(&service).await, service.names().len()), (0, 1));
    let service = Service::new(vec![full("9"), ok()]);
    assert_eq!((permits(&service).await, service.names().len()), (1, 2));
    let service = Service::new(vec![full("7"), full("8")]);
    assert_eq!((permits(&service).await, service.names().len()), (0, 2));
}

#[tokio::test]
async fn a_booking_with_many_aliases_writes_the_most_needed() {
    let service = Service::new(vec![ok()]);
    let mut snapshot = snapshot("bk-1");
    snapshot.booking.apply_fact(&created("I1", START));
    for number in 0..150 {
        let state = RequestState::Refused { reason: Reason::SlotTaken, at: at(NOW) };
        let refused = CalendlyRequest { state, ..calendly_request(START, Some("I1")) };
        snapshot = snapshot.clone().after(&requesting(&snapshot, &format!("refused-{number}"), refused));
    }
    let decision = requesting(&snapshot, "open", calendly_request(START, Some("I1")));
    service.table.commit_decision(&decision, &[]).await.expect("a commit");
    let call = service.calls.try_recv().expect("a call");
    let items = call.body["TransactItems"].as_array().expect("items");
    // The booking, its invitee and event, and the 32 tokens that a booking keeps.
    assert_eq!(items.len(), 3 + 32);
    let puts = |pk: String| items.iter().any(|item| item["Put"]["Item"]["pk"]["S"] == pk.as_str());
    assert!(puts(format!("default#alias#{}", token("open").as_str())));
    assert!(puts("default#alias#I1".to_owned()));
}

#[tokio::test]
async fn a_commit_is_one_call_and_once_a_minute_a_pulse_that_may_fail() {
    let broken = (400, json!({ "__type": "com.amazon.coral.validate#ValidationException", "message": "no" }));
    let service = Service::new(vec![ok(), broken, ok(), ok(), ok(), ok()]);
    let fact = created("I1", START);
    let decision = decide(&snapshot("bk-1"), std::slice::from_ref(&fact), &Settings::default(), at(START));
    let facts = [stored_fact(&fact)];
    let commit = async || service.table.commit_decision(&decision, &facts).await.expect("a commit");
    commit().await;
    assert_eq!(service.names(), ["TransactWriteItems", "PutItem"]);
    commit().await;
    assert_eq!(service.names(), ["TransactWriteItems"]);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    tokio::time::resume();
    service.table.commit_decision(&decision, &[]).await.expect("a commit");
    assert_eq!(service.names(), ["TransactWriteItems"], "there is no fact");
    commit().await;
    assert_eq!(service.names(), ["TransactWriteItems", "PutItem"]);
}

#[tokio::test]
async fn settings_and_what_the_connection_does_are_one_read() {
    let publishing = row("publishing.v1", &json!({ "doc": r#"{"publishes":true}"# }));
    let rows = |rows: Value| (200, json!({ "Responses": { "table": rows } }));
    let service = Service::new(vec![rows(json!([])), ok(), rows(json!([publishing]))]);
    let connection = ConnectionName::default();
    let publishes = async || service.table.load_settings(&connection).await.expect("settings").publishes;
    assert!(!publishes().await && !publishes().await);
    let call = service.calls.try_recv().expect("a call");
    assert_eq!(call.name, "BatchGetItem");
    assert_eq!(call.body["RequestItems"]["table"]["Keys"].as_array().map(Vec::len), Some(3));
    service.table.set_publishing(&connection, true).await.expect("written");
    assert!(publishes().await, "the writer sees its own change at once");
    assert_eq!(service.names(), ["PutItem", "BatchGetItem"]);
}

#[tokio::test]
async fn a_connection_that_is_switched_off_publishes_nothing() {
    let publishing = row("publishing.v1", &json!({ "doc": r#"{"publishes":true}"# }));
    let connection = crate::fixtures::connection("default").with_status(ConnectionStatus::Disabled);
    let document = serde_json::to_string(&connection).expect("JSON");
    let mut connection = row("connection.v1", &json!({ "doc": document }));
    connection["rev"] = json!({ "N": "1" });
    let service = Service::new(vec![(200, json!({ "Responses": { "table": [publishing, connection] } }))]);
    let settings = service.table.load_settings(&ConnectionName::default()).await.expect("settings");
    assert!(settings.is_disabled && !settings.publishes);
}

#[tokio::test]
async fn events_are_written_with_their_booking_each_if_its_number_is_free() {
    let service = Service::new(vec![ok(), ok()]);
    let settings = Settings { publishes: true, ..Settings::default() };
    let before = snapshot("bk-1");
    let decision = decide(&before, &[created("I1", START)], &settings, at(NOW));
    let commit = async |decision| {
        service.table.commit_decision(decision, &[]).await.expect("a commit");
        let call = service.calls.try_recv().expect("a call");
        let items = call.body["TransactItems"].as_array().expect("items").iter();
        items.map(|it| it["Put"].clone()).collect::<Vec<_>>()
    };
    let puts = commit(&decision).await;
    let find = |pk: &str, sk: &str| {
        let is_it = |it: &&Value| it["Item"]["pk"]["S"] == pk && it["Item"]["sk"]["S"] == sk;
        puts.iter().find(is_it).unwrap_or_else(|| panic!("no row {pk} {sk}"))
    };
    let event = find("default#log#booking/bk-1", "e#00000001");
    assert_eq!(event["ConditionExpression"], "attribute_not_exists(pk)");
    let expiry = |row: &Value| row["Item"]["expires_at"].clone();
    assert_eq!(expiry(event), expiry(find("default#bk-1", "1#booking")));

    // A booking from before the connection had an endpoint: what has happened counts as known.
    let old = domain::Snapshot { events: None, ..before.after(&decision) };
    let known = decide(&old, &[], &settings, at(NOW));
    let puts = commit(&known).await;
    assert_eq!((puts.len(), known.events.len()), (1, 0), "the booking alone");
    assert_eq!(puts[0]["ConditionExpression"], "rev = :was");
    assert!(puts[0]["Item"]["log"]["S"].as_str().is_some_and(|log| log.starts_with(r#"{"last":0,"known":["evt_"#)));
}

/// A row as the service answers it.
fn row(kind: &str, attributes: &Value) -> Value {
    let mut row = json!({ "pk": { "S": "default#x" }, "sk": { "S": "x" }, "kind": { "S": kind } });
    for (name, value) in attributes.as_object().expect("attributes") {
        row[name] = json!({ "S": value });
    }
    row
}

fn assert_unreadable<T: std::fmt::Debug>(result: Result<T, PortError>) {
    assert!(matches!(result, Err(PortError::Unreadable { .. })), "{result:?}");
}

#[tokio::test]
async fn rows_of_a_later_version_and_corrupt_rows_are_unreadable() {
    let connection = ConnectionName::default();
    let booking = BookingId::new("bk-1");
    let no_json = json!({ "doc": "{", "rev": "1" });
    let later = json!({ "doc": "{}" });
    for row in [
        row("booking.v2", &later),
        row("booking.v1", &no_json),
        row("booking.v1", &json!({})),
        row("command.v1", &json!({ "doc": "{}" })),
        row("metadata.v1", &no_json),
        json!({ "doc": { "S": "{}" } }),
    ] {
        let answer = |row: &Value| (200, json!({ "Items": [row], "Count": 1 }));
        let service = Service::new(vec![answer(&row); 2]);
        assert_unreadable(service.table.load_booking(&connection, &booking).await);
        if row["kind"]["S"] != "metadata.v1" {
            assert_unreadable(service.table.booking_record(&connection, &booking).await);
        }
        let batch = (200, json!({ "Responses": { "table": [row] } }));
        assert_unreadable(Service::new(vec![batch]).table.load_request(&connection, &booking, OWNER, &[]).await);
    }
    for row in [row("objection.v2", &later), row("objection.v1", &no_json), row("reached.v1", &json!({}))] {
        let service = Service::new(vec![(200, json!({ "Items": [row], "Count": 1 }))]);
        let contact = ContactKey::parse("00112233445566778899aabbccddeeff").expect("a key");
        assert_unreadable(service.table.load_contact(&connection, &contact).await);
    }
    for row in [row("alias.v2", &json!({ "booking": "bk-1" })), row("alias.v1", &json!({}))] {
        let service = Service::new(vec![(200, json!({ "Responses": { "table": [row] } }))]);
        assert_unreadable(service.table.aliases(&connection, &[invitee("I1")], None).await);
    }
    for row in [row("fact.v2", &json!({})), row("fact.v1", &json!({})), row("fact.v1", &json!({ "gz": "text" }))] {
        let service = Service::new(vec![(200, json!({ "Item": row }))]);
        let fact = created("I1", START).id;
        assert_unreadable(service.table.load_payload(&connection, &booking, &fact).await);
    }
    for row in [row("settings.v2", &later), row("settings.v1", &no_json), row("settings.v1", &json!({ "doc": "1" }))] {
        let service = Service::new(vec![(200, json!({ "Responses": { "table": [row] } }))]);
        assert_unreadable(service.table.load_settings(&connection).await);
    }
    for row in [row("hold.v2", &later), row("hold.v1", &later)] {
        let service = Service::new(vec![(200, json!({ "Item": row }))]);
        assert_unreadable(service.table.load_hold(&connection, "h-1").await);
    }
    for row in [row("connection.v2", &later), row("connection.v1", &no_json), row("connection.v1", &json!({}))] {
        let service = Service::new(vec![(200, json!({ "Item": row })), (200, json!({ "Items": [row], "Count": 1 }))]);
        assert_unreadable(service.table.load_connection(&connection).await);
        assert_unreadable(service.table.list_connections().await);
    }
    for row in [row("pulse.v2", &json!({ "instant": NOW })), row("pulse.v1", &json!({ "instant": "today" }))] {
        let service = Service::new(vec![(200, json!({ "Item": row }))]);
        assert_unreadable(service.table.last_webhook(&connection).await);
    }
}

#[tokio::test]
async fn a_call_without_a_result_is_unavailable_with_its_cause() {
    let denied = (400, json!({ "__type": "com.amazon.coral.service#AccessDeniedException", "message": "no" }));
    let service = Service::new(vec![denied; 5]);
    let (table, connection, booking) = (&service.table, ConnectionName::default(), BookingId::new("bk-1"));
    let decision = requesting(&snapshot("bk-1"), "k-1", calendly_request(START, None));
    let Err(CommitError::Port(commit)) = table.commit_decision(&decision, &[]).await else { panic!("no error") };
    let errors = [
        table.load_booking(&connection, &booking).await.expect_err("a query"),
        table.load_settings(&connection).await.expect_err("a get"),
        table.aliases(&connection, &[invitee("I1")], None).await.expect_err("a batch"),
        table.mark_event_types_changed(&connection, at(NOW)).await.expect_err("a put"),
        commit,
    ];
    for error in errors {
        assert!(matches!(error, PortError::Unavailable { source: Some(_), .. }), "{error:?}");
        let text = domain::error_chain(&error);
        assert!(text.starts_with("DynamoDB gave no result: ") && text.contains("AccessDenied"), "{text}");
    }
}
