//! Order and completeness: for every interleaving of functions, and for a function killed at any call, each endpoint
//! gets every event of a stream, first successes in order, and no lane is forgotten.

use std::collections::{BTreeMap, BTreeSet};

use deliveries::{ATTEMPTS_OF_FUNCTION, Limits};
use deliveries_world::{Behavior, Choice, RandomChoice, ScriptedChoice, Simulation, State, endpoint};
use domain::ConnectionName;
use endpoints::{DeliveryState, Disabled, EndpointId, Speed, Statistics, Status};
use events::{Event, EventType, Stream, digest};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};
use wire::deliveries::Delivery;

fn at(seconds: i64) -> Timestamp {
    let start: Timestamp = "2026-11-26T12:00:00Z".parse().expect("an instant");
    start + SignedDuration::from_secs(seconds)
}

fn booking(number: usize) -> Stream {
    Stream::Booking(format!("bk-{number}"))
}

fn event(stream: &Stream, number: usize, kind: EventType, at: Timestamp) -> Event {
    let id = format!("evt_{}_{number}", stream.id());
    Event { id, kind, at, data: json!({ "booking": { "id": stream.id() }, "n": number }) }
}

/// Plans `count` events of a stream, `every` seconds one.
fn publish<C: Choice>(simulation: &mut Simulation<C>, stream: &Stream, count: usize, every: i64) {
    for number in 1..=count {
        let when = at(i64::try_from(number).expect("small") * every);
        let kind = if number % 3 == 0 { EventType::BookingCanceled } else { EventType::BookingCreated };
        simulation.publish_at(when, stream.clone(), event(stream, number, kind, when));
    }
}

/// Returns the ids of the first successes of each lane, in order.
fn first_successes(state: &State) -> BTreeMap<(EndpointId, String), Vec<u64>> {
    let mut seen = BTreeSet::new();
    let mut lanes: BTreeMap<_, Vec<u64>> = BTreeMap::new();
    for received in &state.received {
        if seen.insert((received.endpoint.clone(), received.event.clone())) {
            let body: Value = serde_json::from_str(&received.body).expect("JSON");
            let stream = body["sequence"]["stream"].as_str().expect("a stream").to_owned();
            let number = body["sequence"]["number"].as_u64().expect("a number");
            lanes.entry((received.endpoint.clone(), stream)).or_default().push(number);
        }
    }
    lanes
}

/// Verifies what holds whenever nothing is left to do.
fn assert_complete(state: &State) {
    assert_eq!(state.waiting_messages(), 0);
    for ((id, stream), numbers) in first_successes(state) {
        let is_given_up = |number: &u64| {
            let key = (id.clone(), Stream::parse(&stream).expect("a stream"), *number);
            state.deliveries.get(&key).is_some_and(|it| it.state == DeliveryState::GivenUp)
        };
        let last = *numbers.last().expect("one at least");
        let expected: Vec<_> = (1..=last).filter(|number| numbers.contains(number) || !is_given_up(number)).collect();
        assert_eq!(numbers, expected, "{id} {stream}");
    }
    for ((id, stream), lane) in &state.lanes {
        let endpoint = &state.endpoints[id];
        if endpoint.is_active() {
            assert_eq!(lane.through, state.logs[stream].len() as u64, "{id} {stream} is not behind: {lane:?}");
            assert!(lane.pending.is_none() && !lane.is_stalled, "{id} {stream} has ended");
        } else {
            assert!(lane.pending.is_none() || lane.is_stalled, "{id} {stream} would be found again: {lane:?}");
        }
    }
    // The chain of digests: each body names the one before it.
    for ((id, stream, number), delivery) in &state.deliveries {
        let body: Value = serde_json::from_str(&delivery.body).expect("JSON");
        let before = state.deliveries.get(&(id.clone(), stream.clone(), number - 1));
        let previous = body["sequence"]["previous"].as_str();
        assert_eq!(previous, before.map(|it| digest(&it.body)).as_deref());
    }
    for id in state.endpoints.keys() {
        let deliveries = state.deliveries.iter().filter(|((owner, ..), _)| owner == id).map(|(_, delivery)| delivery);
        let counted = state.statistics.iter().filter(|((owner, _), _)| owner == id);
        let hours = counted.map(|((_, hour), it)| (hour.clone(), it.clone())).collect();
        assert_eq!(Statistics::rebuild(deliveries), Statistics { hours }, "the statistics of {id} are true");
    }
}

