//! Reads a settings document whole and lists every error in it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Time;
use serde_json::{Map, Value};

use super::{
    AttributeSource, BookingSettings, CalendarFile, Channel, ConsentAnswer, CrmList, CrmSettings, DoubleOptIn,
    EventTypeSettings, HostContact, Logging, MailFor, MessageProviders, Price, Provider, Providers, QuietHours,
    Senders, Settings, Template, Topic, Wording, compile_pattern,
};
use crate::crm_contact::MeetingStatus;
use crate::scheduling::form;
use crate::{Language, Message, Phone};

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

const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// A year: by default Calendly does not allow bookings further ahead.
const LONGEST_MINUTES: u64 = 366 * 24 * 60;

/// With two channels each, the commands for a meeting fit into one decision: see `MOST_COMMANDS`.
const MOST_OFFSETS: usize = 6;

/// More requests would annoy the invitee.
const MOST_RECONFIRMATIONS: usize = 2;

/// A larger number is certainly a mistake.
const MOST_BOOKINGS: u64 = 100_000;

/// In minutes. A hold does not reserve the slot, so a long hold would promise too much.
const LONGEST_HOLD: u64 = 60;

impl Settings {
    /// Reads a document. A key that is left out keeps its default. `templates` replaces the default templates.
    ///
    /// # Errors
    /// Every error in the document, in the order of the keys.
    pub fn check(document: &Value) -> Result<Self, Vec<SettingsError>> {
        let mut errors = Errors::default();
        let mut settings = Self::default();
        let Some(mut table) = Table::open(document, String::new(), &mut errors) else { return Err(errors.0) };

        table.read("enabled", &mut errors, boolean, |it| settings.enabled = it);
        table.read("default_language", &mut errors, language, |it| settings.default_language = it);
        table.read("fallback_zone", &mut errors, zone, |it| settings.fallback_zone = it);
        table.read("default_region", &mut errors, region, |it| settings.default_region = Some(it));
        table.read("act_on", &mut errors, texts, |it| settings.act_on = it);
        table.read("phone_questions", &mut errors, texts, |it| settings.phone_questions = it);
        table.read("reminder_minutes", &mut errors, offsets, |it| settings.reminder_minutes = it);
        table.read("follow_up_minutes", &mut errors, offsets, |it| settings.follow_up_minutes = it);
        table.read("reconfirm_minutes", &mut errors, reconfirmations, |it| settings.reconfirm_minutes = it);
        table.read("no_show_minutes", &mut errors, minutes, |it| settings.no_show_minutes = it);
        table.read("survey_url", &mut errors, url, |it| settings.survey_url = Some(it));
        table.read("booking_links", &mut errors, boolean, |it| settings.booking_links = it);
        table.read("calendar_file", &mut errors, calendar_file, |it| settings.calendar_file = it);
        table.read("mail_for", &mut errors, mail_for, |it| settings.mail_for = it);
        table.read("email_instead_of_sms", &mut errors, boolean, |it| settings.email_instead_of_sms = it);
        table.read("quiet_hours", &mut errors, quiet_hours, |it| settings.quiet_hours = it);
        table.read("stop_words", &mut errors, texts, |it| settings.stop_words = it);
        table.read("start_words", &mut errors, texts, |it| settings.start_words = it);
        table.read("transliterate", &mut errors, transliterated, |it| settings.transliterate = it);
        table.read("sms_price", &mut errors, price, |it| settings.sms_price = Some(it));
        table.read("time_words", &mut errors, texts, |it| settings.time_words = it);
        table.read("help_after_minutes", &mut errors, minutes, |it| settings.help_after_minutes = it);
        table.read("channels", &mut errors, channels, |it| settings.channels.extend(it));
        table.read("providers", &mut errors, providers, |it| settings.providers = it);
        table.read("senders", &mut errors, senders, |it| settings.senders = it);
        table.read("templates", &mut errors, templates, |it| settings.templates = it);
        table.read("wording", &mut errors, wordings, |it| settings.wording = it);
        table.read("event_types", &mut errors, event_types, |it| settings.event_types = it);
        table.read("hosts", &mut errors, hosts, |it| settings.hosts = it);
        table.read("host_phone", &mut errors, phone, |it| settings.host_phone = Some(it));
        table.read("booking", &mut errors, booking, |it| settings.booking = it);
        table.read("topics", &mut errors, topics, |it| settings.topics = it);
        table.read("crm", &mut errors, crm, |it| settings.crm = Some(it));
        table.read("logging", &mut errors, logging, |it| settings.logging = it);
        table.report_unknown_keys(&mut errors);
        if errors.0.is_empty() {
            settings.check_senders(&mut errors);
        }
        if errors.0.is_empty() { Ok(settings) } else { Err(errors.0) }
    }

