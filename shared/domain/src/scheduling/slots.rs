//! Free slots: which spans to read from Calendly, and which slot to choose.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

use crate::time;

/// A free slot.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Slot {
    /// Start, UTC.
    pub start: Timestamp,
    /// End, UTC. Calendly does not send it, so it is the start plus the event type's duration.
    pub end: Timestamp,
    /// The number of invitees who can still book it.
    pub remaining: u32,
    /// The page where a person books it.
    pub scheduling_url: Option<String>,
}

/// How far the booked time may be from the requested time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shift {
    /// On the same day in the invitee's zone.
    SameDay,
    /// At most this much earlier or later.
    Within(SignedDuration),
}

/// Slots of one day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Day<'a> {
    /// The day in the invitee's zone.
    pub date: Date,
    /// Its slots, sorted by time.
    pub slots: Vec<&'a Slot>,
}

/// One call to Calendly returns the slots of at most this many days.
const MOST_DAYS: i32 = 31;
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * MOST_DAYS as i64);

/// Calendly refuses a span that begins in the past when the call arrives.
const LEAD: SignedDuration = SignedDuration::from_mins(1);

/// Returns the spans of the calls to Calendly. Together they are the future part of `from..until`.
pub fn query_windows(from: Timestamp, until: Timestamp, now: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    let mut windows = Vec::new();
    let mut start = from.max(time::add(now, LEAD));
    while start < until {
        let end = until.min(time::add(start, LONGEST));
        windows.push((start, end));
        start = end;
    }
    windows
}

/// Returns one span around the day of the requested time, with at most `days` days of `zone`, and at most 31. It begins
/// at `now` or later; past days are replaced by later ones.
pub fn alternatives_span(requested: Timestamp, now: Timestamp, zone: &TimeZone, days: u32) -> (Timestamp, Timestamp) {
    let days = i32::try_from(days).unwrap_or(MOST_DAYS).clamp(1, MOST_DAYS);
    let day = |at: Timestamp| at.to_zoned(zone.clone()).date();
    let first = |date: Date, days: i32, otherwise: Timestamp| {
        let start = date.checked_add(Span::new().days(days)).and_then(|it| it.to_zoned(zone.clone()));
        start.map_or(otherwise, |it| it.timestamp())
    };
    let from = first(day(requested), -(days / 2), Timestamp::MIN).max(now);
    // If clocks are put back in the span, 31 days are an hour longer than Calendly accepts.
    let until = first(day(from), days, Timestamp::MAX).min(time::add(from, LONGEST));
    (from, until)
}

/// Returns the nearest slot that is near enough. Of two equally near slots it is the later one: a person who is early
/// can wait, a person who is late has missed the meeting.
pub fn choose_slot<'a>(slots: &'a [Slot], requested: Timestamp, shift: Shift, zone: &TimeZone) -> Option<&'a Slot> {
    let near = slots.iter().filter(|it| is_near_enough(it.start, requested, shift, zone));
    near.min_by_key(|it| nearness(it, requested))
}

/// Returns whether a start is near enough to the requested time. A day is one of `zone`.
pub fn is_near_enough(start: Timestamp, requested: Timestamp, shift: Shift, zone: &TimeZone) -> bool {
    let day = |at: Timestamp| at.to_zoned(zone.clone()).date();
    match shift {
        Shift::SameDay => day(start) == day(requested),
        Shift::Within(most) => start.duration_since(requested).abs() <= most,
    }
}

/// Returns the `most` slots nearest to the requested time, sorted by time.
pub fn nearest_slots(slots: &[Slot], requested: Timestamp, most: usize) -> Vec<&Slot> {
    select_nearest(slots.iter().collect(), requested, most)
}

