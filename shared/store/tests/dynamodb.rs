//! The table against a real endpoint, given by `DYNAMODB_ENDPOINT_URL`; without one these tests say so and pass.

#[path = "fixtures/mod.rs"]
mod fixtures;

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use domain::settings::{Provider, Template};
use domain::{
    Action, Booking, BookingId, Changed, Command, CommandId, ConnectionName, Decision, Fact, FactId, InviteeUri,
    Settings, Snapshot, State, Token, Verdict, decide,
};
use engine::{CommitError, Store, UnknownEvent};
use store::{Kept, Table};

use fixtures::{at, created, evidence, invitee, metadata, moved, snapshot};

const START: &str = "2026-11-20T10:00:00Z";

/// A table of the test's own, and a client to look at it from outside.
struct World {
    client: Client,
    name: String,
    table: Table,
    connection: ConnectionName,
}

impl World {
    async fn new(test: &str) -> Option<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "where the tests find their table is no configuration of the program"
        )]
        let endpoint = std::env::var("DYNAMODB_ENDPOINT_URL").ok().filter(|url| !url.is_empty());
        let Some(endpoint) = endpoint else {
            #[expect(clippy::print_stderr, reason = "a test that was skipped must not look like one that passed")]
            {
                eprintln!("{test}: skipped, DYNAMODB_ENDPOINT_URL is not set");
            }
            return None;
        };
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .endpoint_url(endpoint)
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .build();
        let client = Client::from_conf(config);
        let name = format!("{test}-{}", std::process::id());
        // Left by an earlier process of the same id, perhaps.
        let _ = client.delete_table().table_name(&name).send().await;
        create(&client, &name).await;
        let table = Table::new(client.clone(), &name);
        Some(Self { client, name, table, connection: ConnectionName::default() })
    }

    async fn load(&self, booking: &str) -> Snapshot {
        self.table.load(&self.connection, &BookingId::new(booking)).await.expect("a snapshot")
    }

    /// Decides on a fact and commits, as the loop does.
    async fn tell(&self, booking: &str, fact: &Fact) -> Snapshot {
        let before = self.load(booking).await;
        let told = evidence(fact);
        let decision = decide(&before, std::slice::from_ref(fact), &settings(), told.received_at);
        self.table.commit(&decision, &[told]).await.expect("a commit");
        before.after(&decision)
    }

    /// An attribute of a row, as it lies in the table.
    async fn attribute(&self, pk: &str, sk: &str, name: &str) -> Option<AttributeValue> {
        let key = |text: &str| AttributeValue::S(text.to_owned());
        let request = self.client.get_item().table_name(&self.name).key("pk", key(pk)).key("sk", key(sk));
        request.send().await.expect("an answer").item?.remove(name)
    }
}

async fn create(client: &Client, name: &str) {
    let key =
        |name: &str, of: KeyType| KeySchemaElement::builder().attribute_name(name).key_type(of).build().expect("a key");
    let index = |name: &str, pk: &str, sk: &str| {
        GlobalSecondaryIndex::builder()
            .index_name(name)
            .key_schema(key(pk, KeyType::Hash))
            .key_schema(key(sk, KeyType::Range))
            .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
            .build()
            .expect("an index")
    };
    let attributes = ["pk", "sk", "gsi1pk", "gsi1sk", "gsi2pk", "gsi2sk"].map(|name| {
        let text = ScalarAttributeType::S;
        AttributeDefinition::builder().attribute_name(name).attribute_type(text).build().expect("an attribute")
    });
    client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(attributes.into()))
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .global_secondary_indexes(index("by_invitee", "gsi1pk", "gsi1sk"))
        .global_secondary_indexes(index("by_conversation", "gsi2pk", "gsi2sk"))
        .send()
        .await
        .expect("a table");
}

/// The default settings, with a template, so that there is something to send.
fn settings() -> Settings {
    let template = Template {
        message: "reminder".to_owned(),
        provider: Provider::Engagelab,
        language: None,
        event_type: None,
        id: "t-1".to_owned(),
    };
    Settings { templates: vec![template], ..Settings::default() }
}

/// A decision that only adds a command.
fn adding(snapshot: &Snapshot, command: Command) -> Decision {
    Decision {
        booking: snapshot.booking.clone(),
        booking_changed: false,
        revision: snapshot.revision,
        commands: vec![Changed { command, was: None }],
        verdict: Verdict::Duplicate,
    }
}

