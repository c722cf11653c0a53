//! The table against a real endpoint, which `DYNAMODB_ENDPOINT_URL` names. Without one, these tests print that they are
//! skipped.

#[path = "dynamodb/deliveries.rs"]
mod deliveries;
#[path = "fixtures/mod.rs"]
mod fixtures;
#[path = "dynamodb/links.rs"]
mod links;
#[path = "dynamodb/table.rs"]
mod table;

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, Select, WriteRequest};
use domain::scheduling::budget::{Bucket, Span, buckets};
use domain::settings::{Audience, MessageFilter, Provider, Template};
use domain::{
    Attempt, BookingId, Cancellation, Command, CommandId, CommandWrite, Connection, ConnectionName, ConnectionStatus,
    ConsentSource, ContactKey, CrmContact, Decision, Fact, FactId, InviteeUri, Objection, Pepper, Settings, Snapshot,
    State, Token, VaiAction, Verdict, decide,
};
use engine::{
    Aliases, ApiStore, BookingCounts, BookingList, BookingLists, CommitError, Connections, Contact, Import,
    ImportStore, Replan, RequestSnapshot, ReserveError, SettingsStore, SmsReservation, SmsReserved, Store, StoredFact,
    UnhandledEvent,
};
use futures_util::future::join_all;
use store::{Table, UnhandledEventEntry};
use table::World;

use fixtures::{
    at, calendly_request, connection, created, invitee, metadata, moved, requesting, snapshot, stored_fact, token,
};

const START: &str = "2026-11-20T10:00:00Z";
const NOW: &str = "2026-11-20T08:00:27Z";
/// The pepper of the keys of contacts.
static PEPPER: LazyLock<Pepper> =
    LazyLock::new(|| Pepper::new("a pepper for these tests, 32 letters or more").expect("it is long enough"));

const OWNER: &str = "https://api.calendly.com/users/U1";

impl World {
    async fn load_booking(&self, booking: &str) -> Snapshot {
        self.table.load_booking(&self.connection, &BookingId::new(booking)).await.expect("a snapshot")
    }

    /// Decides on a fact and commits, as the engine does.
    async fn apply(&self, booking: &str, fact: &Fact) -> Snapshot {
        let before = self.load_booking(booking).await;
        let stored = stored_fact(fact);
        let decision = decide(&before, std::slice::from_ref(fact), &settings(), stored.received_at);
        self.table.commit_decision(&decision, &[stored]).await.expect("a commit");
        before.after(&decision)
    }

    /// Reads what a booking request needs.
    async fn load_request(&self, booking: &str) -> RequestSnapshot {
        let booking = BookingId::new(booking);
        self.table.load_request(&self.connection, &booking, OWNER, &buckets(at(NOW))).await.expect("a snapshot")
    }

    /// Reads an attribute of a row from the table itself.
    async fn attribute(&self, pk: &str, sk: &str, name: &str) -> Option<AttributeValue> {
        let key = |text: &str| AttributeValue::S(text.to_owned());
        let request = self.client.get_item().table_name(&self.name).key("pk", key(pk)).key("sk", key(sk));
        request.send().await.expect("an answer").item?.remove(name)
    }
}

/// Returns the default settings with a template, so that there is a message to send.
fn settings() -> Settings {
    let template = Template {
        filter: MessageFilter::of("reminder"),
        provider: Provider::Engagelab,
        id: "t-1".to_owned(),
        text: None,
    };
    Settings { templates: vec![template], sms_for: Audience::All, ..Settings::default() }
}

/// Returns the buckets of an instant, from the shortest span to the longest, with their caps.
fn caps(now: &str, caps: [u32; 3]) -> [(Bucket, u32); 3] {
    let spans = Span::ALL.map(|span| Bucket::containing(span, at(now)));
    std::array::from_fn(|at| (spans[at], caps[at]))
}

/// Returns a decision that only adds a command.
fn adding(snapshot: &Snapshot, command: Command) -> Decision {
    Decision {
        booking: snapshot.booking.clone(),
        booking_changed: false,
        revision: snapshot.revision,
        commands: vec![CommandWrite { command, expected: None }],
        events: Vec::new(),
        log: None,
        log_changed: false,
        kept_until: snapshot.booking.last_end(),
        extends: false,
        is_partial: false,
        verdict: Verdict::Duplicate,
    }
}

fn long_command(number: usize, size: usize) -> Command {
    let command = Command::new(&BookingId::new("bk-1"), VaiAction::OfferHelp, invitee("I1"), at(START), None);
    let command = Command { id: CommandId::new(format!("log-{number:04}")), ..command };
    command.with_state(State::Unknown, at(START), None, Some("x".repeat(size)))
}

#[tokio::test]
async fn a_committed_booking_can_be_loaded() {
    let Some(world) = World::new("round-trip").await else { return };
    assert_eq!(world.load_booking("bk-1").await, snapshot("bk-1"));
    let mut expected = world.apply("bk-1", &created("I1", START)).await;
    expected.commands.sort_by(|a, b| a.id.cmp(&b.id));
    assert!(!expected.commands.is_empty());
    assert_eq!(world.load_booking("bk-1").await, expected);

    let wanted = [invitee("I1"), invitee("I1"), invitee("I9")];
    let known = world.table.aliases(&world.connection, &wanted, None).await.expect("aliases");
    assert_eq!(known.invitees.into_iter().collect::<Vec<_>>(), [(invitee("I1"), BookingId::new("bk-1"))]);
    assert_eq!(known.token, None);
    assert_eq!(world.table.aliases(&world.connection, &[], None).await.expect("none"), Aliases::default());
}

#[tokio::test]
async fn the_token_of_a_move_leads_to_its_booking() {
    let Some(world) = World::new("token").await else { return };
    let (first, second) = (token("k-1"), token("k-2"));
    let seen = snapshot("bk-1");
    let decision = requesting(&seen, "k-1", calendly_request(START, None));
    world.table.commit_decision(&decision, &[]).await.expect("a commit");
    let mut fact = created("I1", START);
    fact.leg.token = Some(first.clone());
    let seen = world.apply("bk-1", &fact).await;
    let decision = requesting(&seen, "k-2", calendly_request("2026-11-25T10:00:00Z", Some("I1")));
    world.table.commit_decision(&decision, &[]).await.expect("a commit");

    let aliases = async |invitees: &[InviteeUri], token: &Token| {
        world.table.aliases(&world.connection, invitees, Some(token)).await.expect("aliases")
    };
    let booking = BookingId::new("bk-1");
    let known = aliases(&[invitee("I1"), invitee("I9")], &second).await;
    assert_eq!(known.invitees.into_iter().collect::<Vec<_>>(), [(invitee("I1"), booking.clone())]);
    assert_eq!(known.token, Some(booking.clone()));
    assert_eq!(aliases(&[], &second).await.token, Some(booking));
    assert_eq!(aliases(&[], &first).await, Aliases::default(), "the booking's id is made from the first leg's token");

    let other = requesting(&snapshot("bk-2"), "k-2", calendly_request(START, Some("I7")));
    assert!(
        matches!(world.table.commit_decision(&other, &[]).await, Err(CommitError::Conflict)),
        "it leads to one booking"
    );
}