fn receipts(state: &State, id: &str) -> usize {
    state.received.iter().filter(|it| it.endpoint.as_str() == id).count()
}

/// Plays three events of one booking for one endpoint, two functions side by side.
fn play_small(choice: ScriptedChoice) -> Simulation<ScriptedChoice> {
    let mut simulation = Simulation::new(choice, 2, Limits::default());
    simulation.add_endpoint(endpoint("ep_1"), Behavior::Healthy);
    let stream = booking(1);
    for number in 1..=3 {
        simulation.publish_at(at(0), stream.clone(), event(&stream, number, EventType::BookingCreated, at(0)));
    }
    simulation.run(None);
    simulation
}

#[test]
fn every_interleaving_and_a_kill_at_every_call_delivers_all_in_order() {
    let check = |choice: ScriptedChoice| {
        let is_killed = choice.kill_at.is_some();
        let played = play_small(choice.clone());
        let state = played.state();
        assert_complete(&state);
        assert_eq!(first_successes(&state).into_values().next(), Some(vec![1, 2, 3]), "{choice:?}");
        assert!(state.received.len() == 3 || is_killed, "a duplicate without a kill: {choice:?}");
        drop(state);
        played.choice.runnable
    };
    let plain = check(ScriptedChoice::default());
    let mut runs = 0;
    for first in 1..=plain.len() as u64 {
        for kill_at in [None, Some(first)] {
            check(ScriptedChoice { kill_at, ..ScriptedChoice::default() });
            runs += 1;
        }
        let switches = BTreeMap::from([(first, 1)]);
        let switched = check(ScriptedChoice { switches: switches.clone(), ..ScriptedChoice::default() });
        for second in 1..=switched.len() as u64 {
            let kill = ScriptedChoice { switches: switches.clone(), kill_at: Some(second), ..Default::default() };
            check(kill);
            let mut both = switches.clone();
            both.insert(second, 1);
            check(ScriptedChoice { switches: both, ..Default::default() });
            runs += 2;
        }
    }
    assert!(runs > 1_000, "{runs} runs");
}

#[test]
fn a_failing_endpoint_is_retried_by_its_schedule_and_the_next_event_waits() {
    let mut simulation = Simulation::new(RandomChoice::new(1, 0), 10, Limits::default());
    simulation.add_endpoint(endpoint("ep_1"), Behavior::FailsUntil(at(7_000)));
    publish(&mut simulation, &booking(1), 2, 1);
    simulation.run(None);
    let state = simulation.state();
    assert_complete(&state);
    let delivery = &state.deliveries[&(EndpointId::parse("ep_1").expect("an id"), booking(1), 1)];
    let waits: Vec<_> =
        delivery.attempts.windows(2).map(|pair| pair[1].at.duration_since(pair[0].at).as_secs()).collect();
    for (wait, base) in waits.iter().zip([5, 300, 1_800, 7_200]) {
        assert!((base * 4 / 5 - 1..=base * 6 / 5 + 3).contains(wait), "{waits:?}");
    }
    assert_eq!(state.received.iter().map(|it| it.event.as_str()).collect::<Vec<_>>(), ["evt_bk-1_1", "evt_bk-1_2"]);
}

#[test]
fn an_event_that_is_refused_for_28_hours_is_given_up_and_the_next_follows() {
    let mut simulation = Simulation::new(RandomChoice::new(1, 0), 10, Limits::default());
    simulation.add_endpoint(endpoint("ep_1"), Behavior::FailsUntil(at(130_000)));
    publish(&mut simulation, &booking(1), 2, 1);
    simulation.run(None);
    let state = simulation.state();
    assert_complete(&state);
    let id = EndpointId::parse("ep_1").expect("an id");
    let first = &state.deliveries[&(id.clone(), booking(1), 1)];
    let second = &state.deliveries[&(id, booking(1), 2)];
    assert_eq!((first.state, first.attempts.len()), (DeliveryState::GivenUp, 8));
    assert_eq!(second.state, DeliveryState::Delivered);
}

