//! The settings of a connection. `description.rs` describes each: what it must be, its default, and what it is for.
//!
//! [`Settings::check`] reads a whole document and lists every error, so that a wrong document is never stored.

mod check;
mod country_warnings;
mod crm;
mod defaults;
mod description;
#[cfg(test)]
mod documentation;
mod errors;
mod filter;
mod kind;
mod questions;
mod schema;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use countries::{Country, SenderKind};
use jiff::Timestamp;
use jiff::civil::Time;
use serde::{Deserialize, Serialize};

pub(crate) use self::crm::compile_pattern;
pub use self::crm::{AttributeSource, AttributeType, ConsentAnswer, CrmList, CrmSettings, DoubleOptIn};
pub use self::errors::SettingsError;
use self::filter::names;
pub use self::filter::{MessageFilter, Occasion};
pub use self::schema::schema;
use crate::phone::country_of;
pub use crate::provider::{Channel, Provider};
use crate::scheduling::budget::Limits;
use crate::words::is_same;
use crate::{Language, Leg, Message, Phone, PhoneCandidate, Reason, email_key, read_phone, zone_of_phone};

/// The providers, in order of preference. If one cannot or will not send, the next one tries.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Providers {
    /// SMS.
    pub sms: Vec<Provider>,
    /// E-mail.
    pub email: Vec<Provider>,
    /// The exceptions, by the message's name.
    pub messages: BTreeMap<String, MessageProviders>,
}

/// The providers of one message, if they differ.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MessageProviders {
    /// SMS.
    pub sms: Option<Vec<Provider>>,
    /// E-mail.
    pub email: Option<Vec<Provider>>,
}

/// The senders of messages.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "description.rs documents each setting")]
pub struct Senders {
    pub twilio: Option<String>,
    pub brand: Option<String>,
    pub email: Option<String>,
    pub email_name: Option<String>,
    pub reply_to: Option<String>,
    pub ses_configuration_set: Option<String>,
}

impl Senders {
    /// Returns whether Twilio's sender is a messaging service (`MG` and 32 hex digits), which chooses the number.
    pub fn is_messaging_service(sender: &str) -> bool {
        sender.strip_prefix("MG").is_some_and(|id| id.len() == 32 && id.bytes().all(|it| it.is_ascii_hexdigit()))
    }

    /// Returns what people see as the sender of SMS by Twilio; `None` for a messaging service, which chooses one.
    pub fn twilio_kind(&self) -> Option<SenderKind> {
        let sender = self.twilio.as_deref().filter(|it| !Self::is_messaging_service(it))?;
        Some(if sender.starts_with('+') { SenderKind::Number } else { SenderKind::Name })
    }

    /// Returns why carriers of a country do not take Twilio's sender, as it stands in a sentence; `None` if they take
    /// it, or if there is none or a messaging service chooses it.
    pub(crate) fn refused_in(&self, country: &Country) -> Option<String> {
        let (sender, kind) = self.twilio.as_deref().zip(self.twilio_kind())?;
        match kind {
            SenderKind::Name => country.sms.senders.refuse_name(sender),
            _ if country.sms.senders.kinds.contains(&kind) => None,
            _ => Some(format!("is {}", kind.title())),
        }
    }

    /// Returns the brand with which a text must begin in a country, if the settings name it.
    pub(crate) fn brand_in(&self, country: &Country) -> Option<&str> {
        self.brand.as_deref().filter(|_| country.sms.senders.brand_first)
    }
}

/// The connection's own wording for some messages.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Wording {
    /// The messages.
    #[serde(flatten)]
    pub filter: MessageFilter,
    /// The texts.
    #[serde(flatten)]
    pub parts: WordingParts,
}

/// The texts of a message. A part that is left out keeps our wording.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WordingParts {
    /// The SMS.
    pub sms: Option<String>,
    /// The e-mail's subject.
    pub subject: Option<String>,
    /// The e-mail as plain text.
    pub text: Option<String>,
    /// The e-mail as HTML: the content inside the layout.
    pub html: Option<String>,
}

