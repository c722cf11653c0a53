//! The checks that all schemes share.

use jiff::Timestamp;

use super::error::SignatureError;

/// How far a sender's clock may be ahead of ours.
pub const AHEAD_SECONDS: i64 = 60;

/// Returns the header, unless it is blank.
pub(super) fn require_header(header: Option<&str>) -> Result<&str, SignatureError> {
    header.filter(|header| !header.trim().is_empty()).ok_or(SignatureError::Missing)
}

/// Checks the age of a timestamp. This comes last, so that an old genuine call is counted as stale and not as forged.
pub(super) fn check_age(seconds: i64, now: Timestamp, tolerance_seconds: i64) -> Result<(), SignatureError> {
    let age = now.as_second().saturating_sub(seconds);
    if age > tolerance_seconds {
        Err(SignatureError::Stale)
    } else if age < -AHEAD_SECONDS {
        Err(SignatureError::Future)
    } else {
        Ok(())
    }
}