#[test]
fn a_stalled_stream_does_not_change_the_times_of_others() {
    let times = |is_stalled: bool| {
        let mut simulation = Simulation::new(RandomChoice::new(3, 0), 200, Limits::default());
        let good = endpoints::Endpoint { events: vec!["booking.*".to_owned()], ..endpoint("ep_1") };
        simulation.add_endpoint(good, Behavior::Healthy);
        let bad = [("ep_2", Behavior::Hangs), ("ep_3", Behavior::Fails(500)), ("ep_4", Behavior::Fails(410))];
        for (id, behavior) in bad.into_iter().filter(|_| is_stalled) {
            simulation.add_endpoint(endpoint(id), behavior);
        }
        for number in 0..10 {
            publish(&mut simulation, &booking(number), 10, 2);
        }
        simulation.run(Some(at(3_600)));
        let state = simulation.state();
        let mut times: Vec<_> = state
            .received
            .iter()
            .filter(|it| it.endpoint.as_str() == "ep_1")
            .map(|it| (it.event.clone(), it.at))
            .collect();
        times.sort();
        assert_eq!(times.len(), 100);
        times
    };
    assert_eq!(times(false), times(true));
}

#[test]
fn a_dead_endpoint_is_disabled_and_the_others_are_told() {
    let mut simulation = Simulation::new(RandomChoice::new(5, 0), 50, Limits::default());
    simulation.add_endpoint(endpoint("ep_ops"), Behavior::Healthy);
    simulation.add_endpoint(endpoint("ep_dead"), Behavior::Fails(500));
    simulation.add_endpoint(endpoint("ep_gone"), Behavior::Fails(410));
    for day in 0..7 {
        for number in 0..5 {
            let stream = booking(day * 10 + number);
            let when = at(i64::try_from(day).expect("small") * 86_400);
            simulation.publish_at(when, stream.clone(), event(&stream, 1, EventType::BookingCreated, when));
        }
    }
    simulation.run(None);
    let state = simulation.state();
    assert_complete(&state);
    let status = |id: &str| state.endpoints[&EndpointId::parse(id).expect("an id")].status;
    assert_eq!(status("ep_dead"), Status::Disabled { reason: Disabled::Failing });
    assert_eq!(status("ep_gone"), Status::Disabled { reason: Disabled::Gone });
    let told: Vec<_> = state
        .received
        .iter()
        .filter_map(|it| {
            let body: Value = serde_json::from_str(&it.body).expect("JSON");
            let kind = body["type"].as_str()?.to_owned();
            kind.starts_with("endpoint.").then(|| (kind, body["data"]["endpointId"].as_str().map(str::to_owned)))
        })
        .collect();
    let expect = |kind: &str, id: &str| (kind.to_owned(), Some(id.to_owned()));
    assert_eq!(
        told,
        [
            expect("endpoint.disabled", "ep_gone"),
            expect("endpoint.failing", "ep_dead"),
            expect("endpoint.disabled", "ep_dead")
        ]
    );
    let attempts = state.deliveries.iter().filter(|((id, ..), _)| id.as_str() == "ep_dead");
    let attempts: usize = attempts.map(|(_, delivery)| delivery.attempts.len()).sum();
    assert!((60..=2_000).contains(&attempts), "{attempts}: the breaker bounds them, and probes go on");
}

#[test]
fn an_endpoint_that_is_enabled_again_gets_what_waited() {
    let mut simulation = Simulation::new(RandomChoice::new(6, 0), 50, Limits::default());
    let unverified = endpoints::Endpoint { status: Status::Unverified, ..endpoint("ep_1") };
    simulation.add_endpoint(unverified, Behavior::Healthy);
    for number in 0..120 {
        publish(&mut simulation, &booking(number), 2, 1);
    }
    simulation.run(None);
    assert_eq!(receipts(&simulation.state(), "ep_1"), 0);
    let resume = Delivery::Resume {
        connection: ConnectionName::default(),
        endpoint: "ep_1".to_owned(),
        probe: None,
        after: None,
    };
    simulation.change(|state| {
        let now = state.now;
        for endpoint in state.endpoints.values_mut() {
            *endpoint = endpoint.clone().with_status(Status::Enabled, now);
        }
    });
    simulation.send(resume);
    simulation.run(None);
    let state = simulation.state();
    assert_complete(&state);
    assert_eq!(receipts(&state, "ep_1"), 240);
}

