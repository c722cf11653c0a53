//! Errors in logs.

use std::error::Error;

/// Writes an error with its causes on one line. Our errors have only their context in their text; the cause is their
/// source.
pub fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
