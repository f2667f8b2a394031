//! A running Milaf for the tests: the example issuer, a database of its own, a clock that stands where it is put, and the
//! pages on a port of 127.0.0.1. Dossiers come through the real write path.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(dead_code, reason = "each test takes what it needs")]

use std::{net::SocketAddr, path::Path, sync::Arc};

use jiff::{SignedDuration, ToSpan, civil::Date};
use milaf::{
    clock::{Environment, SteppedEnvironment},
    config::Issuer,
    dossier::{Audience, Command, Outcome, Paragraph, Reference},
    receipt::{KeyRing, SealKey, TokenKey, TokenKeys},
    service::{Actor, IdentityKey, LiveKeys, Parts, RawIntake, Registered, Service},
    store::{Sealer, SqliteStore, Store},
    tlog::LogKey,
    web::{self, App, WebOptions},
};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::premises::Premises;

/// The telephone number of every sample; its last four digits open the second level.
pub(crate) const PHONE: &str = "0612345678";
pub(crate) const DIGITS: &str = "5678";
/// Words of the second level that no first-level page may show.
pub(crate) const RESERVATIONS: &str = "Reculer la façade de deux mètres";
pub(crate) const MESSAGE: &str = "Le plan de situation est illisible";
pub(crate) const PUBLIC_NOTE: &str = "Apportez aussi le cachet";
/// Words that no page for citizens may ever show.
pub(crate) const PRIVATE: [&str; 6] =
    ["Fatima Ezzahra Aït Ouhmane", "Cabinet Tazri", "T-4711/36", "note-interne-4711", "guichetiere", "AB123456"];

/// Every sample that [`Running::sample`] makes.
pub(crate) const SAMPLES: [&str; 13] = [
    "registered",
    "incomplete",
    "in_review",
    "scheduled",
    "adjourned",
    "decided",
    "ready",
    "collected",
    "withdrawn",
    "overdue",
    "extended",
    "resumed",
    "replaced",
];

pub(crate) struct Running {
    pub(crate) service: Arc<Service>,
    pub(crate) clock: Arc<SteppedEnvironment>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) address: SocketAddr,
    pub(crate) folder: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<std::io::Result<()>>>,
}

impl Running {
    pub(crate) async fn start() -> Self {
        Self::with(WebOptions::default(), |_| {}).await
    }

    /// Starts with other options or another issuer.
    pub(crate) async fn with(options: WebOptions, change: impl FnOnce(&mut Issuer)) -> Self {
        let file = |folder: &Path, sealer| -> Arc<dyn Store> {
            Arc::new(SqliteStore::open_or_create(&folder.join("milaf.db"), sealer).unwrap())
        };
        Self::over(options, change, file).await
    }

    /// Starts over a story's own database.
    pub(crate) async fn on(premises: &Premises) -> Self {
        Self::over(WebOptions::default(), |_| {}, |_, sealer| premises.open(sealer)).await
    }

    async fn over(
        options: WebOptions,
        change: impl FnOnce(&mut Issuer),
        open: impl FnOnce(&Path, Sealer) -> Arc<dyn Store>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut issuer = Issuer::example();
        change(&mut issuer);
        let token_keys = TokenKeys::new(TokenKey::new(1, [0x11; 32]).unwrap(), Vec::new()).unwrap();
        let log_key = LogKey::new(&format!("{}/log", issuer.public_url.host()), [0x33; 32]).unwrap();
        let keys = Arc::new(KeyRing::new(token_keys, SealKey::from_seed([0x22; 32]), log_key).unwrap());
        let sealer = {
            let keys = Arc::clone(&keys);
            Arc::new(move |claims: &_| keys.seal_key.seal(claims))
        };
        let store = open(folder.path(), sealer);
        let start = "2026-09-01T08:30:00Z".parse().unwrap();
        let clock = Arc::new(SteppedEnvironment::starting_at(start));
        let service = Arc::new(Service::new(Parts {
            store: Arc::clone(&store),
            issuer: Arc::new(issuer),
            keys: LiveKeys::fixed(&keys),
            identity_key: IdentityKey::new([0x44; 32]),
            environment: Arc::clone(&clock) as Arc<dyn Environment>,
            checkpoint_file: folder.path().join("checkpoint"),
        }));
        let app = App::new(Arc::clone(&service), options);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(web::serve(app, listener, async {
            let _ = stopped.await;
        }));
        Self { service, clock, store, address, folder, stop: Some(stop), server: Some(server) }
    }

