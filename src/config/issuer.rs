//! Reads the issuer file: who the agency is, where its offices are, how to reach it and when it works.

use std::collections::BTreeSet;

use jiff::{
    civil::{Date, Time, Weekday},
    tz::TimeZone,
};
use serde::Deserialize;
use toml::Spanned;

use super::{
    Channels, Issuer, Office, OpeningHours, SocialPage, catalogue,
    error::{ConfigError, Source},
    logo,
    value::{ContactPhone, Day, EmailAddress, FileName, NAME, Read, Review, SENTENCE, SHORT_NAME, WebAddress, Words},
};
use crate::{
    dossier::{FixedHoliday, Language, OfficeCode, WorkCalendar},
    receipt::PublicUrl,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuerFile {
    public_url: Read<PublicUrl>,
    timezone: Spanned<String>,
    default_language: Read<Language>,
    receipt_languages: Spanned<Vec<Read<Language>>>,
    catalogue: Spanned<Read<FileName>>,
    logo: Option<Spanned<Read<FileName>>>,
    name: Words,
    short_name: Option<Words>,
    header: Words,
    footer: Option<Words>,
    channels: ChannelsEntry,
    calendar: CalendarEntry,
    offices: Vec<OfficeEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChannelsEntry {
    #[serde(default)]
    phones: Vec<Read<ContactPhone>>,
    fax: Option<Read<ContactPhone>>,
    portal: Option<Read<WebAddress>>,
    email: Option<Read<EmailAddress>>,
    complaints: Option<Read<WebAddress>>,
    qr: bool,
    #[serde(default)]
    social: Vec<SocialEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SocialEntry {
    name: Spanned<String>,
    url: Read<WebAddress>,
    #[serde(default)]
    review: Review,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfficeEntry {
    code: Spanned<Read<OfficeCode>>,
    name: Words,
    address: Words,
    #[serde(default)]
    phones: Vec<Read<ContactPhone>>,
    fax: Option<Read<ContactPhone>>,
    email: Option<Read<EmailAddress>>,
    #[serde(default)]
    hours: Vec<Spanned<HoursEntry>>,
    /// Whether the office is there at all, and its contacts and hours.
    #[serde(default)]
    review: Review,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoursEntry {
    days: Vec<Read<Weekday>>,
    from: Read<Time>,
    to: Read<Time>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CalendarEntry {
    rest_days: Spanned<Vec<Read<Weekday>>>,
    fixed: Vec<Spanned<FixedEntry>>,
    #[serde(default)]
    dated: Vec<DatedEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FixedEntry {
    month: i8,
    day: i8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DatedEntry {
    date: Spanned<Day>,
    /// Which holiday it is, for the people who keep the file.
    name: String,
    #[serde(default)]
    review: Review,
}

/// Reads an issuer file and the files it names, which `open` fetches by their plain names.
pub(super) fn read(
    source: &Source<'_>,
    open: &dyn Fn(&str) -> Result<Vec<u8>, ConfigError>,
) -> Result<Issuer, ConfigError> {
    let file: IssuerFile = source.parse()?;
    let mut reviews = Vec::new();

    let timezone = TimeZone::get(file.timezone.get_ref()).map_err(|_| {
        source.error(
            &file.timezone.span(),
            format!("`{}` is not a time zone. Write it as in `Africa/Casablanca`", file.timezone.get_ref()),
        )
    })?;
    let languages: Vec<Language> = file.receipt_languages.get_ref().iter().map(|language| language.0).collect();
    let receipt_languages = match languages[..] {
        [first, second] if first != second => [first, second],
        _ => {
            let problem = "a receipt has two different languages. Write them as in [\"ar\", \"fr\"]";
            return Err(source.error(&file.receipt_languages.span(), problem));
        }
    };

    let names = file.name.check(source, "issuer: name", NAME, &mut reviews)?;
    let short_name =
        file.short_name.map(|words| words.check(source, "issuer: short name", SHORT_NAME, &mut reviews)).transpose()?;
    let header = file.header.check(source, "issuer: header", SENTENCE, &mut reviews)?;
    let footer = file.footer.map(|words| words.check(source, "issuer: footer", SENTENCE, &mut reviews)).transpose()?;
    let channels = channels(source, file.channels, &mut reviews)?;
    let calendar_years = file.calendar.dated.iter().map(|entry| entry.date.get_ref().0.year()).collect();
    let calendar = calendar(source, file.calendar, &mut reviews)?;
    let offices = offices(source, file.offices, &mut reviews)?;

    let logo = match &file.logo {
        None => None,
        Some(name) => {
            let bytes = open(&name.get_ref().0.0)?;
            Some(logo::check(bytes).map_err(|problem| source.error(&name.span(), problem))?)
        }
    };
    let catalogue_name = &file.catalogue.get_ref().0.0;
    let bytes = open(catalogue_name)?;
    let text = String::from_utf8(bytes).map_err(|_| {
        source.error(&file.catalogue.span(), format!("{catalogue_name} is not text in UTF-8. Save it as UTF-8"))
    })?;
    let catalogue_source = Source { file: source.file.with_file_name(catalogue_name), text: &text };
    let catalogue = catalogue::read(&catalogue_source, &mut reviews)?;

    let mut files = vec![catalogue_name.clone()];
    files.extend(file.logo.as_ref().map(|name| name.get_ref().0.0.clone()));
    Ok(Issuer {
        names,
        short_name,
        public_url: file.public_url.0,
        timezone,
        default_language: file.default_language.0,
        receipt_languages,
        header,
        footer,
        logo,
        offices,
        channels,
        calendar,
        catalogue,
        reviews,
        calendar_years,
        files,
    })
}

fn channels(source: &Source<'_>, entry: ChannelsEntry, reviews: &mut Vec<String>) -> Result<Channels, ConfigError> {
    let mut social = Vec::new();
    for page in entry.social {
        let name = page.name.get_ref();
        if name.trim() != name || !(1..=40).contains(&name.chars().count()) || name.contains(char::is_control) {
            return Err(
                source.error(&page.name.span(), "a social page's name has 1 to 40 characters and no spaces around it")
            );
        }
        if let Some(note) = page.review.note() {
            reviews.push(format!("channel {name}: address{note}"));
        }
        social.push(SocialPage { name: name.clone(), url: page.url.0.0 });
    }
    Ok(Channels {
        phones: entry.phones.into_iter().map(|phone| phone.0).collect(),
        fax: entry.fax.map(|fax| fax.0),
        portal: entry.portal.map(|portal| portal.0.0),
        email: entry.email.map(|email| email.0.0),
        complaints: entry.complaints.map(|complaints| complaints.0.0),
        social,
        qr: entry.qr,
    })
}

fn calendar(source: &Source<'_>, entry: CalendarEntry, reviews: &mut Vec<String>) -> Result<WorkCalendar, ConfigError> {
    let rest_days: Vec<Weekday> = entry.rest_days.get_ref().iter().map(|day| day.0).collect();
    if (0..7).all(|offset| rest_days.iter().any(|day| i32::from(day.to_monday_zero_offset()) == offset)) {
        let problem = "every day of the week is a rest day, so no working day would ever come. Remove one";
        return Err(source.error(&entry.rest_days.span(), problem));
    }
    let mut fixed = Vec::new();
    for written in entry.fixed {
        let FixedEntry { month, day } = *written.get_ref();
        // A leap year, so that 29 February may be a holiday.
        if Date::new(2024, month, day).is_err() {
            let problem =
                format!("there is no day {day} in month {month}. Write a holiday as {{ month = 1, day = 11 }}");
            return Err(source.error(&written.span(), problem));
        }
        fixed.push(FixedHoliday { month, day });
    }
    let mut dated = BTreeSet::new();
    for holiday in entry.dated {
        let day = holiday.date.get_ref().0;
        if let Some(note) = holiday.review.note() {
            reviews.push(format!("holiday {day}: {}{note}", holiday.name));
        }
        if !dated.insert(day) {
            return Err(source.error(&holiday.date.span(), format!("the holiday {day} is there twice. Remove one")));
        }
    }
    Ok(WorkCalendar::new(rest_days, fixed, dated))
}

fn offices(
    source: &Source<'_>,
    entries: Vec<OfficeEntry>,
    reviews: &mut Vec<String>,
) -> Result<Vec<Office>, ConfigError> {
    let mut offices: Vec<Office> = Vec::new();
    for entry in entries {
        let code = entry.code.get_ref().0.clone();
        if offices.iter().any(|office| office.code == code) {
            return Err(
                source.error(&entry.code.span(), format!("office {code} is there twice. Give the second another code"))
            );
        }
        if let Some(note) = entry.review.note() {
            reviews.push(format!("office {code}: contacts and hours{note}"));
        }
        let name = entry.name.check(source, &format!("office {code}: name"), NAME, reviews)?;
        let address = entry.address.check(source, &format!("office {code}: address"), SENTENCE, reviews)?;
        let mut hours = Vec::new();
        for written in entry.hours {
            let span = written.span();
            let written = written.into_inner();
            if written.days.is_empty() || written.from.0 >= written.to.0 {
                let problem = format!("office {code}: opening hours need days, and must begin before they end");
                return Err(source.error(&span, problem));
            }
            let days = written.days.into_iter().map(|day| day.0).collect();
            hours.push(OpeningHours { days, from: written.from.0, to: written.to.0 });
        }
        offices.push(Office {
            code,
            name,
            address,
            phones: entry.phones.into_iter().map(|phone| phone.0).collect(),
            fax: entry.fax.map(|fax| fax.0),
            email: entry.email.map(|email| email.0.0),
            hours,
        });
    }
    if offices.is_empty() {
        return Err(
            source.error(&(0..0), "there is no office. Add one under [[offices]]; a dossier is handed in somewhere")
        );
    }
    Ok(offices)
}
