//! The rendering of a message.

use domain::{Language, Message, MessageContent, Outcome, Reason};

use super::built_in;
use super::fill::{fill, tidy};
use super::part::Part;
use super::variables::{Values, email_values, sms_values};
use crate::{phrases, sms};

/// A rendered e-mail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rendered {
    /// The subject, one line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The whole HTML document.
    pub html: String,
}

/// Wording that can't be rendered: where and why, without the values.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Broken(pub String);

impl Broken {
    /// Returns the outcome of a message with this wording. A retry would fail alike.
    pub(crate) fn outcome(&self) -> Outcome {
        Outcome::Refused { reason: Reason::WordingBroken, detail: self.to_string() }
    }
}

/// Renders an SMS. `unsubscribe` is the link that ends follow-ups. If no answer comes back, and the text has no link
/// that ends the messages, a last line says how to stop them; also below the connection's own wording. Where carriers
/// ask for it, the text begins with the brand.
///
/// # Errors
/// The connection's own wording is broken. The check before it was saved should have found that.
pub fn render_sms(
    message: Message,
    content: &MessageContent,
    unsubscribe: Option<&str>,
    transliterate: bool,
) -> Result<String, Broken> {
    let mut text = render(message, content, Part::Sms, &sms_values(message, content, unsubscribe))?;
    if needs_way_out(message, content, unsubscribe, &text) {
        text.push('\n');
        text.push_str(phrases::way_out(content.language));
    }
    if let Some(brand) = content.brand.as_ref().filter(|brand| !text.starts_with(brand.as_str())) {
        text = format!("{brand}: {text}");
    }
    Ok(if transliterate { sms::transliterate(&text) } else { text })
}

/// Returns whether an SMS must say how to stop the messages. After a cancellation none follow, and a host chose them.
fn needs_way_out(message: Message, content: &MessageContent, unsubscribe: Option<&str>, text: &str) -> bool {
    let others_follow = !matches!(message, Message::Cancellation | Message::NotBooked | Message::HostNotice(_));
    // Messages about a meeting end with it.
    let mut ways_out = [unsubscribe, content.cancel_url.as_deref()].into_iter().flatten();
    !content.can_reply && others_follow && !ways_out.any(|link| text.contains(link.trim()))
}

/// Renders an e-mail. `unsubscribe` is the link that ends follow-ups.
///
/// # Errors
/// The connection's own wording is broken. The check before it was saved should have found that.
pub fn render_email(message: Message, content: &MessageContent, unsubscribe: Option<&str>) -> Result<Rendered, Broken> {
    let values = email_values(message, content, unsubscribe);
    let part = |part| render(message, content, part, &values);
    let subject = part(Part::Subject)?;
    let body = part(Part::Html)?;
    let html = layout(content.language, &subject, body).map_err(|error| Broken(format!("layout: {}", error.kind())))?;
    Ok(Rendered { text: part(Part::Text)?, subject, html })
}

fn render(message: Message, content: &MessageContent, part: Part, values: &Values) -> Result<String, Broken> {
    let broken = |what: &str| {
        Broken(format!("wording of {}, {}, {}: {what}", message.name(), content.language.tag(), part.name()))
    };
    let source = part.own(&content.wording).or_else(|| built_in::source(message, content.language, part));
    // The kind and the line only: the details may quote a value.
    let text =
        fill(part, source.ok_or_else(|| broken("there is none"))?, values).map_err(|error| match error.line() {
            Some(line) => broken(&format!("{} in line {line}", error.kind())),
            None => broken(&error.kind().to_string()),
        })?;
    let text = tidy(part, &text);
    if text.is_empty() { Err(broken("it says nothing")) } else { Ok(text) }
}

