//! What a node counts about itself, for an operator's Prometheus.
//!
//! One [`Metrics`] belongs to one service and is handed to whoever counts; there is no static one, so two services in one
//! process do not mix. It must never hold a label that a visitor or a dossier chooses: every label's values are known here,
//! are the router's own patterns or the operator's policy file's, so the number of series is bounded and no token, reference or name can get into one.
//! A library that writes only the later `OpenMetrics` format was rejected: every scraper reads the text format 0.0.4.

use std::time::Duration;

use jiff::Timestamp;
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder, core::Collector, process_collector::ProcessCollector,
};

/// What [`Metrics::text`] is.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Seconds. From a page out of memory to the longest that a body may take.
const BUCKETS: [f64; 12] = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// What somebody tried and was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    SignIn,
    SecondLevel,
    TypedCode,
}

/// Why it was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedFor {
    Wrong,
    /// Too many tries before it; what was tried was not looked at.
    Locked,
}

/// What is asked of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreWork {
    Register,
    Append,
    Read,
    Write,
}

/// What came of asking a witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WitnessOutcome {
    Cosigned,
    Failed,
    /// It says that the log shows two histories.
    Contradicted,
}

impl WitnessOutcome {
    const fn label(self) -> &'static str {
        match self {
            Self::Cosigned => "cosigned",
            Self::Failed => "failed",
            Self::Contradicted => "contradicted",
        }
    }
}

impl Attempt {
    const ALL: [Self; 3] = [Self::SignIn, Self::SecondLevel, Self::TypedCode];

    const fn label(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::SecondLevel => "second_level",
            Self::TypedCode => "typed_code",
        }
    }
}

impl RefusedFor {
    const ALL: [Self; 2] = [Self::Wrong, Self::Locked];

    const fn label(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Locked => "locked",
        }
    }
}

impl StoreWork {
    const ALL: [Self; 4] = [Self::Register, Self::Append, Self::Read, Self::Write];

    const fn label(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Append => "append",
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    connections: IntGaugeVec,
    handshakes_failed: IntCounter,
    registrations: IntCounter,
    events: IntCounter,
    store_seconds: [Histogram; 4],
    store_errors: IntCounterVec,
    refused: IntCounterVec,
    log_size: IntGauge,
    checkpoint_size: IntGauge,
    checkpoint_at: IntGauge,
    publisher_ran_at: IntGauge,
    publisher_fails: IntGauge,
    publisher_failures: IntCounter,
    ready: IntGaugeVec,
    witness_answers: IntCounterVec,
    witness_size: IntGaugeVec,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// What is told of a request's method, which may be anything of any length that a client sends.
pub fn method_word(method: &str) -> &str {
    if matches!(method, "GET" | "HEAD" | "POST") { method } else { "other" }
}

impl Metrics {
    pub fn new() -> Self {
        let registry = Registry::new();
        let make = Maker(&registry);
        make.register(ProcessCollector::for_self());
        let version = Opts::new("milaf_build_info", "The running program; always 1.");
        let version = make.gauge_of(version.const_label("version", env!("CARGO_PKG_VERSION")));
        version.set(1);
        let store_seconds = make.histograms("milaf_store_seconds", "Seconds that the database took.", &["work"]);
        let metrics = Self {
            requests: make.counters("milaf_http_requests_total", "Requests answered.", &["route", "method", "status"]),
            request_seconds: make.histograms(
                "milaf_http_request_seconds",
                "Seconds from a request's headers to its answer.",
                &["route"],
            ),
            connections: make.gauges("milaf_connections_open", "Connections that are open.", &["listener"]),
            handshakes_failed: make
                .counter("milaf_tls_handshakes_failed_total", "TLS handshakes that did not end well."),
            registrations: make.counter("milaf_registrations_total", "Dossiers registered by this node."),
            events: make.counter("milaf_events_total", "Log entries written by this node."),
            store_seconds: StoreWork::ALL.map(|work| store_seconds.with_label_values(&[work.label()])),
            store_errors: make.counters(
                "milaf_store_errors_total",
                "What the database refused or failed at.",
                &["kind"],
            ),
            refused: make.counters("milaf_attempts_refused_total", "Secrets tried in vain.", &["what", "why"]),
            log_size: make.gauge("milaf_log_size", "Entries of the log, as last seen in the database."),
            checkpoint_size: make.gauge("milaf_checkpoint_size", "Entries of the log under the published checkpoint."),
            checkpoint_at: make.gauge(
                "milaf_checkpoint_timestamp_seconds",
                "When the published checkpoint was signed; 0: none known.",
            ),
            publisher_ran_at: make.gauge(
                "milaf_checkpoint_last_success_timestamp_seconds",
                "When the published checkpoint was last found or made equal to the log.",
            ),
            publisher_fails: make.gauge("milaf_checkpoint_failing", "1 when the last try to publish failed."),
            publisher_failures: make.counter("milaf_checkpoint_failures_total", "Tries to publish that failed."),
            ready: make.gauges("milaf_ready", "1 for each check of /readyz that holds.", &["check"]),
            witness_answers: make.counters(
                "milaf_witness_answers_total",
                "Checkpoints that witnesses were asked to cosign.",
                &["witness", "outcome"],
            ),
            witness_size: make.gauges(
                "milaf_witness_cosigned_size",
                "Entries of the log under the newest checkpoint that the witness has cosigned.",
                &["witness"],
            ),
            registry,
        };
        for (what, why) in Attempt::ALL.into_iter().flat_map(|what| RefusedFor::ALL.map(|why| (what, why))) {
            metrics.refused.with_label_values(&[what.label(), why.label()]);
        }
        metrics
    }

    /// Everything, in the text exposition format 0.0.4; see [`CONTENT_TYPE`].
    pub fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text).expect("writing to memory does not fail");
        text
    }

