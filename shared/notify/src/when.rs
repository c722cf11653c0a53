//! An instant, told to a person: in their language, in their zone, with the zone named.

use domain::Language;
use icu_calendar::{Date, Gregorian};
use icu_datetime::FixedCalendarDateTimeFormatter;
use icu_datetime::fieldsets::YMDET;
use icu_datetime::input::{DateTime, Time};
use icu_datetime::options::TimePrecision;
use icu_locale_core::{Locale, locale};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

/// Weekday, date, time to the minute and zone, for example `Sunday, 29 March 2026 at 13:15 (Europe/London, UTC+1)`.
///
/// `zone` is an IANA name; an unknown one is told as UTC, and says so. Wording and order are CLDR's. The zone stands
/// there by its IANA name, which needs no translation, and by its offset at that instant, so that summer time is beyond
/// doubt; in round brackets, because EngageLab refuses square ones.
pub fn tell(at: Timestamp, zone: &str, language: Language) -> String {
    tell_by(at, zone, language, YMDET::long())
}

/// The same in CLDR's shorter form, for an SMS: `Sun, 29 Mar 2026, 13:15 (Europe/London, UTC+1)`.
pub fn tell_short(at: Timestamp, zone: &str, language: Language) -> String {
    tell_by(at, zone, language, YMDET::medium())
}

fn tell_by(at: Timestamp, zone: &str, language: Language, fields: YMDET) -> String {
    let local = at.to_zoned(TimeZone::get(zone).unwrap_or(TimeZone::UTC));
    let locale = locale(language, local.time_zone().iana_name().unwrap_or_default());
    let time = written(&local, &locale, fields).unwrap_or_else(|| local.strftime("%Y-%m-%d %H:%M").to_string());
    format!("{time} ({})", zone_of(&local))
}

/// CLDR's form; `None` for a date that no calendar holds, which a booking can't have.
fn written(local: &Zoned, locale: &Locale, fields: YMDET) -> Option<String> {
    let fields = fields.with_time_precision(TimePrecision::Minute);
    let formatter = FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new(locale.into(), fields).ok()?;
    let [month, day, hour, minute] = [local.month(), local.day(), local.hour(), local.minute()].map(i8::unsigned_abs);
    let date = Date::try_new_gregorian(i32::from(local.year()), month, day).ok()?;
    let time = Time::try_new(hour, minute, 0, 0).ok()?;
    // CLDR's no-break spaces are outside GSM-7: one of them would turn a whole SMS into UCS-2, of 70 characters a part.
    Some(formatter.format(&DateTime { date, time }).to_string().replace(['\u{a0}', '\u{202f}'], " "))
}

/// English is told as Americans write it in the zones of the Americas, and as everybody else does elsewhere.
fn locale(language: Language, zone: &str) -> Locale {
    let is_american = zone.starts_with("America/") || zone.starts_with("US/") || zone == "Pacific/Honolulu";
    match language {
        Language::English if is_american => locale!("en-US"),
        Language::English => locale!("en-GB"),
        Language::Romanian => locale!("ro"),
        Language::Danish => locale!("da"),
        Language::TraditionalChinese => locale!("zh-Hant-TW"),
    }
}

/// `Europe/Bucharest, UTC+3`. Zones without a place go by their offset alone: `Etc/GMT+5` is five hours *behind* UTC,
/// and saying both would confuse.
fn zone_of(local: &Zoned) -> String {
    let offset = offset(local.offset());
    match local.time_zone().iana_name() {
        Some(name) if name.contains('/') && !name.starts_with("Etc/") => format!("{name}, {offset}"),
        Some(_) | None => offset,
    }
}

/// `UTC`, `UTC+3`, `UTC-3:30`.
fn offset(offset: Offset) -> String {
    let minutes = offset.seconds() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    match (minutes.abs() / 60, minutes.abs() % 60) {
        (0, 0) => "UTC".to_owned(),
        (hours, 0) => format!("UTC{sign}{hours}"),
        (hours, minutes) => format!("UTC{sign}{hours}:{minutes:02}"),
    }
}