/// Returns the slots of the `days` days with slots that are nearest to the requested time, sorted by time. Each day has
/// the `per_day` slots nearest to the requested time of day.
pub fn slots_by_day<'a>(
    slots: &'a [Slot],
    requested: Timestamp,
    zone: &TimeZone,
    days: usize,
    per_day: usize,
) -> Vec<Day<'a>> {
    let requested = requested.to_zoned(zone.clone());
    let mut all: BTreeMap<Date, Vec<&Slot>> = BTreeMap::new();
    for slot in slots {
        all.entry(slot.start.to_zoned(zone.clone()).date()).or_default().push(slot);
    }
    let mut dates: Vec<Date> = all.keys().copied().collect();
    dates.sort_by_key(|it| (it.duration_since(requested.date()).abs(), Reverse(*it)));
    all.retain(|date, _| dates.iter().take(days).any(|it| it == date));
    all.into_iter()
        .map(|(date, slots)| {
            // The time of day may be skipped or repeated on that day; the zone's rule decides.
            let requested = date
                .to_datetime(requested.time())
                .to_zoned(zone.clone())
                .map_or(requested.timestamp(), |it| it.timestamp());
            Day { date, slots: select_nearest(slots, requested, per_day) }
        })
        .collect()
}

fn select_nearest(mut slots: Vec<&Slot>, requested: Timestamp, most: usize) -> Vec<&Slot> {
    slots.sort_by_key(|it| nearness(it, requested));
    slots.truncate(most);
    slots.sort();
    slots
}

