//! The reasons to refuse a call.

/// Why a call is refused. The answer to the caller is the same for all; the metric has the reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignatureError {
    /// There is no signature.
    Missing,
    /// The header can't be parsed.
    Malformed,
    /// No current key made this signature of these bytes.
    Wrong,
    /// It is genuine, but too old.
    Stale,
    /// It is genuine, but from the future.
    Future,
    /// The connection has no key for this provider.
    NoKey,
}

impl SignatureError {
    /// Returns the name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Wrong => "wrong",
            Self::Stale => "stale",
            Self::Future => "future",
            Self::NoKey => "no_key",
        }
    }
}
