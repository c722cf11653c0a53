//! How a call proves whose it is: one module for each way of the providers'. All compare in constant time, over the bytes
//! as they were received, and none takes an empty key.

pub mod calendly;
pub mod engagelab;
pub mod shown;
pub mod twilio;

use jiff::Timestamp;

/// How far a sender's clock may run ahead of ours.
pub const AHEAD_SECONDS: i64 = 60;

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

/// The header, unless it is blank.
fn present(header: Option<&str>) -> Result<&str, SignatureError> {
    header.filter(|header| !header.trim().is_empty()).ok_or(SignatureError::Missing)
}

/// Whether a stamp lies in the window. It is looked at last, so that a stale but genuine call is counted as what it is.
fn in_time(seconds: i64, now: Timestamp, tolerance_seconds: i64) -> Result<(), SignatureError> {
    let age = now.as_second().saturating_sub(seconds);
    if age > tolerance_seconds {
        Err(SignatureError::Stale)
    } else if age < -AHEAD_SECONDS {
        Err(SignatureError::Future)
    } else {
        Ok(())
    }
}
