//! Opens an office: its configuration, its keys, its database and the service over them.
//!
//! The log's name, `<host>/log`, is written into the data folder when the office is made, after the host of `public_url` on
//! that day. A later address, in the file, on the command line or in the environment, changes what links and QR codes say;
//! if it changed the log's name too, moving to another domain would begin a second log, and every paper in people's hands
//! would be bound to the first.

use std::{env, fs, io::Write, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::{UsageError, lock::FolderLock, place::Place};
use crate::{
    clock::{Environment, SteppedEnvironment, SystemEnvironment},
    config::{DataDir, DatabaseSettings, DatabaseUrl, Issuer, KeyError, KeyFiles, KeyPlace, PUBLIC_URL_VARIABLE},
    receipt::{HeldKeys, KeyRing, SealKey, TokenKey},
    service::{IdentityKey, KeySource, LiveKeys, Parts, Service, Standing, StartError},
    store::{BatchNames, Inspect, PostgresOptions, PostgresStore, Sealer, SqliteOptions, SqliteStore, Store},
    tlog::{KeyPurpose, LogKey},
};

/// An office that is open, and what a command may need of it beside the service.
#[derive(Debug)]
pub(super) struct Office {
    pub(super) service: Arc<Service>,
    pub(super) store: Arc<dyn Store>,
    pub(super) data: DataDir,
    keys: Arc<LiveKeys>,
    issuer: Arc<Issuer>,
    identity: Zeroizing<[u8; 32]>,
    _lock: Option<FolderLock>,
}

/// The configuration and the keys of an office, before its database is touched.
#[derive(Debug)]
pub(super) struct Papers {
    pub(super) issuer: Issuer,
    identity: Zeroizing<[u8; 32]>,
    keys: Arc<LiveKeys>,
}

/// The keys of this process, wherever they are, to be read again when another is wanted.
#[derive(Debug)]
struct FileKeys {
    place: KeyPlace,
    origin: String,
}

impl FileKeys {
    fn files(&self) -> Result<KeyFiles, KeyError> {
        KeyFiles::load(&self.place, |name| env::var_os(name))
    }
}

impl KeySource for FileKeys {
    fn read(&self) -> Result<HeldKeys, String> {
        let files = self.files().map_err(|error| error.to_string())?;
        let mut held = HeldKeys::default();
        for (purpose, number, secret) in files.secrets() {
            let unusable = |error: &dyn std::fmt::Display| {
                format!("{} cannot be used: {error}", self.place.of_key(purpose, number))
            };
            match purpose {
                KeyPurpose::Token => {
                    let number = u8::try_from(number).unwrap_or(u8::MAX);
                    held.add_token(TokenKey::new(number, *secret).map_err(|error| unusable(&error))?);
                }
                KeyPurpose::Seal => held.add_seal(number, SealKey::from_seed(*secret)),
                KeyPurpose::Log => {
                    held.add_log(number, LogKey::new(&self.origin, *secret).map_err(|error| unusable(&error))?);
                }
            }
        }
        Ok(held)
    }

    fn place_of(&self, purpose: KeyPurpose, number: u32) -> String {
        self.place.of_key(purpose, number)
    }
}

/// Whether a database may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Database {
    MustExist,
    MayBeMade,
}

/// Whether other nodes and commands may use a server's database meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    Allowed,
    Excluded,
}

impl Office {
    /// Opens the office in a data folder and refuses wrong keys and a shorter or forked history. `public_url` is the
    /// command line's, which goes before the environment's.
    pub(super) async fn open(place: &Place, public_url: Option<&str>) -> anyhow::Result<Self> {
        let office = Self::open_unchecked(place, public_url, Database::MustExist).await?;
        office.check_start().await?;
        Ok(office)
    }

    /// As `open`, without the check of the history.
    pub(super) async fn open_unchecked(
        place: &Place,
        public_url: Option<&str>,
        database: Database,
    ) -> anyhow::Result<Self> {
        let issuer = load_issuer(&place.data, public_url)?;
        let papers = Papers::load(&place.data, issuer)?;
        Self::over(place, papers, database).await
    }

    /// Opens the database, brings it to the present schema and puts the service over it.
    pub(super) async fn over(place: &Place, papers: Papers, database: Database) -> anyhow::Result<Self> {
        let data = &place.data;
        let lock = FolderLock::shared(data)?;
        if let DatabaseUrl::Sqlite(path) = &place.database
            && database == Database::MustExist
            && !path.exists()
        {
            bail!(
                "{} is missing, though the office's keys are there. Restore it from the backup; a new one cannot take its place",
                path.display()
            );
        }
        let store = open_store(&place.database, &place.settings.database, papers.sealer(), database).await?;
        Ok(Self { _lock: Some(lock), ..Self::assemble(data, papers, store) })
    }

