//! URLs of customers: checked, and masked where they are shown.

use std::fmt;
use std::net::SocketAddr;

use percent_encoding::percent_decode_str;
use url::{Host, ParseError, Url};

use crate::address::ForbiddenAddress;
use crate::policy::AddressPolicy;

/// The longest URL.
pub const MAX_URL_BYTES: usize = 2048;

/// The ports that a URL may name. Others serve no public HTTPS, but mail, databases and the like.
pub const PORTS: [u16; 2] = [443, 8443];

/// The longest host name and the longest part of it (RFC 1035).
const MAX_NAME_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

/// The last labels of names that have no public address: RFC 6761 and 6762 with its appendix G, RFC 8375, and ICANN's
/// reservation of `internal`.
const PRIVATE_NAMES: [&str; 10] =
    ["localhost", "localdomain", "local", "internal", "intranet", "private", "corp", "home", "lan", "home.arpa"];

/// A part of a path that is at least so long, and more than lower-case words, is taken for a key. Those of Slack,
/// Discord, Teams and Make are longer.
const MIN_KEY_BYTES: usize = 20;

const MASK: &str = "***";

/// A URL of a customer that may be called. A user name and a password in it are sent as Basic authentication, unless
/// the headers have an `Authorization`.
#[derive(Clone, PartialEq, Eq)]
pub struct TargetUrl {
    pub(crate) url: Url,
    /// The address, if the host is one: no resolver is asked for it.
    pub(crate) literal: Option<SocketAddr>,
}

/// Why a URL is refused. No message has anything of the URL but an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UrlProblem {
    /// The URL is too long.
    #[error("the URL has more than {MAX_URL_BYTES} bytes: give a shorter one")]
    TooLong,
    /// The URL does not begin with `https://`.
    #[error("the URL must begin with https://")]
    NotHttps,
    /// There is no host.
    #[error("the URL has no host: write it as https://host/path")]
    MissingHost,
    /// The URL can't be parsed.
    #[error("the URL is not valid: {0}")]
    Invalid(&'static str),
    /// There is a fragment, which is never sent.
    #[error("the URL must have no fragment: remove # and what follows it, or write # as %23")]
    Fragment,
    /// The port is not allowed.
    #[error("the URL's port must be 443 or 8443")]
    Port,
    /// The host is an address that is not allowed.
    #[error("the URL must lead to a public host: {0}")]
    ForbiddenAddress(#[from] ForbiddenAddress),
    /// The host is a name of private networks.
    #[error("the URL must have a public host name with a dot: localhost, .local, .internal and the like are refused")]
    PrivateName,
}

impl UrlProblem {
    /// Returns the stable name of the problem.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "url_too_long",
            Self::NotHttps => "url_not_https",
            Self::MissingHost => "url_without_host",
            Self::Invalid(_) => "url_invalid",
            Self::Fragment => "url_with_fragment",
            Self::Port => "url_port",
            Self::ForbiddenAddress(_) => "forbidden_address",
            Self::PrivateName => "private_name",
        }
    }
}

impl From<ParseError> for UrlProblem {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::EmptyHost => Self::MissingHost,
            ParseError::InvalidPort => Self::Invalid("its port is not a number up to 65535"),
            ParseError::IdnaError | ParseError::InvalidDomainCharacter => Self::Invalid("its host is not a host name"),
            ParseError::InvalidIpv4Address => Self::Invalid("its host is not an IPv4 address"),
            ParseError::InvalidIpv6Address => Self::Invalid("its host is not an IPv6 address without a zone"),
            _ => Self::Invalid("write it as https://host/path"),
        }
    }
}

