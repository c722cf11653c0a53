//! Our ids, as providers give them back.

use domain::{BookingId, CommandId};

/// Whether a text can be an id of a booking's or a command's: 1 to 64 of `A-Z`, `a-z`, `0-9` and `-`.
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// The message of ours that a receipt is about: the provider was told it, and tells it back.
pub(super) type Ours = (BookingId, CommandId);

pub(super) fn ours(booking: Option<&str>, command: Option<&str>) -> Option<Ours> {
    let [booking, command] = [booking, command].map(|it| it.filter(|text| is_id(text)));
    Some((BookingId::new(booking?), CommandId::new(command?)))
}
