//! A primary and two standbys, which change places.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use crate::postgres_server::{PASSWORD, PostgresServer, ROLE, wait_until};

const STANDBYS: usize = 2;
/// A standby whose primary has died may sleep for so long before it looks again; by default five seconds.
const IMPATIENT: &str = "wal_retrieve_retry_interval=200ms";

pub(super) struct Cluster {
    primary: PostgresServer,
    standbys: Vec<PostgresServer>,
    /// Who was the primary before, and whatever has become of it.
    former: Option<PostgresServer>,
    pub(super) database: String,
    url: String,
}

impl Cluster {
    pub(super) fn start() -> Self {
        let primary = PostgresServer::start(&["cluster_name=db1", IMPATIENT]);
        let database = primary.create_database();
        // Before the standbys are made, so that they have the settings, too.
        primary.configure("synchronous_standby_names", "ANY 1 (db1, db2, db3)");
        // pg_rewind needs what a dead server has written since its last checkpoint.
        primary.configure("wal_keep_size", "64MB");
        let standbys = ["db2", "db3"].map(|name| primary.standby(name, &[IMPATIENT]));
        let servers: Vec<String> =
            [&primary].into_iter().chain(&standbys).map(|server| format!("127.0.0.1:{}", server.port())).collect();
        let url =
            format!("postgres://{ROLE}:{PASSWORD}@{}/{database}?target_session_attrs=read-write", servers.join(","));
        let cluster = Self { primary, standbys: standbys.into(), former: None, database, url };
        cluster.wait_for_standbys(STANDBYS);
        cluster
    }

    /// Names all servers, in an order that never changes.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn primary(&self) -> &PostgresServer {
        &self.primary
    }

    pub(super) fn standbys(&self) -> &[PostgresServer] {
        &self.standbys
    }

    /// Until the primary has so many standbys that confirm its commits.
    pub(super) fn wait_for_standbys(&self, count: usize) {
        let streaming = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum' AND state = 'streaming'";
        let have = || self.primary.sql("postgres", streaming).parse::<usize>().unwrap();
        wait_until("the standbys confirm commits", || have() >= count);
    }

    /// Leaves a primary that is dead or out of reach. First nobody follows it any more, so that it can acknowledge nothing
    /// that the others do not have; then that standby takes over which has received the most, because what was acknowledged
    /// is on one of them at least; and the other follows it.
    pub(super) fn promote(&mut self) {
        for standby in &self.standbys {
            standby.configure("primary_conninfo", "");
        }
        let received = |standby: &PostgresServer| {
            let bytes = standby.sql("postgres", "SELECT pg_last_wal_receive_lsn() - '0/0'");
            bytes.parse::<u64>().unwrap()
        };
        let most = (0..self.standbys.len()).max_by_key(|at| received(&self.standbys[*at])).unwrap();
        let promoted = self.standbys.remove(most);
        promoted.promote();
        for standby in &self.standbys {
            standby.configure("primary_conninfo", &promoted.replication_address());
        }
        self.former = Some(std::mem::replace(&mut self.primary, promoted));
    }

    /// The former primary, which is dead, becomes a standby again.
    pub(super) fn rewind(&mut self) {
        let former = self.former.take().expect("there was another primary before");
        self.primary.rewind(&former);
        self.standbys.push(former);
        self.wait_for_standbys(STANDBYS);
    }

    /// The former primary, for whoever has other plans with it.
    pub(super) fn former(&mut self) -> PostgresServer {
        self.former.take().expect("there was another primary before")
    }
}

/// How many sessions wait for a standby with this statement.
pub(super) fn waiting(server: &PostgresServer, statement: &str) -> usize {
    let waiting =
        format!("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query = '{statement}'");
    server.sql("postgres", &waiting).parse().unwrap()
}
