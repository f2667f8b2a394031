//! Policies, C2SP's tlog-policy: whose signatures and how many cosignatures make a checkpoint good.
//!
//! <https://c2sp.org/tlog-policy>. One text file names logs, witnesses, groups of witnesses and the
//! quorum; the service, its witnesses' operators and everybody who verifies use the same file. It is
//! read strictly and refused with the line's number, because a policy half understood is a policy
//! that accepts too much. Names are octets, compared as such. A format of our own in the issuer's
//! file was rejected: other people's tools read this one.

use std::collections::BTreeMap;

use thiserror::Error;

use super::checkpoint::Checkpoint;
use super::cosignature::CosignatureVerifier;
use super::note::{NoteError, NoteParts, NoteVerifier};

/// More logs, witnesses or groups than this are refused; the specification asks for at least 32.
const MOST_OF_A_KIND: usize = 256;
/// Larger files are not looked at.
const LARGEST_FILE: usize = 1_000_000;

/// Why a policy file is refused, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {reason}")]
pub struct PolicyError {
    pub line: usize,
    pub reason: PolicyFault,
}

/// What is wrong with a line of a policy file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PolicyFault {
    #[error("the file is larger than a megabyte")]
    TooLarge,
    #[error("only tabs, newlines and printable characters are allowed; Windows line ends are not")]
    Character,
    #[error("the last line has no newline at its end, so the file may have been cut off")]
    CutOff,
    #[error("a line begins with log, witness, group or quorum, or with # for a comment")]
    Keyword,
    #[error("this is not `log <vkey> [<url>]`")]
    LogForm,
    #[error("this is not `witness <name> <vkey> [<url>]`")]
    WitnessForm,
    #[error("this is not `group <name> all|any|<k> <name>…` with 1 ≤ k ≤ the number of members")]
    GroupForm,
    #[error("this is not `quorum <name>`")]
    QuorumForm,
    #[error("the log's key is not an Ed25519 verifier key of type 1")]
    LogKey,
    #[error("the witness's key is not an Ed25519 cosignature verifier key of type 4")]
    WitnessKey,
    #[error("the same public key stands on an earlier line")]
    DuplicateKey,
    #[error("the name {0} is defined on an earlier line, or is reserved")]
    DuplicateName(String),
    #[error("the name {0} is not defined on an earlier line")]
    UnknownName(String),
    #[error("{0} is a group's member already; each witness counts once")]
    SecondMembership(String),
    #[error("there is a quorum line already")]
    SecondQuorum,
    #[error("the file has no quorum line; `quorum none` asks for no cosignatures")]
    NoQuorum,
    #[error("there are more than {MOST_OF_A_KIND} lines of this kind")]
    TooMany,
}

/// Why a checkpoint is refused, whatever the quorum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum JudgeError {
    #[error("the checkpoint's signed note: {0}")]
    Note(#[from] NoteError),
    #[error("the note's text is not a checkpoint without extension lines")]
    Checkpoint,
    #[error("the checkpoint's origin is no log that the policy names")]
    UnknownLog,
    #[error("no log key that the policy names signed the checkpoint")]
    Unsigned,
}

/// A witness of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyWitness {
    /// The name in the file, which is not the key's. Octets that are no UTF-8 are replaced.
    pub name: String,
    pub verifier: CosignatureVerifier,
    /// Where checkpoints are submitted: the prefix before `/add-checkpoint`.
    pub url: Option<String>,
}

/// A checkpoint that a log of the policy signed, and who else did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witnessed {
    pub checkpoint: Checkpoint,
    /// The log's keys that signed it, at least one.
    pub logs: Vec<NoteVerifier>,
    /// The names in the policy of the witnesses that cosigned it, and when, in seconds since 1970,
    /// in the order of the file.
    pub cosigners: Vec<(String, u64)>,
    /// Whether they are enough.
    pub quorum: bool,
}

/// A checked policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<(NoteVerifier, Option<String>)>,
    witnesses: Vec<PolicyWitness>,
    /// Witnesses and groups in the order of the file, so that members come before their groups.
    parties: Vec<Party>,
    /// The party that must have witnessed a checkpoint; `None` asks for nobody.
    quorum: Option<usize>,
    file: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Party {
    /// A place in `witnesses`.
    Witness(usize),
    /// Places in `parties`, all smaller than the group's own.
    Group { threshold: usize, members: Vec<usize> },
}

impl Policy {
    pub fn parse(file: &[u8]) -> Result<Self, PolicyError> {
        reading::policy(file)
    }

    /// The file that it was read from, byte for byte.
    pub fn file(&self) -> &[u8] {
        &self.file
    }

    /// The logs' keys, in the order of the file.
    pub fn logs(&self) -> impl Iterator<Item = &NoteVerifier> {
        self.logs.iter().map(|(verifier, _)| verifier)
    }

