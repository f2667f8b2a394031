//! A photograph as strangers might make it: never a panic, and never more work than the limits allow. Papers are left out: the
//! library that draws them runs in a process of its own, whose death is an answer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use milaf::scan::{Kind, Limits, read_codes};
use std::cell::Cell;

fuzz_target!(|data: &[u8]| {
    if Kind::of(data) == Some(Kind::Pdf) {
        return;
    }
    thread_local!(static STEPS: Cell<u32> = const { Cell::new(0) });
    STEPS.set(0);
    let still_time = || {
        STEPS.set(STEPS.get() + 1);
        STEPS.get() < 20
    };
    let limits = Limits { bytes: 1 << 16, pixels: 310_000, pages: 1, codes: 4, still_time: &still_time };
    if let Ok(codes) = read_codes(data, &limits) {
        assert!(codes.len() <= 4);
    }
});