#[tokio::test]
async fn of_two_commits_on_the_same_revision_one_succeeds() {
    let Some(world) = World::new("revision").await else { return };
    let fact = created("I1", START);
    let first = decide(&snapshot("bk-1"), std::slice::from_ref(&fact), &settings(), at("2026-11-01T08:00:00Z"));
    world.table.commit_decision(&first, &[stored_fact(&fact)]).await.expect("the first");
    assert!(matches!(world.table.commit_decision(&first, &[stored_fact(&fact)]).await, Err(CommitError::Conflict)));

    // The second revision, and commands alone, need an unchanged booking too.
    let seen = world.load_booking("bk-1").await;
    let off = moved("I1", START, "I2");
    let second = decide(&seen, std::slice::from_ref(&off), &settings(), at("2026-11-02T08:00:00Z"));
    world.table.commit_decision(&second, &[]).await.expect("the second");
    assert!(matches!(world.table.commit_decision(&second, &[]).await, Err(CommitError::Conflict)));
    let late = adding(&seen, long_command(1, 1));
    assert!(matches!(world.table.commit_decision(&late, &[]).await, Err(CommitError::Conflict)));
    let now = adding(&world.load_booking("bk-1").await, long_command(1, 1));
    world.table.commit_decision(&now, &[]).await.expect("commands alone");
    assert!(matches!(world.table.commit_decision(&now, &[]).await, Err(CommitError::Conflict)), "the row is there");
}

#[tokio::test]
async fn a_command_is_withdrawn_only_at_the_revision_that_was_read() {
    let Some(world) = World::new("withdrawal").await else { return };
    let seen = world.apply("bk-1", &created("I1", START)).await;
    let (now, until) = (at("2026-11-01T09:00:00Z"), at("2026-11-01T09:01:00Z"));
    let next = {
        let mut fact = created("I2", "2026-11-25T10:00:00Z");
        fact.leg.previous = Some(invitee("I1"));
        fact
    };
    let decision = decide(&seen, &[moved("I1", START, "I2"), next], &settings(), now);
    let withdrawn = decision.commands.iter().find(|it| it.expected == Some(0)).expect("an open command to withdraw");
    let open = seen.commands.iter().find(|it| it.id == withdrawn.command.id).expect("as it was");
    let claimed = open.clone().claim(now, until, Attempt::default());
    assert!(world.table.replace_command(&world.connection, &seen.booking.id, &claimed, 0).await.expect("an answer"));
    assert!(matches!(world.table.commit_decision(&decision, &[]).await, Err(CommitError::Conflict)));

    let seen = world.load_booking("bk-1").await;
    let next = created("I2", "2026-11-25T10:00:00Z");
    let decision = decide(&seen, &[moved("I1", START, "I2"), next], &settings(), now);
    world.table.commit_decision(&decision, &[]).await.expect("a commit");
    let mut expected = seen.after(&decision);
    expected.commands.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(world.load_booking("bk-1").await, expected);
}

#[tokio::test]
async fn an_invitee_leads_to_one_booking() {
    let Some(world) = World::new("alias").await else { return };
    let fact = created("I1", START);
    world.apply("bk-1", &fact).await;
    let other = decide(&snapshot("bk-2"), std::slice::from_ref(&fact), &settings(), fact.occurred_at);
    assert!(matches!(world.table.commit_decision(&other, &[]).await, Err(CommitError::Conflict)));
    assert_eq!(world.load_booking("bk-2").await, snapshot("bk-2"), "all or nothing");
    // The same event, another invitee: a group event.
    world.apply("bk-2", &created("I2", START)).await;
}

#[tokio::test]
async fn of_two_claims_of_a_command_one_succeeds() {
    let Some(world) = World::new("claim").await else { return };
    let seen = world.apply("bk-1", &created("I1", START)).await;
    let open = seen.commands.iter().find(|it| it.state == State::Open).expect("an open command").clone();
    let (pk, sk) = ("default#bk-1", format!("2#cmd#{}", open.id));
    let expiry = world.attribute(pk, &sk, "expires_at").await.expect("an expiry");

    let replace = async |command: &Command, expected| {
        world.table.replace_command(&world.connection, &seen.booking.id, command, expected).await.expect("an answer")
    };
    let claimed = open.clone().claim(at("2026-11-01T09:00:00Z"), at("2026-11-01T09:01:00Z"), Attempt::default());
    let rival = open.claim(at("2026-11-01T09:00:00.000000001Z"), at("2026-11-01T09:01:00Z"), Attempt::default());
    assert!(replace(&claimed, 0).await);
    assert!(!replace(&rival, 0).await);
    assert!(replace(&claimed, 0).await, "a repeated call whose answer was lost");
    let done = claimed.clone().with_state(State::Done { provider_id: None }, at("2026-11-01T09:00:02Z"), None, None);
    assert!(replace(&done, 1).await);
    assert!(!replace(&rival, 0).await);
    assert!(world.load_booking("bk-1").await.commands.contains(&done));
    assert_eq!(world.attribute(pk, &sk, "state").await, Some(AttributeValue::S("done".to_owned())));
    assert_eq!(world.attribute(pk, &sk, "expires_at").await, Some(expiry));

    assert!(!replace(&long_command(1, 1), 0).await, "there is no such row");
}

#[tokio::test]
async fn a_payload_is_stored_with_its_fact() {
    let Some(world) = World::new("payload").await else { return };
    let fact = created("I1", START);
    let seen = world.apply("bk-1", &fact).await;
    let payload =
        async |id: &FactId| world.table.load_payload(&world.connection, &seen.booking.id, id).await.expect("an answer");
    assert_eq!(payload(&fact.id).await, Some(stored_fact(&fact).payload));
    assert_eq!(payload(&FactId::new("other")).await, None);
}

