//! An e-mail in our own wording, with all that its provider needs.

use domain::{CommandId, ConnectionName, EmailOrder, Message, Outcome, Reason};

use crate::header_text::{is_address, one_line};
use crate::links::Links;
use crate::wording::{self, Rendered};
use crate::{calendar, outcome};

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
    pub(crate) fn new(
        connection: &ConnectionName,
        key: &CommandId,
        order: &EmailOrder,
        links: &Links,
    ) -> Result<Self, Outcome> {
        let content = &order.content;
        let from =
            order.from.as_deref().ok_or_else(|| outcome::misconfigured("the settings name no sender address"))?;
        if !is_address(order.to.expose()) {
            let detail = "the recipient's address is invalid".to_owned();
            return Err(Outcome::Refused { reason: Reason::ProviderRefused, detail });
        }
        let name = match order.message {
            Message::HostNotice(_) => &content.name,
            _ => &content.invitee,
        };
        let unsubscribe = links.unsubscribe(connection, key, order.message, &order.booking, content);
        let mut rendered = wording::render_email(order.message, content, unsubscribe.as_deref())
            .map_err(|broken| outcome::from_broken_wording(&broken))?;
        rendered.subject = one_line(&rendered.subject);
        let mailbox = |email: &str, name: Option<&str>| Mailbox {
            email: one_line(email),
            name: name.map(one_line).filter(|it| !it.is_empty()),
        };
        Ok(Self {
            from: mailbox(from, order.from_name.as_deref()),
            to: mailbox(order.to.expose(), Some(name.expose())),
            reply_to: order.reply_to.as_deref().map(|it| mailbox(it, None)),
            rendered,
            unsubscribe,
            calendar: order.calendar.as_ref().and_then(|it| Some((calendar::method(it), calendar::build_file(order)?))),
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::Notice;
    use domain::settings::Provider;

    use super::*;
    use crate::fixtures;

    fn envelope(order: &EmailOrder) -> Result<Envelope, Outcome> {
        Envelope::new(&fixtures::connection("default"), &fixtures::key(), order, &fixtures::links())
    }

    #[test]
    fn names_and_subjects_are_one_line() {
        let mut order = fixtures::own_mail(Provider::Ses, Message::Confirmation);
        order.content.invitee = "Ana\r\nBcc: eve@example.com".into();
        order.content.event = "Demo\nX: y".to_owned();
        let envelope = envelope(&order).unwrap_or_else(|outcome| panic!("{outcome:?}"));
        assert_eq!(envelope.to.name.as_deref(), Some("Ana Bcc: eve@example.com"));
        assert!(!envelope.rendered.subject.contains(['\r', '\n']), "{}", envelope.rendered.subject);
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