    /// The logs' keys with their addresses, if the file tells them.
    pub fn logs_with_urls(&self) -> impl Iterator<Item = (&NoteVerifier, Option<&str>)> {
        self.logs.iter().map(|(verifier, url)| (verifier, url.as_deref()))
    }

    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// Whether a checkpoint needs any cosignature at all.
    pub fn asks_for_witnesses(&self) -> bool {
        self.quorum.is_some()
    }

    /// Who signed this checkpoint, by the keys that the policy names.
    ///
    /// A wrong signature under the name and id of a key that the policy names refuses the whole
    /// note, even if there are enough others: such a note is malformed.
    pub fn judge(&self, note: &str) -> Result<Witnessed, JudgeError> {
        self.judge_with(note, &[])
    }

    /// The same for a reader who knows further keys of logs from elsewhere, such as the issuer's
    /// key file; a policy may name no log at all.
    pub fn judge_with(&self, note: &str, known: &[NoteVerifier]) -> Result<Witnessed, JudgeError> {
        let parts = NoteParts::split(note)?;
        let checkpoint = Checkpoint::parse(parts.text).ok_or(JudgeError::Checkpoint)?;
        let mut keys: Vec<&NoteVerifier> = Vec::new();
        for key in self.logs().chain(known) {
            if key.name() == checkpoint.origin && !keys.contains(&key) {
                keys.push(key);
            }
        }
        if keys.is_empty() {
            return Err(JudgeError::UnknownLog);
        }
        let mut logs = Vec::new();
        for key in keys {
            if key.signed(&parts)? {
                logs.push(key.clone());
            }
        }
        if logs.is_empty() {
            return Err(JudgeError::Unsigned);
        }
        let mut times = Vec::with_capacity(self.witnesses.len());
        for witness in &self.witnesses {
            times.push(witness.verifier.cosigned(&parts)?);
        }
        let cosigned: Vec<bool> = times.iter().map(Option::is_some).collect();
        let quorum = self.is_met(&cosigned);
        let named = self.witnesses.iter().zip(times);
        let cosigners = named.filter_map(|(witness, time)| Some((witness.name.clone(), time?))).collect();
        Ok(Witnessed { checkpoint, logs, cosigners, quorum })
    }

    /// The earliest time by which enough of these cosigners had cosigned, in seconds since 1970; `None` if they are not enough,
    /// or if the policy asks for nobody and so lets nobody bound a time.
    pub fn met_at(&self, cosigners: &[(String, u64)]) -> Option<u64> {
        self.quorum?;
        let mut times: Vec<u64> = cosigners.iter().map(|(_, time)| *time).collect();
        times.sort_unstable();
        times.into_iter().find(|limit| {
            let in_time =
                |witness: &PolicyWitness| cosigners.iter().any(|(name, time)| *name == witness.name && time <= limit);
            self.is_met(&self.witnesses.iter().map(in_time).collect::<Vec<_>>())
        })
    }

    /// Whether the quorum is met when these witnesses cosigned, in the order of the file.
    fn is_met(&self, cosigned: &[bool]) -> bool {
        let mut met: Vec<bool> = Vec::with_capacity(self.parties.len());
        for party in &self.parties {
            met.push(match party {
                Party::Witness(place) => cosigned[*place],
                Party::Group { threshold, members } => {
                    members.iter().filter(|place| met[**place]).count() >= *threshold
                }
            });
        }
        self.quorum.is_none_or(|place| met[place])
    }
}

mod reading {
    //! The file's lines, one after the other.

    use super::{
        BTreeMap, CosignatureVerifier, LARGEST_FILE, MOST_OF_A_KIND, NoteVerifier, Party, Policy, PolicyError,
        PolicyFault, PolicyWitness,
    };

    pub(super) fn policy(file: &[u8]) -> Result<Policy, PolicyError> {
        let at = |line, reason| PolicyError { line, reason };
        if file.len() > LARGEST_FILE {
            return Err(at(1, PolicyFault::TooLarge));
        }
        let mut reader = Reader::default();
        let mut lines = 0;
        for line in file.split_inclusive(|byte| *byte == b'\n') {
            lines += 1;
            let line = line.strip_suffix(b"\n").ok_or_else(|| at(lines, PolicyFault::CutOff))?;
            reader.line(line).map_err(|reason| at(lines, reason))?;
        }
        let quorum = match reader.quorum {
            QuorumLine::Missing => return Err(at(lines.max(1), PolicyFault::NoQuorum)),
            QuorumLine::Nobody => None,
            QuorumLine::Party(place) => Some(place),
        };
        let Reader { logs, witnesses, parties, .. } = reader;
        Ok(Policy { logs, witnesses, parties, quorum, file: file.to_vec() })
    }

    #[derive(Default, PartialEq, Eq)]
    enum QuorumLine {
        #[default]
        Missing,
        Nobody,
        Party(usize),
    }

