//! The settings of a connection: a typed document with a documented default (`settings.default.toml`).
//!
//! [`Settings::check`] reads a whole document and lists every error in it, so that nothing wrong is ever stored.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::scheduling::budget::Limits;
use crate::scheduling::form;
use crate::{Language, Leg, Message, Phone, uuid_of};

/// The documented default, as text. [`Settings::default`] is the same; a test compares them.
pub const DEFAULT_TOML: &str = include_str!("../settings.default.toml");

/// How a message reaches a person.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A text message.
    Sms,
    /// An e-mail.
    Email,
}

/// Who sends a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// SMS by EngageLab.
    Engagelab,
    /// E-mail by VAI.
    Vai,
}

impl Provider {
    /// The channel this provider serves.
    pub fn channel(self) -> Channel {
        match self {
            Self::Engagelab => Channel::Sms,
            Self::Vai => Channel::Email,
        }
    }
}

/// A provider's template for one message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Template {
    /// The message, by name.
    pub message: String,
    /// Whose template it is.
    pub provider: Provider,
    /// For this language only.
    #[serde(default)]
    pub language: Option<Language>,
    /// For this event type only: name, URI or UUID.
    #[serde(default)]
    pub event_type: Option<String>,
    /// The provider's id of it.
    pub id: String,
}

/// What differs for one event type.
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
    /// Its channels, by message.
    #[serde(default)]
    pub channels: BTreeMap<String, Vec<Channel>>,
}

/// A host's own contact.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HostContact {
    /// A number that may be texted.
    #[serde(default)]
    pub phone: Option<Phone>,
    /// The host's language.
    #[serde(default)]
    pub language: Option<Language>,
}

/// Who gets e-mails of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailFor {
    /// Invitees of bookings that VAI's agents made.
    Vai,
    /// Every invitee.
    All,
}

/// Logging that switches itself off again.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Logging {
    /// A level for a while: error, warn, info, debug or trace.
    #[serde(default)]
    pub level: Option<String>,
    /// Until when the level holds.
    #[serde(default)]
    pub level_until: Option<Timestamp>,
    /// Until when the masked shape of each webhook is logged.
    #[serde(default)]
    pub webhooks_until: Option<Timestamp>,
}

/// How VAI's agents book.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "settings.default.toml documents each key once, where its users read it")]
pub struct BookingSettings {
    pub per_minute: u32,
    pub per_hour: u32,
    pub per_day: u32,
    pub requests_per_minute: u32,
    pub hold_minutes: u32,
    pub never_guests: Vec<String>,
}

impl Default for BookingSettings {
    fn default() -> Self {
        Self {
            per_minute: 10,
            per_hour: 50,
            per_day: 100,
            requests_per_minute: 120,
            hold_minutes: 10,
            never_guests: Vec::new(),
        }
    }
}

impl BookingSettings {
    /// How many bookings a host's budget holds.
    pub fn limits(&self) -> Limits {
        Limits { per_minute: self.per_minute, per_hour: self.per_hour, per_day: self.per_day }
    }
}

/// What people may want to talk about, and the event type for it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Topic {
    /// What the topic is called.
    pub name: String,
    /// Words that speak of it.
    pub words: Vec<String>,
    /// The event type it leads to: name, slug, URI or UUID.
    pub event_type: String,
    /// Whose event type: name, e-mail address, URI or UUID.
    #[serde(default)]
    pub host: Option<String>,
}

/// The settings of a connection. `settings.default.toml` documents each.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "settings.default.toml documents each key once, where its users read it")]
pub struct Settings {
    pub default_language: Language,
    pub fallback_zone: String,
    pub act_on: Vec<String>,
    pub phone_questions: Vec<String>,
    pub reminder_minutes: Vec<u32>,
    pub follow_up_minutes: Vec<u32>,
    pub mail_for: MailFor,
    pub time_words: Vec<String>,
    pub help_after_minutes: u32,
    pub channels: BTreeMap<String, Vec<Channel>>,
    pub templates: Vec<Template>,
    pub event_types: BTreeMap<String, EventTypeSettings>,
    pub hosts: BTreeMap<String, HostContact>,
    pub booking: BookingSettings,
    pub topics: Vec<Topic>,
    pub logging: Logging,
}

