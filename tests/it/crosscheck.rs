//! Our log against other people's programs: `ct-merkle` for the tree and its proofs, `signed_note`
//! for notes, `tlog_tiles` for checkpoints, tree hashes and proofs cut from stored nodes.

use std::cell::RefCell;

use ct_merkle::RootHash;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use milaf::tlog::{
    Checkpoint, ConsistencyProof, Frontier, Hash, InclusionProof, LogKey, NoteSigner, NoteVerifier, consistency_path,
    consistency_path_from, inclusion_path, inclusion_path_from, leaf_data, leaf_hash, root_of, verify_consistency,
    verify_inclusion,
};
use proptest::prelude::*;
use sha2::Sha256;
use signed_note::{Note, Signer as _, StandardSigner, StandardVerifier, VerifierList};
use tlog_tiles::{HashReader, Tile, TileHashReader, TileReader};

const ORIGIN: &str = "suivi.example.ma/log";

fn leaf_data_of(number: u32) -> [u8; 33] {
    let mut commitment = [0xa5; 32];
    commitment[..4].copy_from_slice(&number.to_be_bytes());
    leaf_data(&commitment)
}

fn hashes(data: &[[u8; 33]]) -> Vec<Hash> {
    data.iter().map(leaf_hash).collect()
}

fn theirs(hash: &Hash) -> tlog_tiles::Hash {
    tlog_tiles::Hash(*hash)
}

fn all_theirs(path: &[Hash]) -> Vec<tlog_tiles::Hash> {
    path.iter().map(theirs).collect()
}

/// Both programs must agree on the root and on every path that each of them makes.
fn check_against_ct_merkle(size: u32) {
    let data: Vec<[u8; 33]> = (0..size).map(leaf_data_of).collect();
    let leaves = hashes(&data);
    let mut their_tree = MemoryBackedTree::<Sha256, [u8; 33]>::new();
    for leaf in &data {
        their_tree.push(*leaf);
    }
    let root = root_of(&leaves);
    assert_eq!(their_tree.root().as_bytes().as_slice(), root, "root of {size}");
    let their_root = RootHash::<Sha256>::new(root.into(), u64::from(size));

    for (at, leaf) in leaves.iter().enumerate() {
        let index = at as u64;
        let path = inclusion_path(&leaves, index).expect("an index in the tree");
        let their_proof = their_tree.prove_inclusion(at);
        assert_eq!(their_proof.as_bytes(), path.as_flattened(), "leaf {at} of {size}");
        their_root.verify_inclusion(&data[at], index, &their_proof).expect("a proof both accept");
        let proof = InclusionProof { index, path };
        assert_eq!(verify_inclusion(&proof, leaf, u64::from(size), &root), Ok(()));
    }
    for old in 1..=size {
        let path = consistency_path(&leaves, u64::from(old)).expect("a size the tree once had");
        let their_proof = their_tree.prove_consistency((size - old) as usize);
        assert_eq!(their_proof.as_bytes(), path.as_flattened(), "from {old} to {size}");
        let old_root = root_of(&leaves[..old as usize]);
        let their_old_root = RootHash::<Sha256>::new(old_root.into(), u64::from(old));
        their_root.verify_consistency(&their_old_root, &their_proof).expect("a proof both accept");
        let old = u64::from(old);
        let proof = ConsistencyProof { old, path };
        assert_eq!(verify_consistency(&proof, &old_root, u64::from(size), &root), Ok(()));
    }
}

#[test]
fn trees_agree_with_ct_merkle() {
    for size in (0..=34).chain([63, 64, 65, 100, 127, 128, 129]) {
        check_against_ct_merkle(size);
    }
}

/// Nodes as `tlog_tiles` stores them, in its own order.
struct StoredHashes(RefCell<Vec<tlog_tiles::Hash>>);

impl StoredHashes {
    fn of(data: &[[u8; 33]]) -> Self {
        let stored = Self(RefCell::default());
        for (number, leaf) in (0..).zip(data) {
            let new = tlog_tiles::stored_hashes(number, leaf, &stored).expect("a tree in memory");
            stored.0.borrow_mut().extend(new);
        }
        stored
    }

    fn node(&self, level: u32, index: u64) -> Hash {
        let level = u8::try_from(level).expect("a level below 64");
        let at = tlog_tiles::stored_hash_index(level, index);
        self.0.borrow()[usize::try_from(at).expect("a tree in memory")].0
    }
}

impl HashReader for StoredHashes {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        let stored = self.0.borrow();
        let at = |index: &u64| usize::try_from(*index).expect("a tree in memory");
        Ok(indexes.iter().map(|index| stored[at(index)]).collect())
    }
}

