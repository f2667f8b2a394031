//! The files under `examples/`, really used: what an administrator would copy to `/etc` is copied to a folder of the test, with
//! other paths, addresses and ports in it and nothing else changed, and then run.
//!
//! systemd itself runs nothing here, because it would have to be the machine's first process. It judges the units, and each
//! unit's own lines are then executed with what systemd would give them.

#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected should stop there")]

mod database;
mod one_node;
mod proxy;
mod recovery;
mod site;
mod three_nodes;
mod unit;
mod witness;
