//! The calendar file of a confirmation, move or cancellation, by RFC 5545 (format) and RFC 5546 (methods).
//!
//! The UID is made of the booking's id, which survives moves, so the file of a move replaces the first. Calendly sends
//! its own invitation; the settings decide whether we send one too.
//!
//! The crate `icalendar` escapes texts and folds lines. It escapes neither names nor links, and of the line breaks only
//! `\n`. So every value that people write is put into one line here.

use domain::settings::CalendarFile;
use domain::{Calendar, EmailOrder, Language};
use icalendar::{Component, Event, EventLike, Property};
use jiff::Timestamp;

use crate::header_text::{is_address, one_line};

/// Returns the method of the file. Mail programs remove a meeting only for `CANCEL`. An invitation needs an organizer.
pub(crate) fn method(calendar: &Calendar) -> &'static str {
    match calendar.kind {
        _ if calendar.is_canceled => "CANCEL",
        CalendarFile::Request if organizer(calendar).is_some() => "REQUEST",
        CalendarFile::Request | CalendarFile::Publish | CalendarFile::Off => "PUBLISH",
    }
}

/// Builds the file. `None` when the order has none.
pub fn build_file(order: &EmailOrder) -> Option<String> {
    let calendar = order.calendar.as_ref().filter(|it| it.kind != CalendarFile::Off)?;
    let content = &order.content;
    let method = method(calendar);
    let mut event = Event::new();
    event
        .uid(&format!("{}@vai-calendly", order.booking))
        .sequence(calendar.sequence)
        .add_property("DTSTAMP", utc(calendar.at))
        .add_property("DTSTART", utc(content.start))
        .add_property("DTEND", utc(content.end))
        .add_property("STATUS", if calendar.is_canceled { "CANCELLED" } else { "CONFIRMED" })
        .summary(&one_line(&content.event));
    let link = content.join_url.as_deref().map(one_line).filter(|it| is_link(it));
    if let Some(location) = content.location.as_ref().map(|it| one_line(it.expose())).or_else(|| link.clone()) {
        event.location(&location);
    }
    if let Some(link) = &link {
        event.url(link);
    }
    if !calendar.is_canceled {
        let [join, change, cancel] = labels(content.language);
        let [reschedule_url, cancel_url] = [&content.reschedule_url, &content.cancel_url].map(|it| it.as_deref());
        let lines = [(join, link.as_deref()), (change, reschedule_url), (cancel, cancel_url)];
        let lines = lines.into_iter().filter_map(|(label, link)| Some(format!("{label}: {}", one_line(link?))));
        let description = lines.collect::<Vec<_>>().join("\n");
        if !description.is_empty() {
            event.description(&description);
        }
    }
    if let Some(address) = organizer(calendar) {
        event.append_property(person("ORGANIZER", address, content.host.as_deref()));
    }
    // A published event has no attendees.
    if method != "PUBLISH" && is_address(order.to.expose()) {
        let mut attendee = person("ATTENDEE", order.to.expose(), content.invitee.as_name().as_deref());
        if method == "REQUEST" {
            attendee.add_parameter("ROLE", "REQ-PARTICIPANT").add_parameter("PARTSTAT", "NEEDS-ACTION");
            attendee.add_parameter("RSVP", "TRUE");
        }
        event.append_multi_property(attendee);
    }
    let mut file = icalendar::Calendar::empty();
    file.append_property(("VERSION", "2.0"))
        .append_property(("PRODID", "-//VAI//vai-calendly//EN"))
        .append_property(("CALSCALE", "GREGORIAN"))
        .append_property(("METHOD", method))
        .push(event.done());
    Some(file.to_string())
}

/// Returns the organizer's address, if it is valid.
fn organizer(calendar: &Calendar) -> Option<&str> {
    calendar.organizer.as_ref().map(|it| it.expose().as_str()).filter(|it| is_address(it))
}

