//! An e-mail in our own wording, with all that its provider needs.

use domain::{ConnectionName, EmailOrder, Message, Outcome, PlainEmail, Reason};

use crate::calendar;
use crate::header_text::{is_address, one_line};
use crate::links::Links;
use crate::wording::{self, Rendered};

/// The longest subject of a plain e-mail, in characters. It quotes what strangers wrote.
const LONGEST_SUBJECT: usize = 120;

/// An address and a name; each is one line.
pub(crate) struct Mailbox {
    /// The address.
    pub(crate) email: String,
    /// The name.
    pub(crate) name: Option<String>,
}

/// An e-mail, the same for every provider.
pub(crate) struct Envelope {
    /// The sender.
    pub(crate) from: Mailbox,
    /// The recipient.
    pub(crate) to: Mailbox,
    /// The address for replies.
    pub(crate) reply_to: Option<Mailbox>,
    /// The subject, in one line, and the bodies.
    pub(crate) rendered: Rendered,
    /// The link that ends follow-ups. It is in the headers too, so that mail programs offer it.
    pub(crate) unsubscribe: Option<String>,
    /// The method and text of the calendar file.
    pub(crate) calendar: Option<(&'static str, String)>,
}

impl Envelope {
    /// Renders an order.
    ///
    /// # Errors
    /// The outcome of an order that no provider can send.
    pub(crate) fn new(connection: &ConnectionName, order: &EmailOrder, links: &Links) -> Result<Self, Outcome> {
        let content = &order.content;
        let from =
            order.from.as_deref().ok_or_else(|| outcome::misconfigured("the settings name no sender address"))?;
        check_recipient(order.to.expose())?;
        let name = match order.message {
            Message::HostNotice(_) => &content.name,
            _ => &content.invitee,
        };
        let unsubscribe = links.unsubscribe(connection, order.message, &order.booking, content);
        let mut rendered =
            wording::render_email(order.message, content, unsubscribe.as_deref()).map_err(|broken| broken.outcome())?;
        rendered.subject = one_line(&rendered.subject);
        Ok(Self {
            from: mailbox(from, order.from_name.as_deref()),
            to: mailbox(order.to.expose(), name.as_name().as_deref()),
            reply_to: order.reply_to.as_deref().map(|it| mailbox(it, None)),
            rendered,
            unsubscribe,
            calendar: order.calendar.as_ref().and_then(|it| Some((calendar::method(it), calendar::build_file(order)?))),
        })
    }

    /// Returns a plain e-mail.
    ///
    /// # Errors
    /// The outcome of an e-mail that no provider can send.
    pub(crate) fn plain(email: &PlainEmail) -> Result<Self, Outcome> {
        check_recipient(email.to.expose())?;
        let (text, link) = (email.text.expose(), email.link.as_ref().map(|it| it.expose().as_str()));
        let html = link.map(|it| format!("<p><a href=\"{0}\">{0}</a></p>\n", escape_html(it))).unwrap_or_default();
        let rendered = Rendered {
            subject: one_line(email.subject.expose()).chars().take(LONGEST_SUBJECT).collect(),
            html: format!(
                "<div style=\"{WRAPPED}\"><pre style=\"white-space: pre-wrap\">{}</pre>\n{html}</div>\n",
                escape_html(text)
            ),
            text: link.map_or_else(|| text.clone(), |link| format!("{text}\n{link}\n")),
        };
        Ok(Self {
            from: mailbox(&email.from, email.from_name.as_deref()),
            to: mailbox(email.to.expose(), None),
            reply_to: email.reply_to.as_deref().map(|it| mailbox(it, None)),
            rendered,
            unsubscribe: None,
            calendar: None,
        })
    }
}

/// Long words, such as URLs and ids, are broken, so that a phone shows the whole text.
const WRAPPED: &str = "overflow-wrap: anywhere; word-wrap: break-word";

fn check_recipient(address: &str) -> Result<(), Outcome> {
    if is_address(address) {
        return Ok(());
    }
    let detail = "the recipient's address is invalid".to_owned();
    Err(Outcome::Refused { reason: Reason::ProviderRefused, detail })
}

fn mailbox(email: &str, name: Option<&str>) -> Mailbox {
    Mailbox { email: one_line(email), name: name.map(one_line).filter(|it| !it.is_empty()) }
}

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use domain::Notice;
    use domain::settings::Provider;

