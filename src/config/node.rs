//! `node.toml`: what one node is told beside who the issuer is: which database, and how it serves.
//!
//! The issuer file is the same on every node and may be shown to anybody; this one differs from node to node and may hold a
//! password. One file for both was rejected for that reason. The file may be absent, and the command line goes before it.

use std::{
    fmt, fs,
    net::{IpAddr, SocketAddr},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::Deserialize;

use super::{ConfigError, error::Source, read_file};

/// The environment variable that names the database, before the file and after the command line.
pub const DATABASE_VARIABLE: &str = "MILAF_DATABASE";

/// What `node.toml` says; nothing where it is absent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeSettings {
    pub database: DatabaseSettings,
    pub serve: ServeSettings,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseSettings {
    pub url: Option<DatabaseUrl>,
    /// Connections that read, beside the one that writes.
    pub pool_size: Option<usize>,
    /// Seconds after which a statement is given up.
    pub statement_timeout: Option<u64>,
    /// Seconds that a request waits for a free connection.
    pub acquire_timeout: Option<u64>,
}

/// What `milaf serve` takes where its command line says nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServeSettings {
    pub listen: Option<SocketAddr>,
    pub trusted_proxies: Vec<IpAddr>,
    pub metrics: Option<SocketAddr>,
    pub tls_certificate: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    /// Seconds.
    pub drain: Option<u64>,
    /// The log's policy, if not the file `policy` in the data folder.
    pub policy: Option<PathBuf>,
}

impl NodeSettings {
    /// Reads the file, which may be absent.
    ///
    /// # Errors
    /// When it cannot be read or understood, or holds a password that other users of the machine can read.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = String::from_utf8_lossy(&read_file(path)?).into_owned();
        let source = Source { file: path.to_owned(), text: &text };
        let settings: Self = source.parse()?;
        let holds_password = settings.database.url.as_ref().is_some_and(DatabaseUrl::holds_password);
        let open = fs::metadata(path).is_ok_and(|metadata| metadata.mode() & 0o077 != 0);
        if holds_password && open {
            let problem =
                format!("it holds a password and other users can read it. Run: chmod 600 '{}'", path.display());
            return Err(source.error(&(0..0), problem));
        }
        let serve = &settings.serve;
        if serve.tls_certificate.is_some() != serve.tls_key.is_some() {
            return Err(source.error(&(0..0), "tls_certificate and tls_key go together. Write both or none"));
        }
        Ok(settings)
    }
}

/// Where the database is. What is shown of it never holds the password.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum DatabaseUrl {
    /// A file of this machine.
    Sqlite(PathBuf),
    /// `postgres://…`, whole.
    Postgres(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a database as postgres://USER@HOST/NAME or sqlite:FILE")]
pub struct DatabaseUrlError;

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        if let Some(path) = text.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        let is_server = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
        if is_server { Ok(Self::Postgres(text.to_owned())) } else { Err(DatabaseUrlError) }
    }
}

impl TryFrom<String> for DatabaseUrl {
    type Error = DatabaseUrlError;

    fn try_from(text: String) -> Result<Self, DatabaseUrlError> {
        text.parse()
    }
}

impl DatabaseUrl {
    /// Whether whoever reads this address can sign in at the database.
    pub fn holds_password(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres(url) => {
                userinfo(url).is_some_and(|(_, user, _)| user.contains(':')) || url.contains("password=")
            }
        }
    }
}

/// Without password and without what follows the name, where a password could stand as well.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => {
                let shown = url.split('?').next().unwrap_or_default();
                match userinfo(shown) {
                    Some((scheme, user, rest)) => {
                        write!(f, "{scheme}{}@{rest}", user.split(':').next().unwrap_or_default())
                    }
                    None => f.write_str(shown),
                }
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// The scheme, what stands before the `@`, and what stands behind it.
fn userinfo(url: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = url.split_at(url.find("://")? + 3);
    let (user, rest) = rest.rsplit_once('@')?;
    Some((scheme, user, rest))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("postgres://milaf:se:c@ret@db1,db2:5433/milaf?password=secret", "postgres://milaf@db1,db2:5433/milaf"),
            ("postgresql://db/milaf?password=secret", "postgresql://db/milaf"),
            ("postgres://milaf@/milaf?host=/run/postgresql", "postgres://milaf@/milaf"),
            ("sqlite:/srv/milaf/milaf.db", "sqlite:/srv/milaf/milaf.db"),
        ] {
            let parsed: DatabaseUrl = url.parse().unwrap();
            assert_eq!(parsed.to_string(), shown);
            assert!(!format!("{parsed:?}").contains("secret"));
            assert_eq!(parsed.holds_password(), url.contains("secret") || url.contains(":se"), "{url}");
        }
        for wrong in ["", "mysql://x", "sqlite:", "/srv/milaf.db", "postgres:"] {
            assert_eq!(wrong.parse::<DatabaseUrl>(), Err(DatabaseUrlError), "{wrong}");
        }
    }

    #[test]
    fn the_file_is_read_strictly() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("node.toml");
        assert!(NodeSettings::load(&file).unwrap().database.url.is_none(), "it may be absent");
        let check = |text: &str, mode: u32, expected: &str| {
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            match NodeSettings::load(&file) {
                Ok(settings) => assert_eq!(expected, "", "{settings:?}"),
                Err(error) => assert!(!expected.is_empty() && error.to_string().contains(expected), "{error}"),
            }
        };
        let example = include_str!("../../examples/node.toml");
        check(example, 0o600, "");
        check("[database]\nurl = \"postgres://milaf@db/milaf\"\n", 0o644, "");
        check("[database]\nurl = \"postgres://milaf:secret@db/milaf\"\n", 0o644, "Run: chmod 600");
        check("[database]\nurl = \"postgres://milaf:secret@db/milaf\"\n", 0o600, "");
        check("[database]\nurl = \"oracle://db\"\n", 0o600, "line 2");
        check("[database]\nport = 3\n", 0o600, "Correct the spelling");
        check("[serve]\ntls_key = \"/x\"\n", 0o600, "go together");
    }
}