/// An error in a settings document: where, and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SettingsError {
    /// The path of the value, for example `templates[2].language`.
    pub path: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl std::fmt::Display for SettingsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.problem)
    }
}

const MESSAGES: [&str; 5] = ["confirmation", "move", "cancellation", "reminder", "follow_up"];
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// A year: Calendly books no further ahead than that without being told to.
const LONGEST_MINUTES: u64 = 366 * 24 * 60;

/// With two channels each, a move's commands and withdrawals stay well inside one transaction (100 items).
const MOST_OFFSETS: usize = 8;

/// Nobody's agents do more than that; a larger number is a slip.
const MOST_BOOKINGS: u64 = 100_000;

/// A hold takes nobody's slot, so one that lasts would promise too much.
const LONGEST_HOLD: u64 = 60;

impl Default for Settings {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let both = vec![Channel::Sms, Channel::Email];
        Self {
            default_language: Language::English,
            fallback_zone: "UTC".to_owned(),
            act_on: Vec::new(),
            phone_questions: words(&[
                "Phone number",
                "Phone",
                "Număr de telefon",
                "Telefon",
                "Telefonnummer",
                "電話號碼",
                "電話",
            ]),
            reminder_minutes: vec![1440, 60],
            follow_up_minutes: vec![30],
            mail_for: MailFor::Vai,
            time_words: words(&[
                "time",
                "timing",
                "schedul",
                "busy",
                "conflict",
                "another day",
                "not available",
                "unavailable",
                "overlap",
                "timp",
                "oră",
                "ora nu",
                "ora asta",
                "alta ora",
                "ocupat",
                "suprapune",
                "altă zi",
                "alta zi",
                "nu pot atunci",
                "tid",
                "tidspunkt",
                "optaget",
                "kalender",
                "en anden dag",
                "passer ikke",
                "時間",
                "時段",
                "沒空",
                "忙",
                "撞期",
                "改天",
                "行程",
            ]),
            help_after_minutes: 1440,
            channels: MESSAGES
                .iter()
                .map(|name| {
                    ((*name).to_owned(), if *name == "confirmation" { both.clone() } else { vec![Channel::Sms] })
                })
                .collect(),
            templates: vec![Template {
                message: "confirmation".to_owned(),
                provider: Provider::Vai,
                language: None,
                event_type: None,
                id: "calendly_confirmation".to_owned(),
            }],
            event_types: BTreeMap::new(),
            hosts: BTreeMap::new(),
            booking: BookingSettings::default(),
            topics: Vec::new(),
            logging: Logging::default(),
        }
    }
}

impl Settings {
    /// Reads a document. What it leaves out keeps its default; `templates` given replace the default's.
    ///
    /// # Errors
    /// Every error in the document, in its order.
    pub fn check(document: &Value) -> Result<Self, Vec<SettingsError>> {
        let mut errors = Errors::default();
        let mut settings = Self::default();
        let Some(mut table) = Table::open(document, String::new(), &mut errors) else { return Err(errors.0) };

        table.read("default_language", &mut errors, language, |it| settings.default_language = it);
        table.read("fallback_zone", &mut errors, zone, |it| settings.fallback_zone = it);
        table.read("act_on", &mut errors, texts, |it| settings.act_on = it);
        table.read("phone_questions", &mut errors, texts, |it| settings.phone_questions = it);
        table.read("reminder_minutes", &mut errors, offsets, |it| settings.reminder_minutes = it);
        table.read("follow_up_minutes", &mut errors, offsets, |it| settings.follow_up_minutes = it);
        table.read("mail_for", &mut errors, mail_for, |it| settings.mail_for = it);
        table.read("time_words", &mut errors, texts, |it| settings.time_words = it);
        table.read("help_after_minutes", &mut errors, minutes, |it| settings.help_after_minutes = it);
        table.read("channels", &mut errors, channels, |it| settings.channels.extend(it));
        table.read("templates", &mut errors, templates, |it| settings.templates = it);
        table.read("event_types", &mut errors, event_types, |it| settings.event_types = it);
        table.read("hosts", &mut errors, hosts, |it| settings.hosts = it);
        table.read("booking", &mut errors, booking, |it| settings.booking = it);
        table.read("topics", &mut errors, topics, |it| settings.topics = it);
        table.read("logging", &mut errors, logging, |it| settings.logging = it);
        table.close(&mut errors);
        if errors.0.is_empty() { Ok(settings) } else { Err(errors.0) }
    }

