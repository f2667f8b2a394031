//! Nodes behind a proxy, each the real program on a folder of its own, and everything that they ever published.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use milaf::{
    receipt::KeyRing,
    store::{PostgresStore, Sealer, Store},
};

use super::proxy::Haproxy;
use crate::{
    ledger::{Acknowledged, audit, key_ring},
    node_process::{Node, serve},
    raw_http::{Answer, Connection, Request, exchange},
    real_server::{ACCOUNT, Clerk, House, PASSWORD, example_issuer, sign_in_at},
    store_postgres::{names, options_for},
};

pub(super) struct Agency {
    houses: Vec<House>,
    nodes: Vec<Option<Node>>,
    urls: Vec<String>,
    pub(super) proxy: Haproxy,
    published: Published,
}

impl Agency {
    /// One node for each address of the same database.
    pub(super) fn over(urls: &[&str]) -> Self {
        Self::with_settings(urls, "")
    }

    /// With what every node is told in its `[database]` section.
    pub(super) fn with_settings(urls: &[&str], settings: &str) -> Self {
        let mut houses: Vec<House> = Vec::new();
        for url in urls {
            let house = houses.first().map_or_else(House::empty, House::with_the_same_keys);
            house.run(&["init", "--issuer", &example_issuer(), "--database", url], "");
            fs::write(house.data().node_file(), format!("[database]\n{settings}")).unwrap();
            houses.push(house);
        }
        houses[0].run(&["account", "add", ACCOUNT, "--database", urls[0]], PASSWORD);
        let addresses: Vec<SocketAddr> = houses.iter().map(|house| house.address).collect();
        let published = Published::watch(houses.iter().map(|house| house.data().checkpoint()).collect());
        let proxy = Haproxy::start(&addresses);
        let nodes = urls.iter().map(|_| None).collect();
        Self { houses, nodes, urls: urls.iter().map(|url| (*url).to_owned()).collect(), proxy, published }
    }

    /// Starts all nodes, and returns when the proxy sends work to them.
    pub(super) fn open(&mut self) {
        for number in 0..self.nodes.len() {
            self.start(number);
        }
        self.proxy.wait_until_up(&(0..self.nodes.len()).collect::<Vec<_>>());
    }

    pub(super) fn start(&mut self, number: usize) {
        let address = self.address(number).to_string();
        let mut command = serve(&self.houses[number], &["--listen", &address, "--trusted-proxy", "127.0.0.1"]);
        command.env("MILAF_DATABASE", &self.urls[number]).env("MILAF_LOG", "info");
        self.nodes[number] = Some(Node::spawn(command));
    }

    /// With signal 9.
    pub(super) fn kill(&mut self, number: usize) {
        let node = self.nodes[number].take().expect("it was started");
        let log = node.log();
        assert!(!log.contains("panicked"), "node {number}: {log}");
        drop(node);
    }

    pub(super) fn node(&self, number: usize) -> &Node {
        self.nodes[number].as_ref().expect("it was started")
    }

    pub(super) fn address(&self, number: usize) -> SocketAddr {
        self.houses[number].address
    }

    /// Signs a clerk in, through the proxy.
    pub(super) fn sign_in(&self) -> Clerk {
        sign_in_at(self.proxy.address)
    }

    /// Sends a request through the proxy, as a browser would.
    pub(super) fn ask(&self, request: &Request) -> std::io::Result<Answer> {
        Connection::open(self.proxy.address)?.send(&request.clone().closing())
    }

    /// Ends the nodes in order, which must succeed, and checks the database against what the clerks were told, and against
    /// everything that was published.
    pub(super) fn close(mut self, acknowledged: &Acknowledged) {
        let some: Vec<&String> = acknowledged.keys().step_by(acknowledged.len() / 20 + 1).collect();
        for (reference, token) in tokens(&self.houses[0], &self.urls[0], &some) {
            let answer = exchange(self.proxy.address, &Request::get(&format!("/D/{token}")).closing());
            assert_eq!(answer.status, 200, "the receipt of {reference}: {}", answer.head);
            assert!(answer.text().contains(&reference), "the receipt of {reference} opens another page");
        }
        for node in self.nodes.iter_mut().filter_map(Option::take) {
            let log = node.stop();
            assert!(!log.contains("panicked"), "{log}");
        }
        let published = self.published.end();
        let notes: Vec<&[String]> = published.iter().map(Vec::as_slice).collect();
        let checkpoints: Vec<usize> = notes.iter().map(|notes| notes.len()).collect();
        println!("{} dossiers; checkpoints published by each node: {checkpoints:?}", acknowledged.len());
        audited(&self.houses[0], &self.urls[0], acknowledged, &notes);
    }
}

fn open(house: &House, url: &str) -> (PostgresStore, KeyRing) {
    let keys = key_ring(&house.data());
    let seal_key = keys.seal_key.clone();
    let sealer: Sealer = Arc::new(move |claims| seal_key.seal(claims));
    (PostgresStore::open(options_for(url), sealer, names()).unwrap(), keys)
}

/// What the papers of some dossiers carry.
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn tokens(house: &House, url: &str, references: &[&String]) -> Vec<(String, String)> {
    let (store, keys) = open(house, url);
    let mut tokens = Vec::new();
    for reference in references {
        let receipts = store.receipts(&reference.parse().unwrap()).await.unwrap();
        let token = keys.token_keys.token(receipts[0].key_id, receipts[0].id).unwrap();
        tokens.push(((*reference).clone(), token.text()));
    }
    store.close().await;
    tokens
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn audited(house: &House, url: &str, acknowledged: &Acknowledged, published: &[&[String]]) {
    let (store, keys) = open(house, url);
    audit(&store, &keys, acknowledged, published).await;
    store.close().await;
}

/// Every checkpoint of each node, in the order in which its file held them. A node publishes once a second at most, and the
/// file is replaced in one step, so none is missed and none is read in half.
struct Published {
    seen: Arc<Mutex<Vec<Vec<String>>>>,
    over: Arc<AtomicBool>,
    watcher: Option<JoinHandle<()>>,
}

impl Published {
    fn watch(files: Vec<PathBuf>) -> Self {
        let seen = Arc::new(Mutex::new(vec![Vec::new(); files.len()]));
        let over = Arc::new(AtomicBool::new(false));
        let (notes, ended) = (Arc::clone(&seen), Arc::clone(&over));
        let look = move || {
            for (file, notes) in files.iter().zip(notes.lock().unwrap().iter_mut()) {
                let Ok(note) = fs::read_to_string(file) else { continue };
                if notes.last() != Some(&note) {
                    notes.push(note);
                }
            }
        };
        let watcher = thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                look();
                thread::park_timeout(Duration::from_millis(20));
            }
            look();
        });
        Self { seen, over, watcher: Some(watcher) }
    }

    fn end(&mut self) -> Vec<Vec<String>> {
        self.over.store(true, Ordering::Relaxed);
        if let Some(watcher) = self.watcher.take() {
            watcher.thread().unpark();
            watcher.join().unwrap();
        }
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}
