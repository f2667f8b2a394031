//! Milaf: dossiers, signed receipts, and a history nobody can rewrite.
//!
//! The rooms, from the pure ones outward; an arrow never points back:
//!
//! * [`tlog`] hashes, proves and signs the log. [`receipt`] makes and checks tokens, typed codes, seals and addresses.
//! * [`audit`] judges what the office published or handed out, as somebody outside can. [`scan`] reads codes from pictures.
//! * [`dossier`] decides what may happen to a dossier and counts the legal clock.
//! * [`config`] reads the agency's files and keys. [`clock`] is the only reader of time and randomness.
//! * [`metrics`] counts what a node does, for its operator.
//! * [`store`] keeps events, leaves, projection and tree head in one transaction.
//! * [`service`] is what can be done, in domain terms; the pages and the command line both go through it.
//! * [`witness`] watches other people's logs and cosigns them; it knows nothing of an office.
//! * [`i18n`] has the words in four languages, [`print`] the paper.
//!
//! ARCHITECTURE.md names the invariants, and a test reads the `use` lines to enforce them.

pub mod audit;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dossier;
pub mod i18n;
pub mod metrics;
pub mod print;
pub mod receipt;
pub mod scan;
pub mod service;
pub mod store;
pub mod tlog;
pub mod web;
pub mod witness;
