//! The use of an unsubscribe link: our own form, from the webhook function to the intake queue.

use domain::{BookingId, CommandId, ConnectionName, Feedback, digest};
use serde::{Deserialize, Serialize};

use super::fields::unexpected;
use super::ids::is_id;
use crate::malformed::{self, Malformed};

/// The message whose link was used.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Unsubscribe {
    /// The booking of the message.
    pub booking: BookingId,
    /// The command that sent it.
    pub command: CommandId,
}

impl Unsubscribe {
    /// Makes it of the ids in a link. `None` when they can't be ours.
    pub fn from_link(booking: &str, command: &str) -> Option<Self> {
        let are_ids = is_id(booking) && is_id(command);
        are_ids.then(|| Self { booking: BookingId::new(booking), command: CommandId::new(command) })
    }

    /// Returns the checksum of a link, eight hexadecimal digits: a link that a mail program cut or changed has another.
    /// It is no signature; the ids can't be guessed.
    pub fn checksum(connection: &ConnectionName, booking: &str, command: &str) -> String {
        digest(&["unsubscribe", connection.as_str(), booking, command]).chars().take(8).collect()
    }

    /// Returns whether the ids have the full length of ours. Links from before there was a checksum have only this.
    pub fn has_whole_ids(&self) -> bool {
        let ends_whole = |id: &str| {
            let end = id.rsplit('-').next().unwrap_or_default();
            end.len() == 32 && end.bytes().all(|b| b.is_ascii_hexdigit())
        };
        ends_whole(self.booking.as_str()) && ends_whole(self.command.as_str())
    }

    /// Serializes it.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|never| unreachable!("ids are always JSON: {never}"))
    }
}

/// Parses the body.
///
/// # Errors
/// The body is not as we wrote it.
pub fn parse(body: &[u8]) -> Result<Vec<Feedback>, Malformed> {
    let Unsubscribe { booking, command } = malformed::parse_json(malformed::decode_text(body)?)?;
    if !is_id(booking.as_str()) || !is_id(command.as_str()) {
        return Err(unexpected("the body"));
    }
    Ok(vec![Feedback::Unsubscribed { booking, command }])
}
