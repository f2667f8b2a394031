//! One connection: how it is made, what its session promises, and how statements are sent over it.
//!
//! Every connection goes to the primary, because a standby may be behind: a read there could miss what was acknowledged.

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

use tokio::{sync::watch, task::JoinHandle, time::timeout};
use tokio_postgres::{
    AsyncMessage, Client, Error, Row, Statement,
    error::{Severity, SqlState},
    types::ToSql,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{PostgresOpenError, errors, migrations, options::PostgresOptions, tls};
use crate::store::TooNew;

/// What goes into a statement.
pub(super) type Value<'a> = &'a (dyn ToSql + Sync);

/// Makes connections.
pub(super) struct Connector {
    options: PostgresOptions,
    tls: MakeRustlsConnect,
    session: String,
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
    #[error(transparent)]
    TooNew(#[from] TooNew),
    #[error("the database's tables are gone")]
    NoTables,
}

impl LinkError {
    /// Says what an administrator can do about it.
    pub(super) fn explain(self, options: &PostgresOptions) -> PostgresOpenError {
        let (servers, cause) = (options.servers(), self.to_string());
        let Self::Postgres(error) = self else { return PostgresOpenError::Unreachable { servers, cause } };
        match error.code().map(SqlState::code) {
            Some("3D000") => PostgresOpenError::NoDatabase(options.database().to_owned()),
            Some(code) if code.starts_with("28") => {
                PostgresOpenError::Refused { user: options.user().to_owned(), cause }
            }
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
    pub(super) fn new(options: PostgresOptions) -> Result<Self, PostgresOpenError> {
        let tls = tls::connector(&options)?;
        let session = session(&options);
        Ok(Self { options, tls, session, open: watch::Sender::new(()) })
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
        let made = timeout(self.options.connecting_takes_at_most(), self.connect_patiently()).await;
        made.unwrap_or(Err(LinkError::Silent))
    }

    /// A connection to a database that was open before. A newer program may have changed its tables in between.
    pub(super) async fn connect_again(&self) -> Result<Link, LinkError> {
        let joining = async {
            let link = self.connect_patiently().await?;
            migrations::still_fit(&link, self.options.series).await?;
            Ok(link)
        };
        timeout(self.options.connecting_takes_at_most(), joining).await.unwrap_or(Err(LinkError::Silent))
    }

    async fn connect_patiently(&self) -> Result<Link, LinkError> {
        let (client, connection) = self.options.config.connect(self.tls.clone()).await?;
        let warned = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&warned);
        let open = self.open.subscribe();
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
        let link = Link { client, driver, warned, statements: Mutex::default() };
        link.client.batch_execute(&self.session).await?;
        Ok(link)
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
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed() || self.driver.is_finished()
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
