//! The use of an unsubscribe link: our own form, from the webhook function to the intake queue.

use domain::{BookingId, ConnectionName, ContactKey, Feedback, Pepper, Private};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::fields::unexpected;
use super::ids::is_id;
use crate::malformed::{self, Malformed};

/// The hexadecimal digits of a signature. 64 bits can't be guessed over the network, and a link has to be short.
const SIGNATURE_DIGITS: usize = 16;

/// The longest e-mail address.
const LONGEST_ADDRESS: usize = 254;

/// Who wants no more messages: the contact of a link with its signature, or an address that a person wrote.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Unsubscribe {
    booking: BookingId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contact: Option<ContactKey>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<Private<String>>,
}

impl Unsubscribe {
    /// Makes it of a link. The processor checks its signature: the webhook function may not have been able to.
    pub fn by_link(booking: BookingId, contact: ContactKey, signature: &str) -> Self {
        Self { booking, contact: Some(contact), signature: Some(signature.to_owned()), address: None }
    }

    /// Makes it of an address that a person wrote.
    pub fn by_address(booking: BookingId, address: Private<String>) -> Self {
        Self { booking, contact: None, signature: None, address: Some(address) }
    }

    /// Serializes it.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|never| unreachable!("ids and texts are always JSON: {never}"))
    }
}

/// Parses the booking's id in a link. `None` when it can't be ours.
pub fn parse_booking(text: &str) -> Option<BookingId> {
    is_id(text).then(|| BookingId::new(text))
}

/// Signs a link. Whoever has not got the link can't make it, so nobody ends another person's messages.
pub fn sign(pepper: &Pepper, connection: &ConnectionName, booking: &BookingId, contact: &ContactKey) -> String {
    let parts = ["unsubscribe", connection.as_str(), booking.as_str(), contact.as_str()];
    let mut signature = pepper.digest(&parts);
    signature.truncate(SIGNATURE_DIGITS);
    signature
}

/// Returns whether a text can be a signature. One that a mail program has cut can't.
pub fn is_signature(text: &str) -> bool {
    text.len() == SIGNATURE_DIGITS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns whether we signed a link, in constant time.
pub fn is_genuine(
    pepper: &Pepper,
    connection: &ConnectionName,
    booking: &BookingId,
    contact: &ContactKey,
    signature: &str,
) -> bool {
    sign(pepper, connection, booking, contact).as_bytes().ct_eq(signature.as_bytes()).into()
}

/// Returns the address in the form of a link that is not whole; `None` when there is none.
pub fn read_form(body: &[u8]) -> Option<Private<String>> {
    let (_, address) = form_urlencoded::parse(body).find(|(name, _)| name == "address")?;
    let address = address.trim();
    let is_address = (1..=LONGEST_ADDRESS).contains(&address.len()) && !address.chars().any(char::is_control);
    is_address.then(|| address.into())
}

/// Parses the body.
///
/// # Errors
/// The body is not as we wrote it.
pub fn parse(body: &[u8]) -> Result<Vec<Feedback>, Malformed> {
    let Unsubscribe { booking, contact, signature, address } = malformed::parse_json(malformed::decode_text(body)?)?;
    if !is_id(booking.as_str()) {
        return Err(unexpected("the body"));
    }
    Ok(vec![match (contact, signature, address) {
        (Some(contact), Some(signature), None) if is_id(contact.as_str()) && is_signature(&signature) => {
            Feedback::Unsubscribed { booking, contact, signature }
        }
        (None, None, Some(address)) => Feedback::AskedToStop { booking, address },
        _ => return Err(unexpected("the body")),
    }])
}
