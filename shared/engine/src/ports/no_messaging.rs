//! The messaging of a function that sends no messages.

use domain::{
    Analytics, CommandId, ConnectionName, EmailOrder, News, Outcome, Phone, PlainEmail, PublishCall, Reason, SmsOrder,
    VaiOrder,
};
use jiff::Timestamp;

use super::message::{Email, Sms};
use super::publisher::Publisher;
use super::vai::Vai;
use super::world::Messaging;

/// The messaging of a function that sends no messages. It has no values, so nothing can be sent with it.
#[derive(Clone, Copy, Debug)]
pub enum NoMessaging {}

impl Messaging for NoMessaging {
    type Sms = Self;
    type Email = Self;
    type Vai = Self;
    type Publisher = Self;

    fn sms(&self) -> &Self {
        self
    }
    fn email(&self) -> &Self {
        self
    }
    fn vai(&self) -> &Self {
        self
    }
    fn publisher(&self) -> &Self {
        self
    }
}

impl Publisher for NoMessaging {
    async fn publish(&self, _: &ConnectionName, _: &PublishCall) -> Outcome {
        match *self {}
    }
}

impl Sms for NoMessaging {
    fn parse_number(&self, _: &str, _: Option<&str>) -> Result<Phone, Reason> {
        match *self {}
    }

    async fn send(&self, _: &ConnectionName, _: &CommandId, _: &Phone, _: &SmsOrder) -> Outcome {
        match *self {}
    }
}

impl Email for NoMessaging {
    async fn send(&self, _: &ConnectionName, _: &CommandId, _: &EmailOrder) -> Outcome {
        match *self {}
    }

    async fn send_plain(&self, _: &ConnectionName, _: &CommandId, _: &PlainEmail) -> Outcome {
        match *self {}
    }
}

impl Vai for NoMessaging {
    async fn send_news(&self, _: &ConnectionName, _: &CommandId, _: News, _: &VaiOrder, _: Timestamp) -> Outcome {
        match *self {}
    }

    async fn offer_help(&self, _: &ConnectionName, _: &CommandId, _: &VaiOrder, _: Timestamp) -> Outcome {
        match *self {}
    }

    async fn log_fact(&self, _: &ConnectionName, _: &CommandId, _: Analytics, _: &[u8], _: Timestamp) -> Outcome {
        match *self {}
    }
}