#[test]
fn a_lane_goes_on_when_its_event_has_expired() {
    let mut simulation = Simulation::new(RandomChoice::new(12, 0), 5, Limits::default());
    simulation.add_endpoint(endpoint("ep_1"), Behavior::FailsUntil(at(60)));
    publish(&mut simulation, &booking(1), 3, 1);
    simulation.run(Some(at(4)));
    // The first event was attempted, and is no longer in the log when its retry is due.
    simulation.change(|state| {
        state.expired.insert((booking(1), 1));
    });
    simulation.run(None);
    let state = simulation.state();
    assert_eq!(first_successes(&state).into_values().next(), Some(vec![2, 3]));
    assert!(state.lanes.values().all(|lane| lane.through == 3 && lane.pending.is_none()));
}

#[test]
fn events_of_other_types_make_no_gap_and_older_events_are_not_sent() {
    let mut simulation = Simulation::new(RandomChoice::new(7, 0), 5, Limits::default());
    let filtered = endpoints::Endpoint { events: vec!["booking.canceled".to_owned()], ..endpoint("ep_1") };
    simulation.add_endpoint(filtered, Behavior::Healthy);
    let late = endpoints::Endpoint { receives_since: at(5), ..endpoint("ep_2") };
    simulation.add_endpoint(late, Behavior::Healthy);
    let condition = endpoints::Endpoint { condition: Some("n > 7".to_owned()), ..endpoint("ep_3") };
    simulation.add_endpoint(condition, Behavior::Healthy);
    publish(&mut simulation, &booking(1), 9, 1);
    simulation.run(None);
    let state = simulation.state();
    assert_complete(&state);
    let numbers: BTreeMap<_, _> =
        first_successes(&state).into_iter().map(|((id, _), numbers)| (id.as_str().to_owned(), numbers)).collect();
    assert_eq!(numbers["ep_1"], [1, 2, 3]);
    assert_eq!(numbers["ep_2"], [1, 2, 3, 4, 5]);
    assert_eq!(numbers["ep_3"], [1, 2]);
}

#[test]
fn a_replay_repeats_what_has_ended_with_the_same_id_and_bytes() {
    let mut simulation = Simulation::new(RandomChoice::new(8, 0), 5, Limits::default());
    simulation.add_endpoint(endpoint("ep_1"), Behavior::Healthy);
    for number in 0..70 {
        publish(&mut simulation, &booking(number), 1, 1);
    }
    simulation.run(None);
    let since = |only_failed| Delivery::ReplaySince {
        connection: ConnectionName::default(),
        endpoint: "ep_1".to_owned(),
        since: at(0),
        only_failed,
        after: None,
    };
    simulation.send(since(true));
    simulation.run(None);
    assert_eq!(receipts(&simulation.state(), "ep_1"), 70, "nothing had failed");
    simulation.send(since(false));
    simulation.run(None);
    let state = simulation.state();
    assert_complete(&state);
    assert_eq!(receipts(&state, "ep_1"), 140);
    let bodies: BTreeSet<_> = state.received.iter().map(|it| (it.event.as_str(), it.body.as_str())).collect();
    assert_eq!(bodies.len(), 70);
}

#[test]
fn an_endpoint_that_asks_finds_every_event_once_and_in_order_per_booking() {
    let mut simulation = Simulation::new(RandomChoice::new(9, 4_000), 20, Limits::default());
    let polled = endpoints::Endpoint { target: endpoints::TargetKind::Poll, ..endpoint("ep_poll") };
    simulation.add_endpoint(polled, Behavior::Hangs);
    for number in 0..20 {
        publish(&mut simulation, &booking(number), 5, 1);
    }
    simulation.run(None);
    assert!(simulation.killed > 0);
    let state = simulation.state();
    assert_complete(&state);
    let feed = &state.feeds[&EndpointId::parse("ep_poll").expect("an id")];
    assert_eq!((feed.len(), feed.iter().map(|it| &it.body).collect::<BTreeSet<_>>().len()), (100, 100));
    let mut last = BTreeMap::new();
    for delivery in feed {
        let body: Value = serde_json::from_str(&delivery.body).expect("JSON");
        let number = body["sequence"]["number"].as_u64().expect("a number");
        let before = last.insert(body["sequence"]["stream"].to_string(), number).unwrap_or(0);
        assert_eq!(number, before + 1);
    }
    assert!(state.received.is_empty(), "it is not called");
}

