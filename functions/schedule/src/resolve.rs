//! Resolves the words of a request: event type, host, time zone, instant, invitee.

use std::sync::Arc;

use api::refusal::Candidate;
use api::request::BookRequest;
use api::{Refusal, When, Why};
use domain::scheduling::catalog::NoMatch;
use domain::scheduling::{Catalog, EventType, Host, Person, form};
use domain::{Booking, Language, Phone, Private, Reason, ZoneSource, zone_of_phone};
use engine::{CalendlyAccount, KnownInvitee};
use front::{Context, invalid};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::schedule::{Ports, Schedule};

/// The words that select an event type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words<'a> {
    /// Its name, slug or URI.
    pub(crate) event_type: Option<&'a str>,
    /// What the invitee wants to talk about.
    pub(crate) topic: Option<&'a str>,
    /// The host.
    pub(crate) host: Option<&'a str>,
}

impl<'a> Words<'a> {
    pub(crate) fn from_request(request: &'a BookRequest) -> Self {
        Self {
            event_type: request.event_type.as_deref(),
            topic: request.topic.as_deref(),
            host: exposed(&request.host),
        }
    }
}

/// Returns a private text, for a look-up.
pub(crate) fn exposed(text: &Option<Private<String>>) -> Option<&str> {
    text.as_ref().map(|it| it.expose().as_str())
}

/// Finds an event type by its name if given, else by the topics of the settings.
pub(crate) fn event_type<'a>(
    catalog: &'a Catalog,
    words: Words<'_>,
    context: &Context,
) -> Result<&'a EventType, Refusal> {
    let locale = &context.locale;
    let host = match words.host {
        Some(name) => Some(host(catalog, name, context)?),
        None => None,
    };
    let found = match (words.event_type, words.topic) {
        (Some(name), _) => catalog.find(name, host),
        (None, Some(topic)) => catalog.find_by_topic(&context.settings.topics, topic, host),
        (None, None) => return Err(invalid("eventType", "or topic is needed")),
    };
    found.map_err(|no_match| match no_match {
        NoMatch::Ambiguous { candidates } => {
            let candidates = candidates.into_iter().map(|it| Candidate {
                name: it.name.clone(),
                uri: it.uri.to_string(),
                hosts: it.hosts.iter().map(|host| host.name.clone()).collect(),
            });
            locale.refuse(Why::TopicAmbiguous { candidates: candidates.collect() })
        }
        NoMatch::Unknown { near } if words.event_type.is_some() => locale.refuse(Why::EventTypeUnknown { near }),
        NoMatch::Unknown { near } => locale.refuse(Why::TopicUnknown { near }),
    })
}

fn host<'a>(catalog: &'a Catalog, name: &str, context: &Context) -> Result<&'a Host, Refusal> {
    catalog.find_host(name).map_err(|near| context.locale.refuse(Why::HostUnknown { near }))
}

/// Returns a time as an instant. A local time that clocks skip is the hour after; one that they repeat is the first
/// one.
pub(crate) fn instant(when: When, zone: &TimeZone, path: &str) -> Result<Timestamp, Refusal> {
    when.instant(zone).ok_or_else(|| invalid(path, "is no moment that there is"))
}

/// Reads a field of the request about the invitee.
pub(crate) fn read_invitee<T>(
    field: &str,
    given: &Private<String>,
    read: impl FnOnce(&str) -> Option<T>,
    context: &Context,
) -> Result<T, Refusal> {
    read(given.expose()).ok_or_else(|| invitee_invalid(field, context))
}

/// What an invitee's time zone may follow from.
#[derive(Clone, Copy, Default)]
pub(crate) struct ZoneHints<'a> {
    /// The zone that the request names.
    pub(crate) named: Option<&'a str>,
    /// The zone of the invitee's latest booking.
    pub(crate) latest: Option<&'a str>,
    /// The invitee's phone number.
    pub(crate) phone: Option<&'a Phone>,
    /// The hosts of the event type.
    pub(crate) hosts: &'a [Host],
}

/// Returns the context for a booking's invitee. The time zone is the request's, else the booking's. The language is the
/// request's, else the event type's, else the one in VAI's metadata.
pub(crate) fn context_for_booking(
    context: &Context,
    named_zone: Option<&str>,
    booking: &Booking,
) -> Result<Context, Refusal> {
    let leg = booking.current_leg();
    let zone = match leg {
        Some(leg) if named_zone.is_none() => context.settings.zone_of(leg),
        _ => resolve_zone(context, ZoneHints { named: named_zone, ..ZoneHints::default() })?.0,
    };
    let from_vai = booking.metadata.as_ref().and_then(|it| it.language.as_deref());
    let language = leg.and_then(|leg| context.settings.language_of(leg));
    Ok(context.in_zone_and_language(&zone, language.or(from_vai.and_then(Language::parse))))
}

