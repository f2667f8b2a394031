//! A log on a web server, which may be slow, wrong or hostile.
//!
//! Every answer has a largest size and a time; what may pass by itself is tried again, each time after twice as long. The
//! connection is encrypted unless it goes to this machine. Nothing read here is believed: whoever asks checks it.

use std::{io::Read, thread, time::Duration};

use ureq::Agent;

use crate::{
    audit::{SourceError, TileSource, tile_length},
    cli::UsageError,
    tlog::{Tile, TileKind},
};

/// A note with a hundred signatures is far smaller.
pub(super) const LARGEST_NOTE: u64 = 1 << 20;
const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The place of a log, or of something else, on the web.
#[derive(Debug)]
pub(in crate::cli) struct Web {
    agent: Agent,
    /// Scheme, host and port.
    site: String,
    /// Where the log is on it, without a slash at the end.
    log: String,
}

/// Whether an argument is an address and not a path.
pub(in crate::cli) fn is_address(text: &str) -> bool {
    let start = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    start.starts_with("http://") || start.starts_with("https://")
}

impl Web {
    /// `address` is the office's, or that of the log itself if it has a path.
    ///
    /// # Errors
    /// When it cannot be one, or would be read in clear.
    pub(in crate::cli) fn new(address: &str) -> anyhow::Result<Self> {
        let usage = |why: &str| UsageError(format!("{address}: {why}"));
        let lower = address.to_ascii_lowercase();
        let secure = lower.starts_with("https://");
        if !is_address(address) {
            return Err(usage("an address begins with https://").into());
        }
        let start = if secure { 8 } else { 7 };
        let rest = &address[start..];
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, path) = (host.to_ascii_lowercase(), path.trim_end_matches('/'));
        if host.is_empty() || host.contains('@') || address.contains(['?', '#', ' ']) {
            return Err(usage("an address is a host and perhaps a path, and nothing more").into());
        }
        let name = if host.starts_with('[') { host.split_once(']').map_or("", |(name, _)| name) } else { &host };
        let name = if name.starts_with('[') { name } else { name.split(':').next().unwrap_or_default() };
        if !secure && !["localhost", "127.0.0.1", "[::1"].contains(&name) {
            return Err(usage("only this machine itself is asked without encryption; write https://").into());
        }
        let site = format!("{}{host}", &lower[..start]);
        let log = format!("{site}{}", if path.is_empty() { "/log" } else { path });
        let agent: Agent = Agent::config_builder()
            .https_only(secure)
            .max_redirects(3)
            .user_agent(concat!("milaf/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(Duration::from_secs(30)))
            .timeout_recv_body(Some(Duration::from_mins(1)))
            .build()
            .into();
        Ok(Self { agent, site, log })
    }

    /// Something else on the same host, such as its keys.
    pub(super) fn on_site(&self, path: &str, largest: u64) -> Result<Vec<u8>, SourceError> {
        self.get(&format!("{}{path}", self.site), largest)
    }

    /// The address itself, of whatever it is.
    pub(super) fn itself(&self, largest: u64) -> Result<Vec<u8>, SourceError> {
        self.get(&self.log, largest)
    }

    fn get(&self, address: &str, largest: u64) -> Result<Vec<u8>, SourceError> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..TRIES {
            match self.get_once(address, largest) {
                Err(Trouble::Passing(_)) => thread::sleep(pause),
                Err(Trouble::Lasting(error)) => return Err(error),
                Ok(bytes) => return Ok(bytes),
            }
            pause *= 2;
        }
        self.get_once(address, largest).map_err(|trouble| match trouble {
            Trouble::Passing(cause) => SourceError::Unreadable(format!("{address}: {cause}, {TRIES} times")),
            Trouble::Lasting(error) => error,
        })
    }

    fn get_once(&self, address: &str, largest: u64) -> Result<Vec<u8>, Trouble> {
        let answer = self.agent.get(address).call().map_err(|error| trouble(address, &error))?;
        let mut bytes = Vec::new();
        let mut body = answer.into_body().into_reader().take(largest + 1);
        body.read_to_end(&mut bytes).map_err(|error| Trouble::Passing(error.to_string()))?;
        if bytes.len() as u64 > largest {
            let what = format!("it is larger than {largest} bytes, which nothing of the kind is");
            return Err(Trouble::Lasting(SourceError::Malformed(what)));
        }
        Ok(bytes)
    }
}

enum Trouble {
    /// May be over in a second.
    Passing(String),
    Lasting(SourceError),
}

fn trouble(address: &str, error: &ureq::Error) -> Trouble {
    match error {
        ureq::Error::StatusCode(404 | 410) => Trouble::Lasting(SourceError::Missing),
        ureq::Error::StatusCode(code @ (429 | 500..=599)) => Trouble::Passing(format!("the server answers {code}")),
        ureq::Error::Timeout(_) | ureq::Error::Io(_) | ureq::Error::ConnectionFailed | ureq::Error::Protocol(_) => {
            Trouble::Passing(error.to_string())
        }
        error => Trouble::Lasting(SourceError::Unreadable(format!("{address}: {error}"))),
    }
}

impl TileSource for Web {
    fn checkpoint(&self) -> Result<String, SourceError> {
        let bytes = self.get(&format!("{}/checkpoint", self.log), LARGEST_NOTE)?;
        String::from_utf8(bytes).map_err(|_| SourceError::Malformed("it is not text".to_owned()))
    }

    fn tile(&self, tile: Tile) -> Result<Vec<u8>, SourceError> {
        let bytes = |tile: Tile| self.get(&format!("{}/{tile}", self.log), tile_length(tile) as u64);
        match bytes(tile) {
            // A server may give up a partial tile once the full one is there.
            Err(SourceError::Missing) if !tile.is_full() => {
                let full = Tile::new(tile.kind(), tile.number(), 256).map_err(|_| SourceError::Missing)?;
                let mut bytes = bytes(full)?;
                bytes.truncate(tile_length(tile));
                Ok(bytes)
            }
            outcome => outcome,
        }
    }
}

/// What a tile is called in a sentence.
pub(super) fn name(tile: Tile) -> &'static str {
    match tile.kind() {
        TileKind::Entries => "bundle of entries",
        TileKind::Hashes { .. } => "tile",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_encrypted_or_this_machines() {
        let log = |address: &str| Web::new(address).ok().map(|web| (web.site, web.log));
        let some = |site: &str, log: &str| Some((site.to_owned(), log.to_owned()));
        assert_eq!(log("https://A.example"), some("https://a.example", "https://a.example/log"));
        assert_eq!(log("https://a.example/x/Log/"), some("https://a.example", "https://a.example/x/Log"));
        assert_eq!(log("HTTP://127.0.0.1:80"), some("http://127.0.0.1:80", "http://127.0.0.1:80/log"));
        assert_eq!(log("http://[::1]:8/"), some("http://[::1]:8", "http://[::1]:8/log"));
        for refused in [
            "http://a.example",
            "http://127.0.0.1.example",
            "http://localhost@a.example",
            "https://",
            "https://a.example/?x",
            "ftp://a.example",
        ] {
            assert_eq!(log(refused), None, "{refused}");
        }
    }
}
