//! A unit file, read and executed as systemd would.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::site::{Site, both, example_path, ran};
use crate::{node_process::PATIENCE, postgres_server::is_root};

/// The lines of a unit, in order.
pub(super) struct Unit {
    lines: Vec<(String, String)>,
    /// Where its credentials and its sockets lie.
    run: PathBuf,
}

/// Does to a program what the unit's sandbox does: everything but the state is read-only, no capability, no way to more rights.
/// What the machine does not allow is left out, and the program is then run without it.
const SANDBOX: &str = r#"
    umask "$1"; writable=$2; root=$3; shift 3
    if [ "$root" = yes ]; then
        if unshare --mount true 2>/dev/null; then
            set -- unshare --mount --propagation private sh -ec '
                for place in $0; do mount --bind "$place" "$place"; done
                mount -o remount,bind,ro /
                if touch /usr/written 2>/dev/null; then echo "/usr can be written to" >&2; exit 97; fi
                exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all --ambient-caps=-all "$@"' "$writable" "$@"
        else
            set -- setpriv --no-new-privs --bounding-set=-all --inh-caps=-all --ambient-caps=-all "$@"
        fi
    else
        set -- setpriv --no-new-privs "$@"
    fi
    exec "$@"
"#;

impl Unit {
    pub(super) fn new(site: &Site, example: &str) -> Self {
        let text = site.text(example);
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';', '[']));
        let lines =
            lines.filter_map(|line| line.split_once('=')).map(|(key, value)| (key.to_owned(), value.to_owned()));
        let run = site.path("/run").join(example.replace('/', "-"));
        fs::create_dir_all(&run).unwrap();
        Self { lines: lines.collect(), run }
    }

    pub(super) fn all(&self, key: &str) -> Vec<&str> {
        self.lines.iter().filter(|(name, _)| name == key).map(|(_, value)| value.as_str()).collect()
    }

    pub(super) fn one(&self, key: &str) -> &str {
        let [value] = self.all(key)[..] else { panic!("{key} stands {} times in the unit", self.all(key).len()) };
        value
    }

    /// The commands of a key, ready to be run: what systemd sets for them is set.
    pub(super) fn commands(&self, key: &str, writable: &[&Path]) -> Vec<Command> {
        self.all(key).into_iter().map(|line| self.command(&[], line, writable)).collect()
    }

    /// The command of `ExecStart`, started by another program, such as one that holds its socket.
    pub(super) fn start(&self, starter: &[&str], writable: &[&Path]) -> Command {
        self.command(starter, self.one("ExecStart"), writable)
    }

    fn command(&self, starter: &[&str], line: &str, writable: &[&Path]) -> Command {
        let mut variables = vec![("PATH".to_owned(), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin".to_owned())];
        variables.extend(self.all("Environment").into_iter().map(|pair| {
            let (name, value) = pair.split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        }));
        for file in self.all("EnvironmentFile") {
            let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"));
            let pairs = text.lines().filter_map(|line| line.split_once('='));
            variables.extend(pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())));
        }
        if let [seconds] = self.all("WatchdogSec")[..] {
            variables.push(("WATCHDOG_USEC".to_owned(), format!("{seconds}000000")));
        }
        if self.all("Type") == ["notify"] {
            variables.push(("NOTIFY_SOCKET".to_owned(), self.run.join("notify").display().to_string()));
        }
        if let Some(folder) = self.credentials() {
            variables.push(("CREDENTIALS_DIRECTORY".to_owned(), folder.display().to_string()));
        }
        let mut words = starter.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        if !starter.is_empty() {
            // It hands on only what it is told to.
            words.extend(variables.iter().flat_map(|(name, value)| ["-E".to_owned(), format!("{name}={value}")]));
        }
        let places: Vec<_> = writable.iter().map(|place| place.to_str().unwrap()).collect();
        let root = if is_root() { "yes" } else { "no" };
        for word in ["sh", "-c", SANDBOX, "sh", self.one("UMask"), &places.join(" "), root] {
            words.push(word.to_owned());
        }
        for word in split(line) {
            // A variable that is a word of its own becomes as many words as it has.
            match word.strip_prefix('$').and_then(|name| variables.iter().find(|(given, _)| given == name)) {
                Some((_, value)) => words.extend(split(value)),
                None => words.push(word),
            }
        }
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).env_clear().envs(variables).stdin(Stdio::null());
        command
    }

    /// The folder with the unit's credentials, as systemd makes it.
    pub(super) fn credentials(&self) -> Option<PathBuf> {
        let named = self.all("LoadCredential");
        if named.is_empty() {
            return None;
        }
        let folder = self.run.join("credentials");
        if !folder.exists() {
            fs::create_dir(&folder).unwrap();
            for pair in named {
                let (name, path) = pair.split_once(':').unwrap();
                fs::copy(path, folder.join(name)).unwrap_or_else(|error| panic!("{path}: {error}"));
                fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o440)).unwrap();
            }
        }
        Some(folder)
    }

    /// Listens where systemd would be told how it goes.
    pub(super) fn listen(&self) -> Manager {
        let path = self.run.join("notify");
        fs::remove_file(&path).ok();
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Manager(socket)
    }
}