#[tokio::test]
async fn bookings_are_found_by_each_kind_of_id() {
    let Some(world) = World::new("find").await else { return };
    let token = Token::parse("vai1-abcdefghijklmnopqrstuvwxyz").expect("a token");
    world.table.put_metadata(&world.connection, &token, &metadata()).await.expect("written");
    let first = BookingId::from_token(&world.connection, &token);
    let before = world.load_booking(first.as_str()).await;
    assert_eq!((before.revision, before.metadata), (0, Some(metadata())));
    world.apply(first.as_str(), &created("I1", START)).await;
    world.apply(first.as_str(), &moved("I1", START, "I3")).await;
    world.apply("bk-2", &created("I2", START)).await;

    let find = async |id: &str| world.table.find_bookings(&world.connection, id).await.expect("an answer");
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
    assert!(find(&"x".repeat(9_999)).await.is_empty());
    assert!(find("").await.is_empty());

    let record = world.table.booking_record(&world.connection, &first).await.expect("an answer").expect("a record");
    let now = world.load_booking(first.as_str()).await;
    assert_eq!((record.booking, record.commands), (now.booking, now.commands));
    assert_eq!(
        record.facts.iter().map(|it| it.kind.name()).collect::<Vec<_>>(),
        ["invitee.created", "invitee.canceled"]
    );
    assert_eq!(world.table.booking_record(&world.connection, &BookingId::new("bk-9")).await.expect("an answer"), None);
}

#[tokio::test]
async fn settings_are_versioned_and_cached_and_survive_an_outage() {
    let Some(world) = World::new("settings").await else { return };
    let other = Table::new(world.client.clone(), &world.name);
    let own = |minutes| Settings { help_after_minutes: minutes, ..Settings::default() };
    let seen = async |table: &Table| table.load_settings(&world.connection).await.expect("settings").help_after_minutes;
    let minute = async || {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(61)).await;
        tokio::time::resume();
    };

    assert_eq!(seen(&other).await, Settings::default().help_after_minutes);
    let write = async |table: &Table, minutes, last| {
        table.write_settings(&world.connection, &own(minutes), last, at("2026-11-01T08:00:00Z")).await
    };
    assert_eq!(write(&world.table, 5, 0).await.expect("written"), 1);
    assert_eq!(write(&world.table, 6, 1).await.expect("written"), 2);
    assert!(matches!(write(&world.table, 9, 1).await, Err(CommitError::Conflict)), "another version was the last");
    assert_eq!(seen(&world.table).await, 6, "the writer sees its own change at once");
    assert_eq!(seen(&other).await, Settings::default().help_after_minutes, "cached");
    let (_, version) = other.load_settings_version(&world.connection).await.expect("settings");
    let versions = other.list_settings_versions(&world.connection).await.expect("versions");
    let listed: Vec<_> = versions.iter().map(|it| (it.version, it.settings.help_after_minutes)).collect();
    assert_eq!((version, listed), (2, vec![(2, 6), (1, 5)]));
    let first = other.load_settings_of(&world.connection, 1).await.expect("an answer").expect("a version");
    assert_eq!(first.help_after_minutes, 5);
    assert_eq!(other.load_settings_of(&world.connection, 9).await.expect("an answer"), None);
    minute().await;
    assert_eq!(seen(&other).await, 6);
    assert_eq!(write(&world.table, 7, 2).await.expect("written"), 3);
    other.require_settings(&world.connection, 2).await.expect("an answer");
    assert_eq!(seen(&other).await, 6, "that version is cached");
    other.require_settings(&world.connection, 3).await.expect("an answer");
    assert_eq!(seen(&other).await, 7);
    assert_eq!(write(&other, 6, 3).await.expect("written"), 4);
    assert_eq!(seen(&other).await, 6);

    world.client.delete_table().table_name(&world.name).send().await.expect("an outage");
    minute().await;
    assert_eq!(seen(&other).await, 6, "stale settings are used");
    let fresh = Table::new(world.client.clone(), &world.name);
    assert!(fresh.load_settings(&world.connection).await.is_err());
}

#[tokio::test]
async fn a_replan_is_written_unless_a_later_one_has_begun() {
    let Some(world) = World::new("replan").await else { return };
    let (table, connection) = (&world.table, &world.connection);
    let replan = |version, bookings| Replan {
        version,
        bookings,
        is_done: false,
        started_at: at("2026-11-01T08:00:00Z"),
        updated_at: at("2026-11-01T08:00:00Z"),
    };
    assert_eq!(table.load_replan(connection).await.expect("an answer"), None);
    for (written, expected) in [((2, 0), (2, 0)), ((2, 100), (2, 100)), ((1, 50), (2, 100)), ((3, 0), (3, 0))] {
        table.write_replan(connection, &replan(written.0, written.1)).await.expect("an answer");
        let found = table.load_replan(connection).await.expect("an answer");
        assert_eq!(found, Some(replan(expected.0, expected.1)));
    }
}

