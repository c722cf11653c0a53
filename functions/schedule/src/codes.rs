//! One-time codes: a person shows that they are reached where a booking says.

use api::answer::{CodeConfirmedView, CodeSentView};
use api::request::{ChannelName, ConfirmCodeRequest, SendCodeRequest};
use api::{Refusal, Why};
use domain::{PlainEmail, PlainSms, Private};
use engine::CodeRequest;
use front::Context;

use crate::resolve::read_invitee;
use crate::schedule::{Ports, Schedule};

/// The first code. No code begins with a zero: models send a code as a number, and a number has no leading zeros.
const FIRST_CODE: u128 = 100_000;

/// The number of codes of six digits.
const CODES: u128 = 900_000;

impl<P: Ports> Schedule<P> {
    /// Has a code sent to the address or number on a booking. The answer is the same if there is no such booking.
    pub(crate) async fn send_code(
        &self,
        context: &Context,
        request: &SendCodeRequest,
    ) -> Result<CodeSentView, Refusal> {
        let locale = &context.locale;
        let conversation = context.conversation()?;
        // It depends on the settings only, so it does not tell whether there is such a booking.
        if !PlainEmail::is_possible(&context.settings) && !PlainSms::is_possible(&context.settings, locale.language) {
            return Err(locale.refuse(Why::CodeImpossible));
        }
        let email = request.user_email.as_ref();
        let email = email.map(|it| read_invitee("userEmail", it, domain::parse_email, context)).transpose()?;
        let challenge = self.new_name("challenge", context)?;
        let random = self.ports().random().map_err(|error| locale.unavailable(&error))?;
        let digits = Private::new(code_of(random).to_string());
        let code = CodeRequest {
            conversation,
            booking: request.booking.as_ref().map(|it| it.trim().to_owned()),
            email,
            prefers_sms: request.by == Some(ChannelName::Sms),
            language: locale.language,
            challenge: &challenge,
            digits: &digits,
        };
        let expires_at = self.invocation(context).request_code(code).await;
        let expires_at = expires_at.map_err(|error| locale.unavailable(&error))?;
        Ok(CodeSentView { challenge, expires_at, message: locale.code_sent() })
    }

    /// Checks a code. Then the bookings of whoever got it can be seen and changed in this conversation.
    pub(crate) async fn confirm_code(
        &self,
        context: &Context,
        request: &ConfirmCodeRequest,
    ) -> Result<CodeConfirmedView, Refusal> {
        let locale = &context.locale;
        let conversation = context.conversation()?;
        // People group digits, and so do models.
        let digits: String = request.code.expose().chars().filter(char::is_ascii_digit).collect();
        let until = self.invocation(context).confirm_code(conversation, &request.challenge, &digits).await;
        let until = until.map_err(|error| locale.unavailable(&error))?;
        let until = until.ok_or_else(|| locale.refuse(Why::CodeInvalid))?;
        Ok(CodeConfirmedView { until, message: locale.code_confirmed() })
    }
}

/// Returns the code for a random number.
fn code_of(random: [u8; 16]) -> u128 {
    FIRST_CODE + u128::from_be_bytes(random) % CODES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_six_digits_also_as_a_number() {
        for random in [0, 7, 899_999, 900_000, u128::MAX] {
            assert_eq!(code_of(random.to_be_bytes()).to_string().len(), 6, "{random}");
        }
        assert_eq!(code_of(0_u128.to_be_bytes()), 100_000);
        assert_eq!(code_of(899_999_u128.to_be_bytes()), 999_999);
    }
}
