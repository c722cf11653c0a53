//! The messaging of a function that sends no messages.

use std::collections::BTreeSet;

use domain::settings::DoubleOptIn;
use domain::{
    Analytics, CommandId, ConnectionName, ContactUpdate, CrmEventOrder, EmailOrder, HelpOccasion, News, Outcome,
    PlainEmail, PlainSms, Private, PublishCall, SmsOrder, VaiOrder,
};
use jiff::Timestamp;

use super::crm::Crm;
use super::message::{Email, FittedSms, Sms};
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
    type Crm = Self;

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
    fn crm(&self) -> &Self {
        self
    }
    fn short_links(&self) -> Option<&str> {
        match *self {}
    }
}

impl Crm for NoMessaging {
    async fn update_contact(&self, _: &ConnectionName, _: &ContactUpdate) -> Outcome {
        match *self {}
    }

    async fn send_event(&self, _: &ConnectionName, _: &CrmEventOrder, _: Option<&str>) -> Outcome {
        match *self {}
    }

    async fn ask_consent(
        &self,
        _: &ConnectionName,
        _: &Private<String>,
        _: &DoubleOptIn,
        _: &BTreeSet<u64>,
    ) -> Outcome {
        match *self {}
    }
}

impl Publisher for NoMessaging {
    async fn publish(&self, _: &ConnectionName, _: &PublishCall) -> Outcome {
        match *self {}
    }
}

impl Sms for NoMessaging {
    fn fit(&self, _: &ConnectionName, _: &mut SmsOrder) -> FittedSms {
        match *self {}
    }

    async fn send(&self, _: &ConnectionName, _: &CommandId, _: &SmsOrder) -> Outcome {
        match *self {}
    }

    async fn send_plain(&self, _: &ConnectionName, _: &CommandId, _: &PlainSms) -> Outcome {
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

    async fn offer_help(
        &self,
        _: &ConnectionName,
        _: &CommandId,
        _: HelpOccasion,
        _: &VaiOrder,
        _: Timestamp,
    ) -> Outcome {
        match *self {}
    }

    async fn log_fact(&self, _: &ConnectionName, _: &CommandId, _: Analytics, _: &[u8], _: Timestamp) -> Outcome {
        match *self {}
    }
}