#[cfg(test)]
mod tests {
    use Language::{Danish, English, Romanian, TraditionalChinese};

    use super::*;

    fn told(at: &str, zone: &str, language: Language) -> String {
        tell(at.parse().expect("an instant"), zone, language)
    }

    #[test]
    fn each_language_tells_it_its_own_way() {
        for (zone, language, expected) in [
            ("America/New_York", English, "Sunday, March 29, 2026 at 8:15 AM (America/New_York, UTC-4)"),
            ("Europe/London", English, "Sunday, 29 March 2026 at 13:15 (Europe/London, UTC+1)"),
            ("Europe/Copenhagen", Danish, "søndag 29. marts 2026 kl. 14.15 (Europe/Copenhagen, UTC+2)"),
            ("Europe/Bucharest", Romanian, "duminică, 29 martie 2026 la 15:15 (Europe/Bucharest, UTC+3)"),
            ("Asia/Taipei", TraditionalChinese, "2026年3月29日星期日 晚上8:15 (Asia/Taipei, UTC+8)"),
        ] {
            assert_eq!(told("2026-03-29T12:15:00Z", zone, language), expected);
        }
    }

    #[test]
    fn an_sms_tells_it_shorter() {
        for (zone, language, expected) in [
            ("America/New_York", English, "Sun, Mar 29, 2026, 8:15 AM (America/New_York, UTC-4)"),
            ("Europe/London", English, "Sun, 29 Mar 2026, 13:15 (Europe/London, UTC+1)"),
            ("Europe/Copenhagen", Danish, "søn. 29. mar. 2026, 14.15 (Europe/Copenhagen, UTC+2)"),
            ("Europe/Bucharest", Romanian, "dum., 29 mar. 2026, 15:15 (Europe/Bucharest, UTC+3)"),
            ("Asia/Taipei", TraditionalChinese, "2026年3月29日週日 晚上8:15 (Asia/Taipei, UTC+8)"),
        ] {
            let at = "2026-03-29T12:15:00Z".parse().expect("an instant");
            assert_eq!(tell_short(at, zone, language), expected);
        }
    }

    /// The hour before and the hour after the clocks change, in spring and in autumn.
    #[test]
    fn summer_time_is_told_by_the_offset_of_the_instant() {
        for (at, zone, language, expected) in [
            (
                "2026-03-29T00:59:00Z",
                "Europe/Bucharest",
                Romanian,
                "duminică, 29 martie 2026 la 02:59 (Europe/Bucharest, UTC+2)",
            ),
            (
                "2026-03-29T01:00:00Z",
                "Europe/Bucharest",
                Romanian,
                "duminică, 29 martie 2026 la 04:00 (Europe/Bucharest, UTC+3)",
            ),
            (
                "2026-10-25T00:30:00Z",
                "Europe/Bucharest",
                Romanian,
                "duminică, 25 octombrie 2026 la 03:30 (Europe/Bucharest, UTC+3)",
            ),
            (
                "2026-10-25T01:30:00Z",
                "Europe/Bucharest",
                Romanian,
                "duminică, 25 octombrie 2026 la 03:30 (Europe/Bucharest, UTC+2)",
            ),
            (
                "2026-03-29T00:59:00Z",
                "Europe/Copenhagen",
                Danish,
                "søndag 29. marts 2026 kl. 01.59 (Europe/Copenhagen, UTC+1)",
            ),
            (
                "2026-03-29T01:00:00Z",
                "Europe/Copenhagen",
                Danish,
                "søndag 29. marts 2026 kl. 03.00 (Europe/Copenhagen, UTC+2)",
            ),
            (
                "2026-10-25T00:30:00Z",
                "Europe/Copenhagen",
                Danish,
                "søndag 25. oktober 2026 kl. 02.30 (Europe/Copenhagen, UTC+2)",
            ),
            (
                "2026-10-25T01:30:00Z",
                "Europe/Copenhagen",
                Danish,
                "søndag 25. oktober 2026 kl. 02.30 (Europe/Copenhagen, UTC+1)",
            ),
            ("2026-03-29T00:59:00Z", "Europe/London", English, "Sunday, 29 March 2026 at 00:59 (Europe/London, UTC)"),
            ("2026-03-29T01:00:00Z", "Europe/London", English, "Sunday, 29 March 2026 at 02:00 (Europe/London, UTC+1)"),
            (
                "2026-11-01T05:30:00Z",
                "America/New_York",
                English,
                "Sunday, November 1, 2026 at 1:30 AM (America/New_York, UTC-4)",
            ),
            (
                "2026-11-01T06:30:00Z",
                "America/New_York",
                English,
                "Sunday, November 1, 2026 at 1:30 AM (America/New_York, UTC-5)",
            ),
            // Taipei keeps its clocks; a reader abroad does not.
            (
                "2026-07-01T00:05:00Z",
                "Asia/Taipei",
                TraditionalChinese,
                "2026年7月1日星期三 上午8:05 (Asia/Taipei, UTC+8)",
            ),
            (
                "2026-03-08T09:59:00Z",
                "America/Los_Angeles",
                TraditionalChinese,
                "2026年3月8日星期日 凌晨1:59 (America/Los_Angeles, UTC-8)",
            ),
            (
                "2026-03-08T10:00:00Z",
                "America/Los_Angeles",
                TraditionalChinese,
                "2026年3月8日星期日 凌晨3:00 (America/Los_Angeles, UTC-7)",
            ),
        ] {
            assert_eq!(told(at, zone, language), expected, "{at} {zone}");
        }
    }

