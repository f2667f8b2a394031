//! A primary and its synchronous standby, which change places.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use crate::postgres_server::{PASSWORD, PostgresServer, ROLE, wait_until};

/// The third is for a server that takes the place of one that cannot be reached.
const NAMES: &str = "ANY 1 (db1, db2, db3)";

/// A standby whose primary has died may sleep for so long before it hears that it is promoted; by default five seconds.
const IMPATIENT: &str = "wal_retrieve_retry_interval=200ms";

pub(super) struct Cluster {
    primary: PostgresServer,
    standby: PostgresServer,
    pub(super) database: String,
    url: String,
}

impl Cluster {
    pub(super) fn start() -> Self {
        let primary = PostgresServer::start(&["cluster_name=db1", IMPATIENT]);
        let database = primary.create_database();
        // Before the standby is made, so that it has the settings, too.
        primary.configure("synchronous_standby_names", NAMES);
        // pg_rewind needs what a dead server wrote since its last checkpoint but one.
        primary.configure("wal_keep_size", "256MB");
        let standby = primary.standby("db2", &[IMPATIENT]);
        let url = format!(
            "postgres://{ROLE}:{PASSWORD}@127.0.0.1:{},127.0.0.1:{}/{database}?target_session_attrs=read-write",
            primary.port(),
            standby.port()
        );
        let cluster = Self { primary, standby, database, url };
        cluster.wait_for_standby();
        cluster
    }

    /// Names both servers, in an order that never changes.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn primary(&self) -> &PostgresServer {
        &self.primary
    }

    pub(super) fn standby(&self) -> &PostgresServer {
        &self.standby
    }

    /// Until the primary has a standby that confirms its commits.
    pub(super) fn wait_for_standby(&self) {
        let streaming = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum' AND state = 'streaming'";
        wait_until("the standby confirms commits", || self.primary.sql("postgres", streaming) == "1");
    }

    /// The standby takes over. What was the primary is the other one from now on, and whatever has become of it.
    pub(super) fn promote(&mut self) {
        self.standby.promote();
        std::mem::swap(&mut self.primary, &mut self.standby);
    }

    /// The former primary, which is dead, becomes the standby.
    pub(super) fn rewind(&self) {
        self.primary.rewind(&self.standby);
        self.wait_for_standby();
    }

    /// Another server becomes the standby in the place of one that still lives.
    pub(super) fn replace_standby(&mut self) -> PostgresServer {
        let new = self.primary.standby("db3", &[IMPATIENT]);
        let former = std::mem::replace(&mut self.standby, new);
        self.wait_for_standby();
        former
    }
}

/// How many sessions wait for a standby with this statement.
pub(super) fn waiting(server: &PostgresServer, statement: &str) -> usize {
    let waiting =
        format!("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query = '{statement}'");
    server.sql("postgres", &waiting).parse().unwrap()
}
