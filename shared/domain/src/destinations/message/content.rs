//! The content of a message.

use super::order::{MessageContent, Withheld};
use crate::booking::Booking;
use crate::destinations::base::Context;
use crate::email_address::is_same_email;
use crate::language::Language;
use crate::leg::{CanceledBy, EventHost, Leg};
use crate::message::{Message, Notice};
use crate::settings::{HostContact, Settings};

/// Composes the content of a message to the invitee.
pub(crate) fn compose_content(context: &Context<'_>, message: Message) -> MessageContent {
    let Context { booking, leg, settings, .. } = context;
    let details = &leg.details;
    let language = context.language();
    let survey = settings.survey_of(leg).filter(|_| matches!(message, Message::FollowUp { .. }));
    let offers_link = match message {
        Message::FollowUp { .. } => survey.is_none(),
        Message::Cancellation | Message::NoShow | Message::NotBooked => true,
        _ => false,
    };
    let (location, invitee_place) = booking.places_of(leg);
    let host_in_person = details.in_person.then(|| details.hosts.first()).flatten();
    let first_host_zone = details.hosts.first().and_then(|host| settings.host(host.address()?)?.zone.clone());
    let host_zone = first_host_zone.clone().filter(|_| details.in_person);
    MessageContent {
        // In Chinese, only friends use the given name alone.
        name: details
            .first_name
            .clone()
            .filter(|_| language != Language::TraditionalChinese)
            .unwrap_or_else(|| details.name.clone()),
        invitee: details.name.clone(),
        event: details.event_name.clone(),
        start: details.start,
        end: details.end,
        old_start: booking.before(leg).map(|old| old.details.start),
        minutes_ahead: minutes_ahead(context, message),
        zone_of: host_in_person.filter(|_| host_zone.is_none()).and_then(|host| host.user.clone()),
        zone: host_zone.unwrap_or_else(|| settings.zone_of(leg)),
        host_zone: first_host_zone,
        language,
        join_url: details.join_url.clone(),
        location,
        invitee_place,
        link_follows: details.online && details.join_url.is_none(),
        by_phone: details.by_phone,
        cancel_url: details.cancel_url.clone(),
        reschedule_url: details.reschedule_url.clone(),
        survey_url: survey.map(str::to_owned),
        booking_url: None,
        opt_out: None,
        link_for: details.event_type.clone().filter(|_| offers_link && settings.booking_links),
        by_invitee: is_by_invitee(booking, leg),
        notice: None,
        host: host_names(leg, language),
        withheld: Withheld::Nothing,
        can_reply: true,
        brand: None,
        wording: settings.wording_of(context.occasion(message), language),
    }
}

/// A message that is late or early by less than this is at its hour, in minutes.
const PUNCTUAL: u32 = 10;

/// Returns how long before the start a reminder is sent: the planned minutes, or those that are left if it goes out at
/// another time.
fn minutes_ahead(context: &Context<'_>, message: Message) -> Option<u32> {
    let (Message::Reminder { minutes_before } | Message::Reconfirmation { minutes_before }) = message else {
        return None;
    };
    let left = context.leg.details.start.duration_since(context.now).as_mins().max(0);
    let left = u32::try_from(left).unwrap_or(u32::MAX);
    Some(if left.abs_diff(minutes_before) <= PUNCTUAL { minutes_before } else { left })
}

/// The most hosts that are named. Of more, none is: a message with some of them would be wrong.
const MOST_NAMED_HOSTS: usize = 3;

/// Returns the names of all hosts, or none.
fn host_names(leg: &Leg, language: Language) -> Option<String> {
    let details = &leg.details;
    if details.hosts.len() < 2 {
        return details.host.clone();
    }
    let names: Option<Vec<_>> = details.hosts.iter().map(|host| host.name.as_deref()).collect();
    names.filter(|names| names.len() <= MOST_NAMED_HOSTS).map(|names| language.join_names(&names))
}

/// Composes the content of a notice to a host, in the host's own language and time zone.
pub(crate) fn compose_host_content(
    context: &Context<'_>,
    notice: Notice,
    host: Option<&EventHost>,
    contact: &HostContact,
) -> MessageContent {
    let settings = context.settings;
    let message = Message::HostNotice(notice);
    let language = contact.language.unwrap_or(settings.default_language);
    MessageContent {
        name: host.and_then(|it| it.name.clone()).unwrap_or_default().into(),
        language,
        zone: contact.zone.clone().unwrap_or_else(|| settings.fallback_zone.clone()),
        zone_of: host.filter(|_| contact.zone.is_none()).and_then(|it| it.user.clone()),
        host_zone: None,
        cancel_url: None,
        reschedule_url: None,
        notice: Some(notice),
        wording: settings.wording_of(context.occasion(message), language),
        ..compose_content(context, message)
    }
}

/// Returns the host of a notice, and the contact. The empty address is the phone number for all hosts.
pub(crate) fn find_host<'a>(leg: &'a Leg, address: &str, settings: &Settings) -> (Option<&'a EventHost>, HostContact) {
    let hosts = &leg.details.hosts;
    if address.is_empty() {
        let contact = HostContact { phone: settings.host_phone.clone(), ..HostContact::default() };
        return (hosts.first(), contact);
    }
    let host = hosts.iter().find(|it| it.address().is_some_and(|own| is_same_email(own, address)));
    (host, settings.host(address).cloned().unwrap_or_default())
}

/// Returns whether the invitee canceled the meeting or moved it to this leg. VAI's agent acts for the invitee, although
/// Calendly attributes its calls to the host.
fn is_by_invitee(booking: &Booking, leg: &Leg) -> bool {
    let given_up = if leg.canceled.is_some() { Some(leg) } else { booking.before(leg) };
    given_up.is_some_and(|leg| {
        booking.cancel_requests().contains_key(&leg.invitee)
            || booking.replacing(leg).is_some()
            || leg.canceled.as_ref().is_some_and(|end| end.by == CanceledBy::Invitee)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::InviteeUri;

    #[test]
    fn all_hosts_are_named_or_none() {
        let host = |name: Option<&str>, email: Option<&str>| EventHost {
            user: None,
            name: name.map(str::to_owned),
            email: email.map(Into::into),
        };
        let named = |hosts: &[EventHost]| {
            let start = "2026-11-25T08:30:00Z".parse().expect("an instant");
            let mut leg = Leg::bare(InviteeUri::new("i-1"), "Demo", start, start);
            leg.details.host = hosts.first().and_then(|it| it.name.clone());
            leg.details.hosts = hosts.to_vec();
            host_names(&leg, Language::English)
        };
        let maria = || host(Some("Maria Popescu"), Some("maria@example.com"));
        assert_eq!(named(&[maria()]).as_deref(), Some("Maria Popescu"));
        assert_eq!(named(&[host(Some("Ion"), None)]).as_deref(), Some("Ion"));
        // Calendly did not name the other one's address.
        assert_eq!(named(&[maria(), host(Some("Ion"), None)]).as_deref(), Some("Maria Popescu and Ion"));
        assert_eq!(named(&[maria(), host(None, None)]), None);
        assert_eq!(named(&[maria(), host(None, Some("ion@example.com"))]), None);
        assert_eq!(named(&[maria(), maria(), maria(), maria()]), None);
        assert_eq!(named(&[]), None);
    }
}