/// Returns the time zone of an invitee, and how it became known: the one in the request, else that of their latest
/// booking, else that of their phone number's country, else the host's, else the settings' fallback.
pub(crate) fn resolve_zone(context: &Context, hints: ZoneHints<'_>) -> Result<(String, ZoneSource), Refusal> {
    if let Some(named) = hints.named {
        let zone = domain::time::parse_zone(named).ok_or_else(|| context.locale.refuse(Why::TimezoneUnknown))?;
        return Ok((zone, ZoneSource::Request));
    }
    let of_settings = |host: &Host| context.settings.host(host.email.expose())?.zone.clone();
    let of_host = || hints.hosts.iter().find_map(|host| of_settings(host).or_else(|| host.zone.clone()));
    let latest = hints.latest.map(|zone| (zone.to_owned(), ZoneSource::LatestBooking));
    let of_phone = || Some((hints.phone.and_then(zone_of_phone)?.to_owned(), ZoneSource::Phone));
    let known = latest.or_else(of_phone).or_else(|| Some((of_host()?, ZoneSource::Host)));
    Ok(known.unwrap_or_else(|| (context.settings.fallback_zone.clone(), ZoneSource::Settings)))
}

/// The invitee of a booking request.
pub(crate) struct Invitee {
    /// The person.
    pub(crate) person: Person,
    /// The context in their time zone.
    pub(crate) context: Context,
    /// How the time zone became known.
    pub(crate) zone_source: ZoneSource,
    /// What their bookings say.
    pub(crate) known: KnownInvitee,
}

/// Reads the invitee's phone number.
pub(crate) fn read_number(given: Option<&Private<String>>, context: &Context) -> Result<Option<Phone>, Refusal> {
    let Some(given) = given else { return Ok(None) };
    let read = domain::read_phone(given.expose(), context.settings.default_region.as_deref());
    read.map(Some).map_err(|reason| match reason {
        Reason::PhoneWithoutCountry => {
            Refusal::new(Why::InviteeInvalid { field: "phone".to_owned() }, context.locale.country_code())
        }
        _ => invitee_invalid("phone", context),
    })
}

/// Refuses a field about the invitee.
pub(crate) fn invitee_invalid(field: &str, context: &Context) -> Refusal {
    Refusal::new(Why::InviteeInvalid { field: field.to_owned() }, context.locale.invitee(field))
}

impl<P: Ports> Schedule<P> {
    /// Reads the invitee of a booking request.
    pub(crate) async fn resolve_invitee(
        &self,
        context: &Context,
        request: &BookRequest,
        catalog: &Catalog,
    ) -> Result<Invitee, Refusal> {
        let provisional = match &request.timezone {
            Some(zone) => context.in_zone(zone),
            None => context.clone(),
        };
        let email = read_invitee("inviteeEmail", &request.invitee_email, domain::parse_email, &provisional)?;
        let name = read_invitee("inviteeName", &request.invitee_name, form::parse_name, &provisional)?;
        let phone = read_number(request.phone.as_ref(), &provisional)?;
        let hosts = event_type(catalog, Words::from_request(request), &provisional).map_or(&[][..], |it| &it.hosts);
        let known = self.find_invitee(&provisional, &email).await?;
        let hints = ZoneHints {
            named: request.timezone.as_deref(),
            latest: known.zone.as_deref(),
            phone: phone.as_ref(),
            hosts,
        };
        let (zone, zone_source) = resolve_zone(&provisional, hints)?;
        let context = context.in_zone(&zone);
        Ok(Invitee { person: Person { name, email, zone, phone }, context, zone_source, known })
    }

    /// Returns a host's URI and time zone; `me` is the token's owner.
    pub(crate) async fn resolve_host(
        &self,
        context: &Context,
        name: &str,
    ) -> Result<(String, Option<String>), Refusal> {
        if name.trim().eq_ignore_ascii_case("me") {
            let user = self.calendly().fetch_user(&context.connection).await;
            let unknown = Why::HostUnknown { near: Vec::new() };
            let user = user.map_err(|error| context.locale.calendly_error(&error, unknown))?;
            return Ok((user.uri, user.zone));
        }
        let catalog: Arc<Catalog> = self.catalog(context).await?;
        let host = host(&catalog, name, context)?;
        Ok((host.uri.clone(), host.zone.clone()))
    }
}
