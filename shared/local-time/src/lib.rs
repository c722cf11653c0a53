//! An instant as text for a person: in their language and time zone, with the zone's name.

use domain::Language;
use icu_calendar::{Date, Gregorian};
use icu_datetime::FixedCalendarDateTimeFormatter;
use icu_datetime::fieldsets::YMDET;
use icu_datetime::input::{DateTime, Time};
use icu_datetime::options::TimePrecision;
use icu_locale_core::{Locale, locale};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

/// Formats weekday, date, time to the minute and zone, for example
/// `Sunday, 29 March 2026 at 13:15 (Europe/London, UTC+1)`.
///
/// `zone` is an IANA name; an unknown one gives UTC, and the text says so. Wording and order follow CLDR. The zone is
/// shown by its IANA name, which needs no translation, and by its offset at that instant, so that summer time is
/// unambiguous. The brackets are round because EngageLab refuses square ones.
pub fn format_long(at: Timestamp, zone: &str, language: Language) -> String {
    format_with(at, zone, language, YMDET::long())
}

/// Formats an instant as [`format_long`] does, but with CLDR's short names, for an SMS: `Sun, 29 Mar 2026, 13:15
/// (Europe/London, UTC+1)`.
pub fn format_short(at: Timestamp, zone: &str, language: Language) -> String {
    format_with(at, zone, language, YMDET::medium())
}

fn format_with(at: Timestamp, zone: &str, language: Language, fields: YMDET) -> String {
    let local = at.to_zoned(TimeZone::get(zone).unwrap_or(TimeZone::UTC));
    let locale = locale(language, local.time_zone().iana_name().unwrap_or_default());
    let time = format_by_cldr(&local, &locale, fields).unwrap_or_else(|| local.strftime("%Y-%m-%d %H:%M").to_string());
    format!("{time} ({})", format_zone(&local))
}

/// Formats by CLDR. `None` for a date outside the calendar, which a booking can't have.
fn format_by_cldr(local: &Zoned, locale: &Locale, fields: YMDET) -> Option<String> {
    let fields = fields.with_time_precision(TimePrecision::Minute);
    let formatter = FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new(locale.into(), fields).ok()?;
    let [month, day, hour, minute] = [local.month(), local.day(), local.hour(), local.minute()].map(i8::unsigned_abs);
    let date = Date::try_new_gregorian(i32::from(local.year()), month, day).ok()?;
    let time = Time::try_new(hour, minute, 0, 0).ok()?;
    // CLDR's no-break spaces are outside GSM-7: one of them makes the whole SMS UCS-2, with 70 characters a segment.
    Some(formatter.format(&DateTime { date, time }).to_string().replace(['\u{a0}', '\u{202f}'], " "))
}

/// Chooses the locale. English is American in the zones of the Americas and British elsewhere.
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

/// Formats a zone, such as `Europe/Bucharest, UTC+3`. Zones without a place have their offset only: `Etc/GMT+5` is five
/// hours *behind* UTC, and showing both would confuse.
fn format_zone(local: &Zoned) -> String {
    let offset = format_offset(local.offset());
    match local.time_zone().iana_name() {
        Some(name) if name.contains('/') && !name.starts_with("Etc/") => format!("{name}, {offset}"),
        Some(_) | None => offset,
    }
}