    /// Checks that each provider that is used has a sender.
    fn check_senders(&self, errors: &mut Errors) {
        let exceptions = self.providers.messages.values().flat_map(|it| [&it.sms, &it.email]).flatten();
        let used: Vec<_> = exceptions.chain([&self.providers.sms, &self.providers.email]).flatten().collect();
        if used.contains(&&Provider::Twilio) && self.senders.twilio.is_none() {
            errors
                .add("senders.twilio", "is missing: Twilio needs a number, a name or a messaging service to send from");
        }
        let email_provider = [Provider::Ses, Provider::Brevo].into_iter().find(|it| used.contains(&it));
        if let Some(provider) = email_provider.filter(|_| self.senders.email.is_none()) {
            let problem = format!("is missing: {} needs an address to send e-mail from", provider.title());
            errors.add("senders.email", problem);
        }
    }
}

#[derive(Default)]
struct Errors(Vec<SettingsError>);

impl Errors {
    fn add(&mut self, path: &str, problem: impl Into<String>) {
        let path = if path.is_empty() { "the document" } else { path };
        self.0.push(SettingsError { path: path.to_owned(), problem: problem.into() });
    }
}

/// A table of the document that is read key by key. The keys that are left at the end are unknown.
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

    fn report_unknown_keys(self, errors: &mut Errors) {
        for key in self.left.keys() {
            errors.add(&self.at(key), format!("is not a setting; the settings here are: {}", self.keys.join(", ")));
        }
    }
}

fn text(value: &Value, path: &str, errors: &mut Errors) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        _ => {
            errors.add(path, "must be a non-empty text");
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
        errors.add(path, "is not an IANA time zone (such as Europe/Bucharest)");
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
    let has_duplicate =
        value.as_array().is_some_and(|all| all.iter().enumerate().any(|(at, item)| all[..at].contains(item)));
    if has_duplicate {
        errors.add(path, "names the same minutes twice");
    }
    let offsets = list(value, path, errors, minutes)?;
    if offsets.len() > MOST_OFFSETS {
        errors.add(path, format!("has more than {MOST_OFFSETS}"));
    }
    Some(offsets)
}

