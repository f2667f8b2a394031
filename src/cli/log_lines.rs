//! The program's own log, on stderr: how much of it, and in which form.

use std::{
    env,
    io::{IsTerminal, stderr},
    panic,
    str::FromStr,
};

use tracing::level_filters::LevelFilter;

use super::UsageError;

/// How much is told: `error`, `warn`, `info`, `debug` or `trace`.
const LEVEL_VARIABLE: &str = "MILAF_LOG";
/// `text` for people, or `json` for programs: one object a line.
const FORMAT_VARIABLE: &str = "MILAF_LOG_FORMAT";

/// Log lines go to stderr, because stdout is for what a command answers.
pub(super) fn start_log(default: LevelFilter) -> anyhow::Result<()> {
    let level = match variable(LEVEL_VARIABLE)? {
        Some(text) => LevelFilter::from_str(&text)
            .map_err(|_| UsageError(format!("{LEVEL_VARIABLE} is error, warn, info, debug or trace, not `{text}`")))?,
        None => default,
    };
    let json = match variable(FORMAT_VARIABLE)?.as_deref() {
        None | Some("text") => false,
        Some("json") => true,
        Some(text) => return Err(UsageError(format!("{FORMAT_VARIABLE} is text or json, not `{text}`")).into()),
    };
    let lines = tracing_subscriber::fmt().with_max_level(level).with_writer(stderr);
    // A second start in one process, as tests do it, leaves the first in place.
    let _ = if json {
        lines.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    } else {
        // Colours are for a terminal; in a journal they are noise.
        lines.with_ansi(stderr().is_terminal()).try_init()
    };
    // A panic becomes a line like the others, in their form and under the name of the request that it ended.
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked: {}", panic.payload_as_str().unwrap_or("without words"));
    }));
    Ok(())
}

fn variable(name: &str) -> anyhow::Result<Option<String>> {
    match env::var(name) {
        Ok(text) if text.is_empty() => Ok(None),
        Ok(text) => Ok(Some(text)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(UsageError(format!("{name} is not text")).into()),
    }
}
