//! An instant as text for a person: in their language and time zone, with the zone's name.

mod zone;

use domain::Language;
use icu_calendar::{Date, Gregorian};
use icu_datetime::FixedCalendarDateTimeFormatter;
use icu_datetime::fieldsets::{MDET, YMDET};
use icu_datetime::input::{DateTime, Time};
use icu_datetime::options::TimePrecision;
use icu_locale_core::{Locale, locale};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, Zoned};

/// Formats weekday, date, time to the minute and zone, for example
/// `Sunday, 15 November 2026 at 13:15 (UK Time)`.
///
/// `zone` is an IANA name; an unknown one gives UTC, and the text says so. Wording and order follow CLDR. The zone is
/// always named: in the words of the language, or by its IANA name if CLDR has none. Its offset at that instant
/// follows where the name may not be enough: if the zone's clock changes within a week before or after, or if
/// `host_zone` shows another time. The brackets are round because EngageLab refuses square ones.
pub fn format_long(at: Timestamp, zone: &str, host_zone: Option<&str>, language: Language) -> String {
    Style::Long.format(at, zone, host_zone, language)
}

/// Formats an instant as [`format_long`] does, but for an SMS: with CLDR's short names, and without the year, which the
/// day of the week makes clear: `Sun, 15 Nov, 13:15 (UK Time)`.
pub fn format_short(at: Timestamp, zone: &str, host_zone: Option<&str>, language: Language) -> String {
    Style::Short.format(at, zone, host_zone, language)
}

/// How a time is formatted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Long,
    /// For an SMS: English and Danish stay within GSM-7.
    Short,
}

impl Style {
    fn format(self, at: Timestamp, zone: &str, host_zone: Option<&str>, language: Language) -> String {
        let local = at.to_zoned(TimeZone::get(zone).unwrap_or(TimeZone::UTC));
        let locale = locale(language, local.time_zone().iana_name().unwrap_or_default());
        let time =
            format_by_cldr(&local, &locale, self).unwrap_or_else(|| local.strftime("%Y-%m-%d %H:%M").to_string());
        let offset = format_offset(local.offset());
        // Chinese has marks of its own, as wide as its characters and without a space.
        let [open, comma, close] = match language {
            Language::TraditionalChinese => ["（", "，", "）"],
            Language::English | Language::Romanian | Language::Danish => [" (", ", ", ")"],
        };
        let zone = match name_zone(&local, &locale, language, self) {
            Some(name) if is_offset_needed(&local, host_zone) => format!("{name}{comma}{offset}"),
            Some(name) => name,
            None => offset,
        };
        format!("{time}{open}{zone}{close}")
    }
}

