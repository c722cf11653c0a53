//! The import of meetings that exist at Calendly: reminders are planned, contacts are kept, nobody is told of the past.

use domain::{ConnectionName, EventUri};
use fakes::{Call, Fault};
use jiff::{SignedDuration, Timestamp};
use wire::due::{Due, ImportPosition};

use crate::payload::{EMAIL, Meeting, at};
use crate::publication::publish;
use crate::world::{Queue, TestWorld};

/// Seven meetings: one has been, one was moved, the others are ahead.
fn meetings() -> Vec<Meeting> {
    let own = |number, start: &str| Meeting { token: None, ..Meeting::new(number, "2026-11-18T09:00:00Z", start) };
    let mut all = vec![own(1, "2026-11-19T09:00:00Z")];
    let moved = own(2, "2026-11-24T09:00:00Z");
    all.push(moved.clone());
    all.push(moved.moved(3, "2026-11-19T10:00:00Z", "2026-11-25T09:00:00Z"));
    all.extend((4..8).map(|number| own(number, &format!("2026-11-2{number}T10:00:00Z"))));
    all
}

fn world() -> TestWorld {
    let world = TestWorld::new("2026-11-20T09:00:00Z");
    publish(&world);
    world.change_settings(|it| it.crm = Some(domain::settings::CrmSettings::default()));
    let all = meetings();
    for meeting in &all {
        let next = all.iter().find(|it| it.previous == Some(meeting.number));
        world.add_to_calendly(meeting.looked_up(next));
    }
    world
}

fn begin(world: &TestWorld, since: &str, event: Option<&str>) -> String {
    let position = ImportPosition {
        started_at: world.now.get(),
        since: at(since),
        event: event.map(EventUri::new),
        page: None,
        events: 0,
        invitees: 0,
        changed: 0,
        tries: 0,
    };
    Due::Import { connection: ConnectionName::default(), position }.to_json()
}

/// Imports, and waits until it has ended.
fn import(world: &TestWorld, since: &str, event: Option<&str>) -> engine::Import {
    let message = begin(world, since, event);
    deliver(world, &message);
    world.wait(SignedDuration::from_hours(1));
    world.state.borrow().import.clone().expect("an import")
}

/// Delivers a message as the queue does, until it is processed.
fn deliver(world: &TestWorld, message: &str) {
    for _ in 0..5 {
        if world.invoke(Queue::Due, &[message]) == Some(vec![]) {
            return;
        }
        world.now.set(world.now.get() + SignedDuration::from_secs(180));
    }
    panic!("the message ended in the dead-letter queue");
}

/// What an import leaves: the bookings, the timers, and the contacts of the CRM.
fn left(world: &TestWorld) -> (usize, Vec<String>, Vec<String>) {
    let state = world.state.borrow();
    let timers = state.schedules.keys().cloned().collect();
    let contacts = state.crm.iter().map(|(email, it)| format!("{email} {:?}", it.attributes)).collect();
    (state.bookings.len(), timers, contacts)
}

#[test]
fn an_import_plans_reminders_and_tells_nobody_of_the_past() {
    let world = world();
    let done = import(&world, "2026-11-01T00:00:00Z", None);
    assert_eq!((done.events, done.invitees, done.is_done, done.problem), (7, 7, true, None));
    let (bookings, timers, contacts) = left(&world);
    assert_eq!(bookings, 6, "the two halves of the move are one booking");
    let reminders = timers.iter().filter(|it| it.starts_with("sms-reminder")).count();
    assert_eq!(reminders, 10, "two for each of the five that are ahead: {timers:?}");
    assert_eq!(contacts.len(), 1);
    assert!(contacts[0].starts_with(EMAIL), "{contacts:?}");
    assert_eq!(world.effects(), [""; 0], "no message, no news, no analytics");
    let state = world.state.borrow();
    assert!(state.crm.values().all(|it| it.events.is_empty()), "no automation is triggered");
    assert!(state.events.is_empty() && state.published.is_empty(), "no event for customers' systems");
}

#[test]
fn later_things_are_told_as_usual() {
    let world = world();
    import(&world, "2026-11-01T00:00:00Z", None);
    let seventh = meetings()[6].clone();
    world.receive_webhook(&seventh.canceled("2026-11-20T12:00:00Z", "invitee", "x"));
    assert_eq!(world.count("SMS cancellation"), 1);
    assert_eq!(world.state.borrow().crm[EMAIL].events, ["booking_canceled"]);
    world.wait_until("2026-11-24T10:00:00Z");
    assert!(world.count("SMS reminder") >= 2, "{:?}", world.effects());
}

#[test]
fn importing_again_changes_nothing() {
    let world = world();
    let first = import(&world, "2026-11-01T00:00:00Z", None);
    assert_eq!(first.changed, 6, "the second half of the move came with the first");
    let before = left(&world);
    let second = import(&world, "2026-11-01T00:00:00Z", None);
    assert_eq!((second.changed, second.events, second.is_done), (0, 7, true));
    assert_eq!(left(&world), before);
    assert_eq!(world.effects(), [""; 0]);
}

