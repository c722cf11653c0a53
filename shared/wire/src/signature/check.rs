//! What all checks share.

use jiff::Timestamp;

use super::error::SignatureError;

/// How far a sender's clock may run ahead of ours.
pub const AHEAD_SECONDS: i64 = 60;

/// The header, unless it is blank.
pub(super) fn present(header: Option<&str>) -> Result<&str, SignatureError> {
    header.filter(|header| !header.trim().is_empty()).ok_or(SignatureError::Missing)
}

/// Whether a stamp lies in the window. It is looked at last, so that a stale but genuine call is counted as what it is.
pub(super) fn in_time(seconds: i64, now: Timestamp, tolerance_seconds: i64) -> Result<(), SignatureError> {
    let age = now.as_second().saturating_sub(seconds);
    if age > tolerance_seconds {
        Err(SignatureError::Stale)
    } else if age < -AHEAD_SECONDS {
        Err(SignatureError::Future)
    } else {
        Ok(())
    }
}