impl TargetUrl {
    /// Parses and checks a URL, without a look-up and without a call.
    ///
    /// It must be https, have a public host, no fragment, and one of [`PORTS`]. A loopback address that the policy
    /// names may be http, and has the port that the policy names.
    ///
    /// # Errors
    /// The URL is not one that may be called.
    pub fn parse(text: &str, policy: &AddressPolicy) -> Result<Self, UrlProblem> {
        if text.len() > MAX_URL_BYTES {
            return Err(UrlProblem::TooLong);
        }
        // The parser repairs what other parsers read otherwise: it drops line breaks, turns \ into / and adds slashes.
        if text.contains(|it: char| it.is_control() || it.is_whitespace() || it == '\\') {
            return Err(UrlProblem::Invalid("remove spaces, control characters and backslashes"));
        }
        let (scheme, rest) = text.split_once("://").ok_or(UrlProblem::NotHttps)?;
        let is_http = scheme.eq_ignore_ascii_case("http");
        if !is_http && !scheme.eq_ignore_ascii_case("https") {
            return Err(UrlProblem::NotHttps);
        }
        if rest.is_empty() || rest.starts_with(['/', '?', '#']) {
            return Err(UrlProblem::MissingHost);
        }
        let url = Url::parse(text)?;
        if url.fragment().is_some() {
            return Err(UrlProblem::Fragment);
        }
        let credentials = [url.username(), url.password().unwrap_or_default()];
        if credentials.iter().any(|it| percent_decode_str(it).decode_utf8().is_err()) {
            return Err(UrlProblem::Invalid("its user name and password must be UTF-8"));
        }
        let port = url.port_or_known_default().ok_or(UrlProblem::Port)?;
        let literal = match url.host().ok_or(UrlProblem::MissingHost)? {
            Host::Domain(name) => {
                check_name(name)?;
                None
            }
            Host::Ipv4(address) => Some(SocketAddr::from((address, port))),
            Host::Ipv6(address) => Some(SocketAddr::from((address, port))),
        };
        if let Some(address) = literal {
            policy.check(address)?;
        }
        if !literal.is_some_and(|it| policy.names(it)) {
            if is_http {
                return Err(UrlProblem::NotHttps);
            }
            if !PORTS.contains(&port) {
                return Err(UrlProblem::Port);
            }
        }
        Ok(Self { url, literal })
    }

    /// Returns the whole URL, with its secrets. Store it encrypted, and show [`TargetUrl::masked`] instead.
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// Returns the URL without user name, password, values of the query, and parts of the path that look like keys.
    pub fn masked(&self) -> String {
        mask(&self.url)
    }
}

impl fmt::Debug for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TargetUrl").field(&self.masked()).finish()
    }
}

/// Masks a text that may be a URL, as [`TargetUrl::masked`] does. Of what is no URL of HTTP, nothing is left.
pub fn mask_url(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) => mask(&url),
        _ => MASK.to_owned(),
    }
}

fn mask(url: &Url) -> String {
    let mut masked = format!("{}://", url.scheme());
    if !url.username().is_empty() || url.password().is_some() {
        masked += MASK;
        masked += "@";
    }
    masked += url.host_str().unwrap_or_default();
    if let Some(port) = url.port() {
        masked += &format!(":{port}");
    }
    for part in url.path().split('/').skip(1) {
        let is_key = part.len() >= MIN_KEY_BYTES && part.contains(|it: char| it.is_ascii_digit() || it.is_uppercase());
        masked += "/";
        // An @ here may come from a password with a slash.
        masked += if is_key || part.contains('@') { MASK } else { part };
    }
    let mut separator = "?";
    for pair in url.query().into_iter().flat_map(|it| it.split('&')) {
        masked += separator;
        separator = "&";
        if let Some((name, _)) = pair.split_once('=') {
            masked += name;
            masked += "=";
        }
        masked += if pair.is_empty() { "" } else { MASK };
    }
    if url.fragment().is_some() {
        masked += "#";
        masked += MASK;
    }
    masked
}

