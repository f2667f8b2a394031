//! Fills in a receipt's sheet from what the service knows and what the issuer has configured.
//!
//! The one place where a dossier becomes a paper, so that the desk's pages and the command line print the same thing. It
//! must never read anything but its arguments and the locale files. Letting each caller fill in the sheet was rejected: two
//! papers for one dossier would soon differ.

use jiff::civil::Weekday;

use super::receipt_sheet::{ChannelLine, Deadline, DepositorLine, HoursLine, ReceiptSheet};
use crate::{
    config::{ContactPhone, Issuer, Office, OpeningHours},
    dossier::{ClockState, DepositorRole, DocumentCode, Language, LegalClock, Localized, Procedure},
    i18n,
    service::ReceiptView,
};

/// The sheet of a receipt as it is to be printed now. A procedure, a document or an office that the catalogue no longer
/// has is shown by its code: the paper must be printable all the same.
pub fn sheet(issuer: &Issuer, view: &ReceiptView) -> ReceiptSheet {
    let dossier = &view.dossier;
    let registration = &dossier.registration;
    let procedure = issuer.catalogue.procedure(&registration.procedure);
    let office = issuer.office(&registration.office);
    let documents = |codes: &[DocumentCode]| codes.iter().map(|code| document(procedure, code)).collect();
    let in_person = registration.depositor.role == DepositorRole::Applicant;
    ReceiptSheet {
        languages: issuer.receipt_languages,
        issuer: issuer.names.clone(),
        header: Some(issuer.header.clone()),
        office: office.map_or_else(|| code_alone(registration.office.as_str()), |office| office.name.clone()),
        logo: issuer.logo.as_ref().map(|logo| logo.png.as_slice().into()),
        reference: dossier.reference.to_string(),
        procedure: procedure
            .map_or_else(|| code_alone(registration.procedure.as_str()), |procedure| procedure.name().clone()),
        deposited_at: issuer.civil_time(dossier.registered_at),
        applicant: registration.applicant.name.as_str().to_owned(),
        depositor: DepositorLine {
            role: registration.depositor.role,
            name: registration
                .depositor
                .name
                .as_ref()
                .filter(|name| !in_person || **name != registration.applicant.name)
                .map(|name| name.as_str().to_owned()),
        },
        handed_in: documents(&registration.handed_in),
        missing: documents(&registration.missing),
        deadline: view.clock.as_ref().and_then(|clock| deadline(procedure, clock)),
        url: view.url.clone(),
        domain: issuer.public_url.host().to_owned(),
        typed_code: view.code.to_string(),
        channels: channels(issuer, office),
        hours: office.map(|office| hours(&office.hours)).unwrap_or_default(),
        leaf_index: view.receipt.leaf_index,
        tree_size: view.receipt.tree_size,
        root: view.receipt.root,
        footer: issuer.footer.clone(),
        copy: view.copy,
        replacement: view.replacement,
    }
}

fn document(procedure: Option<&Procedure>, code: &DocumentCode) -> Localized {
    procedure
        .and_then(|procedure| procedure.document(code))
        .map_or_else(|| code_alone(code.as_str()), |document| document.name.clone())
}

fn code_alone(code: &str) -> Localized {
    in_each_language(|_| code.to_owned())
}

fn in_each_language(text: impl Fn(Language) -> String) -> Localized {
    Localized {
        arabic: text(Language::Arabic),
        french: text(Language::French),
        tamazight: text(Language::Tamazight),
        english: text(Language::English),
        review: false,
    }
}

fn deadline(procedure: Option<&Procedure>, clock: &LegalClock) -> Option<Deadline> {
    // Withdrawn while documents were awaited: there is no date any more, and none will come.
    if clock.due.is_none() && clock.state != ClockState::Suspended {
        return None;
    }
    let rule = procedure.and_then(|procedure| procedure.rule(&clock.rule.id));
    let basis = rule.map_or_else(|| code_alone(clock.rule.id.as_str()), |rule| rule.basis.clone());
    Some(Deadline { due: clock.due, term: clock.rule.term, basis })
}

/// The office's own telephone, fax and e-mail where it has them, else the issuer's.
fn channels(issuer: &Issuer, office: Option<&Office>) -> Vec<ChannelLine> {
    let general = &issuer.channels;
    let phones = office.map(|office| &office.phones).filter(|phones| !phones.is_empty()).unwrap_or(&general.phones);
    let fax = office.and_then(|office| office.fax.as_ref()).or(general.fax.as_ref());
    let email = office.and_then(|office| office.email.as_ref()).or(general.email.as_ref());
    let mut lines = Vec::new();
    let mut line = |label_key, value: String| lines.push(ChannelLine { label_key, value });
    if !phones.is_empty() {
        line("receipt-channel-phone", phone_numbers(phones));
    }
    if let Some(fax) = fax {
        line("receipt-channel-fax", fax.display.clone());
    }
    if let Some(portal) = &general.portal {
        line("receipt-channel-portal", without_scheme(portal));
    }
    if let Some(email) = email {
        line("receipt-channel-email", email.clone());
    }
    for page in &general.social {
        line("receipt-channel-social", without_scheme(&page.url));
    }
    if let Some(complaints) = &general.complaints {
        line("receipt-channel-complaints", without_scheme(complaints));
    }
    lines
}

