//! Sample messages for previews and for the check of wording. Their values are made up and always the same.

use domain::settings::WordingParts;
use domain::{Language, LinkPurpose, Message, MessageContent, Withheld};
use jiff::Timestamp;

/// Thursday, 15 October 2026, 07:30 UTC, when Europe has summer time.
const START: i64 = 1_792_049_400;
const HALF_AN_HOUR: i64 = 1800;
const TWO_DAYS: i64 = 2 * 86_400;

/// The values of a sample in one language.
struct Meeting {
    first_name: &'static str,
    invitee: &'static str,
    host: &'static str,
    event: &'static str,
    location: &'static str,
    zone: &'static str,
}

fn meeting(language: Language) -> Meeting {
    match language {
        Language::English => Meeting {
            first_name: "Emma",
            invitee: "Emma Clark",
            host: "James Wright",
            event: "Product demo",
            location: "12 Baker Street, London",
            zone: "Europe/London",
        },
        Language::Romanian => Meeting {
            first_name: "Ana",
            invitee: "Ana Ionescu",
            host: "Maria Popescu",
            event: "Demonstrație de produs",
            location: "Strada Lipscani 12, București",
            zone: "Europe/Bucharest",
        },
        Language::Danish => Meeting {
            first_name: "Lars",
            invitee: "Lars Jensen",
            host: "Mette Sørensen",
            event: "Produktdemo",
            location: "Vestergade 8, København",
            zone: "Europe/Copenhagen",
        },
        Language::TraditionalChinese => Meeting {
            first_name: "王小明",
            invitee: "王小明",
            host: "林美玲",
            event: "產品展示",
            location: "台北市信義路五段7號",
            zone: "Asia/Taipei",
        },
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Returns a sample with every optional value.
pub(crate) fn full(message: Message, language: Language) -> MessageContent {
    let link = |text: &str| Some(text.to_owned());
    MessageContent {
        old_start: Some(at(START - TWO_DAYS)),
        join_url: link("https://zoom.example/j/98765432101?pwd=Qk1sV2pJ"),
        location: Some(meeting(language).location.into()),
        cancel_url: link("https://calendly.com/cancellations/3f2b8a5e-7c41-4d0b-9a6e-5c1d2e3f4a5b"),
        reschedule_url: link("https://calendly.com/reschedulings/3f2b8a5e-7c41-4d0b-9a6e-5c1d2e3f4a5b"),
        survey_url: link("https://survey.example/demo"),
        booking_url: link("https://calendly.com/d/cq7b-2xk-9dm/product-demo"),
        by_invitee: true,
        link_follows: false,
        by_phone: false,
        ..bare(message, language)
    }
}

/// Returns a sample of an online meeting with every optional value, and with short links of our own.
pub(crate) fn with_short_links(message: Message, language: Language) -> MessageContent {
    let link = |purpose| Some(short_link("https://m.test", purpose));
    MessageContent {
        join_url: link(LinkPurpose::Join),
        location: None,
        cancel_url: link(LinkPurpose::Cancel),
        reschedule_url: link(LinkPurpose::Reschedule),
        ..full(message, language)
    }
}

/// Returns a short link of our own. `base` is what all of them begin with.
pub(crate) fn short_link(base: &str, purpose: LinkPurpose) -> String {
    let code = match purpose {
        LinkPurpose::Join => "Qk1sV2pJ",
        LinkPurpose::Reschedule => "9a6e5cQ1",
        LinkPurpose::Cancel => "7c41Ad0b",
    };
    format!("{base}/m/{code}")
}

/// Returns the country of a sample's phone number, whose rules and prices hold for an SMS.
pub(crate) fn country(language: Language) -> &'static str {
    match language {
        Language::English => "GB",
        Language::Romanian => "RO",
        Language::Danish => "DK",
        Language::TraditionalChinese => "TW",
    }
}

/// The link that ends follow-ups.
pub(crate) const UNSUBSCRIBE: &str = "https://vai.example/u/Zm9sbG93LXVwcyBhcmUgb3Zlcg";

/// Returns a sample without any optional value.
pub(crate) fn bare(message: Message, language: Language) -> MessageContent {
    let meeting = meeting(language);
    let to_host = match message {
        Message::HostNotice(notice) => Some(notice),
        _ => None,
    };
    MessageContent {
        name: if to_host.is_some() { meeting.host } else { meeting.first_name }.into(),
        invitee: meeting.invitee.into(),
        event: meeting.event.to_owned(),
        start: at(START),
        end: at(START + HALF_AN_HOUR),
        old_start: None,
        minutes_ahead: match message {
            Message::Reminder { minutes_before } | Message::Reconfirmation { minutes_before } => Some(minutes_before),
            _ => None,
        },
        zone: meeting.zone.to_owned(),
        zone_of: None,
        host_zone: None,
        language,
        join_url: None,
        location: None,
        invitee_place: None,
        cancel_url: None,
        reschedule_url: None,
        survey_url: None,
        booking_url: None,
        opt_out: None,
        link_for: None,
        by_invitee: false,
        // Without a link to join, the message says that one follows.
        link_follows: true,
        by_phone: false,
        notice: to_host,
        host: Some(meeting.host.to_owned()),
        withheld: Withheld::Nothing,
        can_reply: true,
        brand: None,
        wording: WordingParts::default(),
    }
}

#[cfg(test)]
pub(crate) use odd::{odd, odd_text};

/// For tests: samples with malicious and malformed values.
#[cfg(test)]
mod odd {
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// Texts that people or attackers may write.
    fn text() -> impl Strategy<Value = String> {
        let odd = select(vec![
            "",
            " ",
            "\u{200b}",
            "\n\n",
            "{{x}}",
            "{{ name }}",
            "{% if x %}",
            "}}",
            "<b>Ana</b>",
            "<script>alert(1)</script>",
            "\"><a href=javascript:x>",
            "Ana\r\nBcc: x@example.com",
            "Ana\u{0}\u{7}",
            "👩\u{200d}👧 Ana",
            "O'Brien & Søn",
            "王小明",
            "Ana",
        ]);
        prop_oneof![4 => odd.prop_map(str::to_owned), 1 => "\\PC{0,20}", 1 => "a{300}"]
    }

    fn link() -> impl Strategy<Value = String> {
        let odd = select(vec![
            "https://a.example/x?y=1&z='2'",
            "http://b.example",
            "javascript:alert(1)",
            "JavaScript://x",
            "https://a.example/\"><b>",
            "https://",
            "zoom",
            " ",
            "https://c.example/{{x}}",
        ]);
        prop_oneof![4 => odd.prop_map(str::to_owned), 1 => text()]
    }

    /// A valid or invalid link, or none.
    pub(crate) fn odd_text() -> impl Strategy<Value = Option<String>> {
        option::of(link())
    }

    /// A sample of which any value may be missing, blank or malformed.
    pub(crate) fn odd() -> impl Strategy<Value = MessageContent> {
        let texts = (text(), text(), text(), option::of(text()), option::of(text()));
        let links = proptest::array::uniform5(odd_text());
        (select(&Language::ALL[..]), texts, links, any::<bool>(), any::<bool>()).prop_map(
            |(language, (name, invitee, event, host, location), links, moved, by_invitee)| {
                let [join_url, cancel_url, reschedule_url, survey_url, booking_url] = links;
                MessageContent {
                    name: name.into(),
                    invitee: invitee.into(),
                    event,
                    host,
                    location: location.map(Into::into),
                    join_url,
                    cancel_url,
                    reschedule_url,
                    survey_url,
                    booking_url,
                    old_start: moved.then(|| at(START - TWO_DAYS)),
                    by_invitee,
                    ..bare(Message::Confirmation, language)
                }
            },
        )
    }
}
