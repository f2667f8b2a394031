//! The public log, read over HTTP by programs that are not ours, and what is refused there.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{cell::RefCell, io::Read, net::SocketAddr, thread};

use milaf::{
    config::KeyFiles,
    receipt::{KeyRing, SealKey, TokenKey, TokenKeys},
    service::{Actor, IdentityKey, LiveKeys, Parts, RawIntake, Service, ServiceError},
    store::CosignatureRow,
    tlog::{
        Checkpoint, ConsistencyProof, InclusionProof, LogKey, NoteSigner, ProofFile, Tile, verify_consistency,
        verify_inclusion,
    },
};
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{TileHashReader, TileReader};

use crate::{
    postgres_server::{PostgresServer, wait_until},
    premises::{Premises, on_both_databases},
    raw_http::{Answer, Connection, Request},
    real_server::House,
};

const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// The path of a tile as the specification has it, made without our own code.
fn path_of(level: &str, number: u64, width: u64) -> String {
    let (mut elements, mut rest) = (vec![format!("{:03}", number % 1000)], number / 1000);
    while rest > 0 {
        elements.insert(0, format!("x{:03}", rest % 1000));
        rest /= 1000;
    }
    let partial = if width == 256 { String::new() } else { format!(".p/{width}") };
    format!("/log/tile/{level}/{}{partial}", elements.join("/"))
}

struct Client(RefCell<Connection>);

impl Client {
    fn of(address: SocketAddr) -> Self {
        Self(RefCell::new(Connection::open(address).unwrap()))
    }

    fn send(&self, request: &Request) -> Answer {
        self.0.borrow_mut().send(&request.bytes()).unwrap()
    }

    fn get(&self, path: &str) -> Answer {
        self.send(&Request::get(path).without("Accept-Encoding"))
    }

    fn file(&self, path: &str) -> Vec<u8> {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.head);
        assert_eq!(answer.header("content-type"), Some("application/octet-stream"), "{path}");
        assert_eq!(answer.header("x-robots-tag"), Some("noindex"), "{path}");
        assert_eq!(answer.header("set-cookie"), None, "{path}");
        let kept = answer.header("cache-control").unwrap();
        if path.contains(".p/") {
            assert_eq!(kept, "public, max-age=300", "{path}");
        } else {
            assert_eq!(kept, IMMUTABLE, "{path}");
        }
        answer.body
    }

    fn size(&self) -> u64 {
        self.get("/log/checkpoint").text().lines().nth(1).unwrap().parse().unwrap()
    }
}

impl TileReader for Client {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[tlog_tiles::Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let fetch = |tile: &tlog_tiles::Tile| {
            self.file(&path_of(&tile.level().to_string(), tile.level_index(), tile.width().into()))
        };
        Ok(tiles.iter().map(fetch).collect())
    }

    fn save_tiles(&self, _: &[tlog_tiles::Tile], _: &[Vec<u8>]) {}
}

