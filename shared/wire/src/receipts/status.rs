//! What the status of a message means.

use domain::{ConsentSource, Delivery, Feedback, Objection, Receipt};
use jiff::Timestamp;

use super::ids::Ours;

/// What a status means for its message.
#[derive(Default)]
pub(super) struct Meaning {
    pub(super) delivery: Option<Delivery>,
    pub(super) code: Option<String>,
    pub(super) objection: Option<(Objection, ConsentSource)>,
}

impl Meaning {
    pub(super) fn came(delivery: Delivery) -> Self {
        Self { delivery: Some(delivery), ..Self::default() }
    }

    pub(super) fn failed(code: Option<String>) -> Self {
        Self { code: code.as_deref().map(word), ..Self::came(Delivery::Failed) }
    }

    pub(super) fn objecting(self, to: Objection, source: ConsentSource) -> Self {
        Self { objection: Some((to, source)), ..self }
    }
}

/// A receipt, or what it is called when it has no meaning, or is not about a message of ours.
pub(super) fn receipt(
    name: &str,
    meaning: Option<Meaning>,
    ours: Option<Ours>,
    provider_id: Option<String>,
    at: Timestamp,
) -> Feedback {
    match (meaning, ours) {
        (None, _) => other(name),
        (Some(_), None) => other(&format!("{name}_without_our_ids")),
        (Some(Meaning { delivery, code, objection }), Some((booking, command))) => {
            Feedback::Receipt(Receipt { booking, command, provider_id, delivery, at, code, objection })
        }
    }
}

pub(super) fn other(name: &str) -> Feedback {
    Feedback::Other(word(name))
}

/// A provider's word, fit to be counted and logged under: short, and of letters, digits, dots and dashes only.
pub(super) fn word(text: &str) -> String {
    let tame = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' };
    text.chars().take(64).map(tame).collect()
}
