//! The language and the time zone of an answer.

use api::{Refusal, Why};
use domain::{Language, Settings, error_chain};
use engine::{CalendlyError, EngineError, PortError};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The language and the time zone of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Locale {
    /// The invitee's language.
    pub language: Language,
    /// The IANA time zone of the times in it.
    pub zone: String,
    /// The IANA time zone of all hosts, if it is known. Where their clock shows another time, an offset is told.
    pub host_zone: Option<String>,
}

impl Locale {
    /// Returns the locale of a person in a time zone. The language is the requested one, else the likely one of the
    /// zone, else the settings' default.
    pub fn for_person(language: Option<Language>, zone: &str, settings: &Settings) -> Self {
        let language = language.or_else(|| Language::likely_in(zone)).unwrap_or(settings.default_language);
        Self { language, zone: zone.to_owned(), host_zone: settings.zone_of_hosts().map(str::to_owned) }
    }

    /// Returns English and UTC, for answers without a known person or settings.
    pub fn english() -> Self {
        Self { language: Language::English, zone: "UTC".to_owned(), host_zone: None }
    }

    /// Returns the time zone.
    pub fn tz(&self) -> TimeZone {
        TimeZone::get(&self.zone).unwrap_or(TimeZone::UTC)
    }

    /// Returns an instant in words, with its time zone.
    pub fn when(&self, at: Timestamp) -> String {
        local_time::format_long(at, &self.zone, self.host_zone.as_deref(), self.language)
    }

    /// Returns a refusal with its sentence.
    pub fn refuse(&self, why: Why) -> Refusal {
        let message = self.refusal(why.code());
        Refusal::new(why, message)
    }

    /// Returns the refusal for an error of a port.
    pub fn unavailable(&self, error: &PortError) -> Refusal {
        tracing::error!(error = error_chain(error), "port unavailable");
        self.refuse(Why::Unavailable).after(5)
    }

    /// Returns the refusal for an error of the engine.
    pub fn unfinished(&self, error: &EngineError) -> Refusal {
        tracing::error!(error = error_chain(error), "call not finished");
        self.refuse(Why::Unavailable).after(5)
    }

    /// Returns the refusal for an error of Calendly; `not_found` is the reason when Calendly does not know the
    /// resource.
    pub fn calendly_error(&self, error: &CalendlyError, not_found: Why) -> Refusal {
        tracing::warn!(error = %error, "call to Calendly failed");
        match error {
            CalendlyError::Unavailable(_) => self.refuse(Why::CalendlyUnavailable).after(5),
            CalendlyError::Limited(seconds) => self.refuse(Why::CalendlyUnavailable).after(*seconds),
            CalendlyError::NotFound => self.refuse(not_found),
            CalendlyError::Refused(_) => self.refuse(Why::CalendlyRefused),
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::settings::HostContact;

    use super::*;

    #[test]
    fn an_answer_tells_the_offset_where_the_hosts_clock_shows_another_time() {
        let said = |zones: &[&str]| {
            let host = |zone: &&str| HostContact { zone: Some((*zone).to_owned()), ..HostContact::default() };
            let hosts = zones.iter().enumerate().map(|(at, zone)| (format!("host-{at}@example.com"), host(zone)));
            let settings = Settings { hosts: hosts.collect(), ..Settings::default() };
            Locale::for_person(None, "Europe/Copenhagen", &settings)
                .when("2026-06-15T12:00:00Z".parse().expect("an instant"))
        };
        let plain = "mandag 15. juni 2026 kl. 14.00 (dansk tid)";
        assert_eq!(said(&[]), plain);
        assert_eq!(said(&["Europe/Copenhagen", "Europe/Copenhagen"]), plain);
        assert_eq!(said(&["Europe/Bucharest"]), "mandag 15. juni 2026 kl. 14.00 (dansk tid, UTC+2)");
        // Who of them is meant is not known.
        assert_eq!(said(&["Europe/Bucharest", "Europe/Copenhagen"]), plain);
    }
}