/// Formats by CLDR. `None` for a date outside the calendar, which a booking can't have.
fn format_by_cldr(local: &Zoned, locale: &Locale, style: Style) -> Option<String> {
    let [month, day, hour, minute] = [local.month(), local.day(), local.hour(), local.minute()].map(i8::unsigned_abs);
    let date = Date::try_new_gregorian(i32::from(local.year()), month, day).ok()?;
    let at = DateTime { date, time: Time::try_new(hour, minute, 0, 0).ok()? };
    let text = match style {
        Style::Long => {
            let fields = YMDET::long().with_time_precision(TimePrecision::Minute);
            let formatter = FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new(locale.into(), fields).ok()?;
            formatter.format(&at).to_string()
        }
        Style::Short => {
            let fields = MDET::medium().with_time_precision(TimePrecision::Minute);
            let formatter = FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new(locale.into(), fields).ok()?;
            formatter.format(&at).to_string()
        }
    };
    // CLDR's no-break spaces are outside GSM-7: one of them makes the whole SMS UCS-2, with 70 characters a segment.
    Some(text.replace(['\u{a0}', '\u{202f}'], " "))
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

/// Returns the name of a zone. `None` for one without a place: `Etc/GMT+5` is five hours *behind* UTC, and its name
/// would confuse.
fn name_zone(local: &Zoned, locale: &Locale, language: Language, style: Style) -> Option<String> {
    let iana = local.time_zone().iana_name().filter(|it| it.contains('/') && !it.starts_with("Etc/"))?;
    let is_gsm_7 = |name: &String| name.chars().all(|c| c.is_ascii() || LATIN_IN_GSM_7.contains(c));
    let is_limited = style == Style::Short && matches!(language, Language::English | Language::Danish);
    // "São Paulo Time" would make an English SMS UCS-2.
    let name = zone::name(iana, locale, language).filter(|it| !is_limited || is_gsm_7(it));
    Some(name.unwrap_or_else(|| iana.to_owned()))
}

/// The letters of GSM-7 outside ASCII that names of places have.
const LATIN_IN_GSM_7: &str = "æøåÆØÅäöñüàéèùìòÄÖÑÜÉßÇ";

/// Returns whether the zone's clock changes within a week, or the host's clock shows another time.
fn is_offset_needed(local: &Zoned, host_zone: Option<&str>) -> bool {
    const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
    let (at, zone, offset) = (local.timestamp(), local.time_zone(), local.offset());
    let nearby = [at.checked_sub(WEEK), at.checked_add(WEEK)];
    let host = host_zone.and_then(|it| TimeZone::get(it).ok());
    nearby.into_iter().flatten().any(|other| zone.to_offset(other) != offset)
        || host.is_some_and(|it| it.to_offset(at) != offset)
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
        format_long(at.parse().expect("an instant"), zone, None, language)
    }

    #[test]
    fn each_language_has_its_own_format() {
        for (zone, language, expected) in [
            ("America/New_York", English, "Sunday, May 31, 2026 at 8:15 AM (Eastern Time)"),
            ("Europe/London", English, "Sunday, 31 May 2026 at 13:15 (UK Time)"),
            ("Europe/Copenhagen", Danish, "søndag 31. maj 2026 kl. 14.15 (dansk tid)"),
            ("Europe/Bucharest", Romanian, "duminică, 31 mai 2026 la 15:15 (ora României)"),
            ("Asia/Taipei", TraditionalChinese, "2026年5月31日星期日 晚上8:15（台北時間）"),
        ] {
            assert_eq!(long("2026-05-31T12:15:00Z", zone, language), expected);
        }
    }

    #[test]
    fn an_sms_has_the_shorter_format() {
        for (zone, language, expected) in [
            ("America/New_York", English, "Sun, Mar 29, 8:15 AM (Eastern Time)"),
            ("Europe/London", English, "Sun 29 Mar, 13:15 (UK Time, UTC+1)"),
            ("Europe/Copenhagen", Danish, "søn. 29. mar., 14.15 (dansk tid, UTC+2)"),
            ("Europe/Bucharest", Romanian, "dum., 29 mar., 15:15 (ora României, UTC+3)"),
            ("Asia/Taipei", TraditionalChinese, "3月29日週日 晚上8:15（台北時間）"),
        ] {
            let at = "2026-03-29T12:15:00Z".parse().expect("an instant");
            assert_eq!(format_short(at, zone, None, language), expected);
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
                "duminică, 29 martie 2026 la 02:59 (ora României, UTC+2)",
            ),
            (
                "2026-03-29T01:00:00Z",
                "Europe/Bucharest",
                Romanian,
                "duminică, 29 martie 2026 la 04:00 (ora României, UTC+3)",
            ),
            (
                "2026-10-25T00:30:00Z",
                "Europe/Bucharest",
                Romanian,
                "duminică, 25 octombrie 2026 la 03:30 (ora României, UTC+3)",
            ),
            (
                "2026-10-25T01:30:00Z",
                "Europe/Bucharest",
                Romanian,
                "duminică, 25 octombrie 2026 la 03:30 (ora României, UTC+2)",
            ),
            ("2026-03-29T00:59:00Z", "Europe/Copenhagen", Danish, "søndag 29. marts 2026 kl. 01.59 (dansk tid, UTC+1)"),
            ("2026-03-29T01:00:00Z", "Europe/Copenhagen", Danish, "søndag 29. marts 2026 kl. 03.00 (dansk tid, UTC+2)"),
            (
                "2026-10-25T00:30:00Z",
                "Europe/Copenhagen",
                Danish,
                "søndag 25. oktober 2026 kl. 02.30 (dansk tid, UTC+2)",
            ),
            (
                "2026-10-25T01:30:00Z",
                "Europe/Copenhagen",
                Danish,
                "søndag 25. oktober 2026 kl. 02.30 (dansk tid, UTC+1)",
            ),
            ("2026-03-29T00:59:00Z", "Europe/London", English, "Sunday, 29 March 2026 at 00:59 (UK Time, UTC)"),
            ("2026-03-29T01:00:00Z", "Europe/London", English, "Sunday, 29 March 2026 at 02:00 (UK Time, UTC+1)"),
            (
                "2026-11-01T05:30:00Z",
                "America/New_York",
                English,
                "Sunday, November 1, 2026 at 1:30 AM (Eastern Time, UTC-4)",
            ),
            (
                "2026-11-01T06:30:00Z",
                "America/New_York",
                English,
                "Sunday, November 1, 2026 at 1:30 AM (Eastern Time, UTC-5)",
            ),
            // Taipei has no summer time; a reader abroad does.
            ("2026-07-01T00:05:00Z", "Asia/Taipei", TraditionalChinese, "2026年7月1日星期三 上午8:05（台北時間）"),
            (
                "2026-03-08T09:59:00Z",
                "America/Los_Angeles",
                TraditionalChinese,
                "2026年3月8日星期日 凌晨1:59（洛杉磯時間，UTC-8）",
            ),
            (
                "2026-03-08T10:00:00Z",
                "America/Los_Angeles",
                TraditionalChinese,
                "2026年3月8日星期日 凌晨3:00（洛杉磯時間，UTC-7）",
            ),
        ] {
            assert_eq!(long(at, zone, language), expected, "{at} {zone}");
        }
    }

    fn zone_of(at: &str, zone: &str, host_zone: Option<&str>, language: Language) -> String {
        let text = format_long(at.parse().expect("an instant"), zone, host_zone, language);
        let (_, zone) = text.split_once(" (").or_else(|| text.split_once('（')).expect("a zone");
        zone.trim_end_matches([')', '）']).to_owned()
    }

    #[test]
    fn a_zone_has_its_name_in_the_language() {
        for (zone, expected) in [
            ("Europe/Bucharest", ["Romania Time", "ora României", "rumænsk tid", "羅馬尼亞時間"]),
            ("Europe/Copenhagen", ["Denmark Time", "ora din Danemarca", "dansk tid", "丹麥時間"]),
            ("Asia/Taipei", ["Taiwan Time", "ora din Taiwan", "taiwansk tid", "台北時間"]),
            ("America/New_York", ["Eastern Time", "ora din New York", "New York-tid", "紐約時間"]),
            ("Asia/Kathmandu", ["Nepal Time", "ora din Nepal", "Nepal-tid", "尼泊爾時間"]),
        ] {
            let named = Language::ALL.map(|language| zone_of("2026-06-15T12:00:00Z", zone, None, language));
            assert_eq!(named, expected, "{zone}");
        }
    }

    #[test]
    fn every_zone_is_named_and_has_no_offset_far_from_a_change_of_the_clock() {
        for zone in jiff::tz::db().available() {
            for language in Language::ALL {
                let text = zone_of("2026-06-15T12:00:00Z", zone.as_str(), None, language);
                let is_placeless = !zone.as_str().contains('/') || zone.as_str().starts_with("Etc/");
                assert!(!text.is_empty() && !text.contains('?'), "{zone}: {text}");
                assert_eq!(text.contains("UTC"), is_placeless, "{zone}: {text}");
            }
        }
    }

    #[test]
    fn the_offset_is_told_within_a_week_of_a_change_of_the_clock() {
        for (at, expected) in [
            ("2026-03-22T00:59:59Z", "dansk tid"),
            ("2026-03-22T01:00:00Z", "dansk tid, UTC+1"),
            ("2026-03-29T00:59:59Z", "dansk tid, UTC+1"),
            ("2026-03-29T01:00:00Z", "dansk tid, UTC+2"),
            ("2026-04-05T00:59:59Z", "dansk tid, UTC+2"),
            ("2026-04-05T01:00:00Z", "dansk tid"),
        ] {
            assert_eq!(zone_of(at, "Europe/Copenhagen", None, Danish), expected, "{at}");
        }
    }

    #[test]
    fn the_offset_is_told_to_whom_the_hosts_clock_shows_another_time() {
        for (host_zone, expected) in [
            (None, "ora României"),
            (Some("Europe/Bucharest"), "ora României"),
            // The same time by another name.
            (Some("Europe/Athens"), "ora României"),
            (Some("Europe/Copenhagen"), "ora României, UTC+3"),
            (Some("Mars/Olympus"), "ora României"),
        ] {
            assert_eq!(zone_of("2026-06-15T12:00:00Z", "Europe/Bucharest", host_zone, Romanian), expected);
        }
    }

    #[test]
    fn offsets_may_have_minutes_and_zones_may_have_no_place() {
        let zone = |zone| zone_of("2026-01-05T12:00:00Z", zone, Some("Pacific/Kiritimati"), English);
        assert_eq!(zone("Asia/Kathmandu"), "Nepal Time, UTC+5:45");
        assert!(zone("America/St_Johns").ends_with(", UTC-3:30"));
        assert_eq!(zone("europe/bucharest"), "Romania Time, UTC+2");
        assert_eq!(zone("UTC"), "UTC");
        assert_eq!(zone("Etc/UTC"), "UTC");
        assert_eq!(zone("Etc/GMT+5"), "UTC-5");
    }

    #[test]
    fn an_sms_in_english_or_danish_names_no_place_with_a_letter_outside_gsm_7() {
        let at = "2026-06-15T12:00:00Z".parse().expect("an instant");
        for zone in jiff::tz::db().available() {
            for language in [English, Danish] {
                let text = format_short(at, zone.as_str(), None, language);
                assert!(text.chars().all(|c| c.is_ascii() || LATIN_IN_GSM_7.contains(c)), "{text}");
            }
        }
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
            ("US/Pacific", "Monday, January 5, 2026 at 4:00 AM (Pacific Time)"),
            ("Pacific/Honolulu", "Monday, January 5, 2026 at 2:00 AM (Honolulu Time)"),
            ("Pacific/Auckland", "Tuesday, 6 January 2026 at 01:00 (New Zealand Time)"),
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
                    for text in [format_long(at, zone, None, language), format_short(at, zone, None, language)] {
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
