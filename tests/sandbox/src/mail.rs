//! E-mails: what they hold, and what becomes of them after a provider took them.
//!
//! What becomes of one is decided by the part of its address before the `@`, up to a `+`: `bounce`, `softbounce`,
//! `suppressionlist`, `complaint` and `unsubscribe` do what they say, everybody else gets their mail.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use mail_parser::{Address, Message, MessageParser, MessagePart, MimeHeaders, PartType};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    brevo, receipts, ses,
    world::{self, World},
};

/// Who carries e-mails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Carrier {
    Vai,
    Brevo,
    Ses,
}

/// How far an e-mail has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fate {
    Accepted,
    Sent,
    Delivered,
    /// There is no such mailbox.
    Bounced,
    /// The mailbox is full.
    SoftBounced,
    /// The provider doesn't even try: it knows from before.
    Suppressed,
    /// It was delivered, and the person called it spam.
    Complained,
    /// It was delivered, and the person wants no more.
    Unsubscribed,
}

impl Fate {
    /// What lies ahead of a message to this address.
    fn ahead(address: &str) -> &'static [Self] {
        let user = address.split(['@', '+']).next().unwrap_or_default().to_lowercase();
        match user.as_str() {
            "bounce" => &[Self::Sent, Self::Bounced],
            "softbounce" => &[Self::Sent, Self::SoftBounced],
            "suppressionlist" => &[Self::Sent, Self::Suppressed],
            "complaint" => &[Self::Sent, Self::Delivered, Self::Complained],
            "unsubscribe" => &[Self::Sent, Self::Delivered, Self::Unsubscribed],
            _ => &[Self::Sent, Self::Delivered],
        }
    }
}

/// An e-mail that a provider accepted, as the mail program shows it.
#[derive(Clone, Serialize)]
pub(crate) struct Email {
    pub(crate) provider: Carrier,
    pub(crate) message_id: String,
    /// As in `VAI <hello@example.com>`; null where the provider doesn't let the caller say.
    pub(crate) from: Option<String>,
    /// The addresses, with commas between.
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: Option<String>,
    pub(crate) headers: Map<String, Value>,
    pub(crate) attachments: Vec<Attachment>,
    /// What the provider tells back of a message: names and values, or names alone.
    pub(crate) tags: Value,
    pub(crate) delivery: Fate,
    /// VAI's template and what was to be filled in.
    pub(crate) template: Option<String>,
    pub(crate) data: Value,
    pub(crate) at: Timestamp,
}

impl Email {
    /// An empty one.
    pub(crate) fn new(provider: Carrier, message_id: String, to: &[String]) -> Self {
        Self {
            provider,
            message_id,
            from: None,
            to: to.join(", "),
            subject: String::new(),
            text: String::new(),
            html: None,
            headers: Map::new(),
            attachments: Vec::new(),
            tags: Value::Null,
            delivery: Fate::Accepted,
            template: None,
            data: Value::Null,
            at: Timestamp::now(),
        }
    }
}

/// A file that came with an e-mail, or another form of its content, such as a calendar entry.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub(crate) struct Attachment {
    pub(crate) name: String,
    pub(crate) content_type: String,
    /// The content, or its size where it isn't text.
    pub(crate) text: String,
}

impl Attachment {
    pub(crate) fn new(name: &str, content_type: &str, content: &[u8]) -> Self {
        let text = match std::str::from_utf8(content) {
            Ok(text) => text.to_owned(),
            Err(_) => format!("({} bytes)", content.len()),
        };
        Self { name: name.to_owned(), content_type: content_type.to_owned(), text }
    }

    /// Content in base64, with or without line breaks.
    pub(crate) fn decode(name: &str, content_type: &str, base64: &str) -> Option<Self> {
        let packed: String = base64.split_ascii_whitespace().collect();
        BASE64_STANDARD.decode(packed).ok().map(|content| Self::new(name, content_type, &content))
    }
}

/// `Name <address>`, or the address alone.
pub(crate) fn named(name: Option<&str>, address: &str) -> String {
    match name {
        Some(name) if !name.is_empty() => format!("{name} <{address}>"),
        _ => address.to_owned(),
    }
}

/// The address in `Name <address>`.
pub(crate) fn bare(address: &str) -> &str {
    match address.rsplit_once('<') {
        Some((_, rest)) => rest.trim_end().trim_end_matches('>'),
        None => address.trim(),
    }
}

/// What raw MIME holds, for the e-mail that it is; nothing when it is no message at all.
pub(crate) fn read(mime: &[u8], email: &mut Email) -> Option<()> {
    let message = MessageParser::default().parse(mime).filter(|message| !message.headers().is_empty())?;
    email.subject = message.subject().unwrap_or_default().to_owned();
    for (name, value) in message.headers_raw() {
        let value: Vec<&str> = value.split_ascii_whitespace().collect();
        email.headers.insert(name.to_owned(), json!(value.join(" ")));
    }
    email.from = message.from().and_then(|from| addresses(from, true).into_iter().next());
    if email.to.is_empty() {
        email.to = message.to().map(|to| addresses(to, false)).unwrap_or_default().join(", ");
    }
    let mut text = None;
    for part in &message.parts {
        let is_file = part.content_disposition().is_some_and(|it| it.ctype().eq_ignore_ascii_case("attachment"));
        match &part.body {
            PartType::Multipart(_) => {}
            PartType::Html(html) if !is_file && email.html.is_none() => email.html = Some(html.to_string()),
            PartType::Text(plain) if !is_file && is_plain(part) && text.is_none() => text = Some(plain.to_string()),
            _ => email.attachments.push(attachment(part)),
        }
    }
    email.text = text.unwrap_or_default();
    Some(())
}

