//! The headers that a customer adds to its deliveries.

use std::collections::{BTreeMap, BTreeSet};

/// The most headers that a customer may add to an endpoint.
pub const MAX_HEADERS: usize = 20;

/// The most bytes that these headers may have together, names and values.
pub const MAX_HEADER_BYTES: usize = 8 * 1024;

/// Headers that we set, that belong to the connection, or that say how a body is encoded.
const RESERVED: [&str; 19] = [
    "accept",
    "accept-encoding",
    "alt-used",
    "connection",
    "date",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "max-forwards",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-real-ip",
    "early-data",
];

/// Beginnings of names that are reserved in the same way.
const RESERVED_BEGINNINGS: [&str; 6] = ["webhook-", "x-vai-", "content-", "proxy-", "sec-", "x-forwarded-"];

/// What is wrong with a header. Its value is never repeated.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HeaderProblem {
    /// The name is no token of HTTP.
    #[error("{0:?} can't be the name of a header: use ASCII letters, digits and !#$%&'*+-.^_`|~")]
    Name(String),
    /// The header is ours.
    #[error("the header {0} is reserved: it is set by the sender of webhooks or by HTTP; choose another name")]
    Reserved(String),
    /// The name is there twice, in other letter case.
    #[error("the header {0} is there twice: the case of letters makes no difference; keep one of them")]
    Twice(String),
    /// The value has other characters.
    #[error("the value of the header {0} must be visible ASCII, with spaces inside only, and not empty")]
    Value(String),
    /// There are too many headers.
    #[error("there are {0} headers, more than 20")]
    TooMany(usize),
    /// The headers are too long.
    #[error("the headers have {0} bytes together, more than 8192")]
    TooLong(usize),
}

/// Checks the headers that a customer wants to have in its deliveries.
///
/// # Errors
/// All that is wrong with them.
pub fn check_custom_headers(headers: &BTreeMap<String, String>) -> Result<(), Vec<HeaderProblem>> {
    let mut problems = Vec::new();
    if headers.len() > MAX_HEADERS {
        problems.push(HeaderProblem::TooMany(headers.len()));
    }
    let bytes = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > MAX_HEADER_BYTES {
        problems.push(HeaderProblem::TooLong(bytes));
    }
    let mut seen = BTreeSet::new();
    for (name, value) in headers {
        let lower = name.to_ascii_lowercase();
        if name.is_empty() || !name.bytes().all(is_token) {
            problems.push(HeaderProblem::Name(shorten(name)));
            continue;
        }
        if RESERVED.contains(&lower.as_str()) || RESERVED_BEGINNINGS.iter().any(|it| lower.starts_with(it)) {
            problems.push(HeaderProblem::Reserved(shorten(name)));
        }
        let is_visible = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if value.is_empty() || !is_visible || value.trim() != value {
            problems.push(HeaderProblem::Value(shorten(name)));
        }
        if !seen.insert(lower) {
            problems.push(HeaderProblem::Twice(shorten(name)));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Source: RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Returns the beginning of a name: one that is too long is not repeated whole.
fn shorten(name: &str) -> String {
    name.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(headers: &[(&str, &str)]) -> Vec<HeaderProblem> {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        check_custom_headers(&headers).err().unwrap_or_default()
    }

    #[test]
    fn headers_of_the_customers_own_are_accepted() {
        let own = [("Authorization", "Bearer abc.def=="), ("X-Api-Key", "k"), ("cookie", "a=b; c=d"), ("x_y", "~!")];
        assert_eq!(check(&own), []);
        assert_eq!(check(&[]), []);
    }

    #[test]
    fn reserved_headers_are_named_in_any_letter_case() {
        for name in [
            "webhook-id",
            "Webhook-Signature",
            "WEBHOOK-ANYTHING",
            "X-VAI-Signature",
            "x-vai-new",
            "Content-Type",
            "content-length",
            "Content-Encoding",
            "Transfer-Encoding",
            "HOST",
            "Connection",
            "User-Agent",
            "Upgrade",
            "TE",
            "Trailer",
            "Expect",
            "Keep-Alive",
            "Proxy-Authorization",
            "Proxy-Connection",
            "Forwarded",
            "X-Forwarded-For",
            "X-Real-IP",
            "Accept-Encoding",
            "Sec-Fetch-Site",
        ] {
            assert_eq!(check(&[(name, "v")]), [HeaderProblem::Reserved(name.to_owned())]);
        }
        let error = HeaderProblem::Reserved("Host".to_owned()).to_string();
        assert!(error.contains("the header Host is reserved"), "{error}");
    }

    #[test]
    fn malformed_names_and_values_are_named_without_the_value() {
        for name in ["", "a b", "a:b", "a\r\nx", "ș", ":path", "a\0"] {
            assert_eq!(check(&[(name, "v")]), [HeaderProblem::Name(name.to_owned())], "{name:?}");
        }
        for value in ["", "a\r\nx: y", "a\nb", "a\0b", " a", "a ", "\ta", "ș", "a\u{7f}"] {
            let problems = check(&[("x-key", value)]);
            assert_eq!(problems, [HeaderProblem::Value("x-key".to_owned())], "{value:?}");
        }
        assert_eq!(check(&[("X-Key", "a"), ("x-key", "b")]), [HeaderProblem::Twice("x-key".to_owned())]);
        let all = check(&[("Host", "a\n"), ("a b", "v")]);
        assert_eq!(all.len(), 3, "every problem is listed: {all:?}");
    }

    #[test]
    fn number_and_size_are_limited() {
        let many = |count: usize, bytes: usize| {
            let headers = (0..count).map(|it| (format!("x-{it:02}"), "v".repeat(bytes))).collect();
            check_custom_headers(&headers)
        };
        assert_eq!(many(20, 100), Ok(()));
        assert_eq!(many(21, 100), Err(vec![HeaderProblem::TooMany(21)]));
        assert_eq!(many(2, 4092), Ok(()));
        assert_eq!(many(2, 4093), Err(vec![HeaderProblem::TooLong(8194)]));
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_a_header_of_http(
            headers in prop::collection::btree_map("[!-~]{1,12}|\\PC{1,4}", "[ -~]{1,20}|(?s:.{1,6})", 0..6)
        ) {
            if check_custom_headers(&headers).is_ok() {
                for (name, value) in &headers {
                    prop_assert!(http::HeaderName::from_bytes(name.as_bytes()).is_ok());
                    prop_assert!(http::HeaderValue::from_str(value).is_ok_and(|it| it.to_str().is_ok()));
                }
            }
        }
    }
}