#[test]
fn an_endpoint_with_an_address_has_every_event_handed_over_at_least_once() {
    let mut simulation = Simulation::new(RandomChoice::new(5, 4_000), 20, Limits::default());
    let mailed = endpoints::Endpoint { target: endpoints::TargetKind::Email, ..endpoint("ep_mail") };
    simulation.add_endpoint(mailed, Behavior::Hangs);
    for number in 0..20 {
        publish(&mut simulation, &booking(number), 5, 1);
    }
    simulation.run(None);
    assert!(simulation.killed > 0);
    let state = simulation.state();
    assert_complete(&state);
    let messages: BTreeSet<_> = state.handed_over.iter().map(wire::due::Due::to_json).collect();
    assert_eq!(messages.len(), 100, "a repeated attempt has the same key");
    assert!(state.received.is_empty(), "it is not called");
}

#[test]
fn the_endpoints_of_a_connection_share_a_bounded_number_of_attempts() {
    let most = |endpoints: u32, behavior: Behavior| {
        let mut simulation = Simulation::new(RandomChoice::new(3, 0), 400, Limits::default());
        for number in 0..endpoints {
            simulation.add_endpoint(endpoint(&format!("ep_{number}")), behavior);
        }
        for number in 0..40 {
            publish(&mut simulation, &booking(number), 1, 0);
        }
        simulation.run(None);
        let state = simulation.state();
        assert_complete(&state);
        (state.most_in_all, state.most_concurrent.values().copied().max())
    };
    let slow = Behavior::Slow(SignedDuration::from_secs(14));
    assert_eq!(most(1, slow), (10, Some(10)));
    assert_eq!(most(4, slow), (40, Some(10)));
    assert_eq!(most(30, slow), (240, Some(8)));
    assert_eq!(most(50, slow), (250, Some(5)));
    assert!(most(50, Behavior::Hangs).0 <= 250);
}

#[test]
fn one_connection_leaves_attempts_for_the_others() {
    let template = concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml");
    let template = std::fs::read_to_string(template).expect("the template");
    let number = |section: &str, name: &str| -> u32 {
        let (_, section) = template.split_once(section).expect("the section");
        let (_, value) = section.split_once(name).expect("the property");
        value.lines().next().and_then(|it| it.trim().parse().ok()).expect("a number")
    };
    assert_eq!(number("\n  Dispatcher:", " BatchSize:"), ATTEMPTS_OF_FUNCTION);
    let default = number("\n  DispatcherConcurrency:", " Default:");
    let of_connection = |functions| Limits::of_functions(functions).concurrency_of_connection;
    for functions in [1, default, 5, 60, 1000] {
        let attempts = functions * ATTEMPTS_OF_FUNCTION;
        assert!((1..attempts).contains(&of_connection(functions)), "{functions} functions");
    }
    assert_eq!([2, 60, 1000].map(of_connection), [8, 250, 250]);
}

/// A lane may stall between the message that continues the stalled lanes and the write that closes the breaker.
#[test]
fn no_lane_stays_behind_when_the_breaker_closes() {
    for seed in 0..150 {
        let mut simulation = Simulation::new(RandomChoice::new(seed, 0), 30, Limits::default());
        let flaps = Behavior::Flaps(SignedDuration::from_secs(45));
        let events = vec!["booking.*".to_owned()];
        simulation.add_endpoint(endpoints::Endpoint { events, ..endpoint("ep_1") }, flaps);
        for number in 0..40 {
            publish(&mut simulation, &booking(number), 3, 31);
        }
        simulation.run(None);
        assert_complete(&simulation.state());
    }
}

