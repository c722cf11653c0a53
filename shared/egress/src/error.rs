//! Why a delivery has no answer.

use std::error::Error;
use std::io;
use std::iter::successors;

use crate::address::ForbiddenAddress;

/// The longest cause in a message. A cause may repeat what a server wrote, such as the names in its certificate.
const MAX_CAUSE_CHARS: usize = 200;

/// Why a delivery has no answer. No message has anything of the URL.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The host is, or its name leads to, an address that is not allowed. Nothing was sent, unless the connection did
    /// not go where the resolver said.
    #[error(transparent)]
    ForbiddenAddress(#[from] ForbiddenAddress),
    /// The name has no address, or the DNS did not answer. Nothing was sent.
    #[error("the host name was not found")]
    NameNotFound,
    /// No connection was made. Nothing was sent.
    #[error("no connection: {0}")]
    NoConnection(String),
    /// TLS failed, such as by an expired certificate. Nothing was sent.
    #[error("no TLS connection: {0}")]
    Tls(String),
    /// There was no status in time. The request may have been received.
    #[error("no answer in time")]
    Timeout,
    /// The connection broke, or the answer is not HTTP. The request may have been received.
    #[error("the connection broke: {0}")]
    Broken(String),
}

impl DeliveryError {
    /// Returns the stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ForbiddenAddress(_) => "forbidden_address",
            Self::NameNotFound => "name_not_found",
            Self::NoConnection(_) => "no_connection",
            Self::Tls(_) => "tls",
            Self::Timeout => "timeout",
            Self::Broken(_) => "broken",
        }
    }
}

impl From<reqwest::Error> for DeliveryError {
    fn from(error: reqwest::Error) -> Self {
        let causes = || successors(Some(&error as &(dyn Error + 'static)), |it| (*it).source());
        if let Some(ours) = causes().find_map(|it| it.downcast_ref::<Self>()) {
            return ours.clone();
        }
        // The outer causes repeat the URL.
        let cause =
            causes().last().map(|it| it.to_string().chars().take(MAX_CAUSE_CHARS).collect()).unwrap_or_default();
        // A TCP connection is never refused with these kinds; a TLS handshake is.
        let is_tls = |it: &(dyn Error + 'static)| {
            let kind = it.downcast_ref().map(innermost_kind);
            matches!(kind, Some(io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof))
        };
        if !error.is_connect() {
            Self::Broken(cause)
        } else if causes().any(is_tls) {
            Self::Tls(cause)
        } else {
            Self::NoConnection(cause)
        }
    }
}

/// Returns the kind of an error that may be wrapped in others, which `source` skips.
fn innermost_kind(error: &io::Error) -> io::ErrorKind {
    error.get_ref().and_then(|it| it.downcast_ref()).map_or_else(|| error.kind(), innermost_kind)
}
