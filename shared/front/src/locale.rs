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
}

impl Locale {
    /// Returns the locale of a person in a time zone. The language is the requested one, else the likely one of the
    /// zone, else the settings' default.
    pub fn for_person(language: Option<Language>, zone: &str, settings: &Settings) -> Self {
        let language = language.or_else(|| Language::likely_in(zone)).unwrap_or(settings.default_language);
        Self { language, zone: zone.to_owned() }
    }

    /// Returns English and UTC, for answers without a known person or settings.
    pub fn english() -> Self {
        Self { language: Language::English, zone: "UTC".to_owned() }
    }

    /// Returns the time zone.
    pub fn tz(&self) -> TimeZone {
        TimeZone::get(&self.zone).unwrap_or(TimeZone::UTC)
    }

    /// Returns an instant in words, with its time zone.
    pub fn when(&self, at: Timestamp) -> String {
        local_time::format_long(at, &self.zone, None, self.language)
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
