//! A small, fast, seeded generator (`SplitMix64`). The same seed gives the same numbers on every machine.

/// The generator.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Makes the generator of one stream of a seed.
    pub fn new(seed: u64, stream: u64) -> Self {
        // Mixed twice: streams of neighbouring numbers must not be neighbouring places of one stream.
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

    /// Returns a number from `low` up to, not including, `high`.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high - low).unwrap_or(0).max(1);
        low + i64::try_from(self.next() % span).unwrap_or(0)
    }

    /// Returns an index of a list of this length, which is not empty.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.next() % length as u64).unwrap_or(0)
    }

    /// Returns true so many times in ten thousand.
    pub fn happens(&mut self, in_ten_thousand: u32) -> bool {
        self.next() % 10_000 < u64::from(in_ten_thousand)
    }

    /// Returns one of several.
    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.index(choices.len())]
    }
}
