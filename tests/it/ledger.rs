//! What must hold after a disaster: the database is as the clients were told, and the log as everybody was shown it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};

use milaf::{
    config::{DataDir, KeyFiles},
    dossier::Reference,
    receipt::{KeyRing, SealKey, TokenKey, TokenKeys, verify_seal},
    store::Store,
    tlog::{Checkpoint, Frontier, Hash, LogKey, commitment, leaf_data, leaf_hash},
};

/// What clients were told, by reference: the applicant's name that they had sent.
pub(crate) type Acknowledged = BTreeMap<String, String>;

/// Checks the whole database against what the clients were told and what each node has published, in its order, and returns
/// each dossier's token.
pub(crate) async fn audit(
    store: &dyn Store,
    keys: &KeyRing,
    acknowledged: &Acknowledged,
    published: &[&[String]],
) -> Vec<(String, String)> {
    let stored = all_rows(store).await;
    assert_eq!(stored.len(), acknowledged.len(), "as many dossiers as acknowledgments");
    let kept: Acknowledged = stored.iter().map(|(reference, name)| (reference.to_string(), name.clone())).collect();
    assert_eq!(&kept, acknowledged, "every acknowledged registration is there, once, with its own contents");

    let mut numbers: BTreeMap<(String, u16), BTreeSet<u32>> = BTreeMap::new();
    for (reference, _) in &stored {
        let series = (reference.procedure().as_str().to_owned(), reference.year());
        numbers.entry(series).or_default().insert(reference.number());
    }
    for (series, given) in numbers {
        let expected: BTreeSet<u32> = (1..=u32::try_from(given.len()).unwrap()).collect();
        assert_eq!(given, expected, "{series:?} has gaps");
    }

    let log = recomputed_log(store).await;
    let head = store.head().await.unwrap();
    assert_eq!(log.roots.len() as u64, head.size + 1);
    assert_eq!(log.root(head.size), head.root, "the root follows from the leaves");
    let verifier = keys.log_key.verifier();
    let mut last = 0;
    for notes in published {
        let mut before = 0;
        for note in *notes {
            let Checkpoint { size, root, .. } = Checkpoint::parse_signed(note, verifier).unwrap();
            assert!(size >= before, "a published checkpoint of {before} was followed by one of {size}");
            assert_eq!(log.root(size), root, "the checkpoint of {size} was of this log");
            before = size;
        }
        last = last.max(before);
    }
    assert!(last > 0, "no checkpoint was published");

    let mut tokens = Vec::new();
    for (reference, _) in &stored {
        let receipts = store.receipts(reference).await.unwrap();
        let [receipt] = receipts.as_slice() else { panic!("{reference} has {} receipts", receipts.len()) };
        let token = keys.token_keys.token(receipt.key_id, receipt.id).unwrap();
        assert_eq!(keys.token_keys.verify(&token.text()), Ok(token), "the token of {reference}");
        let claims = verify_seal(&receipt.seal, &[keys.seal_key.public_key()]).unwrap();
        assert_eq!(claims.reference, reference.to_string());
        assert_eq!((claims.receipt_id, claims.leaf_index), (receipt.id, receipt.leaf_index), "{reference}");
        let committed = &log.commitments[usize::try_from(claims.leaf_index).unwrap()];
        assert_eq!(claims.commitment16, committed[..16], "{reference}");
        assert!(claims.leaf_index < claims.tree_size, "the seal of {reference} names a head that holds its leaf");
        assert_eq!(claims.root, log.root(claims.tree_size), "the seal of {reference} names a head of this log");
        tokens.push((reference.to_string(), token.text()));
    }
    tokens
}

pub(crate) fn key_ring(data: &DataDir) -> KeyRing {
    let files = KeyFiles::in_folder(&data.keys()).unwrap();
    let token_keys = TokenKeys::new(TokenKey::new(0, files.token).unwrap(), Vec::new()).unwrap();
    let log_key = LogKey::new("suivi.example.ma/log", files.log).unwrap();
    KeyRing::new(token_keys, SealKey::from_seed(files.seal), log_key).unwrap()
}

/// Every dossier with its applicant's name, through the pages of the list.
async fn all_rows(store: &dyn Store) -> Vec<(Reference, String)> {
    let mut rows = Vec::new();
    let mut before = None;
    loop {
        let page = store.latest(100, before).await.unwrap();
        let Some(last) = page.last() else { return rows };
        before = Some(last.sequence);
        rows.extend(page.into_iter().map(|row| (row.reference, row.applicant)));
    }
}

struct Log {
    /// The root at each size, from the empty tree on.
    roots: Vec<Hash>,
    commitments: Vec<[u8; 32]>,
}

impl Log {
    fn root(&self, size: u64) -> Hash {
        *self.roots.get(usize::try_from(size).unwrap()).unwrap_or_else(|| panic!("the log never had {size} entries"))
    }
}

/// The log as the records themselves give it, not as the stored hashes say.
async fn recomputed_log(store: &dyn Store) -> Log {
    let mut frontier = Frontier::empty();
    let mut log = Log { roots: vec![frontier.root()], commitments: Vec::new() };
    loop {
        let rows = store.log_rows(frontier.size(), 1000).await.unwrap();
        if rows.is_empty() {
            return log;
        }
        for row in rows {
            assert_eq!(row.index, frontier.size(), "an entry is missing");
            let content = row.content.as_ref().unwrap();
            let committed = commitment(&content.nonce, &content.record);
            let leaf = leaf_hash(&leaf_data(&committed));
            assert_eq!((committed, leaf), (row.commitment, row.leaf_hash), "entry {}", row.index);
            frontier.push(leaf);
            log.roots.push(frontier.root());
            log.commitments.push(committed);
        }
    }
}
