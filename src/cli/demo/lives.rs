//! The imaginary dossiers' lives: what happens to each, and when, up to the present.
//!
//! Pure: a plan follows from the issuer, the present moment and a fixed seed. Every act is a command that a clerk could
//! have given on that day in office hours, so that the demonstration goes through the same rules as the desk.

#[cfg(test)]
mod tests;

use jiff::{Timestamp, ToSpan, civil::Date};

use super::{dice::Dice, people, texts};
use crate::{
    config::Issuer,
    dossier::{
        Audience, Command, Correction, DocumentCode, Line, Outcome, Paragraph, Phone, Procedure, PublicState, Step,
    },
    service::RawIntake,
};

/// How far the demonstration looks back.
const DAYS: i64 = 90;

/// One thing that a member of staff did.
#[derive(Debug)]
pub(super) struct Act {
    pub(super) at: Timestamp,
    /// The civil day where the office is.
    pub(super) on: Date,
    pub(super) dossier: usize,
    pub(super) actor: &'static str,
    pub(super) deed: Deed,
}

#[derive(Debug)]
pub(super) enum Deed {
    Register(Box<RawIntake>),
    Command(Command),
    Reprint,
    Replace(Paragraph),
}

/// How a dossier's life goes, where it is out of the ordinary.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Ordinary,
    /// It gets so far and waits.
    Waits(PublicState),
    ComplementAnswered,
    ComplementInParts,
    ComplementAwaited,
    AdjournedOnce,
    Adjourned,
    Withdrawn,
    Extended,
}

/// In turn, so that even a small demonstration has every state; see [`Fates`].
const FATES: [Fate; 16] = [
    Fate::Ordinary,
    Fate::ComplementAwaited,
    Fate::Waits(PublicState::Scheduled),
    Fate::ComplementAnswered,
    Fate::Adjourned,
    Fate::Waits(PublicState::Decided),
    Fate::Withdrawn,
    Fate::Waits(PublicState::Ready),
    Fate::Extended,
    Fate::Ordinary,
    Fate::AdjournedOnce,
    Fate::Waits(PublicState::InReview),
    Fate::ComplementInParts,
    Fate::Ordinary,
    Fate::Waits(PublicState::Registered),
    Fate::Ordinary,
];

/// The procedures in turn, the frequent ones more often. A code that the catalogue lacks is passed over.
const PROCEDURES: [&str; 20] = [
    "NRU", "PC", "PCP", "LOT", "REG", "NRU", "PH", "MOR", "PCP", "GH", "NRU", "REF", "PC", "REQ", "CC", "PCP", "DEM",
    "NRU", "EP", "PC",
];

/// Everything that happened until `now`, in order of time, no two things at the same moment.
pub(super) fn plan(issuer: &Issuer, now: Timestamp, dossiers: usize) -> Vec<Act> {
    let today = issuer.civil_day(now);
    let mut acts = Vec::new();
    let mut fates = Fates(Vec::new());
    for dossier in 0..dossiers {
        let back = DAYS - i64::try_from(dossier).unwrap_or(0) * DAYS / i64::try_from(dossiers.max(1)).unwrap_or(1);
        let day = issuer.calendar.next_working_day(today.saturating_sub(back.days()));
        // Over a weekend the newest would be handed in on Monday to come.
        let day = if day > today { last_working_day(issuer, today) } else { day };
        let procedure = procedure(issuer, dossier);
        let life = Life {
            issuer,
            procedure,
            dossier,
            fate: fates.for_one_of(procedure),
            dice: Dice::of(dossier),
            day,
            acts: &mut acts,
        };
        life.live();
    }
    acts.retain(|act| act.at < now);
    acts.sort_by_key(|act| act.at);
    let mut previous = Timestamp::MIN;
    for act in &mut acts {
        if act.at <= previous {
            act.at = previous.saturating_add(1.second()).unwrap_or(previous);
        }
        previous = act.at;
    }
    acts.retain(|act| act.at < now);
    // A dossier whose registration would have come later today has not begun.
    let mut begun = vec![false; dossiers];
    acts.retain(|act| {
        begun[act.dossier] |= matches!(act.deed, Deed::Register(_));
        begun[act.dossier]
    });
    acts
}

fn last_working_day(issuer: &Issuer, today: Date) -> Date {
    let before = |back: i64| today.saturating_sub(back.days());
    (0..30).map(before).find(|day| issuer.calendar.is_working_day(*day)).unwrap_or(today)
}

fn procedure(issuer: &Issuer, dossier: usize) -> &Procedure {
    let code = PROCEDURES[dossier % PROCEDURES.len()].parse().ok();
    let all = issuer.catalogue.procedures();
    code.and_then(|code| issuer.catalogue.procedure(&code)).unwrap_or(&all[dossier % all.len()])
}

/// The fates that are still to be met, in turn. One that a procedure cannot have waits for the next procedure that can.
struct Fates(Vec<Fate>);

