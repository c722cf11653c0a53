//! The variables of wording, and their values for a message.

use std::collections::BTreeMap;

use domain::{Message, MessageContent, Notice, StrangerText, Withheld};
use minijinja::Value;
use serde::Serialize;

use crate::phrases::{self, Missing, fallback_text};

/// The variables of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Offers {
    /// These always have a value.
    pub always: &'static [&'static str],
    /// These may be missing, so wording prints them only inside an `if`.
    pub optional: &'static [&'static str],
}

impl Offers {
    /// Returns all of them.
    pub fn all(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.always.iter().chain(self.optional).copied()
    }
}

const ALWAYS: &[&str] = &["name", "greeting", "invitee", "event", "host", "time", "short_time"];
const AHEAD: &[&str] = &["name", "greeting", "invitee", "event", "host", "time", "short_time", "advance"];
const NO_HOST: &[&str] = &["name", "greeting", "invitee", "event", "time", "short_time"];
const NOTICE: &[&str] = &["name", "greeting", "invitee", "event", "host", "time", "short_time", "notice"];

/// Returns the variables of a message. Rendering, checks and previews all use this table.
pub fn offers(message: Message) -> Offers {
    let (always, optional): (_, &[&str]) = match message {
        Message::Confirmation => {
            (ALWAYS, &["link", "link_follows", "place", "cancel_link", "reschedule_link", "details_by_email"])
        }
        Message::Reminder { .. } | Message::Reconfirmation { .. } => {
            (AHEAD, &["link", "place", "cancel_link", "reschedule_link", "details_by_email"])
        }
        Message::Move => (
            ALWAYS,
            &[
                "link",
                "link_follows",
                "place",
                "cancel_link",
                "reschedule_link",
                "old_time",
                "old_short_time",
                "details_by_email",
            ],
        ),
        Message::Cancellation => (ALWAYS, &["booking_link", "by_invitee", "details_by_email"]),
        Message::FollowUp { .. } => (ALWAYS, &["survey_link", "booking_link", "unsubscribe_link", "details_by_email"]),
        Message::NoShow => (ALWAYS, &["booking_link", "unsubscribe_link", "details_by_email"]),
        Message::HostNotice(_) => {
            (NOTICE, &["old_time", "old_short_time", "link", "place", "by_invitee", "details_by_email"])
        }
        Message::NotBooked => (NO_HOST, &["booking_link", "details_by_email"]),
    };
    Offers { always, optional }
}

/// The values of a message, by variable; without those that are missing.
pub(crate) type Values = BTreeMap<&'static str, Value>;

/// The longest value in an SMS, in characters. A name of a thousand letters would cost ten segments.
const LONGEST_IN_SMS: usize = 160;

/// Returns the values for an SMS.
pub(crate) fn sms_values(message: Message, content: &MessageContent, unsubscribe: Option<&str>) -> Values {
    Source { message, content, unsubscribe, longest: LONGEST_IN_SMS }.values()
}

/// Returns the values for an e-mail.
pub(crate) fn email_values(message: Message, content: &MessageContent, unsubscribe: Option<&str>) -> Values {
    Source { message, content, unsubscribe, longest: usize::MAX }.values()
}

/// Returns the values for a provider's own template. It has no `if`, and EngageLab sends a variable without a value as
/// `{{name}}`, so each variable has a text here. The links to join, cancel and move are in every message's list.
pub fn params(message: Message, content: &MessageContent, unsubscribe: Option<&str>) -> BTreeMap<&'static str, String> {
    let source = Source { message, content, unsubscribe, longest: LONGEST_IN_SMS };
    param_names(message).into_iter().map(|name| (name, source.param(name))).collect()
}

/// Returns the names of [`params`].
pub(crate) fn param_names(message: Message) -> Vec<&'static str> {
    let anywhere = ["host", "link", "cancel_link", "reschedule_link"];
    let flags = ["by_invitee", "link_follows", "details_by_email"];
    let mut names: Vec<_> = offers(message).all().filter(|it| !flags.contains(it)).collect();
    names.extend(anywhere.iter().filter(|it| !offers(message).all().any(|other| other == **it)));
    names
}

