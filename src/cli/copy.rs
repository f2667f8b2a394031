//! `milaf copy`: the whole office from one database into another, between a file and a PostgreSQL server in either direction.
//!
//! An office has one history, so at no moment may both ends be in use. The target is marked as unfinished from its first row
//! and refused by every other command until it was found equal; the source is closed before its last rows are read, and
//! refused from then on. So nothing that was acknowledged can be missing on the other side, and nobody can go on with the
//! wrong one. Leaving the source open and telling its administrator not to use it was rejected: one forgotten node would
//! begin a second history under the same name.

use std::{fmt::Write, path::PathBuf, process::ExitCode};

use anyhow::{Context, bail};
use clap::Args;

use super::{
    UsageError,
    copying::{Ends, Equal},
    lock::FolderLock,
    open::{Database, Office, Papers, load_issuer, open_store},
    place::Place,
    terminal::{progress, say},
};
use crate::{
    clock::{Environment, SystemEnvironment},
    config::{DataDir, DatabaseUrl},
    store::{Custody, Mark, Portable, StoreError, TreeHead},
};

/// Copy the whole office into another database, and move there
#[derive(Debug, Args)]
#[command(
    long_about = "Copies the whole office from one database into another, and moves there: from a file to a PostgreSQL server, \
        back, or to another of the same kind. The target is an empty database, or one that the office has left before.\n\n\
        The servers must be stopped. Everything crosses: the log with its contents, heads, seals and checkpoints, dossiers, \
        receipts, numbers, the keys of forms, accounts and counted tries; but for sessions, so everybody signs in anew. Then \
        both are read from the first row to the last, every root is recomputed on the far side, and only when they are equal \
        the target may be used. From that moment the source takes nothing any more, whoever has it open.\n\n\
        To be without a server for seconds only, copy with --ahead before, while it runs: that copies the log so far and \
        changes nothing in the source. Interrupted at any moment, the same command goes on where it was. An unfinished target \
        is refused by every other command.\n\nA password belongs into a file that the address names, as \
        postgres://USER@HOST/NAME?passfile=FILE, because others can read a command line.",
    after_help = "Examples:\n  \
        milaf copy --from sqlite:/srv/milaf/milaf.db --to postgres://milaf@db1,db2/milaf --data /srv/milaf --ahead\n  \
        milaf copy --from sqlite:/srv/milaf/milaf.db --to postgres://milaf@db1,db2/milaf --data /srv/milaf\n  \
        milaf copy --from postgres://milaf@db1,db2/milaf --to sqlite:/srv/milaf/milaf.db --data /srv/milaf"
)]
pub(super) struct Copy {
    /// The database that the office is in: `sqlite:FILE` or `postgres://USER@HOST/NAME`
    #[arg(long, value_name = "DATABASE")]
    from: DatabaseUrl,
    /// The database that it moves to
    #[arg(long, value_name = "DATABASE")]
    to: DatabaseUrl,
    /// The office's data folder, with its keys and the last published checkpoint
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Only copy the log so far, while the server runs; the office stays where it is
    #[arg(long)]
    ahead: bool,
    /// Take the source of an unfinished copy into use again
    #[arg(long, conflicts_with = "ahead")]
    give_up: bool,
}

/// A database as it is found.
#[derive(Clone, Debug)]
struct Found {
    custody: Custody,
    identity: Option<String>,
    head: TreeHead,
}

/// What is left to do.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    /// From the beginning, under a new id; or on from what the target holds from before it was left.
    Begin,
    GoOn {
        id: String,
    },
    /// It was done before.
    Done,
}

/// Both databases, open, with the office over each.
#[derive(Debug)]
struct Opened {
    ends: Ends,
    source: Office,
    target: Office,
    /// How the source and the target were found.
    found: (Found, Found),
}

