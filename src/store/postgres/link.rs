//! One connection: how it is made, what its session promises, and how statements are sent over it.
//!
//! Every connection goes to the primary, because a standby may be behind: a read there could miss what was acknowledged.
//! All servers of the address are asked, each a moment after the one before it, and each has a time of its own: one that
//! accepts a connection and says nothing more, as a frozen one does, must not keep anybody from the others. Asking one after
//! the other, as the library does, was rejected for that reason.

use std::{
    collections::HashMap,
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::timeout,
};
use tokio_postgres::{
    AsyncMessage, Client, Config, Error, Row, Statement,
    error::{Severity, SqlState},
    types::ToSql,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    PostgresOpenError, errors, migrations,
    options::PostgresOptions,
    presence::Presence,
    primary::{Primary, Standing},
    tls,
};
use crate::store::TooNew;

/// How long a server may take to answer before the next one is asked as well.
const HEAD_START: Duration = Duration::from_millis(300);

/// What a server tells of its place in the history of its cluster.
const STANDING: &str =
    "SELECT system_identifier, ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint
    FROM pg_control_system()";

/// What goes into a statement.
pub(super) type Value<'a> = &'a (dyn ToSql + Sync);

/// Makes connections.
pub(super) struct Connector {
    options: PostgresOptions,
    servers: Vec<Config>,
    primary: Arc<Primary>,
    tls: MakeRustlsConnect,
    presence: Presence,
    session: Arc<str>,
    /// Every open connection listens here, so that its end can be waited for.
    open: watch::Sender<()>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Why there is no connection, or none any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    #[error("{}", errors::cause(.0))]
    Postgres(#[from] Error),
    #[error("the server does not answer")]
    Silent,
    #[error("the server was the primary before a failover and is not any more")]
    Former,
    #[error(transparent)]
    TooNew(#[from] TooNew),
    #[error("the database's tables are gone")]
    NoTables,
    #[error(
        "a rollback was accepted in the database since this node began, and its log has another name now. Stop this node, run \
         `milaf restore --data DIR --accept-rollback --reason TEXT` here, and start it again"
    )]
    BoundAnew,
    /// Of these machines.
    #[error("it is in use by {0}")]
    InUse(String),
}

impl LinkError {
    /// Says what an administrator can do about it.
    pub(super) fn explain(self, options: &PostgresOptions) -> PostgresOpenError {
        let (servers, cause) = (options.servers(), self.to_string());
        if let Self::InUse(holders) = self {
            return PostgresOpenError::InUse(holders);
        }
        let Self::Postgres(error) = self else { return PostgresOpenError::Unreachable { servers, cause } };
        match error.code().map(SqlState::code) {
            Some("3D000") => PostgresOpenError::NoDatabase(options.database().to_owned()),
            Some(code) if code.starts_with("28") => {
                PostgresOpenError::Refused { user: options.user().to_owned(), cause }
            }
            // Two locks are all that a connection waits for while it is made.
            Some("55P03") => PostgresOpenError::Busy,
            Some("42501") => PostgresOpenError::Refused { user: options.user().to_owned(), cause },
            _ if cause.contains("does not allow writes") => PostgresOpenError::NoPrimary(servers),
            _ if cause.contains("password missing") => {
                let cause = "it asks for a password, and the address has none".to_owned();
                PostgresOpenError::Refused { user: options.user().to_owned(), cause }
            }
            _ if cause.contains("TLS") || cause.contains("certificate") => PostgresOpenError::Tls(cause),
            _ => PostgresOpenError::Unreachable { servers, cause },
        }
    }
}

impl Connector {
    pub(super) fn new(
        options: PostgresOptions,
        presence: Presence,
        primary: Arc<Primary>,
    ) -> Result<Self, PostgresOpenError> {
        let tls = tls::connector(&options)?;
        let session = format!("{}; {}", session(&options), presence.statement()).into();
        let servers = options.each_server();
        Ok(Self { options, servers, primary, tls, presence, session, open: watch::Sender::new(()) })
    }

    pub(super) fn options(&self) -> &PostgresOptions {
        &self.options
    }

    /// Returns when every connection that was made here is closed.
    pub(super) async fn all_closed(&self) {
        self.open.closed().await;
    }

