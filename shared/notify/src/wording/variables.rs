//! What wording may speak of, and what each name stands for in a letter.

use std::collections::BTreeMap;

use domain::{Message, MessageContent, Notice};
use minijinja::Value;
use serde::Serialize;

use crate::when;
use crate::words::{self, Missing, stand_in};

/// The variables of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Offers {
    /// These have a value, come what may.
    pub always: &'static [&'static str],
    /// These may be missing: they stand inside an `if`.
    pub optional: &'static [&'static str],
}

impl Offers {
    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.always.iter().chain(self.optional).copied()
    }
}

const ALWAYS: &[&str] = &["name", "invitee", "event", "host", "time", "short_time"];
const NO_HOST: &[&str] = &["name", "invitee", "event", "time", "short_time"];
const NOTICE: &[&str] = &["name", "invitee", "event", "host", "time", "short_time", "notice"];

/// What a message may speak of: the one table that rendering, checking and previews go by.
pub fn offers(message: Message) -> Offers {
    let (always, optional): (_, &[&str]) = match message {
        Message::Confirmation => (ALWAYS, &["link", "link_follows", "place", "cancel_link", "reschedule_link"]),
        Message::Reminder { .. } | Message::Reconfirmation { .. } => {
            (ALWAYS, &["link", "place", "cancel_link", "reschedule_link"])
        }
        Message::Move => (ALWAYS, &["link", "place", "cancel_link", "reschedule_link", "old_time", "old_short_time"]),
        Message::Cancellation => (ALWAYS, &["booking_link", "by_invitee"]),
        Message::FollowUp { .. } => (ALWAYS, &["survey_link", "booking_link", "unsubscribe_link"]),
        Message::NoShow => (ALWAYS, &["booking_link", "unsubscribe_link"]),
        Message::HostNotice(_) => (NOTICE, &["old_time", "old_short_time", "link", "place", "by_invitee"]),
        Message::NotBooked => (NO_HOST, &["booking_link"]),
    };
    Offers { always, optional }
}

/// What a letter says, by variable. What it lacks is not in it.
pub(crate) type Values = BTreeMap<&'static str, Value>;

/// A text in an SMS is cut there, so that a name of a thousand letters costs nobody ten segments.
const LONGEST_IN_SMS: usize = 160;

/// The values for an SMS.
pub(crate) fn for_sms(message: Message, content: &MessageContent, unsubscribe: Option<&str>) -> Values {
    Source { message, content, unsubscribe, longest: LONGEST_IN_SMS }.values()
}

/// The values for an e-mail.
pub(crate) fn for_mail(message: Message, content: &MessageContent, unsubscribe: Option<&str>) -> Values {
    Source { message, content, unsubscribe, longest: usize::MAX }.values()
}

/// What a provider's own template may speak of. It knows no `if`, and EngageLab sends a variable without a value as
/// `{{name}}`: so each has a text here. Where to join, to cancel and to move may stand in any.
pub fn params(message: Message, content: &MessageContent, unsubscribe: Option<&str>) -> BTreeMap<&'static str, String> {
    let source = Source { message, content, unsubscribe, longest: LONGEST_IN_SMS };
    param_names(message).into_iter().map(|name| (name, source.param(name))).collect()
}

/// The names of [`params`].
pub(crate) fn param_names(message: Message) -> Vec<&'static str> {
    let anywhere = ["host", "link", "cancel_link", "reschedule_link"];
    let mut names: Vec<_> = offers(message).all().filter(|it| !["by_invitee", "link_follows"].contains(it)).collect();
    names.extend(anywhere.iter().filter(|it| !offers(message).all().any(|other| other == **it)));
    names
}

