//! Our ids, as providers return them.

use domain::{BookingId, CommandId};

/// Whether a text can be the id of a booking or command: 1 to 64 of `A-Z`, `a-z`, `0-9` and `-`.
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// The booking and command of a message.
pub(super) type MessageIds = (BookingId, CommandId);

/// Parses the ids that a provider returned.
pub(super) fn parse_ids(booking: Option<&str>, command: Option<&str>) -> Option<MessageIds> {
    let [booking, command] = [booking, command].map(|it| it.filter(|text| is_id(text)));
    Some((BookingId::new(booking?), CommandId::new(command?)))
}