    /// Whether to act on a leg's event type at all.
    pub fn acts_on(&self, leg: &Leg) -> bool {
        self.act_on.is_empty() || self.act_on.iter().any(|key| names(key, leg))
    }

    /// Minutes before the start at which this leg's reminders go out.
    pub fn reminders_of(&self, leg: &Leg) -> &[u32] {
        self.of(leg).and_then(|own| own.reminder_minutes.as_deref()).unwrap_or(&self.reminder_minutes)
    }

    /// Minutes after the end at which this leg's follow-ups go out.
    pub fn follow_ups_of(&self, leg: &Leg) -> &[u32] {
        self.of(leg).and_then(|own| own.follow_up_minutes.as_deref()).unwrap_or(&self.follow_up_minutes)
    }

    /// The channels of a message about this leg.
    pub fn channels_of(&self, message: Message, leg: &Leg) -> &[Channel] {
        self.of(leg)
            .and_then(|own| own.channels.get(message.name()))
            .or_else(|| self.channels.get(message.name()))
            .map_or(&[], Vec::as_slice)
    }

    /// The language that the settings fix for this leg's event type.
    pub fn language_of(&self, leg: &Leg) -> Option<Language> {
        self.of(leg).and_then(|own| own.language)
    }

    /// The provider's template for a message: the one for this event type before the general one, the one for this
    /// language before the one for any.
    pub fn template_of(&self, message: Message, provider: Provider, language: Language, leg: &Leg) -> Option<&str> {
        self.templates
            .iter()
            .filter(|it| {
                it.message == message.name()
                    && it.provider == provider
                    && it.language.is_none_or(|own| own == language)
                    && it.event_type.as_deref().is_none_or(|key| names(key, leg))
            })
            .max_by_key(|it| (it.event_type.is_some(), it.language.is_some()))
            .map(|it| it.id.as_str())
    }

    /// Whether a question asks for the invitee's phone number.
    pub fn asks_for_phone(&self, question: &str) -> bool {
        let question = question.trim().to_lowercase();
        self.phone_questions.iter().any(|it| it.trim().to_lowercase() == question)
    }

    /// Whether a cancellation's reason is about time.
    pub fn is_about_time(&self, reason: &str) -> bool {
        let reason = reason.to_lowercase();
        self.time_words.iter().any(|word| {
            let word = word.to_lowercase();
            reason.match_indices(&word).any(|(at, _)| {
                // Scripts without spaces have no beginnings of words to look for.
                !word.is_ascii() && word.chars().all(|c| c > '\u{2E80}')
                    || reason[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric())
            })
        })
    }

    fn of(&self, leg: &Leg) -> Option<&EventTypeSettings> {
        self.event_types.iter().find(|(key, _)| names(key, leg)).map(|(_, own)| own)
    }
}

/// Whether a key of the settings (a name, a URI or a UUID) names this leg's event type.
fn names(key: &str, leg: &Leg) -> bool {
    key == leg.details.event_name
        || leg.details.event_type.as_ref().is_some_and(|uri| key == uri.as_str() || key == uuid_of(uri.as_str()))
}

#[derive(Default)]
struct Errors(Vec<SettingsError>);

impl Errors {
    fn add(&mut self, path: &str, problem: impl Into<String>) {
        let path = if path.is_empty() { "the document" } else { path };
        self.0.push(SettingsError { path: path.to_owned(), problem: problem.into() });
    }
}

/// A table of the document, being read key by key: what is left at the end is unknown.
struct Table<'a> {
    path: String,
    left: Map<String, Value>,
    keys: Vec<&'a str>,
}

type Reader<T> = fn(&Value, &str, &mut Errors) -> Option<T>;