/// A message, as the source of its values.
struct Source<'a> {
    message: Message,
    content: &'a MessageContent,
    unsubscribe: Option<&'a str>,
    longest: usize,
}

impl Source<'_> {
    fn values(&self) -> Values {
        offers(self.message).all().filter_map(|name| Some((name, self.value(name)?))).collect()
    }

    fn value(&self, name: &str) -> Option<Value> {
        match name {
            "by_invitee" => self.content.by_invitee.then(|| true.into()),
            "link_follows" => self.content.link_follows.then(|| true.into()),
            "details_by_email" => (self.content.withheld == Withheld::LinksToEmail).then(|| true.into()),
            "notice" => match self.message {
                Message::HostNotice(notice) => Some(notice.name().into()),
                _ => None,
            },
            _ => self.text(name).map(Value::from),
        }
    }

    /// Returns the text of a variable.
    fn text(&self, name: &str) -> Option<String> {
        let content = self.content;
        let to_host = matches!(self.message, Message::HostNotice(_));
        let host_zone = content.host_zone.as_deref();
        let long = |at| local_time::format_long(at, &content.zone, host_zone, content.language);
        let short = |at| local_time::format_short(at, &content.zone, host_zone, content.language);
        match name {
            "name" => Some(self.name_or(&content.name, if to_host { Missing::NameOfHost } else { Missing::Name })),
            "greeting" => Some(phrases::greeting(content.name.as_name().as_deref(), content.language)),
            "invitee" => Some(self.name_or(&content.invitee, Missing::Invitee)),
            "event" => Some(self.line_or(&content.event, Missing::Event)),
            "host" => Some(self.line_or(content.host.as_deref().unwrap_or_default(), Missing::Host)),
            "advance" => content.minutes_ahead.map(|it| phrases::advance(it, content.language)),
            "time" => Some(long(content.start)),
            "short_time" => Some(short(content.start)),
            "old_time" => self.old_start().map(long),
            "old_short_time" => self.old_start().map(short),
            "link" => web(content.join_url.as_deref().filter(|_| self.takes_place())?),
            "place" if content.location.is_none() && self.takes_place() => match &content.invitee_place {
                Some(place) if to_host => place.as_line(LONGEST_IN_SMS),
                // The invitee knows it. Whoever was only named as the invitee gets no words of a stranger.
                Some(_) => Some(phrases::own_place(content.language).to_owned()),
                None if content.by_phone && !to_host => Some(phrases::by_phone(content.language).to_owned()),
                None => None,
            },
            "place" => line(content.location.as_ref().filter(|_| self.takes_place())?.expose(), self.longest),
            "cancel_link" => web(content.cancel_url.as_deref()?),
            "reschedule_link" => web(content.reschedule_url.as_deref()?),
            "survey_link" => web(content.survey_url.as_deref()?),
            "booking_link" => web(content.booking_url.as_deref()?),
            "unsubscribe_link" => web(self.unsubscribe?),
            _ => None,
        }
    }

    fn param(&self, name: &str) -> String {
        if let ("notice", Message::HostNotice(notice)) = (name, self.message) {
            return phrases::notice_word(notice, self.content.language).to_owned();
        }
        let missing = match (name, self.content.withheld) {
            ("old_time" | "old_short_time", _) => Missing::OldTime,
            ("unsubscribe_link", _) => Missing::Contact,
            (_, Withheld::LinksToEmail) => Missing::ByEmail,
            ("survey_link", _) => Missing::Contact,
            ("link" | "place", Withheld::Nothing) => Missing::Link,
            _ => Missing::SelfService,
        };
        // Both name where to be, so each serves as the other where that one is missing.
        let other = match name {
            "link" => "place",
            "place" => "link",
            _ => name,
        };
        let text = self.text(name).or_else(|| self.text(other));
        text.unwrap_or_else(|| fallback_text(missing, self.content.language).to_owned())
    }

    /// Returns the name of a stranger, or of a host.
    fn name_or(&self, name: &StrangerText, missing: Missing) -> String {
        name.as_name().unwrap_or_else(|| fallback_text(missing, self.content.language).to_owned())
    }

    fn line_or(&self, text: &str, missing: Missing) -> String {
        line(text, self.longest).unwrap_or_else(|| fallback_text(missing, self.content.language).to_owned())
    }

    /// Returns the time before the move, in messages about the move only: a moved booking keeps its old time for good.
    fn old_start(&self) -> Option<jiff::Timestamp> {
        let is_of_a_move = matches!(self.message, Message::Move | Message::HostNotice(Notice::Moved));
        self.content.old_start.filter(|_| is_of_a_move)
    }

    /// Whether the meeting takes place: notices of a canceled one name no place and no link to join.
    fn takes_place(&self) -> bool {
        self.message != Message::HostNotice(Notice::Canceled)
    }
}

