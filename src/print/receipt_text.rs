//! The receipt as plain text with a QR symbol for terminals, in one language.

use super::{
    paragraph::{isolated, plain},
    qr::QrSymbol,
    receipt_sheet::ReceiptSheet,
    receipt_words::{counted, deadline_detail, deposited_at, depositor_role, log_position, notices},
};
use crate::{
    dossier::{DepositorRole, Language},
    i18n,
};

/// Everything the paper says, line by line. When the URL fits no symbol, the typed address stands alone.
pub fn receipt_text(sheet: &ReceiptSheet, language: Language) -> String {
    let text = |key: &str| i18n::text(language, key);
    let colon = text("colon");
    let mut lines: Vec<String> = Vec::new();
    lines.extend(sheet.header.iter().flat_map(|header| header.get(language).lines()).map(plain));
    lines.push(plain(sheet.issuer.get(language)));
    lines.push(plain(sheet.office.get(language)));
    lines.push(String::new());
    lines.push(text("receipt-title"));
    lines.extend(notices(sheet, language));
    let mut fact = |key: &str, value: &str| lines.push(format!("{}{colon}{value}", text(key)));
    fact("receipt-reference", &isolated(&sheet.reference));
    fact("receipt-deposited-at", &deposited_at(sheet));
    fact("receipt-procedure", &plain(sheet.procedure.get(language)));
    fact("receipt-applicant", &plain(&sheet.applicant));
    fact("receipt-depositor", &depositor(sheet, language));
    if let Some(deadline) = &sheet.deadline {
        match deadline.due {
            Some(due) => fact("receipt-deadline", &isolated(&i18n::date(due))),
            None => lines.push(text("receipt-deadline-suspended")),
        }
        lines.push(format!("  {}", deadline_detail(deadline, language)));
    }
    lines.push(String::new());
    lines.push(counted(language, "receipt-handed-in", sheet.handed_in.len()));
    lines.extend(sheet.handed_in.iter().map(|document| format!("  [x] {}", plain(document.get(language)))));
    if !sheet.missing.is_empty() {
        lines.push(counted(language, "receipt-missing", sheet.missing.len()));
        lines.extend(sheet.missing.iter().map(|document| format!("  [ ] {}", plain(document.get(language)))));
    }
    lines.extend([String::new(), text("receipt-ownership"), String::new()]);
    if let Ok(symbol) = QrSymbol::new(&sheet.url) {
        lines.extend(symbol.terminal().lines().map(str::to_owned));
    }
    lines.push(text("receipt-instructions-lead"));
    lines.push(text("receipt-instructions"));
    for (key, value) in
        [("receipt-site", &sheet.domain), ("receipt-reference", &sheet.reference), ("receipt-code", &sheet.typed_code)]
    {
        lines.push(format!("  {}{colon}{}", text(key), isolated(value)));
    }
    lines.push(String::new());
    lines.extend(
        sheet.channels.iter().map(|channel| format!("{}{colon}{}", text(channel.label_key), isolated(&channel.value))),
    );
    lines.extend(
        sheet.hours.iter().map(|hours| format!("{}{colon}{}", plain(hours.days.get(language)), isolated(&hours.times))),
    );
    lines.extend([String::new(), log_position(sheet, language)]);
    lines.extend(sheet.footer.iter().map(|footer| plain(footer.get(language))));
    lines.join("\n") + "\n"
}

fn depositor(sheet: &ReceiptSheet, language: Language) -> String {
    match (&sheet.depositor.name, sheet.depositor.role) {
        (None, DepositorRole::Applicant) => i18n::text(language, "receipt-depositor-in-person"),
        (None, role) => depositor_role(role, language),
        (Some(name), role) => format!("{} ({})", plain(name), depositor_role(role, language)),
    }
}
