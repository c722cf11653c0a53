//! E-mail addresses as people write them.

use stranger::is_invisible;

use crate::personal::Private;

const LONGEST_EMAIL: usize = 254;

/// Parses an e-mail address. It checks only the form, not whether the address exists. An internationalized domain is
/// returned in its ASCII form (`xn--…`, RFC 5890), in which every provider sends to it. A name before the `@` that is
/// not ASCII is refused: Amazon SES and Brevo do not send to it.
pub fn parse_email(text: &str) -> Option<Private<String>> {
    let text: String = text.trim().chars().filter(|c| c.is_control() || !is_invisible(*c)).collect();
    let (local, host) = text.split_once('@')?;
    let host = idna::domain_to_ascii(host).ok()?;
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
}