impl Fates {
    fn for_one_of(&mut self, procedure: &Procedure) -> Fate {
        let steps_in = |state| procedure.steps().iter().filter(|step| step.state == state).count();
        let can_have = |fate: &Fate| match fate {
            Fate::Adjourned | Fate::AdjournedOnce => steps_in(PublicState::Adjourned) > 0,
            Fate::Waits(state) => steps_in(*state) > 0,
            Fate::Withdrawn => steps_in(PublicState::InReview) > 1,
            _ => true,
        };
        let place = self.0.iter().position(can_have).unwrap_or_else(|| {
            let waiting = self.0.len();
            self.0.extend(FATES);
            // The first of them is an ordinary life, which every procedure can have.
            waiting
        });
        self.0.remove(place)
    }
}

struct Life<'a> {
    issuer: &'a Issuer,
    procedure: &'a Procedure,
    dossier: usize,
    fate: Fate,
    dice: Dice,
    /// The day of what happened last.
    day: Date,
    acts: &'a mut Vec<Act>,
}

impl Life<'_> {
    fn live(mut self) {
        let missing = self.register();
        self.beside_the_way();
        let mut step = self.procedure.initial().clone();
        let mut asked = false;
        let mut adjourned = false;
        let mut studied = 0;
        loop {
            if self.fate == Fate::Waits(step.state) {
                return;
            }
            if step.state == PublicState::InReview {
                studied += 1;
                if self.fate == Fate::Withdrawn && studied == 2 {
                    self.later(2, 5);
                    let reason = texts::paragraph(self.dice.pick(&texts::WITHDRAWALS));
                    return self.command("desk", Command::Withdraw { reason: Some(reason) });
                }
                if self.fate == Fate::Extended && studied == 1 && self.has_extension() {
                    self.later(3, 6);
                    self.command("study", Command::Extend { reason: texts::paragraph(texts::EXTENSION) });
                }
                let complement =
                    matches!(self.fate, Fate::ComplementAnswered | Fate::ComplementAwaited | Fate::ComplementInParts);
                if complement && !asked && self.leads_to(&step, PublicState::Incomplete) {
                    asked = true;
                    self.complement(&missing);
                    if self.fate == Fate::ComplementAwaited {
                        return;
                    }
                }
            }
            if step.state == PublicState::Scheduled && !adjourned {
                let adjourns = matches!(self.fate, Fate::Adjourned | Fate::AdjournedOnce);
                if adjourns && self.leads_to(&step, PublicState::Adjourned) {
                    adjourned = true;
                    let reason = texts::paragraph(self.dice.pick(&texts::ADJOURNMENTS));
                    self.command("study", Command::Adjourn { reason: Some(reason) });
                    if self.fate == Fate::Adjourned {
                        return;
                    }
                    // The committee takes it up again at its next meeting.
                    self.schedule();
                    continue;
                }
            }
            let Some(next) = self.usual_successor(&step) else { return };
            self.go_to(&next);
            step = next;
        }
    }

    /// Hands the dossier in; returns the required documents that are left out.
    fn register(&mut self) -> Vec<DocumentCode> {
        let large = matches!(self.procedure.code().as_str(), "PC" | "LOT" | "GH" | "MOR" | "REG");
        let mut raw = people::intake(&mut self.dice, large);
        raw.procedure = self.procedure.code().to_string();
        let offices = &self.issuer.offices;
        let office = if self.dice.percent(60) { 0 } else { self.dice.place_in(offices) };
        raw.office = offices[office].code.to_string();
        // The one who must wait for a complement is the sample that is shown, so its second level can be opened.
        if self.fate == Fate::ComplementAwaited && raw.phone.is_empty() {
            raw.phone = people::phone(&mut self.dice);
        }
        let gaps = match self.fate {
            Fate::ComplementAnswered | Fate::ComplementAwaited => 1,
            Fate::ComplementInParts => 2,
            _ => u32::from(self.dice.percent(8)),
        };
        let required: Vec<&DocumentCode> =
            self.procedure.documents().iter().filter(|spec| spec.required).map(|spec| &spec.code).collect();
        let kept = required.len().saturating_sub(gaps as usize).max(1);
        let missing = required[kept..].iter().map(|code| (*code).clone()).collect();
        raw.documents = required[..kept].iter().map(ToString::to_string).collect();
        for spec in self.procedure.documents().iter().filter(|spec| !spec.required) {
            if self.dice.percent(25) {
                raw.documents.push(spec.code.to_string());
            }
        }
        if self.dice.percent(15) {
            self.dice.pick(&texts::INTERNAL_NOTES).clone_into(&mut raw.note);
        }
        self.act("desk", Deed::Register(Box::new(raw)));
        missing
    }

    /// Notes, duplicates, replacements and corrections, which happen at any time and lead nowhere.
    fn beside_the_way(&mut self) {
        let start = self.day;
        let deeds = [
            (self.dossier % 7 == 3, "desk", Deed::Reprint),
            (self.dossier % 13 == 5, "desk", Deed::Replace(texts::paragraph(texts::REPLACEMENT))),
            (self.dossier % 5 == 1, "study", self.note(Audience::Public, &texts::PUBLIC_NOTES)),
            (self.dossier % 6 == 2, "study", self.note(Audience::Internal, &texts::INTERNAL_NOTES)),
            (self.dossier % 17 == 9, "desk", self.correction()),
        ];
        for (happens, actor, deed) in deeds {
            if happens {
                self.later(1, 7);
                self.act(actor, deed);
                self.day = start;
            }
        }
    }

    fn note(&mut self, audience: Audience, choice: &[&str]) -> Deed {
        Deed::Command(Command::AddNote { audience, text: texts::paragraph(self.dice.pick(choice)) })
    }

    fn correction(&mut self) -> Deed {
        let phone = Phone::parse(&people::phone(&mut self.dice)).ok();
        let reason = texts::paragraph(texts::CORRECTION);
        Deed::Command(Command::Correct { correction: Correction::Phone(phone), reason })
    }

    fn complement(&mut self, missing: &[DocumentCode]) {
        self.later(2, 5);
        let documents = missing.to_vec();
        let message = Some(texts::paragraph(self.dice.pick(&texts::COMPLEMENTS)));
        self.command("study", Command::RequestComplement { documents: documents.clone(), message });
        let parts: Vec<Vec<DocumentCode>> = match self.fate {
            Fate::ComplementAwaited => Vec::new(),
            Fate::ComplementInParts => documents.into_iter().map(|document| vec![document]).collect(),
            _ => vec![documents],
        };
        for documents in parts {
            self.later(3, 8);
            self.command("desk", Command::ReceiveComplement { documents });
        }
    }

    fn go_to(&mut self, step: &Step) {
        self.later(1, 4);
        match step.state {
            PublicState::Scheduled => self.schedule(),
            PublicState::Decided => {
                let (outcome, text) = match self.dice.between(1, 100) {
                    1..=55 => (Outcome::Favourable, None),
                    56..=84 => (Outcome::FavourableWithReservations, Some(self.dice.pick(&texts::RESERVATIONS))),
                    _ => (Outcome::Unfavourable, Some(self.dice.pick(&texts::GROUNDS))),
                };
                self.command("study", Command::Decide { outcome, reservations: text.map(texts::paragraph) });
            }
            PublicState::Ready => self.command("study", Command::MarkReady),
            PublicState::Collected => {
                let by =
                    if self.dice.percent(35) { people::architect(&mut self.dice).to_owned() } else { String::new() };
                self.command("desk", Command::Collect { by: Line::new(&by).ok() });
            }
            _ => self.command("study", Command::EnterStep { step: step.code.clone() }),
        }
    }

    /// Puts it on the agenda; what follows happens on the committee's day.
    fn schedule(&mut self) {
        let ahead = self.dice.between(3, 7);
        let on = self.issuer.calendar.add_working_days(self.day, ahead);
        let place = Line::new(texts::COMMITTEE_ROOM).ok();
        self.command("study", Command::ScheduleCommission { on, place });
        self.day = on;
    }

    /// The next step of the usual way.
    fn usual_successor(&self, step: &Step) -> Option<Step> {
        let out_of_the_way =
            |state| matches!(state, PublicState::Incomplete | PublicState::Adjourned | PublicState::Withdrawn);
        let place = |step: &Step| self.procedure.steps().iter().position(|other| other.code == step.code);
        let successors = self.procedure.successors(&step.code);
        successors.into_iter().filter(|next| !out_of_the_way(next.state)).min_by_key(|next| place(next)).cloned()
    }

    fn leads_to(&self, step: &Step, state: PublicState) -> bool {
        self.procedure.successors(&step.code).iter().any(|next| next.state == state)
    }

    fn has_extension(&self) -> bool {
        self.procedure.rule_on(self.day).is_some_and(|rule| rule.extension.is_some())
    }

    fn later(&mut self, from: u32, to: u32) {
        let days = self.dice.between(from, to);
        self.day = self.issuer.calendar.add_working_days(self.day, days);
    }

    fn command(&mut self, actor: &'static str, command: Command) {
        self.act(actor, Deed::Command(command));
    }

    /// In office hours of the present day, and after whatever happened to this dossier before on that day.
    fn act(&mut self, actor: &'static str, deed: Deed) {
        let own = self.acts.iter().rev().take_while(|act| act.dossier == self.dossier);
        let earlier = own.filter(|act| act.on == self.day).map(|act| act.at).max();
        let second = i64::from(self.dice.between(0, 60 * 60 * 5));
        let Ok(opening) = self.issuer.timezone.to_timestamp(self.day.at(8, 45, 0, 0)) else { return };
        let at = match earlier {
            Some(earlier) => earlier.saturating_add((second % 1800 + 60).seconds()),
            None => opening.saturating_add(second.seconds()),
        };
        if let Ok(at) = at {
            self.acts.push(Act { at, on: self.day, dossier: self.dossier, actor, deed });
        }
    }
}
