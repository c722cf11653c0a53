//! An attack: somebody books on the public page with numbers that cost or belong to others, and moves each meeting
//! again and again. What is sent, to whom and what it costs is printed, and is within the budgets.

use std::collections::BTreeMap;

use domain::settings::{Audience, Price, Settings};
use domain::{BookingId, Phone, SmsTotal};
use jiff::{SignedDuration, Timestamp};

use crate::payload::{Meeting, at};
use crate::world::TestWorld;

/// When the attack begins.
const BEGIN: &str = "2026-11-20T09:00:00Z";

/// The segments of each SMS.
const SEGMENTS: u32 = 3;

/// The number of somebody who knows nothing of it.
const VICTIM: &str = "+40712345678";

/// The host's number.
const HOST: &str = "+4520123456";

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Premium, shared-cost, personal and satellite numbers.
const COSTLY: [&str; 9] = [
    "+449012345678",
    "+447012345678",
    "+499001234567",
    "+33891123456",
    "+33820123456",
    "+870301234567",
    "+881612345678",
    "+883510012345",
    "+878101234567890",
];

/// An SMS that was sent.
struct Sent {
    at: Timestamp,
    booking: BookingId,
    to: String,
    kind: String,
}

/// Returns the number of the attacker's meeting.
fn number(meeting: u32) -> &'static str {
    let costly = COSTLY[usize::try_from(meeting).expect("small") % COSTLY.len()];
    match meeting % 4 {
        0 => costly,
        1 => VICTIM,
        // Each meeting has another number, in China and in Indonesia.
        2 => format!("+861380013{meeting:04}").leak(),
        _ => format!("+6281234{meeting:04}").leak(),
    }
}

/// Books meetings on the public page and moves each of them, all within some 70 minutes. Then their time comes.
fn attack(meetings: u32, moves: u32, change: impl FnOnce(&mut Settings)) -> TestWorld {
    let world = TestWorld::new(BEGIN);
    world.change_settings(|settings| {
        settings.sms_price = Price::parse("0.045 EUR");
        settings.host_phone = Phone::parse(HOST);
        // Fewer commands for each of some four thousand legs.
        (settings.reminder_minutes, settings.follow_up_minutes) = (vec![60], vec![]);
        change(settings);
    });
    world.state.borrow_mut().sms_segments = SEGMENTS;
    let seconds = |count: u32| SignedDuration::from_secs(i64::from(count));
    let mut last: Vec<Meeting> = Vec::new();
    for round in 0..=moves {
        for meeting in 0..meetings {
            let booked = at(BEGIN) + seconds(round * 200 + meeting);
            let start = at("2026-11-25T08:00:00Z") + seconds(meeting * 60 + round * 1_800);
            world.wait_until(&booked.to_string());
            let own = meeting * 100 + round;
            if round == 0 {
                let first = Meeting::new(own, &booked.to_string(), &start.to_string());
                let first = Meeting { token: None, phone: Some(number(meeting)), ..first };
                world.receive_webhook(&first.created());
                last.push(first);
            } else {
                let before = &mut last[usize::try_from(meeting).expect("small")];
                let next = before.moved(own, &booked.to_string(), &start.to_string());
                world.receive_webhook(&before.moved_away(&next));
                world.receive_webhook(&next.created());
                *before = next;
            }
        }
    }
    world.wait_until("2026-11-28T00:00:00Z");
    world
}

/// Returns the SMS of a world.
fn sent(world: &TestWorld) -> Vec<Sent> {
    let state = world.state.borrow();
    let texts = state.effects.iter().filter(|it| it.text.starts_with("SMS "));
    let sent = texts.map(|effect| {
        let (kind, rest) = effect.text.split_once(" [").expect("a kind");
        let to = rest.split_once("] to ").and_then(|(_, rest)| rest.split_once(':')).expect("a number").0;
        let command = effect.command.as_ref().expect("a command");
        let booking = state.commands[command].0.clone();
        Sent { at: effect.at, booking, to: to.to_owned(), kind: kind.to_owned() }
    });
    sent.collect()
}

