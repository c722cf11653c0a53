//! One-time codes: a person shows that they are reached where a booking says, so that a conversation may see and change
//! the bookings of whoever is reached there.
//!
//! What is called and in which order does not depend on whether there is such a booking: the function that sends
//! messages looks for it, when the caller has its answer already.

use domain::{ContactKey, Language, Private};
use jiff::{SignedDuration, Timestamp};
use wire::code::{ConfirmedContact, StoredCode, code_id, code_mac, conversation_hash, conversation_id};
use wire::due::Due;

use crate::invocation::Invocation;
use crate::ports::{ApiStore, PortError, TimerKind, Timers, World};

/// How long a code is valid.
pub const CODE_AGE: SignedDuration = SignedDuration::from_mins(10);

/// How long a conversation may see and change the bookings after a code was confirmed.
const CONFIRMED_FOR: SignedDuration = SignedDuration::from_hours(1);

/// How often a code can be tried.
const TRIES: u32 = 5;

/// A code to send.
#[derive(Clone, Debug)]
pub struct CodeRequest<'a> {
    /// The conversation in which it is asked for.
    pub conversation: &'a str,
    /// The booking, by any of its ids.
    pub booking: Option<String>,
    /// The address of the person.
    pub email: Option<Private<String>>,
    /// Whether the person would rather have it by SMS.
    pub prefers_sms: bool,
    /// The language of its message.
    pub language: Language,
    /// What cannot be guessed: it names the code to its caller.
    pub challenge: &'a str,
    /// The digits.
    pub digits: &'a Private<String>,
}

impl<W: World<Store: ApiStore>> Invocation<'_, W> {
    /// Stores a code, and has it sent if there is such a booking. Returns when it expires.
    ///
    /// # Errors
    /// The table or the due queue could not be reached.
    pub async fn request_code(&self, request: CodeRequest<'_>) -> Result<Timestamp, PortError> {
        let CodeRequest { conversation, booking, email, prefers_sms, language, challenge, digits } = request;
        let (connection, now) = (self.connection, self.now());
        let stored = StoredCode {
            conversation: conversation_hash(conversation),
            booking,
            email,
            prefers_sms,
            language,
            requested_at: now,
            mac: code_mac(challenge, digits.expose()),
            sent_to: None,
        };
        let (id, expires_at) = (code_id(challenge), now + CODE_AGE);
        self.world.store().put_hold(connection, &id, &stored.to_json(), expires_at).await?;
        let due = Due::Code { connection: connection.clone(), id: id.clone(), digits: digits.clone() };
        self.world.timers().set_timer(&id, &due, now, now, TimerKind::DelayedMessage).await?;
        Ok(expires_at)
    }

    /// Checks a code. Returns until when the conversation may see and change the bookings of whoever got it; `None` if
    /// the code is wrong, used, expired, of another conversation, or was tried too often.
    ///
    /// # Errors
    /// The table could not be reached.
    pub async fn confirm_code(
        &self,
        conversation: &str,
        challenge: &str,
        digits: &str,
    ) -> Result<Option<Timestamp>, PortError> {
        let (store, connection, now) = (self.world.store(), self.connection, self.now());
        let id = code_id(challenge);
        let stored = store.load_hold(connection, &id).await?;
        let stored = stored.and_then(|(document, expires_at)| Some((StoredCode::parse(&document)?, expires_at)));
        // A count belongs to a minute. That of a code is the minute in which it was asked for.
        let counted_at = stored.as_ref().map_or(now, |(code, _)| code.requested_at);
        let may_try = store.reserve_permits(&format!("tries of {connection} {id}"), 1, TRIES, counted_at).await? > 0;
        let Some((code, _)) = stored.filter(|(code, expires_at)| {
            may_try
                && *expires_at > now
                && code.conversation == conversation_hash(conversation)
                && code.matches(challenge, digits)
        }) else {
            return Ok(None);
        };
        let Some(contact) = code.sent_to else { return Ok(None) };
        if store.reserve_permits(&format!("use of {connection} {id}"), 1, 1, counted_at).await? == 0 {
            return Ok(None);
        }
        let (confirmed, until) = (ConfirmedContact { contact }, now + CONFIRMED_FOR);
        store.put_hold(connection, &conversation_id(conversation), &confirmed.to_json(), until).await?;
        Ok(Some(until))
    }

    /// Returns whom a code has confirmed in a conversation, hashed; `None` if there was none within the hour.
    ///
    /// # Errors
    /// The table could not be reached.
    pub async fn confirmed_contact(&self, conversation: &str) -> Result<Option<ContactKey>, PortError> {
        let stored = self.world.store().load_hold(self.connection, &conversation_id(conversation)).await?;
        let current = stored.filter(|(_, until)| *until > self.now());
        Ok(current.and_then(|(document, _)| ConfirmedContact::parse(&document)).map(|it| it.contact))
    }
}
