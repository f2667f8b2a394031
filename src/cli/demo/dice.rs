//! A small generator of reproducible choices (SplitMix64): the same demonstration tells the same stories each time.
//!
//! It must never make a key, a token or a password. The environment's randomness was rejected here, because a test could
//! not tell which stories to expect.

const SEED: u64 = 0x006D_696C_6166;

#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// A generator for one of many; neighbours have nothing in common.
    pub(super) fn of(place: usize) -> Self {
        let place = u64::try_from(place).unwrap_or(u64::MAX);
        let mut dice = Self(SEED ^ place.wrapping_mul(0xD1B5_4A32_D192_ED03));
        dice.0 = dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From `from` up to and with `to`.
    pub(super) fn between(&mut self, from: u32, to: u32) -> u32 {
        let span = u64::from(to.saturating_sub(from)) + 1;
        from + u32::try_from(self.next() % span).unwrap_or(0)
    }

    /// True in so many of a hundred cases.
    pub(super) fn percent(&mut self, chance: u32) -> bool {
        self.between(1, 100) <= chance
    }

    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.place_in(items)]
    }

    /// The index of one of them.
    pub(super) fn place_in<T>(&mut self, items: &[T]) -> usize {
        self.between(0, u32::try_from(items.len().saturating_sub(1)).unwrap_or(u32::MAX)) as usize
    }
}
