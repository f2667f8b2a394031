//! The one written name of each value of the domain's small sets, as records, forms, rows and catalogue files state it.
//!
//! These words are a format: a word is never changed, because records that use it are hashed. They are not for people to
//! read; pages take their own words from the locale files. Deriving them from the variants' names was rejected, because
//! renaming a variant would then silently change the format.

use std::{fmt, str::FromStr};

use super::{
    catalogue::{Silence, TermUnit},
    command::CommandKind,
    event::{ApplicantKind, Audience, DepositorRole, Outcome, PublicState},
    role::Role,
};

/// The text is none of the words of the set that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a known {set}")]
pub struct UnknownWord {
    pub set: &'static str,
}

macro_rules! words {
    ($($name:ident, $set:literal { $($variant:ident => $word:literal),+ $(,)? })+) => {$(
        impl $name {
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { set: $set }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )+};
}

words! {
    Role, "role" {
        Desk => "desk",
        Manager => "manager",
        Auditor => "auditor",
    }
    PublicState, "public state" {
        Registered => "registered",
        Incomplete => "incomplete",
        InReview => "in_review",
        Scheduled => "scheduled",
        Adjourned => "adjourned",
        Decided => "decided",
        Ready => "ready",
        Collected => "collected",
        Withdrawn => "withdrawn",
    }
    Outcome, "outcome" {
        Favourable => "favourable",
        FavourableWithReservations => "favourable_with_reservations",
        Unfavourable => "unfavourable",
    }
    ApplicantKind, "kind of applicant" {
        Person => "person",
        Company => "company",
    }
    DepositorRole, "depositor's role" {
        Applicant => "applicant",
        Architect => "architect",
        Surveyor => "surveyor",
        Other => "other",
    }
    Audience, "audience" {
        Public => "public",
        Internal => "internal",
    }
    Silence, "meaning of silence" {
        Approval => "approval",
        Refusal => "refusal",
        Recourse => "recourse",
        Nothing => "nothing",
    }
    TermUnit, "unit of a term" {
        CalendarDays => "calendar_days",
        WorkingDays => "working_days",
        Months => "months",
    }
    CommandKind, "kind of command" {
        EnterStep => "enter_step",
        RequestComplement => "request_complement",
        ReceiveComplement => "receive_complement",
        ScheduleCommission => "schedule_commission",
        Adjourn => "adjourn",
        Decide => "decide",
        MarkReady => "mark_ready",
        Collect => "collect",
        Withdraw => "withdraw",
        Extend => "extend",
        Correct => "correct",
        AddNote => "add_note",
        ReprintReceipt => "reprint_receipt",
        ReplaceReceipt => "replace_receipt",
    }
}