/// What a unit's program tells systemd.
pub(super) struct Manager(UnixDatagram);

impl Manager {
    pub(super) fn hear(&self, expected: &str) {
        let mut heard = Vec::new();
        while heard.last().is_none_or(|last: &String| last.trim_end() != expected) {
            let mut bytes = [0; 256];
            let count = self.0.recv(&mut bytes).unwrap_or_else(|error| panic!("{error}: only {heard:?} was heard"));
            heard.push(String::from_utf8_lossy(&bytes[..count]).into_owned());
        }
    }
}

/// The words of a command line, by systemd's rules for quotes, `$$` and `%%`.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for character in line.chars() {
        match (character, quote) {
            (mark, Some(open)) if mark == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (space, None) if space.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words.into_iter().map(|word: String| word.replace("$$", "$").replace("%%", "%")).collect()
}

#[test]
fn a_line_is_split_as_systemd_does() {
    let words = split("/bin/sh -c 'exec x \"$$(date +%%F)\" y'  '' \"a b\"c");
    assert_eq!(words, ["/bin/sh", "-c", "exec x \"$(date +%F)\" y", "", "a bc"]);
}

/// The system calls that a unit's filter forbids, of those that a run made, as `strace` wrote it.
pub(super) fn forbidden(unit: &Unit, trace: &str) -> BTreeSet<String> {
    let mut allowed = set("@default");
    for filter in unit.all("SystemCallFilter") {
        match filter.strip_prefix('~') {
            None => filter.split(' ').for_each(|name| allowed.extend(set(name))),
            Some(taken) => {
                let taken: BTreeSet<_> = taken.split(' ').flat_map(set).collect();
                allowed.retain(|name| !taken.contains(name));
            }
        }
    }
    let made = trace.lines().filter_map(|line| line.split_once(' ')?.1.trim_start().split_once('('));
    let made =
        made.map(|(name, _)| name).filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    let made: BTreeSet<String> = made.map(str::to_owned).collect();
    assert!(made.contains("execve") && made.contains("futex"), "the trace shows nothing: {made:?}");
    made.difference(&allowed).cloned().collect()
}

/// The system calls in one of systemd's sets.
fn set(name: &str) -> BTreeSet<String> {
    if !name.starts_with('@') {
        return BTreeSet::from([name.to_owned()]);
    }
    let told = ran(Command::new("systemd-analyze").args(["--no-pager", "syscall-filter", name]));
    let names = told.lines().skip(1).map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    names.flat_map(set).collect()
}

/// What systemd finds wrong with the units, and how exposed it finds what runs a service.
pub(super) fn judge(site: &Site, examples: &[&str], exposure: u32) {
    let units: Vec<PathBuf> = examples
        .iter()
        .map(|example| site.install(example, &format!("/etc/systemd/system/{}", example.rsplit('/').next().unwrap())))
        .collect();
    let verified = Command::new("systemd-analyze").arg("verify").args(&units).output().expect("systemd is installed");
    let told = both(&verified);
    assert!(verified.status.success() && told.trim().is_empty(), "{told}");
    for example in examples.iter().filter(|example| example.ends_with(".service")) {
        let threshold = format!("--threshold={exposure}");
        let mut security = Command::new("systemd-analyze");
        ran(security.args(["security", "--offline=true", "--no-pager", &threshold]).arg(example_path(example)));
    }
}