impl WordingParts {
    /// Returns these parts, with those of `others` for the missing ones.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            sms: self.sms.or(others.sms),
            subject: self.subject.or(others.subject),
            text: self.text.or(others.text),
            html: self.html.or(others.html),
        }
    }
}

/// Other channels for some messages.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ChannelOverride {
    /// The messages, in every language.
    #[serde(flatten)]
    pub filter: MessageFilter,
    /// The channels.
    pub channels: Vec<Channel>,
}

/// The hours without timed SMS, in the recipient's time zone. They may include midnight. If both times are equal, there
/// are none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct QuietHours {
    /// When they begin.
    #[serde(with = "time_of_day")]
    pub from: Time,
    /// When they end.
    #[serde(with = "time_of_day")]
    pub until: Time,
    /// A reminder may be moved to the morning if it is then sent at least this many minutes before the start.
    pub useful_minutes: u32,
}

/// A time of day, such as `21:00`.
mod time_of_day {
    use jiff::civil::Time;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&time.strftime("%H:%M"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let text = String::deserialize(deserializer)?;
        Time::strptime("%H:%M", text).map_err(|_| D::Error::custom("a time of day is from 00:00 to 23:59"))
    }
}

/// Whether e-mails carry a calendar file. Calendly sends its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalendarFile {
    /// None.
    #[default]
    Off,
    /// A file to add to a calendar.
    Publish,
    /// An invitation to answer.
    Request,
}

impl CalendarFile {
    /// Every choice, in the order in which they are documented.
    pub const ALL: [Self; 3] = [Self::Off, Self::Publish, Self::Request];

    /// Returns the name that settings use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Publish => "publish",
            Self::Request => "request",
        }
    }
}

/// The price of an SMS segment, for estimates; written as `0.045 EUR`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Price {
    /// Millionths of the currency.
    pub micros: u64,
    /// Three letters, such as `EUR`.
    pub currency: String,
}

impl TryFrom<String> for Price {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a price is an amount and a currency")
    }
}

impl From<Price> for String {
    fn from(price: Price) -> Self {
        price.times(1)
    }
}

impl Price {
    /// Parses a price, such as `0.045 EUR`.
    pub fn parse(text: &str) -> Option<Self> {
        let (amount, currency) = text.trim().split_once(' ')?;
        let (whole, part) = amount.split_once('.').unwrap_or((amount, ""));
        let digits = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
        let fits = !whole.is_empty() && whole.len() <= 6 && part.len() <= 6 && digits(whole) && digits(part);
        let is_currency = currency.len() == 3 && currency.bytes().all(|it| it.is_ascii_uppercase());
        let micros = format!("{whole}{part:0<6}").parse().ok()?;
        (fits && is_currency).then(|| Self { micros, currency: currency.to_owned() })
    }

    /// Returns the price of a number of segments, such as `0.09 EUR`.
    pub fn times(&self, count: usize) -> String {
        let micros = self.micros.saturating_mul(u64::try_from(count).unwrap_or(u64::MAX));
        let part = format!("{:06}", micros % 1_000_000);
        let part = part.trim_end_matches('0');
        format!("{}.{part:0<2} {}", micros / 1_000_000, self.currency)
    }
}

/// A provider's template for some messages.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Template {
    /// The messages.
    #[serde(flatten)]
    pub filter: MessageFilter,
    /// The provider that has the template.
    pub provider: Provider,
    /// The provider's id of the template.
    pub id: String,
    /// Its text, as approved by the provider: for previews, and to check its variables.
    #[serde(default)]
    pub text: Option<String>,
}

/// The exceptions for one event type.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct EventTypeSettings {
    /// The language of its messages.
    #[serde(default)]
    pub language: Option<Language>,
    /// Its reminders.
    #[serde(default)]
    pub reminder_minutes: Option<Vec<u32>>,
    /// Its follow-ups.
    #[serde(default)]
    pub follow_up_minutes: Option<Vec<u32>>,
    /// Its requests to reconfirm.
    #[serde(default)]
    pub reconfirm_minutes: Option<Vec<u32>>,
    /// The survey for its invitees.
    #[serde(default)]
    pub survey_url: Option<String>,
    /// Its channels, by message.
    #[serde(default)]
    pub channels: BTreeMap<String, Vec<Channel>>,
}

