//! The context of a call.

use std::sync::Arc;

use api::openapi::CONVERSATION_HEADER;
use api::{Call, Refusal};
use domain::{ConnectionName, Language, Settings};
use jiff::Timestamp;

use crate::answer::invalid;
use crate::locale::Locale;

/// Whom the caller's agent talks to, as VAI's backend says.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Speaker {
    /// The conversation.
    pub conversation: Option<String>,
    /// The user, if VAI has verified who it is.
    pub user: Option<String>,
}

impl Speaker {
    /// Returns what is missing from what a request says in its body. Only a trusted caller's request counts.
    #[must_use]
    pub(crate) fn or_of_request(self, call: &Call) -> Self {
        let text = |it: &str| it.to_owned();
        Self {
            conversation: self.conversation.or_else(|| call.conversation().map(text)),
            user: self.user.or_else(|| call.user().map(text)),
        }
    }
}

/// The caller of an operation.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Whom the caller's agent talks to.
    pub speaker: Speaker,
    /// Whether the caller may see and change the bookings of everybody, and not only those of the speaker.
    pub is_trusted: bool,
    /// The caller's idempotency key.
    pub idempotency_key: Option<String>,
    /// The endpoint whose catch-up token the caller presented.
    pub endpoint: Option<String>,
    /// When the function will be stopped.
    pub deadline: Timestamp,
}

/// The context of a call, made once. A clone is cheap.
#[derive(Clone, Debug)]
pub struct Context {
    /// The caller of an operation.
    pub caller: Arc<Caller>,
    /// The connection of the caller's key or token. Where neither is asked for, it is what the request names.
    pub connection: ConnectionName,
    /// The connection's settings.
    pub settings: Arc<Settings>,
    /// The language and the time zone of the answer.
    pub locale: Locale,
    /// The language that the request asks for.
    language: Option<Language>,
}

impl Context {
    /// Returns the context of a call. `language` is the requested language. The time zone is the settings' fallback
    /// until the person is known.
    pub fn new(caller: Caller, connection: ConnectionName, settings: Settings, language: Option<&str>) -> Self {
        let language = language.and_then(Language::parse);
        let locale = Locale::for_person(language, &settings.fallback_zone, &settings);
        Self { caller: Arc::new(caller), connection, settings: Arc::new(settings), locale, language }
    }

    /// Returns the conversation in which the caller acts.
    ///
    /// # Errors
    /// The caller names none.
    pub fn conversation(&self) -> Result<&str, Refusal> {
        let missing = || invalid(CONVERSATION_HEADER, "is missing: the backend must name the conversation");
        self.caller.speaker.conversation.as_deref().ok_or_else(missing)
    }

    /// Returns the context for a person in a time zone.
    #[must_use]
    pub fn in_zone(&self, zone: &str) -> Self {
        self.in_zone_and_language(zone, None)
    }

    /// Returns the context for a person with a time zone and a language. The language in the request takes precedence.
    #[must_use]
    pub fn in_zone_and_language(&self, zone: &str, language: Option<Language>) -> Self {
        Self { locale: Locale::for_person(self.language.or(language), zone, &self.settings), ..self.clone() }
    }

    /// Returns the context with another locale.
    #[must_use]
    pub fn with_locale(&self, locale: Locale) -> Self {
        Self { locale, ..self.clone() }
    }
}
