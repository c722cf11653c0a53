//! Quiet hours: when no timed SMS is sent, and the nearest allowed time.

use countries::QuietSpan;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::settings::QuietHours;
use crate::time;

/// A message that is brought forward is sent this many minutes before the quiet hours begin.
const BEFORE_MINUTES: i64 = 30;

/// How a message may be moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leeway {
    /// To the evening before; if that is past, to the morning, but not after this instant.
    EarlierOrUntil(Timestamp),
    /// To the morning.
    Later,
}

impl QuietHours {
    /// Returns whether there are no quiet hours.
    pub fn are_off(&self) -> bool {
        self.from == self.until
    }

    /// Returns whether an instant is in the quiet hours of a zone.
    pub fn contain(&self, at: Timestamp, tz: &TimeZone) -> bool {
        let time = at.to_zoned(tz.clone()).time();
        if self.from <= self.until {
            self.from <= time && time < self.until
        } else {
            time >= self.from || time < self.until
        }
    }

    /// Returns the time half an hour before the beginning of the quiet hours that contain `at`.
    fn evening_before(&self, at: Timestamp, tz: &TimeZone) -> Timestamp {
        let local = at.to_zoned(tz.clone()).datetime();
        let first_day =
            if local.time() >= self.from { local.date() } else { local.date().yesterday().unwrap_or(local.date()) };
        let mut evening = instant(first_day.to_datetime(self.from).saturating_sub(BEFORE_MINUTES.minutes()), tz);
        // If clocks are put forward at that moment, the result can still be in quiet hours.
        while self.contain(evening, tz) && evening > Timestamp::MIN {
            evening = time::add(evening, -SignedDuration::from_mins(BEFORE_MINUTES));
        }
        evening
    }

    /// Returns the end of the quiet hours that contain `at`.
    fn end_after(&self, at: Timestamp, tz: &TimeZone) -> Timestamp {
        let local = at.to_zoned(tz.clone()).datetime();
        let last_day =
            if local.time() < self.until { local.date() } else { local.date().tomorrow().unwrap_or(local.date()) };
        let mut end = instant(last_day.to_datetime(self.until), tz);
        // If clocks are put back at that moment, the hour occurs twice, and the first one may be past.
        while (end < at || self.contain(end, tz)) && end < Timestamp::MAX {
            end = time::add(end, SignedDuration::from_mins(BEFORE_MINUTES));
        }
        end
    }
}

/// A time of each day or each week without SMS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Hours(QuietHours),
    Day(Weekday),
}

impl Part {
    fn contains(&self, at: Timestamp, tz: &TimeZone) -> bool {
        match self {
            Self::Hours(hours) => hours.contain(at, tz),
            Self::Day(day) => at.to_zoned(tz.clone()).weekday() == *day,
        }
    }

    /// Returns its end, if it contains `at`.
    fn end_after(&self, at: Timestamp, tz: &TimeZone) -> Timestamp {
        let date = match self {
            Self::Hours(hours) => return hours.end_after(at, tz),
            Self::Day(_) => at.to_zoned(tz.clone()).date(),
        };
        let mut end = instant(midnight(date.tomorrow().unwrap_or(date)), tz);
        // Clocks may be put back at midnight.
        while self.contains(end, tz) && end < Timestamp::MAX {
            end = time::add(end, SignedDuration::from_mins(BEFORE_MINUTES));
        }
        end
    }

    /// Returns the time half an hour before its beginning, if it contains `at`.
    fn evening_before(&self, at: Timestamp, tz: &TimeZone) -> Timestamp {
        match self {
            Self::Hours(hours) => hours.evening_before(at, tz),
            Self::Day(_) => {
                let begin = midnight(at.to_zoned(tz.clone()).date());
                instant(begin.saturating_sub(BEFORE_MINUTES.minutes()), tz)
            }
        }
    }
}

fn midnight(date: Date) -> DateTime {
    date.to_datetime(Time::midnight())
}

/// The most parts that are left one after the other. More would be a week without any time.
const MOST_STEPS: usize = 16;

/// The times without SMS: the quiet hours of the settings, and those of the number's country.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct QuietTimes(Vec<Part>);

