//! A small, fast, seeded generator (SplitMix64): the same seed gives the same world on every machine.

/// The generator.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// A stream of its own for each booking.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        // Through the mixer: neighbouring numbers must not be neighbouring places of one stream.
        let mut of_seed = Self(seed);
        let mut of_stream = Self(of_seed.next() ^ stream);
        Self(of_stream.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From `low` up to, not including, `high`.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high - low).unwrap_or(0).max(1);
        low + i64::try_from(self.next() % span).unwrap_or(0)
    }

    /// True so many times in ten thousand.
    pub(crate) fn happens(&mut self, in_ten_thousand: u32) -> bool {
        self.next() % 10_000 < u64::from(in_ten_thousand)
    }

    /// One of several.
    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.next() % choices.len() as u64).unwrap_or(0)]
    }
}
