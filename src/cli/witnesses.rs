//! The witnesses of this office's log: the policy that names them, asking them over HTTP, and what a doctor says of them.
//!
//! A request to a witness runs on a thread of its own, because a hostile one may hold it for as long as it is allowed to, and
//! nothing else must wait for it, not even the end of the program. One connection per witness is kept. A redirect is not
//! followed: the policy names who is asked.

use std::{fs, io, path::PathBuf, sync::Arc, thread, time::Duration};

use anyhow::{Context, bail};
use jiff::SignedDuration;
use tokio::sync::oneshot;
use ureq::Agent;

use super::{doctor::Findings, open::Office, place::Place};
use crate::{
    service::{AskWitness, Service, WitnessReply},
    tlog::Policy,
};

/// From the look-up of the name to the last byte of the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Larger answers are not read; a cosignature has some hundred bytes.
const LARGEST_ANSWER: u64 = 16 * 1024;
/// A cosignature that is older is worth a warning.
const STALE: SignedDuration = SignedDuration::from_hours(24);

fn policy_file(place: &Place) -> PathBuf {
    place.settings.serve.policy.clone().unwrap_or_else(|| place.data.policy())
}

/// The policy, if there is one: that in the data folder may be absent, one that node.toml names may not.
pub(super) fn policy(place: &Place) -> anyhow::Result<Option<Policy>> {
    let file = policy_file(place);
    let bytes = match fs::read(&file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound && place.settings.serve.policy.is_none() => {
            return Ok(None);
        }
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", file.display())),
    };
    let policy = Policy::parse(&bytes).with_context(|| format!("the policy {} is wrong", file.display()))?;
    for witness in policy.witnesses() {
        if let Some(url) =
            witness.url.as_deref().filter(|url| !url.starts_with("https://") && !url.starts_with("http://"))
        {
            bail!(
                "the policy {}: the address {url} of {} must begin with https:// or http://",
                file.display(),
                witness.name
            );
        }
    }
    Ok(Some(policy))
}

fn check_log(service: &Service, policy: &Policy) -> anyhow::Result<()> {
    if service.is_named_by(policy) {
        return Ok(());
    }
    bail!("the policy names other logs and not this one. Add the line\nlog {}", service.log_vkey())
}

/// For a node that is about to serve: what is wrong with the policy must not keep citizens from their pages.
pub(super) fn policy_to_serve(place: &Place, service: &Service) -> Option<Policy> {
    let checked = policy(place).and_then(|policy| {
        policy.as_ref().map_or(Ok(()), |policy| check_log(service, policy))?;
        Ok(policy)
    });
    match checked {
        Ok(policy) => policy,
        Err(error) => {
            tracing::error!("no witness is asked: {}", super::message(&error).unwrap_or_default());
            None
        }
    }
}

/// Until the node ends.
pub(super) async fn ask_them(service: Arc<Service>, policy: Policy) {
    if let Err(error) = service.use_policy(Arc::new(policy)).await {
        tracing::error!(%error, "no witness is asked, because what they have cosigned cannot be read");
        return;
    }
    service.ask_witnesses(over_http()).await;
}

/// Submits over HTTP, as C2SP's tlog-witness says.
fn over_http() -> AskWitness {
    let config = Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .max_redirects(0)
        .http_status_as_error(false)
        .user_agent(concat!("milaf/", env!("CARGO_PKG_VERSION")));
    let agent = Agent::new_with_config(config.build());
    Arc::new(move |url, body| {
        let agent = agent.clone();
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            let ask = move || {
                // Nobody may wait for it any more.
                let _ = answer.send(submit(&agent, &url, &body));
            };
            thread::Builder::new()
                .name("witness".to_owned())
                .spawn(ask)
                .map_err(|error| format!("no thread can be started: {error}"))?;
            answered.await.unwrap_or_else(|_| Err("the thread that asked it ended".to_owned()))
        })
    })
}

fn submit(agent: &Agent, url: &str, body: &str) -> Result<WitnessReply, String> {
    let address = format!("{}/add-checkpoint", url.trim_end_matches('/'));
    let sent = agent.post(&address).header("Content-Type", "text/plain; charset=utf-8").send(body);
    let mut response = sent.map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let is_size = response.headers().get("content-type").is_some_and(|kind| kind == "text/x.tlog.size");
    let read =
        response.body_mut().with_config().limit(LARGEST_ANSWER).read_to_vec().map_err(|error| error.to_string())?;
    let text = String::from_utf8(read).map_err(|_| format!("it answered {status} with something that is no text"))?;
    match status {
        200 => Ok(WitnessReply::Lines(text)),
        409 if is_size => {
            let digits = text.trim_end_matches('\n');
            digits.parse().map(WitnessReply::LastSize).map_err(|_| "it answered 409 without a size".to_owned())
        }
        409 => Err("it answered 409 without a size".to_owned()),
        422 => Ok(WitnessReply::Inconsistent),
        403 => Ok(WitnessReply::Refused(
            "it does not trust our log's key. Tell its operator the log's verifier key".to_owned(),
        )),
        404 => {
            Ok(WitnessReply::Refused("it does not know our log. Tell its operator the log's verifier key".to_owned()))
        }
        _ => Ok(WitnessReply::Refused(format!("it answered {status}"))),
    }
}

/// Who witnesses this log, and whether they do.
pub(super) async fn look_at_witnesses(office: &Office, place: &Place, findings: &mut Findings) -> anyhow::Result<()> {
    let service = &office.service;
    let policy = match policy(place) {
        Ok(Some(policy)) => policy,
        Ok(None) => return findings.ok("witnesses: none; nobody outside has cosigned this log. See examples/policy"),
        Err(error) => return findings.fail(&format!("witnesses: {}", super::message(&error).unwrap_or_default())),
    };
    if let Err(error) = check_log(service, &policy) {
        return findings.fail(&format!("witnesses: {error}"));
    }
    let now = service.now();
    for report in service.witness_reports(&policy).await? {
        let name = &report.name;
        let asked = report.url.map_or_else(|| "not asked from here".to_owned(), |url| format!("asked at {url}"));
        match report.last {
            None => findings.warn(&format!("witness {name}: has not cosigned yet, {asked}"))?,
            Some((size, at)) => {
                let age = now.duration_since(at);
                let line = format!("witness {name}: cosigned {size} entries at {at}, {}, {asked}", words(age));
                if age > STALE { findings.warn(&line)? } else { findings.ok(&line)? }
            }
        }
    }
    let size = service.newest_checkpoint().await?.map_or(0, |newest| newest.checkpoint.size);
    match service.newest_witnessed(&policy).await? {
        _ if !policy.asks_for_witnesses() => findings.ok("quorum: the policy asks for no cosignature"),
        Some((met, at)) => {
            let met = met.checkpoint.size;
            findings.ok(&format!("quorum: met at {met} of {size} published entries, {} ago", words(now.duration_since(at))))
        }
        None => findings.warn(
            "quorum: not met by any recent checkpoint, so whoever verifies by this policy accepts none of them. Look at the \
             witnesses above",
        ),
    }
}

fn words(age: SignedDuration) -> String {
    match age.as_secs() {
        seconds @ ..120 => format!("{} seconds", seconds.max(0)),
        seconds @ 120..7_200 => format!("{} minutes", seconds / 60),
        seconds => format!("{} hours", seconds / 3_600),
    }
}