/// A host's own contact.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HostContact {
    /// The number for SMS.
    #[serde(default)]
    pub phone: Option<Phone>,
    /// Whether notices may be sent to the e-mail address at Calendly.
    #[serde(default)]
    pub email: bool,
    /// The host's language.
    #[serde(default)]
    pub language: Option<Language>,
    /// The host's IANA time zone.
    #[serde(default)]
    pub zone: Option<String>,
}

/// For which bookings messages are sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// For those that VAI's agents made.
    Vai,
    /// For all, also those that a stranger made on a public page.
    All,
}

impl Audience {
    /// Every choice, in the order in which they are documented.
    pub const ALL: [Self; 2] = [Self::Vai, Self::All];

    /// Returns the name that settings use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vai => "vai",
            Self::All => "all",
        }
    }
}

/// In `countries`: every country.
pub(crate) const EVERY_COUNTRY: &str = "*";

/// The limits of SMS. Those of a day hold over any 24 hours, and count segments.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "description.rs documents each setting")]
pub struct SmsBudget {
    pub most_segments: u32,
    pub per_number_and_day: u32,
    pub per_host_and_day: u32,
    pub per_day: u32,
    pub messages_per_booking: u32,
    pub moves_per_hour: u32,
}

impl SmsBudget {
    /// The part of the connection's budget, in percent, from which on there is an alarm.
    const ALARM_PERCENT: u64 = 80;

    /// Returns whether so much of the connection's budget is spent that somebody should know.
    pub fn is_low(&self, spent: u32) -> bool {
        u64::from(spent) * 100 >= u64::from(self.per_day) * Self::ALARM_PERCENT
    }
}

/// Log settings that expire.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Logging {
    /// A log level: error, warn, info, debug or trace.
    #[serde(default)]
    pub level: Option<String>,
    /// When the level expires.
    #[serde(default)]
    pub level_until: Option<Timestamp>,
    /// When logging of the masked form of each webhook ends.
    #[serde(default)]
    pub webhooks_until: Option<Timestamp>,
}

impl Logging {
    /// Returns the log level at an instant; `None` for the function's own level.
    pub fn level_at(&self, now: Timestamp) -> Option<&str> {
        self.level.as_deref().filter(|_| self.level_until.is_some_and(|until| now < until))
    }
}

/// The settings for bookings by VAI's agents.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "description.rs documents each setting")]
pub struct BookingSettings {
    pub per_minute: u32,
    pub per_hour: u32,
    pub per_day: u32,
    pub requests_per_minute: u32,
    pub hold_minutes: u32,
    pub never_guests: Vec<String>,
}

impl BookingSettings {
    /// Returns the limits of a host's budget.
    pub fn limits(&self) -> Limits {
        Limits { per_minute: self.per_minute, per_hour: self.per_hour, per_day: self.per_day }
    }
}

/// A topic that people may want to talk about, and its event type.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Topic {
    /// The topic's name.
    pub name: String,
    /// The words for it.
    pub words: Vec<String>,
    /// Its event type: name, slug, URI or UUID.
    pub event_type: String,
    /// The host of the event type: name, e-mail address, URI or UUID.
    #[serde(default)]
    pub host: Option<String>,
}

