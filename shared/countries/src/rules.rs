//! The rules of a country, as its file has them.

use jiff::civil::{Date, Time, Weekday};
use serde::Deserialize;

use crate::text::TextLimits;

/// What a message is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Purpose {
    /// It answers what the person, or the person on the other side of the meeting, has just done.
    Answer,
    /// It is about a meeting that is still to come.
    Reminder,
    /// It comes after the meeting. Some laws may take it for marketing, since it asks for an opinion or another
    /// booking.
    FollowUp,
}

impl Purpose {
    /// Every purpose, in the order of the files.
    pub const ALL: [Self; 3] = [Self::Answer, Self::Reminder, Self::FollowUp];

    /// Returns the name that the files use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Reminder => "reminder",
            Self::FollowUp => "follow_up",
        }
    }
}

/// The rules of a country.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Country {
    /// The country, two capital letters (ISO 3166); `None` for all countries without a file.
    pub code: Option<String>,
    /// Its name in English, as it stands in a sentence.
    pub name: String,
    /// The rules for SMS.
    pub sms: SmsRules,
}

/// The rules for SMS.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmsRules {
    /// What may be said by SMS at all.
    pub purposes: PurposeLine,
    /// Links in the text.
    pub links: LinkLine,
    /// The senders that carriers take.
    pub senders: SenderLine,
    /// Whether answers come back.
    pub replies: ReplyLine,
    /// The hours without SMS.
    pub hours: HourLine,
    /// What a receipt proves.
    pub receipts: ReceiptLine,
    /// What a segment costs.
    pub price: PriceLine,
}

/// What may be said by SMS at all.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurposeLine {
    /// Answers to what a person has just done.
    pub answer: bool,
    /// Messages about a meeting to come.
    pub reminder: bool,
    /// Messages after a meeting.
    pub follow_up: bool,
    /// Where this is from.
    pub source: String,
    /// The day on which it was checked.
    pub checked: Date,
}

impl PurposeLine {
    /// Returns whether messages for a purpose may be sent by SMS.
    pub fn allow(&self, purpose: Purpose) -> bool {
        match purpose {
            Purpose::Answer => self.answer,
            Purpose::Reminder => self.reminder,
            Purpose::FollowUp => self.follow_up,
        }
    }
}

/// Which links a text may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkRule {
    /// Any.
    Yes,
    /// Those whose domains were registered together with the sender. If the owner of the account names none, they count
    /// as registered, since a sender can't be used there without it.
    Registered,
    /// Those whose domains the owner of the account names, because carriers have allowed them. Without any: none.
    AllowListed,
    /// None.
    No,
}

impl LinkRule {
    /// Returns the name that the files use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Registered => "registered",
            Self::AllowListed => "allow_listed",
            Self::No => "no",
        }
    }
}

/// Links in the text.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkLine {
    /// Answers to what a person has just done.
    pub answer: LinkRule,
    /// Messages about a meeting to come.
    pub reminder: LinkRule,
    /// Messages after a meeting.
    pub follow_up: LinkRule,
    /// Whether links of public shorteners pass.
    pub shorteners: bool,
    /// Whether a phone number in the text needs the same permission as a link.
    pub numbers_are_links: bool,
    /// Where this is from.
    pub source: String,
    /// The day on which it was checked.
    pub checked: Date,
}

impl LinkLine {
    /// Returns the rule for messages for a purpose.
    pub fn of(&self, purpose: Purpose) -> LinkRule {
        match purpose {
            Purpose::Answer => self.answer,
            Purpose::Reminder => self.reminder,
            Purpose::FollowUp => self.follow_up,
        }
    }