fn nearness(slot: &Slot, requested: Timestamp) -> (SignedDuration, Reverse<Timestamp>) {
    (slot.start.duration_since(requested).abs(), Reverse(slot.start))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).expect("a zone")
    }

    fn slot(start: Timestamp) -> Slot {
        Slot { start, end: time::add(start, SignedDuration::from_mins(30)), remaining: 1, scheduling_url: None }
    }

    fn slots(starts: &[&str]) -> Vec<Slot> {
        starts.iter().map(|it| slot(at(it))).collect()
    }

    fn texts(days: &[Day<'_>]) -> Vec<String> {
        days.iter()
            .map(|day| {
                let starts: Vec<_> = day.slots.iter().map(|it| it.start.strftime("%dT%H:%M").to_string()).collect();
                format!("{}: {}", day.date, starts.join(" "))
            })
            .collect()
    }

    #[test]
    fn one_call_reads_up_to_31_days() {
        let now = at("2026-10-01T08:00:00Z");
        let from = at("2026-10-10T00:00:00Z");
        assert_eq!(query_windows(from, from + LONGEST, now), [(from, from + LONGEST)]);
        let end = from + LONGEST + SignedDuration::from_secs(1);
        assert_eq!(query_windows(from, end, now), [(from, from + LONGEST), (from + LONGEST, end)]);
        // A span that begins now would begin in the past when the call arrives.
        assert_eq!(query_windows(now, end, now)[0].0, at("2026-10-01T08:01:00Z"));
        assert!(query_windows(from, at("2026-10-01T08:01:00Z"), now).is_empty());
        assert!(query_windows(end, from, now).is_empty());
        assert!(query_windows(Timestamp::MIN, Timestamp::MIN, now).is_empty());
    }

    #[test]
    fn the_nearest_slot_is_chosen_and_the_later_of_two_equally_near_ones() {
        let slots =
            slots(&["2026-11-20T08:00:00Z", "2026-11-20T10:00:00Z", "2026-11-20T12:00:00Z", "2026-11-21T09:00:00Z"]);
        let utc = TimeZone::UTC;
        let pick = |requested, shift| choose_slot(&slots, at(requested), shift, &utc).map(|it| it.start.to_string());
        let within = |minutes| Shift::Within(SignedDuration::from_mins(minutes));
        assert_eq!(pick("2026-11-20T10:00:00Z", within(0)).as_deref(), Some("2026-11-20T10:00:00Z"));
        assert_eq!(pick("2026-11-20T10:59:00Z", Shift::SameDay).as_deref(), Some("2026-11-20T10:00:00Z"));
        assert_eq!(pick("2026-11-20T11:00:00Z", Shift::SameDay).as_deref(), Some("2026-11-20T12:00:00Z"));
        assert_eq!(pick("2026-11-20T14:00:00Z", within(119)), None);
        assert_eq!(pick("2026-11-20T14:00:00Z", within(120)).as_deref(), Some("2026-11-20T12:00:00Z"));
        // 23:30 is nearer to the next morning than to noon, but the next morning is another day.
        assert_eq!(pick("2026-11-20T23:30:00Z", Shift::SameDay).as_deref(), Some("2026-11-20T12:00:00Z"));
        assert_eq!(pick("2026-11-22T00:00:00Z", Shift::SameDay), None);
        let near = nearest_slots(&slots, at("2026-11-20T11:30:00Z"), 3);
        assert_eq!(near, [&slots[0], &slots[1], &slots[2]]);
        assert_eq!(nearest_slots(&slots, at("2026-11-20T11:00:00Z"), 1), [&slots[2]]);
    }

    #[test]
    fn days_are_in_the_invitees_zone() {
        // The clock in Bucharest is put back on 25 October 2026: the day lasts from 21:00 UTC to 22:00 UTC.
        let slots =
            slots(&["2026-10-24T20:30:00Z", "2026-10-24T21:30:00Z", "2026-10-25T21:30:00Z", "2026-10-25T22:30:00Z"]);
        let bucharest = zone("Europe/Bucharest");
        let days = slots_by_day(&slots, at("2026-10-25T12:00:00Z"), &bucharest, 9, 9);
        assert_eq!(texts(&days), ["2026-10-24: 24T20:30", "2026-10-25: 24T21:30 25T21:30", "2026-10-26: 25T22:30"]);
        let chosen = choose_slot(&slots, at("2026-10-25T21:59:00Z"), Shift::SameDay, &bucharest).expect("a slot");
        assert_eq!(chosen.start, at("2026-10-25T21:30:00Z"));
    }

    #[test]
    fn alternatives_are_near_the_requested_time_of_day() {
        let hours = ["07", "09", "12", "15"];
        let starts: Vec<String> = ["27", "28", "30", "31"]
            .iter()
            .flat_map(|day| hours.map(|hour| format!("2026-03-{day}T{hour}:00:00Z")))
            .collect();
        let slots = slots(&starts.iter().map(String::as_str).collect::<Vec<_>>());
        // 14:00 in Bucharest is 12:00 UTC in winter, and 11:00 UTC from 29 March on.
        let days = slots_by_day(&slots, at("2026-03-29T11:00:00Z"), &zone("Europe/Bucharest"), 2, 2);
        assert_eq!(texts(&days), ["2026-03-28: 28T12:00 28T15:00", "2026-03-30: 30T09:00 30T12:00"]);
        let days = slots_by_day(&slots, at("2026-03-29T11:00:00Z"), &zone("Europe/Bucharest"), 3, 1);
        assert_eq!(texts(&days), ["2026-03-28: 28T12:00", "2026-03-30: 30T12:00", "2026-03-31: 31T12:00"]);
    }

    #[test]
    fn the_span_of_alternatives_is_around_the_requested_time_and_not_in_the_past() {
        let bucharest = zone("Europe/Bucharest");
        let span = |requested, now, days| {
            let (from, until) = alternatives_span(at(requested), at(now), &bucharest, days);
            (from.to_string(), until.to_string())
        };
        let expected = |from: &str, until: &str| (from.to_owned(), until.to_owned());
        assert_eq!(
            span("2026-11-20T12:00:00Z", "2026-11-01T08:00:00Z", 14),
            expected("2026-11-12T22:00:00Z", "2026-11-26T22:00:00Z")
        );
        assert_eq!(
            span("2026-11-02T12:00:00Z", "2026-11-01T08:00:00Z", 14),
            expected("2026-11-01T08:00:00Z", "2026-11-14T22:00:00Z")
        );
        assert_eq!(
            span("2026-11-20T12:00:00Z", "2026-11-01T08:00:00Z", 1),
            expected("2026-11-19T22:00:00Z", "2026-11-20T22:00:00Z")
        );
        // October is one hour longer.
        assert_eq!(
            span("2026-10-16T12:00:00Z", "2026-09-01T08:00:00Z", 99),
            expected("2026-09-30T21:00:00Z", "2026-10-31T21:00:00Z")
        );
    }

    fn zones() -> impl Strategy<Value = TimeZone> {
        prop::sample::select(vec!["Europe/Bucharest", "Asia/Kathmandu", "America/New_York", "Pacific/Apia", "UTC"])
            .prop_map(zone)
    }

    /// Instants around the changes of the clock in Europe and America, spring and autumn 2026.
    fn instants() -> impl Strategy<Value = Timestamp> {
        let changes = ["2026-03-08T07:00:00Z", "2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "2026-11-01T06:00:00Z"];
        (prop::sample::select(changes.to_vec()), -60_i64 * 24 * 40..60 * 24 * 40)
            .prop_map(|(change, minutes)| at(change) + SignedDuration::from_mins(minutes))
    }

    proptest! {
        #[test]
        fn query_windows_cover_exactly_the_future_part_of_the_span(from in instants(), until in instants(), now in instants()) {
            let windows = query_windows(from, until, now);
            let start = from.max(now + LEAD);
            prop_assert_eq!(windows.first().map(|it| it.0), (start < until).then_some(start));
            prop_assert_eq!(windows.last().map(|it| it.1), (start < until).then_some(until));
            prop_assert!(windows.iter().all(|(from, until)| from < until && until.duration_since(*from) <= LONGEST));
            prop_assert!(windows.windows(2).all(|pair| pair[0].1 == pair[1].0));
        }

        #[test]
        fn alternatives_need_one_call(requested in instants(), now in instants(), zone in zones(), days in 1_u32..40) {
            let (from, until) = alternatives_span(requested, now, &zone, days);
            prop_assert!(from >= now && from < until);
            prop_assert!(query_windows(from, until, now).len() <= 1);
            let date = |at: Timestamp| at.to_zoned(zone.clone()).date();
            let last = date(until - SignedDuration::from_nanos(1));
            prop_assert!(date(from).until(last).expect("a span").get_days() < i32::try_from(days).expect("few"));
            prop_assert!(requested < now || (from <= requested && requested < until), "the requested time is in the span");
        }

        #[test]
        fn the_chosen_slot_is_the_nearest_one(
            starts in prop::collection::vec(instants(), 0..40), requested in instants(), zone in zones(),
            minutes in 0_i64..5_000,
        ) {
            let slots: Vec<Slot> = starts.into_iter().map(slot).collect();
            let distance = |it: &Slot| it.start.duration_since(requested).abs();
            let day = |at: Timestamp| at.to_zoned(zone.clone()).date();
            let most = SignedDuration::from_mins(minutes);
            let within = slots.iter().filter(|it| distance(it) <= most);
            let same_day = slots.iter().filter(|it| day(it.start) == day(requested));
            let found = |shift| choose_slot(&slots, requested, shift, &zone).map(distance);
            prop_assert_eq!(found(Shift::Within(most)), within.map(distance).min());
            prop_assert_eq!(found(Shift::SameDay), same_day.map(distance).min());
        }

        #[test]
        fn each_slot_is_listed_under_its_day(
            starts in prop::collection::btree_set(instants(), 0..60), requested in instants(), zone in zones(),
            days in 0_usize..6, per_day in 1_usize..4,
        ) {
            let slots: Vec<Slot> = starts.into_iter().map(slot).collect();
            let day = |at: Timestamp| at.to_zoned(zone.clone()).date();
            let listed = slots_by_day(&slots, requested, &zone, days, per_day);
            let dates: std::collections::BTreeSet<Date> = slots.iter().map(|it| day(it.start)).collect();
            prop_assert_eq!(listed.len(), dates.len().min(days));
            prop_assert!(listed.windows(2).all(|pair| pair[0].date < pair[1].date));
            for listed_day in &listed {
                let all = slots.iter().filter(|it| day(it.start) == listed_day.date).count();
                prop_assert_eq!(listed_day.slots.len(), all.min(per_day));
                prop_assert!(listed_day.slots.iter().all(|it| day(it.start) == listed_day.date));
                prop_assert!(listed_day.slots.windows(2).all(|pair| pair[0] < pair[1]));
            }
            let away = |it: &Date| it.duration_since(day(requested)).abs();
            let farthest = listed.iter().map(|it| away(&it.date)).max();
            let left_out = dates.iter().filter(|it| listed.iter().all(|day| day.date != **it));
            prop_assert!(left_out.map(away).all(|it| Some(it) >= farthest));
            let all = slots_by_day(&slots, requested, &zone, usize::MAX, usize::MAX);
            prop_assert_eq!(all.iter().map(|it| it.slots.len()).sum::<usize>(), slots.len());
        }
    }
}
