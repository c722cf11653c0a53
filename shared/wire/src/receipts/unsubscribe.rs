//! The use of an unsubscribe link: our own form, from the webhook function to the intake queue.

use domain::{BookingId, CommandId, Feedback};
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
