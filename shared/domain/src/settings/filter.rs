//! Which messages a wording, a template or a channel override is for.

use serde::{Deserialize, Serialize};

use crate::{BookingSource, Language, Leg, Message, email_key, is_same_email, uri_uuid};

/// The messages that a wording, a template or a channel override is for. What is left out matches every message.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MessageFilter {
    /// The message, by name.
    pub message: String,
    /// For this language only.
    pub language: Option<Language>,
    /// For this event type only: name, URI or UUID.
    pub event_type: Option<String>,
    /// For meetings with this host only: name, e-mail address, URI or UUID.
    pub host: Option<String>,
    /// For bookings from this source only.
    pub source: Option<BookingSource>,
    /// For the timed message with this number of minutes only.
    pub minutes: Option<u32>,
}

/// A message about a leg: what its wording, template and channels depend on.
#[derive(Clone, Copy)]
pub struct Occasion<'a> {
    /// The message.
    pub message: Message,
    /// The leg.
    pub leg: &'a Leg,
    /// Who made the booking.
    pub source: BookingSource,
}

impl MessageFilter {
    /// Returns the filter for all messages of a name.
    pub fn of(message: &str) -> Self {
        Self { message: message.to_owned(), ..Self::default() }
    }

    /// Returns whether it matches every message that another filter matches.
    pub fn includes(&self, other: &Self) -> bool {
        fn fits<T: PartialEq>(own: Option<&T>, other: Option<&T>) -> bool {
            own.is_none() || own == other
        }
        self.message == other.message
            && fits(self.language.as_ref(), other.language.as_ref())
            && fits(self.event_type.as_ref(), other.event_type.as_ref())
            && fits(self.host.as_deref().map(email_key).as_ref(), other.host.as_deref().map(email_key).as_ref())
            && fits(self.source.as_ref(), other.source.as_ref())
            && fits(self.minutes.as_ref(), other.minutes.as_ref())
    }

    /// Returns whether it matches a message, in any language.
    pub(super) fn matches(&self, occasion: Occasion<'_>) -> bool {
        let Occasion { message, leg, source } = occasion;
        self.message == message.name()
            && self.event_type.as_deref().is_none_or(|key| names(key, leg))
            && self.host.as_deref().is_none_or(|key| names_host(key, leg))
            && self.source.is_none_or(|own| own == source)
            && self.minutes.is_none_or(|own| message.minutes() == Some(own))
    }

    /// Returns whether it matches a message in a language.
    pub(super) fn matches_in(&self, occasion: Occasion<'_>, language: Language) -> bool {
        self.language.is_none_or(|own| own == language) && self.matches(occasion)
    }

    /// Returns how specific it is. The greatest value counts.
    pub(super) fn specificity(&self) -> impl Ord + use<> {
        [
            self.event_type.is_some(),
            self.host.is_some(),
            self.source.is_some(),
            self.minutes.is_some(),
            self.language.is_some(),
        ]
    }
}

/// Returns whether a key of the settings (a name, a URI or a UUID) identifies this leg's event type.
pub(super) fn names(key: &str, leg: &Leg) -> bool {
    key == leg.details.event_name
        || leg.details.event_type.as_ref().is_some_and(|uri| key == uri.as_str() || key == uri_uuid(uri.as_str()))
}

