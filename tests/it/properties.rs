//! Any order, same world: the facts of one booking, permuted and duplicated, end in one state, and have the same
//! effects for the leg on which the booking ends.

use std::collections::BTreeSet;

use domain::{Booking, BookingState, FactKind};
use proptest::prelude::*;
use serde_json::Value;

use crate::payload::{Meeting, TOKEN, at};
use crate::publication::{events, publish};
use crate::world::{TestWorld, settings};

/// What happens to one booking: it is made, moved a number of times, and may be canceled.
#[derive(Clone, Debug)]
struct History {
    meetings: Vec<Meeting>,
    canceled_by: Option<&'static str>,
}

impl History {
    fn new(moves: usize, canceled_by: Option<&'static str>, token: Option<&'static str>) -> Self {
        let first = Meeting { token, ..Meeting::new(1, "2026-11-20T09:00:00Z", "2026-11-25T08:30:00Z") };
        let mut meetings = vec![first];
        for number in 2..=u32::try_from(moves).expect("few") + 1 {
            let last = meetings.last().expect("one");
            let next = last.moved(
                number,
                &format!("2026-11-20T10:{number:02}:00Z"),
                &format!("2026-11-25T{:02}:00:00Z", 9 + number),
            );
            meetings.push(next);
        }
        Self { meetings, canceled_by }
    }

    /// Returns every webhook that Calendly sends about it, in the order of events.
    fn webhooks(&self) -> Vec<Vec<u8>> {
        let mut webhooks = vec![self.meetings[0].created()];
        for pair in self.meetings.windows(2) {
            webhooks.extend([pair[0].moved_away(&pair[1]), pair[1].created()]);
        }
        let last = self.meetings.last().expect("one");
        webhooks.extend(self.canceled_by.map(|by| last.canceled("2026-11-20T11:00:00Z", by, "Nu mai am timp")));
        webhooks
    }

    /// Returns the world after these webhooks, by index. Calendly answers for every leg as it is in the end.
    fn play(&self, order: &[usize]) -> TestWorld {
        let world = TestWorld::new("2026-11-20T12:00:00Z");
        publish(&world);
        // Which of many moves within an hour is told depends on what arrives first.
        world.change_settings(|settings| settings.sms_budget.moves_per_hour = 100);
        world.store_metadata();
        for (index, meeting) in self.meetings.iter().enumerate() {
            world.add_to_calendly(meeting.looked_up(self.meetings.get(index + 1)));
        }
        let webhooks = self.webhooks();
        for &index in order {
            world.receive_webhook(&webhooks[index]);
        }
        world
    }
}

/// What must not depend on the order: the booking, the open timers, all analytics, the effects for the last leg, and
/// the ids of the events.
fn essence(world: &TestWorld, last: &Meeting) -> (Value, BTreeSet<String>, BTreeSet<String>, BTreeSet<String>) {
    let booking = world.booking();
    let events = events(world).into_iter().map(|it| it.id).collect();
    let timers = world.state.borrow().schedules.keys().cloned().collect();
    let canceled = matches!(booking.state(), Some(BookingState::Canceled(..)));
    let local = last.start.in_tz("Europe/Bucharest").expect("a zone").strftime("%a %d %b %H:%M").to_string();
    let is_about_last = |line: &String| line.contains(&local) || line.contains(&last.start.to_string());
    let effects = world
        .effects()
        .into_iter()
        .filter(|line| {
            let is_end = line.contains("cancel") || line.contains("help");
            // A canceled meeting may have been confirmed or moved before the cancellation was known.
            line.starts_with("analytics") || is_end || (is_about_last(line) && !canceled)
        })
        .map(|line| if line.contains("rescheduled 20") { "VAI rescheduled".to_owned() } else { line })
        .collect();
    (without_looks(&booking), timers, effects, events)
}

/// Returns a booking without the times of looks: whether one was needed depends on the order of arrival.
fn without_looks(booking: &Booking) -> Value {
    let mut booking = serde_json::to_value(booking).expect("JSON");
    let legs = booking["legs"].as_object_mut().expect("legs");
    for details in legs.values_mut().filter_map(|leg| leg["details"].as_object_mut()) {
        details.remove("looked_at");
    }
    booking
}