/// Puts an e-mail's HTML into its document.
fn layout(language: Language, subject: &str, content: String) -> Result<String, minijinja::Error> {
    let content = minijinja::Value::from_safe_string(content.replace(r#"class="button""#, BUTTON));
    let values = [("lang", language.tag().into()), ("subject", subject.into()), ("content", content)].into();
    fill(Part::Html, built_in::LAYOUT, &values)
}

/// A button with its style inline: Gmail's mobile site, Proton and Outlook drop classes.
const BUTTON: &str = r#"class="button" style="display: inline-block; padding: 12px 22px; background: #1d4ed8; border-radius: 6px; color: #ffffff; font-weight: 600; text-decoration: none;""#;

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use domain::settings::WordingParts;
    use domain::{Message, Notice, TextLimits, Unchanged, Withheld};
    use insta::assert_snapshot;
    use proptest::prelude::*;

    use super::*;
    use crate::samples::{self, UNSUBSCRIBE};
    use crate::sms::{Encoding, measure};
    use crate::wording::messages_named;

    /// Prints a message in every channel.
    fn print_message(message: Message, content: &MessageContent, unsubscribe: Option<&str>) -> String {
        let text = render_sms(message, content, unsubscribe, false).expect("an SMS");
        let own = measure(&text);
        let plain = measure(&render_sms(message, content, unsubscribe, true).expect("an SMS"));
        let less = if plain.segments < own.segments { format!("; {} without", plain.segments) } else { String::new() };
        let mail = render_email(message, content, unsubscribe).expect("an e-mail");
        let html = render(message, content, Part::Html, &email_values(message, content, unsubscribe)).expect("HTML");
        format!(
            "[{:?}, {} units, {} segments{less}]\n{text}\n\n[subject]\n{}\n\n[text]\n{}\n\n[html]\n{html}\n",
            own.encoding, own.units, own.segments, mail.subject, mail.text
        )
    }

    /// Writes one file for each message and language, for people to read.
    #[test]
    fn every_message_is_rendered() {
        for name in Message::NAMES {
            for language in Language::ALL {
                let mut page = String::new();
                for message in messages_named(name) {
                    let notice = match message {
                        Message::HostNotice(notice) => format!(" {}", notice.name()),
                        _ => String::new(),
                    };
                    for (variant, content, unsubscribe) in [
                        ("full", samples::full(message, language), Some(UNSUBSCRIBE)),
                        ("bare", samples::bare(message, language), None),
                    ] {
                        let printed = print_message(message, &content, unsubscribe);
                        write!(page, "===={notice} {variant} ====\n\n{printed}\n").expect("written");
                    }
                }
                assert_snapshot!(format!("{name}.{}", language.tag()), page);
            }
        }
    }

    /// What is sent where carriers let no links through and no answer comes back.
    #[test]
    fn an_sms_without_links_names_date_and_place_and_a_way_out() {
        let mut page = String::new();
        for language in Language::ALL {
            for message in Message::SAMPLES {
                let content = MessageContent {
                    location: samples::full(message, language).location,
                    link_follows: false,
                    withheld: Withheld::LinksToEmail,
                    can_reply: false,
                    ..samples::bare(message, language)
                };
                let text = render_sms(message, &content, None, false).expect("an SMS");
                let nothing = TextLimits { domains: Some(Vec::new()), no_shorteners: true, no_numbers: true };
                assert!(nothing.allow_text(&text), "{text}");
                write!(page, "==== {} {} ====\n{text}\n\n", message.name(), language.tag()).expect("written");
            }
        }
        assert_snapshot!("sms_without_links", page);
    }

    #[test]
    fn a_text_begins_with_the_brand_once() {
        for language in Language::ALL {
            for message in Message::SAMPLES {
                let content = MessageContent { brand: Some("VAI".to_owned()), ..samples::full(message, language) };
                let text = render_sms(message, &content, None, false).expect("an SMS");
                let plain = MessageContent { brand: None, ..content.clone() };
                assert_eq!(text, format!("VAI: {}", render_sms(message, &plain, None, false).expect("an SMS")));
                let wording = WordingParts { sms: Some("VAI {{ event }}".to_owned()), ..WordingParts::default() };
                let own = MessageContent { wording, ..content };
                let text = render_sms(message, &own, None, false).expect("an SMS");
                assert!(text.starts_with("VAI ") && text.matches("VAI").count() == 1, "{text}");
            }
        }
    }

    #[test]
    fn where_no_answer_comes_back_a_text_has_a_way_out() {
        let message = Message::Reminder { minutes_before: 60 };
        let one_way = |message| MessageContent { can_reply: false, ..samples::full(message, Language::English) };
        let last_line = |message, content: &MessageContent, unsubscribe| {
            let text = render_sms(message, content, unsubscribe, false).expect("an SMS");
            text.lines().last().unwrap_or_default().to_owned()
        };
        let said = "Replies don't reach us. To stop these messages, tell your host.";
        // The link to cancel, or to unsubscribe, is the way out.
        assert_ne!(last_line(message, &one_way(message), None), said);
        assert_ne!(last_line(Message::NoShow, &one_way(Message::NoShow), Some(UNSUBSCRIBE)), said);
        assert_eq!(last_line(Message::NoShow, &one_way(Message::NoShow), None), said);
        let mut own = one_way(message);
        own.wording = WordingParts { sms: Some("{{ event }}".to_owned()), ..WordingParts::default() };
        assert_eq!(last_line(message, &own, None), said);
        own.can_reply = true;
        assert_eq!(last_line(message, &own, None), "Product demo");
        for last in [Message::Cancellation, Message::NotBooked, Message::HostNotice(Notice::Canceled)] {
            assert_ne!(last_line(last, &one_way(last), None), said, "{last:?}");
        }
    }

    #[test]
    fn the_html_is_put_into_the_layout() {
        let message = Message::NotBooked;
        assert_snapshot!(
            render_email(message, &samples::bare(message, Language::English), None).expect("an e-mail").html
        );
    }

    #[test]
    fn english_danish_and_transliterated_romanian_fit_into_gsm_7() {
        for message in Message::SAMPLES {
            for language in Language::ALL {
                let text =
                    render_sms(message, &samples::full(message, language), Some(UNSUBSCRIBE), true).expect("an SMS");
                let expected = match language {
                    Language::TraditionalChinese => Encoding::Ucs2,
                    _ => Encoding::Gsm7,
                };
                assert_eq!(measure(&text).encoding, expected, "{text}");
            }
        }
    }

    #[test]
    fn each_part_of_the_connections_wording_replaces_ours() {
        let message = Message::Confirmation;
        let mut content = samples::full(message, Language::English);
        let ours = render_email(message, &content, None).expect("an e-mail");
        content.wording = WordingParts { subject: Some("Yes,\n {{ name }}!".to_owned()), ..WordingParts::default() };
        let mixed = render_email(message, &content, None).expect("an e-mail");
        assert_eq!(mixed.subject, "Yes, Emma!");
        assert_eq!(mixed.text, ours.text);
        assert!(mixed.html.contains("<title>Yes, Emma!</title>"), "{}", mixed.html);
        content.wording = WordingParts { sms: Some("{{ event }}".to_owned()), ..WordingParts::default() };
        assert_eq!(render_sms(message, &content, None, false).as_deref(), Ok("Product demo"));
        assert_eq!(render_email(message, &content, None), Ok(ours));
    }

    #[test]
    fn an_error_names_the_place_and_quotes_no_value() {
        let message = Message::Reminder { minutes_before: 60 };
        let mut content = samples::bare(message, Language::Danish);
        for (sms, expected) in [
            ("Hej\n{{ link }}", "wording of reminder, da, sms: undefined value in line 2"),
            ("{{ name }", "wording of reminder, da, sms: syntax error in line 1"),
            ("{{ name - 2.5 }}", "wording of reminder, da, sms: invalid operation in line 1"),
            ("{% if link %}x{% endif %}", "wording of reminder, da, sms: it says nothing"),
        ] {
            content.wording = WordingParts { sms: Some(sms.to_owned()), ..WordingParts::default() };
            let broken = render_sms(message, &content, None, false).expect_err("broken");
            assert_eq!(broken.to_string(), expected);
        }
    }

    #[test]
    fn every_button_has_its_style_inline() {
        for message in Message::SAMPLES {
            let mail = render_email(message, &samples::full(message, Language::English), Some(UNSUBSCRIBE));
            let html = mail.expect("an e-mail").html;
            let buttons = html.matches(r#"class="button""#).count();
            assert_eq!(buttons, html.matches(BUTTON).count(), "{html}");
        }
    }

    #[test]
    fn a_name_breaks_neither_a_line_nor_the_html() {
        let message = Message::HostNotice(Notice::Booked);
        let mut content = samples::bare(message, Language::English);
        content.invitee = "Eve\r\nBcc: all@example.com <b>\"x\"".into();
        let mail = render_email(message, &content, None).expect("an e-mail");
        assert_eq!(mail.subject, "New booking: Product demo with Eve b x");
        assert!(mail.html.contains("with Eve b x."), "{}", mail.html);
    }

    /// Asserts that a text shows no trace of the template. `values` are what people wrote themselves.
    fn assert_clean(text: &str, values: &[String]) {
        for mark in ["{{", "{%", "}}", "%}"] {
            assert!(!text.contains(mark) || values.iter().any(|it| it.contains(mark)), "{mark} in {text}");
        }
        for word in ["none", "None", "undefined", "null"] {
            assert!(!text.contains(word) || values.iter().any(|it| it.contains(word)), "{word} in {text}");
        }
        assert!(!text.contains("\n\n\n") && !text.contains(" \n") && text == text.trim(), "{text:?}");
        assert!(!text.is_empty());
    }

    fn assert_clean_html(html: &str) {
        for link in html.split("<a ").skip(1) {
            let (_, address) = link.split_once("href=\"").expect("an address");
            assert!(address.starts_with("http://") || address.starts_with("https://"), "{html}");
        }
        assert!(!html.to_lowercase().contains("<script") && !html.contains("<b>"), "{html}");
        assert!(!html.lines().any(|line| line.trim().is_empty()), "{html}");
    }

    /// Returns what people wrote of a message.
    fn values_written_by_people(content: &MessageContent) -> Vec<String> {
        let names = [&content.name, &content.invitee].map(|it| it.unchanged(Unchanged::Comparison).to_owned());
        names
            .into_iter()
            .chain([content.event.clone()])
            .chain(content.host.clone())
            .chain(content.location.as_ref().map(|it| it.expose().clone()))
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn missing_and_odd_values_leave_no_trace(content in samples::odd(), unsubscribe in samples::odd_text()) {
            let values = values_written_by_people(&content);
            for message in Message::SAMPLES {
                for transliterate in [false, true] {
                    let text = render_sms(message, &content, unsubscribe.as_deref(), transliterate).expect("an SMS");
                    assert_clean(&text, &values);
                    prop_assert!(text.chars().count() < 1600, "{}", text);
                }
                let mail = render_email(message, &content, unsubscribe.as_deref()).expect("an e-mail");
                assert_clean(&mail.subject, &values);
                prop_assert!(!mail.subject.contains('\n'));
                assert_clean(&mail.text, &values);
                let html = render(message, &content, Part::Html, &email_values(message, &content, unsubscribe.as_deref()));
                let html = html.expect("HTML");
                assert_clean(&html, &values);
                assert_clean_html(&html);
            }
        }
    }
}