/// Every leaf by every tile, as an auditor with the crates `signed_note` and `tlog_tiles` does it.
fn audit_over_http(house: &House, size: u64) {
    let client = Client::of(house.address);
    let secret = KeyFiles::in_folder(&house.data().keys()).unwrap().log;
    let vkey = LogKey::new("suivi.example.ma/log", secret).unwrap().vkey();
    let verifiers = || VerifierList::new(vec![Box::new(StandardVerifier::new(&vkey).unwrap())]);

    let published = client.get("/log/checkpoint");
    assert_eq!(published.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(published.header("cache-control"), Some("public, max-age=1"));
    let note = Note::from_bytes(&published.body).unwrap();
    note.verify(&verifiers()).unwrap();
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
    assert_eq!((checkpoint.origin(), checkpoint.size()), ("suivi.example.ma/log", size));

    // This reader refuses any tile that does not hash to the given root.
    let hashes = TileHashReader::new(size, *checkpoint.hash(), &client);
    let mut leaves = Vec::new();
    for first in (0..size).step_by(256) {
        let width = 256.min(size - first);
        let bundle = client.file(&path_of("entries", first / 256, width));
        let bottom = client.file(&path_of("0", first / 256, width));
        assert_eq!(bundle.len() as u64, width * 35);
        for (entry, leaf) in bundle.chunks_exact(35).zip(bottom.chunks_exact(32)) {
            assert_eq!(entry[..3], [0, 33, 1], "each entry behind its length, and a version of its own");
            assert_eq!(tlog_tiles::record_hash(&entry[2..]).0, leaf, "entry {}", leaves.len());
            leaves.push(tlog_tiles::record_hash(&entry[2..]));
        }
    }
    for (index, leaf) in (0..size).zip(&leaves).step_by(7).chain([(size - 1, leaves.last().unwrap())]) {
        let path = tlog_tiles::prove_record(size, index, &hashes).unwrap();
        let answer = client.get(&format!("/log/proof/{index}.tlog-proof"));
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/plain; charset=utf-8")));
        // As the specification describes it, and not by our own reader.
        let text = answer.text();
        let (head, note) = text.split_once("\n\n").unwrap();
        let told: Vec<&str> = head.lines().collect();
        assert_eq!(told[..2], ["c2sp.org/tlog-proof@v1", &format!("index {index}")]);
        let told: Vec<_> = told[2..].iter().map(|line| tlog_tiles::Hash::parse_hash(line).unwrap()).collect();
        assert_eq!(told, path, "leaf {index}");
        tlog_tiles::check_record(&told, size, *checkpoint.hash(), index, *leaf).unwrap();
        assert_eq!(note.as_bytes(), published.body);
        assert_eq!(text.parse::<ProofFile>().unwrap().to_string(), text);
    }
    refuse_the_rest(&client, size);
}

fn refuse_the_rest(client: &Client, size: u64) {
    let (full, partial) = (size / 256, size % 256);
    for missing in [
        path_of("0", full, 256),
        path_of("entries", full, 256),
        path_of("0", full, partial + 1),
        path_of("entries", full, partial + 1),
        path_of("1", 0, full + 1),
        path_of("2", 0, 1),
        path_of("0", u64::MAX / 256, 1),
        path_of("0", u64::MAX, 1),
        path_of("63", 0, 1),
        format!("/log/proof/{size}.tlog-proof"),
        format!("/log/proof/{}.tlog-proof", u64::MAX),
        "/log/proof/0".to_owned(),
        "/log/proof/00.tlog-proof".to_owned(),
        "/log/proof/x.tlog-proof".to_owned(),
        "/log/proof/0.tlog-proof/".to_owned(),
        "/log/checkpoint/".to_owned(),
        "/log/checkpoints".to_owned(),
        "/log/tile/64/000".to_owned(),
        "/log/tile/0/0".to_owned(),
        "/log/tile/00/000".to_owned(),
        "/log/tile/0/000/".to_owned(),
        "/log/tile/0/%30%30%30".to_owned(),
        "/log/tile/0/x000/000".to_owned(),
        "/log/tile/0/000.p/0".to_owned(),
        "/log/tile/0/000.p/256".to_owned(),
        "/log/tile/0/000.p/01".to_owned(),
        "/log/tile/8/0/000".to_owned(),
        "/log/tile/-1/000".to_owned(),
        "/log/tile/entries/../0/000".to_owned(),
        "/log/tile/data/000".to_owned(),
        "/log//tile/0/000".to_owned(),
    ] {
        let answer = client.get(&missing);
        assert_eq!((answer.status, answer.text().as_str()), (404, "not found\n"), "{missing}");
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"), "{missing}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{missing}");
    }
    // A partial tile within the log stays there when the log has outgrown it.
    for width in [1, 255] {
        assert_eq!(
            client.file(&path_of("0", 0, width)),
            client.file(&path_of("0", 0, 256))[..usize::try_from(width * 32).unwrap()]
        );
    }

    let bundle = path_of("entries", 0, 256);
    let plain = client.get(&bundle);
    let packed = client.send(&Request::get(&bundle).without("Accept-Encoding").header("Accept-Encoding", "gzip"));
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(packed.header("vary"), Some("accept-encoding"));
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(packed.body.as_slice()).read_to_end(&mut unpacked).unwrap();
    assert_eq!((unpacked, plain.header("content-encoding")), (plain.body.clone(), None));
    let tag = plain.header("etag").unwrap();
    let again = client.send(&Request::get(&bundle).without("Accept-Encoding").header("If-None-Match", tag));
    assert_eq!((again.status, again.header("cache-control"), again.body.len()), (304, Some(IMMUTABLE), 0));
    let refused = client.send(&Request::post("/log/checkpoint", ""));
    assert_eq!((refused.status, refused.header("set-cookie")), (405, None));
}

fn is_read_by_others(house: &House) {
    let serving = house.serve();
    assert_eq!(Client::of(house.address).get("/log/tile/0/000").status, 404, "the empty log has no tile");
    let clerk = house.sign_in();
    thread::scope(|scope| {
        for desk in 0..4_u32 {
            let clerk = clerk.clone();
            scope.spawn(move || {
                let mut connection = Connection::open(house.address).unwrap();
                for form in 0..72_u32 {
                    let key = format!("{desk:016x}{form:016x}");
                    let request = clerk.register(&key, &[("procedure", "NRU"), ("applicant", "Fatima Ben Ali")]);
                    assert_eq!(connection.send(&request.bytes()).unwrap().status, 303);
                }
            });
        }
    });
    let size = 2 * 4 * 72;
    let client = Client::of(house.address);
    wait_until("everything is published", || client.size() == size);
    audit_over_http(house, size);
    serving.stop();
}

#[test]
fn other_peoples_programs_read_the_log_of_a_file() {
    is_read_by_others(&House::new());
}

#[test]
fn other_peoples_programs_read_the_log_of_a_server() {
    let server = PostgresServer::shared();
    is_read_by_others(&House::on_server(&server.socket_url(&server.create_database())));
}

on_both_databases! {
    proofs_follow_from_stored_hashes_and_stop_at_what_was_published,
    a_damaged_hash_never_becomes_a_proof,
    cosignatures_stand_under_the_checkpoint,
    an_erased_entry_is_no_damage_and_a_missing_one_is,
}

const ORIGIN: &str = "suivi.example.ma/log";

fn log_key() -> LogKey {
    LogKey::new(ORIGIN, [1; 32]).unwrap()
}

fn service(premises: &Premises) -> Service {
    let token_keys = TokenKeys::new(TokenKey::new(1, [7; 32]).unwrap(), Vec::new()).unwrap();
    let keys = std::sync::Arc::new(KeyRing::new(token_keys, SealKey::from_seed([9; 32]), log_key()).unwrap());
    let sealer = std::sync::Arc::clone(&keys);
    let clock = milaf::clock::SteppedEnvironment::starting_at("2026-03-02T10:00:00Z".parse().unwrap());
    Service::new(Parts {
        store: premises.open(std::sync::Arc::new(move |claims| sealer.seal_key.seal(claims))),
        issuer: std::sync::Arc::new(milaf::config::Issuer::example()),
        keys: LiveKeys::fixed(&keys),
        identity_key: IdentityKey::new([3; 32]),
        environment: std::sync::Arc::new(clock),
        checkpoint_file: premises.path().join("checkpoint"),
    })
}

async fn register(service: &Service, count: usize) {
    let intake = RawIntake { procedure: "NRU".to_owned(), applicant: "Fatima".to_owned(), ..RawIntake::default() };
    for _ in 0..count {
        service.register(&Actor::new("clerk"), &intake, None).await.unwrap();
    }
}

async fn proofs_follow_from_stored_hashes_and_stop_at_what_was_published(premises: Premises) {
    let service = service(&premises);
    let tile = |name: &str| Tile::parse(name).unwrap();
    assert_eq!(service.published_checkpoint_note().await, Ok(None));
    assert_eq!(service.proof_file(0).await, Ok(None));
    register(&service, 20).await;
    assert_eq!(service.published_tile(tile("tile/0/000.p/1")).await, Ok(None), "nothing is published yet");
    service.publish_checkpoint().await.unwrap();
    register(&service, 15).await;
    assert!(service.published_tile(tile("tile/0/000.p/40")).await.unwrap().is_some());
    assert_eq!(service.published_tile(tile("tile/0/000.p/41")).await, Ok(None), "it is there and not published");
    assert_eq!(service.tile(tile("tile/0/000.p/41"), 70).await.unwrap().map(|bytes| bytes.len()), Some(41 * 32));
    assert_eq!(service.proof_file(40).await, Ok(None));

    let note = service.published_checkpoint_note().await.unwrap().unwrap();
    let published = Checkpoint::parse_signed(&note, log_key().verifier()).unwrap();
    let hashes = service.tile(tile("tile/0/000.p/70"), 70).await.unwrap().unwrap();
    let leaves: Vec<[u8; 32]> = hashes.as_chunks().0.to_vec();
    let root_of = |size: usize| milaf::tlog::root_of(&leaves[..size]);
    assert_eq!(published.root, root_of(40));
    for (index, leaf) in (0..).zip(&leaves[..40]) {
        let ProofFile { index: told, path, .. } = service.proof_file(index).await.unwrap().unwrap();
        let proof = InclusionProof { index: told, path };
        assert_eq!(verify_inclusion(&proof, leaf, 40, &published.root), Ok(()));
        assert_eq!(service.inclusion_proof(index, 40).await, Ok(Some(proof)));
    }
    for old in (2..=70).step_by(2) {
        let proof = service.consistency_proof(old, 70).await.unwrap().unwrap();
        let old_root = root_of(usize::try_from(old).unwrap());
        assert_eq!(verify_consistency(&proof, &old_root, 70, &root_of(70)), Ok(()), "{old}");
    }
    assert_eq!(service.consistency_proof(0, 70).await, Ok(Some(ConsistencyProof { old: 0, path: Vec::new() })));
    for (old, size) in [(70, 40), (39, 40), (40, 41), (40, 72), (u64::MAX, u64::MAX)] {
        assert_eq!(service.consistency_proof(old, size).await, Ok(None), "{old} {size}");
    }
    for (leaf, size) in [(40, 40), (0, 0), (0, 39), (0, 72), (u64::MAX, 40), (0, u64::MAX)] {
        assert_eq!(service.inclusion_proof(leaf, size).await, Ok(None), "{leaf} {size}");
    }
}

async fn a_damaged_hash_never_becomes_a_proof(premises: Premises) {
    let service = service(&premises);
    register(&service, 20).await;
    service.publish_checkpoint().await.unwrap();
    premises.sql_without_guards(
        "UPDATE nodes SET hash = (SELECT leaf_hash FROM events WHERE leaf_index = 0) WHERE number = 1",
    );
    let is_damaged = |outcome: Result<bool, ServiceError>| matches!(outcome, Err(ServiceError::Damaged(_)));
    assert!(is_damaged(service.proof_file(3).await.map(|file| file.is_some())));
    assert!(is_damaged(service.inclusion_proof(3, 40).await.map(|proof| proof.is_some())));
    assert!(is_damaged(service.consistency_proof(16, 40).await.map(|proof| proof.is_some())));
    assert!(service.inclusion_proof(17, 40).await.unwrap().is_some(), "its path needs no damaged hash");
    premises.sql("DELETE FROM nodes WHERE number = 1");
    assert!(is_damaged(service.proof_file(3).await.map(|file| file.is_some())));
    premises.sql("UPDATE heads SET root = (SELECT leaf_hash FROM events WHERE leaf_index = 0) WHERE size = 40");
    assert!(is_damaged(service.inclusion_proof(20, 40).await.map(|proof| proof.is_some())));
    assert!(service.proof_file(20).await.unwrap().is_some(), "what was signed counts, not what the database says");
    premises.sql("UPDATE events SET leaf_hash = commitment WHERE leaf_index = 17");
    assert!(is_damaged(service.proof_file(17).await.map(|file| file.is_some())));
}

async fn cosignatures_stand_under_the_checkpoint(premises: Premises) {
    let service = service(&premises);
    register(&service, 2).await;
    service.publish_checkpoint().await.unwrap();
    let note = service.published_checkpoint_note().await.unwrap().unwrap();
    let text = note.split_inclusive('\n').take(3).collect::<String>();
    let store = premises.open(std::sync::Arc::new(|_| unreachable!("nothing is sealed")));
    for (witness, seed) in [("w.example", 5), ("a.example", 6)] {
        let signed = NoteSigner::new(witness, [seed; 32]).unwrap().sign(&text).unwrap();
        let line = signed.lines().last().unwrap().to_owned();
        let (witness, received_at) = (witness.to_owned(), "2026-03-02T10:00:01Z".parse().unwrap());
        store.keep_cosignature(CosignatureRow { size: 4, witness, line, at: 0, received_at }).await.unwrap();
    }
    let cosigned = service.published_checkpoint_note().await.unwrap().unwrap();
    assert!(cosigned.starts_with(&note));
    let names = cosigned.lines().skip(4).map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(names, [ORIGIN, "a.example", "w.example"]);
    for verifier in [log_key().verifier().clone(), NoteSigner::new("w.example", [5; 32]).unwrap().verifier().clone()] {
        assert_eq!(verifier.open(&cosigned), Ok(text.as_str()));
    }
    assert_eq!(service.proof_file(0).await.unwrap().unwrap().checkpoint_note, cosigned);
}

async fn an_erased_entry_is_no_damage_and_a_missing_one_is(premises: Premises) {
    let service = service(&premises);
    register(&service, 3).await;
    // An event of the log, as whoever erases writes one first.
    premises.sql_without_guards(
        "UPDATE events SET dossier = NULL, position = 1 WHERE leaf_index = 5;
         INSERT INTO erasures (leaf_index, told_by) VALUES (0, 5);
         DELETE FROM event_contents WHERE leaf_index IN (0, 1)",
    );
    let problems = service.inspect_log(&mut |_, _| ()).await.unwrap().problems;
    assert_eq!(problems, ["entry 1 (NRU-2026-000001): the record is missing, and no event tells of an erasure"]);
    premises.sql("INSERT INTO erasures (leaf_index, told_by) VALUES (1, 5), (2, 5)");
    let problems = service.inspect_log(&mut |_, _| ()).await.unwrap().problems;
    assert_eq!(problems, ["entry 2 (NRU-2026-000002): the record is there, and an event tells of its erasure"]);
}