fn check(history: &History, orders: impl IntoIterator<Item = Vec<usize>>) -> usize {
    let last = history.meetings.last().expect("one");
    let in_order: Vec<_> = (0..history.webhooks().len()).collect();
    let expected = essence(&history.play(&in_order), last);
    let mut count = 0;
    for order in orders {
        let world = history.play(&order);
        assert_eq!(essence(&world, last), expected, "{order:?} of {history:?}");
        let effects = world.effects();
        let unique: BTreeSet<_> = effects.iter().collect();
        assert_eq!(unique.len(), effects.len(), "nothing is done twice: {effects:?}");
        count += 1;
    }
    count
}

fn permutations(of: usize) -> Vec<Vec<usize>> {
    let mut all = vec![vec![]];
    for item in 0..of {
        all = all
            .into_iter()
            .flat_map(|order| (0..=order.len()).map(move |at| [&order[..at], &[item], &order[at..]].concat()))
            .collect();
    }
    all
}

#[test]
fn every_permutation_of_short_histories_ends_the_same() {
    let mut histories = 0;
    for token in [Some(TOKEN), None] {
        for (moves, canceled_by) in [(0, Some("host")), (1, None), (1, Some("invitee")), (2, None)] {
            let history = History::new(moves, canceled_by, token);
            histories += check(&history, permutations(history.webhooks().len()));
        }
    }
    println!("{histories} orders");
    assert_eq!(histories, 2 * (2 + 6 + 24 + 120));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_order_with_duplicates_of_a_long_history_ends_the_same(
        moves in 1_usize..5,
        canceled in any::<bool>(),
        has_token in any::<bool>(),
        seed in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        shuffle in Just(()).prop_perturb(|(), mut rng| rng.next_u64()),
    ) {
        let history = History::new(moves, canceled.then_some("invitee"), has_token.then_some(TOKEN));
        let count = history.webhooks().len();
        let mut order: Vec<usize> = (0..count).chain(seed.iter().map(|it| it.index(count))).collect();
        let mut random = shuffle | 1;
        for at in (1..order.len()).rev() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            order.swap(at, usize::try_from(random >> 33).expect("31 bits") % (at + 1));
        }
        check(&history, [order]);
    }
}

proptest! {
    /// Calendly sends chains. Whatever else arrives (forks, cycles, contradictions), nothing panics, the order does not
    /// matter, and facts that are known change nothing.
    #[test]
    fn contradictory_facts_are_folded_without_panic_in_any_order(
        descriptions in prop::collection::vec((0_u32..4, prop::option::of(0_u32..4), prop::option::of(0_u32..4), 0_u8..5, 0_i64..2, prop::option::of(0_i64..3)), 1..7),
    ) {
        let now = at("2026-11-20T12:00:00Z");
        let facts: Vec<_> = descriptions
            .iter()
            .map(|(number, previous, next, kind, minute, look)| {
                let meeting = Meeting { number: *number, previous: *previous, ..Meeting::new(0, "2026-11-20T09:00:00Z", "2026-11-25T08:30:00Z") };
                let mut fact = meeting.looked_up(None);
                fact.kind = FactKind::ALL[usize::from(*kind)];
                fact.leg.next = next.map(|it| domain::InviteeUri::new(Meeting::invitee_uri(it)));
                fact.leg.details.as_of += jiff::SignedDuration::from_mins(*minute);
                fact.leg.details.looked_at = look.map(|minute| now + jiff::SignedDuration::from_mins(minute));
                // What is said does not follow from when it is said.
                fact.leg.details.join_url = (kind % 2 == 0).then(|| format!("https://zoom.example/j/{kind}"));
                fact
            })
            .collect();
        let settings = settings();
        let connection = domain::ConnectionName::default();
        let fold = |facts: &mut dyn Iterator<Item = &domain::Fact>| {
            let mut snapshot = domain::Snapshot::empty(domain::BookingId::new("bk-1"), connection.clone());
            for fact in facts {
                let decision = domain::decide(&snapshot, std::slice::from_ref(fact), &settings, now);
                snapshot = snapshot.after(&decision);
            }
            snapshot
        };
        let forth = fold(&mut facts.iter());
        let back = fold(&mut facts.iter().rev());
        prop_assert_eq!(&forth.booking, &back.booking);
        let again = domain::decide(&forth, &facts, &settings, now);
        prop_assert!(!again.booking_changed, "known already");
        prop_assert!(domain::timeline(&forth.booking, &[], &forth.commands, &[], &[]).len() <= 1_000);
    }
}

#[test]
fn instants_of_the_stories_are_in_the_future_of_their_world() {
    let history = History::new(4, None, None);
    assert!(history.meetings.iter().all(|it| it.start > at("2026-11-20T12:00:00Z")));
}
