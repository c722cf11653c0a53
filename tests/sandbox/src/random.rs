//! Random identifiers, and a random generator with a seed.

use std::fmt::Write;

fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has a random source");
    bytes
}

/// Returns a version 4 UUID.
pub(crate) fn uuid() -> String {
    let mut bytes: [u8; 16] = bytes();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// Returns `count` characters of lower-case base32.
pub(crate) fn base32(count: usize) -> String {
    // 256 is a multiple of 32, so each character is equally likely.
    (0..count).map(|_| char::from(b"abcdefghijklmnopqrstuvwxyz234567"[usize::from(bytes::<1>()[0] % 32)])).collect()
}

/// Returns a decimal number of 19 digits: the form of `EngageLab`'s message ids.
pub(crate) fn number() -> String {
    let mut number = String::from("19");
    for byte in bytes::<17>() {
        write!(number, "{}", byte % 10).expect("a string takes all text");
    }
    number
}

/// A random generator with a seed: `SplitMix64`.
#[derive(Default)]
pub(crate) struct SeededRandom(u64);

impl SeededRandom {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a number from 0 up to, but not including, 1; evenly distributed.
    pub(crate) fn next_fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // An f64 holds 53 bits without loss.
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}
