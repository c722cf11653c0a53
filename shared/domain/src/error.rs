//! Errors in logs.

use std::error::Error;

/// Returns an error with its causes on one line. The text of our errors has only their context, and the text of an SDK
/// error is little more than "service error": the cause is the source.
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