/// The settings of a connection.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "description.rs documents each setting")]
pub struct Settings {
    pub enabled: bool,
    pub default_language: Language,
    pub fallback_zone: String,
    pub default_region: Option<String>,
    pub act_on: Vec<String>,
    pub phone_questions: Vec<String>,
    pub reminder_minutes: Vec<u32>,
    pub follow_up_minutes: Vec<u32>,
    pub reconfirm_minutes: Vec<u32>,
    pub no_show_minutes: u32,
    pub survey_url: Option<String>,
    pub booking_links: bool,
    pub calendar_file: CalendarFile,
    pub mail_for: Audience,
    pub sms_for: Audience,
    pub host_notices_for: Audience,
    pub countries: Vec<String>,
    pub email_instead_of_sms: bool,
    pub quiet_hours: QuietHours,
    pub sms_budget: SmsBudget,
    pub stop_words: Vec<String>,
    pub start_words: Vec<String>,
    pub transliterate: Vec<Language>,
    pub sms_price: Option<Price>,
    pub sms_link_domains: BTreeMap<String, Vec<String>>,
    pub code_templates: BTreeMap<String, String>,
    pub time_words: Vec<String>,
    pub help_after_minutes: u32,
    pub channels: BTreeMap<String, Vec<Channel>>,
    pub channel_overrides: Vec<ChannelOverride>,
    pub providers: Providers,
    pub senders: Senders,
    pub templates: Vec<Template>,
    pub wording: Vec<Wording>,
    pub event_types: BTreeMap<String, EventTypeSettings>,
    pub hosts: BTreeMap<String, HostContact>,
    pub host_phone: Option<Phone>,
    pub booking: BookingSettings,
    pub topics: Vec<Topic>,
    pub crm: Option<CrmSettings>,
    pub logging: Logging,
    /// The version of the document; 0 for the defaults. It is no setting of the document: the store reads it.
    #[serde(skip)]
    pub version: u64,
    /// Whether the connection has endpoints, so that events are published. It is no setting of the document: the store
    /// reads it from a row of its own.
    #[serde(skip)]
    pub publishes: bool,
    /// Whether the connection is switched off: what happens is recorded, and nothing is done. The store reads it from
    /// the connection's row.
    #[serde(skip)]
    pub is_disabled: bool,
    /// The users whose webhook subscriptions deliver to the connection, by URI; `None` where the signature tells. The
    /// store reads it from the connection's row.
    #[serde(skip)]
    pub webhook_creators: Option<Vec<String>>,
}

impl Settings {
    /// Returns whether to act on a leg.
    pub fn acts_on(&self, leg: &Leg) -> bool {
        self.reason_to_ignore(leg).is_none()
    }

    /// Returns why nothing is done for a leg, if so.
    pub fn reason_to_ignore(&self, leg: &Leg) -> Option<Reason> {
        if self.is_disabled || !self.enabled {
            return Some(Reason::ConnectionDisabled);
        }
        let is_wanted = self.act_on.is_empty() || self.act_on.iter().any(|key| names(key, leg));
        (!is_wanted).then_some(Reason::EventTypeIgnored)
    }

    /// Returns when this leg's reminders are sent, in minutes before the start.
    pub fn reminders_of(&self, leg: &Leg) -> &[u32] {
        self.event_type_settings(leg).and_then(|own| own.reminder_minutes.as_deref()).unwrap_or(&self.reminder_minutes)
    }

    /// Returns when this leg's follow-ups are sent, in minutes after the end.
    pub fn follow_ups_of(&self, leg: &Leg) -> &[u32] {
        self.event_type_settings(leg)
            .and_then(|own| own.follow_up_minutes.as_deref())
            .unwrap_or(&self.follow_up_minutes)
    }

    /// Returns when this leg's invitee is asked to reconfirm, in minutes before the start.
    pub fn reconfirmations_of(&self, leg: &Leg) -> &[u32] {
        self.event_type_settings(leg)
            .and_then(|own| own.reconfirm_minutes.as_deref())
            .unwrap_or(&self.reconfirm_minutes)
    }

    /// Returns the survey for this leg's invitee.
    pub fn survey_of(&self, leg: &Leg) -> Option<&str> {
        self.event_type_settings(leg).and_then(|own| own.survey_url.as_deref()).or(self.survey_url.as_deref())
    }

    /// Returns the providers of a message by a channel, in order of preference.
    pub fn providers_of(&self, message: Message, channel: Channel) -> &[Provider] {
        let own = self.providers.messages.get(message.name());
        match channel {
            Channel::Sms => own.and_then(|it| it.sms.as_ref()).unwrap_or(&self.providers.sms),
            Channel::Email => own.and_then(|it| it.email.as_ref()).unwrap_or(&self.providers.email),
        }
    }