/// Serves tiles of height 8, the height that C2SP's tlog-tiles fixes.
struct Tiles<'a>(&'a StoredHashes);

impl TileReader for Tiles<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        tiles.iter().map(|tile| tile.read_data(self.0)).collect()
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

#[test]
fn roots_and_proofs_from_stored_nodes_agree_with_tlog_tiles() {
    let data: Vec<[u8; 33]> = (0..700).map(leaf_data_of).collect();
    let leaves = hashes(&data);
    let mut frontier = Frontier::empty();
    for size in [601_u64, 640, 700] {
        let tree = &leaves[..usize::try_from(size).expect("small")];
        while frontier.size() < size {
            frontier.push(tree[usize::try_from(frontier.size()).expect("small")]);
        }
        let root = frontier.root();
        let stored = StoredHashes::of(&data[..tree.len()]);
        assert_eq!(tlog_tiles::tree_hash(size, &stored).expect("a tree"), theirs(&root));
        // This reader refuses any tile that does not hash to the given root.
        let tiles = Tiles(&stored);
        let authenticated = TileHashReader::new(size, theirs(&root), &tiles);

        for at in (0..size).step_by(23).chain([size - 1]) {
            let path =
                inclusion_path_from(size, at, |level, index| stored.node(level, index)).expect("an index in the tree");
            let their_path = tlog_tiles::prove_record(size, at, &authenticated).expect("a proof");
            assert_eq!(all_theirs(&path), their_path, "leaf {at} of {size}");
            let leaf = theirs(&tree[usize::try_from(at).expect("small")]);
            tlog_tiles::check_record(&their_path, size, theirs(&root), at, leaf).expect("a proof both accept");
        }
        for old in (1..=size).step_by(29).chain([256, 512, size]) {
            let path = consistency_path_from(size, old, |level, index| stored.node(level, index))
                .expect("a size the tree once had");
            let their_path = tlog_tiles::prove_tree(size, old, &authenticated).expect("a proof");
            assert_eq!(all_theirs(&path), their_path, "from {old} to {size}");
            let old_root = theirs(&root_of(&tree[..usize::try_from(old).expect("small")]));
            tlog_tiles::check_tree(&their_path, size, theirs(&root), old, old_root).expect("a proof both accept");
        }
    }
}

/// The secret key in the form `signed_note` reads, which the specification does not define.
fn their_signer(name: &str, key: &NoteSigner, seed: [u8; 32]) -> StandardSigner {
    use base64::prelude::{BASE64_STANDARD, Engine};
    let encoded = BASE64_STANDARD.encode([&[1_u8], seed.as_slice()].concat());
    let key_id = hex::encode(key.verifier().key_id());
    StandardSigner::new(&format!("PRIVATE+KEY+{name}+{key_id}+{encoded}")).expect("a signer key")
}

/// What `signed_note` reads in a note, if one of these keys signed it.
fn read_by_signed_note(note: &str, vkeys: &[&str]) -> Option<String> {
    let verifier = |vkey: &&str| -> Box<dyn signed_note::Verifier> {
        Box::new(StandardVerifier::new(vkey).expect("a verifier key"))
    };
    let known = VerifierList::new(vkeys.iter().map(verifier).collect());
    let note = Note::from_bytes(note.as_bytes()).ok()?;
    note.verify(&known).ok()?;
    Some(String::from_utf8(note.text().to_vec()).expect("a note is UTF-8"))
}

/// Both programs must write the same note and read each other's.
fn check_note(text: &str, seed: [u8; 32]) {
    let ours = NoteSigner::new(ORIGIN, seed).expect("a key name");
    let vkey = ours.verifier().to_string();
    let theirs = their_signer(ORIGIN, &ours, seed);
    assert_eq!(theirs.key_id().to_be_bytes(), ours.verifier().key_id());

    let Ok(note) = ours.sign(text) else {
        assert!(Note::new(text.as_bytes(), &[]).is_err(), "only ours refuses {text:?}");
        return;
    };
    let mut their_note = Note::new(text.as_bytes(), &[]).expect("a text that we accept");
    their_note.add_sigs(&[&theirs]).expect("a signature");
    assert_eq!(String::from_utf8(their_note.to_bytes()).as_ref(), Ok(&note));
    assert_eq!(read_by_signed_note(&note, &[&vkey]).as_deref(), Some(text));

    // A witness signs below; whoever knows either key reads the note.
    let witness_key = NoteSigner::new("witness.example", [9; 32]).expect("a key name");
    their_note.add_sigs(&[&their_signer("witness.example", &witness_key, [9; 32])]).expect("a signature");
    let cosigned = String::from_utf8(their_note.to_bytes()).expect("a note is UTF-8");
    for verifier in [ours.verifier(), witness_key.verifier()] {
        assert_eq!(verifier.open(&cosigned), Ok(text));
        let vkey = verifier.to_string();
        assert_eq!(read_by_signed_note(&cosigned, &[&vkey]).as_deref(), Some(text));
    }
}

