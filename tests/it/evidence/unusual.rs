//! Archives that nobody's office makes: bombs, cut ones, ones in which two programs would see different files, and names that
//! lead elsewhere. Each is refused before anything in it counts.

use std::io::{Cursor, Write};

use milaf::audit::{Answer, Bundle, BundleError, judge_bundle};
use proptest::prelude::*;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::{Taken, worst};

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, bytes) in files {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn refused(bytes: &[u8], why: &str) {
    let error = Bundle::read(bytes).expect_err(why);
    assert!(error.to_string().contains(why), "{error} is not {why}");
    assert_ne!(worst(&judge_bundle(bytes, None, None)), Answer::Genuine);
}

#[test]
fn bombs_and_names_that_lead_elsewhere_are_refused() {
    let zeroes = vec![0; 9 << 20];
    refused(&archive(&[("evidence.html", &zeroes)]), "larger");
    let million = vec![0; 1 << 20];
    let names: Vec<String> = (0..40).map(|number| format!("events/{number}.leaf")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), million.as_slice())).collect();
    refused(&archive(&many), "larger");
    for name in
        ["../x", "/etc/passwd", "events/../../x", "a/b/c", ".hidden", "a\\..\\x", "C:x", "x/", "événement", "a b"]
    {
        refused(&archive(&[(name, b"x")]), "name");
    }
    refused(&archive(&[("evidence.html", b"x")]), "manifest.json is missing");
    refused(&archive(&[("evidence.html", b"x"), ("manifest.json", b"{}")]), "format");
    let later = br#"{"format":"milaf-evidence/2"}"#;
    refused(&archive(&[("evidence.html", b"x"), ("manifest.json", later)]), "milaf-evidence/2");
    refused(b"", "ZIP");
    refused(b"PK\x03\x04", "ZIP");
}

#[test]
fn the_same_name_twice_and_anything_between_files_are_refused() {
    // The writer refuses a name that is there already, so it is given another of the same length afterwards.
    let mut twice = archive(&[("manifest.json", b"{}"), ("manifest.jsoN", b"[]")]);
    let places: Vec<usize> =
        twice.windows(13).enumerate().filter(|(_, at)| *at == b"manifest.jsoN").map(|(at, _)| at).collect();
    assert_eq!(places.len(), 2);
    for place in places {
        twice[place + 12] = b'n';
    }
    refused(&twice, "two programs");
    // One name in the directory and another in the file's own header.
    let mut differs = archive(&[("manifest.json", b"{}")]);
    differs[30] = b'M';
    refused(&differs, "two programs");
    let taken = Taken::new();
    let whole = taken.bytes();
    for before in [&b"MZ"[..], &[0; 100]] {
        let mut prefixed = before.to_vec();
        prefixed.extend(&whole);
        assert!(Bundle::read(&prefixed).is_err());
    }
    let mut followed = whole.clone();
    followed.push(0);
    refused(&followed, "ZIP");
    for length in (0..whole.len()).step_by(97) {
        assert!(Bundle::read(&whole[..length]).is_err(), "cut at {length}");
    }
    assert!(matches!(Bundle::read(&whole[..whole.len() - 1]), Err(BundleError::Archive(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400),
        names in prop::collection::vec("[a-z./\\-0-9]{1,24}", 0..5), manifest in ".{0,120}") {
        let _ = Bundle::read(&bytes);
        let mut files: Vec<(&str, &[u8])> = vec![("manifest.json", manifest.as_bytes())];
        let mut seen = names.clone();
        seen.sort();
        seen.dedup();
        files.extend(seen.iter().map(|name| (name.as_str(), bytes.as_slice())));
        prop_assert!(Bundle::read(&archive(&files)).is_err());
        prop_assert_ne!(worst(&judge_bundle(&archive(&files), None, None)), Answer::Genuine);
    }
}