    /// Returns the price of a segment to a country (two capital letters): the settings', else the highest list price
    /// there, if it is known.
    pub fn segment_price_in(&self, country: Option<&str>) -> Option<Price> {
        let list_price = || countries::country(country).sms.price.segment.as_deref().and_then(Price::parse);
        self.sms_price.clone().or_else(list_price)
    }

    /// Returns whether SMS may go to the country of an invitee's number: the settings list it, or it is at home there.
    pub fn allows_country_of(&self, phone: &Phone) -> bool {
        if self.countries.iter().any(|it| it == EVERY_COUNTRY) {
            return true;
        }
        let Some(country) = country_of(phone) else { return false };
        let of_hosts = self.hosts.values().filter_map(|it| it.phone.as_ref()).chain(&self.host_phone);
        self.countries.contains(&country)
            || self.default_region.as_ref() == Some(&country)
            || of_hosts.filter_map(country_of).any(|it| it == country)
    }

    /// Returns the contact of a host, by the e-mail address at Calendly, however it is written.
    pub fn host(&self, email: &str) -> Option<&HostContact> {
        let email = email_key(email);
        self.hosts.iter().find(|(key, _)| email_key(key) == email).map(|(_, contact)| contact)
    }

    /// Returns the time zone of the hosts, if the settings name one and no host has another.
    pub fn zone_of_hosts(&self) -> Option<&str> {
        let mut zones = self.hosts.values().filter_map(|it| it.zone.as_deref());
        let first = zones.next()?;
        zones.all(|it| it == first).then_some(first)
    }

    /// Returns the connection's own wording of a message. Each part is the most specific one.
    pub fn wording_of(&self, occasion: Occasion<'_>, language: Language) -> WordingParts {
        self.find_wording(|filter| filter.matches_in(occasion, language))
    }

    /// Returns the wording of every message that a filter matches. What the filter leaves out is a case for which the
    /// settings name nothing special.
    pub fn wording_for(&self, filter: &MessageFilter) -> WordingParts {
        self.find_wording(|it| it.includes(filter))
    }

    fn find_wording(&self, matches: impl Fn(&MessageFilter) -> bool) -> WordingParts {
        let mut matching: Vec<_> = self.wording.iter().filter(|it| matches(&it.filter)).collect();
        matching.sort_by_key(|it| Reverse(it.filter.specificity()));
        matching.into_iter().fold(WordingParts::default(), |parts, it| parts.or(it.parts.clone()))
    }

    /// Returns the channels of a message.
    pub fn channels_of(&self, occasion: Occasion<'_>) -> &[Channel] {
        let Occasion { message, leg, .. } = occasion;
        let overrides = self.channel_overrides.iter().filter(|it| it.filter.matches(occasion));
        overrides
            .max_by_key(|it| it.filter.specificity())
            .map(|it| &it.channels)
            .or_else(|| self.event_type_settings(leg).and_then(|own| own.channels.get(message.name())))
            .or_else(|| self.channels.get(message.name()))
            .map_or(&[], Vec::as_slice)
    }

    /// Returns the language of this leg's event type in the settings.
    pub fn language_of(&self, leg: &Leg) -> Option<Language> {
        self.event_type_settings(leg).and_then(|own| own.language)
    }

    /// Returns the provider's template for a message: the most specific one.
    pub fn template_of(&self, occasion: Occasion<'_>, provider: Provider, language: Language) -> Option<&Template> {
        self.find_template(provider, |filter| filter.matches_in(occasion, language))
    }

    /// Returns the provider's template for every message that a filter matches, as [`Self::wording_for`] does.
    pub fn template_for(&self, filter: &MessageFilter, provider: Provider) -> Option<&Template> {
        self.find_template(provider, |it| it.includes(filter))
    }

    fn find_template(&self, provider: Provider, matches: impl Fn(&MessageFilter) -> bool) -> Option<&Template> {
        let matching = self.templates.iter().filter(|it| it.provider == provider && matches(&it.filter));
        matching.max_by_key(|it| it.filter.specificity())
    }

