//! How to reach the agency: every channel as a link that a phone understands, and when the offices are open.

use jiff::civil::Weekday;

use super::frame::Frame;
use crate::config::{Channels, ContactPhone, Office};

/// One channel.
#[derive(Clone, Debug)]
pub(super) struct Channel {
    pub(super) label: String,
    pub(super) links: Vec<Link>,
}

#[derive(Clone, Debug)]
pub(super) struct Link {
    /// Empty for a fax, which a phone cannot call.
    pub(super) address: String,
    pub(super) text: String,
}

#[derive(Clone, Debug)]
pub(super) struct Hours {
    pub(super) days: String,
    pub(super) times: String,
}

/// An office with its own contacts.
#[derive(Clone, Debug)]
pub(super) struct OfficeCard<'a> {
    pub(super) name: &'a str,
    pub(super) address: &'a str,
    pub(super) channels: Vec<Channel>,
    pub(super) hours: Vec<Hours>,
}

impl<'a> OfficeCard<'a> {
    pub(super) fn new(frame: &Frame<'a>, office: &'a Office) -> Self {
        let mut channels = Vec::new();
        channels.extend(phones(frame, &office.phones));
        channels.extend(fax(frame, office.fax.as_ref()));
        channels.extend(email(frame, office.email.as_deref()));
        let hours = |hours: &crate::config::OpeningHours| Hours {
            days: days(frame, &hours.days),
            times: frame.with("hours-range", &[("from", &clock(hours.from)), ("to", &clock(hours.to))]),
        };
        Self {
            name: office.name.get(frame.language),
            address: office.address.get(frame.language),
            channels,
            hours: office.hours.iter().map(hours).collect(),
        }
    }
}

/// The agency's own channels, without those that the office beside them shows already.
pub(super) fn channels(frame: &Frame<'_>, channels: &Channels, beside: Option<&Office>) -> Vec<Channel> {
    let shown = |phones: &[ContactPhone]| beside.is_some_and(|office| office.phones == phones);
    let mut list = Vec::new();
    if !shown(&channels.phones) {
        list.extend(phones(frame, &channels.phones));
    }
    if beside.is_none_or(|office| office.fax != channels.fax) {
        list.extend(fax(frame, channels.fax.as_ref()));
    }
    if beside.is_none_or(|office| office.email != channels.email) {
        list.extend(email(frame, channels.email.as_deref()));
    }
    let page = |key: &str, address: &String| Channel { label: frame.text(key), links: vec![site(address)] };
    list.extend(channels.portal.iter().map(|address| page("channel-portal", address)));
    list.extend(channels.complaints.iter().map(|address| page("channel-complaints", address)));
    if !channels.social.is_empty() {
        let link = |page: &crate::config::SocialPage| Link { address: page.url.clone(), text: page.name.clone() };
        let links = channels.social.iter().map(link).collect();
        list.push(Channel { label: frame.text("channel-social"), links });
    }
    list
}

fn phones(frame: &Frame<'_>, phones: &[ContactPhone]) -> Option<Channel> {
    let link = |phone: &ContactPhone| Link { address: format!("tel:{}", phone.tel), text: phone.display.clone() };
    let links: Vec<Link> = phones.iter().map(link).collect();
    (!links.is_empty()).then(|| Channel { label: frame.text("channel-phone"), links })
}

fn fax(frame: &Frame<'_>, fax: Option<&ContactPhone>) -> Option<Channel> {
    let link = |fax: &ContactPhone| Link { address: String::new(), text: fax.display.clone() };
    fax.map(|fax| Channel { label: frame.text("channel-fax"), links: vec![link(fax)] })
}

fn email(frame: &Frame<'_>, email: Option<&str>) -> Option<Channel> {
    let link = |email: &str| Link { address: format!("mailto:{email}"), text: email.to_owned() };
    email.map(|email| Channel { label: frame.text("channel-email"), links: vec![link(email)] })
}

fn site(address: &str) -> Link {
    let text = address.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
    Link { address: address.to_owned(), text: text.to_owned() }
}

fn clock(time: jiff::civil::Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

/// Three days or more in a row become a range.
fn days(frame: &Frame<'_>, days: &[Weekday]) -> String {
    const KEYS: [&str; 7] = [
        "weekday-monday",
        "weekday-tuesday",
        "weekday-wednesday",
        "weekday-thursday",
        "weekday-friday",
        "weekday-saturday",
        "weekday-sunday",
    ];
    let open = |offset: usize| days.iter().any(|day| usize::try_from(day.to_monday_zero_offset()) == Ok(offset));
    let mut parts = Vec::new();
    let mut at = 0;
    while at < KEYS.len() {
        let length = (at..KEYS.len()).take_while(|offset| open(*offset)).count();
        match length {
            0 => {}
            1 | 2 => parts.extend((at..at + length).map(|offset| frame.text(KEYS[offset]))),
            _ => {
                let (from, to) = (frame.text(KEYS[at]), frame.text(KEYS[at + length - 1]));
                parts.push(frame.with("weekday-range", &[("from", &from), ("to", &to)]));
            }
        }
        at += length.max(1);
    }
    parts.join(if frame.direction() == "rtl" { "، " } else { ", " })
}
