//! The program: reads the command line, runs one command, and turns what came of it into an exit code.
//!
//! 0 is success, 1 a failure, 2 a command line that has to be written otherwise. A reader that closes the pipe early, as
//! `head` does, is no failure. Nobody is ever shown a backtrace: a message says what is wrong and what to do.

use std::{io::Write, process::ExitCode};

use clap::Parser;
use milaf::cli::{Cli, exit_code, message, misuse};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to stdout and a mistake to stderr; if either is closed there is nobody to tell.
            let _ = error.print();
            return if error.use_stderr() { misuse() } else { ExitCode::SUCCESS };
        }
    };
    match cli.run() {
        Ok(code) => code,
        Err(error) => {
            if let Some(message) = message(&error) {
                let _ = writeln!(std::io::stderr(), "milaf: {message}");
            }
            exit_code(&error)
        }
    }
}