/// Ten thousand events in virtual time, with bad endpoints among good ones.
#[test]
fn lanes_that_wait_for_a_dead_endpoint_do_not_ask_again_and_again() {
    // Retries pass faster here, so that the breaker is hardly ever open, and one probe is made at a time.
    for (behavior, speed) in [(Behavior::Hangs, 1), (Behavior::Hangs, 1_000), (Behavior::Fails(500), 1_000)] {
        let limits = Limits { speed: Speed::new(speed), ..Limits::default() };
        let mut simulation = Simulation::new(RandomChoice::new(7, 0), 30, limits);
        simulation.add_endpoint(endpoint("dead"), behavior);
        for number in 0..100 {
            publish(&mut simulation, &booking(number), 1, 1);
        }
        simulation.run(Some(at(400)));
        let state = simulation.state();
        let (looks, attempts) = (state.calls["load_lane"], state.calls["post"]);
        assert!(looks < 4 * attempts + 700, "{behavior:?} {speed}: {looks} looks at lanes for {attempts} attempts");
    }
}

#[test]
fn ten_thousand_events_reach_every_healthy_endpoint_in_order_and_no_bad_one_delays_them() {
    let play = |has_bad: bool| {
        let mut simulation = Simulation::new(RandomChoice::new(11, 0), 400, Limits::default());
        for number in 0..2 {
            let events = vec!["booking.*".to_owned()];
            let good = endpoints::Endpoint { events, ..endpoint(&format!("ep_good{number}")) };
            simulation.add_endpoint(good, Behavior::Healthy);
        }
        let bad = [
            ("ep_hang", Behavior::Hangs),
            ("ep_fail", Behavior::Fails(500)),
            ("ep_flap", Behavior::Flaps(SignedDuration::from_mins(7))),
            ("ep_gone", Behavior::Fails(410)),
        ];
        for (id, behavior) in bad.into_iter().filter(|_| has_bad) {
            simulation.add_endpoint(endpoint(id), behavior);
        }
        for number in 0..200 {
            publish(&mut simulation, &booking(number), 50, 60);
        }
        simulation.run(Some(at(4_000)));
        let state = simulation.state();
        let mut delays = Vec::new();
        for received in state.received.iter().filter(|it| it.endpoint.as_str().starts_with("ep_good")) {
            let body: Value = serde_json::from_str(&received.body).expect("JSON");
            let published: Timestamp = body["timestamp"].as_str().expect("a time").parse().expect("an instant");
            delays.push(received.at.duration_since(published).as_millis());
        }
        assert_eq!(delays.len(), 20_000, "each event once");
        delays.sort_unstable();
        for ((id, stream), numbers) in first_successes(&state) {
            let all: Vec<_> = (1..=numbers.len() as u64).collect();
            assert_eq!(numbers, all, "{id} {stream}");
        }
        let most = state.most_concurrent.values().max().copied();
        assert!(most <= Some(Limits::default().concurrency), "{most:?}");
        delays[delays.len() * 99 / 100]
    };
    let (alone, among_bad) = (play(false), play(true));
    assert!(among_bad <= 2 * alone, "p99 {alone} ms alone, {among_bad} ms among bad endpoints");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn nothing_is_lost_when_functions_are_killed_at_random(seed: u64, kills in 1_000_u64..20_000) {
        let mut simulation = Simulation::new(RandomChoice::new(seed, kills), 20, Limits::default());
        let flaps = Behavior::Flaps(SignedDuration::from_secs(40));
        for (id, behavior) in [("ep_1", Behavior::Healthy), ("ep_2", flaps), ("ep_3", Behavior::FailsUntil(at(600)))] {
            let events = vec!["booking.*".to_owned()];
            simulation.add_endpoint(endpoints::Endpoint { events, ..endpoint(id) }, behavior);
        }
        for number in 0..6 {
            publish(&mut simulation, &booking(number), 6, 3);
        }
        simulation.run(None);
        let state = simulation.state();
        assert_complete(&state);
        for id in ["ep_1", "ep_2", "ep_3"] {
            let received = state.received.iter().filter(|it| it.endpoint.as_str() == id).map(|it| it.event.clone());
            let given_up = state.deliveries.iter().filter(|((it, ..), delivery)| {
                it.as_str() == id && delivery.state == DeliveryState::GivenUp
            });
            // An event whose answer was lost can be both.
            let ended: BTreeSet<_> = received.chain(given_up.map(|(_, it)| it.event_id.clone())).collect();
            prop_assert_eq!(ended.len(), 36, "{}", id);
        }
    }
}
