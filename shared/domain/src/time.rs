//! Time zones, and saturating arithmetic on instants: a meeting may be booked for the year 9999.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Returns the IANA name of a zone; `None` for any other text. Abbreviations such as `EST` and `CET` are none: they do
/// not say whether summer time is meant.
pub fn parse_zone(name: &str) -> Option<String> {
    let name = name.trim();
    let is_abbreviation = ABBREVIATIONS.iter().any(|it| it.eq_ignore_ascii_case(name));
    let zone = TimeZone::get(name).ok().filter(|_| !is_abbreviation)?;
    zone.iana_name().map(str::to_owned)
}

/// The abbreviations that the time zone database has as zones, for compatibility.
/// Source: `etcetera`, `backward` and `northamerica` of the IANA time zone database.
const ABBREVIATIONS: [&str; 11] =
    ["EST", "MST", "HST", "EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT", "CET", "EET", "MET", "WET"];

/// Returns the instant plus `duration`, which may be negative.
pub fn add(instant: Timestamp, duration: SignedDuration) -> Timestamp {
    instant.saturating_add(duration).unwrap_or(Timestamp::MAX)
}

/// Returns the instant minus `minutes`.
pub fn minutes_before(instant: Timestamp, minutes: u32) -> Timestamp {
    add(instant, -SignedDuration::from_mins(i64::from(minutes)))
}

/// Returns the instant plus `minutes`.
pub fn minutes_after(instant: Timestamp, minutes: u32) -> Timestamp {
    add(instant, SignedDuration::from_mins(i64::from(minutes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_has_an_unambiguous_name() {
        for (name, zone) in [
            ("Europe/Bucharest", Some("Europe/Bucharest")),
            (" europe/bucharest ", Some("Europe/Bucharest")),
            ("UTC", Some("UTC")),
            ("EST", None),
            ("est", None),
            ("CET", None),
            ("PST", None),
            ("EST5EDT", None),
            ("Bucharest", None),
            ("", None),
        ] {
            assert_eq!(parse_zone(name).as_deref(), zone, "{name}");
        }
    }

    #[test]
    fn sums_end_at_the_first_and_the_last_instant() {
        let hour = SignedDuration::from_hours(1);
        assert_eq!(add(Timestamp::MAX, hour), Timestamp::MAX);
        assert_eq!(add(Timestamp::MIN, -hour), Timestamp::MIN);
        assert_eq!(minutes_before(Timestamp::MIN, 60), Timestamp::MIN);
        assert_eq!(minutes_after(Timestamp::UNIX_EPOCH, 60), Timestamp::UNIX_EPOCH + hour);
    }
}
