//! Every integration test, in one binary.

#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected should stop there")]

mod architecture;
mod bad_input;
mod commands;
mod crash;
mod crosscheck;
mod cutting_proxy;
mod desk_pages;
mod harness;
mod postgres_server;
mod public_pages;
mod raw_http;
mod real_server;
mod receipt_pdf;
mod receipt_samples;
mod service_stories;
mod store_conformance;
mod store_postgres;
mod store_postgres_faults;
mod store_sqlite;
mod vectors;