    #[test]
    fn offsets_may_have_minutes_and_zones_may_have_no_place() {
        let zone = |zone| {
            let told = told("2026-01-05T12:00:00Z", zone, English);
            told.split_once(" (").expect("a zone").1.trim_end_matches(')').to_owned()
        };
        assert_eq!(zone("Asia/Kathmandu"), "Asia/Kathmandu, UTC+5:45");
        assert_eq!(zone("America/St_Johns"), "America/St_Johns, UTC-3:30");
        assert_eq!(zone("europe/bucharest"), "Europe/Bucharest, UTC+2");
        assert_eq!(zone("UTC"), "UTC");
        assert_eq!(zone("Etc/UTC"), "UTC");
        assert_eq!(zone("Etc/GMT+5"), "UTC-5");
    }

    #[test]
    fn an_unknown_zone_is_utc_and_says_so() {
        for zone in ["Mars/Olympus", "", "../etc/passwd"] {
            assert_eq!(told("2026-03-29T12:15:00Z", zone, English), "Sunday, 29 March 2026 at 12:15 (UTC)");
        }
    }

    #[test]
    fn americans_have_their_own_english() {
        for (zone, expected) in [
            ("US/Pacific", "Monday, January 5, 2026 at 4:00 AM (US/Pacific, UTC-8)"),
            ("Pacific/Honolulu", "Monday, January 5, 2026 at 2:00 AM (Pacific/Honolulu, UTC-10)"),
            ("Pacific/Auckland", "Tuesday, 6 January 2026 at 01:00 (Pacific/Auckland, UTC+13)"),
        ] {
            assert_eq!(told("2026-01-05T12:00:00Z", zone, English), expected);
        }
    }

    #[test]
    fn an_english_or_danish_sms_stays_within_gsm_7_and_none_holds_what_engagelab_refuses() {
        for zone in ["America/New_York", "Europe/London", "Asia/Taipei"] {
            for language in Language::ALL {
                // Each month and each day of the week.
                for at in (0..364).step_by(13).map(|day| Timestamp::from_second(1_767_614_400 + day * 86_400)) {
                    let at = at.expect("an instant");
                    for told in [tell(at, zone, language), tell_short(at, zone, language)] {
                        assert!(!told.contains(['[', ']', '【', '】', '、', '\u{a0}', '\u{202f}']), "{told}");
                        if matches!(language, English | Danish) {
                            assert!(told.chars().all(|c| c.is_ascii() || "æøåÆØÅ".contains(c)), "{told}");
                        }
                    }
                }
            }
        }
    }
}