/// Returns a value in one line, without invisible characters; `None` when nothing is left. Direction marks are removed
/// too: they could reverse the text around the value.
fn line(text: &str, longest: usize) -> Option<String> {
    let is_hidden = |c: &char| {
        matches!(c, '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{feff}')
            || ('\u{2060}'..='\u{206f}').contains(c)
    };
    // These join their neighbours, such as the parts of an emoji.
    let is_joint = |c: char| matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}');
    let seen: String = text.chars().filter(|c| !is_hidden(c)).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = seen.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().all(is_joint) {
        return None;
    }
    if line.chars().count() <= longest {
        return Some(line);
    }
    let start: String = line.chars().take(longest.saturating_sub(3)).collect();
    Some(format!("{}...", start.trim_end()))
}

/// Returns a link that is safe in an `href`: an http or https URL of characters that a URI may hold (RFC 3986).
fn web(url: &str) -> Option<String> {
    let url = url.trim();
    let (scheme, rest) = url.split_once("://")?;
    let is_web = ["http", "https"].iter().any(|it| scheme.eq_ignore_ascii_case(it));
    let has_host = rest.starts_with(|c: char| c.is_alphanumeric() || c == '[');
    let is_foreign = |c: char| c.is_whitespace() || c.is_control() || "\"<>\\^`{|}".contains(c);
    (is_web && has_host && !rest.contains(is_foreign)).then(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use domain::Language;
    use proptest::prelude::*;

    use super::*;
    use crate::samples;

    #[test]
    fn a_value_is_one_line() {
        let line = |text| line(text, 20);
        assert_eq!(line(" Ana\r\n\tPop\u{0}\u{a0}x "), Some("Ana Pop x".to_owned()));
        assert_eq!(line("Ana\u{202e}\u{200b}Pop"), Some("AnaPop".to_owned()));
        assert_eq!(line("👩\u{200d}👧"), Some("👩\u{200d}👧".to_owned()));
        assert_eq!(line("aaaaa bbbbb ccccc ddddd"), Some("aaaaa bbbbb ccccc...".to_owned()));
        for blank in ["", " \n", "\u{200b}\u{feff}", "\u{200d}", "\u{0}"] {
            assert_eq!(line(blank), None, "{blank:?}");
        }
    }

    #[test]
    fn only_web_urls_are_links() {
        for link in
            ["https://zoom.example/j/1?pwd=a'b", "HTTP://a.example", " https://[::1]/x ", "https://臺灣.example"]
        {
            assert_eq!(web(link), Some(link.trim().to_owned()), "{link}");
        }
        for other in [
            "",
            "https://",
            "https:///x",
            "javascript:alert(1)",
            "javascript://a.example/%0aalert(1)",
            "data:text/html,x",
            "//a.example",
            "Strada Lungă 1",
            "https://a.example/ b",
            "https://a.example/\"onclick=x",
            "https://a.example/{{x}}",
            "https://a.example/\u{7}",
        ] {
            assert_eq!(web(other), None, "{other}");
        }
    }

    #[test]
    fn only_a_move_has_an_old_time_and_a_canceled_meeting_has_no_place() {
        let content = samples::full(Message::Move, Language::English);
        let has = |message, name| sms_values(message, &content, None).contains_key(name);
        assert!(has(Message::Move, "old_time") && has(Message::HostNotice(Notice::Moved), "old_short_time"));
        assert!(!has(Message::HostNotice(Notice::Booked), "old_time"));
        assert!(has(Message::HostNotice(Notice::Booked), "link"));
        assert!(!has(Message::HostNotice(Notice::Canceled), "link"));
        assert!(!has(Message::HostNotice(Notice::Canceled), "place"));
    }

    #[test]
    fn a_person_without_a_name_is_greeted_without_one() {
        for (name, expected) in [
            ("Ana", ["Hi Ana", "Bună ziua, Ana", "Hej Ana", "Ana 您好"]),
            ("", ["Hello", "Bună ziua", "Hej", "您好"]),
            ("https://evil.example", ["Hello", "Bună ziua", "Hej", "您好"]),
        ] {
            let greetings = Language::ALL.map(|language| {
                let content = MessageContent { name: name.into(), ..samples::bare(Message::NoShow, language) };
                params(Message::NoShow, &content, None)["greeting"].clone()
            });
            assert_eq!(greetings, expected, "{name}");
        }
    }

    #[test]
    fn a_link_that_was_left_out_is_said_to_be_in_the_e_mail() {
        let mut content = samples::bare(Message::Reminder { minutes_before: 60 }, Language::Danish);
        content.withheld = Withheld::LinksToEmail;
        let texts = params(Message::Reminder { minutes_before: 60 }, &content, None);
        assert_eq!((texts["link"].as_str(), texts["cancel_link"].as_str()), ("se vores e-mail", "se vores e-mail"));
        content.withheld = Withheld::Links;
        let texts = params(Message::Reminder { minutes_before: 60 }, &content, None);
        assert_eq!(texts["link"], "spørg arrangøren");
    }

    #[test]
    fn the_place_replaces_a_missing_link() {
        let mut content = samples::bare(Message::Confirmation, Language::Romanian);
        assert_eq!(params(Message::Confirmation, &content, None)["link"], "linkul urmează");
        content.location = Some("Strada Lungă 1".into());
        assert_eq!(params(Message::Confirmation, &content, None)["link"], "Strada Lungă 1");
    }

    #[test]
    fn the_place_that_an_invitee_named_is_told_to_hosts_only_and_is_no_link() {
        let mut content = samples::bare(Message::Confirmation, Language::English);
        content.invitee_place = Some("Room 5, evil.example, https://evil.example/x".into());
        let place = |message| {
            let value = sms_values(message, &content, None).get("place").map(ToString::to_string);
            (value, params(message, &content, None)["link"].clone())
        };
        let told = "Room 5, evil. example,".to_owned();
        assert_eq!(place(Message::HostNotice(Notice::Booked)), (Some(told.clone()), told));
        let own = "the place you chose".to_owned();
        for message in [Message::Confirmation, Message::Move, Message::Reminder { minutes_before: 60 }] {
            assert_eq!(place(message), (Some(own.clone()), own.clone()), "{message:?}");
        }
    }

    proptest! {
        #[test]
        fn every_param_has_a_text(content in samples::odd(), unsubscribe in samples::odd_text()) {
            for message in Message::SAMPLES {
                let params = params(message, &content, unsubscribe.as_deref());
                prop_assert!(offers(message).always.iter().all(|it| params.contains_key(it)));
                for (name, text) in params {
                    prop_assert!(!text.trim().is_empty() && !text.contains('\n'), "{name}: {text:?}");
                }
            }
        }
    }
}