impl<'a> Table<'a> {
    fn open(value: &Value, path: String, errors: &mut Errors) -> Option<Self> {
        match value {
            Value::Object(map) => Some(Self { path, left: map.clone(), keys: Vec::new() }),
            _ => {
                errors.add(&path, "must be a table of keys and values");
                None
            }
        }
    }

    fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn read<T>(&mut self, key: &'a str, errors: &mut Errors, reader: Reader<T>, mut put: impl FnMut(T)) {
        self.keys.push(key);
        if let Some(value) = self.left.remove(key)
            && let Some(read) = reader(&value, &self.at(key), errors)
        {
            put(read);
        }
    }

    fn required<T>(&mut self, key: &'a str, errors: &mut Errors, reader: Reader<T>) -> Option<T> {
        if !self.left.contains_key(key) {
            errors.add(&self.at(key), "is missing");
        }
        self.optional(key, errors, reader)
    }

    fn optional<T>(&mut self, key: &'a str, errors: &mut Errors, reader: Reader<T>) -> Option<T> {
        let mut found = None;
        self.read(key, errors, reader, |it| found = Some(it));
        found
    }

    fn close(self, errors: &mut Errors) {
        for key in self.left.keys() {
            errors.add(&self.at(key), format!("is no setting; there are: {}", self.keys.join(", ")));
        }
    }
}

fn text(value: &Value, path: &str, errors: &mut Errors) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        _ => {
            errors.add(path, "must be a text that is not empty");
            None
        }
    }
}

fn list<T>(value: &Value, path: &str, errors: &mut Errors, item: Reader<T>) -> Option<Vec<T>> {
    let Value::Array(items) = value else {
        errors.add(path, "must be a list");
        return None;
    };
    let read: Vec<_> =
        items.iter().enumerate().map(|(at, value)| item(value, &format!("{path}[{at}]"), errors)).collect();
    read.into_iter().collect()
}

fn table_of<T>(value: &Value, path: &str, errors: &mut Errors, item: Reader<T>) -> Option<BTreeMap<String, T>> {
    let table = Table::open(value, path.to_owned(), errors)?;
    let read: Vec<_> =
        table.left.iter().map(|(key, value)| Some((key.clone(), item(value, &table.at(key), errors)?))).collect();
    read.into_iter().collect()
}

fn one_of(value: &Value, path: &str, errors: &mut Errors, choices: &[&str]) -> Option<String> {
    match value {
        Value::String(text) if choices.contains(&text.as_str()) => Some(text.clone()),
        _ => {
            errors.add(path, format!("must be one of {}", choices.join(", ")));
            None
        }
    }
}

fn texts(value: &Value, path: &str, errors: &mut Errors) -> Option<Vec<String>> {
    list(value, path, errors, text)
}

fn language(value: &Value, path: &str, errors: &mut Errors) -> Option<Language> {
    let found = value.as_str().and_then(|tag| Language::ALL.into_iter().find(|it| it.tag() == tag));
    if found.is_none() {
        errors.add(path, format!("must be one of {}", Language::ALL.map(Language::tag).join(", ")));
    }
    found
}

fn zone(value: &Value, path: &str, errors: &mut Errors) -> Option<String> {
    let name = text(value, path, errors)?;
    if jiff::tz::TimeZone::get(&name).is_err() {
        errors.add(path, "is no IANA time zone (such as Europe/Bucharest)");
        return None;
    }
    Some(name)
}

fn up_to(value: &Value, path: &str, errors: &mut Errors, unit: &str, most: u64) -> Option<u32> {
    let found = value.as_u64().filter(|number| (1..=most).contains(number));
    if found.is_none() {
        errors.add(path, format!("must be a whole number{unit} from 1 to {most}"));
    }
    found.and_then(|number| u32::try_from(number).ok())
}

fn number(value: &Value, path: &str, errors: &mut Errors) -> Option<u32> {
    up_to(value, path, errors, "", MOST_BOOKINGS)
}

fn minutes(value: &Value, path: &str, errors: &mut Errors) -> Option<u32> {
    up_to(value, path, errors, " of minutes", LONGEST_MINUTES)
}

fn hold_minutes(value: &Value, path: &str, errors: &mut Errors) -> Option<u32> {
    up_to(value, path, errors, " of minutes", LONGEST_HOLD)
}