fn reconfirmations(value: &Value, path: &str, errors: &mut Errors) -> Option<Vec<u32>> {
    let offsets = offsets(value, path, errors)?;
    if offsets.len() > MOST_RECONFIRMATIONS {
        errors.add(path, format!("has more than {MOST_RECONFIRMATIONS}"));
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

fn check_message_names(value: &Value, path: &str, errors: &mut Errors) {
    for key in value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key)
        .filter(|key| !Message::NAMES.contains(&key.as_str()))
    {
        errors.add(
            &format!("{path}.{key}"),
            format!("is not a message; the messages are: {}", Message::NAMES.join(", ")),
        );
    }
}

fn channels(value: &Value, path: &str, errors: &mut Errors) -> Option<BTreeMap<String, Vec<Channel>>> {
    check_message_names(value, path, errors);
    table_of(value, path, errors, channel_list)
}

fn provider_among(value: &Value, path: &str, errors: &mut Errors, fits: fn(Provider) -> bool) -> Option<Provider> {
    let names: Vec<_> = Provider::ALL.into_iter().filter(|it| fits(*it)).map(Provider::name).collect();
    let name = one_of(value, path, errors, &names)?;
    Provider::ALL.into_iter().find(|it| it.name() == name)
}

fn template_provider(value: &Value, path: &str, errors: &mut Errors) -> Option<Provider> {
    provider_among(value, path, errors, Provider::has_templates)
}

fn sms_provider(value: &Value, path: &str, errors: &mut Errors) -> Option<Provider> {
    provider_among(value, path, errors, |it| it.channel() == Channel::Sms)
}

fn email_provider(value: &Value, path: &str, errors: &mut Errors) -> Option<Provider> {
    provider_among(value, path, errors, |it| it.channel() == Channel::Email)
}

fn provider_order(value: &Value, path: &str, errors: &mut Errors, item: Reader<Provider>) -> Option<Vec<Provider>> {
    let order = list(value, path, errors, item)?;
    if order.iter().enumerate().any(|(at, one)| order[..at].contains(one)) {
        errors.add(path, "names the same provider twice");
    }
    if order.is_empty() {
        errors.add(path, "must name at least one provider; to send nothing, leave the channel out of `channels`");
    }
    Some(order)
}

fn sms_providers(value: &Value, path: &str, errors: &mut Errors) -> Option<Vec<Provider>> {
    provider_order(value, path, errors, sms_provider)
}

fn email_providers(value: &Value, path: &str, errors: &mut Errors) -> Option<Vec<Provider>> {
    provider_order(value, path, errors, email_provider)
}

fn message_providers(value: &Value, path: &str, errors: &mut Errors) -> Option<MessageProviders> {
    let mut table = Table::open(value, path.to_owned(), errors)?;
    let own = MessageProviders {
        sms: table.optional("sms", errors, sms_providers),
        email: table.optional("email", errors, email_providers),
    };
    table.report_unknown_keys(errors);
    Some(own)
}

fn messages_providers(value: &Value, path: &str, errors: &mut Errors) -> Option<BTreeMap<String, MessageProviders>> {
    check_message_names(value, path, errors);
    table_of(value, path, errors, message_providers)
}

fn providers(value: &Value, path: &str, errors: &mut Errors) -> Option<Providers> {
    let mut providers = Providers::default();
    let mut table = Table::open(value, path.to_owned(), errors)?;
    table.read("sms", errors, sms_providers, |it| providers.sms = it);
    table.read("email", errors, email_providers, |it| providers.email = it);
    table.read("messages", errors, messages_providers, |it| providers.messages = it);
    table.report_unknown_keys(errors);
    Some(providers)
}

/// Reads Twilio's sender: `+40712345678`, a name, or a messaging service's id.
fn twilio_sender(value: &Value, path: &str, errors: &mut Errors) -> Option<String> {
    let found = value.as_str().map(str::trim).filter(|text| {
        let is_service = Senders::is_messaging_service(text);
        let is_name = (1..=11).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ')
            && text.bytes().any(|b| b.is_ascii_alphabetic());
        is_service || is_name || Phone::parse(text).is_ok()
    });
    if found.is_none() {
        errors.add(
            path,
            "must be a messaging service (MG and 32 hex digits), a number with +, or a name of at most 11 letters",
        );
    }
    found.map(str::to_owned)
}

fn address(value: &Value, path: &str, errors: &mut Errors) -> Option<String> {
    let found = value.as_str().map(str::trim).filter(|text| form::parse_email(text).is_some());
    if found.is_none() {
        errors.add(path, "must be an e-mail address");
    }
    found.map(str::to_owned)
}

fn senders(value: &Value, path: &str, errors: &mut Errors) -> Option<Senders> {
    let mut table = Table::open(value, path.to_owned(), errors)?;
    let senders = Senders {
        twilio: table.optional("twilio", errors, twilio_sender),
        email: table.optional("email", errors, address),
        email_name: table.optional("email_name", errors, text),
        reply_to: table.optional("reply_to", errors, address),
        ses_configuration_set: table.optional("ses_configuration_set", errors, text),
    };
    table.report_unknown_keys(errors);
    Some(senders)
}

fn wording(value: &Value, path: &str, errors: &mut Errors) -> Option<Wording> {
    let mut table = Table::open(value, path.to_owned(), errors)?;
    let message = table.required("message", errors, message_name);
    let wording = Wording {
        message: String::new(),
        language: table.optional("language", errors, language),
        event_type: table.optional("event_type", errors, text),
        sms: table.optional("sms", errors, text),
        subject: table.optional("subject", errors, text),
        text: table.optional("text", errors, text),
        html: table.optional("html", errors, text),
    };
    table.report_unknown_keys(errors);
    Some(Wording { message: message?, ..wording })
}

fn wordings(value: &Value, path: &str, errors: &mut Errors) -> Option<Vec<Wording>> {
    let wordings = list(value, path, errors, wording)?;
    for (at, one) in wordings.iter().enumerate() {
        let same = |other: &Wording| {
            (&other.message, other.language, &other.event_type) == (&one.message, one.language, &one.event_type)
        };
        if wordings[..at].iter().any(same) {
            errors.add(&format!("{path}[{at}]"), "has the same message, language and event type as an earlier one");
        }
    }
    Some(wordings)
}

fn boolean(value: &Value, path: &str, errors: &mut Errors) -> Option<bool> {
    if value.as_bool().is_none() {
        errors.add(path, "must be true or false");
    }
    value.as_bool()
}

fn region(value: &Value, path: &str, errors: &mut Errors) -> Option<String> {
    let found = value.as_str().filter(|it| it.len() == 2 && it.bytes().all(|b| b.is_ascii_uppercase()));
    if found.is_none() {
        errors.add(path, "must be a country of two capital letters, such as RO");
    }
    found.map(str::to_owned)
}

fn url(value: &Value, path: &str, errors: &mut Errors) -> Option<String> {
    let found =
        value.as_str().map(str::trim).filter(|it| it.starts_with("https://") && !it.contains(char::is_whitespace));
    if found.is_none() {
        errors.add(path, "must be an address that begins with https://");
    }
    found.map(str::to_owned)
}

fn calendar_file(value: &Value, path: &str, errors: &mut Errors) -> Option<CalendarFile> {
    one_of(value, path, errors, &["off", "publish", "request"]).map(|it| match it.as_str() {
        "publish" => CalendarFile::Publish,
        "request" => CalendarFile::Request,
        _ => CalendarFile::Off,
    })
}

fn time_of_day(value: &Value, path: &str, errors: &mut Errors) -> Option<Time> {
    let found = value.as_str().filter(|text| text.len() == 5).and_then(|text| Time::strptime("%H:%M", text).ok());
    if found.is_none() {
        errors.add(path, "must be a time of day from 00:00 to 23:59");
    }
    found
}

/// In hours. With longer quiet hours there would be too little time to which a message can be moved.
const LONGEST_QUIET_HOURS: i64 = 16;

fn quiet_hours(value: &Value, path: &str, errors: &mut Errors) -> Option<QuietHours> {
    let mut hours = QuietHours::default();
    let mut table = Table::open(value, path.to_owned(), errors)?;
    table.read("from", errors, time_of_day, |it| hours.from = it);
    table.read("until", errors, time_of_day, |it| hours.until = it);
    table.read("useful_minutes", errors, minutes, |it| hours.useful_minutes = it);
    table.report_unknown_keys(errors);
    let minutes = hours.until.duration_since(hours.from).as_mins();
    if minutes.rem_euclid(24 * 60) > LONGEST_QUIET_HOURS * 60 {
        errors.add(path, format!("are longer than {LONGEST_QUIET_HOURS} hours"));
    }
    Some(hours)
}

/// Reads the languages whose SMS have no diacritics. Only Romanian stays readable without them.
fn transliterated(value: &Value, path: &str, errors: &mut Errors) -> Option<Vec<Language>> {
    let languages = list(value, path, errors, language)?;
    if languages.iter().any(|it| *it != Language::Romanian) {
        errors.add(path, "can only have ro: the other languages need no transliteration, or have none");
    }
    Some(languages)
}

fn price(value: &Value, path: &str, errors: &mut Errors) -> Option<Price> {
    let found = value.as_str().and_then(Price::parse);
    if found.is_none() {
        errors.add(path, "must be an amount and a currency, such as \"0.045 EUR\"");
    }
    found
}

fn message_name(value: &Value, path: &str, errors: &mut Errors) -> Option<String> {
    one_of(value, path, errors, &Message::NAMES)
}

fn template(value: &Value, path: &str, errors: &mut Errors) -> Option<Template> {
    let mut table = Table::open(value, path.to_owned(), errors)?;
    let message = table.required("message", errors, message_name);
    let provider = table.required("provider", errors, template_provider);
    let language = table.optional("language", errors, language);
    let event_type = table.optional("event_type", errors, text);
    let id = table.required("id", errors, text);
    let text = table.optional("text", errors, text);
    table.report_unknown_keys(errors);
    Some(Template { message: message?, provider: provider?, language, event_type, id: id?, text })
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
                "has the same message, provider, language and event type as an earlier one",
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
    own.reconfirm_minutes = table.optional("reconfirm_minutes", errors, reconfirmations);
    own.survey_url = table.optional("survey_url", errors, url);
    own.channels = table.optional("channels", errors, channels).unwrap_or_default();
    table.report_unknown_keys(errors);
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
        email: table.optional("email", errors, boolean).unwrap_or_default(),
        language: table.optional("language", errors, language),
        zone: table.optional("zone", errors, zone),
    };
    table.report_unknown_keys(errors);
    Some(contact)
}

