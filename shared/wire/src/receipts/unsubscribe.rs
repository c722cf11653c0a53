//! The link that ends messages, followed: our own form, between the page that asks and the intake queue.

use domain::{BookingId, CommandId, Feedback};
use serde::{Deserialize, Serialize};

use super::fields::unexpected;
use super::ids::is_id;
use crate::malformed::{self, Malformed};

/// The message whose link was followed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Unsubscribe {
    /// The booking that it was about.
    pub booking: BookingId,
    /// The command that sent it.
    pub command: CommandId,
}

impl Unsubscribe {
    /// Two ids of a link's, when they can be ours.
    pub fn of(booking: &str, command: &str) -> Option<Self> {
        let fits = is_id(booking) && is_id(command);
        fits.then(|| Self { booking: BookingId::new(booking), command: CommandId::new(command) })
    }

    /// As it is queued.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|never| unreachable!("ids are always JSON: {never}"))
    }
}

/// Reads what was queued.
///
/// # Errors
/// What is not as it was written.
pub fn parse(body: &[u8]) -> Result<Vec<Feedback>, Malformed> {
    let Unsubscribe { booking, command } = malformed::read(malformed::text(body)?)?;
    if !is_id(booking.as_str()) || !is_id(command.as_str()) {
        return Err(unexpected("the body"));
    }
    Ok(vec![Feedback::Unsubscribed { booking, command }])
}