fn offsets(value: &Value, path: &str, errors: &mut Errors) -> Option<Vec<u32>> {
    let twice = value.as_array().is_some_and(|all| all.iter().enumerate().any(|(at, one)| all[..at].contains(one)));
    if twice {
        errors.add(path, "names the same minutes twice");
    }
    let offsets = list(value, path, errors, minutes)?;
    if offsets.len() > MOST_OFFSETS {
        errors.add(path, format!("has more than {MOST_OFFSETS}"));
    }
    Some(offsets)
}

fn mail_for(value: &Value, path: &str, errors: &mut Errors) -> Option<MailFor> {
    one_of(value, path, errors, &["vai", "all"]).map(|it| if it == "all" { MailFor::All } else { MailFor::Vai })
}

fn channel(value: &Value, path: &str, errors: &mut Errors) -> Option<Channel> {
    one_of(value, path, errors, &["sms", "email"]).map(|it| if it == "sms" { Channel::Sms } else { Channel::Email })
}

fn channel_list(value: &Value, path: &str, errors: &mut Errors) -> Option<Vec<Channel>> {
    let mut channels = list(value, path, errors, channel)?;
    channels.sort_unstable();
    channels.dedup();
    Some(channels)
}

fn channels(value: &Value, path: &str, errors: &mut Errors) -> Option<BTreeMap<String, Vec<Channel>>> {
    for key in
        value.as_object().into_iter().flatten().map(|(key, _)| key).filter(|key| !MESSAGES.contains(&key.as_str()))
    {
        errors.add(&format!("{path}.{key}"), format!("is no message; there are: {}", MESSAGES.join(", ")));
    }
    table_of(value, path, errors, channel_list)
}

fn provider(value: &Value, path: &str, errors: &mut Errors) -> Option<Provider> {
    one_of(value, path, errors, &["engagelab", "vai"])
        .map(|it| if it == "vai" { Provider::Vai } else { Provider::Engagelab })
}

fn message_name(value: &Value, path: &str, errors: &mut Errors) -> Option<String> {
    one_of(value, path, errors, &MESSAGES)
}

fn template(value: &Value, path: &str, errors: &mut Errors) -> Option<Template> {
    let mut table = Table::open(value, path.to_owned(), errors)?;
    let message = table.required("message", errors, message_name);
    let provider = table.required("provider", errors, provider);
    let language = table.optional("language", errors, language);
    let event_type = table.optional("event_type", errors, text);
    let id = table.required("id", errors, text);
    table.close(errors);
    Some(Template { message: message?, provider: provider?, language, event_type, id: id? })
}

fn templates(value: &Value, path: &str, errors: &mut Errors) -> Option<Vec<Template>> {
    let templates = list(value, path, errors, template)?;
    for (at, one) in templates.iter().enumerate() {
        let same = |other: &&Template| {
            (&other.message, other.provider, other.language, &other.event_type)
                == (&one.message, one.provider, one.language, &one.event_type)
        };
        if templates[..at].iter().any(|other| same(&other)) {
            errors.add(
                &format!("{path}[{at}]"),
                "is for the same message, provider, language and event type as one above",
            );
        }
    }
    Some(templates)
}

fn event_type(value: &Value, path: &str, errors: &mut Errors) -> Option<EventTypeSettings> {
    let mut own = EventTypeSettings::default();
    let mut table = Table::open(value, path.to_owned(), errors)?;
    own.language = table.optional("language", errors, language);
    own.reminder_minutes = table.optional("reminder_minutes", errors, offsets);
    own.follow_up_minutes = table.optional("follow_up_minutes", errors, offsets);
    own.channels = table.optional("channels", errors, channels).unwrap_or_default();
    table.close(errors);
    Some(own)
}

fn event_types(value: &Value, path: &str, errors: &mut Errors) -> Option<BTreeMap<String, EventTypeSettings>> {
    table_of(value, path, errors, event_type)
}

fn phone(value: &Value, path: &str, errors: &mut Errors) -> Option<Phone> {
    let phone = value.as_str().and_then(|text| Phone::parse(text).ok());
    if phone.is_none() {
        errors.add(path, "must be a phone number with + and country code");
    }
    phone
}