    /// The office as it would be with another database file, which nobody else uses; or with its own, for whoever has locked
    /// the folder.
    pub(super) fn over_file(
        data: &DataDir,
        papers: Papers,
        path: &Path,
        options: SqliteOptions,
    ) -> anyhow::Result<Self> {
        let store = SqliteStore::open_with(path, papers.sealer(), options)
            .with_context(|| format!("the database {} cannot be used", path.display()))?;
        Ok(Self::assemble(data, papers, Arc::new(store)))
    }

    /// The office for whoever has locked the folder, whose lock keeps others from a database that is in it.
    pub(super) async fn within_lock(place: &Place, papers: Papers, others: Others) -> anyhow::Result<Self> {
        match &place.database {
            DatabaseUrl::Sqlite(path) => Self::over_file(&place.data, papers, path, SqliteOptions::default()),
            DatabaseUrl::Postgres(url) => {
                let options = server_options(url, &place.settings.database, Database::MustExist, others)?;
                Self::over_server(place, papers, options).await
            }
        }
    }

    async fn over_server(place: &Place, papers: Papers, options: PostgresOptions) -> anyhow::Result<Self> {
        let store = open_server(options, papers.sealer())
            .await
            .with_context(|| format!("the database {} cannot be used", place.database))?;
        Ok(Self::assemble(&place.data, papers, Arc::new(store)))
    }

    /// The office over a database that is open already, for whoever has locked the folder.
    pub(super) fn assemble(data: &DataDir, papers: Papers, store: Arc<dyn Store>) -> Self {
        let Papers { issuer, identity, keys } = papers;
        let issuer = Arc::new(issuer);
        let service = service(data, &store, &issuer, &keys, &identity, Arc::new(SystemEnvironment));
        Self { service: Arc::new(service), store, keys, data: data.clone(), issuer, identity, _lock: None }
    }

    pub(super) async fn check_start(&self) -> Result<(), StartError> {
        let outcome = self.service.check_start().await;
        if outcome.is_err()
            && let Ok(Standing::Unfinished { log }) = self.service.standing().await
        {
            return Err(StartError::UnfinishedRollback { log });
        }
        outcome
    }

    /// A service over the same store whose clock stands at a moment, for the demonstration's past.
    pub(super) fn service_at(&self, moment: Timestamp) -> Service {
        let clock: Arc<dyn Environment> = Arc::new(SteppedEnvironment::starting_at(moment));
        service(&self.data, &self.store, &self.issuer, &self.keys, &self.identity, clock)
    }

    /// Publishes the log's head, unless that is done.
    pub(super) async fn publish(&self) -> anyhow::Result<u64> {
        Ok(self.service.publish_checkpoint().await?)
    }

    /// Publishes what a command has written, and closes the database.
    pub(super) async fn finish(self) -> anyhow::Result<()> {
        let published = self.publish().await;
        self.store.close().await;
        published.map(drop)
    }

    /// Closes the database after a command that wrote nothing to the log.
    pub(super) async fn close(self) {
        self.store.close().await;
    }
}

impl Papers {
    /// Reads the keys that belong to an issuer's log.
    pub(super) fn load(data: &DataDir, issuer: (Issuer, String)) -> anyhow::Result<Self> {
        let (issuer, origin) = issuer;
        let place = KeyPlace::find(&data.keys(), |name| env::var_os(name));
        let source = FileKeys { place, origin };
        let identity = Zeroizing::new(source.files()?.identity);
        let keys = LiveKeys::from_source(Box::new(source)).map_err(anyhow::Error::msg)?;
        Ok(Self { issuer, identity, keys: Arc::new(keys) })
    }

    pub(super) fn keys(&self) -> Arc<KeyRing> {
        self.keys.ring()
    }

    /// Seals with whichever key is in use at the event's own time.
    pub(super) fn sealer(&self) -> Sealer {
        let keys = Arc::clone(&self.keys);
        Arc::new(move |claims| keys.ring().seal(claims))
    }
}