impl QuietTimes {
    /// `own` are the quiet hours of the settings, unless they are off or do not apply.
    pub(crate) fn new(own: Option<QuietHours>, country: &[QuietSpan]) -> Self {
        let country = country.iter().map(|span| match span {
            QuietSpan::Hours { from, until } => {
                Part::Hours(QuietHours { from: *from, until: *until, useful_minutes: 0 })
            }
            QuietSpan::Day(day) => Part::Day(*day),
        });
        Self(own.map(Part::Hours).into_iter().chain(country).collect())
    }

    /// Returns whether there are none.
    pub(crate) fn are_off(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the time to send a message that is planned for `at`: `at` itself outside quiet times, else the nearest
    /// allowed time. `None` if no time after `now` is within the leeway.
    pub(crate) fn allowed_time(
        &self,
        at: Timestamp,
        tz: &TimeZone,
        leeway: Leeway,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if !self.0.iter().any(|part| part.contains(at, tz)) {
            return Some(at);
        }
        let morning = || self.leave(at, tz, Part::end_after);
        match leeway {
            Leeway::Later => morning(),
            Leeway::EarlierOrUntil(latest) => {
                let evening = self.leave(at, tz, Part::evening_before).filter(|it| *it > now);
                evening.or_else(|| morning().filter(|it| *it <= latest))
            }
        }
    }

    /// Returns the time to which a message may have been brought forward that is planned for `at`.
    pub(crate) fn earliest_time(&self, at: Timestamp, tz: &TimeZone) -> Timestamp {
        self.leave(at, tz, Part::evening_before).unwrap_or(at)
    }

    /// Leaves the parts that contain a time by steps, until none does.
    fn leave(
        &self,
        at: Timestamp,
        tz: &TimeZone,
        step: fn(&Part, Timestamp, &TimeZone) -> Timestamp,
    ) -> Option<Timestamp> {
        let mut time = at;
        for _ in 0..MOST_STEPS {
            match self.0.iter().find(|part| part.contains(time, tz)) {
                Some(part) => time = step(part, time, tz),
                None => return Some(time),
            }
        }
        None
    }
}

/// Converts a local time to an instant. A local time that clocks skip is the time that they show instead.
fn instant(local: DateTime, tz: &TimeZone) -> Timestamp {
    tz.to_ambiguous_zoned(local).compatible().map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use jiff::civil::Time;
    use proptest::prelude::*;

    use super::*;

    const NEVER: QuietHours = QuietHours { from: Time::midnight(), until: Time::midnight(), useful_minutes: 60 };

    const ZONES: [&str; 12] = [
        "Europe/Bucharest",
        "Europe/Copenhagen",
        "Asia/Taipei",
        "America/New_York",
        "America/St_Johns",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Asia/Kathmandu",
        "Africa/Casablanca",
        "America/Sao_Paulo",
        "Pacific/Chatham",
        "UTC",
    ];

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).expect("a zone")
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn own(hours: QuietHours) -> QuietTimes {
        QuietTimes::new(Some(hours), &[])
    }

    /// Returns the local time to which `at` is moved.
    fn moved(at_: &str, name: &str, leeway: Leeway, now: &str) -> Option<String> {
        let hour = own(QuietHours::default()).allowed_time(at(at_), &zone(name), leeway, at(now));
        hour.map(|it| it.to_zoned(zone(name)).strftime("%a %H:%M").to_string())
    }

    #[test]
    fn a_reminder_moves_to_the_evening_before_or_to_the_morning_or_is_dropped() {
        let until = |text| Leeway::EarlierOrUntil(at(text));
        // The meeting is on Tuesday at 08:30 in Bucharest, so the reminder is due at 07:30.
        let (hour, latest) = ("2026-11-24T05:30:00Z", "2026-11-24T05:30:00Z");
        assert_eq!(
            moved(hour, "Europe/Bucharest", until(latest), "2026-11-20T12:00:00Z").as_deref(),
            Some("Mon 20:30")
        );
        // Booked in the night: the morning is too late.
        assert_eq!(moved(hour, "Europe/Bucharest", until(latest), "2026-11-23T22:00:00Z"), None);
        // For a meeting at 10:00 the morning is early enough.
        let latest = "2026-11-24T07:00:00Z";
        assert_eq!(
            moved(hour, "Europe/Bucharest", until(latest), "2026-11-23T22:00:00Z").as_deref(),
            Some("Tue 08:00")
        );
        // Outside quiet hours nothing is moved.
        let noon = "2026-11-24T10:00:00Z";
        assert_eq!(moved(noon, "Europe/Bucharest", until(noon), "2026-11-20T12:00:00Z").as_deref(), Some("Tue 12:00"));
    }

