//! E-mail addresses as people write them.

use crate::personal::Private;

const LONGEST_EMAIL: usize = 254;

/// Parses an e-mail address. It checks only the form, not whether the address exists.
pub fn parse_email(text: &str) -> Option<Private<String>> {
    let text = text.trim();
    let (local, host) = text.split_once('@')?;
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "<>()[]\\,;:\"".contains(c);
    let is_label = |it: &str| {
        it.chars().all(|c| c.is_alphanumeric() || c == '-')
            && !it.is_empty()
            && !it.starts_with('-')
            && !it.ends_with('-')
    };
    let fits = text.len() <= LONGEST_EMAIL
        && !local.is_empty()
        && !local.contains(is_odd)
        && host.contains('.')
        && host.split('.').all(is_label);
    fits.then(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e_mail_addresses_are_checked() {
        for good in ["ana@example.com", " ana.pop+x@sub.example.com ", "søren@kjær.dk", "o'neil@a-b.co"] {
            assert_eq!(parse_email(good).map(|it| it.expose().clone()).as_deref(), Some(good.trim()));
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
            "Ana <ana@example.com>",
            "ana\u{0}@example.com",
            &long,
        ] {
            assert_eq!(parse_email(bad), None, "{bad}");
        }
        assert!(parse_email(&long[1..]).is_some());
    }
}
