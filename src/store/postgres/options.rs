//! Where the database is and how to speak to it, from an address such as
//! `postgres://milaf:password@db1.example,db2.example/milaf?sslmode=verify-full&sslrootcert=/etc/milaf/ca.pem`.
//!
//! The syntax is that of tokio-postgres, which is libpq's, and libpq's `sslmode=verify-ca` and `verify-full`, `sslrootcert`
//! and `passfile`, which tokio-postgres does not know. A format of our own was rejected: administrators know this one.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use tokio_postgres::{
    Config,
    config::{Host, SslMode, TargetSessionAttrs},
};

use super::{PostgresOpenError, migrations, passfile};
use crate::store::Migration;

/// A primary that has not accepted a connection by then is down.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection over which nothing came for so long is asked whether it still lives.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(3);
const KEEPALIVE_RETRIES: u32 = 3;
/// Sent and not acknowledged for so long, the connection is broken.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);

/// How the server's certificate is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Certificate {
    /// `disable`, `prefer`, `require`: whoever listens can read along at most; whoever stands between can pose as the server.
    Unchecked,
    /// `verify-ca`: signed by one of the root certificates.
    Signed,
    /// `verify-full`: and made out to the host's name.
    SignedForHost,
}

/// How to open a database on PostgreSQL.
#[derive(Clone)]
pub struct PostgresOptions {
    pub(super) config: Config,
    pub(super) certificate: Certificate,
    pub(super) root_certificates: Option<PathBuf>,
    /// Make the tables when there are none.
    pub create: bool,
    /// Be the only one who uses the database, and refuse to open it when others do.
    pub alone: bool,
    /// The series of migrations that this program knows.
    pub series: &'static [Migration],
    /// Connections for everything but the log's writer, which has one of its own.
    pub pool_size: usize,
    /// The server gives up a statement after this time.
    pub statement_timeout: Duration,
    /// The server gives up waiting for another transaction's lock after this time. A node that vanished loses the log's
    /// lock as quickly.
    pub lock_timeout: Duration,
    /// How long a caller waits for a connection.
    pub acquire_timeout: Duration,
    /// How long a COMMIT may take, which waits for the server's disk and for its standby, before its outcome counts as
    /// unknown.
    pub commit_timeout: Duration,
    /// How long an unknown outcome is looked into before whoever asked is told that it is unknown.
    pub outcome_timeout: Duration,
}

/// The password is left out.
impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("servers", &self.servers())
            .field("database", &self.database())
            .field("user", &self.user())
            .finish_non_exhaustive()
    }
}

impl FromStr for PostgresOptions {
    type Err = PostgresOpenError;

    fn from_str(address: &str) -> Result<Self, PostgresOpenError> {
        let wrong = |text: &str| PostgresOpenError::Address(text.to_owned());
        if !address.starts_with("postgres://") && !address.starts_with("postgresql://") {
            return Err(wrong("it begins with postgres://"));
        }
        // A password may hold a question mark as it stands; an at sign must be written %40.
        let credentials = address.find('@').unwrap_or(0);
        let query = address[credentials..].find('?').map(|at| credentials + at);
        let (place, query) = query.map_or((address, ""), |at| (&address[..at], &address[at + 1..]));

        let mut own = Own::default();
        let theirs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty() && !own.take(pair)).collect();
        let mut config: Config = format!("{place}?{}", theirs.join("&"))
            .parse()
            .map_err(|error: tokio_postgres::Error| PostgresOpenError::Address(reason(&error)))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(wrong("it names no host"));
        }
        if config.get_user().is_none() {
            return Err(wrong("it names no user"));
        }
        if config.get_ports().len() > 1 && config.get_ports().len() != config.get_hosts().len() {
            return Err(wrong("give every host its port, or one port for all"));
        }
        let (mode, certificate) = own.tls(&config)?;
        config.ssl_mode(mode);
        let given = |key: &str| theirs.iter().any(|pair| pair.split('=').next() == Some(key));
        if given("target_session_attrs") && config.get_target_session_attrs() != TargetSessionAttrs::ReadWrite {
            return Err(wrong("leave target_session_attrs out: Milaf reads and writes on the primary alone"));
        }
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if !given("tcp_user_timeout") {
            config.tcp_user_timeout(TCP_USER_TIMEOUT);
        }
        if !given("keepalives_idle") {
            config.keepalives_idle(KEEPALIVE_IDLE);
        }
        if !given("keepalives_interval") {
            config.keepalives_interval(KEEPALIVE_INTERVAL);
        }
        if !given("keepalives_retries") {
            config.keepalives_retries(KEEPALIVE_RETRIES);
        }
        if config.get_application_name().is_none() {
            config.application_name("milaf");
        }
        let mut options = Self {
            config,
            certificate,
            root_certificates: own.root_certificates,
            create: false,
            alone: false,
            series: migrations::MIGRATIONS,
            pool_size: 8,
            statement_timeout: Duration::from_secs(5),
            lock_timeout: Duration::from_secs(3),
            acquire_timeout: Duration::from_secs(3),
            commit_timeout: Duration::from_secs(5),
            outcome_timeout: Duration::from_secs(10),
        };
        if let Some(file) = own.password_file {
            options.take_password_from(&file)?;
        }
        Ok(options)
    }
}

/// The parameters that tokio-postgres does not know.
#[derive(Default)]
struct Own {
    mode: Option<String>,
    root_certificates: Option<PathBuf>,
    password_file: Option<PathBuf>,
}