impl Copy {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        if same(&self.from, &self.to) {
            return Err(UsageError("--from and --to name the same database".to_owned()).into());
        }
        let place = Place::find(DataDir::new(&self.data), None)?;
        let data = &place.data;
        load_issuer(data, None)?;
        let _lock = if self.ahead {
            FolderLock::shared(data)?
        } else {
            FolderLock::alone(data).context("an office moves with its server stopped; --ahead copies while it runs")?
        };
        let opened = self.open(&place).await?;
        let outcome = self.carry_out(data, &opened).await;
        opened.ends.close().await;
        outcome.map(|()| ExitCode::SUCCESS)
    }

    /// Opens and looks at both, the target only if the source is one.
    async fn open(&self, place: &Place) -> anyhow::Result<Opened> {
        let (data, settings) = (&place.data, &place.settings.database);
        let papers = || Papers::load(data, load_issuer(data, None)?);
        if let DatabaseUrl::Sqlite(path) = &self.from
            && !path.exists()
        {
            bail!("there is no database at {}. Name the office's database with --from", path.display());
        }
        let (from, to) = (self.from.to_string(), self.to.to_string());
        let source_papers = papers()?;
        let source = open_store(&self.from, settings, source_papers.sealer(), Database::MustExist).await?;
        check_known(&*source, &from)?;
        let found = look(&*source).await.with_context(|| format!("{from} cannot be read"))?;
        if found.identity.is_none() {
            bail!("{from} holds no office. Name the office's database with --from");
        }
        let office = Office::assemble(data, source_papers, source.clone());
        match &found.custody {
            Custody::InUse => {
                office.service.check_keys_and_history().await.with_context(|| format!("{from} was not copied"))?;
            }
            Custody::Unfinished(mark) => bail!(
                "{from} is itself an unfinished copy of {other}. Finish that one first, or copy from {other}",
                other = mark.other
            ),
            // It was looked at before it was closed, and may be older than what its office has published since.
            Custody::Moved(_) => {}
        }
        let target_papers = papers()?;
        let target = open_store(&self.to, settings, target_papers.sealer(), Database::MayBeMade).await?;
        check_known(&*target, &to)?;
        let there = look(&*target).await.with_context(|| format!("{to} cannot be read"))?;
        Ok(Opened {
            source: office,
            target: Office::assemble(data, target_papers, target.clone()),
            ends: Ends { source, target, from, to },
            found: (found, there),
        })
    }

    async fn carry_out(&self, data: &DataDir, opened: &Opened) -> anyhow::Result<()> {
        let Opened { ends, source, target, found: (found, there) } = opened;
        if self.give_up {
            return give_up(ends, found, there).await;
        }
        let id = match way(ends, found, there).await? {
            Way::Begin => begin(ends, found).await?,
            Way::GoOn { id } => id,
            Way::Done => {
                say(&format!("{} holds the office already: the copy was finished before.\n", ends.to))?;
                return self.tell_next(data, ends);
            }
        };
        if found.custody == Custody::InUse {
            check_file(ends).await?;
            let size = ends.copy_log().await?;
            if self.ahead {
                return tell_ahead(ends, size);
            }
            // From here on, no node that sees this folder starts on a database that lacks any of it.
            source.publish().await.with_context(|| format!("what {} holds cannot be published", ends.from))?;
            ends.close_source(&id).await?;
        }
        let equal = finish(ends, target, &id).await.with_context(|| {
            format!(
                "{from} is closed and the copy is not finished, so the office is served from nowhere. Mend this, and run the \
                 same command again; or take {from} into use again with --give-up",
                from = ends.from,
            )
        })?;
        tell(ends, &equal)?;
        self.tell_next(data, ends)
    }

    /// What an administrator does now.
    fn tell_next(&self, data: &DataDir, ends: &Ends) -> anyhow::Result<()> {
        let folder = data.root().display();
        let file = data.node_file();
        let mut text = match &self.to {
            DatabaseUrl::Sqlite(path) if *path == data.database() => {
                format!("Next, take the url under [database] out of {}, if it has one", file.display())
            }
            to => {
                let url = to.to_string();
                let password = if to.holds_password() { ", with its password and chmod 600" } else { "" };
                format!("Next, in {}, on every node{password}:\n\n  [database]\n  url = {url:?}\n", file.display())
            }
        };
        write!(
            text,
            "\nThen `milaf doctor --data {folder}`, `milaf serve --data {folder}`, and make a first backup of it.\n\
             To go back one day, with what has come until then: milaf copy --from {to} --to {from} --data {folder}",
            to = ends.to,
            from = ends.from,
        )?;
        say(&text)
    }
}

