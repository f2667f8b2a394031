//! `milaf serve`: the desk's pages and the public's, over one office.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;
use tracing::level_filters::LevelFilter;

use super::{
    DataArgument,
    log_lines::start_log,
    open::Office,
    place::Place,
    serving::{self, Node},
    supervisor,
    terminal::say,
    witnesses,
};
use crate::{
    config::ServeSettings,
    web::{Tls, WebOptions},
};

/// Only this machine: a proxy stands before it.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Serve the desk and the public pages
#[derive(Debug, Args)]
#[command(
    long_about = "Serves the desk's pages and the public's until Ctrl-C or SIGTERM, and then finishes what was accepted. A \
        second signal ends it at once.\n\n\
        Put a web server with a certificate in front of it, name that server's address with --trusted-proxy, and let \
        public_url in the issuer file be what citizens reach; or let it speak TLS itself with --tls-certificate and \
        --tls-key, which are read anew when they change. --public-url or MILAF_PUBLIC_URL override the address for links and \
        QR codes; the name of the public log stays that of the issuer file.\n\n\
        /healthz says that the process lives, /readyz whether it should be sent work: 200, or 503 and a word for each check \
        that fails (database, head, keys, checkpoint, disk, draining). A proxy may ask both every second.\n\n\
        A file named policy in the data folder (C2SP tlog-policy) names the witnesses that are asked to cosign each published \
        checkpoint; see examples/policy. A witness that is slow or away delays nothing.\n\n\
        What node.toml in the data folder says stands for options that are not given here; see examples/node.toml. \
        MILAF_LOG says how much is told on stderr: error, warn, info, debug or trace. MILAF_LOG_FORMAT=json makes each line \
        an object.\n\n\
        Under systemd, Type=notify, WatchdogSec= and a socket unit with one ListenStream= work; such a socket goes before \
        --listen.\n\nOther commands may use the same data folder while this one runs.",
    after_help = "Examples:\n  milaf serve --data /srv/milaf\n  \
        milaf serve --data /srv/milaf --listen 127.0.0.1:9000 --trusted-proxy 127.0.0.1\n  \
        milaf serve --data /srv/milaf --listen 0.0.0.0:8080 --trusted-proxy 10.0.0.2 --drain 5 --metrics 10.0.0.11:9100\n  \
        milaf serve --data /srv/milaf --listen 0.0.0.0:443 --tls-certificate fullchain.pem --tls-key privkey.pem"
)]
pub(super) struct Serve {
    #[command(flatten)]
    data: DataArgument,
    /// The address and port to listen on; port 0 takes any free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS", value_parser = serving::listen_address)]
    listen: Option<SocketAddr>,
    /// What citizens reach, in the place of the issuer file's `public_url`
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// A proxy whose X-Forwarded-For and X-Request-Id are believed; may be given several times
    #[arg(long, value_name = "IP")]
    trusted_proxy: Vec<IpAddr>,
    /// The certificate to speak TLS with, in PEM, the server's own first and then its chain
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The certificate's key, in PEM, readable by its owner alone
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// How long to go on serving after a signal, while /readyz says that this node leaves: longer than the proxy takes to
    /// notice [default: 0]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=600))]
    drain: Option<u64>,
    /// Show Prometheus metrics at /metrics of this address and port, to whoever can reach it
    #[arg(long, value_name = "ADDRESS", value_parser = serving::listen_address)]
    metrics: Option<SocketAddr>,
}

impl Serve {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let inherited = supervisor::listener()?;
        start_log(LevelFilter::INFO)?;
        let place = self.data.place()?;
        self.with_defaults(&place.settings.serve).serve(&place, inherited).await
    }

    /// What the command line leaves open is as the node's settings say.
    fn with_defaults(self, settings: &ServeSettings) -> Self {
        let trusted_proxy =
            if self.trusted_proxy.is_empty() { settings.trusted_proxies.clone() } else { self.trusted_proxy };
        let has_tls = self.tls_certificate.is_some();
        Self {
            listen: self.listen.or(settings.listen),
            trusted_proxy,
            tls_certificate: if has_tls { self.tls_certificate } else { settings.tls_certificate.clone() },
            tls_key: if has_tls { self.tls_key } else { settings.tls_key.clone() },
            drain: self.drain.or(settings.drain),
            metrics: self.metrics.or(settings.metrics),
            ..self
        }
    }

    async fn serve(self, place: &Place, inherited: Option<std::net::TcpListener>) -> anyhow::Result<ExitCode> {
        let tls = self.tls_certificate.as_deref().zip(self.tls_key.as_deref());
        let tls = tls.map(|(certificate, key)| Tls::load(certificate, key)).transpose()?;
        let office = Office::open(place, self.public_url.as_deref()).await?;
        let listener = match inherited {
            Some(listener) => TcpListener::from_std(listener).context("the inherited socket cannot be used")?,
            None => serving::bind("--listen", self.listen.unwrap_or(DEFAULT_LISTEN)).await?,
        };
        let metrics = match self.metrics {
            Some(address) => Some(serving::bind("--metrics", address).await?),
            None => None,
        };
        let policy = witnesses::policy_to_serve(place, &office.service);
        say(&self.greeting(&office, &listener, metrics.as_ref())?)?;
        let options = WebOptions { trusted_proxies: self.trusted_proxy, tls, ..WebOptions::default() };
        serving::serve(
            office,
            Node { listener, options, metrics, drain: Duration::from_secs(self.drain.unwrap_or(0)), policy },
        )
        .await?;
        Ok(ExitCode::SUCCESS)
    }

    fn greeting(
        &self,
        office: &Office,
        listener: &TcpListener,
        metrics: Option<&TcpListener>,
    ) -> anyhow::Result<String> {
        let public_url = &office.service.issuer().public_url;
        let scheme = if self.tls_certificate.is_some() { "https" } else { "http" };
        let mut lines = vec![format!("Listening on {scheme}://{} for {public_url}", listener.local_addr()?)];
        lines.push(format!("The desk: {}", public_url.join("desk")));
        if let Some(metrics) = metrics {
            lines.push(format!("Metrics: http://{}/metrics", metrics.local_addr()?));
        }
        lines.push("Stop with Ctrl-C.".to_owned());
        Ok(lines.join("\n"))
    }
}
