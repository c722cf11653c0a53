//! The supported languages, and which one a time zone suggests.

use serde::{Deserialize, Serialize};

/// A language of our messages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Language {
    /// English.
    #[serde(rename = "en")]
    English,
    /// Romanian.
    #[serde(rename = "ro")]
    Romanian,
    /// Danish.
    #[serde(rename = "da")]
    Danish,
    /// Chinese in traditional characters, as written in Taiwan.
    #[serde(rename = "zh-Hant")]
    TraditionalChinese,
}

impl Language {
    /// Every language, in the order in which they are listed to people.
    pub const ALL: [Self; 4] = [Self::English, Self::Romanian, Self::Danish, Self::TraditionalChinese];

    /// Returns the BCP 47 tag, as in the settings.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Romanian => "ro",
            Self::Danish => "da",
            Self::TraditionalChinese => "zh-Hant",
        }
    }

    /// Parses a tag, with or without a region (`ro-RO`, `zh-TW`); `None` for a language that is not supported.
    pub fn parse(tag: &str) -> Option<Self> {
        let tag = tag.trim().replace('_', "-").to_ascii_lowercase();
        if matches!(tag.as_str(), "zh-hant" | "zh-tw" | "zh-hk" | "zh-mo") || tag.starts_with("zh-hant-") {
            return Some(Self::TraditionalChinese);
        }
        match tag.split('-').next()? {
            "en" => Some(Self::English),
            "ro" => Some(Self::Romanian),
            "da" => Some(Self::Danish),
            _ => None,
        }
    }

    /// Joins people's names: `Ana, Dan and Eva`.
    pub fn join_names(self, names: &[&str]) -> String {
        let (comma, and) = match self {
            Self::English => (", ", " and "),
            Self::Romanian => (", ", " și "),
            Self::Danish => (", ", " og "),
            Self::TraditionalChinese => ("、", "和"),
        };
        match names {
            [first @ .., last] if !first.is_empty() => format!("{}{and}{last}", first.join(comma)),
            _ => names.concat(),
        }
    }

    /// Returns the language of most people in an IANA time zone. `None` if it is not supported or not known.
    pub fn likely_in(zone: &str) -> Option<Self> {
        match zone {
            "Europe/Bucharest" | "Europe/Chisinau" | "Europe/Tiraspol" => Some(Self::Romanian),
            "Europe/Copenhagen" => Some(Self::Danish),
            "Asia/Taipei" | "Asia/Hong_Kong" | "Hongkong" | "ROC" | "Asia/Macau" | "Asia/Macao" => {
                Some(Self::TraditionalChinese)
            }
            "Europe/London" | "Europe/Dublin" | "GB" | "Eire" | "NZ" => Some(Self::English),
            _ if ["US/", "Canada/", "Australia/"].iter().any(|area| zone.starts_with(area)) => Some(Self::English),
            "America/New_York"
            | "America/Chicago"
            | "America/Denver"
            | "America/Phoenix"
            | "America/Los_Angeles"
            | "America/Anchorage"
            | "America/Toronto"
            | "America/Vancouver"
            | "Pacific/Honolulu"
            | "Pacific/Auckland" => Some(Self::English),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_parsed_with_and_without_regions() {
        assert_eq!(Language::parse("ro-RO"), Some(Language::Romanian));
        assert_eq!(Language::parse("zh_TW"), Some(Language::TraditionalChinese));
        assert_eq!(Language::parse("zh-CN"), None);
        assert_eq!(Language::parse("fr"), None);
        for language in Language::ALL {
            assert_eq!(Language::parse(language.tag()), Some(language));
        }
    }
}