impl Own {
    /// Keeps a `key=value` of the address's query if it is one of these.
    fn take(&mut self, pair: &str) -> bool {
        // In an address of a database a plus is a plus, other than in a form.
        let pair = pair.replace('+', "%2B");
        let Some((key, value)) = form_urlencoded::parse(pair.as_bytes()).next() else { return false };
        match &*key {
            "sslmode" => self.mode = Some(value.into_owned()),
            "sslrootcert" => self.root_certificates = Some(PathBuf::from(&*value)),
            "passfile" => self.password_file = Some(PathBuf::from(&*value)),
            _ => return false,
        }
        true
    }

    fn tls(&self, config: &Config) -> Result<(SslMode, Certificate), PostgresOpenError> {
        let wrong = |text: &str| Err(PostgresOpenError::Address(text.to_owned()));
        // libpq reads along the root certificate when there is one; without any it asks for none.
        let required = if self.root_certificates.is_some() { Certificate::Signed } else { Certificate::Unchecked };
        let chosen = match self.mode.as_deref() {
            Some("disable") => (SslMode::Disable, Certificate::Unchecked),
            None | Some("prefer") => (SslMode::Prefer, required),
            Some("require") => (SslMode::Require, required),
            Some("verify-ca") => (SslMode::Require, Certificate::Signed),
            Some("verify-full") => (SslMode::Require, Certificate::SignedForHost),
            Some(_) => return wrong("sslmode is disable, prefer, require, verify-ca or verify-full"),
        };
        if chosen.1 != Certificate::Unchecked && self.root_certificates.is_none() {
            return wrong(
                "sslmode=verify-ca and verify-full need sslrootcert=FILE, the authority's certificate in PEM",
            );
        }
        let named = config.get_hosts().iter().any(|host| matches!(host, Host::Tcp(_)));
        if chosen.1 == Certificate::SignedForHost && !named {
            return wrong("sslmode=verify-full needs a host's name");
        }
        Ok(chosen)
    }
}

impl PostgresOptions {
    /// Takes the password for this database from a file in the format of libpq's `.pgpass`, unless the address has one.
    ///
    /// # Errors
    /// [`PostgresOpenError::PasswordFile`] when the file cannot be read, when others may read it, or when it has no line for
    /// this database.
    pub fn take_password_from(&mut self, file: &Path) -> Result<(), PostgresOpenError> {
        if self.config.get_password().is_some() {
            return Ok(());
        }
        let failed = |cause: String| PostgresOpenError::PasswordFile { file: file.display().to_string(), cause };
        passfile::check_owner_only(file).map_err(failed)?;
        let text = fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
        let hosts = self.hosts();
        let found =
            hosts.iter().find_map(|(host, port)| passfile::find(&text, host, *port, self.database(), self.user()));
        let password = found.ok_or_else(|| failed("it has no line for this server, database and user".to_owned()))?;
        self.config.password(password.as_bytes());
        Ok(())
    }

    /// Whether the address itself holds the password.
    pub fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// The servers as `host:port`, in the order in which they are tried.
    pub fn servers(&self) -> String {
        let written = self.hosts().into_iter().map(|(host, port)| format!("{host}:{port}"));
        written.collect::<Vec<_>>().join(", ")
    }

    pub fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_else(|| self.user())
    }

    pub fn user(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }

    /// From the first packet to a session that is ready. The library's own limit ends with the connection, which a frozen
    /// server's machine accepts in its place.
    pub(super) fn one_server_takes_at_most(&self) -> Duration {
        self.config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT) + Duration::from_secs(1)
    }

    /// How to reach each server alone, in the order of the address.
    pub(super) fn each_server(&self) -> Vec<Config> {
        let whole = &self.config;
        let alone = |(at, (_, port)): (usize, (String, u16))| {
            let mut config = Config::new();
            config.port(port);
            match whole.get_hosts().get(at) {
                Some(Host::Tcp(name)) => drop(config.host(name)),
                Some(Host::Unix(folder)) => drop(config.host_path(folder)),
                None => {}
            }
            if let Some(address) = whole.get_hostaddrs().get(at) {
                config.hostaddr(*address);
            }
            config.user(self.user()).dbname(self.database());
            if let Some(password) = whole.get_password() {
                config.password(password);
            }
            if let Some(options) = whole.get_options() {
                config.options(options);
            }
            if let Some(name) = whole.get_application_name() {
                config.application_name(name);
            }
            if let Some(timeout) = whole.get_connect_timeout() {
                config.connect_timeout(*timeout);
            }
            if let Some(timeout) = whole.get_tcp_user_timeout() {
                config.tcp_user_timeout(*timeout);
            }
            config.keepalives(whole.get_keepalives()).keepalives_idle(whole.get_keepalives_idle());
            if let Some(interval) = whole.get_keepalives_interval() {
                config.keepalives_interval(interval);
            }
            if let Some(retries) = whole.get_keepalives_retries() {
                config.keepalives_retries(retries);
            }
            config.ssl_mode(whole.get_ssl_mode()).ssl_negotiation(whole.get_ssl_negotiation());
            config.channel_binding(whole.get_channel_binding());
            config.target_session_attrs(whole.get_target_session_attrs());
            config
        };
        self.hosts().into_iter().enumerate().map(alone).collect()
    }

    fn hosts(&self) -> Vec<(String, u16)> {
        let names = self.config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(folder) => folder.display().to_string(),
        });
        let addresses = self.config.get_hostaddrs().iter().map(ToString::to_string);
        let hosts: Vec<String> = if self.config.get_hosts().is_empty() { addresses.collect() } else { names.collect() };
        let ports = self.config.get_ports();
        let port = |at: usize| ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        hosts.into_iter().enumerate().map(|(at, host)| (host, port(at))).collect()
    }
}

/// Which part of an address is wrong. The library's own message names the part, never its value.
fn reason(error: &tokio_postgres::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}
