//! Every story with the functions killed at every port call, before and after it took effect, and with every port call
//! failing once. The world must end the same; where a provider has no idempotency, the difference is the declared one.

use std::collections::BTreeMap;

use domain::{DeliveryGuarantee, State};

use crate::stories::{ALL, BookingRecord};
use crate::world::{Crash, Fake};

/// How often each thing was told.
fn counts(world: &Fake) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in world.told() {
        *counts.entry(line).or_default() += 1;
    }
    counts
}

fn guarantee(line: &str) -> DeliveryGuarantee {
    match line {
        _ if line.starts_with("SMS reminder") || line.starts_with("SMS follow_up") || line.contains("offers help") => {
            DeliveryGuarantee::AtMostOnce
        }
        _ if line.starts_with("SMS") || line.starts_with("e-mail") => DeliveryGuarantee::OnceMore,
        _ => DeliveryGuarantee::AtLeastOnce,
    }
}

/// Asserts that a world that was hurt ended as the calm one did. `ambiguous`: the hurt may have fallen between a
/// provider's act and our note of it.
fn same_world(calm: &Fake, hurt: &Fake, ambiguous: bool, what: &str) {
    assert_eq!(calm.booking(), hurt.booking(), "{what}");
    assert!(hurt.state.borrow().dead.is_empty(), "{what}: nothing is lost");
    let (expected, told) = (counts(calm), counts(hurt));
    for line in told.keys() {
        assert!(expected.contains_key(line), "{what}: told what it should not: {line}");
    }
    let mut doubts = 0;
    for (line, &times) in &expected {
        let seen = told.get(line).copied().unwrap_or(0);
        match guarantee(line) {
            _ if seen == times => {}
            DeliveryGuarantee::AtMostOnce if ambiguous && seen < times => doubts += 1,
            DeliveryGuarantee::OnceMore | DeliveryGuarantee::AtLeastOnce if ambiguous && seen == times + 1 => {
                doubts += 1
            }
            _ => panic!("{what}: {line} was told {seen} times, not {times}"),
        }
    }
    assert!(doubts <= 1, "{what}: one blow leaves one doubt");

    let (calm, hurt) = (calm.state.borrow(), hurt.state.borrow());
    assert_eq!(calm.commands.keys().collect::<Vec<_>>(), hurt.commands.keys().collect::<Vec<_>>(), "{what}");
    let mut unknown = 0;
    for (id, (_, command)) in &hurt.commands {
        assert!(command.state.is_final(), "{what}: {id} is left {}", command.state.name());
        let expected = &calm.commands[id].1.state;
        if command.state == State::Unknown {
            assert!(ambiguous && command.action.guarantee() == DeliveryGuarantee::AtMostOnce, "{what}: {id}");
            unknown += 1;
        } else {
            assert_eq!(command.state.name(), expected.name(), "{what}: {id}");
        }
    }
    assert!(unknown <= 1, "{what}");
    assert!(hurt.schedules.is_empty(), "{what}: no timer is left behind");
}

fn calls_of(story: &BookingRecord) -> (Fake, Vec<&'static str>) {
    let calm = story.told(|_| {});
    let calls = calm.state.borrow().calls.clone();
    (calm, calls)
}

#[test]
fn killed_at_every_step_the_world_ends_the_same() {
    let mut histories = 0;
    for story in ALL {
        let (calm, calls) = calls_of(&story);
        for (at_call, name) in calls.into_iter().enumerate() {
            for after_effect in [false, true] {
                let hurt = story.told(|world| world.crash.set(Some(Crash { at_call, after_effect })));
                // Between the claim and its settlement nobody can know; before and after there is no excuse.
                let in_doubt = match name {
                    "claim" => after_effect,
                    "settle" => !after_effect,
                    _ => matches!(name, "payload" | "text" | "mail" | "vai"),
                };
                let what =
                    format!("{}, killed at call {at_call} ({name}), after its effect: {after_effect}", story.name);
                same_world(&calm, &hurt, in_doubt, &what);
                histories += 1;
            }
        }
    }
    println!("{histories} histories with a function killed");
    assert!(histories > 300);
}

#[test]
fn with_every_call_failing_once_the_world_ends_the_same() {
    let mut histories = 0;
    for story in ALL {
        let (calm, calls) = calls_of(&story);
        for (at_call, name) in calls.into_iter().enumerate() {
            let hurt = story.told(|world| world.fail_at_call.set(Some(at_call)));
            // A settlement that could not be written leaves the same doubt as a death.
            same_world(&calm, &hurt, name == "settle", &format!("{}, call {at_call} ({name}) fails", story.name));
            histories += 1;
        }
    }
    println!("{histories} histories with a call failing");
    assert!(histories > 150);
}

#[test]
fn with_every_answer_lost_once_the_world_ends_the_same() {
    let mut histories = 0;
    for story in ALL {
        let (calm, calls) = calls_of(&story);
        for (at_call, name) in calls.into_iter().enumerate() {
            let hurt = story.told(|world| world.lose_answer_at_call.set(Some(at_call)));
            let in_doubt = matches!(name, "claim" | "text" | "mail" | "vai");
            same_world(
                &calm,
                &hurt,
                in_doubt,
                &format!("{}, the answer of call {at_call} ({name}) is lost", story.name),
            );
            histories += 1;
        }
    }
    println!("{histories} histories with an answer lost");
    assert!(histories > 150);
}

#[test]
fn with_every_call_of_a_provider_refused_once_only_that_message_is_lost_and_it_says_so() {
    let mut histories = 0;
    for story in ALL {
        let (calm, calls) = calls_of(&story);
        for (at_call, name) in
            calls.into_iter().enumerate().filter(|(_, name)| matches!(*name, "text" | "mail" | "vai"))
        {
            let hurt = story.told(|world| world.refuse_at_call.set(Some(at_call)));
            let what = format!("{}, call {at_call} ({name}) is refused", story.name);
            assert_eq!(calm.booking(), hurt.booking(), "{what}");
            assert_eq!(hurt.told().len() + 1, calm.told().len(), "{what}");
            let (calm, hurt) = (calm.state.borrow(), hurt.state.borrow());
            let differs =
                |id: &&domain::CommandId| calm.commands[*id].1.state.name() != hurt.commands[*id].1.state.name();
            let different: Vec<_> = hurt.commands.keys().filter(differs).collect();
            assert_eq!(different.len(), 1, "{what}");
            let reason = domain::Reason::ProviderRefused;
            assert_eq!(hurt.commands[different[0]].1.state, State::Failed { reason }, "{what}");
            assert!(hurt.schedules.is_empty() && hurt.dead.is_empty(), "{what}");
            histories += 1;
        }
    }
    println!("{histories} histories with a message refused");
    assert!(histories > 30);
}
