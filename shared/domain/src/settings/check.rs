//! Reads a settings document whole and lists every error in it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::description::SETTINGS;
use super::errors::{Errors, SettingsError};
use super::kind::Kind;
use super::{CalendarFile, Channel, Provider, Settings};
use crate::message::Message;

impl Settings {
    /// Reads a document. A key that is left out keeps its default. `templates` replaces the default templates.
    ///
    /// # Errors
    /// Every error in the document, in the order of the keys.
    pub fn check(document: &Value) -> Result<Self, Vec<SettingsError>> {
        let mut errors = Errors::default();
        let read = Kind::Table(SETTINGS).read(document, "", &mut errors);
        let Some(read) = read.filter(|_| errors.0.is_empty()) else { return Err(errors.0) };
        let settings = match serde_json::from_value::<Self>(read) {
            Ok(settings) => settings,
            // Not reached while the description and the types agree.
            Err(error) => {
                errors.add("", format!("can't be read: {error}"));
                return Err(errors.0);
            }
        };
        settings.check_senders(&mut errors);
        settings.check_calendar(&mut errors);
        settings.check_minutes(&mut errors);
        settings.check_region(&mut errors);
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

    /// Checks that a calendar file can be sent, and that its changes can follow.
    fn check_calendar(&self, errors: &mut Errors) {
        if self.calendar_file == CalendarFile::Off {
            return;
        }
        let can_send = |message| self.providers_of(message, Channel::Email).iter().any(|it| it.sends_files());
        if !can_send(Message::Confirmation) {
            let problem =
                "needs ses or brevo among the providers of the confirmation's e-mail: VAI's e-mails have no file";
            errors.add("calendar_file", problem);
            return;
        }
        for message in [Message::Move, Message::Cancellation].into_iter().filter(|it| !can_send(*it)) {
            let problem = "must have ses or brevo: whoever has the confirmation's calendar file must get its changes";
            errors.add(&format!("providers.messages.{}.email", message.name()), problem);
        }
    }

    /// Checks that a wording, a template or an override for one offset is for an offset at which something is sent.
    fn check_minutes(&self, errors: &mut Errors) {
        let overrides = self.channel_overrides.iter().map(|it| &it.filter).enumerate();
        let templates = self.templates.iter().map(|it| &it.filter).enumerate();
        let wordings = self.wording.iter().map(|it| &it.filter).enumerate();
        let all = overrides
            .map(|it| ("channel_overrides", it))
            .chain(templates.map(|it| ("templates", it)))
            .chain(wordings.map(|it| ("wording", it)));
        for (list, (index, filter)) in all {
            let Some(minutes) = filter.minutes else { continue };
            let offsets = self.offsets_of(&filter.message);
            if !offsets.contains(&minutes) {
                let offsets = offsets.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
                let problem = format!("is no time of a {}; the times are: {offsets}", filter.message);
                errors.add(&format!("{list}[{index}].minutes"), problem);
            }
        }
    }

    /// Returns the minutes at which a timed message is sent, for any event type.
    fn offsets_of(&self, message: &str) -> BTreeSet<u32> {
        let own = self.event_types.values();
        let (general, own): (_, Vec<_>) = match message {
            "reminder" => (&self.reminder_minutes, own.filter_map(|it| it.reminder_minutes.as_ref()).collect()),
            "follow_up" => (&self.follow_up_minutes, own.filter_map(|it| it.follow_up_minutes.as_ref()).collect()),
            _ => (&self.reconfirm_minutes, own.filter_map(|it| it.reconfirm_minutes.as_ref()).collect()),
        };
        own.into_iter().chain([general]).flatten().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::BookingSettings;
    use super::super::Price;
    use super::super::kind::{Key, parse_literal};
    use super::*;
    use crate::scheduling::budget::Limits;

    #[test]
    fn the_description_has_the_keys_and_types_of_the_settings() {
        assert_eq!(Settings::check(&json!({})), Ok(Settings::default()));
        let stored = serde_json::to_value(Settings::default()).expect("JSON");
        let keys: Vec<_> = stored.as_object().expect("a table").keys().collect();
        let described: Vec<_> = SETTINGS.iter().map(|key| key.name).collect();
        let missing: Vec<_> = keys.iter().filter(|key| !described.contains(&key.as_str())).collect();
        assert!(missing.is_empty() && keys.len() == described.len(), "{missing:?} are not described");
        assert_eq!(Settings::from_stored(&stored).expect("settings"), Settings::default());
        assert_eq!(Settings::from_stored(&json!({})).expect("settings"), Settings::default());
    }

    /// Each example of the description is accepted, and is kept: no key of it is unknown to the types.
    #[test]
    fn each_example_is_a_setting() {
        let document = full_document(SETTINGS);
        let settings = Settings::check(&document).unwrap_or_else(|errors| panic!("{errors:?}"));
        let stored = serde_json::to_value(&settings).expect("JSON");
        assert_kept(&document, &stored, "");
    }

    /// Returns a document with an example of every key.
    fn full_document(keys: &[Key]) -> Value {
        keys.iter().map(|key| (key.name.to_owned(), full_value(&key.kind, key))).collect()
    }

    fn full_value(kind: &Kind, key: &Key) -> Value {
        match kind {
            Kind::Table(keys) => full_document(keys),
            Kind::Checked(kind, _) => full_value(kind, key),
            Kind::Map { values: Kind::Table(keys), .. } => {
                let name = match key.name {
                    "hosts" => "maria@example.com",
                    _ => "reminder",
                };
                json!({ name: full_document(keys) })
            }
            Kind::List(list) => match list.items {
                Kind::Table(_) | Kind::Checked(Kind::Table(_), _) => json!([full_value(list.items, key)]),
                _ => parse_literal(key.example),
            },
            _ => parse_literal(key.example),
        }
    }

    fn assert_kept(given: &Value, kept: &Value, path: &str) {
        match (given, kept) {
            (Value::Object(given), Value::Object(kept)) => {
                for (key, value) in given {
                    assert_kept(value, kept.get(key).unwrap_or(&Value::Null), &format!("{path}.{key}"));
                }
            }
            (Value::Array(given), Value::Array(kept)) => {
                for (index, (given, kept)) in given.iter().zip(kept).enumerate() {
                    assert_kept(given, kept, &format!("{path}[{index}]"));
                }
            }
            _ => assert_eq!(given, kept, "{path}"),
        }
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
            "countries": ["RO", "UK", "RO"],
            "sms_for": "everybody",
            "sms_budget": {"per_day": 0},
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
        fallback_zone: must be an IANA time zone, such as Europe/Bucharest
        default_region: must be a country of two capital letters, such as RO
        reminder_minutes: names the same number of minutes twice
        reminder_minutes[2]: must be a whole number of minutes from 1 to 527040
        reconfirm_minutes: has more than 2
        survey_url: must be an address that begins with https://
        calendar_file: must be one of off, publish, request
        sms_for: must be one of vai, all
        countries: names the same country twice
        countries[1]: must be a country of two capital letters, such as RO, or * for all
        transliterate: can only have ro: the other languages need no transliteration, or have none
        sms_price: must be an amount and a currency, such as "0.045 EUR"
        host_phone: must be a phone number with + and country code
        quiet_hours.useful_minutes: must be a whole number of minutes from 1 to 527040
        quiet_hours: are longer than 16 hours
        sms_budget.per_day: must be a whole number from 1 to 1000000
        providers.sms: names the same provider twice
        providers.email[0]: must be one of vai, ses, brevo
        providers.messages.hello: is not a message: it must be one of confirmation, move, cancellation, reminder, follow_up, no_show, host_notice, reconfirmation, not_booked
        providers.messages.hello.sms: must have at least one provider
        senders.twilio: must be a messaging service (MG and 32 hex digits), a number with +, or a name of at most 11 letters
        senders.email: must be an e-mail address
        templates[0].message: must be one of confirmation, move, cancellation, reminder, follow_up, no_show, host_notice, reconfirmation, not_booked
        templates[0].provider: must be one of engagelab, vai
        templates[0].id: is missing
        wording[0].sms: must be a non-empty text
        wording[1].colour: is not a setting; the settings here are: message, language, event_type, host, source, minutes, sms, subject, text, html
        wording[1]: is for the same message and case as an earlier one
        event_types.Sales Demo.channels.reminder[0]: must be one of sms, email
        hosts.a@example.com.phone: must be a phone number with + and country code
        booking.per_minute: must be a whole number from 1 to 100000
        booking.hold_minutes: must be a whole number of minutes from 1 to 60
        booking.never_guests[1]: must be an e-mail address, or a domain such as @example.com
        booking.per_week: is not a setting; the settings here are: per_minute, per_hour, per_day, requests_per_minute, hold_minutes, never_guests
        topics[0].words: must have at least one word
        topics[0].event_type: is missing
        topics[1].words[1]: must be a non-empty text
        topics[1].hosts: is not a setting; the settings here are: name, words, event_type, host
        logging.level_until: is missing: it must say when the level expires
        colour: is not a setting; the settings here are: enabled, default_language, fallback_zone, default_region, act_on, phone_questions, reminder_minutes, follow_up_minutes, reconfirm_minutes, no_show_minutes, survey_url, booking_links, calendar_file, mail_for, sms_for, host_notices_for, countries, email_instead_of_sms, stop_words, start_words, transliterate, sms_price, sms_link_domains, code_templates, time_words, help_after_minutes, host_phone, quiet_hours, sms_budget, channels, channel_overrides, providers, senders, templates, wording, event_types, hosts, booking, topics, crm, logging
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
        let older = Settings::from_stored(&json!({"booking": {"hold_minutes": 5}})).expect("from before the others");
        assert_eq!(older.booking, BookingSettings { hold_minutes: 5, ..BookingSettings::default() });

        let errors = Settings::check(&json!({"topics": [topic("Sales"), topic("sales ")]})).expect_err("an error");
        assert_eq!(errors[0].to_string(), "topics[1].name: is the name of an earlier topic");
    }
}
