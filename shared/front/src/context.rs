//! The context of a call.

use std::sync::Arc;

use domain::{ConnectionName, Language, Settings};
use jiff::Timestamp;

use crate::locale::Locale;

/// Who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    /// What the caller calls this request, if anything.
    pub idempotency_key: Option<String>,
    /// When the function will be stopped.
    pub deadline: Timestamp,
}

/// The context of a call, made once. A clone is cheap.
#[derive(Clone, Debug)]
pub struct Context {
    /// Who calls.
    pub caller: Arc<Caller>,
    /// The connection that the caller's key opens.
    pub connection: ConnectionName,
    /// The connection's settings.
    pub settings: Arc<Settings>,
    /// The language and the time zone of the answer.
    pub locale: Locale,
    /// The language that the request asks for.
    language: Option<Language>,
}

impl Context {
    /// The context of a call that asks for a language. As long as nothing is known of the person, the time zone is the
    /// settings' fallback.
    pub fn new(caller: Caller, connection: ConnectionName, settings: Settings, language: Option<&str>) -> Self {
        let language = language.and_then(Language::parse);
        let locale = Locale::for_person(language, &settings.fallback_zone, &settings);
        Self { caller: Arc::new(caller), connection, settings: Arc::new(settings), locale, language }
    }

    /// The same for a person in a time zone.
    #[must_use]
    pub fn in_zone(&self, zone: &str) -> Self {
        self.in_zone_and_language(zone, None)
    }

    /// The same for a person in a time zone, who speaks a language unless the request asks for another.
    #[must_use]
    pub fn in_zone_and_language(&self, zone: &str, language: Option<Language>) -> Self {
        Self { locale: Locale::for_person(self.language.or(language), zone, &self.settings), ..self.clone() }
    }

    /// The same in a locale.
    #[must_use]
    pub fn with_locale(&self, locale: Locale) -> Self {
        Self { locale, ..self.clone() }
    }
}