fn long_command(number: usize, size: usize) -> Command {
    let command = Command {
        id: CommandId::new(format!("log-{number:04}")),
        action: Action::OfferHelp,
        leg: invitee("I1"),
        not_before: None,
        state: State::Open,
        attempts: 0,
        history: Vec::new(),
    };
    command.turned(State::Unknown, at(START), None, Some("x".repeat(size)))
}

#[tokio::test]
async fn what_is_committed_is_loaded() {
    let Some(world) = World::new("round-trip").await else { return };
    assert_eq!(world.load("bk-1").await, snapshot("bk-1"));
    let mut expected = world.tell("bk-1", &created("I1", START)).await;
    expected.commands.sort_by(|a, b| a.id.cmp(&b.id));
    assert!(!expected.commands.is_empty());
    assert_eq!(world.load("bk-1").await, expected);

    let known =
        world.table.aliases(&world.connection, &[invitee("I1"), invitee("I1"), invitee("I9")]).await.expect("aliases");
    assert_eq!(known.into_iter().collect::<Vec<_>>(), [(invitee("I1"), BookingId::new("bk-1"))]);
    assert!(world.table.aliases(&world.connection, &[]).await.expect("none").is_empty());
}

#[tokio::test]
async fn of_two_who_saw_the_same_revision_one_wins() {
    let Some(world) = World::new("revision").await else { return };
    let fact = created("I1", START);
    let first = decide(&snapshot("bk-1"), std::slice::from_ref(&fact), &settings(), at("2026-11-01T08:00:00Z"));
    world.table.commit(&first, &[evidence(&fact)]).await.expect("the first");
    assert!(matches!(world.table.commit(&first, &[evidence(&fact)]).await, Err(CommitError::Conflict)));

    // The second revision, and commands alone, need the booking as it was seen too.
    let seen = world.load("bk-1").await;
    let off = moved("I1", START, "I2");
    let second = decide(&seen, std::slice::from_ref(&off), &settings(), at("2026-11-02T08:00:00Z"));
    world.table.commit(&second, &[]).await.expect("the second");
    assert!(matches!(world.table.commit(&second, &[]).await, Err(CommitError::Conflict)));
    let late = adding(&seen, long_command(1, 1));
    assert!(matches!(world.table.commit(&late, &[]).await, Err(CommitError::Conflict)));
    let now = adding(&world.load("bk-1").await, long_command(1, 1));
    world.table.commit(&now, &[]).await.expect("commands alone");
    assert!(matches!(world.table.commit(&now, &[]).await, Err(CommitError::Conflict)), "the row is there");
}

#[tokio::test]
async fn a_withdrawal_needs_the_command_as_it_was_seen() {
    let Some(world) = World::new("withdrawal").await else { return };
    let seen = world.tell("bk-1", &created("I1", START)).await;
    let (now, until) = (at("2026-11-01T09:00:00Z"), at("2026-11-01T09:01:00Z"));
    let next = {
        let mut fact = created("I2", "2026-11-25T10:00:00Z");
        fact.leg.previous = Some(invitee("I1"));
        fact
    };
    let decision = decide(&seen, &[moved("I1", START, "I2"), next], &settings(), now);
    let withdrawn = decision.commands.iter().find(|it| it.was == Some(0)).expect("an open command to withdraw");
    let open = seen.commands.iter().find(|it| it.id == withdrawn.command.id).expect("as it was");
    let claimed = open.clone().claimed(now, until, None);
    assert!(world.table.swap(&world.connection, &seen.booking.id, &claimed, 0).await.expect("an answer"));
    assert!(matches!(world.table.commit(&decision, &[]).await, Err(CommitError::Conflict)));

    let seen = world.load("bk-1").await;
    let next = created("I2", "2026-11-25T10:00:00Z");
    let decision = decide(&seen, &[moved("I1", START, "I2"), next], &settings(), now);
    world.table.commit(&decision, &[]).await.expect("a commit");
    let mut expected = seen.after(&decision);
    expected.commands.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(world.load("bk-1").await, expected);
}

#[tokio::test]
async fn an_invitee_leads_to_one_booking() {
    let Some(world) = World::new("alias").await else { return };
    let fact = created("I1", START);
    world.tell("bk-1", &fact).await;
    let other = decide(&snapshot("bk-2"), std::slice::from_ref(&fact), &settings(), fact.occurred_at);
    assert!(matches!(world.table.commit(&other, &[]).await, Err(CommitError::Conflict)));
    assert_eq!(world.load("bk-2").await, snapshot("bk-2"), "all or nothing");
    // The same event, another invitee: a group event.
    world.tell("bk-2", &created("I2", START)).await;
}