/// `+212 5 28 77 36 41 / 42`: numbers that differ in their last group only share the rest, as letterheads print them.
fn phone_numbers(phones: &[ContactPhone]) -> String {
    let mut shown = String::new();
    let mut shared = "";
    for phone in phones {
        let (head, tail) = phone.display.rsplit_once(' ').unwrap_or(("", &phone.display));
        if shown.is_empty() {
            shown.push_str(&phone.display);
        } else {
            shown.push_str(" / ");
            shown.push_str(if head == shared && !head.is_empty() { tail } else { &phone.display });
        }
        shared = head;
    }
    shown
}

/// An address as people type it.
fn without_scheme(address: &str) -> String {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://")).unwrap_or(address);
    rest.strip_suffix('/').unwrap_or(rest).to_owned()
}

/// One line for each set of days; a set that is open in the morning and in the afternoon has both times.
fn hours(entries: &[OpeningHours]) -> Vec<HoursLine> {
    let mut sets: Vec<(Vec<Weekday>, String)> = Vec::new();
    for entry in entries {
        let mut days = entry.days.clone();
        days.sort_by_key(|day| day.to_monday_zero_offset());
        days.dedup();
        let (from, to) = (entry.from, entry.to);
        let times = format!("{:02}:{:02} – {:02}:{:02}", from.hour(), from.minute(), to.hour(), to.minute());
        match sets.iter_mut().find(|(known, _)| *known == days) {
            Some((_, known)) => {
                known.push_str(" / ");
                known.push_str(&times);
            }
            None => sets.push((days, times)),
        }
    }
    sets.into_iter()
        .map(|(days, times)| HoursLine { days: in_each_language(|language| day_names(language, &days)), times })
        .collect()
}

/// `Monday to Friday`, or `Tuesday, Thursday`: three days or more in a row become a range.
fn day_names(language: Language, days: &[Weekday]) -> String {
    let name = |day: Weekday| i18n::text(language, weekday_key(day));
    let mut parts = Vec::new();
    let mut rest = days;
    while let Some(first) = rest.first() {
        let in_a_row = rest.windows(2).take_while(|pair| pair[0].next() == pair[1]).count() + 1;
        let (run, after) = rest.split_at(in_a_row);
        if let (3.., Some(last)) = (run.len(), run.last()) {
            let range = [("from", name(*first)), ("to", name(*last))];
            let range = range.each_ref().map(|(key, value)| (*key, value.as_str()));
            parts.push(i18n::text_with(language, "weekday-range", &range));
        } else {
            parts.extend(run.iter().map(|day| name(*day)));
        }
        rest = after;
    }
    parts.join(if language == Language::Arabic { "، " } else { ", " })
}

const fn weekday_key(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "weekday-monday",
        Weekday::Tuesday => "weekday-tuesday",
        Weekday::Wednesday => "weekday-wednesday",
        Weekday::Thursday => "weekday-thursday",
        Weekday::Friday => "weekday-friday",
        Weekday::Saturday => "weekday-saturday",
        Weekday::Sunday => "weekday-sunday",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_share_what_they_have_in_common() {
        let check = |numbers: &[&str], expected: &str| {
            let phones: Vec<ContactPhone> = numbers
                .iter()
                .map(|number| ContactPhone { display: (*number).to_owned(), tel: number.replace(' ', "") })
                .collect();
            assert_eq!(phone_numbers(&phones), expected);
        };
        check(&["+212 5 28 77 36 41"], "+212 5 28 77 36 41");
        check(&["+212 5 28 77 36 41", "+212 5 28 77 36 42"], "+212 5 28 77 36 41 / 42");
        check(&["+212 5 28 77 36 41", "+212 5 28 87 36 42"], "+212 5 28 77 36 41 / +212 5 28 87 36 42");
        check(&["+212528773641", "+212528773642"], "+212528773641 / +212528773642");
    }

    #[test]
    fn an_address_is_shown_as_it_is_typed() {
        for (address, expected) in
            [("https://www.augon.ma", "www.augon.ma"), ("http://a.ma/b/", "a.ma/b"), ("chikaya.ma", "chikaya.ma")]
        {
            assert_eq!(without_scheme(address), expected);
        }
    }

    #[test]
    fn days_in_a_row_become_a_range() {
        use Weekday::{Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday};
        let name = |day: Weekday| i18n::text(Language::English, weekday_key(day));
        let range = |from: Weekday, to: Weekday| {
            i18n::text_with(Language::English, "weekday-range", &[("from", &name(from)), ("to", &name(to))])
        };
        let check = |days: &[Weekday], expected: String| assert_eq!(day_names(Language::English, days), expected);
        check(&[Monday, Tuesday, Wednesday, Thursday, Friday], range(Monday, Friday));
        check(&[Tuesday, Thursday], format!("{}, {}", name(Tuesday), name(Thursday)));
        check(&[Monday, Tuesday], format!("{}, {}", name(Monday), name(Tuesday)));
        check(
            &[Monday, Wednesday, Thursday, Friday, Sunday],
            format!("{}, {}, {}", name(Monday), range(Wednesday, Friday), name(Sunday)),
        );
        check(&[Saturday], name(Saturday));
        check(&[], String::new());
    }

    #[test]
    fn morning_and_afternoon_stand_on_one_line() {
        let time = |hour| jiff::civil::Time::constant(hour, 30, 0, 0);
        let entry =
            |from, to| OpeningHours { days: vec![Weekday::Friday, Weekday::Monday], from: time(from), to: time(to) };
        let lines = hours(&[entry(8, 12), entry(14, 16)]);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].times, "08:30 – 12:30 / 14:30 – 16:30");
    }
}
