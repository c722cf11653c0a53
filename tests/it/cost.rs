//! How many calls a fact costs: two reads and one transaction; claim, call and settle for each effect; one read of the
//! recipient's contact for each message, and for an SMS one reservation of its segments, which also writes who got it.
//! A duplicate costs two calls.

use fakes::Call;

use crate::payload::Meeting;
use crate::world::TestWorld;

fn meeting() -> Meeting {
    Meeting::new(1, "2026-11-20T09:00:00Z", "2026-11-25T08:30:00Z")
}

#[test]
fn a_new_fact_costs_two_reads_one_transaction_and_three_calls_per_effect() {
    let world = TestWorld::new("2026-11-20T09:00:02Z");
    world.store_metadata();
    world.receive_webhook(&meeting().created());
    let calls = world.calls_from(0);
    assert_eq!(calls[..3], [Call::Aliases, Call::LoadBooking, Call::CommitDecision]);
    let effects = calls.iter().filter(|it| it.is_provider()).count();
    // SMS, e-mail, VAI's news, analytics: claimed, called, settled. Three timers, idempotent by name: set and settled.
    let timers = world.count_calls(Call::SetTimer);
    assert_eq!((effects, timers), (4, 3));
    let (reads, writes) = (world.count_calls(Call::LoadContact), world.count_calls(Call::ReserveSms));
    assert_eq!((reads, writes), (2, 1));
    assert_eq!(calls.len(), 3 + 3 * effects + 2 * timers + reads + writes, "{calls:?}");
}

#[test]
fn a_duplicate_costs_two_calls() {
    let world = TestWorld::new("2026-11-20T09:00:02Z");
    world.receive_webhook(&meeting().created());
    let before = world.call_count();
    world.receive_webhook(&meeting().created());
    assert_eq!(world.calls_from(before), [Call::Aliases, Call::LoadBooking]);
}

#[test]
fn a_reminder_costs_two_reads_a_look_and_four_calls() {
    let world = TestWorld::new("2026-11-20T09:00:02Z");
    world.receive_webhook(&meeting().created());
    let before = world.call_count();
    world.wait_until("2026-11-24T09:00:00Z");
    assert_eq!(
        world.calls_from(before),
        [
            Call::LoadBooking,
            Call::FetchInvitee,
            Call::LoadContact,
            Call::ReserveSms,
            Call::Claim,
            Call::SendSms,
            Call::Settle
        ]
    );
}