#[tokio::test]
async fn a_command_is_swapped_by_one() {
    let Some(world) = World::new("swap").await else { return };
    let seen = world.tell("bk-1", &created("I1", START)).await;
    let open = seen.commands.iter().find(|it| it.state == State::Open).expect("an open command").clone();
    let (pk, sk) = ("default#bk-1", format!("2#cmd#{}", open.id));
    let expiry = world.attribute(pk, &sk, "expires_at").await.expect("an expiry");

    let swap = async |command: &Command, was| {
        world.table.swap(&world.connection, &seen.booking.id, command, was).await.expect("an answer")
    };
    let claimed = open.clone().claimed(at("2026-11-01T09:00:00Z"), at("2026-11-01T09:01:00Z"), None);
    let rival = open.claimed(at("2026-11-01T09:00:00.000000001Z"), at("2026-11-01T09:01:00Z"), None);
    assert!(swap(&claimed, 0).await);
    assert!(!swap(&rival, 0).await);
    assert!(swap(&claimed, 0).await, "a try whose answer was lost");
    let done = claimed.clone().turned(State::Done { provider_id: None }, at("2026-11-01T09:00:02Z"), None, None);
    assert!(swap(&done, 1).await);
    assert!(!swap(&rival, 0).await);
    assert!(world.load("bk-1").await.commands.contains(&done));
    assert_eq!(world.attribute(pk, &sk, "state").await, Some(AttributeValue::S("done".to_owned())));
    assert_eq!(world.attribute(pk, &sk, "expires_at").await, Some(expiry));

    assert!(!swap(&long_command(1, 1), 0).await, "there is no such row");
}

#[tokio::test]
async fn a_payload_is_kept_beside_its_fact() {
    let Some(world) = World::new("payload").await else { return };
    let fact = created("I1", START);
    let seen = world.tell("bk-1", &fact).await;
    let payload =
        async |id: &FactId| world.table.payload(&world.connection, &seen.booking.id, id).await.expect("an answer");
    assert_eq!(payload(&fact.id).await, Some(evidence(&fact).payload));
    assert_eq!(payload(&FactId::new("other")).await, None);
}

#[tokio::test]
async fn bookings_are_found_by_whatever_one_has() {
    let Some(world) = World::new("find").await else { return };
    let token = Token::parse("vai1-abcdefghijklmnopqrstuvwxyz").expect("a token");
    world.table.put_metadata(&world.connection, &token, &metadata()).await.expect("written");
    assert_eq!(world.table.metadata(&world.connection, &token).await.expect("an answer"), Some(metadata()));
    let first = BookingId::of_token(&world.connection, &token);
    let before = world.load(first.as_str()).await;
    assert_eq!((before.revision, before.metadata), (0, Some(metadata())));
    world.tell(first.as_str(), &created("I1", START)).await;
    world.tell(first.as_str(), &moved("I1", START, "I3")).await;
    world.tell("bk-2", &created("I2", START)).await;

    let find = async |id: &str| world.table.find(&world.connection, id).await.expect("an answer");
    let second = BookingId::new("bk-2");
    let only_first = std::slice::from_ref(&first);
    assert_eq!(find(first.as_str()).await, only_first);
    assert_eq!(find("I1").await, only_first);
    assert_eq!(find(invitee("I3").as_str()).await, only_first, "the new half of a move that is still to come");
    assert_eq!(find("I2").await, std::slice::from_ref(&second));
    let mut both = vec![first.clone(), second];
    both.sort();
    assert_eq!(find("https://api.calendly.com/scheduled_events/E").await, both, "a group event");
    assert_eq!(find(" conv-1 ").await, only_first);
    assert!(find("nobody").await.is_empty());
    assert!(find("").await.is_empty());

    let talked: Vec<Booking> = world.table.by_conversation(&world.connection, "conv-1").await.expect("an answer");
    assert_eq!(talked.iter().map(|it| &it.id).collect::<Vec<_>>(), [&first]);

    let story = world.table.story(&world.connection, &first).await.expect("an answer").expect("a story");
    let now = world.load(first.as_str()).await;
    assert_eq!((story.booking, story.commands), (now.booking, now.commands));
    assert_eq!(
        story.facts.iter().map(|it| it.kind.name()).collect::<Vec<_>>(),
        ["invitee.created", "invitee.canceled"]
    );
    assert_eq!(world.table.story(&world.connection, &BookingId::new("bk-9")).await.expect("an answer"), None);
}