    /// The first connection, which may find no tables yet.
    pub(super) async fn connect(&self) -> Result<Link, LinkError> {
        // Who has seen no primary yet hears everyone, because two may say that they are it.
        let hears_everyone = !self.primary.is_known();
        let mut rest = self.primary.order(self.servers.len()).into_iter();
        let mut asked = JoinSet::new();
        let mut best: Option<Link> = None;
        let mut failure = LinkError::Silent;
        loop {
            if let Some(server) = rest.next() {
                asked.spawn(self.ask(server));
            }
            let waits_for_all = rest.len() == 0 && best.is_none();
            let patience = if waits_for_all { Duration::MAX } else { HEAD_START };
            match timeout(patience, asked.join_next()).await {
                Ok(Some(Ok(Ok(link)))) if !hears_everyone => return Ok(link),
                Ok(Some(Ok(Ok(link)))) => best = best.filter(|best| !best.is_closed()).or(Some(link)),
                Ok(Some(Ok(Err(error)))) => failure = error,
                // Everyone has answered, or whoever has not is too late.
                Ok(None) | Err(_) if rest.len() == 0 => return best.ok_or(failure),
                Ok(None | Some(Err(_))) | Err(_) => {}
            }
        }
    }

    /// A connection to a database that was open before. A newer program may have changed its tables in between.
    pub(super) async fn connect_again(&self) -> Result<Link, LinkError> {
        let link = self.connect().await?;
        let looking = migrations::still_fit(&link, self.options.series);
        timeout(self.options.one_server_takes_at_most(), looking).await.unwrap_or(Err(LinkError::Silent))?;
        Ok(link)
    }

    fn ask(&self, server: usize) -> impl Future<Output = Result<Link, LinkError>> + Send + use<> {
        let (config, tls, session) = (self.servers[server].clone(), self.tls.clone(), Arc::clone(&self.session));
        let (primary, presence, open) = (Arc::clone(&self.primary), self.presence.clone(), self.open.subscribe());
        let making = async move {
            let mut link = Link::make(&config, tls, open, primary).await?;
            link.run(&session).await?;
            link.standing = link.ask_standing().await?;
            if !link.primary.admit(server, link.standing) {
                return Err(LinkError::Former);
            }
            presence.settle(&link.client).await?;
            Ok(link)
        };
        let patience = self.options.one_server_takes_at_most();
        async move { timeout(patience, making).await.unwrap_or(Err(LinkError::Silent)) }
    }
}

/// What every session sets, whatever the server's or the role's defaults are.
fn session(options: &PostgresOptions) -> String {
    let milliseconds = |time: Duration| time.as_millis().max(1);
    format!(
        "SET statement_timeout = {}; SET lock_timeout = {};
         -- A node that vanished must not hold the log's lock for long.
         SET idle_in_transaction_session_timeout = {};
         SET default_transaction_isolation = 'read committed';
         SET client_min_messages = warning;
         -- Every statement looks rows up by a key. Plans made while a table was small must not read all of it later.
         SET enable_seqscan = off; SET jit = off;
         SELECT set_config('synchronous_commit', 'on', false)
         WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply');
         {}",
        milliseconds(options.statement_timeout),
        milliseconds(options.lock_timeout),
        milliseconds(options.lock_timeout),
        migrations::presence(options.series),
    )
}

