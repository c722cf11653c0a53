//! Messages to people.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use domain::{CommandId, ConnectionName, EmailOrder, Outcome, Phone, PlainEmail, Reason, SmsOrder};

/// SMS.
pub trait Sms {
    /// Parses a text as a number that can receive SMS, by the numbering plans. `region` is the country of a number
    /// without country code.
    ///
    /// # Errors
    /// [`Reason::PhoneInvalid`] or [`Reason::Landline`].
    fn parse_number(&self, text: &str, region: Option<&str>) -> Result<Phone, Reason>;

    /// Sends one message by the order's provider, with `key` as our own id of the message.
    async fn send(&self, connection: &ConnectionName, key: &CommandId, to: &Phone, order: &SmsOrder) -> Outcome;
}

/// E-mail.
pub trait Email {
    /// Sends one message by the order's provider, with `key` as our own id of the message.
    async fn send(&self, connection: &ConnectionName, key: &CommandId, order: &EmailOrder) -> Outcome;

    /// Sends a plain e-mail to the address of an endpoint, with `key` as our own id of it.
    async fn send_plain(&self, connection: &ConnectionName, key: &CommandId, email: &PlainEmail) -> Outcome;
}
