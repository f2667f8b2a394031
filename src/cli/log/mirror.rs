//! `milaf log mirror`: a copy of the public log in a folder, proven as it comes and never shrinking.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, bail};
use clap::Args;

use super::{
    folder::Folder,
    mirroring::{Growth, Tree, fetch, growth},
    trust::{Trust, TrustArguments, of_mirror},
    web::Web,
};
use crate::{
    audit::{SourceError, TileSource},
    cli::terminal::{progress, say},
    tlog::Checkpoint,
};

/// How many files are asked for at once: quick enough, and no burden on a small server.
const AT_ONCE: usize = 6;

/// Copy an office's public log into a folder, checking everything
#[derive(Debug, Args)]
#[command(
    long_about = "Copies an office's public log into a folder and keeps the copy growing: run it every day, or every hour. Each \
        file is checked against the signed checkpoint before it is kept, and each checkpoint against the one before it. It goes \
        on where it was when it was interrupted, and fetches only what is new.\n\nThe folder has the layout of the site \
        (C2SP tlog-tiles), so any web server can serve it, and every checkpoint ever seen stays in checkpoints/. When the site \
        shows a checkpoint that contradicts an earlier one, both are kept in evidence/, nothing else changes, and the command \
        fails: two such notes, signed by the office's own key, prove to anybody that history was rewritten.\n\nWithout --key, \
        the key is taken from the site at the first run and remembered in the file vkey. Compare it with a printed one. \
        What the log says stays hidden: it holds commitments, and no name, number or date.",
    after_help = "Examples:\n  milaf log mirror https://suivi.example.ma --to /srv/mirror\n  \
        milaf log mirror https://suivi.example.ma --to /srv/mirror --keys keys.json\n\n\
        Exit codes: 0 the mirror is as new as the site, 1 failed, or the site contradicts itself, 2 the command line has to be \
        written otherwise."
)]
pub(super) struct Mirror {
    /// The office's public address, or that of its log
    #[arg(value_name = "URL")]
    address: String,
    /// The folder of the mirror; made when it is not there
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    #[command(flatten)]
    trust: TrustArguments,
}

impl Mirror {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let web = Web::new(&self.address)?;
        let folder = Folder::new(&self.to);
        let _alone = folder.alone()?;
        let trust = of_mirror(&self.trust, &folder, &web)?;
        let threads =
            rayon::ThreadPoolBuilder::new().num_threads(AT_ONCE).build().context("no threads to work with")?;
        threads.install(|| mirror(&web, &folder, &trust))
    }
}

fn mirror(web: &dyn TileSource, folder: &Folder, trust: &Trust) -> anyhow::Result<ExitCode> {
    let note = web.checkpoint().context("the checkpoint cannot be had")?;
    let head = trust.head(&note).map_err(|why| {
        anyhow::anyhow!(
            "the site's checkpoint is not signed by a key that this mirror trusts: {why}. If the office has announced a new \
             key, give it with --key"
        )
    })?;
    let kept = kept(folder, trust)?;
    if let Some((old, old_note)) = &kept {
        if old.size == head.size && old.root != head.root {
            return forked(folder, (old.size, old_note), (head.size, &note));
        }
        if *old == head {
            folder.put_checkpoint(head.size, &note)?;
            say(&format!("Nothing new: {} entries, root {}", head.size, hex::encode(head.root)))?;
            return Ok(ExitCode::SUCCESS);
        }
        // The tree of the larger one judges both.
        let tree = if old.size > head.size { Tree::new(folder, old)? } else { Tree::new(web, &head)? };
        match growth(&tree, old, &head)? {
            Growth::Grown => {}
            Growth::Older => bail!(
                "the site shows a checkpoint of {} entries, and showed one of {} before. Nothing was changed. One of several \
                 servers may be behind: try again; if it stays so, entries were taken away, and this mirror still has them",
                head.size,
                old.size
            ),
            Growth::Forked => return forked(folder, (old.size, old_note), (head.size, &note)),
        }
    }
    let from = kept.as_ref().map_or(0, |(old, _)| old.size);
    let bar = progress(0, "copying the log");
    let outcome = Tree::new(web, &head).and_then(|tree| fetch(&tree, folder, from, &bar));
    bar.finish_and_clear();
    outcome?;
    folder.put_checkpoint(head.size, &note)?;
    folder.remove_partial(from, head.size);
    say(&format!("{} new entries, {} in all, root {}", head.size - from, head.size, hex::encode(head.root)))?;
    Ok(ExitCode::SUCCESS)
}

/// The head that the mirror stands at, verified like any other.
fn kept(folder: &Folder, trust: &Trust) -> anyhow::Result<Option<(Checkpoint, String)>> {
    let note = match folder.checkpoint() {
        Ok(note) => note,
        // A first run that was cut off, or a newest head that was kept and not yet named.
        Err(SourceError::Missing) => match folder.earlier()?.pop() {
            Some((_, note)) => note,
            None => return Ok(None),
        },
        Err(error) => bail!("{}: the mirror's checkpoint cannot be read: {error}", folder.path().display()),
    };
    let head = trust.head(&note).map_err(|why| {
        anyhow::anyhow!(
            "the mirror's own checkpoint is not signed by a key that it trusts: {why}. `milaf log audit {}` looks it over",
            folder.path().display()
        )
    })?;
    Ok(Some((head, note)))
}

fn forked(folder: &Folder, ours: (u64, &str), theirs: (u64, &str)) -> anyhow::Result<ExitCode> {
    let place = folder.put_evidence(ours, theirs)?;
    bail!(
        "THE LOG HAS TWO HISTORIES: the checkpoint of {} entries that the site shows contradicts the one of {} entries that it \
         showed before, and both are signed with its key. Both notes are kept in {}: they prove it to anybody. Nothing else was \
         changed; keep this folder as it is",
        theirs.0,
        ours.0,
        place.display()
    )
}