#[test]
fn a_webhook_that_comes_after_the_import_confirms_nothing() {
    let world = world();
    import(&world, "2026-11-01T00:00:00Z", None);
    world.receive_webhook(&meetings()[5].created());
    assert_eq!(world.count("SMS confirmation"), 0);
}

#[test]
fn an_import_may_begin_at_an_instant_or_be_of_one_event() {
    let world = world();
    let done = import(&world, "2026-11-26T00:00:00Z", None);
    assert_eq!((done.events, left(&world).0), (2, 2));
    let done = import(&world, "1970-01-01T00:00:00Z", Some("https://api.calendly.com/scheduled_events/event-4"));
    assert_eq!((done.events, done.invitees, left(&world).0), (1, 1, 3));
    let done = import(&world, "1970-01-01T00:00:00Z", Some("https://api.calendly.com/scheduled_events/unknown"));
    assert_eq!((done.events, done.is_done), (0, true));
}

#[test]
fn an_outage_of_calendly_puts_an_import_off() {
    let world = world();
    world.faults.take_down(Call::ListInvitees);
    deliver(&world, &begin(&world, "2026-11-01T00:00:00Z", None));
    world.wait(SignedDuration::from_hours(10));
    let import = world.state.borrow().import.clone().expect("an import");
    assert!(!import.is_done && import.problem.is_some(), "{import:?}");
    world.faults.restore();
    world.wait(SignedDuration::from_hours(2));
    let import = world.state.borrow().import.clone().expect("an import");
    assert!(import.is_done && import.problem.is_none() && import.events == 7, "{import:?}");
    assert!(world.state.borrow().dead_letters.is_empty());
}

#[test]
fn an_import_that_never_gets_an_answer_ends_after_a_day() {
    let world = world();
    world.faults.take_down(Call::ListInvitees);
    deliver(&world, &begin(&world, "2026-11-01T00:00:00Z", None));
    world.wait(SignedDuration::from_hours(48));
    let import = world.state.borrow().import.clone().expect("an import");
    assert!(import.is_done && import.problem.is_some(), "{import:?}");
    let lasted = import.updated_at.duration_since(import.started_at);
    assert!(lasted > SignedDuration::from_hours(20), "{lasted:?}");
}

#[test]
fn a_later_import_ends_an_earlier_one() {
    let world = world();
    let first = begin(&world, "2026-11-01T00:00:00Z", None);
    deliver(&world, &first);
    world.now.set(world.now.get() + SignedDuration::from_secs(1));
    let done = import(&world, "2026-11-27T00:00:00Z", None);
    assert_eq!((done.events, done.is_done), (1, true));
    assert_eq!(left(&world).0, 3, "two of the first page, and one");
}

#[test]
fn killed_or_failing_at_every_step_an_import_ends_the_same() {
    let calm = world();
    import(&calm, "2026-11-01T00:00:00Z", None);
    let expected = left(&calm);
    let mut histories = 0;
    for number in 0..calm.call_count() {
        for fault in [Fault::Killed { has_effect: false }, Fault::Killed { has_effect: true }, Fault::Fails] {
            let faulty = world();
            faulty.faults.at_call(number, fault.clone());
            import(&faulty, "2026-11-01T00:00:00Z", None);
            faulty.wait(SignedDuration::from_hours(2));
            let what = format!("{fault:?} at call {number} ({:?})", calm.calls_from(number)[0]);
            assert_eq!(left(&faulty), expected, "{what}");
            assert_eq!(faulty.effects(), [""; 0], "{what}");
            histories += 1;
        }
    }
    println!("{histories} histories");
    assert!(histories > 200);
}

/// When a re-planning is due, in a world with three bookings.
fn replan(world: &TestWorld, version: u64) -> String {
    let started_at: Timestamp = world.now.get();
    Due::Replan { connection: ConnectionName::default(), version, started_at, bookings: 0, after: None }.to_json()
}

#[test]
fn a_change_of_settings_plans_booked_meetings_again() {
    let world = world();
    import(&world, "2026-11-01T00:00:00Z", None);
    world.change_settings(|it| {
        it.reminder_minutes = vec![30];
        it.version = 1;
    });
    deliver(&world, &replan(&world, 1));
    world.wait(SignedDuration::from_mins(1));
    let timers = left(&world).1;
    let of = |slug: &str| timers.iter().filter(|it| it.starts_with(slug)).count();
    assert_eq!((of("sms-reminder-30m"), of("sms-reminder")), (5, 5), "{timers:?}");
    let replan = world.state.borrow().replan.clone().expect("a re-planning");
    assert_eq!((replan.bookings, replan.is_done, replan.version), (5, true, 1));
    assert_eq!(world.effects(), [""; 0]);
}