fn tell_ahead(ends: &Ends, size: u64) -> anyhow::Result<()> {
    say(&format!(
        "{size} entries of the log are in {to} now. The office stays in {from}, and {to} cannot be used yet.\n\n\
         Next: stop every server of the office, and run the same command without --ahead. It copies what has come since \
         and compares both.",
        to = ends.to,
        from = ends.from,
    ))
}

fn same(from: &DatabaseUrl, to: &DatabaseUrl) -> bool {
    match (from, to) {
        (DatabaseUrl::Sqlite(from), DatabaseUrl::Sqlite(to)) => match (from.canonicalize(), to.canonicalize()) {
            (Ok(from), Ok(to)) => from == to,
            _ => from == to,
        },
        _ => from == to,
    }
}

/// This program can work beside a newer one, but it would leave behind what only that one knows.
fn check_known(store: &dyn Portable, name: &str) -> anyhow::Result<()> {
    let schema = store.schema();
    if schema.now > schema.known {
        bail!(
            "{name} has schema {} of a newer program, and this one knows up to {}: copy with the newer program",
            schema.now,
            schema.known
        );
    }
    Ok(())
}

async fn look(store: &dyn Portable) -> Result<Found, StoreError> {
    Ok(Found {
        custody: store.custody().await?,
        identity: store.remainder().await?.identity().map(str::to_owned),
        head: store.head().await?,
    })
}

/// Decides what is left to do, and refuses whatever would lose or double a history.
async fn way(ends: &Ends, source: &Found, target: &Found) -> anyhow::Result<Way> {
    let Ends { from, to, .. } = ends;
    if target.identity.is_some() && target.identity != source.identity {
        bail!(
            "{to} belongs to another office, or to other keys of this one. Give an empty database; nothing has been changed"
        );
    }
    let way = match (&source.custody, &target.custody) {
        (Custody::InUse, Custody::InUse) if target.head.size > 0 => return Err(holds_data(to)),
        (Custody::InUse, Custody::InUse | Custody::Moved(_)) => Way::Begin,
        (Custody::InUse, Custody::Unfinished(mark)) => Way::GoOn { id: mark.id.clone() },
        (Custody::Moved(ours), Custody::Unfinished(theirs)) if ours.id == theirs.id => {
            Way::GoOn { id: ours.id.clone() }
        }
        (Custody::Moved(mark), Custody::InUse) if mark.other == *to && holds(ends, source).await? => {
            return Ok(Way::Done);
        }
        (Custody::Moved(ours), Custody::Unfinished(theirs)) if ours.other == *to && theirs.other == *from => {
            bail!("giving this copy up was interrupted. Finish that first, by the same command with --give-up")
        }
        (Custody::Moved(mark) | Custody::Unfinished(mark), _) => bail!(
            "the office has moved from {from} to {other}. Copy from there; nothing has been changed",
            other = mark.other
        ),
    };
    let before = ends.source.head_at(target.head.size).await.with_context(|| ends.cannot_read())?;
    if before.as_ref() != Some(&target.head) {
        bail!(
            "{to} holds another history than {from}: at {} entries their roots differ. Give an empty database; nothing has been \
             changed",
            target.head.size
        );
    }
    Ok(way)
}

fn holds_data(to: &str) -> anyhow::Error {
    anyhow::anyhow!("{to} holds an office's data already. Give an empty database; nothing has been changed")
}

