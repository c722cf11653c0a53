//! Twilio's webhook signature: `X-Twilio-Signature`, HMAC-SHA1 in base 64 with the account's primary auth token as key.
//! It signs the URL that Twilio called, followed by name and value of each parameter of the form, sorted by name. For a
//! body that is not a form, the URL has its hash as `bodySHA256`, and only the URL is signed.
//! Sources: twilio.com/docs/usage/security, and the validators of Twilio's libraries: a repeated name counts once for
//! each different value, sorted; the URL is tried with and without its port.
//!
//! It has no time, so a call can be replayed and must then change nothing.

use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use domain::Private;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::check::require_header;
use super::error::SignatureError;

/// The header's name.
pub const HEADER: &str = "X-Twilio-Signature";

/// Verifies a signature. `url` is the configured public URL with the path and query of the call. It never comes from
/// the `Host` header, which the caller controls.
///
/// # Errors
/// The reason to refuse the call.
pub fn verify(header: Option<&str>, url: &str, body: &[u8], token: &Private<String>) -> Result<(), SignatureError> {
    let signature = BASE64_STANDARD.decode(require_header(header)?.trim()).map_err(|_| SignatureError::Malformed)?;
    if signature.len() != 20 {
        return Err(SignatureError::Malformed);
    }
    let rest = signed_suffix(url, body).ok_or(SignatureError::Wrong)?;
    // Both are always tried: the time tells nobody which was right.
    let is_genuine = url_variants(url).iter().fold(false, |found, url| found | matches(token, url, &rest, &signature));
    if is_genuine { Ok(()) } else { Err(SignatureError::Wrong) }
}

/// Returns the text that is signed after the URL; `None` when the URL has the hash of another body.
fn signed_suffix(url: &str, body: &[u8]) -> Option<String> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    if let Some((_, hash)) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "bodySHA256") {
        let is_hash_of_body = hex::encode(Sha256::digest(body)).eq_ignore_ascii_case(&hash);
        return is_hash_of_body.then(String::new);
    }
    let parameters: BTreeSet<_> = form_urlencoded::parse(body).collect();
    Some(parameters.into_iter().flat_map(|(name, value)| [name, value]).collect())
}

/// Returns the URL as it is, and without or with its port.
fn url_variants(url: &str) -> [String; 2] {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let path = url[authority..].find(['/', '?']).map_or(url.len(), |at| authority + at);
    let (origin, path) = url.split_at(path);
    let other = match origin[authority..].rsplit_once(':') {
        Some((_, port)) => format!("{}{path}", &origin[..origin.len() - port.len() - 1]),
        None if url.starts_with("http:") => format!("{origin}:80{path}"),
        None => format!("{origin}:443{path}"),
    };
    [url.to_owned(), other]
}

