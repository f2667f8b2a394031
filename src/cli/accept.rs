//! Going on with a database that is older than what was published: what `milaf restore` does beside putting a file in place.
//!
//! A database in one file is judged and changed before it takes its place. One on a PostgreSQL server was put there by
//! PostgreSQL's own tools, and all that is left to do is to accept it, once for the office and then in the folder of each
//! node. While it is accepted nobody else may use the database; the lock of the folder says nothing about other machines, so
//! the database itself is asked.

use std::{fs, io, path::Path};

use anyhow::{Context, bail};

use super::{
    UsageError,
    lock::FolderLock,
    loss::{explain, tell_numbers},
    open::{Office, Others, Papers, load_issuer},
    place::Place,
    terminal::say,
    whole::whole,
};
use crate::{
    config::DataDir,
    dossier::Paragraph,
    service::{Actor, Difference, Loss, Standing},
    store::NumberSeries,
};

/// What an administrator says about a rollback.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acceptance<'a> {
    pub(super) reason: &'a Paragraph,
    pub(super) skip_numbers: Option<u32>,
}

impl Acceptance<'_> {
    /// Writes into an older database that it is accepted. `known` are numbers known to be given, up to what was published if
    /// they are `all_known`.
    pub(super) async fn write(
        self,
        office: &Office,
        loss: &Loss,
        known: &[NumberSeries],
        all_known: bool,
    ) -> anyhow::Result<Vec<NumberSeries>> {
        let Some(skip) = loss.numbers_to_skip(all_known).max(self.skip_numbers) else {
            return Err(UsageError(
                "nobody can tell how much is lost, and numbers that lost papers carry must not be given again. Say with \
                 --skip-numbers COUNT how many dossiers of one procedure can have been registered since, rather too many than \
                 too few"
                    .to_owned(),
            )
            .into());
        };
        let actor = Actor::new("cli");
        Ok(office.service.accept_rollback(&actor, loss, self.reason, skip, known).await?)
    }

    /// Goes on with the database that is in its place, older as it is.
    pub(super) async fn go_on(self, place: &Place, office: Office, loss: &Loss) -> anyhow::Result<()> {
        whole(&office).await.context("the database cannot be gone on with")?;
        let numbers = self.write(&office, loss, &[], false).await?;
        finish(place, office, Some(&loss.next_log)).await?;
        tell_rollback(&place.data, loss, None, &numbers)
    }

    /// Goes on with a database on a server, or brings this node along after another has done so.
    pub(super) async fn on_server(self, place: &Place) -> anyhow::Result<()> {
        let _alone = FolderLock::alone(&place.data)?;
        let office = open(place, Others::Allowed).await?;
        match standing(&office).await? {
            Standing::Unfinished { log } => {
                finish(place, office, Some(&log)).await?;
                tell_finished(&log)
            }
            Standing::Whole => {
                office.close().await;
                tell_nothing()
            }
            Standing::Older(_) => {
                office.close().await;
                let office = open(place, Others::Excluded).await?;
                // Whoever used it until now may have changed it.
                match standing(&office).await? {
                    Standing::Older(loss) => self.go_on(place, office, &loss).await,
                    _ => bail!("the database has just been changed by another node. Run the command again"),
                }
            }
        }
    }
}

async fn open(place: &Place, others: Others) -> anyhow::Result<Office> {
    let papers = Papers::load(&place.data, load_issuer(&place.data, None)?)?;
    Office::within_lock(place, papers, others).await
}

async fn standing(office: &Office) -> anyhow::Result<Standing> {
    // An end of a copy is not gone on with: the office is elsewhere.
    office.store.custody().await?.check_in_use()?;
    let standing = office.service.standing().await?;
    if let Standing::Unfinished { .. } = standing
        && let Some(loss) = office.service.untold_loss().await?
    {
        return Ok(Standing::Older(loss));
    }
    Ok(standing)
}

/// Gives the log its new name, if it has one, keeps the checkpoint of the log that has ended, and publishes. Each step can be
/// repeated, and there is always a checkpoint outside the database: the old one stays until the new log's takes its place.
pub(super) async fn finish(place: &Place, before: Office, log: Option<&str>) -> anyhow::Result<()> {
    let data = &place.data;
    if let Some(log) = log
        && before.service.keys().origin() != log
    {
        if let Some(size) = before.service.published_size()? {
            keep_lost_checkpoint(data, size)?;
        }
        data.rename_log(log).with_context(|| format!("{} cannot be written", data.log_name().display()))?;
    }
    before.close().await;
    // From here on the database is bound to the name in this folder, and other nodes may do what they like.
    let office = open(place, Others::Allowed).await?;
    let published = async {
        office.service.publish_in_place_of_the_ended_log().await?;
        office.check_start().await
    };
    let outcome = published.await;
    office.close().await;
    Ok(outcome?)
}

/// For good before the name changes, and only once, however often this is begun anew.
fn keep_lost_checkpoint(data: &DataDir, size: u64) -> anyhow::Result<()> {
    let lost = data.lost_checkpoint(size);
    let same = |path: &Path| fs::read(path).is_ok_and(|kept| fs::read(data.checkpoint()).is_ok_and(|now| now == kept));
    let others = fs::read_dir(data.root()).with_context(|| format!("{} cannot be read", data.root().display()))?;
    let prefix = format!("checkpoint-lost-{size}");
    let kept = others
        .flatten()
        .any(|other| other.file_name().to_str().is_some_and(|name| name.starts_with(&prefix)) && same(&other.path()));
    if kept {
        return Ok(());
    }
    let link = || -> io::Result<()> {
        fs::hard_link(data.checkpoint(), &lost)?;
        fs::File::open(data.root())?.sync_all()
    };
    link().with_context(|| format!("{} cannot be written", lost.display()))
}

pub(super) fn tell_finished(log: &str) -> anyhow::Result<()> {
    say(&format!("The rollback that was interrupted is finished: the log goes on as {log}."))
}

pub(super) fn tell_nothing() -> anyhow::Result<()> {
    say("Nothing is to be accepted: the database holds everything that was published.")
}

pub(super) fn tell_rollback(
    data: &DataDir,
    loss: &Loss,
    difference: Option<&Difference>,
    numbers: &[NumberSeries],
) -> anyhow::Result<()> {
    say(&format!(
        "\nA rollback was accepted. {lost}\nThe public log goes on as {log}; tell whoever watches it. Its name lies in {name}: \
         keep a copy of it with the keys.\n{numbers}",
        lost = explain(loss, difference, &data.checkpoint(), false),
        log = loss.next_log,
        name = data.log_name().display(),
        numbers = tell_numbers(numbers),
    ))
}
