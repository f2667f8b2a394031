//! Whether each series of numbers runs without a gap from 1 to the last one given.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    audit::{Findings, Place},
    dossier::ProcedureCode,
    store::NumberSeries,
};

/// The numbers of a procedure in a year.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Series {
    pub(super) procedure: ProcedureCode,
    pub(super) year: u16,
}

impl Series {
    fn name(&self) -> String {
        format!("{}-{}", self.procedure, self.year)
    }
}

/// The last number seen, and those left out on the way.
#[derive(Debug, Default)]
pub(super) struct Run {
    last: u32,
    gaps: Vec<(u32, u32)>,
    again: Vec<u32>,
}

impl Run {
    /// Dossiers come in the order in which they were registered, and so do their numbers.
    pub(super) fn take(&mut self, number: u32) {
        match number.checked_sub(self.last) {
            None | Some(0) => self.again.push(number),
            Some(1) => self.last = number,
            Some(_) => {
                self.gaps.push((self.last + 1, number - 1));
                self.last = number;
            }
        }
    }
}

/// `quiet` says that nothing was written meanwhile, so that a number given and not seen is missing.
pub(super) fn judge(
    runs: BTreeMap<Series, Run>,
    reserved: &BTreeMap<String, BTreeSet<u32>>,
    stored: &[NumberSeries],
    quiet: bool,
    findings: &mut Findings,
) {
    let mut stored: BTreeMap<Series, u32> =
        stored.iter().map(|row| (Series { procedure: row.procedure.clone(), year: row.year }, row.last)).collect();
    for (series, run) in runs {
        let name = series.name();
        let of_rollbacks = reserved.get(&name);
        for number in run.again {
            findings.add(Place::Series(name.clone()), format!("{number} comes out of order, or twice"));
        }
        for (first, last) in run.gaps {
            // An accepted rollback leaves out the numbers that may stand on lost papers.
            if !of_rollbacks.is_some_and(|ends| ends.contains(&last)) {
                findings.add(Place::Series(name.clone()), format!("{first} to {last} are missing"));
            }
        }
        let expected = of_rollbacks.and_then(BTreeSet::last).copied().unwrap_or(0).max(run.last);
        judge_last(&name, expected, stored.remove(&series), quiet, findings);
    }
    for (series, last) in stored {
        let name = series.name();
        let expected = reserved.get(&name).and_then(BTreeSet::last).copied().unwrap_or(0);
        judge_last(&name, expected, Some(last), quiet, findings);
    }
}

fn judge_last(name: &str, expected: u32, stored: Option<u32>, quiet: bool, findings: &mut Findings) {
    let stored = stored.unwrap_or(0);
    let what = if stored < expected {
        format!("the last one given is {expected}, and the next would be {}: it would be given twice", stored + 1)
    } else if stored > expected && quiet {
        format!("{} to {stored} were given, and no dossier has them", expected + 1)
    } else {
        return;
    };
    findings.add(Place::Series(name.to_owned()), what);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(numbers: &[u32], reserved: &[u32], stored: u32, expected: &[&str]) {
        let series = Series { procedure: "PC".parse().expect("a code"), year: 2026 };
        let mut run = Run::default();
        for number in numbers {
            run.take(*number);
        }
        let row = NumberSeries { procedure: series.procedure.clone(), year: 2026, last: stored };
        let reserved = BTreeMap::from([("PC-2026".to_owned(), reserved.iter().copied().collect())]);
        let mut findings = Findings::default();
        judge(BTreeMap::from([(series, run)]), &reserved, &[row], true, &mut findings);
        let found: Vec<String> = findings.listed().iter().map(|finding| finding.what.clone()).collect();
        assert_eq!(found, expected, "{numbers:?} {stored}");
    }

    #[test]
    fn a_series_has_no_gap_but_a_rollbacks() {
        check(&[1, 2, 3], &[], 3, &[]);
        check(&[1, 2, 5], &[], 5, &["3 to 4 are missing"]);
        check(&[1, 2, 5], &[4], 5, &[]);
        check(&[1, 2], &[4], 4, &[]);
        check(&[1, 3, 2], &[], 3, &["2 comes out of order, or twice", "2 to 2 are missing"]);
        check(&[1, 2, 3], &[], 2, &["the last one given is 3, and the next would be 3: it would be given twice"]);
        check(&[1, 2], &[], 3, &["3 to 3 were given, and no dossier has them"]);
    }
}