fn check_name(name: &str) -> Result<(), UrlProblem> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.len() > MAX_NAME_BYTES || name.split('.').any(|it| it.is_empty() || it.len() > MAX_LABEL_BYTES) {
        return Err(UrlProblem::Invalid("its host is not a host name"));
    }
    // No top-level domain begins with a digit. Some resolvers read such a name as an address.
    if name.rsplit('.').next().is_some_and(|it| it.starts_with(|it: char| it.is_ascii_digit())) {
        return Err(UrlProblem::Invalid("its host is neither a host name nor an address"));
    }
    let ends_with = |end: &&str| name.strip_suffix(*end).is_some_and(|it| it.is_empty() || it.ends_with('.'));
    if !name.contains('.') || PRIVATE_NAMES.iter().any(ends_with) { Err(UrlProblem::PrivateName) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use proptest::prelude::*;

    use super::*;
    use crate::address::tests::{forbidden, forbidden_ipv4};

    fn code(url: &str) -> Result<String, &'static str> {
        let parsed = TargetUrl::parse(url, &AddressPolicy::default());
        parsed.map(|it| it.as_str().to_owned()).map_err(|it| it.code())
    }

    fn dev() -> AddressPolicy {
        AddressPolicy::with_loopback(vec![SocketAddr::from(([127, 0, 0, 1], 4575))]).expect("loopback")
    }

    #[test]
    fn public_urls_are_accepted() {
        for (url, called) in [
            ("https://hooks.example.com/vai", "https://hooks.example.com/vai"),
            ("HTTPS://Hooks.Example.COM:443", "https://hooks.example.com/"),
            ("https://hooks.example.com:8443/a?b=c", "https://hooks.example.com:8443/a?b=c"),
            ("https://hooks.example.com./a", "https://hooks.example.com./a"),
            ("https://user:p%40ss@hooks.example.com/a", "https://user:p%40ss@hooks.example.com/a"),
            ("https://bücher.example.com/ü", "https://xn--bcher-kva.example.com/%C3%BC"),
            ("https://notlocal.example.com", "https://notlocal.example.com/"),
            ("https://local.example.com", "https://local.example.com/"),
            ("https://mylocal.dev", "https://mylocal.dev/"),
            ("https://1.1.1.1/", "https://1.1.1.1/"),
            ("https://[2606:4700:4700::1111]/", "https://[2606:4700:4700::1111]/"),
            ("https://hooks.example.com/?u=https://127.0.0.1/", "https://hooks.example.com/?u=https://127.0.0.1/"),
        ] {
            assert_eq!(code(url).as_deref(), Ok(called), "{url}");
        }
    }

    #[test]
    fn each_kind_of_bad_url_has_its_code() {
        let long = format!("https://example.com/{}", "a".repeat(MAX_URL_BYTES));
        let long_label = format!("https://{}.example.com", "a".repeat(MAX_LABEL_BYTES + 1));
        let long_name = format!("https://{}example.com", "a.".repeat(MAX_NAME_BYTES / 2));
        for (expected, urls) in [
            ("url_too_long", [long.as_str()].as_slice()),
            (
                "url_not_https",
                &[
                    "",
                    "example.com/hook",
                    "http://example.com",
                    "http://1.1.1.1",
                    "ftp://example.com",
                    "file:///etc/passwd",
                    "gopher://example.com",
                    "https:example.com",
                    "https:/example.com",
                    "//example.com",
                    "data:text/plain,a",
                    "wss://example.com",
                    "xhttps://example.com",
                ],
            ),
            (
                "url_without_host",
                &["https://", "https:///example.com", "https://?a", "https://#a", "https://user@/", "https://:443/"],
            ),
            (
                "url_invalid",
                &[
                    " https://example.com",
                    "https://exa\nmple.com",
                    "https://example.com/\t",
                    "https://example.com/a b",
                    "https://example.com\\@127.0.0.1/",
                    "https:\\\\example.com",
                    "https://example.com/\0",
                    "https://example.com/\u{a0}",
                    "https://example.com:port",
                    "https://example.com:65536",
                    "https://exa%00mple.com",
                    "https://exa<mple.com",
                    "https://a..example.com",
                    "https://.example.com",
                    "https://example.com..",
                    "https://1.2.3.4.5",
                    "https://256.256.256.256",
                    "https://127.0.0.0x1g",
                    "https://127.0.0.1g.",
                    "https://[::1",
                    "https://[fe80::1%25eth0]/",
                    "https://[fe80::1%eth0]/",
                    "https://%ff:a@example.com",
                    "https://a:%ff@example.com",
                    &long_label,
                    &long_name,
                ],
            ),
            ("url_with_fragment", &["https://example.com/#a", "https://example.com#", "https://1.1.1.1#@example.com"]),
            ("url_port", &["https://example.com:80", "https://example.com:22", "https://1.1.1.1:8080"]),
            (
                "private_name",
                &[
                    "https://localhost",
                    "https://localhost:443",
                    "https://LOCALHOST.",
                    "https://a.localhost",
                    "https://ｌｏｃａｌｈｏｓｔ",
                    "https://%6cocalhost",
                    "https://localhost.localdomain",
                    "https://printer.local",
                    "https://metadata.google.internal",
                    "https://metadata.google.internal.",
                    "https://a.home.arpa",
                    "https://router.lan",
                    "https://intranet",
                    "https://instance-data",
                    "https://example.com@localhost/",
                    "https://com",
                ],
            ),
        ] {
            for url in urls {
                assert_eq!(code(url), Err(expected), "{url}");
            }
        }
    }

    #[test]
    fn odd_spellings_of_loopback_and_metadata_are_forbidden() {
        for host in [
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7F.1",
            "0177.0.0.1",
            "017700000001",
            "0x7f.0.0.0x1",
            "0",
            "0x",
            "%31%32%37.0.0.1",
            "127%2e0.0.1",
            "１２７.０.０.１",
            "127。0。0。1",
            "①②⑦.⓪.⓪.①",
            "user:password@127.0.0.1",
            "example.com@127.0.0.1",
            "example.com:443@127.0.0.1:443",
            "a@b@127.0.0.1",
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "0251.0376.0251.0376",
            "[::1]",
            "[::]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::169.254.169.254]",
            "[64:ff9b:1::a9fe:a9fe]",
            "[2002:7f00:1::]",
            "[2001:0:1:2:3:4:80ff:fffe]",
            "[2606:4700::5efe:127.0.0.1]",
            "[fd00:ec2::254]",
            "[fe80::1]",
        ] {
            for url in [format!("https://{host}/"), format!("http://{host}/"), format!("https://{host}")] {
                assert_eq!(code(&url), Err("forbidden_address"), "{url}");
            }
        }
    }

    #[test]
    fn a_named_loopback_address_may_be_called_in_dev() {
        let parse = |url: &str| TargetUrl::parse(url, &dev()).map(|_| ()).map_err(|it| it.code());
        assert_eq!(parse("http://127.0.0.1:4575/a"), Ok(()));
        assert_eq!(parse("https://127.0.0.1:4575/a"), Ok(()));
        assert_eq!(parse("http://127.0.0.1:4576/a"), Err("forbidden_address"));
        assert_eq!(parse("http://[::ffff:127.0.0.1]:4575/a"), Err("forbidden_address"));
        assert_eq!(parse("http://localhost:4575/a"), Err("private_name"));
        assert_eq!(parse("http://example.com:4575/a"), Err("url_not_https"));
        assert_eq!(parse("https://example.com:4575/a"), Err("url_port"));
    }

    #[test]
    fn problems_say_what_to_do() {
        let message = |url: &str| TargetUrl::parse(url, &AddressPolicy::default()).expect_err("a problem").to_string();
        assert_eq!(message("ftp://example.com"), "the URL must begin with https://");
        let expected = "the URL must lead to a public host: the address 127.0.0.1 is not public (loopback)";
        assert_eq!(message("https://2130706433"), expected);
        assert_eq!(message("https://example.com:22"), "the URL's port must be 443 or 8443");
        assert_eq!(message("https://a:x"), "the URL is not valid: its port is not a number up to 65535");
    }

    #[test]
    fn urls_are_masked() {
        for (url, masked) in [
            ("https://example.com", "https://example.com/"),
            ("https://u:p@example.com:8443/hooks/vai", "https://***@example.com:8443/hooks/vai"),
            ("https://u@example.com/", "https://***@example.com/"),
            ("https://:p@example.com/", "https://***@example.com/"),
            ("https://example.com/?a=b&c&=d&&e=", "https://example.com/?a=***&***&=***&&e=***"),
            ("https://example.com/?a=b=c;d=e", "https://example.com/?a=***"),
            ("https://example.com/#a", "https://example.com/#***"),
            (
                "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
                "https://hooks.slack.com/services/T00000000/B00000000/***",
            ),
            (
                "https://example.com/events-of-the-calendar-and-calls",
                "https://example.com/events-of-the-calendar-and-calls",
            ),
            ("https://example.com/ab/cd@example.net", "https://example.com/ab/***"),
            ("http://127.0.0.1:4575/a?b=c", "http://127.0.0.1:4575/a?b=***"),
            ("user:password@example.com", "***"),
            ("mailto:somebody@example.com", "***"),
            ("no URL", "***"),
            ("", "***"),
        ] {
            assert_eq!(mask_url(url), masked, "{url}");
        }
        let target = TargetUrl::parse("https://u:p@example.com/?a=b", &AddressPolicy::default()).expect("a URL");
        assert_eq!(target.masked(), "https://***@example.com/?a=***");
        assert_eq!(format!("{target:?}"), r#"TargetUrl("https://***@example.com/?a=***")"#);
    }

    proptest! {
        #[test]
        fn every_forbidden_address_is_refused_as_a_literal(address in forbidden(), is_http: bool) {
            let scheme = if is_http { "http" } else { "https" };
            let url = match address {
                IpAddr::V4(it) => format!("{scheme}://{it}/"),
                IpAddr::V6(it) => format!("{scheme}://[{it}]/"),
            };
            prop_assert_eq!(code(&url), Err("forbidden_address"), "{}", url);
        }

        #[test]
        fn every_spelling_of_a_forbidden_ipv4_address_is_refused(address in forbidden_ipv4()) {
            let (bits, [a, b, c, d]) = (address.to_bits(), address.octets());
            let (low_16, low_24) = (bits & 0xffff, bits & 0xff_ffff);
            let percent: String = address.to_string().bytes().map(|it| format!("%{it:02x}")).collect();
            let wide: String = address.to_string().chars().map(|it| match it.to_digit(10) {
                Some(digit) => char::from_u32(0xff10 + digit).expect("a digit"),
                None => '。',
            }).collect();
            for host in [
                format!("{bits}"), format!("{bits:#x}"), format!("{bits:#X}").replace("0X", "0x"), format!("0{bits:o}"),
                format!("{a}.{low_24}"), format!("{a}.{b}.{low_16}"), format!("{a:#x}.{low_24:#x}"),
                format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"), format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
                format!("{a:#x}.0{b:o}.{low_16}"), format!("{address}."), percent, wide, format!("u:p@{address}"),
                format!("[::ffff:{address}]"), format!("[::{address}]"), format!("[64:ff9b::{address}]"),
            ] {
                prop_assert_eq!(code(&format!("https://{host}/")), Err("forbidden_address"), "{}", host);
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic_or_reach_a_forbidden_address(text in "(https?://)?\\PC{0,40}") {
            if let Ok(target) = TargetUrl::parse(&text, &AddressPolicy::default()) {
                prop_assert!(target.literal.is_none_or(|it| AddressPolicy::default().allows(it)));
                prop_assert_eq!(target.url.scheme(), "https");
            }
        }

        #[test]
        fn no_secret_is_in_a_masked_url_or_an_error(
            secrets in prop::collection::vec("[A-Z]{8,12}(%2[0-9]|[0-9.~:;=!$'()*+,]){0,3}", 4),
            host in prop::sample::select(vec!["example.com", "127.0.0.1", "localhost", "a..b", "example.com:22"]),
            end in prop::sample::select(vec!["", "#"]),
        ) {
            let [user, password, first, second] = &secrets[..] else { panic!("four secrets") };
            let url = format!("https://{user}:{password}@{host}/path?{first}&b={second}&c={user}{end}");
            let mut shown = mask_url(&url);
            match TargetUrl::parse(&url, &dev()) {
                Ok(target) => shown += &format!("{target:?} {}", target.masked()),
                Err(problem) => shown += &format!("{problem:?} {problem}"),
            }
            for secret in &secrets {
                let letters = secret.trim_end_matches(|it: char| !it.is_ascii_uppercase());
                // Of a pair without a value the name is shown.
                prop_assert!(!shown.contains(letters) || (secret == first && first.contains('=')), "{}", shown);
            }
        }

        #[test]
        fn a_masked_url_is_its_own_mask(text in "(https?://)?[a-z:@/?&=#%0-9.A-Z-]{0,60}") {
            let masked = mask_url(&text);
            prop_assert_eq!(mask_url(&masked), masked);
        }
    }

    #[test]
    fn the_spellings_of_a_public_address_are_accepted() {
        let bits = Ipv4Addr::new(1, 1, 1, 1).to_bits();
        for host in [format!("{bits}"), format!("{bits:#x}"), format!("0{bits:o}"), "1.1.257".to_owned()] {
            assert_eq!(code(&format!("https://{host}/")).as_deref(), Ok("https://1.1.1.1/"), "{host}");
        }
    }
}
