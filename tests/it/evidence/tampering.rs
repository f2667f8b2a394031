//! Whoever changes one byte of what is proven is found out, with the manifest put right and without.

use milaf::audit::{Answer, Bundle, judge_bundle};

use super::{Taken, worst};

/// `None` when the text is no text any more.
fn in_text(text: &mut String, at: usize, bit: u8) -> Option<()> {
    let mut bytes = std::mem::take(text).into_bytes();
    bytes[at] ^= bit;
    *text = String::from_utf8(bytes).ok()?;
    Some(())
}

#[test]
fn every_changed_byte_of_what_is_proven_is_found() {
    let taken = Taken::new();
    let keys = taken.published();
    let mut bundle = Bundle::read(&taken.bytes()).unwrap();
    // The paper proves nothing and would be compressed thousands of times.
    bundle.receipts[0].paper = None;
    assert_eq!(worst(&judge_bundle(&bundle.write().unwrap(), Some(&keys), None)), Answer::Genuine);
    let mut looked_at = 0;
    let mut check = |what: &str, change: &dyn Fn(&mut Bundle, u8) -> Option<()>| {
        for bit in [0x01, 0x20, 0x80] {
            let mut changed = bundle.clone();
            // A text that is no text any more cannot be put into a bundle.
            if change(&mut changed, bit).is_none() {
                continue;
            }
            let Ok(bytes) = changed.write() else { continue };
            let verdicts = judge_bundle(&bytes, Some(&keys), None);
            assert_ne!(worst(&verdicts), Answer::Genuine, "{what} ^ {bit}: {verdicts:?}");
            looked_at += 1;
        }
    };
    for (number, entry) in bundle.events.iter().enumerate() {
        for at in 0..entry.data.len() {
            check("leaf", &|changed, bit| {
                changed.events[number].data[at] ^= bit;
                Some(())
            });
        }
        for at in 0..entry.proof.len() {
            check("proof", &|changed, bit| in_text(&mut changed.events[number].proof, at, bit));
        }
        let content = entry.content.as_ref().unwrap();
        for at in 0..content.record.len() {
            check("record", &|changed, bit| {
                changed.events[number].content.as_mut()?.record[at] ^= bit;
                Some(())
            });
        }
        for at in 0..content.nonce.len() {
            check("nonce", &|changed, bit| {
                changed.events[number].content.as_mut()?.nonce[at] ^= bit;
                Some(())
            });
        }
    }
    for at in 0..bundle.checkpoint.len() {
        check("checkpoint", &|changed, bit| in_text(&mut changed.checkpoint, at, bit));
    }
    for at in 0..bundle.receipts[0].seal.len() {
        check("seal", &|changed, bit| {
            changed.receipts[0].seal[at] ^= bit;
            Some(())
        });
    }
    for at in 0..bundle.receipts[0].proof.len() {
        check("the receipt's proof", &|changed, bit| in_text(&mut changed.receipts[0].proof, at, bit));
    }
    for at in 0..bundle.reference.len() {
        check("reference", &|changed, bit| in_text(&mut changed.reference, at, bit));
    }
    for at in 0..bundle.origin.len() {
        check("origin", &|changed, bit| in_text(&mut changed.origin, at, bit));
    }
    assert!(looked_at > 3000, "only {looked_at}");
}

/// With nothing put right: whatever byte of the file is changed, nothing but the very same contents is believed.
#[test]
fn every_changed_byte_of_the_file_changes_nothing_or_is_found() {
    let taken = Taken::new();
    let (keys, bytes) = (taken.published(), taken.bytes());
    let bundle = Bundle::read(&bytes).unwrap();
    let paper = bundle.receipts[0].paper.as_ref().unwrap().len();
    for at in (0..bytes.len()).step_by(if paper > 10_000 { 7 } else { 1 }) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        if Bundle::read(&changed).is_ok_and(|read| read == bundle) {
            continue;
        }
        assert_ne!(worst(&judge_bundle(&changed, Some(&keys), None)), Answer::Genuine, "byte {at}");
    }
}

#[test]
fn what_is_left_out_exchanged_or_added_is_found() {
    let taken = Taken::new();
    let (office, data) = (&taken.office, taken.office.data());
    let keys = taken.published();
    let whole = Bundle::read(&taken.bytes()).unwrap();
    let answer = |bundle: &Bundle| worst(&judge_bundle(&bundle.write().unwrap(), Some(&keys), None));
    let changed = |change: &dyn Fn(&mut Bundle)| {
        let mut bundle = whole.clone();
        change(&mut bundle);
        answer(&bundle)
    };
    let bad = Answer::NotGenuine;
    assert_eq!(changed(&|bundle| drop(bundle.events.remove(0))), bad, "the first event is left out");
    assert_eq!(changed(&|bundle| bundle.events.clear()), bad, "all are left out");
    assert_eq!(changed(&|bundle| bundle.receipts.clear()), bad, "the receipts are left out");
    assert_eq!(changed(&|bundle| bundle.events[0].content = None), bad, "a record is left out");
    assert_eq!(
        changed(&|bundle| bundle.receipts.push(bundle.receipts[0].clone())),
        bad,
        "a receipt stands there twice"
    );
    assert_eq!(
        changed(&|bundle| {
            let (first, second) = (bundle.events[0].content.clone(), bundle.events[1].content.clone());
            (bundle.events[0].content, bundle.events[1].content) = (second, first);
        }),
        bad,
        "two records are exchanged"
    );
    // The last events may be left out unseen, which is said; here the receipt gives it away.
    assert_eq!(changed(&|bundle| drop(bundle.events.pop())), bad, "the receipt's event is left out");
    // Another dossier's evidence under this one's name, and its receipt in this one's place.
    let other = office.path("other.zip");
    let reference = "NRU-2026-000002";
    crate::commands::milaf(&["evidence", reference, "--data", &data, "--out", other.to_str().unwrap()], "").expect(0);
    let other = Bundle::read(&std::fs::read(&other).unwrap()).unwrap();
    assert_eq!(answer(&other), Answer::Genuine);
    let mut renamed = other.clone();
    renamed.reference.clone_from(&whole.reference);
    assert_eq!(answer(&renamed), bad);
    assert_eq!(changed(&|bundle| bundle.receipts[0] = other.receipts[0].clone()), bad);
    assert_eq!(changed(&|bundle| bundle.events.extend(other.events.clone())), bad);
}
