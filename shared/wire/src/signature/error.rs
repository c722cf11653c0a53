//! Why a call is refused.

/// Why a call is not accepted as its provider's. The answer is the same for all; the metric tells them apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignatureError {
    /// There is no signature.
    Missing,
    /// The header can't be read: something is left out of it, or is not what it should be.
    Malformed,
    /// No current key made it, over these bytes.
    Wrong,
    /// It is genuine and too old.
    Stale,
    /// It is genuine and from the future.
    Future,
    /// We hold no key of this provider's, so nothing of its is genuine.
    NoKey,
}

impl SignatureError {
    /// The name that is counted.
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
