//! TLS in the program itself: what is spoken, and a certificate that is renewed while people are connected.

use std::{
    io::{BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use milaf::web::{Limits, Tls, WebOptions};
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
    version::{TLS12, TLS13},
};

use crate::{
    harness::Running,
    node_process::{Node, PATIENCE, replace, serve, wait},
    raw_http::{Answer, Connection, Request, read_answer},
    real_server::House,
};

pub(crate) struct Pair {
    certificate: CertificateDer<'static>,
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Pair {
    pub(crate) fn new() -> Self {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        Self { certificate: cert.der().clone(), chain: cert.pem(), key: KeyPair::serialize_pem(&signing_key) }
    }

    /// A line of the key that nobody may read elsewhere.
    fn secret(&self) -> &str {
        self.key.lines().nth(1).unwrap()
    }
}

/// Where the program finds its pair.
struct Files {
    _folder: tempfile::TempDir,
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn new(pair: &Pair) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files =
            Self { certificate: folder.path().join("chain.pem"), key: folder.path().join("key.pem"), _folder: folder };
        files.put(pair);
        files
    }

    fn put(&self, pair: &Pair) {
        replace(&self.certificate, pair.chain.as_bytes(), 0o644);
        replace(&self.key, pair.key.as_bytes(), 0o600);
    }

    fn node(&self, house: &House) -> Node {
        let [certificate, key] = [&self.certificate, &self.key].map(|path| path.to_str().unwrap());
        Node::start(house, &["--tls-certificate", certificate, "--tls-key", key])
    }
}

/// A browser that trusts these and keeps its connection.
pub(crate) struct Browser(BufReader<StreamOwned<ClientConnection, TcpStream>>);

impl Browser {
    pub(crate) fn connect(
        address: SocketAddr,
        trusted: &[&Pair],
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> std::io::Result<Self> {
        let mut roots = RootCertStore::empty();
        for pair in trusted {
            roots.add(pair.certificate.clone()).unwrap();
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let client = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut stream = StreamOwned::new(client, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self(BufReader::new(stream)))
    }

    pub(crate) fn send(&mut self, request: &Request) -> std::io::Result<Answer> {
        self.0.get_mut().write_all(&request.bytes())?;
        read_answer(&mut self.0, false)
    }

    pub(crate) fn is_served(&self, pair: &Pair) -> bool {
        *self.certificate() == pair.certificate
    }

    fn certificate(&self) -> &CertificateDer<'static> {
        &self.0.get_ref().conn.peer_certificates().expect("the handshake is done")[0]
    }
}

pub(crate) const BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

#[test]
fn both_versions_and_one_protocol_are_spoken() {
    let (house, pair) = (House::new(), Pair::new());
    let node = Files::new(&pair).node(&house);
    for version in BOTH {
        let mut browser = Browser::connect(node.address, &[&pair], &[version], &["h2", "http/1.1"]).unwrap();
        assert_eq!(browser.0.get_ref().conn.protocol_version(), Some(version.version));
        assert_eq!(browser.0.get_ref().conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        for path in ["/", "/readyz"] {
            let answer = browser.send(&Request::get(path)).unwrap();
            assert_eq!(answer.status, 200, "{path}: {}", answer.head);
        }
    }
    assert!(Browser::connect(node.address, &[&pair], &BOTH, &["h2"]).is_err(), "HTTP/2 is not spoken");
    assert!(Browser::connect(node.address, &[&Pair::new()], &BOTH, &[]).is_err(), "this test trusts anyone");
    let plain = Connection::open(node.address).and_then(|mut plain| plain.send(&Request::get("/").closing()));
    assert!(plain.is_err(), "plain HTTP was answered: {plain:?}");
    let mut kept = Browser::connect(node.address, &[&pair], &BOTH, &[]).unwrap();
    assert_eq!(kept.send(&Request::get("/")).unwrap().status, 200);
    let log = node.stop();
    assert!(kept.send(&Request::get("/")).is_err());
    assert!(!log.contains("panicked") && !log.contains(pair.secret()), "{log}");
}

#[test]
fn a_renewed_certificate_is_taken_over_and_a_bad_one_is_not() {
    let house = House::new();
    let (first, second, third) = (Pair::new(), Pair::new(), Pair::new());
    let files = Files::new(&first);
    let node = files.node(&house);
    let connect = || Browser::connect(node.address, &[&first, &second, &third], &BOTH, &[]).unwrap();
    let serves = |pair: &Pair| wait(|| *connect().certificate() == pair.certificate);
    let mut kept = connect();
    assert_eq!(kept.send(&Request::get("/")).unwrap().status, 200);
    assert_eq!(*kept.certificate(), first.certificate);

    files.put(&second);
    assert_eq!(serves(&second), Ok(()), "{}", node.log());
    assert_eq!(kept.send(&Request::get("/")).unwrap().status, 200, "an open connection stays");
    assert_eq!(*kept.certificate(), first.certificate);

    let mut still_second = |why: &str| {
        node.wait_for_log(why);
        assert_eq!(*connect().certificate(), second.certificate, "{why}");
        // Within the time that an idle connection is given.
        assert_eq!(kept.send(&Request::get("/")).unwrap().status, 200, "{why}");
    };
    replace(&files.key, third.key.as_bytes(), 0o600);
    still_second("cannot be used together");
    replace(&files.key, b"-----BEGIN PRIVATE KEY-----\nnot!base64\n-----END PRIVATE KEY-----\n", 0o600);
    still_second("holds no private key in PEM");
    replace(&files.key, second.key.as_bytes(), 0o644);
    still_second("Run: chmod 600");
    std::fs::remove_file(&files.certificate).unwrap();
    still_second("Name a certificate and its key");

    files.put(&third);
    assert_eq!(serves(&third), Ok(()), "{}", node.log());
    assert_eq!(kept.send(&Request::get("/")).unwrap().status, 200);
    let log = node.stop();
    for key in ["not!base64", first.secret(), second.secret(), third.secret()] {
        assert!(!log.contains(key), "the log quotes a key: {log}");
    }
}

#[test]
fn a_pair_that_cannot_be_used_is_refused_at_the_start() {
    let (house, pair) = (House::new(), Pair::new());
    let files = Files::new(&pair);
    let check = |code: i32, words: &str, arguments: &[&str]| {
        let output = serve(&house, arguments).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(told.contains(words), "{words:?} is not in {told}");
    };
    let [certificate, key] = [&files.certificate, &files.key].map(|path| path.to_str().unwrap());
    let both = ["--tls-certificate", certificate, "--tls-key", key];
    check(2, "--tls-key", &["--tls-certificate", certificate]);
    check(2, "--tls-certificate", &["--tls-key", key]);
    check(1, "holds no certificate", &["--tls-certificate", key, "--tls-key", key]);
    replace(&files.key, pair.key.as_bytes(), 0o640);
    check(1, "(mode 640). Run: chmod 600", &both);
    replace(&files.key, Pair::new().key.as_bytes(), 0o600);
    check(1, "cannot be used together", &both);
    std::fs::remove_file(&files.key).unwrap();
    check(1, "key.pem", &both);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_has_the_time_of_the_headers() {
    let files = Files::new(&Pair::new());
    let tls = Tls::load(&files.certificate, &files.key).unwrap();
    let limits = Limits { header_time: Duration::from_millis(300), ..Limits::default() };
    let running = Running::with(WebOptions { limits, tls: Some(tls), ..WebOptions::default() }, |_| {}).await;
    let address = running.address;
    let took = tokio::task::spawn_blocking(move || {
        let mut silent = TcpStream::connect(address).unwrap();
        silent.set_read_timeout(Some(PATIENCE)).unwrap();
        let begun = Instant::now();
        assert_eq!(silent.read(&mut [0; 16]).unwrap(), 0, "something was said to a client that said nothing");
        begun.elapsed()
    })
    .await
    .unwrap();
    assert!(took < Duration::from_secs(8), "it was cut after {took:?}");
    running.stop().await;
}
