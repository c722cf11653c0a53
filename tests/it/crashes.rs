//! Every story, with the functions killed at every port call, before and after its effect, and with every port call
//! failing once. The world must end the same. Where a provider has no idempotency key, it may differ as the command
//! declares.

use std::collections::BTreeMap;

use domain::{CommandId, DeliveryGuarantee, Outcome, Reason, State};
use fakes::{Call, Fault};

use crate::stories::ALL;
use crate::world::TestWorld;

/// Returns how often each effect happened.
fn count_effects(world: &TestWorld) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in world.effects() {
        *counts.entry(line).or_default() += 1;
    }
    counts
}

fn guarantee(line: &str) -> DeliveryGuarantee {
    match line {
        _ if line.starts_with("SMS reminder") || line.starts_with("SMS follow_up") => DeliveryGuarantee::AtMostOnce,
        _ if line.starts_with("SMS") || line.starts_with("e-mail") || line.contains("offers help") => {
            DeliveryGuarantee::OnceMore
        }
        _ => DeliveryGuarantee::AtLeastOnce,
    }
}

/// Asserts that a world with a fault ended as the one without did. `is_ambiguous`: the fault may have come between a
/// provider's act and its settlement.
fn assert_same_world(calm: &TestWorld, faulty: &TestWorld, is_ambiguous: bool, what: &str) {
    assert_eq!(calm.booking(), faulty.booking(), "{what}");
    assert!(faulty.state.borrow().dead_letters.is_empty(), "{what}: nothing is lost");
    let (expected, found) = (count_effects(calm), count_effects(faulty));
    for line in found.keys() {
        assert!(expected.contains_key(line), "{what}: must not happen: {line}");
    }
    let mut differences = 0;
    for (line, &times) in &expected {
        let seen = found.get(line).copied().unwrap_or(0);
        match guarantee(line) {
            _ if seen == times => {}
            DeliveryGuarantee::AtMostOnce if is_ambiguous && seen < times => differences += 1,
            DeliveryGuarantee::OnceMore | DeliveryGuarantee::AtLeastOnce if is_ambiguous && seen == times + 1 => {
                differences += 1;
            }
            _ => panic!("{what}: {line} happened {seen} times, not {times}"),
        }
    }
    assert!(differences <= 1, "{what}: one fault leaves one doubt");

    let (calm, faulty) = (calm.state.borrow(), faulty.state.borrow());
    assert_eq!(calm.commands.keys().collect::<Vec<_>>(), faulty.commands.keys().collect::<Vec<_>>(), "{what}");
    let mut unknown = 0;
    for (id, (_, command)) in &faulty.commands {
        assert!(command.state.is_final(), "{what}: {id} is left {}", command.state.name());
        let expected = &calm.commands[id].1.state;
        if command.state == State::Unknown {
            assert!(is_ambiguous && command.action.guarantee() == DeliveryGuarantee::AtMostOnce, "{what}: {id}");
            unknown += 1;
        } else {
            assert_eq!(command.state.name(), expected.name(), "{what}: {id}");
        }
    }
    assert!(unknown <= 1, "{what}");
    assert!(faulty.schedules.is_empty(), "{what}: no timer is left behind");
}

/// Plays every story with a fault at each of its calls. Returns how many histories were played.
fn play_with_faults(
    faults: &[Fault],
    is_of_interest: impl Fn(Call) -> bool,
    check: impl Fn(&TestWorld, &TestWorld, Call, &Fault, &str),
) -> usize {
    let mut histories = 0;
    for story in ALL {
        let calm = story.play(|_| {});
        for (number, call) in calm.calls_from(0).into_iter().enumerate().filter(|(_, call)| is_of_interest(*call)) {
            for fault in faults {
                let faulty = story.play(|world| world.faults.at_call(number, fault.clone()));
                check(&calm, &faulty, call, fault, &format!("{}, {fault:?} at call {number} ({call:?})", story.name));
                histories += 1;
            }
        }
    }
    histories
}

#[test]
fn killed_at_every_step_the_world_ends_the_same() {
    let killed = [false, true].map(|has_effect| Fault::Killed { has_effect });
    let histories = play_with_faults(
        &killed,
        |_| true,
        |calm, faulty, call, fault, what| {
            // Between the claim and its settlement the outcome can't be known; before and after it must be.
            let is_ambiguous = match call {
                Call::Claim => *fault == Fault::Killed { has_effect: true },
                Call::Settle => *fault == Fault::Killed { has_effect: false },
                _ => call.is_provider() || call == Call::LoadPayload,
            };
            assert_same_world(calm, faulty, is_ambiguous, what);
        },
    );
    println!("{histories} histories");
    assert!(histories > 300);
}

#[test]
fn with_every_call_failing_once_the_world_ends_the_same() {
    let histories = play_with_faults(
        &[Fault::Fails],
        |_| true,
        |calm, faulty, call, _, what| {
            // A settlement that could not be written leaves the same doubt as a death.
            assert_same_world(calm, faulty, call == Call::Settle, what);
        },
    );
    println!("{histories} histories");
    assert!(histories > 150);
}

#[test]
fn with_every_answer_lost_once_the_world_ends_the_same() {
    let histories = play_with_faults(
        &[Fault::NoAnswer { has_effect: true }],
        |_| true,
        |calm, faulty, call, _, what| {
            assert_same_world(calm, faulty, call.is_provider() || call == Call::Claim, what);
        },
    );
    println!("{histories} histories");
    assert!(histories > 150);
}

#[test]
fn with_a_provider_refusing_once_only_that_message_is_lost_and_shown_as_failed() {
    let reason = Reason::ProviderRefused;
    let refused = Fault::Answers(Outcome::Refused { reason, detail: "as the test asks".to_owned() });
    let histories = play_with_faults(&[refused], Call::is_provider, |calm, faulty, _, _, what| {
        assert_eq!(calm.booking(), faulty.booking(), "{what}");
        assert_eq!(faulty.effects().len() + 1, calm.effects().len(), "{what}");
        let (calm, faulty) = (calm.state.borrow(), faulty.state.borrow());
        let differs = |id: &&CommandId| calm.commands[*id].1.state.name() != faulty.commands[*id].1.state.name();
        let different: Vec<_> = faulty.commands.keys().filter(differs).collect();
        assert_eq!(different.len(), 1, "{what}");
        assert_eq!(faulty.commands[different[0]].1.state, State::Failed { reason }, "{what}");
        assert!(faulty.schedules.is_empty() && faulty.dead_letters.is_empty(), "{what}");
    });
    println!("{histories} histories");
    assert!(histories > 30);
}
