//! The cost of a delivery: the calls of ports for each event and endpoint. docs/performance.md has its price.

use std::collections::BTreeMap;

use deliveries::Limits;
use deliveries_world::{Behavior, RandomChoice, Simulation, endpoint};
use events::{Event, EventType, Stream};
use serde_json::json;

/// Plays events of one booking, one after another, and counts the calls.
fn count_calls(endpoints: usize, events: usize, behavior: Behavior) -> BTreeMap<&'static str, u64> {
    let mut simulation = Simulation::new(RandomChoice::new(1, 0), 10, Limits::default());
    for number in 0..endpoints {
        simulation.add_endpoint(endpoint(&format!("ep_{number}")), behavior);
    }
    let stream = Stream::Booking("bk-1".to_owned());
    for number in 0..events {
        let at = "2026-11-26T12:00:01Z".parse::<jiff::Timestamp>().expect("an instant")
            + jiff::SignedDuration::from_secs(10 * i64::try_from(number).expect("small"));
        let data = json!({ "booking": { "id": "bk-1" } });
        let event = Event { id: format!("evt_{number}"), kind: EventType::BookingCreated, at, data };
        simulation.publish_at(at, stream.clone(), event);
    }
    simulation.run(None);
    assert_eq!(simulation.state().received.len(), endpoints * events);
    simulation.state().calls.clone()
}

#[test]
fn a_delivery_at_the_first_attempt_has_a_fixed_cost() {
    let per_delivery = BTreeMap::from([
        ("load_endpoint", 1),
        ("load_lane", 1),
        ("read_events", 2),
        ("load_health", 1),
        ("take_slot", 1),
        ("write_lane", 1),
        ("post", 1),
        ("settle_attempt", 1),
        ("release_slot", 1),
    ]);
    let per_event = BTreeMap::from([("list_endpoints", 1), ("send", 1)]);
    for (endpoints, events) in [(1, 1), (1, 7), (5, 1), (5, 7)] {
        let deliveries = per_delivery.iter().map(|(name, count)| (*name, count * (endpoints * events) as u64));
        let fan_out = per_event.iter().map(|(name, count)| (*name, count * events as u64));
        let expected: BTreeMap<_, _> = deliveries.chain(fan_out).collect();
        assert_eq!(
            count_calls(endpoints, events, Behavior::Healthy),
            expected,
            "{endpoints} endpoints, {events} events"
        );
    }
}

#[test]
fn an_event_without_endpoints_costs_one_read() {
    assert_eq!(count_calls(0, 3, Behavior::Healthy), BTreeMap::from([("list_endpoints", 3)]));
}
