//! Errors of the configuration, each with the file, the line, what is wrong and what to do.
//!
//! An administrator reads these, so a position matters more than a type: every reader keeps the text it came from and turns
//! a byte range into a line. One variant per mistake was rejected, because nobody but a person ever tells them apart.

use std::{io, ops::Range, path::PathBuf};

use serde::de::DeserializeOwned;

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{}: cannot be read or written: {cause}. {advice}", file.display())]
    File { file: PathBuf, cause: io::Error, advice: &'static str },
    #[error("{}, line {line}: {problem}", file.display())]
    Invalid { file: PathBuf, line: usize, problem: String },
    /// A value that was given on the command line or in the environment.
    #[error("{0}")]
    Argument(String),
}

/// A file's text together with its name, so that a mistake in it can be pointed at.
pub(super) struct Source<'a> {
    pub(super) file: PathBuf,
    pub(super) text: &'a str,
}

impl Source<'_> {
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        toml::from_str(self.text).map_err(|error| {
            let message = error.message().trim_end().replace('\n', "; ");
            let advice = if message.starts_with("unknown field") {
                ". Correct the spelling, or remove it"
            } else if message.starts_with("missing field") {
                ". Add it"
            } else if message.starts_with("duplicate") {
                ". Keep only one of them"
            } else {
                ""
            };
            self.error(&error.span().unwrap_or_default(), format!("{message}{advice}"))
        })
    }

    pub(super) fn error(&self, span: &Range<usize>, problem: impl Into<String>) -> ConfigError {
        let before = self.text.as_bytes().get(..span.start).unwrap_or(self.text.as_bytes());
        let line = 1 + before.split(|&byte| byte == b'\n').count().saturating_sub(1);
        ConfigError::Invalid { file: self.file.clone(), line, problem: problem.into() }
    }
}