/// Whether the target's log begins with everything that the source holds.
async fn holds(ends: &Ends, source: &Found) -> anyhow::Result<bool> {
    let there = ends.target.head_at(source.head.size).await.with_context(|| ends.cannot_write())?;
    Ok(source.head.size > 0 && there.as_ref() == Some(&source.head))
}

/// Marks the target, before anything else is written to it.
async fn begin(ends: &Ends, source: &Found) -> anyhow::Result<String> {
    let mut random = [0; 16];
    SystemEnvironment.fill(&mut random)?;
    let mark = Mark { id: hex::encode(random), other: ends.from.clone() };
    match ends.target.begin_copy(&mark, source.identity.as_deref().unwrap_or_default()).await {
        Ok(()) => Ok(mark.id),
        Err(StoreError::Inconsistent(_)) => Err(holds_data(&ends.to)),
        Err(error) => Err(error).with_context(|| ends.cannot_write()),
    }
}

/// A damaged file is found before the source is closed.
async fn check_file(ends: &Ends) -> anyhow::Result<()> {
    let bar = progress(0, "checking the source");
    let problems = ends.source.check_storage().await;
    bar.finish_and_clear();
    let problems = problems.with_context(|| ends.cannot_read())?;
    if !problems.is_empty() {
        bail!(
            "{} is damaged, and was not copied. Run `milaf doctor`, and restore the last sound backup first:\n  {}",
            ends.from,
            problems.join("\n  ")
        );
    }
    Ok(())
}

/// Everything after the source was closed. The target is taken into use last, and only if it is equal.
async fn finish(ends: &Ends, target: &Office, id: &str) -> anyhow::Result<Equal> {
    ends.copy_log().await?;
    let remainder = ends.copy_rest().await?;
    let equal = ends.compare(&remainder).await?;
    target.service.check_keys_and_history().await?;
    ends.target.finish_copy(id).await.with_context(|| ends.cannot_write())?;
    Ok(equal)
}

/// A source may be used again only when its target certainly is not: it is seen to be unfinished, or to be empty under the
/// address that the source remembers, for instance because its server was lost and made anew. The target takes another id
/// before, so that a copy which somebody still runs from another node cannot finish it afterwards.
async fn give_up(ends: &Ends, source: &Found, target: &Found) -> anyhow::Result<()> {
    let Ends { from, to, .. } = ends;
    let mark = match &source.custody {
        Custody::InUse => return say(&format!("{from} is in use; there is nothing to give up.")),
        Custody::Unfinished(mark) => bail!("{from} is itself an unfinished copy, of {}", mark.other),
        Custody::Moved(mark) => mark,
    };
    let is_free = match &target.custody {
        Custody::Unfinished(theirs) => theirs.id == mark.id || (mark.other == *to && theirs.other == *from),
        Custody::InUse => target.identity.is_none() && target.head.size == 0 && mark.other == *to,
        Custody::Moved(_) => false,
    };
    if !is_free {
        bail!(
            "{to} is not the unfinished copy of {from}, which has moved to {other}. If the office is in use there, it comes back \
             by `milaf copy --from {other} --to {from}`; nothing has been changed",
            other = mark.other,
        );
    }
    begin(ends, source).await?;
    ends.source.reopen_source(&mark.id).await.with_context(|| format!("{from} cannot be written"))?;
    say(&format!("{from} is in use again, and the copy is given up. A later one goes on with what {to} holds."))
}

fn tell(ends: &Ends, equal: &Equal) -> anyhow::Result<()> {
    let erased = match equal.erased {
        0 => String::new(),
        erased => format!(" {erased} of them have no content, there as here."),
    };
    say(&format!(
        "{to} holds the office now, and is equal to {from}: {size} entries, {dossiers} dossiers, root {root}.{erased} Everybody \
         signs in anew.\n{from} takes nothing any more.\n",
        to = ends.to,
        from = ends.from,
        size = equal.head.size,
        dossiers = equal.dossiers,
        root = hex::encode(equal.head.root),
    ))
}
