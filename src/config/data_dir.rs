//! Where things lie inside the folder given by `--data`.

use std::{
    fs,
    io::{self, Write},
    iter,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::{CATALOGUE_EXAMPLE, ConfigError, ISSUER_EXAMPLE, Issuer, LOGO_EXAMPLE};

/// The one folder that holds all that a backup needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDir(PathBuf);

impl DataDir {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    pub fn root(&self) -> &Path {
        &self.0
    }

    pub fn database(&self) -> PathBuf {
        self.0.join("milaf.db")
    }

    pub fn issuer_file(&self) -> PathBuf {
        self.0.join("issuer.toml")
    }

    /// What this node alone is told; may be absent.
    pub fn node_file(&self) -> PathBuf {
        self.0.join("node.toml")
    }

    /// Who witnesses the log, as the service and everybody who verifies reads it; may be absent.
    pub fn policy(&self) -> PathBuf {
        self.0.join("policy")
    }

    pub fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    /// The last published checkpoint, kept outside the database so that a restored database cannot hide it.
    pub fn checkpoint(&self) -> PathBuf {
        self.0.join("checkpoint")
    }

    /// The public log's name. An agency may move to another address, and its log goes on under this one; only an accepted
    /// rollback ends it and begins another.
    pub fn log_name(&self) -> PathBuf {
        self.0.join("log-name")
    }

    /// Locked by whoever uses the folder, shared, and by whoever replaces its database, alone.
    pub fn lock(&self) -> PathBuf {
        self.0.join("in-use.lock")
    }

    /// Where a database is made ready that is to take the place of [`DataDir::database`].
    pub fn database_to_be(&self) -> PathBuf {
        self.0.join("milaf.db.restoring")
    }

    /// A place for the database that is replaced at a moment.
    pub fn database_before(&self, restored_at: Timestamp) -> PathBuf {
        self.free_place(&format!("milaf.db.before-restore-{}", restored_at.strftime("%Y-%m-%dT%H%M%SZ")))
    }

    /// A place for the checkpoint of a history that was given up.
    pub fn lost_checkpoint(&self, size: u64) -> PathBuf {
        self.free_place(&format!("checkpoint-lost-{size}"))
    }

    /// What is there already is never written over: it may be what an auditor asks for.
    fn free_place(&self, name: &str) -> PathBuf {
        let others = (2..).map(|count| self.0.join(format!("{name}-{count}")));
        let mut places = iter::once(self.0.join(name)).chain(others);
        places.find(|path| !path.exists()).expect("an endless series has a free place")
    }

    /// Gives the log another name.
    ///
    /// # Errors
    /// When the file cannot be written; the old name then stands.
    pub fn rename_log(&self, name: &str) -> io::Result<()> {
        replace_file(&self.log_name(), format!("{name}\n").as_bytes())
    }

    /// Makes the folder, closed to other users, unless it is there.
    pub fn create(&self) -> Result<(), ConfigError> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0).map_err(|cause| ConfigError::File {
            file: self.0.clone(),
            cause,
            advice: "Choose a folder that this user may make with --data",
        })
    }

    /// Checks an issuer file and copies it, with the files it names, into this folder. Nothing is overwritten.
    pub fn install_issuer(&self, file: &Path) -> Result<Issuer, ConfigError> {
        let issuer = Issuer::load(file)?;
        for name in &issuer.files {
            self.write_new(name, &super::read_file(&file.with_file_name(name))?)?;
        }
        self.write_new("issuer.toml", &super::read_file(file)?)?;
        Ok(issuer)
    }

    /// Writes the example issuer, its catalogue and its logo into this folder. Nothing is overwritten.
    pub fn install_example(&self) -> Result<Issuer, ConfigError> {
        self.write_new("catalogue.toml", CATALOGUE_EXAMPLE.as_bytes())?;
        self.write_new("logo.png", LOGO_EXAMPLE)?;
        self.write_new("issuer.toml", ISSUER_EXAMPLE.as_bytes())?;
        Issuer::load(&self.issuer_file())
    }

    /// An equal file that is there already is left as it is, so that an interrupted installation can be repeated.
    fn write_new(&self, name: &str, bytes: &[u8]) -> Result<(), ConfigError> {
        let file = self.0.join(name);
        let written = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(&file)
            .and_then(|mut open| open.write_all(bytes).and_then(|()| open.sync_all()));
        match written {
            Err(error)
                if error.kind() == io::ErrorKind::AlreadyExists && fs::read(&file).is_ok_and(|old| old == bytes) =>
            {
                Ok(())
            }
            Err(cause) => {
                let advice = "It is never overwritten: edit it where it is, or choose an empty folder";
                Err(ConfigError::File { file, cause, advice })
            }
            Ok(()) => Ok(()),
        }
    }
}

/// The folder that a file is in; a name alone has an empty parent, which means the present folder.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Replaces a file so that a crash leaves the old one or the new one, whole.
///
/// # Errors
/// When it cannot be written; the old one then stands.
pub fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = folder_of(path);
    let temporary = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = fs::File::create(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    fs::File::open(folder)?.sync_all()
}