#[test]
fn checkpoints_agree_with_signed_note_and_tlog_tiles() {
    let seed = [0x61; 32];
    let key = LogKey::new(ORIGIN, seed).expect("a key name");
    let leaves = hashes(&(0..300).map(leaf_data_of).collect::<Vec<_>>());
    for size in [0, 1, 2, 255, 256, 257, 300] {
        let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size: size as u64, root: root_of(&leaves[..size]) };
        check_note(&checkpoint.text(), seed);
        let note = key.sign(&checkpoint);
        let text = read_by_signed_note(&note, &[&key.vkey()]).expect("a note both accept");
        let read = tlog_tiles::Checkpoint::from_bytes(text.as_bytes()).expect("a checkpoint");
        assert_eq!(read.origin(), ORIGIN);
        assert_eq!(read.size(), size as u64);
        assert_eq!(*read.hash(), theirs(&checkpoint.root));
        assert_eq!(read.extension(), "");

        let their_text =
            tlog_tiles::Checkpoint::new(ORIGIN, size as u64, *read.hash(), "").expect("a checkpoint").to_bytes();
        assert_eq!(their_text, checkpoint.text().into_bytes());
        assert_eq!(Checkpoint::parse_signed(&note, key.verifier()), Ok(checkpoint));
    }
}

/// A whole log as its public would see it, checked by nobody's program but others'.
#[test]
fn a_growing_log_convinces_a_stranger() {
    let key = LogKey::new(ORIGIN, [0x62; 32]).expect("a key name");
    let mut frontier = Frontier::empty();
    let mut leaves = Vec::new();
    let mut seen: Option<tlog_tiles::Checkpoint> = None;
    for number in 0..60 {
        leaves.push(leaf_hash(&leaf_data_of(number)));
        frontier.push(leaves[number as usize]);
        let (origin, size, root) = (ORIGIN.to_owned(), frontier.size(), frontier.root());
        let note = key.sign(&Checkpoint { origin, size, root });
        let text = read_by_signed_note(&note, &[&key.vkey()]).expect("a signed head");
        let head = tlog_tiles::Checkpoint::from_bytes(text.as_bytes()).expect("a checkpoint");
        if let Some(seen) = &seen {
            let path = consistency_path(&leaves, seen.size()).expect("a size the tree once had");
            let (old, new) = (*seen.hash(), *head.hash());
            tlog_tiles::check_tree(&all_theirs(&path), head.size(), new, seen.size(), old)
                .expect("one log grew from the other");
        }
        seen = Some(head);
    }
}

proptest! {
    #[test]
    fn notes_agree_with_signed_note(lines: Vec<String>, end in "\n?", seed: [u8; 32]) {
        check_note(&format!("{}{end}", lines.join("\n")), seed);
    }

    #[test]
    fn verifier_keys_agree_with_signed_note(seed: [u8; 32], flip: prop::sample::Index) {
        let signer = NoteSigner::new(ORIGIN, seed).expect("a key name");
        let mut vkey = signer.verifier().to_string().into_bytes();
        let bit = flip.index(vkey.len() * 8);
        vkey[bit / 8] ^= 1 << (bit % 8);
        if let Ok(vkey) = String::from_utf8(vkey) {
            // Ours refuses all of these; theirs forgives the case of the key id, and no more.
            prop_assert!(NoteVerifier::parse(&vkey).is_err());
            let forgiven = vkey.eq_ignore_ascii_case(&signer.verifier().to_string());
            prop_assert!(forgiven || StandardVerifier::new(&vkey).is_err());
        }
    }

    #[test]
    fn damaged_notes_are_refused_by_both(size: u64, root: Hash, flip: prop::sample::Index) {
        let key = LogKey::new(ORIGIN, [0x63; 32]).expect("a key name");
        let origin = ORIGIN.to_owned();
        let mut note = key.sign(&Checkpoint { origin, size, root }).into_bytes();
        let bit = flip.index(note.len() * 8);
        note[bit / 8] ^= 1 << (bit % 8);
        if let Ok(note) = String::from_utf8(note) {
            prop_assert!(Checkpoint::parse_signed(&note, key.verifier()).is_err());
            prop_assert_eq!(read_by_signed_note(&note, &[&key.vkey()]), None);
        }
    }
}
