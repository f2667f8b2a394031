//! What somebody outside the office can check, from what it published or handed out: receipts, proofs, tiles, bundles.
//!
//! Everything here is a function of its arguments. This room never opens a file, asks a network, reads a clock or touches a
//! database, so that the command line, the page and a test judge alike; whoever calls it brings the bytes. It trusts nothing
//! that an office says of itself beyond what a key, a root or a witness confirms.

pub mod keys_file;
