//! Printing for people: lines on stdout that end quietly when the reader goes away, and progress on a terminal.
//!
//! `println!` was rejected, because it panics when the output is a closed pipe.

use std::{io::Write, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

/// Prints a line, or several, on stdout.
///
/// # Errors
/// When stdout does not take it; a closed pipe then ends the program quietly.
pub(super) fn say(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()?;
    Ok(())
}

/// A bar on stderr, hidden when that is no terminal.
pub(super) fn progress(length: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(length).with_message(what);
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
