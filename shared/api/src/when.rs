//! A time as a request tells it.

use std::borrow::Cow;
use std::fmt;

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant, or a time on the clocks of a zone that is named elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// `2027-01-11T09:00:00+02:00`.
    Instant(Timestamp),
    /// `2027-01-11T09:00`.
    Local(civil::DateTime),
}

impl When {
    /// The name of its form in a JSON Schema.
    pub(crate) const FORMAT: &str = "time-with-or-without-offset";

    /// What is said of a text that is none.
    pub(crate) const PROBLEM: &str =
        "is no date and time such as 2027-01-11T09:00:00+02:00, or 2027-01-11T09:00 with a timezone";

    /// Reads `2027-01-11T09:00[:00]`, with `Z` or an offset behind it or without; `None` when it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let (date, time) = text.split_at_checked(10)?;
        let time = time.strip_prefix(['T', 't', ' ']).filter(|it| it.get(2..3) == Some(":"))?;
        // In a query a plus sign that nobody escaped arrives as a space.
        let time = time.replacen(' ', "+", 1);
        let text = format!("{date}T{time}");
        if time.contains(['Z', 'z', '+', '-', '\u{2212}', '[']) {
            text.parse().ok().map(Self::Instant)
        } else {
            text.parse().ok().map(Self::Local)
        }
    }

    /// The instant; a local time is one of `zone`'s. In the hour that clocks skip it is the hour after, in the one that
    /// they repeat the first. `None` beyond the end of time.
    pub fn instant(self, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Instant(at) => Some(at),
            Self::Local(at) => zone.to_timestamp(at).ok(),
        }
    }

    /// Whether a zone must be known to tell the instant.
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
        json_schema!({ "type": "string", "format": Self::FORMAT, "minLength": 16, "maxLength": 64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_with_and_without_an_offset() {
        for (text, told) in [
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
            assert_eq!(When::parse(text).map(|it| it.to_string()).as_deref(), told, "{text}");
        }
    }

    #[test]
    fn a_local_time_is_one_of_its_zone() {
        let zone = TimeZone::get("Europe/Bucharest").unwrap();
        for (text, instant) in [
            ("2027-01-11T09:00", "2027-01-11T07:00:00Z"),
            ("2027-07-11T09:00", "2027-07-11T06:00:00Z"),
            // 28 March 2027: from 03:00 to 04:00. 31 October 2027: from 04:00 to 03:00.
            ("2027-03-28T03:30", "2027-03-28T01:30:00Z"),
            ("2027-10-31T03:30", "2027-10-31T00:30:00Z"),
        ] {
            let when = When::parse(text).unwrap();
            assert!(when.is_local());
            assert_eq!(when.instant(&zone).unwrap().to_string(), instant, "{text}");
        }
    }
}
