//! An e-mail as bytes, by RFC 5322, 2045 to 2047, 6047 (calendar) and 8058 (one-click unsubscribe).
//!
//! It has no `Date` and no `Message-ID`, since Amazon SES overwrites both
//! (docs.aws.amazon.com/ses/latest/dg/header-fields.html). So the bytes depend on the order only.

use domain::digest;
use mail_builder::headers::Header;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::headers::url::URL;
use mail_builder::mime::{BodyPart, MimePart};

use crate::envelope::{Envelope, Mailbox};

/// Builds the whole message.
pub(crate) fn build_message(envelope: &Envelope) -> Vec<u8> {
    let mut bytes = Vec::new();
    header(&mut bytes, "From", &address(&envelope.from));
    header(&mut bytes, "To", &address(&envelope.to));
    if let Some(reply_to) = &envelope.reply_to {
        header(&mut bytes, "Reply-To", &address(reply_to));
    }
    header(&mut bytes, "Subject", &Text::new(envelope.rendered.subject.as_str()));
    if let Some(link) = &envelope.unsubscribe {
        header(&mut bytes, "List-Unsubscribe", &URL::new(link.as_str()));
        header(&mut bytes, "List-Unsubscribe-Post", &Raw::new("List-Unsubscribe=One-Click"));
    }
    // Asks autoresponders not to answer (RFC 3834).
    header(&mut bytes, "Auto-Submitted", &Raw::new("auto-generated"));
    header(&mut bytes, "MIME-Version", &Raw::new("1.0"));
    body(envelope).write_part(&mut bytes);
    bytes
}

fn header(bytes: &mut Vec<u8>, name: &str, value: &impl Header) {
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(b": ");
    value.write_header(bytes, name.len() + 2);
}

fn address(mailbox: &Mailbox) -> Address<'_> {
    Address::new_address(mailbox.name.as_deref(), mailbox.email.as_str())
}

/// Builds the body. The calendar file is in it twice: mail programs show buttons for the alternative, and every reader
/// can open the attachment.
fn body(envelope: &Envelope) -> MimePart<'_> {
    let rendered = &envelope.rendered;
    let mut alternatives =
        vec![MimePart::new("text/plain", rendered.text.as_str()), MimePart::new("text/html", rendered.html.as_str())];
    let Some((method, calendar)) = &envelope.calendar else {
        return multipart("multipart/alternative", envelope, alternatives);
    };
    let kind = ContentType::new("text/calendar").attribute("method", *method).attribute("charset", "UTF-8");
    alternatives.push(MimePart::new(kind, calendar.as_str()));
    let attachment = MimePart::new("application/ics", BodyPart::Binary(calendar.as_bytes().into()));
    let parts = vec![multipart("multipart/alternative", envelope, alternatives), attachment.attachment("invite.ics")];
    multipart("multipart/mixed", envelope, parts)
}

/// Builds a multipart body. The boundary is a hash of the parts, so no part can contain it.
fn multipart<'a>(kind: &'static str, envelope: &Envelope, parts: Vec<MimePart<'a>>) -> MimePart<'a> {
    let rendered = &envelope.rendered;
    let calendar = envelope.calendar.as_ref().map_or("", |(_, text)| text);
    let boundary = digest(&["boundary", kind, &rendered.text, &rendered.html, calendar]);
    MimePart::new(ContentType::new(kind).attribute("boundary", format!("=_{boundary}")), parts)
}

#[cfg(test)]
mod tests {
    use domain::settings::{CalendarFile, Provider};
    use domain::{EmailOrder, Message};
    use insta::assert_snapshot;

    use super::*;
    use crate::fixtures;
    use crate::wording::Rendered;

    fn envelope(order: &EmailOrder) -> Envelope {
        let envelope = Envelope::new(&fixtures::connection("default"), order, &fixtures::links());
        envelope.unwrap_or_else(|outcome| panic!("{outcome:?}"))
    }

    fn text(order: &EmailOrder) -> String {
        read(&envelope(order))
    }

    fn read(envelope: &Envelope) -> String {
        let text = String::from_utf8(build_message(envelope)).expect("ASCII");
        assert!(text.is_ascii(), "{text}");
        for line in text.split("\r\n") {
            assert!(line.len() <= 998 && !line.contains(['\r', '\n']), "{line:?}");
        }
        text
    }

    fn head(text: &str) -> Vec<String> {
        let head = text.split_once("\r\n\r\n").expect("a head").0.replace("\r\n ", " ").replace("\r\n\t", " ");
        head.split("\r\n").map(str::to_owned).collect()
    }

    /// Returns the media types, in their order.
    fn kinds(text: &str) -> Vec<&str> {
        text.lines().filter_map(|it| it.strip_prefix("Content-Type: ")?.split(';').next()).collect()
    }

