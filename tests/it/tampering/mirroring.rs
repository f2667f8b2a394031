//! `milaf log mirror`: what it keeps, what it refuses, and what it proves.

use std::{fs, path::Path};

use milaf::{
    audit::keys_file,
    receipt::{PublishedKey, PublishedKeys, SealKey},
    tlog::Tile,
};

use super::{BEFORE, EVENTS, Memory, OFFICE, signed, site::Site, tiles};
use crate::commands::{Ran, milaf};

/// A site and a mirror of it, each in a folder of its own.
struct Pair {
    folder: tempfile::TempDir,
    site: Site,
}

impl Pair {
    /// The site shows the first `size` entries.
    fn new(size: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let site = Site::serve(folder.path().join("site"));
        let pair = Self { folder, site };
        pair.show(size);
        pair
    }

    fn show(&self, size: u64) {
        let data = OFFICE.data();
        let checkpoint = if size == BEFORE {
            OFFICE.before.clone()
        } else {
            signed(&OFFICE.key(), &data[..usize::try_from(size).unwrap()])
        };
        self.show_log(&Memory { checkpoint, tiles: tiles(&data[..usize::try_from(size).unwrap()]) });
    }

    fn show_log(&self, log: &Memory) {
        let site = self.folder.path().join("site");
        let _ = fs::remove_dir_all(&site);
        log.write_to(&site);
        fs::write(site.join("keys.json"), keys()).unwrap();
    }

    fn mirror(&self) -> String {
        self.folder.path().join("mirror").display().to_string()
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        Path::new(&self.mirror()).join(name)
    }

    fn run(&self, more: &[&str]) -> Ran {
        milaf(&[&["log", "mirror", &self.site.address, "--to", &self.mirror()], more].concat(), "")
    }

    fn run_with_key(&self) -> Ran {
        self.run(&["--key", &OFFICE.key().vkey()])
    }

    /// The mirror holds exactly the log of this size.
    #[track_caller]
    fn holds(&self, size: u64) {
        for tile in Tile::all(size) {
            let site = fs::read(self.folder.path().join("site").join(tile.to_string())).unwrap();
            assert_eq!(fs::read(self.file(&tile.to_string())).unwrap(), site, "{tile}");
        }
        let partial: Vec<String> = walkdir::WalkDir::new(self.mirror())
            .into_iter()
            .filter_map(|entry| Some(entry.ok()?.path().display().to_string()))
            .filter(|path| path.contains(".p/") || path.ends_with(".unfinished"))
            .collect();
        assert_eq!(partial.len(), Tile::all(size).filter(|tile| !tile.is_full()).count(), "{partial:?}");
        milaf(&["log", "audit", &self.mirror()], "").expect(0);
    }
}

/// The office's file of keys.
fn keys() -> Vec<u8> {
    let published = |key: [u8; 32], kid: [u8; 4], vkey: Option<String>| PublishedKey {
        kid,
        key,
        not_before_ms: None,
        not_after_ms: None,
        revoked: None,
        vkey,
    };
    let kid = |key: [u8; 32]| milaf::receipt::SealPublicKey::from_bytes(&key).unwrap().kid();
    let seal = SealKey::from_seed([7; 32]).public();
    let log = OFFICE.key();
    keys_file::write(&PublishedKeys {
        names: [("fr".to_owned(), "Agence".to_owned())].into(),
        public_url: "https://suivi.example.ma".to_owned(),
        host: "suivi.example.ma".to_owned(),
        log_origin: log.origin().to_owned(),
        seal: vec![published(seal, kid(seal), None)],
        log: vec![published(log.public(), kid(log.public()), Some(log.vkey()))],
    })
    .unwrap()
}

#[test]
fn a_mirror_grows_by_what_is_new() {
    let pair = Pair::new(BEFORE);
    let ran = pair.run(&[]).expect(0);
    assert!(ran.stderr.contains("Compare it with what the office has printed"), "{}", ran.stderr);
    assert!(ran.text().contains("6000 new entries, 6000 in all"), "{}", ran.text());
    assert_eq!(fs::read_to_string(pair.file("vkey")).unwrap().trim(), OFFICE.key().vkey());
    pair.holds(BEFORE);
    let asked = pair.site.asked();
    let again = pair.run(&[]).expect(0);
    assert!(again.text().contains("Nothing new: 6000 entries"), "{}", again.text());
    assert_eq!((again.stderr.as_str(), pair.site.asked() - asked), ("", 1), "one checkpoint is enough");
    for size in [BEFORE + 1, 6_144, 7_000, EVENTS] {
        pair.show(size);
        let asked = pair.site.asked();
        pair.run(&[]).expect(0);
        pair.holds(size);
        assert!(pair.site.asked() - asked < 60, "{} requests for {size}", pair.site.asked() - asked);
        assert!(pair.file(&format!("checkpoints/{BEFORE}")).exists());
    }
}