fn hosts(value: &Value, path: &str, errors: &mut Errors) -> Option<BTreeMap<String, HostContact>> {
    table_of(value, path, errors, host)
}

fn address_or_domain(value: &Value, path: &str, errors: &mut Errors) -> Option<String> {
    let found = value.as_str().map(str::trim).filter(|text| {
        let address = if text.starts_with('@') { format!("any{text}") } else { (*text).to_owned() };
        form::parse_email(&address).is_some()
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
    table.report_unknown_keys(errors);
    Some(booking)
}

fn topic_words(value: &Value, path: &str, errors: &mut Errors) -> Option<Vec<String>> {
    let words = texts(value, path, errors)?;
    if words.is_empty() {
        errors.add(path, "must have at least one word");
    }
    Some(words)
}

fn topic(value: &Value, path: &str, errors: &mut Errors) -> Option<Topic> {
    let mut table = Table::open(value, path.to_owned(), errors)?;
    let name = table.required("name", errors, text);
    let words = table.required("words", errors, topic_words);
    let event_type = table.required("event_type", errors, text);
    let host = table.optional("host", errors, text);
    table.report_unknown_keys(errors);
    Some(Topic { name: name?, words: words?, event_type: event_type?, host })
}

fn topics(value: &Value, path: &str, errors: &mut Errors) -> Option<Vec<Topic>> {
    let topics = list(value, path, errors, topic)?;
    for (at, one) in topics.iter().enumerate() {
        if topics[..at].iter().any(|other| other.name.trim().to_lowercase() == one.name.trim().to_lowercase()) {
            errors.add(&format!("{path}[{at}].name"), "is the name of an earlier topic");
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
    table.report_unknown_keys(errors);
    if logging.level.is_some() && value.get("level_until").is_none() {
        errors.add(&format!("{path}.level_until"), "is missing: it must say when the level expires");
    }
    Some(logging)
}

/// The most attributes. Each write of a contact has all of them.
const MOST_ATTRIBUTES: usize = 50;

fn crm(value: &Value, path: &str, errors: &mut Errors) -> Option<CrmSettings> {
    let mut table = Table::open(value, path.to_owned(), errors)?;
    let mut crm = CrmSettings::default();
    table.read("contacts", errors, boolean, |it| crm.contacts = it);
    table.read("events", errors, boolean, |it| crm.events = it);
    table.read("cancellations", errors, boolean, |it| crm.cancellations = it);
    table.read("attributes", errors, crm_attributes, |it| crm.attributes = it);
    table.read("statuses", errors, crm_statuses, |it| crm.statuses = it);
    table.read("lists", errors, crm_lists, |it| crm.lists = it);
    table.report_unknown_keys(errors);
    Some(crm)
}

fn crm_attributes(value: &Value, path: &str, errors: &mut Errors) -> Option<BTreeMap<String, AttributeSource>> {
    let is_name = |name: &str| {
        (1..=50).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    for name in value.as_object().into_iter().flatten().map(|(name, _)| name).filter(|name| !is_name(name)) {
        errors.add(
            &format!("{path}.{name}"),
            "is not an attribute's name: 1 to 50 capital letters, digits and underscores, such as COMPANY",
        );
    }
    let attributes = table_of(value, path, errors, attribute_source)?;
    if attributes.len() > MOST_ATTRIBUTES {
        errors.add(path, format!("has more than {MOST_ATTRIBUTES} attributes"));
    }
    Some(attributes)
}

fn attribute_source(value: &Value, path: &str, errors: &mut Errors) -> Option<AttributeSource> {
    let words = AttributeSource::WORDS.map(|it| it.name()).join(", ");
    match value {
        Value::String(word) => {
            let found = AttributeSource::WORDS.into_iter().find(|it| it.name() == word);
            if found.is_none() {
                errors.add(path, format!("must be one of {words}; or a table with the key answer, answer_matching, qualification or phone_matching"));
            }
            found
        }
        Value::Object(_) => {
            let mut table = Table::open(value, path.to_owned(), errors)?;
            let sources = [
                table.optional("phone_matching", errors, pattern).map(AttributeSource::PhoneMatching),
                table.optional("answer", errors, text).map(AttributeSource::Answer),
                table.optional("answer_matching", errors, pattern).map(AttributeSource::AnswerMatching),
                table.optional("qualification", errors, text).map(AttributeSource::Qualification),
            ];
            let found: Vec<_> = sources.into_iter().flatten().collect();
            let has_unknown = !table.left.is_empty();
            table.report_unknown_keys(errors);
            if found.len() != 1 && !has_unknown {
                errors.add(
                    path,
                    "must have exactly one of the keys answer, answer_matching, qualification, phone_matching",
                );
            }
            found.into_iter().next()
        }
        _ => {
            errors.add(path, format!("must be a text ({words}) or a table"));
            None
        }
    }
}

fn pattern(value: &Value, path: &str, errors: &mut Errors) -> Option<String> {
    let pattern = text(value, path, errors)?;
    if compile_pattern(&pattern).is_none() {
        errors.add(path, "is not a regular expression; a word such as company is one");
        return None;
    }
    Some(pattern)
}

fn crm_statuses(value: &Value, path: &str, errors: &mut Errors) -> Option<BTreeMap<MeetingStatus, String>> {
    let named = table_of(value, path, errors, text)?;
    let mut statuses = BTreeMap::new();
    for (name, word) in named {
        match MeetingStatus::ALL.into_iter().find(|it| it.name() == name) {
            Some(status) => drop(statuses.insert(status, word)),
            None => {
                let names = MeetingStatus::ALL.map(MeetingStatus::name).join(", ");
                errors.add(&format!("{path}.{name}"), format!("is not a status; the statuses are: {names}"));
            }
        }
    }
    Some(statuses)
}

fn crm_lists(value: &Value, path: &str, errors: &mut Errors) -> Option<Vec<CrmList>> {
    list(value, path, errors, crm_list)
}

fn crm_list(value: &Value, path: &str, errors: &mut Errors) -> Option<CrmList> {
    let mut table = Table::open(value, path.to_owned(), errors)?;
    let id = table.required("id", errors, crm_number);
    let mut list = CrmList {
        id: 0,
        event_type: table.optional("event_type", errors, text),
        unlink_on_cancellation: false,
        marketing: false,
        consent: table.optional("consent", errors, consent_answer),
        double_opt_in: table.optional("double_opt_in", errors, double_opt_in),
    };
    table.read("unlink_on_cancellation", errors, boolean, |it| list.unlink_on_cancellation = it);
    table.read("marketing", errors, boolean, |it| list.marketing = it);
    let path = table.at("marketing");
    table.report_unknown_keys(errors);
    let has_way = list.consent.is_some() || list.double_opt_in.is_some();
    if list.marketing && !has_way {
        errors.add(&path, "needs consent or double_opt_in: a booking alone is not consent to marketing");
    }
    if !list.marketing && has_way {
        errors.add(&path, "must be true for a list with consent or double_opt_in");
    }
    Some(CrmList { id: id?, ..list })
}

fn crm_number(value: &Value, path: &str, errors: &mut Errors) -> Option<u64> {
    let found = value.as_u64().filter(|number| *number > 0 && i64::try_from(*number).is_ok());
    if found.is_none() {
        errors.add(path, "must be a number of the CRM, such as 10");
    }
    found
}

fn consent_answer(value: &Value, path: &str, errors: &mut Errors) -> Option<ConsentAnswer> {
    let mut table = Table::open(value, path.to_owned(), errors)?;
    let (question, answer) = (table.required("question", errors, text), table.required("answer", errors, text));
    table.report_unknown_keys(errors);
    Some(ConsentAnswer { question: question?, answer: answer? })
}

fn double_opt_in(value: &Value, path: &str, errors: &mut Errors) -> Option<DoubleOptIn> {
    let mut table = Table::open(value, path.to_owned(), errors)?;
    let (template, redirect_url) =
        (table.required("template", errors, crm_number), table.required("redirect_url", errors, url));
    table.report_unknown_keys(errors);
    Some(DoubleOptIn { template: template?, redirect_url: redirect_url? })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scheduling::budget::Limits;
    use crate::settings::DEFAULT_TOML;

    #[test]
    fn the_documented_default_is_the_default() {
        let document: Value = toml::from_str(DEFAULT_TOML).expect("TOML");
        assert_eq!(Settings::check(&document), Ok(Settings::default()));
        assert_eq!(Settings::check(&json!({})), Ok(Settings::default()));
    }

    #[test]
    fn every_error_is_listed_with_its_path() {
        let errors = Settings::check(&json!({
            "default_language": "fr",
            "fallback_zone": "Mars/Olympus",
            "reminder_minutes": [60, 60, 0],
            "colour": "blue",
            "reconfirm_minutes": [60, 120, 180],
            "survey_url": "http://survey.example.com",
            "quiet_hours": {"from": "20:00", "until": "13:00", "useful_minutes": "an hour"},
            "transliterate": ["da"],
            "sms_price": "4 cents",
            "default_region": "Romania",
            "calendar_file": true,
            "providers": {"sms": ["twilio", "twilio"], "email": ["engagelab"], "messages": {"hello": {"sms": []}}},
            "senders": {"twilio": "07", "email": "nobody"},
            "wording": [
                {"message": "reminder", "sms": " "},
                {"message": "reminder", "sms": "x", "colour": "blue"},
            ],
            "host_phone": "0712",
            "templates": [{"message": "hello", "provider": "twilio", "language": "en"}],
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
        insta::assert_snapshot!(list.join("\n"), @r#"
        default_language: must be one of en, ro, da, zh-Hant
        fallback_zone: is not an IANA time zone (such as Europe/Bucharest)
        default_region: must be a country of two capital letters, such as RO
        reminder_minutes: names the same minutes twice
        reminder_minutes[2]: must be a whole number of minutes from 1 to 527040
        reconfirm_minutes: has more than 2
        survey_url: must be an address that begins with https://
        calendar_file: must be one of off, publish, request
        quiet_hours.useful_minutes: must be a whole number of minutes from 1 to 527040
        quiet_hours: are longer than 16 hours
        transliterate: can only have ro: the other languages need no transliteration, or have none
        sms_price: must be an amount and a currency, such as "0.045 EUR"
        providers.sms: names the same provider twice
        providers.email[0]: must be one of vai, ses, brevo
        providers.messages.hello: is not a message; the messages are: confirmation, move, cancellation, reminder, follow_up, no_show, host_notice, reconfirmation, not_booked
        providers.messages.hello.sms: must name at least one provider; to send nothing, leave the channel out of `channels`
        senders.twilio: must be a messaging service (MG and 32 hex digits), a number with +, or a name of at most 11 letters
        senders.email: must be an e-mail address
        templates[0].message: must be one of confirmation, move, cancellation, reminder, follow_up, no_show, host_notice, reconfirmation, not_booked
        templates[0].provider: must be one of engagelab, vai
        templates[0].id: is missing
        wording[0].sms: must be a non-empty text
        wording[1].colour: is not a setting; the settings here are: message, language, event_type, sms, subject, text, html
        wording[1]: has the same message, language and event type as an earlier one
        event_types.Sales Demo.channels.reminder[0]: must be one of sms, email
        hosts.a@example.com.phone: must be a phone number with + and country code
        host_phone: must be a phone number with + and country code
        booking.per_minute: must be a whole number from 1 to 100000
        booking.hold_minutes: must be a whole number of minutes from 1 to 60
        booking.never_guests[1]: must be an e-mail address, or a domain such as @example.com
        booking.per_week: is not a setting; the settings here are: per_minute, per_hour, per_day, requests_per_minute, hold_minutes, never_guests
        topics[0].words: must have at least one word
        topics[0].event_type: is missing
        topics[1].words[1]: must be a non-empty text
        topics[1].hosts: is not a setting; the settings here are: name, words, event_type, host
        logging.level_until: is missing: it must say when the level expires
        colour: is not a setting; the settings here are: enabled, default_language, fallback_zone, default_region, act_on, phone_questions, reminder_minutes, follow_up_minutes, reconfirm_minutes, no_show_minutes, survey_url, booking_links, calendar_file, mail_for, email_instead_of_sms, quiet_hours, stop_words, start_words, transliterate, sms_price, time_words, help_after_minutes, channels, providers, senders, templates, wording, event_types, hosts, host_phone, booking, topics, crm, logging
        "#);
    }

    #[test]
    fn a_provider_that_sends_needs_a_sender() {
        let problems = |document: Value| Settings::check(&document).map(drop).map_err(|errors| errors[0].to_string());
        let twilio = json!({"sms": ["engagelab", "twilio"]});
        assert_eq!(
            problems(json!({"providers": twilio})),
            Err("senders.twilio: is missing: Twilio needs a number, a name or a messaging service to send from"
                .to_owned())
        );
        for sender in ["MG0123456789abcdef0123456789abcdef", "+15005550006", "VAI Portal"] {
            assert_eq!(problems(json!({"providers": twilio, "senders": {"twilio": sender}})), Ok(()), "{sender}");
        }
        let brevo = json!({"messages": {"reminder": {"email": ["brevo"]}}});
        assert_eq!(
            problems(json!({"providers": brevo})),
            Err("senders.email: is missing: Brevo needs an address to send e-mail from".to_owned())
        );
    }

    #[test]
    fn prices_are_exact() {
        let price = Price::parse("0.045 EUR").expect("a price");
        assert_eq!(
            (price.times(1), price.times(2), price.times(0)),
            ("0.045 EUR".into(), "0.09 EUR".into(), "0.00 EUR".into())
        );
        assert_eq!(Price::parse("1 DKK").map(|it| it.times(3)), Some("3.00 DKK".to_owned()));
        for bad in ["", "EUR", "0.045", "-1 EUR", ".5 EUR", "1.2.3 EUR", "1 Eur", "0.0000001 EUR"] {
            assert_eq!(Price::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_a_reply_that_is_exactly_a_stop_or_start_word_counts() {
        let settings = Settings::default();
        for stop in ["STOP", " stop. ", "Stop!", "oprește", "停止"] {
            assert_eq!(settings.parse_opt_out(stop), Some(true), "{stop}");
        }
        for start in ["START", "unstop"] {
            assert_eq!(settings.parse_opt_out(start), Some(false), "{start}");
        }
        for other in ["CANCEL", "please cancel my booking", "stop calling it a demo", "", "?", "OK"] {
            assert_eq!(settings.parse_opt_out(other), None, "{other}");
        }
    }

    #[test]
    fn booking_settings_that_are_left_out_keep_their_defaults() {
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
        assert_eq!(errors[0].to_string(), "topics[1].name: is the name of an earlier topic");
    }
}