    /// Returns what a text for a purpose may not have. `domains` are those that carriers have allowed for this account;
    /// `None` if its owner names none for this country.
    pub fn limits(&self, purpose: Purpose, domains: Option<&[String]>) -> TextLimits {
        let domains = match self.of(purpose) {
            LinkRule::Yes => None,
            LinkRule::Registered => domains.map(<[String]>::to_vec),
            LinkRule::AllowListed => Some(domains.unwrap_or_default().to_vec()),
            LinkRule::No => Some(Vec::new()),
        };
        // A carrier that takes any link takes any number.
        let no_numbers = self.numbers_are_links && domains.is_some();
        TextLimits { domains, no_shorteners: !self.shorteners, no_numbers }
    }
}

/// What a recipient sees as the sender.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SenderKind {
    /// A name of letters. Nobody can answer it.
    Name,
    /// A phone number.
    Number,
    /// A short number of the country's carriers.
    ShortCode,
}

impl SenderKind {
    /// Returns how it is called in a sentence.
    pub fn title(self) -> &'static str {
        match self {
            Self::Name => "a name",
            Self::Number => "a number",
            Self::ShortCode => "a short code",
        }
    }
}

/// Whether a sender must be registered before it is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// Carriers block or change what is not registered.
    Required,
    /// Some carriers or names need it.
    Advised,
    /// It is not asked for.
    Unneeded,
}

/// The senders that carriers take.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SenderLine {
    /// The kinds of senders.
    pub kinds: Vec<SenderKind>,
    /// Whether one must be registered.
    pub registration: Registration,
    /// Whether a text must begin with a brand that is registered with the carriers.
    #[serde(default)]
    pub brand_first: bool,
    /// Whether a long message by Twilio arrives as one. If not, its segments arrive one by one.
    #[serde(default = "yes")]
    pub twilio_joins_segments: bool,
    /// The fewest letters of a name.
    #[serde(default)]
    pub shortest_name: usize,
    /// Whether a name may have spaces.
    #[serde(default = "yes")]
    pub spaces_in_names: bool,
    /// General words that are blocked as names. Upper and lower case do not matter.
    #[serde(default)]
    pub blocked_names: Vec<String>,
    /// Where this is from.
    pub source: String,
    /// The day on which it was checked.
    pub checked: Date,
}

fn yes() -> bool {
    true
}

impl SenderLine {
    /// Returns why carriers do not take a name as the sender, as it stands in a sentence; `None` if they take it.
    pub fn refuse_name(&self, name: &str) -> Option<String> {
        if !self.kinds.contains(&SenderKind::Name) {
            Some("is a name".to_owned())
        } else if name.chars().count() < self.shortest_name {
            Some(format!("is a name of fewer than {} letters", self.shortest_name))
        } else if !self.spaces_in_names && name.contains(' ') {
            Some("is a name with a space".to_owned())
        } else if self.blocked_names.iter().any(|it| it.eq_ignore_ascii_case(name)) {
            Some("is a general word".to_owned())
        } else {
            None
        }
    }
}

/// Whether answers come back, so that people can write STOP. A sender that is a name never gets any.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplyLine {
    /// By Twilio.
    pub twilio: bool,
    /// By other providers.
    pub others: bool,
    /// Where this is from.
    pub source: String,
    /// The day on which it was checked.
    pub checked: Date,
}

/// A time in which nothing is sent, by the recipient's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub enum QuietSpan {
    /// Hours of each day, which may include midnight; written as `22:00-08:00`.
    Hours {
        /// When they begin.
        from: Time,
        /// When they end.
        until: Time,
    },
    /// A whole day of each week; written as `sunday`.
    Day(Weekday),
}

impl TryFrom<String> for QuietSpan {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "saturday" => return Ok(Self::Day(Weekday::Saturday)),
            "sunday" => return Ok(Self::Day(Weekday::Sunday)),
            _ => {}
        }
        let time = |text| Time::strptime("%H:%M", text).ok();
        let hours = text.split_once('-').and_then(|(from, until)| Some((time(from)?, time(until)?)));
        let hours = hours.filter(|(from, until)| from != until);
        hours.map(|(from, until)| Self::Hours { from, until }).ok_or("a span is as 22:00-08:00, saturday or sunday")
    }
}

