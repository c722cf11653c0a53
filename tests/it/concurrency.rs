//! Two functions that work on one booking at the same moment, their calls interleaved in many ways.

use std::collections::BTreeSet;

use fakes::{Call, Fault};

use crate::payload::{Meeting, at};
use crate::world::{Queue, TestWorld};

fn first() -> Meeting {
    Meeting::new(1, "2026-11-20T09:00:00Z", "2026-11-25T08:30:00Z")
}

fn second() -> Meeting {
    first().moved(2, "2026-11-21T10:00:00Z", "2026-11-26T12:00:00Z")
}

/// Returns a world a moment after the first meeting was booked.
fn world() -> TestWorld {
    TestWorld::new("2026-11-20T09:00:02Z")
}

/// Two messages that are processed at once, after what came before.
struct Race {
    name: &'static str,
    before: fn(&TestWorld),
    at_once: fn(&TestWorld) -> [(Queue, String); 2],
}

fn book_and_wait_for_the_reminder(world: &TestWorld) {
    world.receive_webhook(&first().created());
    world.now.set(at("2026-11-24T08:30:00Z"));
}

fn next_timer(world: &TestWorld) -> String {
    let state = world.state.borrow();
    state.schedules.values().min_by_key(|(due, _)| *due).expect("a schedule").1.to_json()
}

const RACES: [Race; 5] = [
    Race {
        name: "a booking, delivered twice",
        before: |_| {},
        at_once: |world| [first().created(), first().created()].map(|it| (Queue::Intake, world.envelope(&it))),
    },
    Race {
        name: "a booking and its cancellation",
        before: |_| {},
        at_once: |world| {
            let canceled = first().canceled("2026-11-20T09:00:01Z", "invitee", "");
            [first().created(), canceled].map(|it| (Queue::Intake, world.envelope(&it)))
        },
    },
    Race {
        name: "the two halves of a move",
        before: |world| world.receive_webhook(&first().created()),
        at_once: |world| {
            [first().moved_away(&second()), second().created()].map(|it| (Queue::Intake, world.envelope(&it)))
        },
    },
    Race {
        name: "a reminder, delivered twice",
        before: book_and_wait_for_the_reminder,
        at_once: |world| [next_timer(world), next_timer(world)].map(|it| (Queue::Due, it)),
    },
    Race {
        name: "a reminder and a cancellation",
        before: book_and_wait_for_the_reminder,
        at_once: |world| {
            let canceled = first().canceled("2026-11-24T08:29:59Z", "invitee", "");
            [(Queue::Due, next_timer(world)), (Queue::Intake, world.envelope(&canceled))]
        },
    },
];

fn seeds() -> impl Iterator<Item = u64> {
    (0..400_u64).map(|it| it.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

#[test]
fn two_functions_at_once_leave_one_world() {
    let mut histories = 0;
    for race in RACES {
        let mut endings = BTreeSet::new();
        for seed in seeds() {
            let what = format!("{}, seed {seed}", race.name);
            let world = world();
            world.store_metadata();
            (race.before)(&world);
            let [a, b] = (race.at_once)(&world);
            world.invoke_two_at_once([(a.0, &a.1), (b.0, &b.1)], seed);
            world.wait_until("2026-11-28T00:00:00Z");
            let effects = world.effects();
            let is_reminder = |line: &&String| line.starts_with("SMS reminder");
            let others: BTreeSet<_> = effects.iter().filter(|it| !is_reminder(it)).collect();
            let reminders = effects.iter().filter(is_reminder).count();
            assert_eq!(others.len() + reminders, effects.len(), "{what}: done twice: {effects:?}");
            assert!(reminders <= 2, "{what}: {effects:?}");
            let state = world.state.borrow();
            assert!(state.dead_letters.is_empty(), "{what}");
            let lines = world.command_lines();
            assert!(state.commands.values().all(|(_, it)| it.state.is_final()), "{what}: {lines:?}");
            assert!(state.commands.values().all(|(_, it)| it.state.name() != "unknown"), "{what}");
            endings.insert(format!("{:?}", world.booking()));
            histories += 1;
        }
        assert_eq!(endings.len(), 1, "{}: one booking in the end", race.name);
    }
    println!("{histories} histories with two functions at once");
}

#[test]
fn the_two_halves_of_a_move_at_once_are_one_move() {
    for seed in seeds() {
        let world = world();
        world.store_metadata();
        world.receive_webhook(&first().created());
        let (old, new) = (world.envelope(&first().moved_away(&second())), world.envelope(&second().created()));
        world.invoke_two_at_once([(Queue::Intake, &old), (Queue::Intake, &new)], seed);
        world.wait_until("2026-11-20T12:00:00Z");
        let effects = world.effects();
        assert!(!effects.iter().any(|it| it.contains("cancel")), "{effects:?}");
        assert_eq!(effects.iter().filter(|it| it.starts_with("SMS move")).count(), 1, "{effects:?}");
        // A timer whose command was withdrawn while the timer was set is left over. It fires, and nothing happens.
        let names: Vec<_> =
            world.state.borrow().schedules.keys().filter(|it| !it.starts_with("heal")).cloned().collect();
        assert_eq!(names.len(), 3, "the new leg's timers: {names:?}");
    }
}

#[test]
fn a_conflict_is_decided_again_five_times() {
    for (conflicts, failures) in [(4, vec![]), (5, vec![0])] {
        let world = world();
        world.faults.conflicts(conflicts);
        assert_eq!(world.invoke(Queue::Intake, &[&world.envelope(&first().created())]), Some(failures.clone()));
        assert_eq!(world.effects().is_empty(), !failures.is_empty(), "after five conflicts the record comes back");
    }
}

#[test]
fn at_most_eight_provider_calls_are_under_way() {
    let world = world();
    let meetings = (1..=10).map(|number| Meeting { number, token: None, ..first() });
    let messages: Vec<_> = meetings.map(|it| world.envelope(&it.created())).collect();
    let bodies: Vec<_> = messages.iter().map(String::as_str).collect();
    assert_eq!(world.invoke_interleaved(&bodies), Vec::<usize>::new());
    assert_eq!(world.state.borrow().bookings.len(), 10);
    assert_eq!(world.state.borrow().most_calls_under_way, 8);
}

#[test]
fn a_booking_whose_command_is_claimed_elsewhere_is_looked_at_again() {
    // A function dies after it has claimed a command. Another one processes the same record at that moment.
    let rehearsal = world();
    let message = rehearsal.envelope(&Meeting { token: None, ..first() }.created());
    rehearsal.invoke(Queue::Intake, &[&message]).expect("a rehearsal");
    let claim = rehearsal.calls_from(0).iter().position(|it| *it == Call::Claim).expect("a claim");

    let world = world();
    world.faults.at_call(claim, Fault::Killed { has_effect: true });
    assert_eq!(world.invoke(Queue::Intake, &[&message]), None, "killed");
    assert_eq!(world.invoke(Queue::Intake, &[&message]), Some(vec![]), "the rest is done, and the record is processed");
    let is_open = |it: &String| it.contains("claimed") || it.contains("open");
    assert!(world.command_lines().iter().any(|it| it.contains("claimed")), "{:?}", world.command_lines());
    world.wait_until("2026-11-20T09:10:00Z");
    assert!(!world.command_lines().iter().any(is_open), "{:?}", world.command_lines());
}