#[tokio::test]
async fn upcoming_bookings_are_listed_page_by_page() {
    let Some(world) = World::new("upcoming").await else { return };
    for number in 1..=5 {
        let meeting = created(&format!("I{number}"), &format!("2026-12-0{number}T09:00:00Z"));
        world.apply(&format!("bk-{number}"), &meeting).await;
    }
    let mut found = Vec::new();
    let (mut cursor, mut pages) = (None, 0);
    loop {
        let from = at("2026-12-02T09:00:00Z");
        let page = world.table.list_upcoming(&world.connection, from, cursor.as_deref(), 2).await.expect("a page");
        found.extend(page.bookings.iter().map(|it| it.as_str().to_owned()));
        pages += 1;
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    assert_eq!(found, ["bk-2", "bk-3", "bk-4", "bk-5"]);
    assert!(pages <= 3, "{pages}");
}

#[tokio::test]
async fn bookings_of_a_span_are_listed_page_by_page_and_a_false_cursor_lists_nothing() {
    let Some(world) = World::new("lists").await else { return };
    for number in 1..=5 {
        let meeting = created(&format!("I{number}"), &format!("2026-12-0{number}T09:00:00Z"));
        world.apply(&format!("bk-{number}"), &meeting).await;
    }
    let page = async |after: Option<String>| {
        let (from, until) = (at("2026-12-02T09:00:00Z"), at("2026-12-05T09:00:00Z"));
        let list = BookingList { from, until, after, limit: 2 };
        world.table.list_bookings(&world.connection, &list).await.expect("an answer")
    };
    let (mut found, mut after) = (Vec::new(), None);
    for _ in 0..10 {
        let listed = page(after).await.expect("a page");
        assert!(listed.bookings.len() <= 2);
        found.extend(listed.bookings.iter().map(|it| it.id.as_str().to_owned()));
        after = listed.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((found, after), (vec!["bk-2".to_owned(), "bk-3".to_owned(), "bk-4".to_owned()], None));
    for cursor in ["", "active", "nothing|", "canceled|never|bk-1"] {
        assert!(page(Some(cursor.to_owned())).await.is_none(), "{cursor}");
    }
}

#[tokio::test]
async fn the_progress_of_an_import_is_written_unless_a_later_one_has_begun() {
    let Some(world) = World::new("import").await else { return };
    let (table, connection) = (&world.table, &world.connection);
    let import = |started_at: &str, events| Import {
        started_at: at(started_at),
        updated_at: at("2026-11-01T09:00:00Z"),
        events,
        invitees: events,
        changed: 0,
        is_done: false,
        problem: None,
    };
    let (early, late) = ("2026-11-01T08:00:00Z", "2026-11-01T08:30:00Z");
    assert_eq!(table.load_import(connection).await.expect("an answer"), None);
    for (written, expected) in [
        ((early, 0), (early, 0)),
        ((early, 100), (early, 100)),
        ((late, 0), (late, 0)),
        ((early, 200), (late, 0)),
        ((late, 50), (late, 50)),
    ] {
        table.write_import(connection, &import(written.0, written.1)).await.expect("an answer");
        let found = table.load_import(connection).await.expect("an answer");
        assert_eq!(found, Some(import(expected.0, expected.1)));
    }
}

#[tokio::test]
async fn a_crm_contact_is_written_at_its_revision() {
    let Some(world) = World::new("crm").await else { return };
    let (table, connection) = (&world.table, &world.connection);
    let key = ContactKey::parse("00112233445566778899aabbccddeeff").expect("a key");
    let first = table.load_crm_contact(connection, &key).await.expect("an answer");
    assert_eq!(first, CrmContact::default());
    let mut asked = first.clone();
    asked.ask(&[10].into());
    assert!(table.write_crm_contact(connection, &key, &asked).await.expect("an answer"));
    assert!(!table.write_crm_contact(connection, &key, &first).await.expect("an answer"), "another was faster");
    assert_eq!(table.load_crm_contact(connection, &key).await.expect("an answer"), asked.clone().at_revision(1));
    assert!(table.write_crm_contact(connection, &key, &asked.at_revision(1)).await.expect("an answer"));
    let other = ConnectionName::parse("other").expect("a name");
    let key = ContactKey::parse("00112233445566778899aabbccddeeff").expect("a key");
    assert_eq!(table.load_crm_contact(&other, &key).await.expect("an answer"), CrmContact::default());
}

#[tokio::test]
async fn an_unhandled_event_is_stored_once() {
    let Some(world) = World::new("unhandled-once").await else { return };
    let mut event = UnhandledEvent {
        id: FactId::new("f-1"),
        name: "routing_form_submission.created".to_owned(),
        received_at: at("2026-11-01T08:00:00Z"),
        payload: b"{}".to_vec(),
    };
    world.table.store_unhandled_event(&world.connection, &event).await.expect("stored");
    let expiry = world.attribute("default#unknown#f-1", "unknown", "expires_at").await;
    assert!(expiry.is_some());
    event.received_at = at("2026-11-02T08:00:00Z");
    world.table.store_unhandled_event(&world.connection, &event).await.expect("stored already");
    assert_eq!(world.attribute("default#unknown#f-1", "unknown", "expires_at").await, expiry);
}

#[tokio::test]
async fn unhandled_events_are_listed_newest_first_and_shown() {
    let Some(world) = World::new("unhandled").await else { return };
    let acme = ConnectionName::parse("acme").expect("a name");
    let store = async |connection: &ConnectionName, id: &str, name: &str, received_at: &str| {
        let payload = format!("{{\"event\":\"{name}\"}}").into_bytes();
        let event =
            UnhandledEvent { id: FactId::new(id), name: name.to_owned(), received_at: at(received_at), payload };
        world.table.store_unhandled_event(connection, &event).await.expect("stored");
    };
    store(&world.connection, "f-1", "event_type.updated", "2026-11-01T08:00:00.25Z").await;
    store(&world.connection, "f-3", "contact.created", "2026-11-03T08:00:00Z").await;
    store(&world.connection, "f-2", "event_type.updated", "2026-11-02T08:00:00Z").await;
    store(&acme, "f-4", "contact.created", "2026-11-04T08:00:00Z").await;
    world.apply("bk-1", &created("I1", START)).await;

    let listed = async |since: &str, limit| {
        let events = world.table.list_unhandled_events(&world.connection, at(since), limit).await.expect("an answer");
        events.into_iter().map(|it| it.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(listed("2026-11-01T08:00:00.25Z", 9).await, ["f-3", "f-2", "f-1"]);
    assert_eq!(listed("2026-11-01T08:00:01Z", 9).await, ["f-3", "f-2"]);
    assert_eq!(listed("2026-11-01T00:00:00Z", 2).await, ["f-3", "f-2"]);
    assert!(listed("2026-11-01T00:00:00Z", 0).await.is_empty());
    let events = world.table.list_unhandled_events(&acme, at("2026-11-01T00:00:00Z"), 9).await.expect("an answer");
    let received_at = at("2026-11-04T08:00:00Z");
    assert_eq!(
        events,
        [UnhandledEventEntry { name: "contact.created".to_owned(), received_at, id: FactId::new("f-4") }]
    );

    let body = async |id: &str| {
        world.table.unhandled_event_body(&world.connection, &FactId::new(id)).await.expect("an answer")
    };
    assert_eq!(body("f-3").await.as_deref(), Some(&br#"{"event":"contact.created"}"#[..]));
    assert_eq!(body("f-4").await, None, "it belongs to another connection");
}

#[tokio::test]
async fn unhandled_events_are_listed_from_all_pages() {
    let Some(world) = World::new("unhandled-pages").await else { return };
    // An index row has only its keys. Long keys fill a page of 1 MB soonest.
    let name = "x".repeat(900);
    for number in 0..1300 {
        let id = FactId::new(format!("f-{number:04}"));
        let received_at = at("2026-11-01T08:00:00Z") + Duration::from_secs(number);
        let event = UnhandledEvent { id, name: name.clone(), received_at, payload: b"{}".to_vec() };
        world.table.store_unhandled_event(&world.connection, &event).await.expect("stored");
    }
    let page = world.client.query().table_name(&world.name).index_name("by_invitee");
    let page = page.key_condition_expression("gsi1pk = :pk");
    let page = page.expression_attribute_values(":pk", AttributeValue::S("default#unknown".to_owned())).send().await;
    assert!(page.expect("an answer").last_evaluated_key.is_some(), "the test needs more than one page");
    let events = world
        .table
        .list_unhandled_events(&world.connection, at("2026-11-01T00:00:00Z"), 9_999)
        .await
        .expect("an answer");
    assert_eq!((events.len(), events[0].id.as_str(), events[1299].id.as_str()), (1300, "f-1299", "f-0000"));
}

#[tokio::test]
async fn a_large_partition_is_read_from_all_pages() {
    let Some(world) = World::new("pages").await else { return };
    let seen = world.apply("bk-1", &created("I1", START)).await;
    for number in 0..12 {
        let decision = adding(&seen, long_command(number, 200_000));
        world.table.commit_decision(&decision, &[]).await.expect("a commit");
    }
    let page = world.client.query().table_name(&world.name).key_condition_expression("pk = :pk");
    let page = page.expression_attribute_values(":pk", AttributeValue::S("default#bk-1".to_owned())).send().await;
    assert!(page.expect("an answer").last_evaluated_key.is_some(), "the test needs more than one page");
    assert_eq!(world.load_booking("bk-1").await.commands.len(), seen.commands.len() + 12);
    let record =
        world.table.booking_record(&world.connection, &seen.booking.id).await.expect("an answer").expect("a record");
    assert_eq!((record.commands.len(), record.facts.len()), (seen.commands.len() + 12, 1));
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
        seen.booking.apply_fact(&fact);
    }
    let fact = created(&uuid(120), START);
    let decision = decide(&seen, std::slice::from_ref(&fact), &settings(), fact.occurred_at);
    world.table.commit_decision(&decision, &[stored_fact(&fact)]).await.expect("a commit");
    let wanted: Vec<InviteeUri> = [0, 119, 120].map(|number| invitee(&uuid(number))).into();
    let known = world.table.aliases(&world.connection, &wanted, None).await.expect("aliases");
    assert_eq!(known.invitees.into_keys().collect::<Vec<_>>(), wanted[1..]);

    // The token of an open request has room.
    let open = requesting(&world.load_booking("bk-1").await, "k-1", calendly_request(START, Some("C120")));
    world.table.commit_decision(&open, &[]).await.expect("a commit");
    let known = world.table.aliases(&world.connection, &[], Some(&token("k-1"))).await.expect("aliases");
    assert_eq!(known.token, Some(BookingId::new("bk-1")));

    // The buckets have room too.
    let again = requesting(&world.load_booking("bk-1").await, "k-2", calendly_request(START, Some("C120")));
    world.table.reserve_budget(&again, OWNER, &caps(NOW, [1, 1, 1])).await.expect("reserved");
}

#[tokio::test]
async fn a_reservation_is_all_or_nothing() {
    let Some(world) = World::new("reserve").await else { return };
    let [minute, hour, day] = caps(NOW, [0; 3]).map(|(bucket, _)| bucket);
    let spent = async || world.load_request("bk-1").await.spent;
    let decision = |booking: &str| requesting(&snapshot(booking), "k-1", calendly_request(START, None));
    let reserve =
        async |booking: &str, most| world.table.reserve_budget(&decision(booking), OWNER, &caps(NOW, most)).await;

    reserve("bk-1", [2, 2, 2]).await.expect("reserved");
    assert_eq!(world.load_booking("bk-1").await.booking, decision("bk-1").booking);
    let once = BTreeMap::from([(minute, 1), (hour, 1), (day, 1)]);
    assert_eq!(spent().await, once);
    let expiry = world.attribute("default#budget#U1", &hour.name(), "expires_at").await;
    assert_eq!(expiry, Some(AttributeValue::N(hour.expires().as_second().to_string())));

    // If a bucket is full, nothing is written. The error names the bucket; of two, the one of the longer span.
    for (most, full) in [([1, 2, 2], minute), ([2, 1, 2], hour), ([2, 2, 1], day), ([1, 1, 2], hour), ([2, 0, 2], hour)]
    {
        let refused = reserve("bk-2", most).await;
        assert!(matches!(refused, Err(ReserveError::Spent(bucket)) if bucket == full), "{most:?}: {refused:?}");
    }
    assert_eq!(world.load_booking("bk-2").await, snapshot("bk-2"));
    assert_eq!(spent().await, once);

    // A conflict on the booking leaves the budget alone, and is reported even if the budget is full.
    for most in [[2, 2, 2], [1, 1, 1]] {
        let conflict = reserve("bk-1", most).await;
        assert!(matches!(conflict, Err(ReserveError::Commit(CommitError::Conflict))), "{conflict:?}");
    }
    assert_eq!(spent().await, once);
    reserve("bk-2", [2, 2, 2]).await.expect("the last one");
    assert!(matches!(reserve("bk-3", [2, 9, 9]).await, Err(ReserveError::Spent(bucket)) if bucket == minute));
    let other =
        world.table.reserve_budget(&decision("bk-3"), "https://api.calendly.com/users/U2", &caps(NOW, [1, 1, 1])).await;
    other.expect("another owner has another budget");
}

#[tokio::test]
async fn of_thirty_concurrent_reservations_the_cap_lets_ten_through() {
    let Some(world) = World::new("reserve-rush").await else { return };
    let table = &world.table;
    let rush = (0..30).map(async |number| {
        let decision =
            requesting(&snapshot(&format!("bk-{number}")), &format!("k-{number}"), calendly_request(START, None));
        table.reserve_budget(&decision, OWNER, &caps(NOW, [10, 50, 100])).await
    });
    let outcomes = join_all(rush).await;
    let minute = caps(NOW, [0; 3])[0].0;
    for refused in outcomes.iter().filter_map(|it| it.as_ref().err()) {
        assert!(matches!(refused, ReserveError::Spent(bucket) if *bucket == minute), "{refused:?}");
    }
    assert_eq!(outcomes.iter().filter(|it| it.is_ok()).count(), 10);
    let mut written = 0;
    for number in 0..30 {
        written += world.load_booking(&format!("bk-{number}")).await.revision;
    }
    assert_eq!(written, 10);
    assert_eq!(world.load_request("bk-0").await.spent.into_values().collect::<Vec<_>>(), [10, 10, 10]);
}

#[tokio::test]
async fn a_request_snapshot_has_booking_budget_and_event_types() {
    let Some(world) = World::new("request-snapshot").await else { return };
    let empty = RequestSnapshot {
        booking: snapshot("bk-1").booking,
        revision: 0,
        events: None,
        kept_until: None,
        spent: BTreeMap::new(),
        closed_until: None,
        event_types_changed_at: None,
    };
    assert_eq!(world.load_request("bk-1").await, empty);

    let decision = requesting(&snapshot("bk-1"), "k-1", calendly_request(START, None));
    let caps = caps(NOW, [9; 3]);
    world.table.reserve_budget(&decision, OWNER, &caps).await.expect("reserved");
    let until = at("2026-11-20T08:03:21.5Z");
    world.table.close_budget(&world.connection, OWNER, until).await.expect("closed");
    world.table.close_budget(&world.connection, "https://api.calendly.com/users/U2", at(START)).await.expect("closed");
    world.table.mark_event_types_changed(&world.connection, at("2026-11-20T07:00:00.25Z")).await.expect("written");
    let known = RequestSnapshot {
        booking: decision.booking,
        revision: 1,
        events: None,
        kept_until: decision.kept_until,
        spent: caps.into_iter().map(|(bucket, _)| (bucket, 1)).collect(),
        closed_until: Some(until),
        event_types_changed_at: Some(at("2026-11-20T07:00:00.25Z")),
    };
    assert_eq!(world.load_request("bk-1").await, known);
    world.apply("bk-1", &created("I1", START)).await;
    let twice = [buckets(at(NOW)), buckets(at(NOW))].concat();
    let request_snapshot = world.table.load_request(&world.connection, &BookingId::new("bk-1"), OWNER, &twice).await;
    let request_snapshot = request_snapshot.expect("a snapshot");
    assert_eq!((request_snapshot.booking, request_snapshot.revision), (world.load_booking("bk-1").await.booking, 2));
    let expiry = world.attribute("default#budget#U1", "closed", "expires_at").await;
    assert_eq!(expiry, Some(AttributeValue::N((until.as_second() + 86_400).to_string())));
}

#[tokio::test]
async fn the_latest_change_of_event_types_counts() {
    let Some(world) = World::new("event-types").await else { return };
    let changed_at = async || world.table.event_types_changed_at(&world.connection).await.expect("an answer");
    assert_eq!(changed_at().await, None);
    for changed in ["2026-11-20T07:00:00Z", "2026-11-20T07:00:00.5Z", "2026-11-20T07:00:00.25Z", "2026-11-20T06:59:59Z"]
    {
        world.table.mark_event_types_changed(&world.connection, at(changed)).await.expect("written");
    }
    assert_eq!(changed_at().await, Some(at("2026-11-20T07:00:00.5Z")));
    let acme = ConnectionName::parse("acme").expect("a name");
    assert_eq!(world.table.event_types_changed_at(&acme).await.expect("an answer"), None);
}

#[tokio::test]
async fn an_invitee_has_the_zone_of_the_latest_active_meeting() {
    let Some(world) = World::new("zone").await else { return };
    let zone_of = async || {
        world
            .table
            .find_invitee(&world.connection, &" ana@example.COM".into(), at(START))
            .await
            .expect("an answer")
            .zone
    };
    assert_eq!(zone_of().await, None);
    let in_zone = |uuid: &str, start: &str, zone: Option<&str>| {
        let mut fact = created(uuid, start);
        fact.leg.details.zone = zone.map(str::to_owned);
        fact
    };
    world.apply("bk-1", &in_zone("I1", START, Some("Asia/Taipei"))).await;
    world.apply("bk-2", &in_zone("I2", "2026-11-19T10:00:00Z", Some("Europe/Bucharest"))).await;
    assert_eq!(zone_of().await.as_deref(), Some("Asia/Taipei"));
    world.apply("bk-1", &moved("I1", START, "I3")).await;
    assert_eq!(zone_of().await.as_deref(), Some("Europe/Bucharest"), "the other is no longer active");
    world.apply("bk-3", &in_zone("I4", "2026-11-21T10:00:00Z", None)).await;
    assert_eq!(zone_of().await, None, "the latest has no zone");
}

#[tokio::test]
async fn permits_never_exceed_their_limit() {
    let Some(world) = World::new("permits").await else { return };
    let take = async |key: &str, wanted, limit, now: &str| {
        world.table.reserve_permits(key, wanted, limit, at(now)).await.expect("an answer")
    };
    assert_eq!(take("a", 4, 10, "2026-11-20T08:00:00Z").await, 4);
    assert_eq!(take("a", 4, 10, "2026-11-20T08:00:59.9Z").await, 4);
    assert_eq!(take("a", 4, 10, "2026-11-20T08:00:30Z").await, 2, "what is left");
    assert_eq!(take("a", 1, 10, "2026-11-20T08:00:30Z").await, 0);
    assert_eq!(take("a", 1, 5, "2026-11-20T08:00:30Z").await, 0, "the limit was lowered");
    assert_eq!(take("a", 4, 10, "2026-11-20T08:01:00Z").await, 4, "the next minute");
    assert_eq!(take("b", 99, 10, "2026-11-20T08:00:00Z").await, 10, "another key, and more than the limit");
    assert_eq!(take("c", 0, 10, "2026-11-20T08:00:00Z").await, 0);
    assert_eq!(take("c", 1, 0, "2026-11-20T08:00:00Z").await, 0);
    assert!(world.attribute("permits#a", "2026-11-20T08:00Z", "expires_at").await.is_some());

    let granted = join_all((0..40).map(|_| take("d", 3, 50, "2026-11-20T08:00:00Z"))).await;
    assert!(granted.iter().sum::<u32>() <= 50);
    assert_eq!(granted.iter().sum::<u32>() + take("d", 50, 50, "2026-11-20T08:00:00Z").await, 50);
}

#[tokio::test]
async fn an_objection_is_stored_and_the_latest_one_counts() {
    let Some(world) = World::new("contact").await else { return };
    let key = ContactKey::parse("00112233445566778899aabbccddeeff").expect("a key");
    let (table, connection) = (&world.table, &world.connection);
    let contact = async || table.load_contact(connection, &key).await.expect("an answer");
    assert_eq!(contact().await, Contact::default());

    let (booking, command) = (BookingId::new("bk-1"), CommandId::new("sms-reminder-60m-0"));
    let reached = sms(&key, 1, NOW);
    let reserved = table.reserve_sms(connection, &reached, &Contact::default()).await.expect("an answer");
    assert_eq!(reserved, SmsReserved::Reserved(1));
    let write = async |objection, source, when: &str| {
        table.write_objection(connection, &key, objection, source, at(when)).await.expect("written");
    };
    write(Some(Objection::Everything), ConsentSource::Reply, "2026-11-20T09:00:00Z").await;
    // An older reply that arrives later changes nothing.
    write(None, ConsentSource::Reply, "2026-11-20T08:59:59Z").await;
    let known = contact().await;
    assert_eq!(known.objection, Some((Objection::Everything, ConsentSource::Reply)));
    assert_eq!(known.last, Some((booking, command)));
    let pk = format!("default#contact#{}", key.as_str());
    assert_eq!(world.attribute(&pk, "objection", "expires_at").await, None, "an objection never expires");
    assert!(world.attribute(&pk, "reached", "expires_at").await.is_some());

    write(None, ConsentSource::Reply, "2026-11-20T09:00:01Z").await;
    assert_eq!(contact().await.objection, None);
    let other = ConnectionName::parse("acme").expect("a name");
    assert_eq!(table.load_contact(&other, &key).await.expect("an answer"), Contact::default());
}

/// Returns the reservation of an SMS; at most 10 segments go to a number, and 15 to all, in any 24 hours.
fn sms(to: &ContactKey, segments: u32, when: &str) -> SmsReservation {
    SmsReservation {
        to: to.clone(),
        booking: BookingId::new("bk-1"),
        command: CommandId::new("sms-reminder-60m-0"),
        segments,
        per_number: 10,
        per_connection: 15,
        at: at(when),
    }
}

#[tokio::test]
async fn segments_of_sms_are_reserved_over_any_day_and_given_back() {
    use SmsReserved::{ConnectionSpent, NumberSpent, Reserved};
    let Some(world) = World::new("sms-budget").await else { return };
    let (table, connection) = (&world.table, &world.connection);
    let [ana, ion] = ["+40712345678", "+40712345679"]
        .map(|number| ContactKey::for_phone(&PEPPER, connection, &domain::Phone::parse(number).expect("E.164")));
    let reserve = async |to: &ContactKey, segments, when: &str| {
        let contact = table.load_contact(connection, to).await.expect("an answer");
        table.reserve_sms(connection, &sms(to, segments, when), &contact).await.expect("an answer")
    };
    assert_eq!(reserve(&ana, 4, "2026-11-20T08:00:00Z").await, Reserved(4));
    assert_eq!(reserve(&ana, 6, "2026-11-20T15:00:00Z").await, Reserved(10));
    assert_eq!(reserve(&ana, 1, "2026-11-20T15:00:00Z").await, NumberSpent);
    assert_eq!(reserve(&ion, 6, "2026-11-20T15:00:00Z").await, ConnectionSpent);
    assert_eq!(reserve(&ion, 5, "2026-11-20T15:00:00Z").await, Reserved(15));
    // What was certainly not sent is given back.
    let six = sms(&ana, 6, "2026-11-20T15:00:00Z");
    table.correct_sms(connection, &six, 0).await.expect("written");
    assert_eq!(reserve(&ana, 6, "2026-11-20T15:00:00Z").await, Reserved(15));
    // A provider that counts other segments is believed: fewer leave room, and more take it.
    table.correct_sms(connection, &six, 5).await.expect("written");
    assert_eq!(reserve(&ana, 1, "2026-11-20T15:00:00Z").await, Reserved(15));
    table.correct_sms(connection, &sms(&ana, 1, "2026-11-20T15:00:00Z"), 3).await.expect("written");
    let pk = format!("default#contact#{}", ana.as_str());
    let counted = world.attribute(&pk, "reached", "day#2026-11-20T12:00:00Z").await;
    assert_eq!(counted, Some(AttributeValue::N("8".to_owned())));
    table.correct_sms(connection, &sms(&ana, 3, "2026-11-20T15:00:00Z"), 1).await.expect("written");
    // A day later the first does not count any more, and its bucket is removed from the number's row.
    assert_eq!(reserve(&ana, 4, "2026-11-21T07:59:59Z").await, NumberSpent);
    assert_eq!(reserve(&ana, 4, "2026-11-21T12:00:00Z").await, Reserved(15));
    assert_eq!(world.attribute(&pk, "reached", "day#2026-11-20T08:00:00Z").await, None);
    // A number that nobody has read again: the write itself holds the limit.
    let unread = Contact::default();
    let first = table.reserve_sms(connection, &sms(&ion, 9, "2026-11-23T10:00:00Z"), &unread).await.expect("an answer");
    let second =
        table.reserve_sms(connection, &sms(&ion, 2, "2026-11-23T10:00:01Z"), &unread).await.expect("an answer");
    assert_eq!((first, second), (Reserved(9), NumberSpent));
    assert_eq!(reserve(&ana, 6, "2026-11-23T10:00:02Z").await, Reserved(15), "the refused one was given back");

    // Of many at the same time, as many as fit are sent.
    let many = join_all((0..20).map(|number| {
        let to = ContactKey::for_email(&PEPPER, connection, &format!("{number}"));
        async move { table.reserve_sms(connection, &sms(&to, 1, "2026-12-01T10:00:00Z"), &Contact::default()).await }
    }));
    let reserved = many.await.into_iter().filter(|it| matches!(it, Ok(Reserved(_)))).count();
    assert_eq!(reserved, 15);
}

#[tokio::test]
async fn a_number_is_used_once_and_its_redelivery_is_no_second_use() {
    let Some(world) = World::new("nonce").await else { return };
    let used = async |nonce: &str, digest: &str| {
        world.table.claim_nonce(&world.connection, nonce, digest, at(NOW)).await.expect("an answer").is_some()
    };
    assert!(used("n-1", "body").await);
    assert!(used("n-1", "body").await, "the queue delivers it again");
    assert!(!used("n-1", "forged").await);
    assert!(used("n-2", "forged").await);
    assert!(used(&"n".repeat(9_999), "body").await, "it may be of any length");
}

#[tokio::test]
async fn a_hold_is_stored_with_its_end() {
    let Some(world) = World::new("hold").await else { return };
    let hold = async |id: &str| world.table.load_hold(&world.connection, id).await.expect("an answer");
    let until = at("2026-11-20T08:10:00.5Z");
    world.table.put_hold(&world.connection, "h-1", r#"{"any":"text"}"#, until).await.expect("stored");
    assert_eq!(hold("h-1").await, Some((r#"{"any":"text"}"#.to_owned(), until)));
    assert_eq!(hold("h-2").await, None);
    assert_eq!(hold("").await, None);
    assert_eq!(hold(&"h".repeat(9_999)).await, None);
    let acme = ConnectionName::parse("acme").expect("a name");
    assert_eq!(world.table.load_hold(&acme, "h-1").await.expect("an answer"), None);
    let expiry = world.attribute("default#hold#h-1", "hold", "expires_at").await;
    assert_eq!(expiry, Some(AttributeValue::N((until.as_second() + 86_400).to_string())));
}

#[tokio::test]
async fn bookings_are_counted_by_their_state() {
    let Some(world) = World::new("counts").await else { return };
    let counts = async |now: &str| world.table.count_bookings(&world.connection, at(now)).await.expect("an answer");
    assert_eq!(counts(START).await, BookingCounts::default());
    world.apply("bk-1", &created("I1", "2026-11-20T09:59:59Z")).await;
    world.apply("bk-2", &created("I2", START)).await;
    world.apply("bk-3", &created("I3", "2026-11-21T10:00:00Z")).await;
    world.apply("bk-4", &moved("I4", START, "I5")).await;
    let mut canceled = moved("I6", START, "I7");
    canceled.leg.next = None;
    canceled.leg.canceled = canceled.leg.canceled.map(|end| Cancellation { rescheduled: false, ..end });
    world.apply("bk-5", &canceled).await;
    world
        .table
        .commit_decision(&requesting(&snapshot("bk-6"), "k-1", calendly_request(START, None)), &[])
        .await
        .expect("a request alone");
    assert_eq!(counts(START).await, BookingCounts { upcoming: 2, past: 1, canceled: 1, moving: 1 });
    assert_eq!(counts("2027-01-01T00:00:00Z").await, BookingCounts { upcoming: 0, past: 3, canceled: 1, moving: 1 });
    let acme = ConnectionName::parse("acme").expect("a name");
    assert_eq!(world.table.count_bookings(&acme, at(START)).await.expect("an answer"), BookingCounts::default());
}

#[tokio::test]
async fn bookings_are_counted_on_all_pages() {
    let Some(world) = World::new("counts-pages").await else { return };
    let text = |text: String| AttributeValue::S(text);
    // Long keys fill a page soonest.
    let rows: Vec<_> = (0..1300)
        .map(|number| {
            let row = PutRequest::builder()
                .item("pk", text(format!("default#{number:0900}")))
                .item("sk", text("1#booking".to_owned()))
                .item("gsi3pk", text("default#on".to_owned()))
                .item("gsi3sk", text(START.to_owned()));
            WriteRequest::builder().put_request(row.build().expect("a row")).build()
        })
        .collect();
    for some in rows.chunks(25) {
        let written = world.client.batch_write_item().request_items(&world.name, some.to_vec()).send().await;
        assert!(written.expect("written").unprocessed_items.is_none_or(|left| left.is_empty()));
    }
    let page = world.client.query().table_name(&world.name).index_name("by_start").select(Select::Count);
    let page = page.key_condition_expression("gsi3pk = :pk");
    let page = page.expression_attribute_values(":pk", text("default#on".to_owned())).send().await;
    assert!(page.expect("an answer").last_evaluated_key.is_some(), "the test needs more than one page");
    let counts = world.table.count_bookings(&world.connection, at(START)).await.expect("an answer");
    assert_eq!(counts, BookingCounts { upcoming: 1300, ..BookingCounts::default() });
}

#[tokio::test]
async fn a_webhook_writes_the_pulse() {
    let Some(world) = World::new("pulse").await else { return };
    let other = Table::new(world.client.clone(), &world.name);
    let pulse = async || world.table.last_webhook(&world.connection).await.expect("an answer");
    let commit = async |table: &Table, booking: &str, received_at: &str, payload: &[u8]| {
        let fact = created(&format!("I-{booking}"), START);
        let decision = decide(&snapshot(booking), std::slice::from_ref(&fact), &settings(), fact.occurred_at);
        let stored = StoredFact { received_at: at(received_at), payload: payload.to_vec(), ..stored_fact(&fact) };
        table.commit_decision(&decision, &[stored]).await.expect("a commit");
    };
    commit(&world.table, "bk-1", "2026-11-02T08:00:00Z", b"").await;
    assert_eq!(pulse().await, None, "an answer to our call is no webhook");
    commit(&world.table, "bk-2", "2026-11-02T08:00:01.5Z", b"{}").await;
    assert_eq!(pulse().await, Some(at("2026-11-02T08:00:01.5Z")));
    commit(&world.table, "bk-3", "2026-11-02T08:00:02Z", b"{}").await;
    assert_eq!(pulse().await, Some(at("2026-11-02T08:00:01.5Z")), "once a minute is enough");
    commit(&other, "bk-4", "2026-11-02T08:00:01Z", b"{}").await;
    assert_eq!(pulse().await, Some(at("2026-11-02T08:00:01.5Z")), "an earlier instant changes nothing");
    let third = Table::new(world.client.clone(), &world.name);
    commit(&third, "bk-5", "2026-11-02T08:00:03Z", b"{}").await;
    assert_eq!(pulse().await, Some(at("2026-11-02T08:00:03Z")));
}

#[tokio::test]
async fn connections_are_listed_by_name_and_written_at_the_revision_that_was_read() {
    let Some(World { table, .. }) = World::new("connections").await else { return };
    let load = async |name: &str| {
        table.load_connection(&ConnectionName::parse(name).expect("a name")).await.expect("an answer")
    };
    assert_eq!(table.list_connections().await.expect("an answer"), []);
    assert_eq!(load("acme").await, None);
    let (acme, connections) = (connection("acme"), connection("connections"));
    table.write_connection(&connections).await.expect("written");
    table.write_connection(&acme).await.expect("written");
    assert!(matches!(table.write_connection(&acme).await, Err(CommitError::Conflict)), "it is stored already");

    let stored = load("acme").await.expect("a connection");
    assert_eq!(stored, Connection { revision: 1, ..acme });
    let disabled = Connection { status: ConnectionStatus::Disabled, ..stored.clone() };
    table.write_connection(&disabled).await.expect("written");
    assert!(matches!(table.write_connection(&stored).await, Err(CommitError::Conflict)), "it has changed");
    let missing = Connection { revision: 1, ..connection("other") };
    assert!(matches!(table.write_connection(&missing).await, Err(CommitError::Conflict)), "it is not stored");
    let expected = [Connection { revision: 2, ..disabled }, Connection { revision: 1, ..connections }];
    assert_eq!(table.list_connections().await.expect("an answer"), expected);
}
