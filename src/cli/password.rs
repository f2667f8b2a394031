//! How a password comes in: asked for twice on a terminal, read as one line from a pipe, or drawn at random.
//!
//! Never as an argument: other users of the machine can read a process's arguments.

use std::io::{BufRead, IsTerminal};

use anyhow::{Context, bail};
use zeroize::Zeroizing;

use crate::clock::{Environment, NoRandomness, SystemEnvironment};

/// The password for an account, from the terminal or else from the first line of stdin.
pub(super) fn ask(account: &str) -> anyhow::Result<Zeroizing<String>> {
    if !std::io::stdin().is_terminal() {
        let mut line = Zeroizing::new(String::new());
        std::io::stdin().lock().read_line(&mut line).context("the password cannot be read from stdin")?;
        let password = line.strip_suffix('\n').unwrap_or(&line);
        let password = Zeroizing::new(password.strip_suffix('\r').unwrap_or(password).to_owned());
        if password.is_empty() {
            bail!("no password came on stdin. Pipe it in as one line, or use --generate");
        }
        return Ok(password);
    }
    let prompt =
        |text: String| rpassword::prompt_password(text).map(Zeroizing::new).context("the terminal gave no password");
    let first = prompt(format!("Password for {account} (at least 12 characters): "))?;
    let second = prompt("The same again: ".to_owned())?;
    if first != second {
        bail!("the two passwords differ. Try again");
    }
    Ok(first)
}

/// Sixteen letters and digits in groups, without those that are taken for one another: 80 bits.
pub(super) fn generate() -> Result<Zeroizing<String>, NoRandomness> {
    let mut bytes = Zeroizing::new([0; 10]);
    SystemEnvironment.fill(&mut bytes[..])?;
    let letters = Zeroizing::new(crate::receipt::base32::encode(&bytes[..]).to_lowercase());
    let mut password = Zeroizing::new(String::with_capacity(letters.len() + 3));
    for (place, letter) in letters.chars().enumerate() {
        if place > 0 && place % 4 == 0 {
            password.push('-');
        }
        password.push(letter);
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_password_is_long_enough_and_never_the_same() {
        let (first, second) = (generate().unwrap(), generate().unwrap());
        assert_ne!(*first, *second);
        assert_eq!(first.len(), 19);
        assert!(first.chars().all(|c| c == '-' || c.is_ascii_digit() || c.is_ascii_lowercase()));
    }
}