/// Returns whether a key of the settings (a name, an e-mail address, a URI or a UUID) identifies one of a leg's hosts.
fn names_host(key: &str, leg: &Leg) -> bool {
    let is_same = |text: &str| is_same_email(key, text);
    leg.details.hosts.iter().any(|host| {
        host.address().is_some_and(is_same)
            || host.name.as_deref().is_some_and(is_same)
            || host.user.as_ref().is_some_and(|uri| key == uri.as_str() || key == uri_uuid(uri.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::settings::{Channel, Provider, Settings};
    use crate::{InviteeUri, Notice};

    fn settings() -> Settings {
        Settings::check(&json!({
            "reminder_minutes": [1440, 60],
            "providers": {"email": ["vai"]},
            "templates": [
                {"message": "reminder", "provider": "engagelab", "id": "any"},
                {"message": "reminder", "provider": "engagelab", "id": "romanian", "language": "ro"},
                {"message": "reminder", "provider": "engagelab", "id": "hour", "minutes": 60},
                {"message": "reminder", "provider": "engagelab", "id": "page", "source": "page"},
                {"message": "reminder", "provider": "engagelab", "id": "maria", "host": " MARIA@example.com"},
                {"message": "reminder", "provider": "engagelab", "id": "demo", "event_type": "Sales Demo"},
            ],
            "wording": [
                {"message": "reminder", "sms": "any", "subject": "any"},
                {"message": "reminder", "sms": "hour", "minutes": 60},
                {"message": "reminder", "sms": "maria", "text": "maria", "host": "Maria Popescu"},
            ],
            "event_types": {"Sales Demo": {"channels": {"reminder": []}}},
            "channel_overrides": [
                {"message": "reminder", "minutes": 60, "channels": ["email"]},
                {"message": "reminder", "source": "page", "channels": ["sms", "email"]},
                {"message": "reminder", "host": "9f1b", "channels": []},
            ],
        }))
        .expect("settings")
    }

    fn leg(event_type: &str, with_maria: bool) -> Leg {
        let start = "2026-11-25T08:30:00Z".parse().expect("an instant");
        let mut leg = Leg::bare(InviteeUri::new("i-1"), event_type, start, start);
        if with_maria {
            leg.details.hosts.push(crate::EventHost {
                user: Some("https://api.calendly.com/users/9f1b".to_owned()),
                name: Some("Maria Popescu".to_owned()),
                email: Some("maria@example.com".into()),
            });
        }
        leg
    }

    const HOUR: Message = Message::Reminder { minutes_before: 60 };
    const DAY: Message = Message::Reminder { minutes_before: 1440 };

    #[test]
    fn the_most_specific_template_counts() {
        let settings = settings();
        let id = |message, leg: &Leg, source, language| {
            let occasion = Occasion { message, leg, source };
            settings.template_of(occasion, Provider::Engagelab, language).map(|it| it.id.clone()).unwrap_or_default()
        };
        let (other, maria, demo) = (leg("Intro", false), leg("Intro", true), leg("Sales Demo", true));
        let (vai, page) = (BookingSource::Vai, BookingSource::Page);
        let (en, ro) = (Language::English, Language::Romanian);
        assert_eq!(id(DAY, &other, vai, en), "any");
        assert_eq!(id(DAY, &other, vai, ro), "romanian");
        assert_eq!(id(HOUR, &other, vai, ro), "hour");
        assert_eq!(id(HOUR, &other, page, ro), "page");
        assert_eq!(id(HOUR, &maria, page, ro), "maria");
        assert_eq!(id(HOUR, &demo, page, ro), "demo");
        assert_eq!(id(Message::NoShow, &demo, page, ro), "");
    }

    #[test]
    fn each_part_of_the_wording_is_the_most_specific_one() {
        let settings = settings();
        let parts = |message, leg: &Leg| {
            let occasion = Occasion { message, leg, source: BookingSource::Vai };
            let parts = settings.wording_of(occasion, Language::English);
            [parts.sms, parts.subject, parts.text, parts.html].map(Option::unwrap_or_default).join("|")
        };
        assert_eq!(parts(DAY, &leg("Intro", false)), "any|any||");
        assert_eq!(parts(HOUR, &leg("Intro", false)), "hour|any||");
        assert_eq!(parts(HOUR, &leg("Intro", true)), "maria|any|maria|");
        assert_eq!(parts(Message::HostNotice(Notice::Booked), &leg("Intro", true)), "|||");
    }

    #[test]
    fn an_override_of_channels_counts_before_the_event_type_and_the_message() {
        let settings = settings();
        let channels = |message, leg: &Leg, source| settings.channels_of(Occasion { message, leg, source }).to_vec();
        let (vai, page) = (BookingSource::Vai, BookingSource::Page);
        assert_eq!(channels(DAY, &leg("Intro", false), vai), [Channel::Sms]);
        assert_eq!(channels(HOUR, &leg("Intro", false), vai), [Channel::Email]);
        assert_eq!(channels(HOUR, &leg("Intro", false), page), [Channel::Sms, Channel::Email]);
        assert_eq!(channels(HOUR, &leg("Intro", true), page), []);
        assert_eq!(channels(DAY, &leg("Sales Demo", false), vai), []);
        assert_eq!(channels(HOUR, &leg("Sales Demo", false), vai), [Channel::Email]);
    }

    #[test]
    fn a_filter_that_can_match_nothing_is_refused() {
        let problems = |document| Settings::check(&document).expect_err("an error")[0].to_string();
        let wording =
            |message: &str, minutes: u32| json!({"wording": [{"message": message, "minutes": minutes, "sms": "Hi"}]});
        assert_eq!(
            problems(wording("confirmation", 60)),
            "wording[0].minutes: can only be given for reminder, follow_up and reconfirmation"
        );
        assert_eq!(
            problems(wording("reminder", 45)),
            "wording[0].minutes: is no time of a reminder; the times are: 60, 1440"
        );
        let own = json!({
            "event_types": {"Sales Demo": {"reminder_minutes": [45]}},
            "wording": [{"message": "reminder", "minutes": 45, "sms": "Hi"}],
        });
        assert!(Settings::check(&own).is_ok());
    }
}