    #[derive(Default)]
    struct Reader<'file> {
        logs: Vec<(NoteVerifier, Option<String>)>,
        witnesses: Vec<PolicyWitness>,
        parties: Vec<Party>,
        names: BTreeMap<&'file [u8], usize>,
        is_member: Vec<bool>,
        groups: usize,
        quorum: QuorumLine,
    }

    impl<'file> Reader<'file> {
        fn line(&mut self, line: &'file [u8]) -> Result<(), PolicyFault> {
            if line.iter().any(|byte| (*byte < 0x20 && *byte != b'\t') || *byte == 0x7f) {
                return Err(PolicyFault::Character);
            }
            let items: Vec<&[u8]> =
                line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|item| !item.is_empty()).collect();
            let Some((keyword, items)) = items.split_first() else { return Ok(()) };
            match *keyword {
                comment if comment.starts_with(b"#") => Ok(()),
                b"log" => self.log(items),
                b"witness" => self.witness(items),
                b"group" => self.group(items),
                b"quorum" => self.quorum(items),
                _ => Err(PolicyFault::Keyword),
            }
        }

        fn log(&mut self, items: &[&[u8]]) -> Result<(), PolicyFault> {
            let (vkey, url) = match items {
                [vkey] => (vkey, None),
                [vkey, url] => (vkey, Some(shown(url))),
                _ => return Err(PolicyFault::LogForm),
            };
            let vkey = std::str::from_utf8(vkey).map_err(|_| PolicyFault::LogKey)?;
            let verifier = NoteVerifier::parse(vkey).map_err(|_| PolicyFault::LogKey)?;
            if self.logs.iter().any(|(other, _)| other.public() == verifier.public()) {
                return Err(PolicyFault::DuplicateKey);
            }
            room_for_one_more(self.logs.len())?;
            self.logs.push((verifier, url));
            Ok(())
        }

        fn witness(&mut self, items: &[&'file [u8]]) -> Result<(), PolicyFault> {
            let (name, vkey, url) = match items {
                [name, vkey] => (name, vkey, None),
                [name, vkey, url] => (name, vkey, Some(shown(url))),
                _ => return Err(PolicyFault::WitnessForm),
            };
            let vkey = std::str::from_utf8(vkey).map_err(|_| PolicyFault::WitnessKey)?;
            let verifier = CosignatureVerifier::parse(vkey).map_err(|_| PolicyFault::WitnessKey)?;
            if self.witnesses.iter().any(|other| other.verifier.public() == verifier.public()) {
                return Err(PolicyFault::DuplicateKey);
            }
            room_for_one_more(self.witnesses.len())?;
            self.define(name, Party::Witness(self.witnesses.len()))?;
            self.witnesses.push(PolicyWitness { name: shown(name), verifier, url });
            Ok(())
        }

        fn group(&mut self, items: &[&'file [u8]]) -> Result<(), PolicyFault> {
            let [name, threshold, names @ ..] = items else { return Err(PolicyFault::GroupForm) };
            let threshold = match *threshold {
                b"any" => 1,
                b"all" => names.len(),
                number => decimal(number).ok_or(PolicyFault::GroupForm)?,
            };
            if threshold < 1 || threshold > names.len() {
                return Err(PolicyFault::GroupForm);
            }
            room_for_one_more(self.groups)?;
            let mut members = Vec::with_capacity(names.len());
            for member in names {
                let place = self.place(member)?;
                if std::mem::replace(&mut self.is_member[place], true) {
                    return Err(PolicyFault::SecondMembership(shown(member)));
                }
                members.push(place);
            }
            self.groups += 1;
            self.define(name, Party::Group { threshold, members })
        }

        fn quorum(&mut self, items: &[&[u8]]) -> Result<(), PolicyFault> {
            let [name] = items else { return Err(PolicyFault::QuorumForm) };
            if self.quorum != QuorumLine::Missing {
                return Err(PolicyFault::SecondQuorum);
            }
            self.quorum = if *name == b"none" { QuorumLine::Nobody } else { QuorumLine::Party(self.place(name)?) };
            Ok(())
        }

        fn define(&mut self, name: &'file [u8], party: Party) -> Result<(), PolicyFault> {
            if name == b"none" || self.names.contains_key(name) {
                return Err(PolicyFault::DuplicateName(shown(name)));
            }
            self.names.insert(name, self.parties.len());
            self.parties.push(party);
            self.is_member.push(false);
            Ok(())
        }

        fn place(&self, name: &[u8]) -> Result<usize, PolicyFault> {
            self.names.get(name).copied().ok_or_else(|| PolicyFault::UnknownName(shown(name)))
        }
    }

    fn room_for_one_more(count: usize) -> Result<(), PolicyFault> {
        if count < MOST_OF_A_KIND { Ok(()) } else { Err(PolicyFault::TooMany) }
    }

    fn decimal(digits: &[u8]) -> Option<usize> {
        let plain = digits.iter().all(u8::is_ascii_digit) && !digits.starts_with(b"0");
        std::str::from_utf8(digits).ok().filter(|_| plain)?.parse().ok()
    }

    fn shown(octets: &[u8]) -> String {
        String::from_utf8_lossy(octets).into_owned()
    }
}

#[cfg(test)]
mod tests;
