//! Carries out the planned lives through the real write path, each act at its own moment.
//!
//! The acts of one minute go together, as far as they concern different dossiers, so that one commit serves many. The log keeps
//! the order of time as nodes with clocks of their own would, which an audit of the office looks at, and references count up.

use std::{
    collections::BTreeSet,
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

use anyhow::{Context, anyhow};

use super::lives::{Act, Deed, plan};
use crate::{
    cli::{open::Office, terminal::progress},
    dossier::Reference,
    service::{Actor, CLOCK_TOLERANCE},
};

/// More would not make commits any fewer.
const AT_ONCE: usize = 128;

/// Where a dossier stands: its reference and version.
type Standing = Option<(Reference, u32)>;

pub(super) async fn fill(office: &Office, dossiers: usize) -> anyhow::Result<()> {
    let acts = plan(office.service.issuer(), office.service.now(), dossiers);
    let bar = progress(acts.len() as u64, "ninety days pass");
    let mut standings: Vec<Standing> = vec![None; dossiers];
    let mut rest = acts.as_slice();
    while !rest.is_empty() {
        let (wave, later) = rest.split_at(wave_length(rest));
        let acting = wave.iter().map(|act| act_once(office, act, standings[act.dossier].clone()));
        for (act, outcome) in wave.iter().zip(all_in_order(acting).await) {
            let standing =
                outcome.with_context(|| format!("dossier {} of the demonstration, on {}", act.dossier, act.on))?;
            standings[act.dossier] = Some(standing);
        }
        bar.inc(wave.len() as u64);
        rest = later;
    }
    bar.finish_and_clear();
    Ok(())
}

/// The acts from the first on that fall within less than the time by which clocks may differ, and concern different dossiers.
fn wave_length(acts: &[Act]) -> usize {
    let mut seen = BTreeSet::new();
    let together = |act: &&Act| act.at.duration_since(acts[0].at) < CLOCK_TOLERANCE && seen.insert(act.dossier);
    acts.iter().take(AT_ONCE).take_while(together).count()
}

async fn act_once(office: &Office, act: &Act, standing: Standing) -> anyhow::Result<(Reference, u32)> {
    let service = office.service_at(act.at);
    let actor = Actor::new(act.actor);
    if let Deed::Register(raw) = &act.deed {
        let registered = service.register(&actor, raw, None).await?;
        // The registration and the receipt.
        return Ok((registered.reference, 2));
    }
    let (reference, version) = standing.ok_or_else(|| anyhow!("it is not registered"))?;
    let view = match &act.deed {
        Deed::Command(command) => service.execute(&actor, &reference, version, command, None).await?,
        Deed::Replace(reason) => service.replace_receipt(&actor, &reference, version, reason.clone(), None).await?,
        Deed::Reprint | Deed::Register(_) => service.reprint(&actor, &reference, version).await?,
    };
    Ok((reference, view.dossier.version))
}

/// Runs all at once on this task, beginning them in order: registrations then take their numbers in the order of time.
async fn all_in_order<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut running: Vec<Pin<Box<_>>> = futures.map(Box::pin).collect();
    let mut outcomes: Vec<Option<T>> = running.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, outcome) in running.iter_mut().zip(&mut outcomes) {
            if outcome.is_none()
                && let Poll::Ready(value) = future.as_mut().poll(context)
            {
                *outcome = Some(value);
            }
        }
        if outcomes.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outcomes.into_iter().flatten().collect()
}