fn addresses(address: &Address<'_>, with_names: bool) -> Vec<String> {
    let name = |name: Option<&str>, address: &str| if with_names { named(name, address) } else { address.to_owned() };
    address.iter().filter_map(|one| Some(name(one.name(), one.address()?))).collect()
}

fn is_plain(part: &MessagePart<'_>) -> bool {
    part.content_type().is_none_or(|it| it.subtype().is_none_or(|subtype| subtype.eq_ignore_ascii_case("plain")))
}

fn attachment(part: &MessagePart<'_>) -> Attachment {
    let content_type = part.content_type().map_or_else(String::new, |it| {
        let attributes = it.attributes().into_iter().flatten().map(|one| format!("; {}={}", one.name, one.value));
        format!("{}/{}{}", it.ctype(), it.subtype().unwrap_or("*"), attributes.collect::<String>())
    });
    let nameless = if content_type.starts_with("text/calendar") { "calendar entry" } else { "(no name)" };
    Attachment::new(part.attachment_name().unwrap_or(nameless), &content_type, part.contents())
}

/// The recipients, and what they are told in the header of a raw message where the call names none.
pub(crate) fn recipients(mime: &[u8]) -> Vec<String> {
    let message = MessageParser::default().parse(mime);
    let to = message.as_ref().and_then(Message::to);
    to.map(|to| addresses(to, false)).unwrap_or_default()
}

/// Lets an e-mail go its way to each of its recipients, step by step, each after `receipts_after_ms`, and the program is
/// told of every step.
pub(crate) fn follow(world: &World, email: &Email) {
    let generation = world.state().generation;
    for address in email.to.split(", ").map(str::to_owned) {
        let (world, id) = (world.clone(), email.message_id.clone());
        tokio::spawn(async move {
            for fate in Fate::ahead(&address) {
                let pause = world.state().settings.receipts_after_ms;
                tokio::time::sleep(Duration::from_millis(pause)).await;
                let receipt = {
                    let mut state = world.state();
                    if state.generation != generation {
                        return;
                    }
                    let Some(email) = state.advance_email(&id, *fate) else { return };
                    match email.provider {
                        Carrier::Vai => None,
                        Carrier::Brevo => brevo::receipt(&email, &address, *fate, &state.settings),
                        Carrier::Ses => {
                            let event = ses::event(&email, &address, *fate);
                            state.ses_events.extend(event.clone());
                            event.and_then(|event| ses::receipt(&email, &event, &state.settings))
                        }
                    }
                };
                if let Some(receipt) = receipt {
                    receipts::tell(&world, receipt).await;
                }
            }
        });
    }
}

impl world::State {
    fn advance_email(&mut self, id: &str, fate: Fate) -> Option<Email> {
        let email = self.emails.iter_mut().find(|email| email.message_id == id)?;
        email.delivery = fate;
        Some(email.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_mime_is_read_as_a_mail_program_reads_it() {
        let mime = concat!(
            "From: =?utf-8?Q?Maria_T=C4=83nase?= <maria@example.com>\r\nTo: Ana <ana@example.com>\r\n",
            "Subject: =?utf-8?B?w45udMOibG5pcmU=?=\r\nList-Unsubscribe:\r\n <https://example.com/u>\r\n",
            "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n",
            "--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n",
            "--a\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nBun=C4=83\r\n",
            "--a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Bună</p>\r\n",
            "--a\r\nContent-Type: text/calendar; method=REQUEST; charset=UTF-8\r\n\r\nBEGIN:VCALENDAR\r\n",
            "--a--\r\n--m\r\nContent-Type: application/ics; name=\"invite.ics\"\r\n",
            "Content-Disposition: attachment; filename=\"invite.ics\"\r\nContent-Transfer-Encoding: base64\r\n\r\n",
            "QkVHSU46VkNBTEVOREFS\r\n--m--\r\n",
        );
        let mut email = Email::new(Carrier::Ses, "1".to_owned(), &[]);
        read(mime.as_bytes(), &mut email).expect("a message");
        assert_eq!(email.from.as_deref(), Some("Maria Tănase <maria@example.com>"));
        assert_eq!((email.to.as_str(), email.subject.as_str()), ("ana@example.com", "Întâlnire"));
        assert_eq!((email.text.trim(), email.html.as_deref().map(str::trim)), ("Bună", Some("<p>Bună</p>")));
        assert_eq!(email.headers["List-Unsubscribe"], "<https://example.com/u>");
        let seen: Vec<_> = email.attachments.iter().map(|it| (&*it.name, &*it.content_type, it.text.trim())).collect();
        assert_eq!(
            seen,
            [
                ("calendar entry", "text/calendar; method=REQUEST; charset=UTF-8", "BEGIN:VCALENDAR"),
                ("invite.ics", "application/ics; name=invite.ics", "BEGIN:VCALENDAR"),
            ]
        );
    }

    #[test]
    fn addresses_decide_about_their_mail() {
        assert_eq!(Fate::ahead("bounce+7@example.com"), [Fate::Sent, Fate::Bounced]);
        assert_eq!(Fate::ahead("bouncer@example.com"), [Fate::Sent, Fate::Delivered]);
        assert_eq!(bare("VAI <hello@example.com>"), "hello@example.com");
    }
}
