//! Random identifiers.

use std::fmt::Write;

fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has a random source");
    bytes
}

/// A version 4 UUID.
pub(crate) fn uuid() -> String {
    let mut bytes: [u8; 16] = bytes();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// `count` letters and digits of lower-case base32.
pub(crate) fn base32(count: usize) -> String {
    // 256 is a multiple of 32, so each character is equally likely.
    (0..count).map(|_| char::from(b"abcdefghijklmnopqrstuvwxyz234567"[usize::from(bytes::<1>()[0] % 32)])).collect()
}

/// A decimal number of 19 digits, as the SMS provider numbers its messages.
pub(crate) fn number() -> String {
    let mut number = String::from("19");
    for byte in bytes::<17>() {
        write!(number, "{}", byte % 10).expect("a string takes all text");
    }
    number
}
