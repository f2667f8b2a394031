//! Every integration test, in one binary.

#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected should stop there")]

mod architecture;
mod bad_input;
mod commands;
mod crash;
mod crosscheck;
mod desk_pages;
mod doctor;
mod harness;
mod public_pages;
mod raw_http;
mod real_server;
mod receipt_pdf;
mod receipt_samples;
mod service_stories;
mod shutdown;
mod store_conformance;
mod store_sqlite;
mod vectors;
