//! Links and phone numbers in texts, as carriers look for them.

/// What a text may not have. The default forbids nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TextLimits {
    /// The domains whose links may be in the text, with their subdomains; `None`: any.
    pub domains: Option<Vec<String>>,
    /// Whether links of public shorteners are forbidden.
    pub no_shorteners: bool,
    /// Whether phone numbers are forbidden.
    pub no_numbers: bool,
}

impl TextLimits {
    /// Returns whether a link may be in the text.
    pub fn allow_link(&self, link: &str) -> bool {
        if self.domains.is_none() && !self.no_shorteners {
            return true;
        }
        let host = host_of(link);
        if self.no_shorteners && is_public_shortener(&host) {
            return false;
        }
        self.domains.as_ref().is_none_or(|domains| domains.iter().any(|domain| is_within(&host, domain)))
    }

    /// Returns whether a text has no link and no number that may not be in it.
    pub fn allow_text(&self, text: &str) -> bool {
        if *self == Self::default() {
            return true;
        }
        let links: Vec<_> = words(text).filter(|word| is_link(word)).collect();
        links.iter().all(|link| self.allow_link(link)) && !(self.no_numbers && has_number(text, &links))
    }
}

/// Public shorteners of links, whose links carriers block.
/// Source: the services that carriers' guidelines name as examples, and others of their kind.
const SHORTENERS: [&str; 18] = [
    "adf.ly",
    "bit.ly",
    "bitly.com",
    "buff.ly",
    "cutt.ly",
    "goo.gl",
    "is.gd",
    "lnkd.in",
    "ow.ly",
    "qrco.de",
    "rb.gy",
    "rebrand.ly",
    "s.id",
    "shorturl.at",
    "t.co",
    "t.ly",
    "tiny.cc",
    "tinyurl.com",
];

/// Returns whether a domain is of a public shortener.
pub fn is_public_shortener(domain: &str) -> bool {
    SHORTENERS.iter().any(|shortener| is_within(domain, shortener))
}

/// Returns whether a host is a domain or below it.
fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Reads a domain such as `calendly.com`, in small letters. `None` for an address with a path, or a single word.
pub fn parse_domain(text: &str) -> Option<String> {
    let domain = text.trim().to_ascii_lowercase();
    let is_label = |label: &str| {
        let is_of_label = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        !label.is_empty() && label.len() <= 63 && label.bytes().all(is_of_label)
    };
    let (_, last) = domain.rsplit_once('.')?;
    let is_top = last.len() >= 2 && !last.bytes().all(|b| b.is_ascii_digit());
    (is_top && domain.len() <= 253 && domain.split('.').all(is_label)).then_some(domain)
}

/// Returns the host of a link, in small letters; of an e-mail address, its domain.
fn host_of(link: &str) -> String {
    let rest = link.split_once("://").map_or(link, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    host.split(':').next().unwrap_or_default().trim_end_matches('.').to_lowercase()
}

/// Returns the words of a text. Characters that cannot be in a link end a word, so that a link is found in Chinese,
/// too.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let ends =
        |c: char| !c.is_ascii() || c.is_ascii_whitespace() || c.is_ascii_control() || "\"'<>()[]{},;!|".contains(c);
    text.split(ends).map(|word| word.trim_matches(['.', ':', '?', '-'])).filter(|word| !word.is_empty())
}

/// The ends of the domains that people write without `https://`. What else has a dot in it, such as `nr.12` or
/// `Str.Lungă`, is no link.
const ENDS: [&str; 80] = [
    "ae", "ai", "app", "asia", "au", "bg", "biz", "blog", "br", "ca", "cc", "ch", "click", "cloud", "club", "cn", "co",
    "com", "cz", "de", "dev", "dk", "edu", "es", "eu", "fi", "fr", "gg", "gl", "gov", "gr", "hk", "hu", "ie", "il",
    "info", "int", "io", "it", "jp", "kr", "kw", "link", "live", "ly", "md", "me", "mx", "net", "nl", "online", "org",
    "page", "ph", "pl", "pro", "pt", "qa", "ro", "ru", "sa", "se", "sg", "shop", "site", "sk", "store", "tech", "th",
    "top", "tr", "tv", "tw", "ua", "uk", "us", "vip", "vn", "xyz", "za",
];

