//! HAProxy in front of the nodes, configured as an agency would.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fmt::Write as _,
    fs,
    io::{Read, Write as _},
    net::SocketAddr,
    os::unix::net::UnixStream,
    process::{Child, Command, Stdio},
};

use crate::{node_process::wait, real_server::free_address};

/// A form that a dying node has left unanswered is sent to another one, because its key makes one dossier of however many
/// times it comes; what citizens type is not. `redispatch 1` makes each try go to another node.
const CONFIGURATION: &str = "global
    maxconn 500
    stats socket {folder}/stats mode 600 level user
defaults
    mode http
    timeout connect 1s
    timeout client 40s
    timeout server 40s
    timeout queue 5s
    timeout check 3s
    timeout http-request 10s
    option forwardfor
    option redispatch 1
    option http-buffer-request
    retries 3
    retry-on conn-failure empty-response
frontend agency
    bind {address}
    http-request disable-l7-retry if METH_POST !{ path_beg /desk/ }
    default_backend nodes
backend nodes
    balance leastconn
    option httpchk
    http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host readyz
    http-check expect status 200
    default-server check inter 1s fastinter 250ms downinter 250ms fall 2 rise 1
";

/// Where Debian puts it, which is not on everybody's path.
const PROGRAM: &str = "/usr/sbin/haproxy";

pub(super) struct Haproxy {
    process: Child,
    folder: tempfile::TempDir,
    pub(super) address: SocketAddr,
}

impl Haproxy {
    /// Listens in front of these nodes, whether they are there yet or not.
    pub(super) fn start(nodes: &[SocketAddr]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        let mut text = CONFIGURATION
            .replace("{folder}", &folder.path().display().to_string())
            .replace("{address}", &address.to_string());
        for (number, node) in nodes.iter().enumerate() {
            writeln!(text, "    server node{number} {node}").unwrap();
        }
        let file = folder.path().join("haproxy.cfg");
        fs::write(&file, text).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut haproxy = Command::new(PROGRAM);
        haproxy.arg("-db").arg("-f").arg(&file).stdin(Stdio::null());
        haproxy.stdout(log.try_clone().unwrap()).stderr(log);
        let process = haproxy.spawn().expect("HAProxy is missing: install the package haproxy");
        let mut proxy = Self { process, folder, address };
        let listens = wait(|| {
            let ended = proxy.process.try_wait().unwrap();
            assert!(ended.is_none(), "HAProxy has ended: {}", proxy.log());
            proxy.statistics().is_ok()
        });
        assert!(listens.is_ok(), "HAProxy does not answer: {}", proxy.log());
        proxy
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn statistics(&self) -> std::io::Result<String> {
        let mut socket = UnixStream::connect(self.folder.path().join("stats"))?;
        socket.write_all(b"show stat -1 4 -1\n")?;
        let mut table = String::new();
        socket.read_to_string(&mut table)?;
        Ok(table)
    }

    /// Waits until the proxy sends work to just these nodes.
    pub(super) fn wait_until_up(&self, nodes: &[usize]) {
        let mut table = String::new();
        let seen = wait(|| {
            table = self.statistics().unwrap_or_default();
            let is_up = |line: &&str| line.split(',').nth(17).is_some_and(|status| status.starts_with("UP"));
            let up = table.lines().filter(|line| line.starts_with("nodes,node")).filter(is_up);
            let up: Vec<usize> = up.map(|line| line["nodes,node".len()..][..1].parse().unwrap()).collect();
            up == nodes
        });
        assert!(seen.is_ok(), "not just {nodes:?} are up: {table}");
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
