//! The parser for each source.

use domain::Feedback;

use super::{brevo, engagelab, ses, twilio, unsubscribe};
use crate::intake::{Envelope, Source};
use crate::malformed::Malformed;

/// Parses the feedback in an envelope. One of Calendly has none.
///
/// # Errors
/// The first part that can't be parsed.
pub fn parse(envelope: &Envelope) -> Result<Vec<Feedback>, Malformed> {
    let Envelope { source, received_at, body, query, .. } = envelope;
    match source {
        Source::Calendly => Ok(Vec::new()),
        Source::Engagelab => engagelab::parse(body, *received_at),
        Source::Twilio => twilio::parse(body, query.as_deref(), *received_at),
        Source::Brevo => brevo::parse(body, *received_at),
        Source::Ses => ses::parse(body, *received_at),
        Source::Unsubscribe => unsubscribe::parse(body),
    }
}