/// A connection to the primary.
pub(super) struct Link {
    client: Client,
    primary: Arc<Primary>,
    standing: Option<Standing>,
    driver: JoinHandle<()>,
    warned: Arc<AtomicBool>,
    statements: Mutex<HashMap<&'static str, Statement>>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

/// Without a user the connection has no use; whatever it still carried is for nobody.
impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Link {
    async fn make(
        config: &Config,
        tls: MakeRustlsConnect,
        open: watch::Receiver<()>,
        primary: Arc<Primary>,
    ) -> Result<Self, LinkError> {
        let (client, connection) = config.connect(tls).await?;
        let warned = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&warned);
        let driver = tokio::spawn(async move {
            // Whoever waits for its end must find it closed, so the connection goes before the sign that it is open.
            let _open = open;
            let mut connection = connection;
            // The end of the connection shows at whoever uses it.
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notice(notice) = message
                    && notice.parsed_severity() == Some(Severity::Warning)
                {
                    heard.store(true, Ordering::Release);
                    tracing::warn!(message = notice.message(), "PostgreSQL warns");
                }
            }
        });
        Ok(Self { client, primary, standing: None, driver, warned, statements: Mutex::default() })
    }

    /// A server that only speaks like PostgreSQL may not know; it is then taken for what it says it is.
    async fn ask_standing(&self) -> Result<Option<Standing>, Error> {
        match self.client.query(STANDING, &[]).await {
            Ok(rows) => {
                let standing =
                    |row: &Row| Ok::<_, Error>(Standing { cluster: row.try_get(0)?, timeline: row.try_get(1)? });
                rows.first().map(standing).transpose()
            }
            Err(error) if errors::ends_the_connection(&error) => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Whether it is of no use any more: it broke, or its server is not the primary any more.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed() || self.driver.is_finished() || self.primary.is_former(self.standing)
    }

    /// Whether the server has warned since this was asked last. A commit that was acknowledged although the wait for the
    /// standby was broken off comes with a warning, and with nothing else.
    pub(super) fn was_warned(&self) -> bool {
        self.warned.swap(false, Ordering::AcqRel)
    }

    /// Runs a statement that is prepared once per connection.
    pub(super) async fn query(&self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, Error> {
        let statement = self.statement(sql).await?;
        self.client.query(&statement, values).await
    }

    /// Runs statements without values and without answers.
    pub(super) async fn run(&self, sql: &str) -> Result<(), Error> {
        self.client.batch_execute(sql).await
    }

    async fn statement(&self, sql: &'static str) -> Result<Statement, Error> {
        let known = self.statements.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).insert(sql, statement.clone());
        Ok(statement)
    }

    /// Statements that are sent behind one another without waiting in between.
    pub(super) fn flight(&self) -> Flight<'_> {
        Flight { link: self, statements: Vec::new() }
    }
}

type UnderWay<'a> = Pin<Box<dyn Future<Output = Result<Vec<Row>, Error>> + Send + 'a>>;

/// Several statements in one round trip. The server runs them in the order in which they were added.
pub(super) struct Flight<'a> {
    link: &'a Link,
    statements: Vec<(&'static str, Option<Vec<Value<'a>>>)>,
}

impl fmt::Debug for Flight<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").field("statements", &self.statements.len()).finish_non_exhaustive()
    }
}

impl<'a> Flight<'a> {
    /// Adds a statement without values and without an answer.
    pub(super) fn run(&mut self, sql: &'static str) {
        self.statements.push((sql, None));
    }

    pub(super) fn query(&mut self, sql: &'static str, values: Vec<Value<'a>>) {
        self.statements.push((sql, Some(values)));
    }

    /// Sends everything and waits for the answers, in order. After an error the server has refused what came behind it, too,
    /// because all of it is one transaction.
    pub(super) async fn land(self) -> Result<Vec<Vec<Row>>, Error> {
        let client = &self.link.client;
        // What has to be prepared first is prepared before anything is sent, or it would fall out of its order.
        let mut under_way: Vec<Result<Vec<Row>, UnderWay<'_>>> = Vec::with_capacity(self.statements.len());
        for (sql, values) in self.statements {
            under_way.push(Err(match values {
                None => Box::pin(async move { client.batch_execute(sql).await.map(|()| Vec::new()) }),
                Some(values) => {
                    let statement = self.link.statement(sql).await?;
                    Box::pin(async move { client.query(&statement, &values).await })
                }
            }));
        }
        poll_fn(|context| {
            let mut waiting = false;
            // A statement is sent when it is polled for the first time, so the first round sends them in order.
            for place in &mut under_way {
                if let Err(future) = place {
                    match future.as_mut().poll(context) {
                        Poll::Ready(Ok(rows)) => *place = Ok(rows),
                        Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                        Poll::Pending => waiting = true,
                    }
                }
            }
            if waiting { Poll::Pending } else { Poll::Ready(Ok(())) }
        })
        .await?;
        Ok(under_way.into_iter().filter_map(Result::ok).collect())
    }
}
