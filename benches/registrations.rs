//! Durable registrations over HTTP beside two controls in the same run: a raw 4 KB write with fdatasync, and plain one-table
//! inserts in groups of 64. Rounds are interleaved and medians printed, because these machines are shared and noisy.
//!
//! `cargo bench --bench registrations -- [ROUNDS] [postgres://…]` measures the database in one file and, where the address of
//! an empty database is given, PostgreSQL in the same rounds.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    os::unix::fs::FileExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

const SECONDS: u64 = 2;
const CLIENTS: [usize; 3] = [1, 16, 64];
const PASSWORD: &str = "a bench needs a password";

fn main() -> Result<()> {
    let rounds = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(5_usize);
    let on_server = std::env::args().find(|word| word.starts_with("postgres"));
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut columns = vec!["raw write+fdatasync".to_owned(), "group-of-64 inserts".to_owned()];
    let mut offices = Vec::new();
    for (name, database) in [("one file", None), ("PostgreSQL", on_server.as_deref())] {
        if name == "PostgreSQL" && database.is_none() {
            continue;
        }
        let server = Server::start(&folder.path().join(name), database)?;
        let clients = runtime.block_on(sign_in_all(&server.address, 64))?;
        columns.extend(CLIENTS.map(|count| format!("{name}, {count} clients")));
        offices.push((server, clients));
    }
    let mut figures: Vec<Vec<f64>> = vec![Vec::new(); columns.len()];
    let mut slowest: Vec<Vec<f64>> = vec![Vec::new(); columns.len()];
    for round in 0..rounds {
        figures[0].push(raw_writes(folder.path())?);
        figures[1].push(plain_inserts(&folder.path().join("control.db"))?);
        let mut column = 2;
        for (server, clients) in &offices {
            for count in CLIENTS {
                let (rate, p99) = runtime.block_on(register_for_a_while(&server.address, &clients[..count], round))?;
                figures[column].push(rate);
                slowest[column].push(p99);
                column += 1;
            }
        }
    }
    println!("{:<22} {:>12} {:>14} {:>10}", "", "per second", "ratio to group", "p99 ms");
    let group = median(&mut figures[1].clone());
    for (column, name) in columns.iter().enumerate() {
        let rate = median(&mut figures[column]);
        let p99 =
            if slowest[column].is_empty() { String::new() } else { format!("{:.1}", median(&mut slowest[column])) };
        println!("{name:<22} {rate:>12.0} {:>14.3} {p99:>10}", rate / group);
    }
    println!("medians of {rounds} interleaved rounds of {SECONDS} s");
    Ok(())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Operations a second, counted over the bench's time.
fn for_a_while(mut once: impl FnMut(u64) -> Result<u64>) -> Result<f64> {
    let start = Instant::now();
    let (mut turns, mut done) = (0, 0);
    while start.elapsed() < Duration::from_secs(SECONDS) {
        done += once(turns)?;
        turns += 1;
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of seconds' work is far below 2^52")]
    let done = done as f64;
    Ok(done / start.elapsed().as_secs_f64())
}

fn raw_writes(folder: &Path) -> Result<f64> {
    let file = File::create(folder.join("raw"))?;
    for_a_while(|turn| {
        file.write_all_at(&[7; 4096], (turn % 256) * 4096)?;
        file.sync_data()?;
        Ok(1)
    })
}

fn plain_inserts(path: &Path) -> Result<f64> {
    let mut connection = rusqlite::Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE IF NOT EXISTS plain (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;",
    )?;
    for_a_while(|_| {
        let transaction = connection.transaction()?;
        for _ in 0..64 {
            transaction.execute("INSERT INTO plain (body) VALUES (zeroblob(400))", [])?;
        }
        transaction.commit()?;
        Ok(64)
    })
}

struct Server {
    process: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// The real program on a fresh folder and database, with one clerk.
    fn start(data: &Path, database: Option<&str>) -> Result<Self> {
        let program = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_milaf"));
            command.envs(database.map(|address| ("MILAF_DATABASE", address)));
            command
        };
        let issuer = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/issuer.toml");
        let made = program().arg("init").arg("--issuer").arg(issuer).arg("--data").arg(data).output()?;
        ensure!(made.status.success(), "init failed: {}", String::from_utf8_lossy(&made.stderr));
        let mut account = program()
            .args(["account", "add", "bench", "--data"])
            .arg(data)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        writeln!(account.stdin.take().context("no stdin")?, "{PASSWORD}")?;
        ensure!(account.wait()?.success(), "the account was not made");
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let mut process = program()
            .args(["serve", "--listen", &address, "--data"])
            .arg(data)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        // Its log is read away, so that a full pipe cannot stop it.
        let log = process.stderr.take().context("no stderr")?;
        std::thread::spawn(move || BufReader::new(log).lines().for_each(drop));
        let start = Instant::now();
        while std::net::TcpStream::connect(&address).is_err() {
            if start.elapsed() > Duration::from_secs(20) {
                bail!("the server does not answer");
            }
            std::thread::yield_now();
        }
        Ok(Self { process, address })
    }
}

#[derive(Clone)]
struct Clerk {
    http: reqwest::Client,
    csrf: String,
    cookie: String,
}

/// One session is enough: argon2 is not what is measured here. Every client has connections of its own.
async fn sign_in_all(address: &str, count: usize) -> Result<Vec<Clerk>> {
    let client = || reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
    let origin = format!("http://{address}");
    let answer = client()?
        .post(format!("{origin}/desk/sign-in"))
        .header("Origin", &origin)
        .form(&[("name", "bench"), ("password", PASSWORD), ("next", "")])
        .send()
        .await?;
    let cookie = answer.headers().get("set-cookie").context("no session cookie")?.to_str()?;
    let cookie = cookie.split(';').next().context("an empty cookie")?.to_owned();
    let page = client()?.get(format!("{origin}/desk/register")).header("Cookie", &cookie).send().await?.text().await?;
    let csrf = page.split("name=\"csrf\"").nth(1).and_then(|rest| rest.split("value=\"").nth(1));
    let csrf = csrf.and_then(|rest| rest.split('"').next()).context("no csrf field")?.to_owned();
    (0..count).map(|_| Ok(Clerk { http: client()?, csrf: csrf.clone(), cookie: cookie.clone() })).collect()
}

/// Registrations a second, and the 99th percentile of their times in milliseconds.
async fn register_for_a_while(address: &str, clerks: &[Clerk], round: usize) -> Result<(f64, f64)> {
    let serial = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for clerk in clerks.iter().cloned() {
        let (serial, origin) = (Arc::clone(&serial), format!("http://{address}"));
        let clients = clerks.len();
        tasks.spawn(async move {
            let mut times = Vec::new();
            while start.elapsed() < Duration::from_secs(SECONDS) {
                let key = format!("bench-{round}-{clients}-{}", serial.fetch_add(1, Ordering::Relaxed));
                let before = Instant::now();
                let answer = clerk
                    .http
                    .post(format!("{origin}/desk/register"))
                    .header("Origin", &origin)
                    .header("Cookie", &clerk.cookie)
                    .form(&[
                        ("csrf", clerk.csrf.as_str()),
                        ("form-key", &key),
                        ("procedure", "NRU"),
                        ("applicant", "عبد الرحمان الإدريسي"),
                        ("confirm-duplicate", "1"),
                    ])
                    .send()
                    .await?;
                ensure!(answer.status().as_u16() == 303, "a registration was answered {}", answer.status());
                times.push(before.elapsed().as_secs_f64() * 1e3);
            }
            Ok::<_, anyhow::Error>(times)
        });
    }
    let mut times = Vec::new();
    while let Some(task) = tasks.join_next().await {
        times.extend(task??);
    }
    times.sort_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "a count of seconds' work is far below 2^52")]
    let rate = times.len() as f64 / start.elapsed().as_secs_f64();
    Ok((rate, times[times.len() * 99 / 100]))
}