fn matches(token: &Private<String>, url: &str, rest: &str, signature: &[u8]) -> bool {
    // An empty key is no secret.
    if token.expose().is_empty() {
        return false;
    }
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(token.expose().as_bytes()) else { return false };
    mac.update(url.as_bytes());
    mac.update(rest.as_bytes());
    mac.verify_slice(signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
    const FORM: &str =
        "To=%2B18005551212&Digits=1234&Caller=%2B14158675309&From=%2B14158675309&CallSid=CA1234567890ABCDE";
    const FORM_SIGNATURE: &str = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";

    fn check(signature: &str, url: &str, body: &str) -> Result<(), SignatureError> {
        verify(Some(signature), url, body.as_bytes(), &Private::from("12345"))
    }

    fn signed(text: &str) -> String {
        let mut mac = Hmac::<Sha1>::new_from_slice(b"12345").expect("any length");
        mac.update(text.as_bytes());
        BASE64_STANDARD.encode(mac.finalize().into_bytes())
    }

    #[test]
    fn the_vectors_verify() {
        let other_form = FORM.replace("14158675309", "12349013030");
        for (signature, body) in [
            (FORM_SIGNATURE, FORM),
            ("0/KCTR6DLpKmkAf8muzZqo1nDgQ=", other_form.as_str()),
            ("zYQTYrRWXE7LtzbG4PfP7/bkkGo=", ""),
        ] {
            assert_eq!(check(signature, URL, body), Ok(()), "{body}");
        }
    }

    #[test]
    fn a_changed_added_or_missing_value_is_refused() {
        for (url, body) in [
            (URL, FORM.replace("1234&", "1235&")),
            (URL, format!("{FORM}&Mood=good")),
            (URL, FORM.replace("&Digits=1234", "")),
            (URL, String::new()),
            ("https://mycompany.com/myapp.php?foo=1&bar=3", FORM.to_owned()),
            ("https://mycompany.com/myapp.php", FORM.to_owned()),
            ("https://yourcompany.com/myapp.php?foo=1&bar=2", FORM.to_owned()),
        ] {
            assert_eq!(check(FORM_SIGNATURE, url, &body), Err(SignatureError::Wrong), "{url} {body}");
        }
        let wrong = verify(Some(FORM_SIGNATURE), URL, FORM.as_bytes(), &Private::from("12346"));
        assert_eq!(wrong, Err(SignatureError::Wrong));
    }

    #[test]
    fn the_port_is_optional() {
        let with_port = "https://mycompany.com:443/myapp.php?foo=1&bar=2";
        assert_eq!(check(FORM_SIGNATURE, with_port, FORM), Ok(()));
        assert_eq!(check(&signed(with_port), URL, ""), Ok(()));
        assert_eq!(check(&signed("https://mycompany.com:443?a=/b"), "https://mycompany.com?a=/b", ""), Ok(()));
        assert_eq!(check(&signed("http://127.0.0.1:80/a"), "http://127.0.0.1/a", ""), Ok(()));
        assert_eq!(check(&signed("http://127.0.0.1:4566/a"), "http://127.0.0.1:4566/a", ""), Ok(()));
        assert_eq!(
            check(&signed("https://mycompany.com:8443/"), "https://mycompany.com/", ""),
            Err(SignatureError::Wrong)
        );
    }

    #[test]
    fn a_repeated_name_counts_with_each_different_value() {
        let signature = signed("https://a.example/MediaUrl1a bMediaUrl2");
        for body in ["Media=Url2&Media=Url1a+b", "Media=Url1a%20b&Media=Url2&Media=Url1a+b"] {
            assert_eq!(check(&signature, "https://a.example/", body), Ok(()), "{body}");
        }
    }

    #[test]
    fn values_are_signed_decoded_with_their_blanks() {
        let signature = signed("https://a.example/Body Așa da! ");
        assert_eq!(check(&signature, "https://a.example/", "Body=%20A%C8%99a+da%21+"), Ok(()));
    }

    #[test]
    fn a_body_that_is_not_a_form_needs_its_hash_in_the_url() {
        let body = r#"{"CallSid":"CA1234567890ABCDE","Caller":"+12349013030"}"#;
        let url =
            "https://example.com/myapp?bodySHA256=5ccde7145dfb8f56479710896586cb9d5911809d83afbe34627818790db0aec9";
        let signature = signed(url);
        assert_eq!(signature, "hPXmLwIy3Fgqv1i9KPmH/HhQ6zo=");
        assert_eq!(check(&signature, url, body), Ok(()));
        assert_eq!(check(&signature, url, &body.replace("3030", "3031")), Err(SignatureError::Wrong));
        assert_eq!(check(&signature, &url.replace("aec9", "aeca"), body), Err(SignatureError::Wrong));
        // Without its hash, no signature covers such a body.
        assert_eq!(check("zYQTYrRWXE7LtzbG4PfP7/bkkGo=", URL, body), Err(SignatureError::Wrong));
    }

    #[test]
    fn an_unreadable_header_is_malformed() {
        for malformed in ["nonsense!", "YWJj", "RSOYDt4T1cUTdK1PDd93/VVr8B"] {
            assert_eq!(check(malformed, URL, FORM), Err(SignatureError::Malformed), "{malformed}");
        }
        assert_eq!(verify(None, URL, b"", &Private::from("12345")), Err(SignatureError::Missing));
        assert_eq!(check(" ", URL, FORM), Err(SignatureError::Missing));
    }

    #[test]
    fn an_empty_token_signs_nothing() {
        let mac = Hmac::<Sha1>::new_from_slice(b"").expect("any length").chain_update(URL.as_bytes());
        let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
        assert_eq!(verify(Some(&signature), URL, b"", &Private::from("")), Err(SignatureError::Wrong));
    }
}
