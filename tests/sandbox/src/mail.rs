//! E-mails, and how they are read from raw MIME.

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use mail_parser::{Address, Message, MessageParser, MessagePart, MimeHeaders, PartType};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The providers of e-mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Carrier {
    Vai,
    Brevo,
    Ses,
}

/// The delivery state of an e-mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EmailDelivery {
    Accepted,
    Sent,
    Delivered,
    /// The mailbox does not exist.
    Bounced,
    /// The mailbox is full.
    SoftBounced,
    /// The provider did not try, because the address is on its suppression list.
    Suppressed,
    /// It was delivered, and the person marked it as spam.
    Complained,
    /// It was delivered, and the person unsubscribed.
    Unsubscribed,
}

/// An e-mail that a provider accepted, as the mail program shows it.
#[derive(Clone, Serialize)]
pub(crate) struct Email {
    pub(crate) provider: Carrier,
    pub(crate) message_id: String,
    /// As in `VAI <hello@example.com>`; null where the provider doesn't let the caller choose.
    pub(crate) from: Option<String>,
    /// The addresses, separated by commas.
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: Option<String>,
    pub(crate) headers: Map<String, Value>,
    pub(crate) attachments: Vec<Attachment>,
    /// What the provider returns in its events: names and values, or names alone.
    pub(crate) tags: Value,
    pub(crate) delivery: EmailDelivery,
    /// VAI's template and its data.
    pub(crate) template: Option<String>,
    pub(crate) data: Value,
    pub(crate) at: Timestamp,
}

impl Email {
    /// Returns an e-mail without content.
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
            delivery: EmailDelivery::Accepted,
            template: None,
            data: Value::Null,
            at: Timestamp::now(),
        }
    }
}

/// An attached file, or another form of the content, such as a calendar entry.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub(crate) struct Attachment {
    pub(crate) name: String,
    pub(crate) content_type: String,
    /// The content, or its size if it isn't text.
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

    /// Decodes content in base64, with or without line breaks.
    pub(crate) fn decode(name: &str, content_type: &str, base64: &str) -> Option<Self> {
        let packed: String = base64.split_ascii_whitespace().collect();
        BASE64_STANDARD.decode(packed).ok().map(|content| Self::new(name, content_type, &content))
    }
}

/// Returns `Name <address>`, or the address alone.
pub(crate) fn named(name: Option<&str>, address: &str) -> String {
    match name {
        Some(name) if !name.is_empty() => format!("{name} <{address}>"),
        _ => address.to_owned(),
    }
}

/// Returns the address in `Name <address>`.
pub(crate) fn bare(address: &str) -> &str {
    match address.rsplit_once('<') {
        Some((_, rest)) => rest.trim_end().trim_end_matches('>'),
        None => address.trim(),
    }
}

/// Reads raw MIME into an e-mail. Returns nothing if it is not a message.
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

/// Returns the recipients in the header of a raw message.
pub(crate) fn recipients(mime: &[u8]) -> Vec<String> {
    let message = MessageParser::default().parse(mime);
    let to = message.as_ref().and_then(Message::to);
    to.map(|to| addresses(to, false)).unwrap_or_default()
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
}