    /// A request was answered. `route` is the router's pattern, never the path that was asked for.
    pub fn answered(&self, route: &str, method: &str, status: u16, took: Duration) {
        let method = method_word(method);
        let class = match status {
            ..200 => "1xx",
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            500.. => "5xx",
        };
        self.requests.with_label_values(&[route, method, class]).inc();
        self.request_seconds.with_label_values(&[route]).observe(took.as_secs_f64());
    }

    /// Counts a connection until the guard is dropped.
    pub fn connection(&self, listener: &'static str) -> OpenConnection {
        let open = self.connections.with_label_values(&[listener]);
        open.inc();
        OpenConnection(open)
    }

    pub fn handshake_failed(&self) {
        self.handshakes_failed.inc();
    }

    pub fn registered(&self, events: u64) {
        self.registrations.inc();
        self.events.inc_by(events);
    }

    pub fn appended(&self, events: u64) {
        self.events.inc_by(events);
    }

    pub fn store_took(&self, work: StoreWork, took: Duration) {
        self.store_seconds[work as usize].observe(took.as_secs_f64());
    }

    pub fn store_failed(&self, kind: &'static str) {
        self.store_errors.with_label_values(&[kind]).inc();
    }

    pub fn refused(&self, what: Attempt, why: RefusedFor) {
        self.refused.with_label_values(&[what.label(), why.label()]).inc();
    }

    pub fn log_size(&self, size: u64) {
        self.log_size.set(whole(size));
    }

    pub fn checkpoint(&self, size: u64, signed_at: Timestamp) {
        self.checkpoint_size.set(whole(size));
        self.checkpoint_at.set(signed_at.as_second());
    }

    /// The published checkpoint has this size, and that is the log's.
    pub fn publisher_succeeded(&self, size: u64, now: Timestamp) {
        self.checkpoint_size.set(whole(size));
        self.publisher_ran_at.set(now.as_second());
        self.publisher_fails.set(0);
    }

    pub fn publisher_failed(&self) {
        self.publisher_fails.set(1);
        self.publisher_failures.inc();
    }

    /// `witness` is its name in the operator's policy file.
    pub fn witness_answered(&self, witness: &str, outcome: WitnessOutcome, size: Option<u64>) {
        self.witness_answers.with_label_values(&[witness, outcome.label()]).inc();
        if let Some(size) = size {
            self.witness_size.with_label_values(&[witness]).set(whole(size));
        }
    }

    pub fn ready(&self, check: &'static str, holds: bool) {
        self.ready.with_label_values(&[check]).set(i64::from(holds));
    }
}

/// A connection that is counted as open.
#[derive(Debug)]
pub struct OpenConnection(IntGauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn whole(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// Makes metrics and registers each. The names are constants of this file, so a mistake in one is found by the first start.
struct Maker<'a>(&'a Registry);

const WELL_NAMED: &str = "a metric's name is well formed and its own";

impl Maker<'_> {
    fn register(&self, collector: impl Collector + 'static) {
        self.0.register(Box::new(collector)).expect(WELL_NAMED);
    }

    fn keep<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let collector = made.expect(WELL_NAMED);
        self.register(collector.clone());
        collector
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.keep(IntCounter::new(name, help))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.keep(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.keep(IntGauge::new(name, help))
    }

    fn gauge_of(&self, opts: Opts) -> IntGauge {
        self.keep(IntGauge::with_opts(opts))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.keep(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    fn histograms(&self, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
        let opts = HistogramOpts::new(name, help).buckets(BUCKETS.to_vec());
        self.keep(HistogramVec::new(opts, labels))
    }
}
