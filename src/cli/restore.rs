//! `milaf restore`: a backup in the place of the database, unless it would hide what was published.
//!
//! The backup is copied into the data folder and looked over there; only then does it take the database's place, in one
//! step, and the old database is kept. Whatever fails before that step has changed nothing. Accepting a rollback writes
//! into the copy before the step and changes the files beside the database after it; in between nothing starts, and the
//! same command finishes it.

use std::{
    fs,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use clap::Args;

use super::{
    DataArgument, UsageError,
    accept::{Acceptance, finish, tell_finished, tell_nothing, tell_rollback},
    backup::copy,
    lock::FolderLock,
    loss::explain,
    open::{Office, Papers, load_issuer},
    place::Place,
    terminal::say,
    whole::whole,
};
use crate::{
    clock::{Environment, SystemEnvironment},
    config::{DataDir, DatabaseUrl},
    dossier::{Paragraph, Reference},
    service::{Difference, Extent, Loss, Standing, StartError},
    store::{SqliteOptions, TreeHead, sqlite_backup},
};

/// Put a backup in the place of the database
#[derive(Debug, Args)]
#[command(
    long_about = "Puts a backup in the place of the database. The server must be stopped.\n\nThe backup is checked first: its \
        file, its whole log, that it belongs to this folder's keys, and that it holds everything that was published. The old \
        database is kept beside it as milaf.db.before-restore-DATE. Everybody signs in anew, with the passwords of the \
        backup.\n\nA backup that is older than the last published checkpoint is refused, and what would be lost is told. When \
        there is no newer one, --accept-rollback goes on with it: the public log ends, and another begins, HOST/log-2 after \
        HOST/log, whose first entry tells of the rollback, the lost checkpoint and the reason. The numbers that lost papers \
        may carry are left out. The data of dossiers that were erased since come back with it: they are listed, to be erased \
        again. Without FILE it accepts the database as it stands, for instance after a recovery to a point \
        in time. When it is interrupted, the same command finishes it.\n\nA database on a PostgreSQL server is restored with \
        PostgreSQL's own tools, as examples/three-nodes/BACKUP.md describes. If it is then older than what was published, stop \
        every node and accept it without FILE, first on the node whose checkpoint is the newest; the same command brings each \
        further node along.",
    after_help = "Examples:\n  milaf restore /backup/milaf-2026-09-01.db --data /srv/milaf\n  \
        milaf restore /backup/milaf-2026-09-01.db --data /srv/milaf --accept-rollback --reason 'both disks failed'\n  \
        milaf restore --data /srv/milaf --accept-rollback --reason 'recovered to Monday'"
)]
pub(super) struct Restore {
    /// A file made by `milaf backup`; it is only read
    #[arg(value_name = "FILE", required_unless_present = "accept_rollback")]
    file: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgument,
    /// Go on with a database that lacks what was published
    #[arg(long, requires = "reason")]
    accept_rollback: bool,
    /// Why; it becomes a part of the log, so it names no person
    #[arg(long, value_name = "TEXT", requires = "accept_rollback", value_parser = reason)]
    reason: Option<Paragraph>,
    /// How many numbers each procedure leaves out at least; by default as many as can have been lost
    #[arg(long, value_name = "COUNT", requires = "accept_rollback", value_parser = clap::value_parser!(u32).range(1..=999_999))]
    skip_numbers: Option<u32>,
}

fn reason(text: &str) -> Result<Paragraph, String> {
    Paragraph::new(text).map_err(|error| error.to_string())
}

/// The database that is in its place now.
enum Live {
    Absent,
    Unusable(String),
    Open(Box<Office>, Standing),
}

impl Live {
    /// Opens it, and publishes its head if it is sound, so that what it holds beyond the last checkpoint counts too.
    async fn open(data: &DataDir) -> anyhow::Result<Self> {
        if !data.database().exists() {
            return Ok(Self::Absent);
        }
        let papers = Papers::load(data, load_issuer(data, None)?)?;
        let opened = Office::over_file(data, papers, &data.database(), SqliteOptions::default());
        let office = match opened {
            Ok(office) => office,
            Err(error) => return Ok(Self::Unusable(super::message(&error).unwrap_or_default())),
        };
        match office.service.standing().await {
            Ok(standing) => {
                if standing == Standing::Whole {
                    office.publish().await.context("what the present database holds cannot be published")?;
                }
                Ok(Self::Open(Box::new(office), standing))
            }
            Err(error) => {
                office.close().await;
                Ok(Self::Unusable(error.to_string()))
            }
        }
    }

    /// The present database, if everything that was published is in it.
    fn whole(&self) -> Option<&Office> {
        match self {
            Self::Open(office, Standing::Whole) => Some(office),
            _ => None,
        }
    }