fn host(value: &Value, path: &str, errors: &mut Errors) -> Option<HostContact> {
    let mut table = Table::open(value, path.to_owned(), errors)?;
    let contact = HostContact {
        phone: table.optional("phone", errors, phone),
        language: table.optional("language", errors, language),
    };
    table.close(errors);
    Some(contact)
}

fn hosts(value: &Value, path: &str, errors: &mut Errors) -> Option<BTreeMap<String, HostContact>> {
    table_of(value, path, errors, host)
}

fn address_or_domain(value: &Value, path: &str, errors: &mut Errors) -> Option<String> {
    let found = value.as_str().map(str::trim).filter(|text| {
        let address = if text.starts_with('@') { format!("any{text}") } else { (*text).to_owned() };
        form::email(&address).is_some()
    });
    if found.is_none() {
        errors.add(path, "must be an e-mail address, or a domain such as @example.com");
    }
    found.map(str::to_owned)
}

fn never_guests(value: &Value, path: &str, errors: &mut Errors) -> Option<Vec<String>> {
    list(value, path, errors, address_or_domain)
}

fn booking(value: &Value, path: &str, errors: &mut Errors) -> Option<BookingSettings> {
    let mut booking = BookingSettings::default();
    let mut table = Table::open(value, path.to_owned(), errors)?;
    table.read("per_minute", errors, number, |it| booking.per_minute = it);
    table.read("per_hour", errors, number, |it| booking.per_hour = it);
    table.read("per_day", errors, number, |it| booking.per_day = it);
    table.read("requests_per_minute", errors, number, |it| booking.requests_per_minute = it);
    table.read("hold_minutes", errors, hold_minutes, |it| booking.hold_minutes = it);
    table.read("never_guests", errors, never_guests, |it| booking.never_guests = it);
    table.close(errors);
    Some(booking)
}

fn topic_words(value: &Value, path: &str, errors: &mut Errors) -> Option<Vec<String>> {
    let words = texts(value, path, errors)?;
    if words.is_empty() {
        errors.add(path, "must hold a word at least");
    }
    Some(words)
}

fn topic(value: &Value, path: &str, errors: &mut Errors) -> Option<Topic> {
    let mut table = Table::open(value, path.to_owned(), errors)?;
    let name = table.required("name", errors, text);
    let words = table.required("words", errors, topic_words);
    let event_type = table.required("event_type", errors, text);
    let host = table.optional("host", errors, text);
    table.close(errors);
    Some(Topic { name: name?, words: words?, event_type: event_type?, host })
}

fn topics(value: &Value, path: &str, errors: &mut Errors) -> Option<Vec<Topic>> {
    let topics = list(value, path, errors, topic)?;
    for (at, one) in topics.iter().enumerate() {
        if topics[..at].iter().any(|other| other.name.trim().to_lowercase() == one.name.trim().to_lowercase()) {
            errors.add(&format!("{path}[{at}].name"), "is the name of one above");
        }
    }
    Some(topics)
}

fn level(value: &Value, path: &str, errors: &mut Errors) -> Option<String> {
    one_of(value, path, errors, &LEVELS)
}

fn instant(value: &Value, path: &str, errors: &mut Errors) -> Option<Timestamp> {
    let instant = value.as_str().and_then(|text| text.parse().ok());
    if instant.is_none() {
        errors.add(path, "must be an instant with its offset, such as 2026-11-20T18:00:00Z");
    }
    instant
}

