//! A time in a request.

use std::borrow::Cow;
use std::fmt;

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant, or a local time. The zone of a local time is another field of the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// `2027-01-11T09:00:00+02:00`.
    Instant(Timestamp),
    /// `2027-01-11T09:00`.
    Local(civil::DateTime),
}

impl When {
    /// The name of its format in a JSON Schema.
    pub(crate) const FORMAT: &str = "time-with-or-without-offset";

    /// The problem that is reported for a text that is not a time.
    pub(crate) const PROBLEM: &str =
        "is no date and time such as 2027-01-11T09:00:00+02:00, or 2027-01-11T09:00 with a timezone";

    /// The pattern of a time in a JSON Schema. The parser also takes other forms of ISO 8601.
    pub(crate) const PATTERN: &str = concat!(
        "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]",
        r"(:[0-5][0-9](\.[0-9]{1,9})?)?([Zz]|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])?$"
    );

    /// The pattern of a time with an offset.
    pub(crate) const INSTANT_PATTERN: &str = concat!(
        "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]",
        r"(:[0-5][0-9](\.[0-9]{1,9})?)?([Zz]|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])$"
    );

    /// The problem that is reported for a text that is not an instant.
    pub(crate) const NO_INSTANT: &str = "is no instant such as 2027-01-11T09:00:00Z";

    /// Parses `2027-01-11T09:00[:00]`, with or without `Z` or an offset; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let (date, time) = text.split_at_checked(10)?;
        let time = time.strip_prefix(['T', 't', ' ']).filter(|it| it.get(2..3) == Some(":"))?;
        // An unescaped plus sign in a query arrives as a space.
        let time = time.replacen(' ', "+", 1);
        let text = format!("{date}T{time}");
        if time.contains(['Z', 'z', '+', '-', '\u{2212}', '[']) {
            text.parse().ok().map(Self::Instant)
        } else {
            text.parse().ok().map(Self::Local)
        }
    }

    /// Returns the instant. A local time is in `zone`. If clocks skip that hour, it is the hour after; if they repeat
    /// it, it is the first one. `None` if the instant cannot be represented.
    pub fn instant(self, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Instant(at) => Some(at),
            Self::Local(at) => zone.to_timestamp(at).ok(),
        }
    }

    /// Returns whether a zone is needed to know the instant.
    pub fn is_local(self) -> bool {
        matches!(self, Self::Local(_))
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instant(at) => write!(f, "{at}"),
            Self::Local(at) => write!(f, "{at}"),
        }
    }
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(Self::PROBLEM))
    }
}

impl JsonSchema for When {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "When".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "format": Self::FORMAT, "minLength": 16, "maxLength": 64, "pattern": Self::PATTERN,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_and_without_an_offset_are_parsed() {
        for (text, expected) in [
            ("2027-01-11T09:00:00+02:00", Some("2027-01-11T07:00:00Z")),
            ("2027-01-11T09:00+02:00", Some("2027-01-11T07:00:00Z")),
            ("2027-01-11T07:00:00.000Z", Some("2027-01-11T07:00:00Z")),
            ("2027-01-11T07:00Z", Some("2027-01-11T07:00:00Z")),
            ("2027-01-11T09:00:00 02:00", Some("2027-01-11T07:00:00Z")),
            ("2027-01-11T09:00:00+02:00[Europe/Bucharest]", Some("2027-01-11T07:00:00Z")),
            ("2027-01-11T02:00:00-05:00", Some("2027-01-11T07:00:00Z")),
            ("2027-01-11T09:00", Some("2027-01-11T09:00:00")),
            ("2027-01-11 09:00:30", Some("2027-01-11T09:00:30")),
            ("2027-01-11", None),
            ("2027-02-30T09:00", None),
            ("2027-01-11T25:00+02:00", None),
            ("2027-01-11T09:00+99:00", None),
            ("2027-01-11T09", None),
            ("tomorrow at nine", None),
            ("tomorrow ăt nine", None),
            ("", None),
        ] {
            assert_eq!(When::parse(text).map(|it| it.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_local_time_is_read_in_its_zone() {
        let zone = TimeZone::get("Europe/Bucharest").unwrap();
        for (text, instant) in [
            ("2027-01-11T09:00", "2027-01-11T07:00:00Z"),
            ("2027-07-11T09:00", "2027-07-11T06:00:00Z"),
            // Clocks go from 03:00 to 04:00 on 28 March 2027, and from 04:00 to 03:00 on 31 October 2027.
            ("2027-03-28T03:30", "2027-03-28T01:30:00Z"),
            ("2027-10-31T03:30", "2027-10-31T00:30:00Z"),
        ] {
            let when = When::parse(text).unwrap();
            assert!(when.is_local());
            assert_eq!(when.instant(&zone).unwrap().to_string(), instant, "{text}");
        }
    }
}
