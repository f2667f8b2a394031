//! Inclusion proofs in a log of a million leaves, made from stored hashes and verified, as the service gives them out; beside
//! two controls in the same run: verifying such a proof again without a database, and reading one row.
//!
//! `cargo bench --bench inclusion -- [LEAVES]`. The budget is 100 µs and 1 KB for a proof.

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use milaf::{
    clock::{Environment, SteppedEnvironment},
    config::Issuer,
    receipt::{KeyRing, SealKey, TokenKey, TokenKeys},
    service::{IdentityKey, Parts, Service},
    store::{Chunk, Mark, Portable, PortableLeaf, SqliteStore, Store, TreeHead},
    tlog::{Frontier, Hash, InclusionProof, LogKey, leaf_data, leaf_hash, verify_inclusion},
};

const CHUNK: u64 = 16_384;
const PROOFS: usize = 5_000;

fn main() -> Result<()> {
    let leaves = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(1_000_000_u64);
    let folder = tempfile::tempdir()?;
    let issuer = Issuer::example();
    let log_key = LogKey::new(&format!("{}/log", issuer.public_url.host()), [3; 32])?;
    let token_keys = TokenKeys::new(TokenKey::new(1, [1; 32])?, Vec::new())?;
    let keys = Arc::new(KeyRing::new(token_keys, SealKey::from_seed([2; 32]), log_key)?);
    let sealer = {
        let keys = Arc::clone(&keys);
        Arc::new(move |claims: &_| keys.seal_key.seal(claims))
    };
    let store = SqliteStore::open_or_create(&folder.path().join("milaf.db"), sealer)?;
    let service = Service::new(Parts {
        store: Arc::new(store.clone()),
        issuer: Arc::new(issuer),
        keys,
        identity_key: IdentityKey::new([4; 32]),
        environment: Arc::new(SteppedEnvironment::starting_at("2026-09-01T08:30:00Z".parse()?)) as Arc<dyn Environment>,
        checkpoint_file: folder.path().join("checkpoint"),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let begun = Instant::now();
        let head = fill(&store, leaves).await?;
        println!("{leaves} leaves in {:.1} s", begun.elapsed().as_secs_f64());
        // A task of the runtime's own, as a request is.
        tokio::spawn(measure(service, store, head)).await?
    })
}

fn commitment(index: u64) -> [u8; 32] {
    let mut commitment = [0xa5; 32];
    commitment[..8].copy_from_slice(&index.to_be_bytes());
    commitment
}

fn hash_of(index: u64) -> Hash {
    leaf_hash(&leaf_data(&commitment(index)))
}

/// Through the way that a copy of a whole office takes, whose leaves are checked and whose nodes are written as any batch's.
async fn fill(store: &SqliteStore, leaves: u64) -> Result<TreeHead> {
    store.begin_copy(&Mark { id: "bench".to_owned(), other: "nowhere".to_owned() }, "bench").await?;
    let mut edge = Frontier::empty();
    while edge.size() < leaves {
        let from = edge.size();
        let end = leaves.min(from + CHUNK);
        let mut chunk = Chunk { from, ..Chunk::default() };
        for index in from..end {
            let leaf_hash = hash_of(index);
            edge.push(leaf_hash);
            chunk.leaves.push(PortableLeaf {
                index,
                dossier: None,
                position: i64::try_from(index + 1)?,
                commitment: commitment(index),
                leaf_hash,
                content: None,
            });
        }
        chunk.heads.push(TreeHead { size: end, root: edge.root() });
        store.add_chunk(Arc::new(chunk)).await?;
    }
    store.finish_copy("bench").await?;
    Ok(store.head().await?)
}

async fn measure(service: Service, store: SqliteStore, head: TreeHead) -> Result<()> {
    let (mut proofs, mut verifications, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    let mut largest = 0;
    // A fixed sequence that jumps about the whole log.
    let mut index = 1_u64;
    for _ in 0..PROOFS {
        index = (index.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407)) >> 1;
        let leaf = index % head.size;
        let begun = Instant::now();
        let proof = service.inclusion_proof(leaf, head.size).await?;
        proofs.push(begun.elapsed());
        let proof = proof.context("the log stands there")?;
        largest = largest.max(proof.path.len() * size_of::<Hash>());
        verifications.push(verify(&proof, &hash_of(leaf), &head)?);
        let begun = Instant::now();
        let row = store.leaf_hashes(leaf, 1).await?;
        rows.push(begun.elapsed());
        ensure!(row == [hash_of(leaf)], "the leaf is as it was written");
    }
    println!("{:<44} {:>9} {:>9}", "", "median µs", "p99 µs");
    let (median, _) = line("proof from stored hashes, checked", &mut proofs);
    line("control: the same proof verified again", &mut verifications);
    line("control: one row read", &mut rows);
    println!("largest path: {largest} bytes; {PROOFS} random leaves of {}", head.size);
    ensure!(largest <= 1024, "a path is over the budget of 1 KB");
    ensure!(median <= Duration::from_micros(100), "the median is over the budget of 100 µs");
    Ok(())
}

fn verify(proof: &InclusionProof, leaf: &Hash, head: &TreeHead) -> Result<Duration> {
    let begun = Instant::now();
    black_box(verify_inclusion(black_box(proof), leaf, head.size, &head.root))?;
    Ok(begun.elapsed())
}

fn line(name: &str, times: &mut [Duration]) -> (Duration, Duration) {
    times.sort_unstable();
    let (median, slow) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    println!("{name:<44} {:>9.1} {:>9.1}", micros(median), micros(slow));
    (median, slow)
}
