//! The effect of a status.

use domain::settings::Price;
use domain::{ConsentSource, Delivery, Feedback, Objection, Private, Receipt};
use jiff::Timestamp;

use super::ids::MessageIds;

/// The effect of a status on its message.
#[derive(Default)]
pub(super) struct StatusEffect {
    pub(super) delivery: Option<Delivery>,
    pub(super) code: Option<String>,
    pub(super) price: Option<Price>,
    pub(super) objection: Option<(Objection, ConsentSource)>,
}

impl StatusEffect {
    pub(super) fn delivery(delivery: Delivery) -> Self {
        Self { delivery: Some(delivery), ..Self::default() }
    }

    pub(super) fn failed(code: Option<String>) -> Self {
        Self { code: code.as_deref().map(sanitize_code), ..Self::delivery(Delivery::Failed) }
    }

    pub(super) fn with_price(self, price: Option<Price>) -> Self {
        Self { price, ..self }
    }

    pub(super) fn with_objection(self, to: Objection, source: ConsentSource) -> Self {
        Self { objection: Some((to, source)), ..self }
    }
}

/// Builds a receipt. A status without effect, or without our ids, is [`Feedback::Other`]; an objection without our ids
/// counts for the e-mail address, if the provider names it.
pub(super) fn build_receipt(
    name: &str,
    effect: Option<StatusEffect>,
    ids: Option<MessageIds>,
    provider_id: Option<String>,
    at: Timestamp,
    email: Option<String>,
) -> Feedback {
    let email = email.map(Private::new);
    match (effect, ids) {
        (None, _) => unhandled(name),
        (Some(StatusEffect { objection: Some((objection, source)), .. }), None) if email.is_some() => {
            Feedback::Objected { email: email.unwrap_or_default(), objection, source }
        }
        (Some(_), None) => unhandled(&format!("{name}_without_our_ids")),
        (Some(StatusEffect { delivery, code, price, objection }), Some((booking, command))) => {
            Feedback::Receipt(Receipt { booking, command, provider_id, delivery, at, code, price, objection, email })
        }
    }
}

pub(super) fn unhandled(name: &str) -> Feedback {
    Feedback::Other(sanitize_code(name))
}

/// Returns a status's name as it is compared: providers write `hard_bounce` and `hardBounce`, `Rendering Failure` and
/// `RenderingFailure`.
pub(super) fn fold_name(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Returns a provider's code in a form that is safe in logs and metrics: short, of letters, digits, dots and dashes.
pub(super) fn sanitize_code(text: &str) -> String {
    let sanitize = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' };
    text.chars().take(64).map(sanitize).collect()
}
