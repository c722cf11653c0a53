//! Links of ours that go out with a message: below the public URL, so without one there are none.
//!
//! What stands in their paths is ours and needs no escaping: names of connections, and ids of `[0-9a-zA-Z-_.]`.

use std::sync::Arc;

use domain::{BookingId, CommandId, ConnectionName, Message, MessageContent};

/// Makes them.
#[derive(Clone, Debug, Default)]
pub struct Links {
    public_url: Option<Arc<str>>,
}

impl Links {
    /// `public_url` is where the webhook function is reached, without a trailing slash.
    pub fn new(public_url: Option<String>) -> Self {
        Self { public_url: public_url.map(Into::into) }
    }

    /// Where the reader of a follow-up ends follow-ups. No other message has such a link: what is about a meeting that is
    /// to come ends with the meeting.
    pub(crate) fn unsubscribe(
        &self,
        connection: &ConnectionName,
        key: &CommandId,
        message: Message,
        booking: &BookingId,
        content: &MessageContent,
    ) -> Option<String> {
        let url = self.public_url.as_ref().filter(|_| message.is_follow_up())?;
        Some(format!("{url}/unsubscribe/{connection}/{booking}/{key}?l={}", content.language.tag()))
    }

    /// Where Twilio tells what became of a message.
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
    use crate::fake;

    #[test]
    fn only_follow_ups_can_be_unsubscribed_from_and_only_with_a_public_url() {
        let (connection, key, booking) = (fake::connection("default"), fake::key(), BookingId::new("bk-0123"));
        let link = |links: &Links, message| links.unsubscribe(&connection, &key, message, &booking, &fake::content());
        let links = fake::links();
        for message in Message::SAMPLES {
            assert_eq!(link(&links, message).is_some(), message.is_follow_up(), "{message:?}");
            assert_eq!(link(&Links::default(), message), None);
        }
        assert_eq!(
            link(&links, Message::NoShow).as_deref(),
            Some("https://api.example.com/unsubscribe/default/bk-0123/sms-confirmation-0123?l=ro")
        );
    }
}