    #[test]
    fn a_follow_up_waits_until_the_morning() {
        let late = "2026-11-24T21:30:00Z";
        assert_eq!(moved(late, "Europe/Copenhagen", Leeway::Later, late).as_deref(), Some("Wed 08:00"));
    }

    #[test]
    fn the_hours_of_a_country_come_on_top_and_a_day_may_be_quiet() {
        let span = |text: &str| QuietSpan::try_from(text.to_owned()).expect("a span");
        let rome = zone("Europe/Rome");
        let quiet = QuietTimes::new(Some(QuietHours::default()), &[span("20:00-09:00"), span("sunday")]);
        let moved = |at_: &str, leeway| {
            let hour = quiet.allowed_time(at(at_), &rome, leeway, at("2026-11-20T12:00:00Z"))?;
            Some(hour.to_zoned(rome.clone()).strftime("%a %H:%M").to_string())
        };
        // Saturday, 28 November, at 20:30: the settings would allow it. Monday at nine is the next time.
        assert_eq!(moved("2026-11-28T19:30:00Z", Leeway::Later).as_deref(), Some("Mon 09:00"));
        let before = Leeway::EarlierOrUntil(at("2026-11-29T11:00:00Z"));
        assert_eq!(moved("2026-11-29T10:00:00Z", before).as_deref(), Some("Sat 19:30"));
        assert_eq!(moved("2026-11-27T10:00:00Z", Leeway::Later).as_deref(), Some("Fri 11:00"));
        // A week without any time.
        let never = QuietTimes::new(Some(QuietHours::default()), &[span("07:00-22:00")]);
        assert_eq!(never.allowed_time(at("2026-11-28T19:30:00Z"), &rome, Leeway::Later, Timestamp::MIN), None);
    }

    fn hours() -> impl Strategy<Value = QuietHours> {
        (0..24i8, 0..60i8, 1..=16 * 60i64).prop_map(|(hour, minute, length)| {
            let from = Time::constant(hour, minute, 0, 0);
            QuietHours { from, until: from.wrapping_add(length.minutes()), useful_minutes: 60 }
        })
    }

    /// Returns instants, mostly around the days on which clocks change.
    fn instants() -> impl Strategy<Value = Timestamp> {
        let changes = [
            "2026-03-29T01:00:00Z",
            "2026-10-25T01:00:00Z",
            "2026-03-08T07:00:00Z",
            "2026-11-01T06:00:00Z",
            "2026-04-04T15:00:00Z",
            "2026-10-03T15:30:00Z",
            "2026-02-15T02:00:00Z",
        ];
        (0..changes.len(), -3 * 86_400..3 * 86_400i64)
            .prop_map(move |(which, seconds)| at(changes[which]) + SignedDuration::from_secs(seconds))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn no_message_comes_in_quiet_hours(
            hours in hours(),
            which in 0..ZONES.len(),
            at in instants(),
            lead in 0..2 * 86_400i64,
            room in 0..86_400i64,
        ) {
            let tz = zone(ZONES[which]);
            let now = at - SignedDuration::from_secs(lead);
            let latest = at + SignedDuration::from_secs(room);
            let earlier = own(hours).allowed_time(at, &tz, Leeway::EarlierOrUntil(latest), now);
            if let Some(hour) = earlier {
                prop_assert!(!hours.contain(hour, &tz), "{hour} {}", ZONES[which]);
                prop_assert!(hour <= latest);
                prop_assert!(hour == at || hour > now);
                prop_assert!(hour > at - SignedDuration::from_hours(19), "{hour} is long before {at}");
            }
            let later = own(hours).allowed_time(at, &tz, Leeway::Later, now);
            let later = later.expect("there is always a morning");
            prop_assert!(!hours.contain(later, &tz), "{later} {}", ZONES[which]);
            prop_assert!(later >= at && later < at + SignedDuration::from_hours(19), "{later} {at}");
        }

        #[test]
        fn without_quiet_hours_no_message_is_moved(which in 0..ZONES.len(), at in instants()) {
            prop_assert_eq!(own(NEVER).allowed_time(at, &zone(ZONES[which]), Leeway::Later, at), Some(at));
        }
    }
}