fn logging(value: &Value, path: &str, errors: &mut Errors) -> Option<Logging> {
    let mut table = Table::open(value, path.to_owned(), errors)?;
    let logging = Logging {
        level: table.optional("level", errors, level),
        level_until: table.optional("level_until", errors, instant),
        webhooks_until: table.optional("webhooks_until", errors, instant),
    };
    table.close(errors);
    if logging.level.is_some() && value.get("level_until").is_none() {
        errors.add(&format!("{path}.level_until"), "is missing: a level set here must say when it ends");
    }
    Some(logging)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_documented_default_is_the_default() {
        let document: Value = toml::from_str(DEFAULT_TOML).expect("TOML");
        assert_eq!(Settings::check(&document), Ok(Settings::default()));
        assert_eq!(Settings::check(&json!({})), Ok(Settings::default()));
    }

    #[test]
    fn every_error_is_listed_with_its_place() {
        let errors = Settings::check(&json!({
            "default_language": "fr",
            "fallback_zone": "Mars/Olympus",
            "reminder_minutes": [60, 60, 0],
            "colour": "blue",
            "templates": [{"message": "hello", "provider": "engagelab", "language": "en"}],
            "event_types": {"Sales Demo": {"channels": {"reminder": ["pigeon"]}}},
            "hosts": {"a@example.com": {"phone": "0712"}},
            "booking": {"per_minute": 0, "per_week": 7, "hold_minutes": 61, "never_guests": ["a@b.example", "b.example"]},
            "topics": [
                {"name": "Sales", "words": []},
                {"name": "Help", "words": ["help", " "], "event_type": "Help", "hosts": "Ana"},
            ],
            "logging": {"level": "debug"},
        }))
        .expect_err("errors");
        let list: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            list,
            [
                "default_language: must be one of en, ro, da, zh-Hant",
                "fallback_zone: is no IANA time zone (such as Europe/Bucharest)",
                "reminder_minutes: names the same minutes twice",
                "reminder_minutes[2]: must be a whole number of minutes from 1 to 527040",
                "templates[0].message: must be one of confirmation, move, cancellation, reminder, follow_up",
                "templates[0].id: is missing",
                "event_types.Sales Demo.channels.reminder[0]: must be one of sms, email",
                "hosts.a@example.com.phone: must be a phone number with + and country code",
                "booking.per_minute: must be a whole number from 1 to 100000",
                "booking.hold_minutes: must be a whole number of minutes from 1 to 60",
                "booking.never_guests[1]: must be an e-mail address, or a domain such as @example.com",
                "booking.per_week: is no setting; there are: per_minute, per_hour, per_day, requests_per_minute, \
                 hold_minutes, never_guests",
                "topics[0].words: must hold a word at least",
                "topics[0].event_type: is missing",
                "topics[1].words[1]: must be a text that is not empty",
                "topics[1].hosts: is no setting; there are: name, words, event_type, host",
                "logging.level_until: is missing: a level set here must say when it ends",
                "colour: is no setting; there are: default_language, fallback_zone, act_on, phone_questions, \
                 reminder_minutes, follow_up_minutes, mail_for, time_words, help_after_minutes, channels, \
                 templates, event_types, hosts, booking, topics, logging",
            ]
        );
    }

    #[test]
    fn what_is_set_for_booking_leaves_the_rest_as_it_is() {
        let topic = |name: &str| json!({"name": name, "words": ["price"], "event_type": "sales-demo"});
        let settings = Settings::check(&json!({
            "booking": {"per_minute": 500, "never_guests": ["bot@vai.example", "@Vai.example"]},
            "topics": [topic("Sales")],
        }))
        .expect("settings");
        assert_eq!(settings.booking.limits(), Limits { per_minute: 500, per_hour: 50, per_day: 100 });
        assert_eq!(settings.booking.never_guests, ["bot@vai.example", "@Vai.example"]);
        assert_eq!((settings.booking.requests_per_minute, settings.booking.hold_minutes), (120, 10));
        assert_eq!(settings.topics[0].host, None);
        let older: BookingSettings =
            serde_json::from_value(json!({"hold_minutes": 5})).expect("from before the others");
        assert_eq!(older, BookingSettings { hold_minutes: 5, ..BookingSettings::default() });

        let errors = Settings::check(&json!({"topics": [topic("Sales"), topic("sales ")]})).expect_err("an error");
        assert_eq!(errors[0].to_string(), "topics[1].name: is the name of one above");
    }

    #[test]
    fn reasons_about_time_are_recognised_in_each_language() {
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
        // "sometimes" holds "time", but no word begins with it there.
        for reason in ["Found another supplier", "I sometimes change my mind", "Nu mai sunt interesat", ""] {
            assert!(!settings.is_about_time(reason), "{reason}");
        }
    }
}
