//! What a rollback loses, in words an administrator can act on.

use std::{fs, path::Path};

use jiff::Timestamp;

use crate::{
    dossier::Reference,
    service::{Difference, Extent, Loss},
    store::NumberSeries,
};

/// How many dossiers are named; the rest are counted.
const NAMED: usize = 20;

/// What the database lacks and, when it can still be `refused`, what to do about it.
pub(super) fn explain(loss: &Loss, difference: Option<&Difference>, checkpoint: &Path, refused: bool) -> String {
    let (size, would) = (loss.size, if refused { "would be" } else { "are" });
    let last = loss.last_at.map(|at| format!(", the last of {at}")).unwrap_or_default();
    let holds = format!("It holds {size} entries{last}");
    let mut text = match &loss.extent {
        Extent::Before(published) => format!(
            "It is older than what was published. {holds}; a checkpoint of {published} was published{about}. Entries {size} to \
             {end}, {count} of them, {would} lost.",
            about = changed_at(checkpoint)
                .filter(|_| refused)
                .map(|at| format!(" (its file is of {at})"))
                .unwrap_or_default(),
            end = published.saturating_sub(1),
            count = published.saturating_sub(size),
        ),
        Extent::OtherLog { ended, followed, published } => format!(
            "It belongs to the log {ended}, which an accepted rollback has ended. {holds}; the log that followed it, \
             {followed}, has {published}, and what was written to that one {would} lost."
        ),
        Extent::Untold { log, told, published } => format!(
            "A rollback that another node accepted ended the log {log} and told of {told} entries at most, and from here \
             {published} were published. Entries {told} to {end} {would} lost as well.",
            end = published.saturating_sub(1),
        ),
        Extent::Unknown { remembered } => format!(
            "{file} is missing, so nobody can tell whether it is older than what was published. {holds}, and remembers a \
             checkpoint of {remembered}; what came after {would} lost.",
            file = checkpoint.display()
        ),
    };
    match difference {
        Some(difference) => text.push_str(&tell_dossiers(difference)),
        None if refused => {
            text.push_str("\nWhich dossiers these are cannot be told: there is no newer database in this folder.");
        }
        None => {}
    }
    if !refused {
        return text;
    }
    let first = if matches!(loss.extent, Extent::Unknown { .. }) {
        "Put the checkpoint's file back from the newest copy of this folder, or have `milaf doctor --adopt-checkpoint` write it \
         from the present database, if that is sound and nothing is missing in it"
    } else {
        "Restore a newer backup"
    };
    let next = &loss.next_log;
    format!(
        "{text}\n{first}. If there is none, go on with this one by --accept-rollback --reason TEXT: the log ends, and {next} \
         begins"
    )
}

fn tell_dossiers(difference: &Difference) -> String {
    let last = difference.last_at.map(|at| format!(" The last of these entries is of {at}.")).unwrap_or_default();
    format!(
        "\n  registered in them: {}\n  changed in them: {}\n {last}",
        list(&difference.registered),
        list(&difference.changed)
    )
}

fn list(references: &[Reference]) -> String {
    if references.is_empty() {
        return "no dossier".to_owned();
    }
    let named: Vec<String> = references.iter().take(NAMED).map(ToString::to_string).collect();
    let more = match references.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{} ({}{more})", references.len(), named.join(", "))
}

/// The numbers that are given to nobody.
pub(super) fn tell_numbers(numbers: &[NumberSeries]) -> String {
    let series: Vec<String> = numbers
        .iter()
        .map(|series| {
            if series.last >= Reference::MAX_NUMBER {
                format!("{}-{} has no numbers left", series.procedure, series.year)
            } else {
                format!("{}-{}-{:06}", series.procedure, series.year, series.last + 1)
            }
        })
        .collect();
    format!("Numbers that lost papers may carry are left out. The next ones are {}.", series.join(", "))
}

fn changed_at(file: &Path) -> Option<Timestamp> {
    let changed = fs::metadata(file).and_then(|metadata| metadata.modified()).ok()?;
    let at = Timestamp::try_from(changed).ok()?;
    Timestamp::from_second(at.as_second()).ok()
}
