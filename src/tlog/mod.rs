//! The transparency log: the order in which everything happened, hashed so that nobody can rewrite
//! it unseen.
//!
//! Records, leaves, the tree, its proofs, and the signed notes that publish its head, to the letter
//! of RFC 6962 and of C2SP's signed-note and tlog-checkpoint, so that other people's tools read
//! them. Everything here is a function of its arguments: this room never reads a clock, draws a
//! nonce, opens a file or touches a database. A format of our own was rejected, because a log that
//! only its issuer's program can check convinces nobody.

mod checkpoint;
mod cosignature;
mod leaf;
mod log_event;
mod nodes;
mod note;
mod policy;
mod proof;
mod proof_file;
mod record;
mod tile;
mod tree;

pub use checkpoint::{Checkpoint, CheckpointError, LogKey};
pub use cosignature::{CosignatureSigner, CosignatureVerifier};
pub use leaf::{Hash, commitment, leaf_data, leaf_hash, node_hash};
pub use log_event::{KeyPurpose, LOG_SUBJECT, LogEvent, LogEventError};
pub use nodes::{Node, NodeRange, NodesMissing, PathPlan};
pub use note::{NoteError, NoteSigner, NoteVerifier};
pub use policy::{JudgeError, Policy, PolicyError, PolicyFault, PolicyWitness, Witnessed};
pub use proof::{ConsistencyProof, InclusionProof, ProofError, verify_consistency, verify_inclusion};
pub use proof_file::{ProofFile, ProofFileError};
pub use record::{Record, RecordError};
pub use tile::{TILE_WIDTH, Tile, TileError, TileKind, entry_bundle, read_entry_bundle};
pub use tree::{
    Frontier, FrontierError, RangeError, consistency_path, consistency_path_from, inclusion_path, inclusion_path_from,
    root_of,
};
