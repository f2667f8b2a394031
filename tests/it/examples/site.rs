//! A folder that stands for a machine's file system.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::{node_tls::Pair, postgres_server::is_root};

/// What stands in the files as they are shipped, and what a test puts in its place.
pub(super) struct Site {
    folder: tempfile::TempDir,
    places: Vec<(String, String)>,
}

impl Site {
    /// With the folders that every shipped file names.
    pub(super) fn new() -> Self {
        // Other users run a part of it.
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        let mut site = Self { folder, places: Vec::new() };
        site.place("/usr/local/bin/milaf", env!("CARGO_BIN_EXE_milaf"));
        for inside in ["/var/lib/milaf", "/etc/milaf", "/etc/haproxy", "/backup/milaf", "/usr/local/lib/milaf"] {
            let there = site.path(inside);
            fs::create_dir_all(&there).unwrap();
            site.place(inside, there.to_str().unwrap());
        }
        site
    }

    /// Puts something in the place of what is shipped. What was given first goes first.
    pub(super) fn place(&mut self, shipped: &str, here: &str) {
        self.places.push((shipped.to_owned(), here.to_owned()));
    }

    /// Where a path of the shipped files lies.
    pub(super) fn path(&self, shipped: &str) -> PathBuf {
        self.folder.path().join(shipped.trim_start_matches('/'))
    }

    /// A shipped file's text with this site's places.
    pub(super) fn text(&self, example: &str) -> String {
        self.places.iter().fold(shipped(example), |text, (shipped, here)| text.replace(shipped, here))
    }

    /// Installs a shipped file.
    pub(super) fn install(&self, example: &str, at: &str) -> PathBuf {
        let path = self.path(at);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, self.text(example)).unwrap();
        let mode = fs::metadata(example_path(example)).unwrap().permissions();
        fs::set_permissions(&path, mode).unwrap();
        path
    }

    pub(super) fn write(&self, at: &str, content: &str, mode: u32) -> PathBuf {
        let path = self.path(at);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// Puts a certificate and its key in two files.
    pub(super) fn write_pair(&self, pair: &Pair, certificate: &str, key: &str) {
        self.write(certificate, &pair.chain, 0o644);
        self.write(key, &pair.key, 0o600);
    }

    /// Gives something to the user who runs PostgreSQL.
    pub(super) fn give_to_postgres(&self, at: &str) {
        if is_root() {
            ran(Command::new("chown").args(["-R", "postgres"]).arg(self.path(at)));
        }
    }
}

pub(super) fn example_path(example: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(example)
}

pub(super) fn shipped(example: &str) -> String {
    fs::read_to_string(example_path(example)).unwrap_or_else(|error| panic!("{example}: {error}"))
}

/// Runs a command that must succeed, and gives what it said on both outputs.
pub(super) fn ran(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = both(&output);
    assert!(output.status.success(), "{command:?}: {text}");
    text
}

pub(super) fn both(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
