//! The inputs of the command line, one after the other: lines as they come, folders walked in the order of their names, and
//! nothing held but where one is.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Stdin},
    path::{Path, PathBuf},
    vec,
};

use crate::cli::log::is_address;

/// A longer line is no receipt's; the rest of it is passed over.
const LONGEST_LINE: u64 = 8192;

/// One thing to verify, and what to call it. The name never holds the address itself.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) name: String,
    pub(super) what: What,
}

pub(super) enum What {
    Text(String),
    File(PathBuf),
    /// A folder, or the standard input, that cannot be read on.
    Unreadable(String),
}

impl std::fmt::Debug for What {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(_) => formatter.write_str("Text([redacted])"),
            Self::File(path) => write!(formatter, "File({})", path.display()),
            Self::Unreadable(why) => write!(formatter, "Unreadable({why})"),
        }
    }
}

/// Every input, in order.
pub(super) struct Inputs {
    arguments: vec::IntoIter<(usize, String)>,
    folders: Vec<vec::IntoIter<PathBuf>>,
    lines: Option<(BufReader<Stdin>, u64)>,
}

impl Inputs {
    pub(super) fn new(arguments: &[String]) -> Self {
        let arguments: Vec<(usize, String)> = (1..).zip(arguments.iter().cloned()).collect();
        Self { arguments: arguments.into_iter(), folders: Vec::new(), lines: None }
    }

    /// How many there are, for a progress bar; lines of the standard input are not known before they come.
    pub(super) fn expected(&self) -> u64 {
        let files = |path: &Path| Walk::into(path).count() as u64;
        let arguments = self.arguments.as_slice().iter();
        arguments.map(|(_, text)| if Path::new(text).is_dir() { files(Path::new(text)) } else { 1 }).sum()
    }

    fn next_line(&mut self) -> Option<Input> {
        let (reader, number) = self.lines.as_mut()?;
        loop {
            let mut line = Vec::new();
            let read = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
            *number += 1;
            let name = format!("line {number}");
            match read {
                Ok(0) => {
                    self.lines = None;
                    return None;
                }
                Ok(_) => {
                    if !line.ends_with(b"\n") && line.len() as u64 == LONGEST_LINE {
                        // What is left of the line is read past, a piece at a time.
                        let mut rest = Vec::new();
                        while reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut rest).is_ok_and(|read| read > 0)
                            && !rest.ends_with(b"\n")
                        {
                            rest.clear();
                        }
                    }
                    let text = String::from_utf8_lossy(&line).trim().to_owned();
                    if !text.is_empty() {
                        return Some(Input { name, what: What::Text(text) });
                    }
                }
                Err(error) => {
                    self.lines = None;
                    return Some(Input { name, what: What::Unreadable(error.to_string()) });
                }
            }
        }
    }

    fn next_file(&mut self) -> Option<Input> {
        while let Some(entries) = self.folders.last_mut() {
            match entries.next() {
                None => {
                    self.folders.pop();
                }
                Some(path) if is_folder(&path) => match entries_of(&path) {
                    Ok(entries) => self.folders.push(entries),
                    Err(error) => {
                        let what = What::Unreadable(error.to_string());
                        return Some(Input { name: path.display().to_string(), what });
                    }
                },
                Some(path) => return Some(Input { name: path.display().to_string(), what: What::File(path) }),
            }
        }
        None
    }
}

impl Iterator for Inputs {
    type Item = Input;

    fn next(&mut self) -> Option<Input> {
        loop {
            if let Some(input) = self.next_line().or_else(|| self.next_file()) {
                return Some(input);
            }
            let (number, text) = self.arguments.next()?;
            if text == "-" {
                self.lines = Some((BufReader::new(std::io::stdin()), 0));
                continue;
            }
            let path = PathBuf::from(&text);
            if is_address(&text) || (!path.exists() && !text.contains(['/', '.', '\\'])) {
                // An address opens a receipt's page, so it is called by its place.
                return Some(Input { name: format!("argument {number}"), what: What::Text(text) });
            }
            if path.is_dir() {
                self.folders.push(vec![path].into_iter());
                continue;
            }
            return Some(Input { name: text, what: What::File(path) });
        }
    }
}

/// The paths below a folder, for counting.
struct Walk(Vec<vec::IntoIter<PathBuf>>);

impl Walk {
    fn into(path: &Path) -> Self {
        Self(entries_of(path).into_iter().collect())
    }
}

impl Iterator for Walk {
    type Item = PathBuf;

    fn next(&mut self) -> Option<PathBuf> {
        loop {
            match self.0.last_mut()?.next() {
                None => {
                    self.0.pop();
                }
                Some(path) if is_folder(&path) => self.0.extend(entries_of(&path)),
                Some(path) => return Some(path),
            }
        }
    }
}

/// A folder itself; a link to one could lead in a circle.
fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// What lies in a folder, by name; hidden files are the system's and not receipts.
fn entries_of(path: &Path) -> std::io::Result<vec::IntoIter<PathBuf>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(path)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().is_some_and(|name| !name.as_encoded_bytes().starts_with(b".")))
        .collect();
    paths.sort_unstable();
    Ok(paths.into_iter())
}