    #[test]
    fn names_and_subjects_are_encoded_in_ascii() {
        let mut envelope = envelope(&fixtures::own_mail(Provider::Ses, Message::Confirmation));
        envelope.rendered = Rendered {
            subject: "預約確認：產品示範".to_owned(),
            text: "Salut, ne vedem duminică.\n".to_owned(),
            html: "<p>Salut, ne vedem duminică.</p>\n".to_owned(),
        };
        let text = read(&envelope);
        assert_eq!(kinds(&text), ["multipart/alternative", "text/plain", "text/html"]);
        assert_snapshot!(text.replace("\r\n", "\n"), @r#"
        From: =?utf-8?B?VkFJIMOubnTDomxuaXJp?= <meetings@vai.example>
        To: "Ana Pop" <ana@example.com>
        Reply-To: <maria@vai.example>
        Subject: =?utf-8?B?6aCQ57SE56K66KqN77ya55Si5ZOB56S656+E?=
        Auto-Submitted: auto-generated
        MIME-Version: 1.0
        Content-Type: multipart/alternative;
         boundary="=_06701af62c303dbac43e493a9f79e926"

        --=_06701af62c303dbac43e493a9f79e926
        Content-Type: text/plain; charset="utf-8"
        Content-Transfer-Encoding: quoted-printable

        Salut, ne vedem duminic=C4=83.

        --=_06701af62c303dbac43e493a9f79e926
        Content-Type: text/html; charset="utf-8"
        Content-Transfer-Encoding: quoted-printable

        <p>Salut, ne vedem duminic=C4=83.</p>

        --=_06701af62c303dbac43e493a9f79e926--
        "#);
    }

    #[test]
    fn a_calendar_file_is_an_alternative_and_an_attachment() {
        for (kind, canceled, method) in [
            (CalendarFile::Request, false, "REQUEST"),
            (CalendarFile::Publish, false, "PUBLISH"),
            (CalendarFile::Request, true, "CANCEL"),
        ] {
            let mut order = fixtures::own_mail(Provider::Ses, Message::Confirmation);
            order.calendar = Some(domain::Calendar { is_canceled: canceled, ..fixtures::calendar(kind) });
            let text = text(&order);
            assert_eq!(
                kinds(&text),
                [
                    "multipart/mixed",
                    "multipart/alternative",
                    "text/plain",
                    "text/html",
                    "text/calendar",
                    "application/ics"
                ]
            );
            let unfolded = text.replace("\r\n ", " ");
            let kind = format!("Content-Type: text/calendar; method=\"{method}\"; charset=\"UTF-8\"");
            assert!(unfolded.contains(&kind), "{text}");
            assert!(unfolded.contains("Content-Disposition: attachment; filename=\"invite.ics\""), "{text}");
        }
    }

    #[test]
    fn only_follow_ups_have_unsubscribe_headers() {
        for message in Message::SAMPLES {
            let head = head(&text(&fixtures::own_mail(Provider::Ses, message)));
            let has = |line: &str| head.iter().any(|it| it == line);
            let link = fixtures::UNSUBSCRIBE;
            assert_eq!(has(&format!("List-Unsubscribe: <{link}>")), message.is_follow_up(), "{head:?}");
            assert_eq!(has("List-Unsubscribe-Post: List-Unsubscribe=One-Click"), message.is_follow_up(), "{head:?}");
            assert!(has("Auto-Submitted: auto-generated"), "{head:?}");
        }
    }

    #[test]
    fn no_value_becomes_a_header() {
        let mut order = fixtures::own_mail(Provider::Ses, Message::NoShow);
        let malicious = "Ana\r\nBcc: eve@example.com\r\n\r\n--=_x\r\nContent-Type: text/html\r\n\r\n<b>\u{2028}";
        order.content.invitee = malicious.into();
        order.content.name = malicious.into();
        order.content.event = malicious.to_owned();
        order.from_name = Some(malicious.to_owned());
        order.reply_to = Some("maria@vai.example\r\nX: y".to_owned());
        let text = text(&order);
        let names: Vec<_> = head(&text).iter().map(|it| it.split(':').next().unwrap_or_default().to_owned()).collect();
        assert_eq!(
            names,
            [
                "From",
                "To",
                "Reply-To",
                "Subject",
                "List-Unsubscribe",
                "List-Unsubscribe-Post",
                "Auto-Submitted",
                "MIME-Version",
                "Content-Type"
            ]
        );
    }

    #[test]
    fn equal_orders_give_equal_bytes() {
        let order = EmailOrder {
            calendar: Some(fixtures::calendar(CalendarFile::Request)),
            ..fixtures::own_mail(Provider::Ses, Message::Confirmation)
        };
        assert_eq!(build_message(&envelope(&order)), build_message(&envelope(&order)));
    }
}
