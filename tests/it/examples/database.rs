//! `examples/three-nodes/postgresql`: two servers, made and told what the shipped files say.

use std::{fs, path::Path, process::Command};

use super::site::{Site, ran};
use crate::{
    node_tls::Pair,
    postgres_server::{PostgresServer, SUPERUSER, as_owner, done, is_root, program, wait_until},
};

const MILAF_PASSWORD: &str = "Basalt-Orchard-17-Kettle";
const REPLICATOR_PASSWORD: &str = "Juniper-Ferry-62-Anchor";

/// What a superuser's shell has that is to reach a server.
pub(super) fn as_postgres(server: &PostgresServer, program: &Path) -> Command {
    let mut command = as_owner(program);
    command.env("PGHOST", server.folder()).env("PGPORT", server.port().to_string()).env("PGUSER", SUPERUSER);
    command
}

/// Prepares a machine's files for the servers: certificate, passwords, scripts and the place for backups.
pub(super) fn furnish(site: &mut Site) {
    site.write_pair(&Pair::new(), "/etc/milaf/postgresql/server.crt", "/etc/milaf/postgresql/server.key");
    fs::copy(site.path("/etc/milaf/postgresql/server.crt"), site.path("/etc/milaf/database-ca.pem")).unwrap();
    site.write("/etc/milaf/replication.pgpass", &format!("*:*:*:replicator:{REPLICATOR_PASSWORD}\n"), 0o600);
    fs::create_dir_all(site.path("/backup/milaf/wal")).unwrap();
    for script in ["archive-wal", "base-backup", "restore-database", "make-standby"] {
        site.install(&format!("three-nodes/postgresql/{script}"), &format!("/usr/local/lib/milaf/{script}"));
    }
    for owned in ["/etc/milaf/postgresql", "/etc/milaf/replication.pgpass", "/backup/milaf"] {
        site.give_to_postgres(owned);
    }
    site.place("10.0.0.0/24", "127.0.0.1/32");
    // The superuser of these servers is nobody's login on this machine.
    site.place("peer\n", "trust\n");
}

/// What a node signs in with.
pub(super) fn write_passfile(site: &Site) {
    site.write("/etc/milaf/database.pgpass", &format!("*:*:milaf:milaf:{MILAF_PASSWORD}\n"), 0o600);
}

/// The first primary, with the roles and the database. Settings given here go before the shipped ones.
pub(super) fn primary(site: &mut Site, settings: &[&str]) -> PostgresServer {
    let server = PostgresServer::made(settings, |server| {
        let mut initdb = as_owner(&program("initdb"));
        initdb.args(["--no-sync", "--data-checksums", "--encoding=UTF8", "--locale=C.UTF-8", "--username", SUPERUSER]);
        done(initdb.arg("-D").arg(server.data()), "initdb");
        configure(site, server, "db1");
        let main = server.data().join("postgresql.conf");
        fs::write(&main, format!("{}\ninclude_dir = 'conf.d'\n", fs::read_to_string(&main).unwrap())).unwrap();
        fs::write(server.data().join("pg_hba.conf"), site.text("three-nodes/postgresql/pg_hba.conf")).unwrap();
    });
    answers_at(site, &server, "db1");
    let mut psql = as_postgres(&server, &program("psql"));
    psql.args(["-X", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-f"]);
    psql.arg(site.install("three-nodes/postgresql/roles.sql", "/usr/local/lib/milaf/roles.sql"));
    ran(psql.env("MILAF_PASSWORD", MILAF_PASSWORD).env("REPLICATOR_PASSWORD", REPLICATOR_PASSWORD));
    server
}

/// The other server, as its standby, which the primary then waits for.
pub(super) fn standby(site: &mut Site, primary: &PostgresServer) -> PostgresServer {
    let standby = PostgresServer::made(&[], |server| {
        let told = site.text("three-nodes/postgresql/db2.conf");
        let source = told.lines().find_map(|line| line.strip_prefix("primary_conninfo = '")).unwrap();
        let mut make = as_owner(&site.path("/usr/local/lib/milaf/make-standby"));
        ran(make.arg(source.trim_end_matches('\'')).arg(server.data()));
        // Where a distribution keeps them elsewhere, the settings are not copied with the data.
        fs::remove_file(server.data().join("conf.d/db1.conf")).unwrap();
        configure(site, server, "db2");
    });
    answers_at(site, &standby, "db2");
    let state = "SELECT application_name, state, sync_state FROM pg_stat_replication";
    wait_until("the standby is waited for", || primary.sql("postgres", state) == "db2|streaming|quorum");
    standby
}

fn configure(site: &Site, server: &PostgresServer, name: &str) {
    let folder = server.data().join("conf.d");
    fs::create_dir_all(&folder).unwrap();
    for file in ["milaf", name] {
        let text = site.text(&format!("three-nodes/postgresql/{file}.conf"));
        fs::write(folder.join(format!("{file}.conf")), text).unwrap();
    }
    if is_root() {
        done(Command::new("chown").args(["-R", SUPERUSER]).arg(&folder), "chown");
    }
}

/// From now on the shipped files find a server by its name.
fn answers_at(site: &mut Site, server: &PostgresServer, name: &str) {
    let port = server.port();
    site.place(&format!("{name}.example.ma:5432"), &format!("localhost:{port}"));
    site.place(&format!("host={name}.example.ma port=5432"), &format!("host=localhost port={port}"));
}