/// Formats an offset: `UTC`, `UTC+3`, `UTC-3:30`.
fn format_offset(offset: Offset) -> String {
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

    fn long(at: &str, zone: &str, language: Language) -> String {
        format_long(at.parse().expect("an instant"), zone, language)
    }

    #[test]
    fn each_language_has_its_own_format() {
        for (zone, language, expected) in [
            ("America/New_York", English, "Sunday, March 29, 2026 at 8:15 AM (America/New_York, UTC-4)"),
            ("Europe/London", English, "Sunday, 29 March 2026 at 13:15 (Europe/London, UTC+1)"),
            ("Europe/Copenhagen", Danish, "søndag 29. marts 2026 kl. 14.15 (Europe/Copenhagen, UTC+2)"),
            ("Europe/Bucharest", Romanian, "duminică, 29 martie 2026 la 15:15 (Europe/Bucharest, UTC+3)"),
            ("Asia/Taipei", TraditionalChinese, "2026年3月29日星期日 晚上8:15 (Asia/Taipei, UTC+8)"),
        ] {
            assert_eq!(long("2026-03-29T12:15:00Z", zone, language), expected);
        }
    }

    #[test]
    fn an_sms_has_the_shorter_format() {
        for (zone, language, expected) in [
            ("America/New_York", English, "Sun, Mar 29, 2026, 8:15 AM (America/New_York, UTC-4)"),
            ("Europe/London", English, "Sun, 29 Mar 2026, 13:15 (Europe/London, UTC+1)"),
            ("Europe/Copenhagen", Danish, "søn. 29. mar. 2026, 14.15 (Europe/Copenhagen, UTC+2)"),
            ("Europe/Bucharest", Romanian, "dum., 29 mar. 2026, 15:15 (Europe/Bucharest, UTC+3)"),
            ("Asia/Taipei", TraditionalChinese, "2026年3月29日週日 晚上8:15 (Asia/Taipei, UTC+8)"),
        ] {
            let at = "2026-03-29T12:15:00Z".parse().expect("an instant");
            assert_eq!(format_short(at, zone, language), expected);
        }
    }

    /// The hour before and the hour after the clocks change, in spring and in autumn.
    #[test]
    fn the_offset_is_that_of_the_instant() {
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
            // Taipei has no summer time; a reader abroad does.
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
            assert_eq!(long(at, zone, language), expected, "{at} {zone}");
        }
    }

    #[test]
    fn offsets_may_have_minutes_and_zones_may_have_no_place() {
        let zone = |zone| {
            let text = long("2026-01-05T12:00:00Z", zone, English);
            text.split_once(" (").expect("a zone").1.trim_end_matches(')').to_owned()
        };
        assert_eq!(zone("Asia/Kathmandu"), "Asia/Kathmandu, UTC+5:45");
        assert_eq!(zone("America/St_Johns"), "America/St_Johns, UTC-3:30");
        assert_eq!(zone("europe/bucharest"), "Europe/Bucharest, UTC+2");
        assert_eq!(zone("UTC"), "UTC");
        assert_eq!(zone("Etc/UTC"), "UTC");
        assert_eq!(zone("Etc/GMT+5"), "UTC-5");
    }

    #[test]
    fn an_unknown_zone_is_shown_as_utc() {
        for zone in ["Mars/Olympus", "", "../etc/passwd"] {
            assert_eq!(long("2026-03-29T12:15:00Z", zone, English), "Sunday, 29 March 2026 at 12:15 (UTC)");
        }
    }

    #[test]
    fn american_zones_have_american_english() {
        for (zone, expected) in [
            ("US/Pacific", "Monday, January 5, 2026 at 4:00 AM (US/Pacific, UTC-8)"),
            ("Pacific/Honolulu", "Monday, January 5, 2026 at 2:00 AM (Pacific/Honolulu, UTC-10)"),
            ("Pacific/Auckland", "Tuesday, 6 January 2026 at 01:00 (Pacific/Auckland, UTC+13)"),
        ] {
            assert_eq!(long("2026-01-05T12:00:00Z", zone, English), expected);
        }
    }

    #[test]
    fn english_and_danish_fit_into_gsm_7_and_nothing_is_refused_by_engagelab() {
        for zone in ["America/New_York", "Europe/London", "Asia/Taipei"] {
            for language in Language::ALL {
                // Each month and each day of the week.
                for at in (0..364).step_by(13).map(|day| Timestamp::from_second(1_767_614_400 + day * 86_400)) {
                    let at = at.expect("an instant");
                    for text in [format_long(at, zone, language), format_short(at, zone, language)] {
                        assert!(!text.contains(['[', ']', '【', '】', '、', '\u{a0}', '\u{202f}']), "{text}");
                        if matches!(language, English | Danish) {
                            assert!(text.chars().all(|c| c.is_ascii() || "æøåÆØÅ".contains(c)), "{text}");
                        }
                    }
                }
            }
        }
    }
}