#[test]
fn a_mirror_goes_on_where_it_was_interrupted() {
    let pair = Pair::new(EVENTS);
    // The site loses a bundle in the middle: what came before it is kept, and the checkpoint is not.
    let lost = pair.folder.path().join("site/tile/entries/030");
    let bytes = fs::read(&lost).unwrap();
    fs::remove_file(&lost).unwrap();
    let ran = pair.run_with_key().expect(1);
    assert!(
        ran.stderr.contains("the bundle of entries tile/entries/030 cannot be had: it is missing"),
        "{}",
        ran.stderr
    );
    assert!(!pair.file("checkpoint").exists() && pair.file("tile/0/000").exists());
    fs::write(&lost, bytes).unwrap();
    let asked = pair.site.asked();
    pair.site.fail(3);
    pair.run_with_key().expect(0);
    assert!(pair.site.asked() - asked < 60, "{} requests", pair.site.asked() - asked);
    pair.holds(EVENTS);
}

#[test]
fn nothing_wrong_gets_its_name() {
    for name in ["tile/entries/004", "tile/0/004", "tile/1/000.p/39", "tile/0/039.p/16", "tile/entries/039.p/16"] {
        let pair = Pair::new(EVENTS);
        let file = pair.folder.path().join("site").join(name);
        let mut bytes = fs::read(&file).unwrap();
        bytes[20] ^= 1;
        fs::write(&file, bytes).unwrap();
        let ran = pair.run_with_key().expect(1);
        let edge = "the tiles do not make the root";
        assert!(
            ran.stderr.contains(&format!("{name} is wrong and was not kept")) || ran.stderr.contains(edge),
            "{}",
            ran.stderr
        );
        assert!(!pair.file(name).exists() && !pair.file("checkpoint").exists(), "{name}");
    }
}

#[test]
fn two_histories_are_kept_as_evidence() {
    let pair = Pair::new(BEFORE);
    pair.run_with_key().expect(0);
    for size in [BEFORE, EVENTS] {
        let mut data = OFFICE.data();
        data.truncate(usize::try_from(size).unwrap());
        data[4_000][5] ^= 1;
        let fork = Memory { checkpoint: signed(&OFFICE.key(), &data), tiles: tiles(&data) };
        pair.show_log(&fork);
        let ran = pair.run_with_key().expect(1);
        assert!(ran.stderr.contains("THE LOG HAS TWO HISTORIES"), "{}", ran.stderr);
        let evidence =
            |name: &str| fs::read_to_string(pair.file(&format!("evidence/{BEFORE}-and-{size}/{name}"))).unwrap();
        assert_eq!(evidence("kept-before"), OFFICE.before);
        assert_eq!(evidence("shown-now"), fork.checkpoint);
        assert_eq!(fs::read_to_string(pair.file("checkpoint")).unwrap(), OFFICE.before, "the mirror stays as it was");
    }
    let audit = milaf(&["log", "audit", &pair.mirror()], "").expect(1);
    assert!(audit.text().contains("the log has shown two histories"), "{}", audit.text());
}

#[test]
fn an_older_head_and_a_foreign_key_change_nothing() {
    let pair = Pair::new(EVENTS);
    pair.run_with_key().expect(0);
    pair.show(7_000);
    let ran = pair.run_with_key().expect(1);
    assert!(
        ran.stderr.contains("shows a checkpoint of 7000 entries, and showed one of 10000 before"),
        "{}",
        ran.stderr
    );
    let foreign = milaf::tlog::LogKey::new(OFFICE.key().origin(), [9; 32]).unwrap();
    let data = OFFICE.data();
    pair.show_log(&Memory { checkpoint: signed(&foreign, &data), tiles: tiles(&data) });
    let ran = pair.run(&[]).expect(1);
    assert!(ran.stderr.contains("is not signed by a key that this mirror trusts"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(pair.file("checkpoint")).unwrap(), signed(&OFFICE.key(), &data));
    // The office has announced the key, so it is given by hand, and both count from then on.
    pair.run(&["--key", &foreign.vkey()]).expect(0);
    pair.run(&[]).expect(0);
}

#[test]
fn a_site_is_audited_without_a_mirror() {
    let pair = Pair::new(BEFORE);
    let (address, key) = (pair.site.address.clone(), OFFICE.key().vkey());
    let ran = milaf(&["log", "audit", &address, "--key", &key, "--json"], "").expect(0);
    let json: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((&json["clean"], &json["entries"]), (&true.into(), &BEFORE.into()));
    milaf(&["log", "audit", &address], "").expect(2);
    milaf(&["log", "audit", "http://127.0.0.1:1", "--key", &key], "").expect(2);
    fs::remove_file(pair.folder.path().join("site/tile/0/003")).unwrap();
    let ran = milaf(&["log", "audit", &address, "--key", &key], "").expect(1);
    assert!(ran.text().contains("wrong  tile/0/003: it is missing"), "{}", ran.text());
}
