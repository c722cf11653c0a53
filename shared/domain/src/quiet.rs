//! Quiet hours: when no timed SMS is sent, and the nearest allowed time.

use jiff::civil::DateTime;
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

    /// Returns the time to send a message that is planned for `at`: `at` itself outside quiet hours, else the nearest
    /// allowed time. `None` if no time after `now` is within the leeway.
    pub fn allowed_time(&self, at: Timestamp, tz: &TimeZone, leeway: Leeway, now: Timestamp) -> Option<Timestamp> {
        if !self.contain(at, tz) {
            return Some(at);
        }
        let morning = self.end_after(at, tz);
        match leeway {
            Leeway::Later => Some(morning),
            Leeway::EarlierOrUntil(latest) => {
                let evening = self.evening_before(at, tz);
                if evening > now { Some(evening) } else { Some(morning).filter(|it| *it <= latest) }
            }
        }
    }

    /// Returns the time half an hour before the beginning of the quiet hours that contain `at`.
    pub(crate) fn evening_before(&self, at: Timestamp, tz: &TimeZone) -> Timestamp {
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

    /// Returns the local time to which `at` is moved.
    fn moved(at_: &str, name: &str, leeway: Leeway, now: &str) -> Option<String> {
        let hour = QuietHours::default().allowed_time(at(at_), &zone(name), leeway, at(now));
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
            let earlier = hours.allowed_time(at, &tz, Leeway::EarlierOrUntil(latest), now);
            if let Some(hour) = earlier {
                prop_assert!(!hours.contain(hour, &tz), "{hour} {}", ZONES[which]);
                prop_assert!(hour <= latest);
                prop_assert!(hour == at || hour > now);
                prop_assert!(hour > at - SignedDuration::from_hours(19), "{hour} is long before {at}");
            }
            let later = hours.allowed_time(at, &tz, Leeway::Later, now);
            let later = later.expect("there is always a morning");
            prop_assert!(!hours.contain(later, &tz), "{later} {}", ZONES[which]);
            prop_assert!(later >= at && later < at + SignedDuration::from_hours(19), "{later} {at}");
        }

        #[test]
        fn without_quiet_hours_no_message_is_moved(which in 0..ZONES.len(), at in instants()) {
            prop_assert_eq!(NEVER.allowed_time(at, &zone(ZONES[which]), Leeway::Later, at), Some(at));
        }
    }
}