    use super::*;
    use crate::fixtures;

    fn envelope(order: &EmailOrder) -> Result<Envelope, Outcome> {
        Envelope::new(&fixtures::connection("default"), order, &fixtures::links())
    }

    #[test]
    fn names_and_subjects_are_one_line() {
        let mut order = fixtures::own_mail(Provider::Ses, Message::Confirmation);
        order.content.invitee = "Ana\r\nPop".into();
        order.content.event = "Demo\nX: y".to_owned();
        let envelope = envelope(&order).unwrap_or_else(|outcome| panic!("{outcome:?}"));
        assert_eq!(envelope.to.name.as_deref(), Some("Ana Pop"));
        assert!(!envelope.rendered.subject.contains(['\r', '\n']), "{}", envelope.rendered.subject);
    }

    #[test]
    fn a_plain_e_mail_has_a_short_subject_in_one_line_and_its_text_twice() {
        let email = PlainEmail {
            subject: format!("booking.created: Ana\r\nBcc: eve@example.com {}", "x".repeat(500)).into(),
            text: "name: <b>Ana & Co</b>".to_owned().into(),
            link: Some("https://vai.example/c?token=1&l=\"".to_owned().into()),
            ..fixtures::plain_mail(Provider::Ses)
        };
        let envelope = Envelope::plain(&email).unwrap_or_else(|outcome| panic!("{outcome:?}"));
        let Rendered { subject, text, html } = &envelope.rendered;
        assert!(subject.starts_with("booking.created: Ana Bcc: eve@example.com x") && subject.len() == LONGEST_SUBJECT);
        assert_eq!(text, "name: <b>Ana & Co</b>\nhttps://vai.example/c?token=1&l=\"\n");
        assert!(html.contains("name: &lt;b&gt;Ana &amp; Co&lt;/b&gt;"), "{html}");
        assert!(html.contains("<a href=\"https://vai.example/c?token=1&amp;l=&quot;\">"), "{html}");
        for to in ["", "ana", "a@b, c@d"] {
            let refused = Envelope::plain(&PlainEmail { to: to.to_owned().into(), ..email.clone() }).err();
            assert!(matches!(refused, Some(Outcome::Refused { reason: Reason::ProviderRefused, .. })), "{to}");
        }
    }

    #[test]
    fn a_host_is_addressed_by_the_hosts_name() {
        let mut order = fixtures::own_mail(Provider::Ses, Message::HostNotice(Notice::Booked));
        order.content.name = "Maria".into();
        let envelope = envelope(&order).unwrap_or_else(|outcome| panic!("{outcome:?}"));
        assert_eq!(envelope.to.name.as_deref(), Some("Maria"));
    }

    #[test]
    fn without_an_address_nothing_is_sent() {
        let order = fixtures::own_mail(Provider::Ses, Message::Confirmation);
        for to in ["", "ana", "ana@example.com\r\nBcc: eve@example.com", "a@b, c@d", "<a@b>"] {
            let refused = envelope(&EmailOrder { to: to.into(), ..order.clone() }).err();
            assert!(matches!(refused, Some(Outcome::Refused { reason: Reason::ProviderRefused, .. })), "{to}");
        }
        let refused = envelope(&EmailOrder { from: None, ..order }).err();
        assert!(matches!(refused, Some(Outcome::Unsent { reason: Reason::Misconfigured, .. })));
    }
}
