//! TLS in the program itself, for an office without a proxy.
//!
//! The pair of files is watched: who renews the certificate has nothing to restart and nobody to tell. A new pair that
//! cannot be used leaves the old one in place, because a certificate that still holds for a week is better than none.
//! Getting certificates (ACME) is left to the programs that do it well.

use std::{
    fmt, fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::time::MissedTickBehavior;
use tokio_rustls::{TlsAcceptor, rustls};
use zeroize::Zeroizing;

/// How often the files are looked at. A change is taken over after two looks.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// A chain of certificates is a few kilobytes.
const LARGEST_FILE: u64 = 1 << 20;

/// Why a pair cannot be used. No message quotes a file's content: it may be a key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{path}: {cause}. Name a certificate and its key, both in PEM")]
    File { path: PathBuf, cause: io::Error },
    #[error("other users may use the key {path} (mode {mode:03o}). Run: chmod 600 '{path}'", path = path.display())]
    Open { path: PathBuf, mode: u32 },
    #[error("{0} holds no certificate in PEM. It begins with -----BEGIN CERTIFICATE-----, the server's own first")]
    NoCertificate(PathBuf),
    #[error("{0} holds no private key in PEM. It begins with -----BEGIN PRIVATE KEY-----, and has no passphrase")]
    NoKey(PathBuf),
    #[error("the certificate {certificate} and the key {key} cannot be used together: {cause}")]
    Pair { certificate: PathBuf, key: PathBuf, cause: rustls::Error },
    #[error("TLS cannot be set up: {0}")]
    Setup(rustls::Error),
}

/// A certificate and its key, as they lie in two files now.
#[derive(Clone)]
pub struct Tls(Arc<Parts>);

struct Parts {
    certificate: PathBuf,
    key: PathBuf,
    /// As the files looked before they were read, so that no change is missed.
    read: Sighting,
    served: Arc<Served>,
    config: Arc<ServerConfig>,
}

/// What the next handshake is given. Connections that are open keep what they have.
#[derive(Debug)]
struct Served(RwLock<Arc<CertifiedKey>>);

/// What changes when a file is replaced, written or made readable for others; `None` when it is missing.
type Sighting = [Option<(u64, u64, u64, i64, i64)>; 2];

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.0.certificate).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Tls {
    /// Reads a chain of certificates, the server's own first, and the key of that one.
    ///
    /// # Errors
    /// [`TlsError`], whose message says what to do.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let read = sighting(certificate, key);
        let pair = load(certificate, key, &provider)?;
        let served = Arc::new(Served(RwLock::new(Arc::new(pair))));
        // TLS 1.2 and 1.3, with the library's choice of ciphers: a phone of 2014 speaks 1.2.
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&served) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        Ok(Self(Arc::new(Parts { certificate, key, read, served, config: Arc::new(config) })))
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0.config))
    }

    /// Takes over what replaces the files, for as long as it is polled. Certificate and key are rarely replaced in the same
    /// instant, so a change is judged only when it has stayed the same from one look to the next.
    pub async fn follow_files(&self) {
        let Parts { certificate, key, read, served, config } = &*self.0;
        let mut judged = *read;
        let mut seen = *read;
        let mut looks = tokio::time::interval(BETWEEN_LOOKS);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let now = sighting(certificate, key);
            let steady = now == seen;
            seen = now;
            if now == judged || !steady {
                continue;
            }
            judged = now;
            match load(certificate, key, config.crypto_provider()) {
                Ok(pair) => {
                    *served.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
                    tracing::info!("the certificate was read anew; new connections get it");
                }
                Err(error) => {
                    tracing::error!("the certificate in use stays, because the new one cannot be used: {error}");
                }
            }
        }
    }
}

fn sighting(certificate: &Path, key: &Path) -> Sighting {
    [certificate, key].map(|path| {
        let seen = fs::metadata(path).ok()?;
        // The change time cannot be set back by a tool that keeps the modification time.
        Some((seen.dev(), seen.ino(), seen.size(), seen.ctime(), seen.ctime_nsec()))
    })
}

fn load(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let chain = read(certificate, false)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| TlsError::NoCertificate(certificate.to_owned()))?;
    let secret = read(key, true)?;
    let secret = PrivateKeyDer::from_pem_slice(&secret).map_err(|_| TlsError::NoKey(key.to_owned()))?;
    CertifiedKey::from_der(chain, secret, provider).map_err(|cause| TlsError::Pair {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        cause,
    })
}

fn read(path: &Path, secret: bool) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    const OTHERS: u32 = 0o077;
    let failed = |cause| TlsError::File { path: path.to_owned(), cause };
    let file = fs::File::open(path).map_err(failed)?;
    // Of the opened file, not of the path, so that nobody can exchange it in between.
    let metadata = file.metadata().map_err(failed)?;
    let mode = metadata.mode() & 0o777;
    if secret && mode & OTHERS != 0 {
        return Err(TlsError::Open { path: path.to_owned(), mode });
    }
    if metadata.len() > LARGEST_FILE {
        return Err(failed(io::Error::other("it is too large")));
    }
    let mut content = Zeroizing::new(Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default() + 1));
    io::Read::read_to_end(&mut io::Read::take(file, LARGEST_FILE), &mut content).map_err(failed)?;
    Ok(content)
}
