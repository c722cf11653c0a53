//! Two functions at work on one booking at the same moment, their calls interleaved in many ways.

use std::collections::BTreeSet;

use crate::payload::Meeting;
use crate::world::Fake;

fn first() -> Meeting {
    Meeting::new(1, "2026-11-20T09:00:00Z", "2026-11-25T08:30:00Z")
}

fn second() -> Meeting {
    first().moved(2, "2026-11-21T10:00:00Z", "2026-11-26T12:00:00Z")
}

/// A pair of things that happen at once, after what came before.
struct Race {
    name: &'static str,
    before: fn(&Fake),
    at_once: fn(&Fake) -> [(String, bool); 2],
}

const RACES: [Race; 5] = [
    Race {
        name: "the same booking, delivered twice",
        before: |_| {},
        at_once: |world| [(world.intake(&first().created()), true), (world.intake(&first().created()), true)],
    },
    Race {
        name: "a booking and its cancellation",
        before: |_| {},
        at_once: |world| {
            let canceled = first().canceled("2026-11-20T09:00:01Z", "invitee", "");
            [(world.intake(&first().created()), true), (world.intake(&canceled), true)]
        },
    },
    Race {
        name: "the two halves of a move",
        before: |world| world.webhook(&first().created()),
        at_once: |world| {
            [(world.intake(&first().moved_away(&second())), true), (world.intake(&second().created()), true)]
        },
    },
    Race {
        name: "a reminder, delivered twice",
        before: |world| {
            world.webhook(&first().created());
            world.now.set(crate::payload::at("2026-11-24T08:30:00Z"));
        },
        at_once: |world| {
            let (_, body) = world.state.borrow().schedules.values().min().cloned().expect("a schedule");
            [(body.clone(), false), (body, false)]
        },
    },
    Race {
        name: "a reminder and a cancellation",
        before: |world| {
            world.webhook(&first().created());
            world.now.set(crate::payload::at("2026-11-24T08:30:00Z"));
        },
        at_once: |world| {
            let (_, body) = world.state.borrow().schedules.values().min().cloned().expect("a schedule");
            let canceled = first().canceled("2026-11-24T08:29:59Z", "invitee", "");
            [(body, false), (world.intake(&canceled), true)]
        },
    },
];

#[test]
fn two_at_once_leave_one_world() {
    let mut histories = 0;
    for race in RACES {
        let mut endings = BTreeSet::new();
        for seed in 0..400_u64 {
            let world = Fake::new("2026-11-20T09:00:02Z");
            world.vai_writes_metadata();
            (race.before)(&world);
            let [a, b] = (race.at_once)(&world);
            world.two_at_once([(&a.0, a.1), (&b.0, b.1)], seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            world.wait_until("2026-11-28T00:00:00Z");
            let told = world.told();
            let is_reminder = |line: &&String| line.starts_with("SMS reminder");
            let others: BTreeSet<_> = told.iter().filter(|it| !is_reminder(it)).collect();
            let reminders = told.iter().filter(is_reminder).count();
            assert_eq!(others.len() + reminders, told.len(), "{}, seed {seed}: told twice: {told:?}", race.name);
            assert!(reminders <= 2, "{}, seed {seed}: {told:?}", race.name);
            let state = world.state.borrow();
            assert!(state.dead.is_empty(), "{}, seed {seed}", race.name);
            assert!(
                state.commands.values().all(|(_, it)| it.state.is_final()),
                "{}, seed {seed}: {:?}",
                race.name,
                world.ledger()
            );
            assert!(state.commands.values().all(|(_, it)| it.state.name() != "unknown"), "{}, seed {seed}", race.name);
            drop(state);
            endings.insert(format!("{:?}", world.booking()));
            histories += 1;
        }
        assert_eq!(endings.len(), 1, "{}: one booking in the end", race.name);
    }
    println!("{histories} histories with two functions at once");
}

#[test]
fn the_two_halves_of_a_move_at_once_are_one_move() {
    for seed in 0..400_u64 {
        let world = Fake::new("2026-11-20T09:00:02Z");
        world.vai_writes_metadata();
        world.webhook(&first().created());
        let (old, new) = (world.intake(&first().moved_away(&second())), world.intake(&second().created()));
        world.two_at_once([(&old, true), (&new, true)], seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        world.wait_until("2026-11-20T12:00:00Z");
        let told = world.told();
        assert!(!told.iter().any(|it| it.contains("cancel")), "{told:?}");
        assert_eq!(told.iter().filter(|it| it.starts_with("SMS move")).count(), 1, "{told:?}");
        // A timer whose command was taken back while it was being made is left over: it fires, and does nothing.
        let names: Vec<_> =
            world.state.borrow().schedules.keys().filter(|it| !it.starts_with("heal")).cloned().collect();
        assert_eq!(names.len(), 3, "the new leg's timers: {names:?}");
    }
}

#[test]
fn whoever_is_beaten_decides_again_a_few_times() {
    let world = Fake::new("2026-11-20T09:00:02Z");
    world.state.borrow_mut().conflicts = 4;
    assert_eq!(world.try_once(&[&world.intake(&first().created())], true), Some(vec![]));
    assert!(!world.told().is_empty());
    let world = Fake::new("2026-11-20T09:00:02Z");
    world.state.borrow_mut().conflicts = 5;
    assert_eq!(world.try_once(&[&world.intake(&first().created())], true), Some(vec![0]), "then the record comes back");
}

#[test]
fn at_most_eight_calls_of_providers_are_under_way() {
    let world = Fake::new("2026-11-20T09:00:02Z");
    let messages: Vec<_> =
        (1..=10).map(|number| world.intake(&Meeting { number, token: None, ..first() }.created())).collect();
    let bodies: Vec<_> = messages.iter().map(String::as_str).collect();
    assert_eq!(world.batch(&bodies), Vec::<usize>::new());
    assert_eq!(world.state.borrow().bookings.len(), 10);
    assert_eq!(world.state.borrow().most_under_way, 8);
}

#[test]
fn whoever_finds_a_command_in_other_hands_comes_again() {
    // A function dies in the middle of a call, and its record with it; another had the same record at that moment.
    let world = Fake::new("2026-11-20T09:00:02Z");
    let message = world.intake(&Meeting { token: None, ..first() }.created());
    world.try_once(&[&message], true).expect("a rehearsal");
    let claim = world.state.borrow().calls.iter().position(|it| *it == "claim").expect("a claim");

    let world = Fake::new("2026-11-20T09:00:02Z");
    world.crash.set(Some(crate::world::Crash { at_call: claim, after_effect: true }));
    assert_eq!(world.try_once(&[&message], true), None, "killed");
    world.crash.set(None);
    assert_eq!(world.try_once(&[&message], true), Some(vec![]), "what can be done is done, and the record is gone");
    assert!(world.ledger().iter().any(|it| it.contains("claimed")), "{:?}", world.ledger());
    world.wait_until("2026-11-20T09:10:00Z");
    assert!(!world.ledger().iter().any(|it| it.contains("claimed") || it.contains("open")), "{:?}", world.ledger());
}
