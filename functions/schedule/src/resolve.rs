//! Resolves the words of a request: event type, host, time zone, instant, invitee.

use std::sync::Arc;

use api::refusal::Candidate;
use api::request::BookRequest;
use api::{Refusal, When, Why};
use domain::scheduling::catalog::NoMatch;
use domain::scheduling::{Catalog, EventType, Host, Person, form};
use domain::{Booking, Language, Private};
use engine::{ApiStore, CalendlyAccount};
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

/// Refuses a field about the invitee.
pub(crate) fn invitee_invalid(field: &str, context: &Context) -> Refusal {
    Refusal::new(Why::InviteeInvalid { field: field.to_owned() }, context.locale.invitee(field))
}

impl<P: Ports> Schedule<P> {
    /// Returns the invitee of a booking request, and the context in their time zone.
    pub(crate) async fn resolve_invitee(
        &self,
        context: &Context,
        request: &BookRequest,
    ) -> Result<(Person, Context), Refusal> {
        let provisional = match &request.timezone {
            Some(zone) => context.in_zone(zone),
            None => context.clone(),
        };
        let email = read_invitee("inviteeEmail", &request.invitee_email, domain::parse_email, &provisional)?;
        let name = read_invitee("inviteeName", &request.invitee_name, form::parse_name, &provisional)?;
        let phone =
            request.phone.as_ref().map(|it| read_invitee("phone", it, form::parse_phone, &provisional)).transpose()?;
        let zone = self.resolve_zone(&provisional, request.timezone.as_deref(), Some(&email)).await?;
        let context = context.in_zone(&zone);
        Ok((Person { name, email, zone, phone }, context))
    }

    /// Returns the time zone of an invitee: the one in the request, else that of their latest booking, else the
    /// settings' fallback.
    pub(crate) async fn resolve_zone(
        &self,
        context: &Context,
        named: Option<&str>,
        email: Option<&Private<String>>,
    ) -> Result<String, Refusal> {
        if let Some(named) = named {
            let zone = TimeZone::get(named.trim()).ok().and_then(|tz| tz.iana_name().map(str::to_owned));
            return zone.ok_or_else(|| context.locale.refuse(Why::TimezoneUnknown));
        }
        if let Some(email) = email {
            let known = self.store().find_zone(&context.connection, email).await;
            if let Some(zone) = known.map_err(|error| context.locale.unavailable(&error))? {
                return Ok(zone);
            }
        }
        Ok(context.settings.fallback_zone.clone())
    }

    /// Returns the context for a booking's invitee. The time zone is the request's, else the booking's. The language is
    /// the request's, else the event type's, else the one in VAI's metadata.
    pub(crate) async fn context_for_booking(
        &self,
        context: &Context,
        named_zone: Option<&str>,
        booking: &Booking,
    ) -> Result<Context, Refusal> {
        let leg = booking.current_leg();
        let zone = match leg.and_then(|leg| leg.details.zone.clone()) {
            Some(own) if named_zone.is_none() => own,
            _ => self.resolve_zone(context, named_zone, None).await?,
        };
        let from_vai = booking.metadata.as_ref().and_then(|it| it.language.as_deref());
        let language = leg.and_then(|leg| context.settings.language_of(leg));
        Ok(context.in_zone_and_language(&zone, language.or(from_vai.and_then(Language::parse))))
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
