//! Messages to people.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use domain::{CommandId, ConnectionName, EmailOrder, Outcome, PlainEmail, PlainSms, SmsOrder};

/// How long an SMS is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FittedSms {
    /// The segments that are sent and paid for.
    pub segments: u32,
    /// Whether it lost optional parts.
    pub is_shortened: bool,
}

/// SMS.
pub trait Sms {
    /// Takes optional parts out of a message until it has no more segments than its order permits, the links to cancel
    /// and to move first, and measures it. Where only the provider knows the text, the length is an estimate. It makes
    /// no call.
    fn fit(&self, connection: &ConnectionName, order: &mut SmsOrder) -> FittedSms;

    /// Sends one message by the order's provider, with `key` as our own id of the message.
    async fn send(&self, connection: &ConnectionName, key: &CommandId, order: &SmsOrder) -> Outcome;

    /// Sends an SMS in words of its own, with `key` as our own id of it.
    async fn send_plain(&self, connection: &ConnectionName, key: &CommandId, sms: &PlainSms) -> Outcome;
}

/// E-mail.
pub trait Email {
    /// Sends one message by the order's provider, with `key` as our own id of the message.
    async fn send(&self, connection: &ConnectionName, key: &CommandId, order: &EmailOrder) -> Outcome;

    /// Sends a plain e-mail to the address of an endpoint, with `key` as our own id of it.
    async fn send_plain(&self, connection: &ConnectionName, key: &CommandId, email: &PlainEmail) -> Outcome;
}
