//! What is to be booked, out of an agent's words: an event type, found by its name or by a topic; a zone; a moment.

use std::sync::Arc;

use api::refusal::Candidate;
use api::{Fault, Refusal, When, Why};
use domain::scheduling::catalog::NoMatch;
use domain::scheduling::{Catalog, EventType, Host};
use domain::{ConnectionName, Private, Settings};
use engine::{ApiStore, CalendlyAccount};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::context::{Api, Ports};
use crate::phrases::Locale;

/// The words that an event type is asked for with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words<'a> {
    /// Its name, slug or URI.
    pub(crate) event_type: Option<&'a str>,
    /// What the invitee wants to talk about.
    pub(crate) topic: Option<&'a str>,
    /// With whom.
    pub(crate) host: Option<&'a str>,
}

/// The event type that is meant, by its name where one is given, else by the settings' topics.
pub(crate) fn event_type<'a>(
    catalog: &'a Catalog,
    words: Words<'_>,
    settings: &Settings,
    locale: &Locale,
) -> Result<&'a EventType, Refusal> {
    let host = match words.host {
        Some(asked) => Some(host(catalog, asked, locale)?),
        None => None,
    };
    let found = match (words.event_type, words.topic) {
        (Some(asked), _) => catalog.find(asked, host),
        (None, Some(topic)) => catalog.by_topic(&settings.topics, topic, host),
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

/// The host that is meant.
pub(crate) fn host<'a>(catalog: &'a Catalog, asked: &str, locale: &Locale) -> Result<&'a Host, Refusal> {
    catalog.find_host(asked).map_err(|near| locale.refuse(Why::HostUnknown { near }))
}

/// One fault of the request.
pub(crate) fn invalid(path: &str, problem: &str) -> Refusal {
    invalid_request(vec![Fault::new(path, problem)])
}

/// Everything that is wrong with a request. It is told in English: whoever wrote the caller reads it.
pub(crate) fn invalid_request(details: Vec<Fault>) -> Refusal {
    let list: Vec<_> = details.iter().map(|it| format!("{} {}", it.path, it.problem)).collect();
    let message = format!("The request is not as it must be: {}.", list.join("; "));
    Refusal::new(Why::InvalidRequest { details }, message)
}

/// The instant that is meant. A local time that the clocks skip or show twice is the later, or the first, of its kind.
pub(crate) fn instant(when: When, zone: &TimeZone, path: &str) -> Result<Timestamp, Refusal> {
    when.instant(zone).ok_or_else(|| invalid(path, "is no moment that there is"))
}

impl<D: Ports> Api<D> {
    /// The zone of an invitee: the one that is named, else that of their earlier bookings, else the settings'.
    pub(crate) async fn zone(
        &self,
        connection: &ConnectionName,
        named: Option<&str>,
        email: Option<&Private<String>>,
        settings: &Settings,
        locale: &Locale,
    ) -> Result<String, Refusal> {
        if let Some(named) = named {
            let zone = TimeZone::get(named.trim()).ok().and_then(|tz| tz.iana_name().map(str::to_owned));
            return zone.ok_or_else(|| locale.refuse(Why::TimezoneUnknown));
        }
        if let Some(email) = email {
            let known = self.store().find_zone(connection, email).await;
            if let Some(zone) = known.map_err(|error| locale.unavailable(&error))? {
                return Ok(zone);
            }
        }
        Ok(settings.fallback_zone.clone())
    }

    /// The host that is meant, `me` being the token's owner: URI and zone.
    pub(crate) async fn host(
        &self,
        connection: &ConnectionName,
        asked: &str,
        locale: &Locale,
    ) -> Result<(String, Option<String>), Refusal> {
        if asked.trim().eq_ignore_ascii_case("me") {
            let me = self.calendly().fetch_user(connection).await;
            let me = me.map_err(|error| locale.calendly_error(&error, Why::HostUnknown { near: Vec::new() }))?;
            return Ok((me.uri, me.zone));
        }
        let catalog: Arc<Catalog> = self.catalog(connection, locale).await?;
        let host = host(&catalog, asked, locale)?;
        Ok((host.uri.clone(), host.zone.clone()))
    }
}