/// The hours without SMS.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HourLine {
    /// Answers to what a person has just done.
    pub answer: Vec<QuietSpan>,
    /// Messages about a meeting to come.
    pub reminder: Vec<QuietSpan>,
    /// Messages after a meeting.
    pub follow_up: Vec<QuietSpan>,
    /// Where this is from.
    pub source: String,
    /// The day on which it was checked.
    pub checked: Date,
}

impl HourLine {
    /// Returns the times without messages for a purpose.
    pub fn of(&self, purpose: Purpose) -> &[QuietSpan] {
        match purpose {
            Purpose::Answer => &self.answer,
            Purpose::Reminder => &self.reminder,
            Purpose::FollowUp => &self.follow_up,
        }
    }
}

/// What a receipt proves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptKind {
    /// The phone has the message.
    Handset,
    /// The carrier has it.
    Network,
    /// It is not known which of the two.
    Unknown,
}

impl ReceiptKind {
    /// Returns the name that the files use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Handset => "handset",
            Self::Network => "network",
            Self::Unknown => "unknown",
        }
    }
}

/// What a receipt proves.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptLine {
    /// What it proves.
    pub kind: ReceiptKind,
    /// Where this is from.
    pub source: String,
    /// The day on which it was checked.
    pub checked: Date,
}

/// What a segment costs.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceLine {
    /// The highest list price of a segment, with its currency, such as `0.0781 USD`; `None` if it is not known.
    pub segment: Option<String>,
    /// The day of the list.
    pub as_of: Option<Date>,
    /// Where this is from.
    pub source: String,
    /// The day on which it was checked.
    pub checked: Date,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_or_refused() {
        let read = |text: &str| QuietSpan::try_from(text.to_owned()).ok();
        let time = |hour, minute| Time::constant(hour, minute, 0, 0);
        assert_eq!(read("22:00-08:30"), Some(QuietSpan::Hours { from: time(22, 0), until: time(8, 30) }));
        assert_eq!(read("sunday"), Some(QuietSpan::Day(Weekday::Sunday)));
        for wrong in ["", "22:00", "22-8", "24:00-08:00", "08:00-08:00", "Sunday", "monday"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_name_is_taken_or_refused_by_its_country() {
        let refuse = |code: &str, name: &str| crate::country(Some(code)).sms.senders.refuse_name(name);
        for (code, name, refused) in [
            ("RO", "VAI Portal", None),
            ("US", "VAI", Some("is a name")),
            ("ES", "VA", Some("is a name of fewer than 3 letters")),
            ("ES", "VAI", None),
            ("FR", "VAI Portal", Some("is a name with a space")),
            ("FR", "VAIPortal", None),
            ("GB", "reminder", Some("is a general word")),
            ("GB", "VAI", None),
        ] {
            assert_eq!(refuse(code, name).as_deref(), refused, "{code} {name}");
        }
    }

    #[test]
    fn the_domains_count_where_links_must_be_registered_or_allowed() {
        let line = |rule| LinkLine {
            answer: rule,
            reminder: rule,
            follow_up: rule,
            shorteners: true,
            numbers_are_links: true,
            source: String::new(),
            checked: Date::constant(2026, 11, 25),
        };
        let own = ["calendly.com".to_owned()];
        for (rule, without, with) in [
            (LinkRule::Yes, None, None),
            (LinkRule::Registered, None, Some(1)),
            (LinkRule::AllowListed, Some(0), Some(1)),
            (LinkRule::No, Some(0), Some(0)),
        ] {
            let count = |domains| {
                let limits = line(rule).limits(Purpose::Answer, domains);
                assert_eq!(limits.no_numbers, limits.domains.is_some(), "{rule:?}");
                limits.domains.map(|it| it.len())
            };
            assert_eq!((count(None), count(Some(&own[..]))), (without, with), "{rule:?}");
        }
    }
}
