//! Who asks: the language to answer in, the address to count tries by, the request's name in the log.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use axum::{
    extract::FromRequestParts,
    http::{
        HeaderMap, Uri,
        header::{ACCEPT_LANGUAGE, COOKIE},
        request::Parts,
    },
};

use super::{App, log::RequestId};
use crate::{dossier::Language, i18n};

/// The language that somebody at the desk chose. Only pages of the desk set it and are sent it.
pub(super) const LANGUAGE_COOKIE: &str = "milaf-lang";

/// The other end of the connection, put there by `serve`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

#[derive(Clone)]
pub struct Visitor {
    /// `?l=xx`, else what was chosen at the desk, else `Accept-Language`, else the issuer's own.
    pub language: Language,
    /// The peer's address, or the one that a trusted proxy names.
    pub address: String,
    pub request_id: String,
    /// As it was asked for. On public pages it may hold a token, so it is never logged.
    pub path_and_query: String,
}

impl std::fmt::Debug for Visitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Visitor")
            .field("language", &self.language)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0);
        Ok(Self {
            language: language(&parts.uri, &parts.headers, app.service.issuer().default_language),
            address: counted_as(address(peer, &parts.headers, &app.options.trusted_proxies)),
            request_id: parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
            path_and_query: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        })
    }
}

fn language(uri: &Uri, headers: &HeaderMap, default: Language) -> Language {
    let asked = uri.query().unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("l="));
    let remembered = || {
        let at_desk = uri.path().strip_prefix("/desk").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        cookie(headers, LANGUAGE_COOKIE).filter(|_| at_desk).and_then(Language::from_tag)
    };
    let accepted = || headers.get(ACCEPT_LANGUAGE)?.to_str().ok().and_then(i18n::negotiate);
    asked.and_then(Language::from_tag).or_else(remembered).or_else(accepted).unwrap_or(default)
}

pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// From the right, the first address that is no proxy of ours; what stands further left anyone can have written.
fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let peer = peer.to_canonical();
    if !trusted.contains(&peer) {
        return peer;
    }
    let mut nearest = peer;
    let lines: Vec<&str> = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok()).collect();
    for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
        nearest = address.to_canonical();
        if !trusted.contains(&nearest) {
            break;
        }
    }
    nearest
}

/// What limits count as one address. Whoever has one of IPv6 has a whole network of them, usually 64 bits wide.
fn counted_as(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_counts_as_one() {
        let counted = |text: &str| counted_as(text.parse::<IpAddr>().unwrap().to_canonical());
        assert_eq!(counted("2001:db8:1:2::7"), counted("2001:db8:1:2:ffff:1:2:3"));
        assert_ne!(counted("2001:db8:1:2::7"), counted("2001:db8:1:3::7"));
        assert_eq!(counted("::ffff:192.0.2.7"), "192.0.2.7");
        assert_ne!(counted("192.0.2.7"), counted("192.0.2.8"));
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let check = |peer: &str, forwarded: &[&str], expected: &str| {
            let mut headers = HeaderMap::new();
            for line in forwarded {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            let trusted = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
            assert_eq!(
                address(peer.parse().unwrap(), &headers, &trusted).to_string(),
                expected,
                "{peer} {forwarded:?}"
            );
        };
        check("198.51.100.7", &[], "198.51.100.7");
        check("198.51.100.7", &["203.0.113.1"], "198.51.100.7");
        check("10.0.0.1", &["203.0.113.1"], "203.0.113.1");
        check("::ffff:10.0.0.1", &["203.0.113.1"], "203.0.113.1");
        check("10.0.0.1", &["1.1.1.1, 203.0.113.1, 10.0.0.2"], "203.0.113.1");
        check("10.0.0.1", &["1.1.1.1", "203.0.113.1"], "203.0.113.1");
        check("10.0.0.1", &["203.0.113.1, rubbish"], "10.0.0.1");
        check("10.0.0.1", &[""], "10.0.0.1");
    }

    #[test]
    fn the_link_goes_before_the_browser_and_the_browser_before_the_issuer() {
        let check_with = |uri: &str, chosen: Option<&str>, accept: Option<&str>, expected: Language| {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(ACCEPT_LANGUAGE, accept.parse().unwrap());
            }
            if let Some(chosen) = chosen {
                headers.insert(COOKIE, format!("a=b; {LANGUAGE_COOKIE}={chosen}").parse().unwrap());
            }
            let found = language(&uri.parse().unwrap(), &headers, Language::Arabic);
            assert_eq!(found, expected, "{uri} {chosen:?} {accept:?}");
        };
        let check = |uri: &str, accept: Option<&str>, expected| check_with(uri, None, accept, expected);
        check_with("/desk", Some("zgh"), Some("en"), Language::Tamazight);
        check_with("/desk/d/x/y?z", Some("zgh"), None, Language::Tamazight);
        check_with("/desk?l=fr", Some("zgh"), None, Language::French);
        check_with("/desk", Some("klingon"), Some("en"), Language::English);
        check_with("/deskx", Some("zgh"), Some("en"), Language::English);
        check_with("/", Some("zgh"), None, Language::Arabic);
        check("/", None, Language::Arabic);
        check("/?l=fr", Some("en"), Language::French);
        check("/?x=1&l=ZGH", None, Language::Tamazight);
        check("/?l=xx", Some("en-GB,fr;q=0.5"), Language::English);
        check("/?l=", Some("de"), Language::Arabic);
    }
}