#[tokio::test]
async fn upcoming_meetings_are_those_that_are_on() {
    let Some(world) = World::new("upcoming").await else { return };
    world.tell("bk-2", &created("I2", "2026-11-21T10:00:00Z")).await;
    world.tell("bk-1", &created("I1", START)).await;
    world.tell("bk-3", &created("I3", "2026-11-22T10:00:00Z")).await;
    let upcoming = async |from: &str, until: &str| {
        let found =
            world.table.upcoming(&world.connection, " ana@example.COM", at(from), at(until)).await.expect("an answer");
        found.iter().map(|it| it.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(upcoming("2026-11-20T10:00:00Z", "2026-11-22T10:00:00Z").await, ["bk-1", "bk-2"]);
    assert_eq!(upcoming("2026-11-20T10:00:01Z", "2026-12-22T10:00:00Z").await, ["bk-2", "bk-3"]);
    world.tell("bk-2", &moved("I2", "2026-11-21T10:00:00Z", "I4")).await;
    assert_eq!(upcoming("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z").await, ["bk-1", "bk-3"]);
    let nobody = world.table.upcoming(&world.connection, "b@example.com", at(START), at("2027-01-01T00:00:00Z")).await;
    assert!(nobody.expect("an answer").is_empty());
}

#[tokio::test]
async fn settings_are_versioned_and_cached_and_outlive_an_outage() {
    let Some(world) = World::new("settings").await else { return };
    let other = Table::new(world.client.clone(), &world.name);
    let own = |minutes| Settings { help_after_minutes: minutes, ..Settings::default() };
    let seen = async |table: &Table| table.settings(&world.connection).await.expect("settings").help_after_minutes;
    let minute = async || {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(61)).await;
        tokio::time::resume();
    };

    assert_eq!(seen(&other).await, Settings::default().help_after_minutes);
    assert_eq!(world.table.write_settings(&world.connection, &own(5)).await.expect("written"), 1);
    assert_eq!(world.table.write_settings(&world.connection, &own(6)).await.expect("written"), 2);
    assert_eq!(seen(&world.table).await, 6, "the writer sees them at once");
    assert_eq!(seen(&other).await, Settings::default().help_after_minutes, "cached");
    minute().await;
    assert_eq!(seen(&other).await, 6);
    assert_eq!(other.write_settings(&world.connection, &own(7)).await.expect("written"), 3);

    world.client.delete_table().table_name(&world.name).send().await.expect("an outage");
    minute().await;
    assert_eq!(seen(&world.table).await, 6, "stale, but better than none");
    let fresh = Table::new(world.client.clone(), &world.name);
    assert!(fresh.settings(&world.connection).await.is_err());
}

#[tokio::test]
async fn an_unknown_event_is_kept_once() {
    let Some(world) = World::new("unknown").await else { return };
    let mut event = UnknownEvent {
        id: FactId::new("f-1"),
        name: "routing_form_submission.created".to_owned(),
        received_at: at("2026-11-01T08:00:00Z"),
        payload: b"{}".to_vec(),
    };
    world.table.keep_unknown(&world.connection, &event).await.expect("kept");
    let expiry = world.attribute("default#unknown#f-1", "unknown", "expires_at").await;
    assert!(expiry.is_some());
    event.received_at = at("2026-11-02T08:00:00Z");
    world.table.keep_unknown(&world.connection, &event).await.expect("kept already");
    assert_eq!(world.attribute("default#unknown#f-1", "unknown", "expires_at").await, expiry);
}

#[tokio::test]
async fn kept_events_are_listed_newest_first_and_shown() {
    let Some(world) = World::new("kept").await else { return };
    let acme = ConnectionName::parse("acme").expect("a name");
    let keep = async |connection: &ConnectionName, id: &str, name: &str, received_at: &str| {
        let payload = format!("{{\"event\":\"{name}\"}}").into_bytes();
        let event = UnknownEvent { id: FactId::new(id), name: name.to_owned(), received_at: at(received_at), payload };
        world.table.keep_unknown(connection, &event).await.expect("kept");
    };
    keep(&world.connection, "f-1", "event_type.updated", "2026-11-01T08:00:00.25Z").await;
    keep(&world.connection, "f-3", "contact.created", "2026-11-03T08:00:00Z").await;
    keep(&world.connection, "f-2", "event_type.updated", "2026-11-02T08:00:00Z").await;
    keep(&acme, "f-4", "contact.created", "2026-11-04T08:00:00Z").await;
    world.tell("bk-1", &created("I1", START)).await;

    let kept = async |since: &str, limit| {
        let kept = world.table.kept(&world.connection, at(since), limit).await.expect("an answer");
        kept.into_iter().map(|it| it.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(kept("2026-11-01T08:00:00.25Z", 9).await, ["f-3", "f-2", "f-1"]);
    assert_eq!(kept("2026-11-01T08:00:01Z", 9).await, ["f-3", "f-2"]);
    assert_eq!(kept("2026-11-01T00:00:00Z", 2).await, ["f-3", "f-2"]);
    assert!(kept("2026-11-01T00:00:00Z", 0).await.is_empty());
    let of_acme = world.table.kept(&acme, at("2026-11-01T00:00:00Z"), 9).await.expect("an answer");
    let received_at = at("2026-11-04T08:00:00Z");
    assert_eq!(of_acme, [Kept { name: "contact.created".to_owned(), received_at, id: FactId::new("f-4") }]);

    let body = async |id: &str| world.table.kept_body(&world.connection, &FactId::new(id)).await.expect("an answer");
    assert_eq!(body("f-3").await.as_deref(), Some(&br#"{"event":"contact.created"}"#[..]));
    assert_eq!(body("f-4").await, None, "another connection's");
}

#[tokio::test]
async fn more_kept_events_than_a_page_holds_are_listed_to_the_end() {
    let Some(world) = World::new("kept-pages").await else { return };
    // An index row has its keys and nothing else: only long ones fill a page of 1 MB.
    let name = "x".repeat(900);
    for number in 0..1300 {
        let id = FactId::new(format!("f-{number:04}"));
        let received_at = at("2026-11-01T08:00:00Z") + Duration::from_secs(number);
        let event = UnknownEvent { id, name: name.clone(), received_at, payload: b"{}".to_vec() };
        world.table.keep_unknown(&world.connection, &event).await.expect("kept");
    }
    let page = world.client.query().table_name(&world.name).index_name("by_invitee");
    let page = page.key_condition_expression("gsi1pk = :pk");
    let page = page.expression_attribute_values(":pk", AttributeValue::S("default#unknown".to_owned())).send().await;
    assert!(page.expect("an answer").last_evaluated_key.is_some(), "one page would prove nothing");
    let kept = world.table.kept(&world.connection, at("2026-11-01T00:00:00Z"), 9_999).await.expect("an answer");
    assert_eq!((kept.len(), kept[0].id.as_str(), kept[1299].id.as_str()), (1300, "f-1299", "f-0000"));
}

#[tokio::test]
async fn a_large_partition_is_read_to_its_end() {
    let Some(world) = World::new("pages").await else { return };
    let seen = world.tell("bk-1", &created("I1", START)).await;
    for number in 0..12 {
        let decision = adding(&seen, long_command(number, 200_000));
        world.table.commit(&decision, &[]).await.expect("a commit");
    }
    let page = world.client.query().table_name(&world.name).key_condition_expression("pk = :pk");
    let page = page.expression_attribute_values(":pk", AttributeValue::S("default#bk-1".to_owned())).send().await;
    assert!(page.expect("an answer").last_evaluated_key.is_some(), "one page would prove nothing");
    assert_eq!(world.load("bk-1").await.commands.len(), seen.commands.len() + 12);
    let story = world.table.story(&world.connection, &seen.booking.id).await.expect("an answer").expect("a story");
    assert_eq!((story.commands.len(), story.facts.len()), (seen.commands.len() + 12, 1));
}

#[tokio::test]
async fn a_chain_too_long_for_one_transaction_keeps_its_newest_aliases() {
    let Some(world) = World::new("chain").await else { return };
    let uuid = |number: usize| format!("C{number:03}");
    let mut seen = snapshot("bk-1");
    for number in 0..120 {
        let mut fact = created(&uuid(number), START);
        fact.leg.details.as_of = at(START);
        fact.leg.previous = number.checked_sub(1).map(|before| invitee(&uuid(before)));
        fact.leg.next = Some(invitee(&uuid(number + 1)));
        seen.booking.learn(&fact);
    }
    let fact = created(&uuid(120), START);
    let decision = decide(&seen, std::slice::from_ref(&fact), &settings(), fact.occurred_at);
    world.table.commit(&decision, &[evidence(&fact)]).await.expect("a commit");
    let wanted: Vec<InviteeUri> = [0, 119, 120].map(|number| invitee(&uuid(number))).into();
    let known = world.table.aliases(&world.connection, &wanted).await.expect("aliases");
    assert_eq!(known.into_keys().collect::<Vec<_>>(), wanted[1..]);
}
