//! What happens at random, in an order that can be repeated.

/// `SplitMix64`: small, and the same on every machine.
pub(crate) struct Randomness(pub(crate) u64);

impl Randomness {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// Where this run begins.
pub(crate) fn seed() -> u64 {
    let seed = std::env::var("MILAF_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_230_713);
    println!("seed {seed}: set MILAF_SEED to repeat, or to another number for another order");
    seed
}