    async fn close(self) {
        if let Self::Open(office, _) = self {
            office.close().await;
        }
    }
}

impl Restore {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let place = self.data.place()?;
        if let DatabaseUrl::Postgres(_) = place.database {
            self.on_server(&place).await?;
            return Ok(ExitCode::SUCCESS);
        }
        if place.file()? != place.data.database() {
            bail!(
                "a database outside its folder is not restored by this command: copy the backup there by hand, with the server stopped"
            );
        }
        let data = &place.data;
        load_issuer(data, None)?;
        let _alone = FolderLock::alone(data)?;
        let live = Live::open(data).await?;
        match (&self.file, live) {
            (file, Live::Open(office, Standing::Unfinished { log })) => {
                if !self.accept_rollback {
                    return Err(StartError::UnfinishedRollback { log }.into());
                }
                finish(&place, *office, Some(&log)).await?;
                tell_finished(&log)?;
                if let Some(file) = file {
                    say(&format!(
                        "{} was not restored over it. Run the command again if you mean that.",
                        file.display()
                    ))?;
                }
            }
            (None, live) => self.accept_in_place(&place, live).await?,
            (Some(file), live) => self.restore(&place, file, live).await?,
        }
        Ok(ExitCode::SUCCESS)
    }

    /// PostgreSQL's own tools have restored it; what is left is to accept it.
    async fn on_server(&self, place: &Place) -> anyhow::Result<()> {
        let data = &place.data;
        load_issuer(data, None)?;
        if let Some(file) = &self.file {
            return Err(UsageError(format!(
                "{} is on a PostgreSQL server, and {} is not restored into it: restore it with PostgreSQL's own tools, as \
                 examples/three-nodes/BACKUP.md describes. When it is older than what was published, run this command without a \
                 file",
                place.database,
                file.display()
            ))
            .into());
        }
        self.acceptance()?.on_server(place).await
    }

    fn acceptance(&self) -> anyhow::Result<Acceptance<'_>> {
        let Some(reason) = &self.reason else { bail!("--accept-rollback needs a --reason") };
        Ok(Acceptance { reason, skip_numbers: self.skip_numbers })
    }

    /// Goes on with the database that is in its place.
    async fn accept_in_place(&self, place: &Place, live: Live) -> anyhow::Result<()> {
        match live {
            Live::Absent => {
                bail!("there is no database in {}. Name the backup to restore", place.data.root().display())
            }
            Live::Unusable(why) => bail!("the database cannot be gone on with: {why}"),
            Live::Open(office, Standing::Older(loss)) => self.acceptance()?.go_on(place, *office, &loss).await,
            Live::Open(office, _) => {
                office.close().await;
                tell_nothing()
            }
        }
    }

    async fn restore(&self, home: &Place, file: &Path, live: Live) -> anyhow::Result<()> {
        let data = &home.data;
        let shown = file.display();
        if let Live::Unusable(why) = &live {
            say(&format!("The present database cannot be compared with the backup: {why}\n"))?;
        }
        let copied = Copy::new(data)?;
        copy(file, &copied.0, "copying the backup").await.with_context(|| format!("{shown} cannot be restored"))?;
        sqlite_backup::end_sessions(&copied.0)?;
        let papers = Papers::load(data, load_issuer(data, None)?)?;
        let options = SqliteOptions { one_file: true, ..SqliteOptions::default() };
        let office = Office::over_file(data, papers, &copied.0, options)?;
        let not_restored = || format!("{shown} was not restored, and nothing has been changed");
        let report = whole(&office).await.with_context(not_restored)?;
        let head = TreeHead { size: report.size, root: report.root };
        let standing = office.service.standing().await.with_context(not_restored)?;
        if let (Standing::Older(loss), Some(whole)) = (&standing, live.whole())
            && is_restored_already(whole, loss, &head).await?
        {
            office.close().await;
            live.close().await;
            return say("This backup is restored already, and the rollback accepted; nothing has happened since.");
        }
        let difference = difference(live.whole(), &office, &standing, &head).await.with_context(not_restored)?;
        let brought_back = brought_back(live.whole(), &office).await.with_context(not_restored)?;
        let mut numbers = Vec::new();
        let log = match &standing {
            Standing::Whole => None,
            Standing::Unfinished { log } if self.accept_rollback => Some(log),
            Standing::Unfinished { log } => bail!(
                "{shown} belongs to the log {log}, which began with an accepted rollback, and {name} in this folder is older. \
                 Put back the file log-name that belongs to it, and the newest checkpoint; or let \
                 `--accept-rollback --reason TEXT` name the log anew. Nothing has been changed",
                name = data.log_name().display()
            ),
            Standing::Older(loss) if self.accept_rollback => {
                let known = match live.whole() {
                    Some(whole) => whole.store.numbers().await.context("the numbers given cannot be read")?,
                    None => Vec::new(),
                };
                numbers = self.acceptance()?.write(&office, loss, &known, live.whole().is_some()).await?;
                Some(&loss.next_log)
            }
            Standing::Older(loss) => bail!(
                "{shown} was not restored, and nothing has been changed.\n{}",
                explain(loss, difference.as_ref(), &data.checkpoint(), true)
            ),
        };
        office.store.close().await;
        live.close().await;
        fs::File::open(&copied.0).and_then(|file| file.sync_all()).context("the copy cannot be kept")?;
        let kept = data.database_before(SystemEnvironment.now());
        let replaced = data.database().exists();
        sqlite_backup::replace(&copied.0, &data.database(), &kept)?;
        finish(home, office, log.map(String::as_str)).await?;
        say(&format!(
            "{shown} is restored: {} entries, root {}. Everybody signs in anew, with the passwords of the backup.",
            head.size,
            hex::encode(head.root)
        ))?;
        if replaced {
            say(&format!("The old database is kept as {}.", kept.display()))?;
        }
        tell_brought_back(brought_back.as_deref())?;
        match &standing {
            Standing::Older(loss) => tell_rollback(data, loss, difference.as_ref(), &numbers),
            Standing::Unfinished { log } => say(&format!("The log goes on as {log}.")),
            Standing::Whole => Ok(()),
        }
    }
}

