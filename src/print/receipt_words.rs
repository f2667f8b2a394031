//! The sentences of a receipt that need more than a key: numbers, terms, roles and the log position.

use super::{
    paragraph::{isolated, plain},
    receipt_sheet::{Deadline, ReceiptSheet},
};
use crate::{
    dossier::{DepositorRole, Language, Term, TermUnit},
    i18n,
};

/// `23/11/2026 – 10:42`
pub(super) fn deposited_at(sheet: &ReceiptSheet) -> String {
    let at = sheet.deposited_at;
    isolated(&format!("{} – {:02}:{:02}", i18n::date(at.date()), at.hour(), at.minute()))
}

pub(super) fn depositor_role(role: DepositorRole, language: Language) -> String {
    let key = match role {
        DepositorRole::Applicant => "receipt-depositor-applicant",
        DepositorRole::Architect => "receipt-depositor-architect",
        DepositorRole::Surveyor => "receipt-depositor-surveyor",
        DepositorRole::Other => "receipt-depositor-other",
    };
    i18n::text(language, key)
}

/// The plural category of a counted noun (Unicode CLDR): Arabic needs four of them.
const fn plural_category(language: Language, count: u16) -> &'static str {
    match (language, count) {
        (Language::Arabic | Language::French | Language::English, 1) | (Language::French, 0) => "one",
        (Language::Arabic, 2) => "two",
        (Language::Arabic, _) if matches!(count % 100, 3..=10) => "few",
        _ => "other",
    }
}

/// `30 working days`, with the noun in the form that the number asks for.
pub fn term(term: Term, language: Language) -> String {
    let key = match term.unit {
        TermUnit::WorkingDays => "receipt-term-working-days",
        TermUnit::CalendarDays => "receipt-term-calendar-days",
        TermUnit::Months => "receipt-term-months",
    };
    let category = plural_category(language, term.count);
    i18n::text_with(language, key, &[("count", &term.count.to_string()), ("category", category)])
}

/// The term and its legal basis.
pub(super) fn deadline_detail(deadline: &Deadline, language: Language) -> String {
    let (term, basis) = (term(deadline.term, language), plain(deadline.basis.get(language)));
    i18n::text_with(language, "receipt-deadline-detail", &[("term", &term), ("basis", &basis)])
}

pub(super) fn counted(language: Language, key: &str, count: usize) -> String {
    i18n::text_with(language, key, &[("count", &count.to_string())])
}

/// The first eight bytes of the log's root in groups of four digits: enough to notice another root, short enough to read out.
pub(super) fn short_root(root: &[u8; 32]) -> String {
    hex::encode_upper(&root[..8]).as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
}

pub(super) fn log_position(sheet: &ReceiptSheet, language: Language) -> String {
    let (index, size) = (sheet.leaf_index.to_string(), sheet.tree_size.to_string());
    let root = isolated(&short_root(&sheet.root));
    i18n::text_with(language, "receipt-log", &[("index", &index), ("size", &size), ("root", &root)])
}

/// What has to be said about this paper beside its content: that it is a reprint, or takes an earlier one's place.
pub(super) fn notices(sheet: &ReceiptSheet, language: Language) -> Vec<String> {
    let duplicate =
        sheet.copy.map(|copy| i18n::text_with(language, "receipt-duplicate", &[("copy", &copy.to_string())]));
    let replacement = sheet.replacement.then(|| i18n::text(language, "receipt-replacement"));
    duplicate.into_iter().chain(replacement).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_agree_with_their_number() {
        let check = |language, count, unit, expected: &str| {
            let text: String = term(Term { count, unit }, language)
                .chars()
                .filter(|c| !matches!(c, '\u{2066}'..='\u{2069}'))
                .collect();
            assert_eq!(text, expected);
        };
        check(Language::French, 1, TermUnit::WorkingDays, "1 jour ouvrable");
        check(Language::French, 15, TermUnit::WorkingDays, "15 jours ouvrables");
        check(Language::French, 2, TermUnit::Months, "2 mois");
        check(Language::Arabic, 1, TermUnit::CalendarDays, "يوم واحد");
        check(Language::Arabic, 2, TermUnit::Months, "شهران");
        check(Language::Arabic, 3, TermUnit::Months, "3 أشهر");
        check(Language::Arabic, 15, TermUnit::CalendarDays, "15 يوما");
        check(Language::Arabic, 103, TermUnit::WorkingDays, "103 أيام عمل");
        check(Language::English, 60, TermUnit::CalendarDays, "60 days");
        check(Language::Tamazight, 60, TermUnit::CalendarDays, "ⵓⵙⵙⴰⵏ: 60");
    }

    #[test]
    fn the_short_root_is_eight_bytes_in_four_groups() {
        let mut root = [0xEE; 32];
        root[..3].copy_from_slice(&[0x1A, 0x2B, 0x3C]);
        assert_eq!(short_root(&root), "1A2B 3CEE EEEE EEEE");
    }
}