/// Returns whether a carrier, or a phone, takes a word for a link.
fn is_link(word: &str) -> bool {
    if word.contains("://") || word.to_ascii_lowercase().starts_with("www.") {
        return true;
    }
    let host = host_of(word);
    let has_path = word.contains('/');
    parse_domain(&host).is_some_and(|host| {
        let end = host.rsplit('.').next().unwrap_or_default();
        has_path && end.bytes().all(|b| b.is_ascii_alphabetic()) || ENDS.contains(&end)
    })
}

/// No phone number that can be called from abroad has fewer digits. A date has eight.
const FEWEST_DIGITS: usize = 9;

/// Returns whether there is a phone number outside of the links: digits that only spaces, hyphens and brackets divide.
fn has_number(text: &str, links: &[&str]) -> bool {
    let text = links.iter().fold(text.to_owned(), |text, link| text.replace(link, "x"));
    let ends = |c: char| !c.is_ascii_digit() && !" \u{a0}-+()".contains(c);
    text.split(ends).any(|part| part.bytes().filter(u8::is_ascii_digit).count() >= FEWEST_DIGITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(domains: &[&str]) -> TextLimits {
        let domains = Some(domains.iter().map(|it| (*it).to_owned()).collect());
        TextLimits { domains, no_shorteners: true, no_numbers: true }
    }

    #[test]
    fn a_link_is_allowed_by_its_domain() {
        let limits = only(&["calendly.com", "vai.example"]);
        for link in [
            "https://calendly.com/d/1",
            "HTTPS://WWW.Calendly.com:443/x?y=z.example",
            "vai.example",
            "https://go.vai.example",
        ] {
            assert!(limits.allow_link(link), "{link}");
        }
        for link in [
            "https://notcalendly.com/x",
            "https://calendly.com.evil.example/x",
            "https://calendly.com@evil.example/x",
            "https://evil.example/calendly.com",
            "https://evil.example?calendly.com",
            "https://",
            "",
        ] {
            assert!(!limits.allow_link(link), "{link}");
        }
        assert!(TextLimits::default().allow_link("https://bit.ly/x"));
        let no_shorteners = TextLimits { no_shorteners: true, ..TextLimits::default() };
        assert!(no_shorteners.allow_link("https://evil.example") && !no_shorteners.allow_link("https://bit.ly/x"));
    }

    #[test]
    fn links_and_numbers_are_found_in_texts() {
        let nothing = only(&[]);
        for text in [
            "王小明 您好，您與林美玲的「產品展示」已預約成功：10月15日週四 下午3:30（台北時間）。詳情請見電子郵件。",
            "Bună ziua! Reamintire: Demo cu Maria, joi, 15 oct., 10:30 (ora României, UTC+3). Str.Lungă nr.12",
            "Dr.Popescu, e.g. at 10.30, 2026-10-15, 12 Baker Street, room 4/5",
            "",
        ] {
            assert!(nothing.allow_text(text), "{text}");
        }
        for text in [
            "請見https://a.example/x。",
            "請見a.com。",
            "Join: (https://zoom.example/j/1)",
            "www.a.example",
            "visit Shop.RO today",
            "visit win.xyz",
            "Win.Online now",
            "a.example/x",
            "write to ana@a.com",
            "call 0912-345-678",
            "call +886 2 2345 6789.",
            "請撥0912345678",
            "(02) 2345-6789 0",
        ] {
            assert!(!nothing.allow_text(text), "{text}");
        }
        assert!(only(&["a.example"]).allow_text("https://a.example/9876543210"));
        assert!(TextLimits::default().allow_text("bit.ly/x 0912345678"));
    }

    #[test]
    fn a_domain_is_read_or_refused() {
        assert_eq!(parse_domain(" Calendly.COM "), Some("calendly.com".to_owned()));
        for wrong in ["calendly", "https://calendly.com", "calendly.com/x", "a..b", ".com", "10.0.0.1", "a b.com", "*"]
        {
            assert_eq!(parse_domain(wrong), None, "{wrong}");
        }
    }
}