/// Returns the most of these instants in any span of a length.
fn most_in_any(span: SignedDuration, mut times: Vec<Timestamp>) -> u32 {
    times.sort();
    let within = |end: &Timestamp| times.iter().filter(|it| *it <= end && end.duration_since(**it) < span).count();
    u32::try_from(times.iter().map(within).max().unwrap_or(0)).expect("small")
}

/// Groups instants.
fn by<K: Ord>(sent: &[Sent], key: impl Fn(&Sent) -> Option<K>) -> BTreeMap<K, Vec<Timestamp>> {
    let mut groups: BTreeMap<K, Vec<Timestamp>> = BTreeMap::new();
    for sms in sent {
        if let Some(key) = key(sms) {
            groups.entry(key).or_default().push(sms.at);
        }
    }
    groups
}

fn cost(world: &TestWorld) -> SmsTotal {
    let state = world.state.borrow();
    state.commands.values().flat_map(|(_, command)| &command.costs).collect()
}

#[test]
fn two_hundred_meetings_moved_twenty_times_cost_no_more_than_the_budget() {
    let world = attack(200, 20, |settings| settings.countries = vec!["*".to_owned()]);
    assert_eq!(world.state.borrow().bookings.len(), 200);
    let (sent, cost) = (sent(&world), cost(&world));
    let limits = world.state.borrow().settings.sms_budget.clone();

    println!("200 meetings, each moved 20 times: {cost}");
    let kinds = by(&sent, |sms| Some(sms.kind.clone()));
    for (kind, times) in &kinds {
        println!("  {:>5} {kind}", times.len());
    }
    let numbers = by(&sent, |sms| Some(sms.to.clone()));
    let countries = by(&sent, |sms| Some(sms.to[..3].to_owned()));
    for (code, times) in &countries {
        println!("  {:>5} to {code}…", times.len());
    }
    println!("  {:>5} to the victim {VICTIM}", numbers.get(VICTIM).map_or(0, Vec::len));
    println!("  {:>5} to the host {HOST}", numbers.get(HOST).map_or(0, Vec::len));

    assert!(COSTLY.iter().all(|it| !numbers.contains_key(*it)), "a costly number was texted");
    for (to, times) in &numbers {
        let limit = if to == HOST { limits.per_host_and_day } else { limits.per_number_and_day };
        let most = SEGMENTS * most_in_any(DAY, times.clone());
        assert!(most <= limit, "{most} segments to {to} in a day");
    }
    let most = SEGMENTS * most_in_any(DAY, sent.iter().map(|it| it.at).collect());
    assert!(most <= limits.per_day, "{most} segments in a day");
    for (booking, times) in by(&sent, |sms| Some(sms.booking.clone())) {
        let count = u32::try_from(times.len()).expect("small");
        assert!(count <= limits.messages_per_booking, "{count} SMS about {booking}");
    }
    for (booking, times) in by(&sent, |sms| (sms.kind == "SMS move").then(|| sms.booking.clone())) {
        let most = most_in_any(HOUR, times);
        assert!(most <= limits.moves_per_hour, "{most} moves of {booking} in an hour");
    }
    assert_eq!(cost.messages, sent.len(), "what was sent is what is counted");
    assert!(cost.segments > 0 && world.state.borrow().low_sms_budgets > 0, "somebody knows of it");
}

#[test]
fn by_default_a_stranger_makes_nobody_but_the_host_get_an_sms() {
    let world = attack(20, 3, |settings| settings.sms_for = Audience::Vai);
    let to: Vec<_> = by(&sent(&world), |sms| Some(sms.to.clone())).into_keys().collect();
    assert_eq!(to, [HOST]);
    let world = attack(20, 3, |settings| {
        (settings.sms_for, settings.host_notices_for) = (Audience::Vai, Audience::Vai);
    });
    assert_eq!((sent(&world).len(), cost(&world)), (0, SmsTotal::default()));
}
