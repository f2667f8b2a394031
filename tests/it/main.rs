//! Every integration test, in one binary.

#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected should stop there")]

mod architecture;
mod backup;
mod bad_input;
mod commands;
mod copy;
mod crash;
mod crosscheck;
mod cutting_proxy;
mod desk_pages;
mod desk_refusals;
mod doctor;
mod examples;
mod failover;
mod form_page;
mod harness;
mod ledger;
mod node_database;
mod node_log;
mod node_metrics;
mod node_process;
mod node_ready;
mod node_restart;
mod node_rollback;
mod node_tls;
mod page_weights;
mod postgres_server;
mod premises;
mod public_pages;
mod randomness;
mod raw_http;
mod real_server;
mod receipt_pdf;
mod receipt_samples;
mod service_stories;
mod shutdown;
mod status_details;
mod store_conformance;
mod store_migrations;
mod store_postgres;
mod store_postgres_faults;
mod store_sqlite;
mod transport;
mod vectors;
mod words;
