//! `milaf serve`: the desk's pages and the public's, over one office.

use std::{
    net::{IpAddr, SocketAddr},
    process::ExitCode,
};

use clap::Args;
use tracing::level_filters::LevelFilter;

use super::{DataArgument, open::Office, serving, terminal::say};
use crate::web::WebOptions;

/// Serve the desk and the public pages
#[derive(Debug, Args)]
#[command(
    long_about = "Serves the desk's pages and the public's until Ctrl-C or SIGTERM, and then finishes what was accepted.\n\n\
        Put a web server with a certificate in front of it, name that server's address with --trusted-proxy, and let \
        public_url in the issuer file be what citizens reach. --public-url or MILAF_PUBLIC_URL override it for links and QR \
        codes; the name of the public log stays that of the issuer file. MILAF_LOG says how much is told on stderr: error, \
        warn, info, debug or trace.\n\nOther commands may use the same data folder while this one runs.",
    after_help = "Examples:\n  milaf serve --data /srv/milaf\n  \
        milaf serve --data /srv/milaf --listen 127.0.0.1:9000 --trusted-proxy 127.0.0.1"
)]
pub(super) struct Serve {
    #[command(flatten)]
    data: DataArgument,
    /// The address and port to listen on; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = serving::listen_address)]
    listen: SocketAddr,
    /// What citizens reach, in the place of the issuer file's `public_url`
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// A proxy whose X-Forwarded-For is believed; may be given several times
    #[arg(long, value_name = "IP")]
    trusted_proxy: Vec<IpAddr>,
}

impl Serve {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        serving::start_log(LevelFilter::INFO)?;
        let office = Office::open(&self.data.folder(), self.public_url.as_deref()).await?;
        let listener = serving::bind(self.listen).await?;
        let bound = listener.local_addr()?;
        say(&format!(
            "Listening on http://{bound} for {url}\nThe desk: {desk}\nStop with Ctrl-C.",
            url = office.service.issuer().public_url,
            desk = office.service.issuer().public_url.join("desk"),
        ))?;
        let options = WebOptions { trusted_proxies: self.trusted_proxy, ..WebOptions::default() };
        serving::serve(office, listener, options).await?;
        Ok(ExitCode::SUCCESS)
    }
}
