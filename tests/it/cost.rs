//! How many calls a fact costs: two reads and one transaction; claim, call and settle per effect; for a message, one
//! read of what its recipient wishes, and for an SMS a note of it, which a reply is matched with; two calls for a
//! duplicate.

use crate::payload::Meeting;
use crate::world::Fake;

fn calls(world: &Fake, from: usize) -> Vec<&'static str> {
    world.state.borrow().calls[from..].to_vec()
}

#[test]
fn a_new_fact_costs_two_reads_one_transaction_and_three_calls_per_effect() {
    let world = Fake::new("2026-11-20T09:00:02Z");
    world.vai_writes_metadata();
    let meeting = Meeting::new(1, "2026-11-20T09:00:00Z", "2026-11-25T08:30:00Z");
    world.webhook(&meeting.created());
    let calls_made = calls(&world, 0);
    assert_eq!(calls_made[..3], ["aliases", "load", "commit"]);
    let count = |name: &str| calls_made.iter().filter(|it| **it == name).count();
    // SMS, e-mail, VAI's news, analytics: claimed, called, settled. Three timers, idempotent by name: made and settled.
    let (effects, timers) = (count("text") + count("mail") + count("vai"), count("timer"));
    assert_eq!((effects, timers), (4, 3));
    let (wishes, notes) = (count("contact"), count("reached"));
    assert_eq!((wishes, notes), (2, 1));
    assert_eq!(calls_made.len(), 3 + 3 * effects + 2 * timers + wishes + notes, "{calls_made:?}");
}

#[test]
fn a_duplicate_costs_two_calls() {
    let world = Fake::new("2026-11-20T09:00:02Z");
    let meeting = Meeting::new(1, "2026-11-20T09:00:00Z", "2026-11-25T08:30:00Z");
    world.webhook(&meeting.created());
    let before = world.state.borrow().calls.len();
    world.webhook(&meeting.created());
    assert_eq!(calls(&world, before), ["aliases", "load"]);
}

#[test]
fn a_reminder_costs_two_reads_a_look_and_four_calls() {
    let world = Fake::new("2026-11-20T09:00:02Z");
    world.webhook(&Meeting::new(1, "2026-11-20T09:00:00Z", "2026-11-25T08:30:00Z").created());
    let before = world.state.borrow().calls.len();
    world.wait_until("2026-11-24T09:00:00Z");
    assert_eq!(calls(&world, before), ["load", "look_up", "contact", "reached", "claim", "text", "settle"]);
}