    /// Stops as `milaf serve` does, and waits for it.
    pub(crate) async fn stop(mut self) {
        let _ = self.stop.take().unwrap().send(());
        self.server.take().unwrap().await.unwrap().unwrap();
        self.store.close().await;
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn days_pass(&self, days: i64) {
        self.clock.advance(SignedDuration::from_hours(24 * days));
    }

    /// A large building project, with everything that a page must not show.
    pub(crate) async fn register(&self) -> Registered {
        self.register_for("PC").await
    }

    pub(crate) async fn register_for(&self, procedure: &str) -> Registered {
        let raw = RawIntake {
            procedure: procedure.into(),
            applicant: PRIVATE[0].into(),
            depositor_role: "architect".into(),
            depositor: PRIVATE[1].into(),
            phone: PHONE.into(),
            identity: PRIVATE[5].into(),
            parcel: PRIVATE[2].into(),
            documents: ["request", "identity"].map(String::from).to_vec(),
            note: PRIVATE[3].into(),
            ..RawIntake::default()
        };
        self.service.register(&clerk(), &raw, None).await.unwrap()
    }

    pub(crate) async fn execute(&self, reference: &Reference, command: Command) {
        let version = self.service.dossier(reference).await.unwrap().unwrap().dossier.version;
        self.service.execute(&clerk(), reference, version, &command, None).await.unwrap();
    }

    /// A dossier of one of [`SAMPLES`], with a day or more between its moves. The clock moves on.
    pub(crate) async fn sample(&self, name: &str) -> Registered {
        // Only some procedures know an extension.
        let registered = self.register_for(if name == "extended" { "REF" } else { "PC" }).await;
        let reference = &registered.reference;
        for (days, command) in moves(name, self.service.today()) {
            self.days_pass(days);
            self.execute(reference, command).await;
        }
        match name {
            "overdue" => self.days_pass(60),
            "replaced" => {
                let version = self.service.dossier(reference).await.unwrap().unwrap().dossier.version;
                let reason = paragraph("Perdu");
                self.service.replace_receipt(&clerk(), reference, version, reason, None).await.unwrap();
            }
            _ => self.days_pass(1),
        }
        registered
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

pub(crate) fn clerk() -> Actor {
    Actor::new(PRIVATE[4])
}

pub(crate) fn paragraph(text: &str) -> Paragraph {
    Paragraph::new(text).unwrap()
}

/// What happens to a sample, with the days that pass before each move.
pub(crate) fn moves(name: &str, today: Date) -> Vec<(i64, Command)> {
    let enter = |step: &str| Command::EnterStep { step: step.parse().unwrap() };
    let documents = || vec!["site_plan".parse().unwrap(), "block_plan".parse().unwrap()];
    let request = || Command::RequestComplement { documents: documents(), message: Some(paragraph(MESSAGE)) };
    let study = || vec![(1, enter("completeness")), (2, enter("technical_study"))];
    let commission = || {
        let mut moves = study();
        moves.push((2, Command::ScheduleCommission { on: today.saturating_add(12.days()), place: None }));
        moves
    };
    let decided = || {
        let mut moves = commission();
        let outcome = Outcome::FavourableWithReservations;
        moves.push((3, Command::Decide { outcome, reservations: Some(paragraph(RESERVATIONS)) }));
        let note = Command::AddNote { audience: Audience::Public, text: paragraph(PUBLIC_NOTE) };
        moves.push((0, note));
        moves.push((0, Command::AddNote { audience: Audience::Internal, text: paragraph(PRIVATE[3]) }));
        moves
    };
    let with = |mut moves: Vec<(i64, Command)>, more: Vec<(i64, Command)>| {
        moves.extend(more);
        moves
    };
    match name {
        "registered" | "replaced" => Vec::new(),
        "incomplete" => with(study(), vec![(1, request())]),
        "in_review" | "overdue" => study(),
        "scheduled" => commission(),
        "adjourned" => with(commission(), vec![(1, Command::Adjourn { reason: None })]),
        "decided" => decided(),
        "ready" => with(decided(), vec![(1, Command::MarkReady)]),
        "collected" => with(decided(), vec![(1, Command::MarkReady), (1, Command::Collect { by: None })]),
        "withdrawn" => with(study(), vec![(1, Command::Withdraw { reason: None })]),
        "extended" => vec![(9, Command::Extend { reason: paragraph("Enquête") })],
        "resumed" => {
            let first = Command::ReceiveComplement { documents: documents()[..1].to_vec() };
            let rest = Command::ReceiveComplement { documents: documents()[1..].to_vec() };
            with(study(), vec![(1, request()), (4, first), (5, rest)])
        }
        other => panic!("no sample is called {other}"),
    }
}
