//! Why a call is rejected.

use wire::signature::SignatureError;

/// Why a call is rejected.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Rejection {
    /// No connection has this name, or it was not looked up, as the reason in the metric says. It is answered like a
    /// wrong signature.
    UnknownConnection(&'static str),
    /// The body is too large, and its sender has no other way to tell us.
    TooLarge,
    /// The signature is missing or not valid.
    BadSignature(SignatureError),
    /// The call cannot be verified or queued now. The text is the reason in the metric.
    Unavailable(&'static str),
}
