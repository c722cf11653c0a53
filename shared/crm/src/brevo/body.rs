//! The bodies of Brevo's requests.

use std::collections::{BTreeMap, BTreeSet};

use domain::settings::DoubleOptIn;
use domain::{AttributeValue, ContactUpdate, CrmEventOrder, Private};
use serde::Serialize;
use serde_json::Value;

/// The longest property of an event, in characters. All together may have 50 kB.
const LONGEST_PROPERTY: usize = 2_000;

/// The contact to create or update. Its objections to messages are not mentioned, so they stay.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContactBody<'a> {
    email: &'a str,
    attributes: BTreeMap<&'a str, Value>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    list_ids: &'a BTreeSet<u64>,
    update_enabled: bool,
}

impl<'a> ContactBody<'a> {
    pub(super) fn new(update: &'a ContactUpdate) -> Self {
        let attributes = update.attributes.iter().map(|(name, value)| {
            let value = match value {
                AttributeValue::Text(text) => Value::from(text.expose().as_str()),
                AttributeValue::Date(date) => Value::from(date.to_string()),
                AttributeValue::Number(number) => Value::from(*number),
            };
            (name.as_str(), value)
        });
        Self {
            email: update.email.expose(),
            attributes: attributes.collect(),
            list_ids: &update.joins,
            update_enabled: true,
        }
    }

    /// Returns the body without some attributes.
    pub(super) fn without(mut self, names: &[String]) -> Self {
        self.attributes.retain(|name, _| !names.iter().any(|it| it == name));
        self
    }
}

/// The lists that a contact leaves.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LeaveBody<'a> {
    unlink_list_ids: &'a BTreeSet<u64>,
}

impl<'a> LeaveBody<'a> {
    pub(super) fn new(lists: &'a BTreeSet<u64>) -> Self {
        Self { unlink_list_ids: lists }
    }
}

/// An event of a contact.
#[derive(Serialize)]
pub(super) struct EventBody<'a> {
    event_name: &'static str,
    event_date: String,
    identifiers: Identifiers<'a>,
    event_properties: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct Identifiers<'a> {
    email_id: &'a str,
}

impl<'a> EventBody<'a> {
    pub(super) fn new(order: &'a CrmEventOrder, booking_url: Option<&str>) -> Self {
        let shortened = |text: &str| text.chars().take(LONGEST_PROPERTY).collect();
        let properties = order.properties.iter().map(|(name, value)| (*name, shortened(value.expose())));
        let link = booking_url.map(|url| ("booking_link", url.to_owned()));
        Self {
            event_name: order.event.name(),
            event_date: order.at.to_string(),
            identifiers: Identifiers { email_id: order.email.expose() },
            event_properties: properties.chain(link).collect(),
        }
    }
}

/// A person to be asked for consent.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConsentBody<'a> {
    email: &'a str,
    include_list_ids: &'a BTreeSet<u64>,
    template_id: u64,
    redirection_url: &'a str,
}

impl<'a> ConsentBody<'a> {
    pub(super) fn new(email: &'a Private<String>, mail: &'a DoubleOptIn, lists: &'a BTreeSet<u64>) -> Self {
        Self {
            email: email.expose(),
            include_list_ids: lists,
            template_id: mail.template,
            redirection_url: &mail.redirect_url,
        }
    }
}

/// Encodes a segment of a URL's path: everything but letters, digits and `-._~`.
pub(super) fn encode_segment(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|it| if is_plain(it) { char::from(it).to_string() } else { format!("%{it:02X}") }).collect()
}