/// The copy on its way into the folder; it goes with this, unless it has become the database.
struct Copy(PathBuf);

impl Copy {
    fn new(data: &DataDir) -> anyhow::Result<Self> {
        let path = data.database_to_be();
        let made = sqlite_backup::remove(&path)
            .and_then(|()| fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map(drop));
        made.with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // The next restore begins by removing it.
        let _ = sqlite_backup::remove(&self.0);
    }
}

/// What the present database tells of and the backup does not; refuses a backup with another history.
async fn difference(
    live: Option<&Office>,
    backup: &Office,
    standing: &Standing,
    head: &TreeHead,
) -> anyhow::Result<Option<Difference>> {
    let (Some(live), Standing::Older(loss)) = (live, standing) else { return Ok(None) };
    let mut common = head.size;
    if let Extent::OtherLog { .. } = loss.extent {
        // The two part where the rollback was accepted that the backup does not know, or where the backup ends before it.
        let known = backup.service.accepted_rollbacks().await?.len();
        if let Some(rollback) = live.service.accepted_rollbacks().await?.get(known) {
            common = common.min(rollback.leaf_index);
        }
    } else if !live.service.begins_with(head.size, head.root).await? {
        bail!(
            "it holds another history than the present database: at {} entries their roots differ. Keep both aside for the \
             auditors",
            head.size
        );
    }
    Ok(Some(live.service.dossiers_from(common).await?))
}

/// The dossiers that were erased after the backup was made; `None` when the present database cannot tell.
async fn brought_back(live: Option<&Office>, backup: &Office) -> anyhow::Result<Option<Vec<Reference>>> {
    let Some(live) = live else { return Ok(None) };
    let known = backup.service.erased_dossiers().await?;
    let mut erased = live.service.erased_dossiers().await?;
    erased.retain(|reference| !known.contains(reference));
    Ok(Some(erased))
}

/// A backup knows nothing of what was erased after it, and brings it back.
fn tell_brought_back(erased: Option<&[Reference]>) -> anyhow::Result<()> {
    match erased {
        Some([]) => Ok(()),
        Some(erased) => {
            let commands =
                erased.iter().map(|reference| format!("\n  milaf erase {reference} --reason TEXT --data DIR"));
            say(&format!(
                "These dossiers were erased after the backup was made, and it has brought their data back. Erase those that it \
                 holds again:{}",
                commands.collect::<String>()
            ))
        }
        None => {
            say("If dossiers were erased after the backup was made, it has brought their data back: erase them again.")
        }
    }
}

/// Whether the present database is this backup and the acceptance of its rollback, and nothing more.
async fn is_restored_already(live: &Office, loss: &Loss, head: &TreeHead) -> anyhow::Result<bool> {
    if !matches!(loss.extent, Extent::OtherLog { .. }) {
        return Ok(false);
    }
    let rollbacks = live.service.accepted_rollbacks().await?;
    let told = rollbacks.last().is_some_and(|rollback| rollback.leaf_index == head.size);
    let size = live.store.head().await.context("the log's head cannot be read")?.size;
    Ok(told && size == head.size + 1 && live.service.begins_with(head.size, head.root).await?)
}