    /// Returns whether a question asks for the invitee's phone number.
    pub fn asks_for_phone(&self, question: &str) -> bool {
        self.phone_questions.iter().any(|it| is_same(it, question))
    }

    /// Returns whether a text may be the invitee's phone number: the settings list its question as a phone question, or
    /// it is from one of Calendly's own fields.
    pub fn names_phone(&self, candidate: &PhoneCandidate) -> bool {
        candidate.question.as_deref().is_none_or(|question| self.asks_for_phone(question))
    }

    /// Returns an invitee's IANA time zone: the one that Calendly has, else that of their phone number's country, else
    /// that of a host in the settings, else the settings' fallback.
    pub fn zone_of(&self, leg: &Leg) -> String {
        let details = &leg.details;
        let named = details.phones.iter().filter(|it| self.names_phone(it));
        let region = self.default_region.as_deref();
        let mut of_phones = named.filter_map(|it| zone_of_phone(&read_phone(it.text.expose(), region).ok()?));
        let mut of_hosts = details.hosts.iter().filter_map(|host| self.host(host.address()?)?.zone.clone());
        let known = details.zone.clone().or_else(|| of_phones.next().map(str::to_owned)).or_else(|| of_hosts.next());
        known.unwrap_or_else(|| self.fallback_zone.clone())
    }

    /// Returns whether a cancellation's reason is about time.
    pub fn is_about_time(&self, reason: &str) -> bool {
        let reason = reason.to_lowercase();
        self.time_words.iter().any(|word| {
            let word = word.to_lowercase();
            reason.match_indices(&word).any(|(at, _)| {
                // Scripts without spaces have no word boundaries.
                !word.is_ascii() && word.chars().all(|c| c > '\u{2E80}')
                    || reason[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric())
            })
        })
    }

    fn event_type_settings(&self, leg: &Leg) -> Option<&EventTypeSettings> {
        self.event_types.iter().find(|(key, _)| names(key, leg)).map(|(_, own)| own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sms_go_to_the_countries_of_the_list_of_the_hosts_and_of_the_region() {
        let mut settings = Settings { countries: vec!["DK".to_owned()], ..Settings::default() };
        settings.default_region = Some("RO".to_owned());
        settings.host_phone = Phone::parse("+886912345678");
        let contact = HostContact { phone: Phone::parse("+4915123456789"), ..HostContact::default() };
        settings.hosts.insert("host@example.com".to_owned(), contact);
        let allows =
            |settings: &Settings, number: &str| settings.allows_country_of(&Phone::parse(number).expect("E.164"));
        for (number, expected) in [
            ("+4520123456", true),
            ("+40712345678", true),
            ("+886987654321", true),
            ("+4915112345678", true),
            ("+447400123456", false),
            // Countries that share +1 are told apart.
            ("+18765551234", false),
        ] {
            assert_eq!(allows(&settings, number), expected, "{number}");
        }
        settings.countries = vec![EVERY_COUNTRY.to_owned()];
        assert!(allows(&settings, "+447400123456"));
    }

    #[test]
    fn the_alarm_comes_before_the_budget_is_spent() {
        let budget = SmsBudget { per_day: 10, ..Settings::default().sms_budget };
        assert_eq!([7, 8, 10].map(|spent| budget.is_low(spent)), [false, true, true]);
    }

    #[test]
    fn reasons_about_time_are_recognized_in_each_language() {
        let settings = Settings::default();
        for reason in [
            "I'm too busy that day",
            "Nu am timp acum",
            "Ora nu mai e bună",
            "Det tidspunkt passer ikke",
            "我那天沒空",
            "Scheduling conflict",
        ] {
            assert!(settings.is_about_time(reason), "{reason}");
        }
        // "sometimes" contains "time", but not at the beginning of a word.
        for reason in ["Found another supplier", "I sometimes change my mind", "Nu mai sunt interesat", ""] {
            assert!(!settings.is_about_time(reason), "{reason}");
        }
    }
}
