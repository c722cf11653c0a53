//! Short links: the rows under their codes, and when they were opened.
//!
//! A code is an HMAC of what its link is, so it cannot be guessed, and the same link always has the same code. The key
//! is a row of the table: whoever can read it can read the links as well.

use domain::{Opening, Private, ShortLink};
use engine::PortError;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use crate::attributes;
use crate::condition::{Condition, is_refused};
use crate::key;
use crate::row::{self, KEY_LENGTH, kind};
use crate::table::{Table, unavailable};

/// The characters of a code.
const CODE_LENGTH: usize = 8;

impl Table {
    /// Reads the short link of a code; `None` if there is none, or it is not the one that the code was made for. A link
    /// that has ended may be readable for some time.
    ///
    /// # Errors
    /// See [`PortError`].
    pub async fn load_short_link(&self, code: &str) -> Result<Option<ShortLink>, PortError> {
        if !is_code(code) {
            return Ok(None);
        }
        let row = self.get(attributes::key(key::link_partition(code), key::LINK), kind::SHORT_LINK).await?;
        let Some(link) = row.as_ref().map(attributes::read::<ShortLink>).transpose()? else { return Ok(None) };
        let key = self.link_key().await?;
        Ok((code_of(&key, &link) == code).then_some(link))
    }

    /// Records that a short link was opened. Only the first time counts.
    ///
    /// # Errors
    /// See [`PortError`].
    pub async fn record_opening(&self, link: &ShortLink, at: Timestamp) -> Result<(), PortError> {
        let opening = Opening { command: link.command.clone(), purpose: link.purpose, at };
        self.put_if(row::opening(link, &opening), &Condition::Absent).await
    }

    /// Stores a short link and returns its code; `None` if another link has it.
    pub(crate) async fn write_short_link(&self, link: &ShortLink) -> Result<Option<String>, PortError> {
        let code = code_of(&self.link_key().await?, link);
        match self.put(row::short_link(&code, link), &Condition::Absent).await {
            Ok(()) => Ok(Some(code)),
            Err(error) if is_refused(&error) => {
                let stored = self.load_short_link(&code).await?;
                Ok(stored.filter(|it| it.url == link.url && it.command == link.command).map(|_| code))
            }
            Err(error) => Err(unavailable(error)),
        }
    }

    /// Returns the key of all codes. The first function that needs it makes it.
    async fn link_key(&self) -> Result<[u8; KEY_LENGTH], PortError> {
        if let Some(key) = self.link_key.get() {
            return Ok(*key.expose());
        }
        let stored = match self.read_link_key().await? {
            Some(stored) => stored,
            None => {
                let mut key = [0; KEY_LENGTH];
                getrandom::fill(&mut key)
                    .map_err(|error| PortError::unavailable(format!("the system gives no randomness: {error}")))?;
                self.put_if(row::link_key(&key), &Condition::Absent).await?;
                let stored = self.read_link_key().await?;
                stored.ok_or_else(|| PortError::unavailable("the key of short links was not stored"))?
            }
        };
        Ok(*self.link_key.get_or_init(|| Private::new(stored)).expose())
    }

    async fn read_link_key(&self) -> Result<Option<[u8; KEY_LENGTH]>, PortError> {
        let row = self.get(attributes::key(key::LINK_KEY_PARTITION.to_owned(), key::LINK_KEY), kind::LINK_KEY).await?;
        row.as_ref().map(row::read_link_key).transpose()
    }
}

fn is_code(text: &str) -> bool {
    text.len() == CODE_LENGTH && text.bytes().all(|it| it.is_ascii_alphanumeric())
}

/// Returns the code of a link. How long the link is valid is not in it: a repeated message has the same code.
fn code_of(key: &[u8; KEY_LENGTH], link: &ShortLink) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|never| unreachable!("any key fits: {never}"));
    let (booking, command) = (link.booking.as_str(), link.command.as_str());
    for part in [link.connection.as_str(), booking, command, link.purpose.name(), link.url.as_str()] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    let digest = mac.finalize().into_bytes();
    let mut number = digest.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    let mut code = String::with_capacity(CODE_LENGTH);
    for _ in 0..CODE_LENGTH {
        let digit = usize::try_from(number % 62).unwrap_or_default();
        code.push(char::from(ALPHABET[digit]));
        number /= 62;
    }
    code
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use domain::{BookingId, CommandId, ConnectionName, LinkPurpose};

    use super::*;

    fn link(command: &str, purpose: LinkPurpose) -> ShortLink {
        ShortLink {
            connection: ConnectionName::default(),
            booking: BookingId::new("bk-1"),
            command: CommandId::new(command),
            purpose,
            url: "https://calendly.com/cancellations/x".to_owned(),
            until: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_code_belongs_to_one_link_and_one_key() {
        let key = [7; KEY_LENGTH];
        let first = link("sms-confirmation-1", LinkPurpose::Cancel);
        let code = code_of(&key, &first);
        assert!(is_code(&code), "{code}");
        assert_eq!(code_of(&key, &ShortLink { until: Timestamp::MAX, ..first.clone() }), code);
        let others = [
            code_of(&[8; KEY_LENGTH], &first),
            code_of(&key, &link("sms-confirmation-1", LinkPurpose::Reschedule)),
            code_of(&key, &link("sms-confirmation-2", LinkPurpose::Cancel)),
            code_of(&key, &ShortLink { url: "https://evil.example/".to_owned(), ..first.clone() }),
            code_of(&key, &ShortLink { booking: BookingId::new("bk-2"), ..first }),
        ];
        let all: BTreeSet<_> = others.iter().chain([&code]).collect();
        assert_eq!(all.len(), 6, "{all:?}");
    }

    #[test]
    fn only_eight_letters_and_digits_are_a_code() {
        for other in ["", "1234567", "123456789", "1234-678", "1234567é", "../../ab"] {
            assert!(!is_code(other), "{other}");
        }
        assert!(is_code("Ab3dEf9h"));
    }
}
