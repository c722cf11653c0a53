//! Our own links in messages. They begin with the public URL; without one there are none.
//!
//! Their paths need no escaping: they hold names of connections, and ids of `[0-9a-zA-Z-_.]`.

use std::sync::Arc;

use domain::{BookingId, CommandId, ConnectionName, Message, MessageContent, OptOut};

/// Builds the links.
#[derive(Clone, Debug, Default)]
pub struct Links {
    public_url: Option<Arc<str>>,
}

impl Links {
    /// `public_url` is the base URL of the webhook function, without a trailing slash.
    pub fn new(public_url: Option<String>) -> Self {
        Self { public_url: public_url.map(Into::into) }
    }

    /// Returns the link that ends follow-ups. Only follow-ups have it: messages about a coming meeting end with the
    /// meeting. It carries who gets the message, as a key that says nothing without our pepper, and our signature. So
    /// it works for as long as people hold it, and for nobody else.
    pub(crate) fn unsubscribe(
        &self,
        connection: &ConnectionName,
        message: Message,
        booking: &BookingId,
        content: &MessageContent,
    ) -> Option<String> {
        let url = self.public_url.as_ref().filter(|_| message.is_follow_up())?;
        let OptOut { contact, signature } = content.opt_out.as_ref()?;
        let (contact, language) = (contact.as_str(), content.language.tag());
        Some(format!("{url}/unsubscribe/{connection}/{booking}/{contact}?l={language}&s={signature}"))
    }

    /// Returns the base of short links, without a slash at its end. API Gateway's own name is so long that they would
    /// not be short, and says nothing to a person.
    pub fn base_of_short_links(&self) -> Option<&str> {
        self.public_url.as_deref().filter(|it| it.starts_with("https://") && !it.contains(".execute-api."))
    }

    /// Returns the URL for Twilio's status callbacks.
    pub(crate) fn twilio_status(
        &self,
        connection: &ConnectionName,
        key: &CommandId,
        booking: &BookingId,
    ) -> Option<String> {
        let url = self.public_url.as_ref()?;
        Some(format!("{url}/webhooks/twilio/{connection}?booking={booking}&command={key}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn short_links_need_a_name_of_our_own() {
        for (url, is_on) in [
            (Some("https://m.test"), true),
            (Some("https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com"), false),
            (Some("http://localhost:4566"), false),
            (None, false),
        ] {
            let links = Links::new(url.map(str::to_owned));
            assert_eq!(links.base_of_short_links(), url.filter(|_| is_on));
        }
    }

    #[test]
    fn only_follow_ups_have_an_unsubscribe_link_and_only_with_a_public_url() {
        let (connection, booking) = (fixtures::connection("default"), BookingId::new("bk-0123"));
        let link = |links: &Links, message| links.unsubscribe(&connection, message, &booking, &fixtures::content());
        let links = fixtures::links();
        for message in Message::SAMPLES {
            assert_eq!(link(&links, message).is_some(), message.is_follow_up(), "{message:?}");
            assert_eq!(link(&Links::default(), message), None);
        }
        assert_eq!(link(&links, Message::NoShow).as_deref(), Some(fixtures::UNSUBSCRIBE));
        let unsigned = MessageContent { opt_out: None, ..fixtures::content() };
        assert_eq!(links.unsubscribe(&connection, Message::NoShow, &booking, &unsigned), None);
    }
}