/// Where values are taken from.
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
            "notice" => match self.message {
                Message::HostNotice(notice) => Some(notice.name().into()),
                _ => None,
            },
            _ => self.text(name).map(Value::from),
        }
    }

    /// What a variable says in words.
    fn text(&self, name: &str) -> Option<String> {
        let content = self.content;
        let to_host = matches!(self.message, Message::HostNotice(_));
        let told = |at| when::tell(at, &content.zone, content.language);
        let told_short = |at| when::tell_short(at, &content.zone, content.language);
        match name {
            "name" if to_host => Some(self.line_or(content.name.expose(), Missing::NameOfHost)),
            "name" => Some(self.line_or(content.name.expose(), Missing::Name)),
            "invitee" => Some(self.line_or(content.invitee.expose(), Missing::Invitee)),
            "event" => Some(self.line_or(&content.event, Missing::Event)),
            "host" => Some(self.line_or(content.host.as_deref().unwrap_or_default(), Missing::Host)),
            "time" => Some(told(content.start)),
            "short_time" => Some(told_short(content.start)),
            "old_time" => self.old_start().map(told),
            "old_short_time" => self.old_start().map(told_short),
            "link" => web(content.join_url.as_deref().filter(|_| self.takes_place())?),
            "place" if content.location.is_none() && content.by_phone && !to_host && self.takes_place() => {
                Some(words::by_phone(content.language).to_owned())
            }
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
            return words::notice(notice, self.content.language).to_owned();
        }
        let missing = match name {
            "link" | "place" => Missing::Link,
            "old_time" | "old_short_time" => Missing::OldTime,
            "survey_link" | "unsubscribe_link" => Missing::Tell,
            _ => Missing::SelfService,
        };
        // Who reads "link" wants to know where to be, and so does who reads "place".
        let other = match name {
            "link" => "place",
            "place" => "link",
            _ => name,
        };
        let text = self.text(name).or_else(|| self.text(other));
        text.unwrap_or_else(|| stand_in(missing, self.content.language).to_owned())
    }

    fn line_or(&self, text: &str, missing: Missing) -> String {
        line(text, self.longest).unwrap_or_else(|| stand_in(missing, self.content.language).to_owned())
    }

    /// A booking that was moved once has an old time for good; only news of the move speaks of it.
    fn old_start(&self) -> Option<jiff::Timestamp> {
        let is_of_a_move = matches!(self.message, Message::Move | Message::HostNotice(Notice::Moved));
        self.content.old_start.filter(|_| is_of_a_move)
    }

    /// Nobody is to go, or to dial in, to what is canceled.
    fn takes_place(&self) -> bool {
        self.message != Message::HostNotice(Notice::Canceled)
    }
}

/// A value in one line, without what can't be seen; `None` when nothing is left. Direction marks go too: they could turn
/// what stands around the value.
fn line(text: &str, longest: usize) -> Option<String> {
    let is_hidden = |c: &char| {
        matches!(c, '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{feff}')
            || ('\u{2060}'..='\u{206f}').contains(c)
    };
    // These join what stands beside them, such as the parts of an emoji.
    let is_joint = |c: char| matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}');
    let seen: String = text.chars().filter(|c| !is_hidden(c)).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = seen.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().all(is_joint) {
        return None;
    }
    if line.chars().count() <= longest {
        return Some(line);
    }
    let kept: String = line.chars().take(longest.saturating_sub(3)).collect();
    Some(format!("{}...", kept.trim_end()))
}

/// A link that may stand in an `href`: an address of the web, and nothing that a URI can't hold (RFC 3986).
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
    fn only_addresses_of_the_web_are_links() {
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
    fn the_old_time_is_told_of_a_move_and_where_it_is_of_what_takes_place() {
        let content = samples::full(Message::Move, Language::English);
        let has = |message, name| for_sms(message, &content, None).contains_key(name);
        assert!(has(Message::Move, "old_time") && has(Message::HostNotice(Notice::Moved), "old_short_time"));
        assert!(!has(Message::HostNotice(Notice::Booked), "old_time"));
        assert!(has(Message::HostNotice(Notice::Booked), "link"));
        assert!(!has(Message::HostNotice(Notice::Canceled), "link"));
        assert!(!has(Message::HostNotice(Notice::Canceled), "place"));
    }

    #[test]
    fn the_place_stands_in_for_the_link() {
        let mut content = samples::bare(Message::Confirmation, Language::Romanian);
        assert_eq!(params(Message::Confirmation, &content, None)["link"], "linkul urmează");
        content.location = Some("Strada Lungă 1".into());
        assert_eq!(params(Message::Confirmation, &content, None)["link"], "Strada Lungă 1");
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
