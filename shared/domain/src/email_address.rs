//! E-mail addresses as people write them.

use stranger::is_invisible;

use crate::personal::Private;

const LONGEST_EMAIL: usize = 254;

/// Parses an e-mail address. It checks only the form, not whether the address exists. An internationalized domain is
/// returned in its ASCII form (`xn--…`, RFC 5890), in which every provider sends to it. A name before the `@` that is
/// not ASCII is refused: Amazon SES and Brevo do not send to it.
pub fn parse_email(text: &str) -> Option<Private<String>> {
    let (local, host) = split_address(text)?;
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || !c.is_ascii() || "<>()[]\\,;:\"".contains(c);
    let is_label = |it: &str| {
        it.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !it.is_empty()
            && !it.starts_with('-')
            && !it.ends_with('-')
    };
    let address = format!("{local}@{host}");
    let fits = address.len() <= LONGEST_EMAIL
        && !local.is_empty()
        && !local.contains(is_odd)
        && host.contains('.')
        && host.split('.').all(is_label);
    fits.then(|| address.into())
}

/// Returns whether two texts are the same e-mail address: upper and lower case, spaces, marks that cannot be seen, and
/// the form of an internationalized domain do not matter. Addresses are compared by this, or by [`email_key`].
pub fn is_same_email(one: &str, other: &str) -> bool {
    email_key(one) == email_key(other)
}

/// Returns what is equal for all ways to write an e-mail address, also one that nobody can send to. `@example.com`, for
/// the addresses of a domain, has a key, too. A text that is no address is only trimmed and in lower case.
pub fn email_key(text: &str) -> String {
    let ascii = split_address(text).map(|(local, host)| format!("{local}@{host}"));
    ascii.unwrap_or_else(|| text.trim().to_owned()).to_lowercase()
}

/// Splits an address into what is before the `@` and the domain in its ASCII form.
fn split_address(text: &str) -> Option<(String, String)> {
    let text: String = text.trim().chars().filter(|c| c.is_control() || !is_invisible(*c)).collect();
    let (local, host) = text.split_once('@')?;
    Some((local.to_owned(), idna::domain_to_ascii(host).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e_mail_addresses_are_checked() {
        for (good, address) in [
            ("ana@example.com", "ana@example.com"),
            (" ana.pop+x@sub.example.com ", "ana.pop+x@sub.example.com"),
            ("o'neil@a-b.co", "o'neil@a-b.co"),
            ("n@bücher.example", "n@xn--bcher-kva.example"),
            ("n@BÜCHER.example", "n@xn--bcher-kva.example"),
            ("n@xn--bcher-kva.example", "n@xn--bcher-kva.example"),
            ("n@例え.テスト", "n@xn--r8jz45g.xn--zckzah"),
            ("Ana@Example.com", "Ana@example.com"),
            ("\u{202a}ana@example.com\u{200b}", "ana@example.com"),
        ] {
            assert_eq!(parse_email(good).map(|it| it.expose().clone()).as_deref(), Some(address));
        }
        let long = format!("{}@example.com", "x".repeat(243));
        for bad in [
            "",
            "ana",
            "@example.com",
            "ana@",
            "ana@localhost",
            "ana@@example.com",
            "a@b@example.com",
            "ana pop@example.com",
            "ana@exa mple.com",
            "ana@example..com",
            "ana@.com",
            "ana@-example.com",
            "søren@example.dk",
            "ana@exa\u{301}",
            "Ana <ana@example.com>",
            "ana\u{0}@example.com",
            &long,
        ] {
            assert_eq!(parse_email(bad), None, "{bad}");
        }
        assert!(parse_email(&long[1..]).is_some());
    }

    #[test]
    fn an_address_is_the_same_however_it_is_written() {
        for (one, other) in [
            ("maria@bücher.example", "maria@xn--bcher-kva.example"),
            ("Maria@BÜCHER.example", " maria@bu\u{308}cher.example"),
            ("Ana@Example.com", "ana@example.com\n"),
            ("\u{202a}ana@example.com", "ana@example.com\u{200b}"),
            ("søren@bücher.example", "SØREN@xn--bcher-kva.example"),
            ("@bücher.example", "@XN--BCHER-KVA.example"),
            (" Maria Popescu", "maria popescu"),
        ] {
            assert!(is_same_email(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("ana@example.com", "ana@example.org"),
            ("ana@example.com", "anna@example.com"),
            ("ana@bücher.example", "ana@bucher.example"),
            ("ana@example.com", "@example.com"),
            ("", "ana@example.com"),
        ] {
            assert!(!is_same_email(one, other), "{one} {other}");
        }
    }
}