/// Opens a database wherever it is, as what it is for a copy as well.
pub(super) async fn open_store(
    database: &DatabaseUrl,
    settings: &DatabaseSettings,
    sealer: Sealer,
    may: Database,
) -> anyhow::Result<Arc<dyn Inspect>> {
    let opened: anyhow::Result<Arc<dyn Inspect>> = match database {
        DatabaseUrl::Sqlite(path) => {
            let options = SqliteOptions { create: may == Database::MayBeMade, ..SqliteOptions::default() };
            let opened = SqliteStore::open_with(path, sealer, options);
            opened.map(|store| Arc::new(store) as _).map_err(Into::into)
        }
        DatabaseUrl::Postgres(url) => match server_options(url, settings, may, Others::Allowed) {
            Ok(options) => open_server(options, sealer).await.map(|store| Arc::new(store) as _),
            Err(error) => Err(error),
        },
    };
    opened.with_context(|| format!("the database {database} cannot be used"))
}

/// A PostgreSQL server's database, with what the node was told about it.
fn server_options(
    url: &str,
    settings: &DatabaseSettings,
    database: Database,
    others: Others,
) -> anyhow::Result<PostgresOptions> {
    let mut options: PostgresOptions = url.parse()?;
    options.create = database == Database::MayBeMade;
    options.alone = others == Others::Excluded;
    if let Some(connections) = settings.pool_size {
        options.pool_size = connections;
    }
    if let Some(seconds) = settings.statement_timeout {
        options.statement_timeout = Duration::from_secs(seconds);
    }
    if let Some(seconds) = settings.acquire_timeout {
        options.acquire_timeout = Duration::from_secs(seconds);
    }
    Ok(options)
}

async fn open_server(options: PostgresOptions, sealer: Sealer) -> anyhow::Result<PostgresStore> {
    let names: BatchNames = Arc::new(|| {
        let mut name = [0; 16];
        SystemEnvironment.fill(&mut name).is_ok().then_some(name)
    });
    let opened = tokio::task::spawn_blocking(move || PostgresStore::open(options, sealer, names)).await;
    Ok(opened.context("opening the database was stopped")??)
}

/// The issuer of a data folder, with the public address overridden where that was asked for, and the log's origin, which
/// is not.
pub(super) fn load_issuer(data: &DataDir, public_url: Option<&str>) -> anyhow::Result<(Issuer, String)> {
    let folder = data.root().display();
    if !data.root().is_dir() {
        bail!("there is no folder {folder}. Make an office with `milaf init --issuer FILE --data {folder}`");
    }
    if !data.issuer_file().exists() {
        bail!(
            "{folder} is no office's data folder: it has no issuer.toml. Make one with `milaf init --issuer FILE --data DIR`"
        );
    }
    let mut issuer = Issuer::load(&data.issuer_file())?;
    let origin = log_name(data, &issuer)?;
    let environment = match env::var(PUBLIC_URL_VARIABLE) {
        Ok(text) => Some(text),
        Err(env::VarError::NotPresent) => None,
        Err(env::VarError::NotUnicode(_)) => {
            return Err(UsageError(format!("{PUBLIC_URL_VARIABLE} is not text")).into());
        }
    };
    issuer.override_public_url(public_url, environment.as_deref()).map_err(|error| UsageError(error.to_string()))?;
    Ok((issuer, origin))
}

/// The name that the log was given when the office was made, or would be given now.
fn log_name(data: &DataDir, issuer: &Issuer) -> anyhow::Result<String> {
    match fs::read_to_string(data.log_name()) {
        Ok(name) => Ok(name.trim_end().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(format!("{}/log", issuer.public_url.host())),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", data.log_name().display())),
    }
}

/// Names the log of a new office after the host of its public address, once.
pub(super) fn name_log(data: &DataDir) -> anyhow::Result<()> {
    let name = log_name(data, &Issuer::load(&data.issuer_file())?)?;
    let write = || {
        let mut file = fs::File::create(data.log_name())?;
        file.write_all(format!("{name}\n").as_bytes())?;
        file.sync_all()
    };
    write().with_context(|| format!("{} cannot be written", data.log_name().display()))
}

/// Makes the four keys of a new office.
pub(super) fn create_keys(folder: &Path) -> anyhow::Result<()> {
    let mut missing = None;
    let created = KeyFiles::create(folder, &mut |buffer| {
        if let Err(error) = SystemEnvironment.fill(buffer) {
            missing = Some(error);
        }
    });
    match missing {
        Some(error) => Err(error.into()),
        None => Ok(created.map(drop)?),
    }
}

fn service(
    data: &DataDir,
    store: &Arc<dyn Store>,
    issuer: &Arc<Issuer>,
    keys: &Arc<LiveKeys>,
    identity: &[u8; 32],
    environment: Arc<dyn Environment>,
) -> Service {
    Service::new(Parts {
        store: Arc::clone(store),
        issuer: Arc::clone(issuer),
        keys: Arc::clone(keys),
        identity_key: IdentityKey::new(*identity),
        environment,
        checkpoint_file: data.checkpoint(),
    })
}
