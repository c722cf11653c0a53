//! The last look at an SMS before it is sent: what the carriers of the number's country would not let through.

use domain::{Outcome, Reason, SmsOrder};

/// Checks a text, or a part of one, that is about to be sent. Links were left out when the message was composed; here a
/// link is found that stands in the connection's own wording, or in what people wrote.
///
/// # Errors
/// The refusal. An e-mail takes the message's place.
pub(crate) fn check_limits(order: &SmsOrder, text: &str) -> Result<(), Outcome> {
    if order.limits.allow_text(text) {
        return Ok(());
    }
    let detail = "the text has a link or a number that carriers of the number's country do not let through".to_owned();
    Err(Outcome::Refused { reason: Reason::CountryLinks, detail })
}
