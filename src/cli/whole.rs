//! Whether a database that was copied is whole: its file and its log, recomputed from the records.

use anyhow::{Context, bail};

use super::{open::Office, terminal::progress};
use crate::service::LogReport;

/// How many problems are shown.
const SHOWN: usize = 20;

/// Looks a database over, with a bar. An error says what is wrong with it.
pub(super) async fn whole(office: &Office) -> anyhow::Result<LogReport> {
    let bar = progress(0, "checking the file");
    let problems = office.store.check_storage().await;
    bar.finish_and_clear();
    let problems = problems.context("its file cannot be checked")?;
    if !problems.is_empty() {
        bail!("its file is damaged:\n  {}", problems.join("\n  "));
    }
    let bar = progress(0, "recomputing the log");
    let report = office
        .service
        .inspect_log(&mut |done, all| {
            bar.set_length(all);
            bar.set_position(done);
        })
        .await;
    bar.finish_and_clear();
    let report = report.context("its log cannot be recomputed")?;
    if !report.problems.is_empty() {
        let shown = &report.problems[..report.problems.len().min(SHOWN)];
        bail!("its records do not give its log:\n  {}", shown.join("\n  "));
    }
    Ok(report)
}