/// Builds the property of a person. The crate quotes a name where needed, but escapes nothing in it; the escapes are
/// those of RFC 6868.
fn person(property: &str, address: &str, name: Option<&str>) -> Property {
    let mut person = Property::new(property, format!("mailto:{address}"));
    let name = name.map(|it| one_line(it).replace('^', "^^").replace('"', "^'")).filter(|it| !it.is_empty());
    if let Some(name) = name {
        person.add_parameter("CN", &name);
    }
    person
}

/// Whether a URL can be written as it is: the crate does not escape it.
fn is_link(text: &str) -> bool {
    (text.starts_with("https://") || text.starts_with("http://")) && !text.contains(char::is_whitespace)
}

/// Formats an instant, such as `20260329T121500Z`. In UTC the file needs no zone definition.
fn utc(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Returns the labels of the links to join, to move and to cancel.
fn labels(language: Language) -> [&'static str; 3] {
    match language {
        Language::English => ["Join", "Change time", "Cancel"],
        Language::Romanian => ["Link", "Mutare", "Anulare"],
        Language::Danish => ["Deltag", "Skift tid", "Meld afbud"],
        Language::TraditionalChinese => ["加入會議", "更改時間", "取消預約"],
    }
}

#[cfg(test)]
mod tests {
    use domain::Message;
    use domain::settings::Provider;
    use insta::assert_snapshot;

    use super::*;
    use crate::fixtures;

    fn order(kind: CalendarFile) -> EmailOrder {
        EmailOrder {
            calendar: Some(fixtures::calendar(kind)),
            ..fixtures::own_mail(Provider::Ses, Message::Confirmation)
        }
    }

    fn text(order: &EmailOrder) -> String {
        let text = build_file(order).expect("a file");
        assert!(text.ends_with("END:VCALENDAR\r\n"), "{text}");
        for line in text.trim_end_matches("\r\n").split("\r\n") {
            assert!(line.len() <= 75, "{} octets: {line}", line.len());
            assert!(!line.contains(['\r', '\n']), "{line:?}");
        }
        text
    }

    /// Parses the file as a mail program would.
    fn read(text: &str) -> Event {
        let calendar: icalendar::Calendar = text.parse().expect("a calendar");
        assert_eq!(calendar.events().count(), 1, "{text}");
        calendar.events().next().expect("an event").clone()
    }

    #[test]
    fn a_request() {
        assert_snapshot!(text(&order(CalendarFile::Request)).replace("\r\n", "\n"), @r#"
        BEGIN:VCALENDAR
        VERSION:2.0
        PRODID:-//VAI//vai-calendly//EN
        CALSCALE:GREGORIAN
        METHOD:REQUEST
        BEGIN:VEVENT
        DESCRIPTION:Link: https://zoom.example/j/1\nMutare: https://calendly.com/re
         schedulings/IN2\nAnulare: https://calendly.com/cancellations/IN2
        DTEND:20260329T124500Z
        DTSTAMP:20260327T090000Z
        DTSTART:20260329T121500Z
        LOCATION:https://zoom.example/j/1
        ORGANIZER;CN=Maria:mailto:maria@vai.example
        SEQUENCE:1
        STATUS:CONFIRMED
        SUMMARY:Demonstrație
        UID:bk-0123@vai-calendly
        URL:https://zoom.example/j/1
        ATTENDEE;CN=Ana Pop;PARTSTAT=NEEDS-ACTION;ROLE=REQ-PARTICIPANT;RSVP=TRUE:ma
         ilto:ana@example.com
        END:VEVENT
        END:VCALENDAR
        "#);
    }

    #[test]
    fn a_published_event_has_no_attendee() {
        let text = text(&order(CalendarFile::Publish));
        assert!(text.contains("METHOD:PUBLISH\r\n") && text.contains("ORGANIZER"), "{text}");
        assert!(!text.contains("ATTENDEE"), "{text}");
    }

    #[test]
    fn a_cancellation_has_the_uid_and_a_higher_sequence() {
        for kind in [CalendarFile::Request, CalendarFile::Publish] {
            let mut order = order(kind);
            order.calendar = order.calendar.map(|it| Calendar { is_canceled: true, sequence: 3, ..it });
            let text = text(&order);
            assert!(text.contains("METHOD:CANCEL\r\n") && text.contains("STATUS:CANCELLED\r\n"), "{text}");
            assert!(text.contains("SEQUENCE:3\r\n") && text.contains("UID:bk-0123@vai-calendly\r\n"), "{text}");
            assert!(text.contains("ATTENDEE") && !text.contains("RSVP") && !text.contains("DESCRIPTION"), "{text}");
        }
    }

    #[test]
    fn without_an_organizer_the_event_is_published() {
        for organizer in [None, Some("maria".into()), Some("maria@example.com\r\nX:y".into())] {
            let mut order = order(CalendarFile::Request);
            order.calendar = order.calendar.map(|it| Calendar { organizer, ..it });
            let text = text(&order);
            assert!(text.contains("METHOD:PUBLISH\r\n") && !text.contains("ORGANIZER"), "{text}");
        }
    }

    #[test]
    fn without_a_calendar_setting_there_is_no_file() {
        assert_eq!(build_file(&order(CalendarFile::Off)), None);
        assert_eq!(build_file(&fixtures::own_mail(Provider::Ses, Message::Confirmation)), None);
    }

    #[test]
    fn lines_are_folded_between_letters() {
        for (event, location) in [
            ("產品示範與導入說明會".repeat(12), "台北市信義區市府路45號 ".repeat(9)),
            ("Ținută și mâncăruri ".repeat(11), "ø".repeat(300)),
            ("😀".repeat(90), "a".repeat(74 - "LOCATION:".len())),
            ("a 會".repeat(60), format!("{}會", "a".repeat(64))),
        ] {
            let mut order = order(CalendarFile::Request);
            order.content.event.clone_from(&event);
            order.content.location = Some(location.as_str().into());
            let event_read = read(&text(&order));
            assert_eq!(event_read.get_summary(), Some(event.trim()));
            assert_eq!(event_read.get_location(), Some(location.trim()));
        }
    }

    #[test]
    fn values_can_not_add_lines() {
        let mut order = order(CalendarFile::Request);
        let malicious = "a\\b;c,d:e\"f\"\r\nATTENDEE:mailto:eve@example.com\r\nEND:VEVENT\n\u{2028}g";
        let one_line = "a\\b;c,d:e\"f\" ATTENDEE:mailto:eve@example.com END:VEVENT g";
        order.content.event = malicious.to_owned();
        order.content.location = Some(malicious.into());
        order.content.invitee = malicious.into();
        order.content.host = Some(malicious.to_owned());
        order.content.cancel_url = Some("https://c.example/\r\nX:y".to_owned());
        order.content.join_url = Some("https://z.example/\r\nX:y".to_owned());
        let text = text(&order);
        assert!(!text.contains("\r\nX:") && text.matches("END:VEVENT\r\n").count() == 1, "{text}");
        let event = read(&text);
        assert_eq!(event.get_summary(), Some(one_line));
        assert_eq!(event.get_location(), Some(one_line));
        assert_eq!(event.get_url(), None, "a link with a space in it is none");
        let attendees = event.get_attendees();
        assert_eq!(attendees.len(), 1, "{text}");
        let unfolded = text.replace("\r\n ", "");
        assert!(unfolded.contains(&format!("CN=\"{}\"", one_line.replace('"', "^'"))), "{text}");
    }

    #[test]
    fn a_name_is_escaped() {
        let mut order = order(CalendarFile::Request);
        order.content.host = Some("Maria \"Mia\" ^Pop".to_owned());
        let unfolded = text(&order).replace("\r\n ", "");
        assert!(
            unfolded.contains("CN=\"Maria ^'Mia^' ^^Pop\"") || unfolded.contains("CN=Maria ^'Mia^' ^^Pop"),
            "{unfolded}"
        );
    }
}
