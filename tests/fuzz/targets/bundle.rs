//! A bundle of evidence, a file of keys, a policy and a picture's kind as strangers might make them: never a panic, and no
//! bundle is genuine under keys that did not make it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use milaf::{
    audit::{Answer, Bundle, judge_bundle, keys_file},
    tlog::Policy,
};

fuzz_target!(|data: &[u8]| {
    if let Ok(bundle) = Bundle::read(data) {
        let _ = bundle.write();
    }
    for verdict in judge_bundle(data, None, None) {
        assert_ne!(verdict.answer, Answer::Genuine);
    }
    let _ = keys_file::read(data);
    let _ = Policy::parse(data);
});
