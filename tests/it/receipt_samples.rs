//! Receipts with real-looking contents, short, long and absurd, for the tests of the printed page.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use jiff::civil::{Date, DateTime};
use milaf::{
    dossier::{DepositorRole, Language, Localized, Term, TermUnit},
    print::{ChannelLine, Deadline, DepositorLine, HoursLine, ReceiptSheet},
};

pub(crate) fn localized(arabic: &str, french: &str, tamazight: &str, english: &str) -> Localized {
    Localized {
        arabic: arabic.to_owned(),
        french: french.to_owned(),
        tamazight: tamazight.to_owned(),
        english: english.to_owned(),
        review: false,
    }
}

/// The same text repeated until it has about this many characters in each language.
fn lengthened(text: &Localized, characters: usize) -> Localized {
    let long = |text: &str| {
        let times = characters.div_ceil(text.chars().count() + 1);
        vec![text; times].join(" ").chars().take(characters).collect::<String>().trim().to_owned()
    };
    localized(&long(&text.arabic), &long(&text.french), &long(&text.tamazight), &long(&text.english))
}

fn documents() -> Vec<Localized> {
    vec![
        localized("طلب مكتوب", "Demande écrite", "ⵜⵓⵜⵜⵔⴰ ⵉⵜⵜⵢⴰⵔⴰⵏ", "Written request"),
        localized(
            "شهادة الملكية أو ما يعادلها",
            "Certificat de propriété ou équivalent",
            "ⵜⴰⴳⵓⵔⵉ ⵏ ⵡⴰⵢⴷⴰ",
            "Title of property or equivalent",
        ),
        localized(
            "التصميم الموقعي والتصميم الطبوغرافي",
            "Plan de situation et plan topographique",
            "ⴰⵖⴰⵡⴰⵙ ⵏ ⵓⴷⵖⴰⵔ",
            "Site plan and topographical plan",
        ),
        localized(
            "نسخة من البطاقة الوطنية للتعريف الإلكترونية",
            "Copie de la carte nationale d’identité électronique",
            "ⵜⵓⵏⵖⵉⵍⵜ ⵏ ⵜⴽⴰⵕⴹⴰ ⵜⴰⵏⴰⵎⵓⵔⵜ",
            "Copy of the national identity card",
        ),
        localized("وصل أداء الأتعاب", "Quittance de paiement", "ⵜⴰⵎⴰⵜⴰⵔⵜ ⵏ ⵓⵅⵍⵍⵙ", "Receipt of payment"),
    ]
}

/// A 350-character URL, as a sealed token makes it.
pub(crate) fn sealed_url() -> String {
    let alphabet = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let letters = |count: usize, step: usize| -> String {
        (0..count).map(|at| char::from(alphabet[(at * step + at / 7 + at * at / 5) % 32])).collect()
    };
    format!("HTTPS://SUIVI.EXAMPLE.MA/D/{}/{}", letters(40, 11), letters(282, 13))
}

/// An ordinary receipt.
pub(crate) fn ordinary(languages: [Language; 2]) -> ReceiptSheet {
    let documents = documents();
    ReceiptSheet {
        languages,
        issuer: localized(
            "الوكالة الحضرية لكلميم واد نون",
            "Agence Urbaine de Guelmim-Oued Noun",
            "ⵜⴰⵡⴽⴰⵍⴰ ⵜⴰⵖⵔⵎⴰⵏⵜ ⵏ ⴳⵓⵍⵎⵉⵎ ⵡⴰⴷ ⵏⵓⵏ",
            "Urban Agency of Guelmim-Oued Noun",
        ),
        header: Some(localized(
            "المملكة المغربية\nوزارة إعداد التراب الوطني والتعمير",
            "Royaume du Maroc\nMinistère de l’Aménagement du territoire et de l’Urbanisme",
            "ⵜⴰⴳⵍⴷⵉⵜ ⵏ ⵍⵎⵖⵔⵉⴱ",
            "Kingdom of Morocco\nMinistry of Spatial Planning and Urbanism",
        )),
        office: localized("مكتب الضبط – كلميم", "Bureau d’ordre – Guelmim", "ⴰⵙⵉⵔⴰ ⵏ ⴳⵓⵍⵎⵉⵎ", "Front desk – Guelmim"),
        logo: None,
        reference: "NRU-2026-000123".to_owned(),
        procedure: localized(
            "مذكرة المعلومات التعميرية",
            "Note de renseignements urbanistiques",
            "ⵜⴰⵣⵎⵉⵍⵜ ⵏ ⵉⵏⵖⵎⵉⵙⵏ",
            "Planning information note",
        ),
        deposited_at: DateTime::constant(2026, 11, 23, 10, 42, 7, 0),
        applicant: "عبد الرحمان الإدريسي".to_owned(),
        depositor: DepositorLine { role: DepositorRole::Applicant, name: None },
        handed_in: documents[..4].to_vec(),
        missing: documents[4..].to_vec(),
        deadline: Some(Deadline {
            due: Some(Date::constant(2026, 12, 14)),
            term: Term { count: 15, unit: TermUnit::WorkingDays },
            basis: localized(
                "القرار المشترك، الجريدة الرسمية عدد 7211 بتاريخ 13 يوليوز 2023",
                "arrêté conjoint, Bulletin officiel du 13 juillet 2023",
                "ⵜⴰⵖⵜⴰⵙⵜ ⵏ 13/07/2023",
                "joint order, official bulletin of 13 July 2023",
            ),
        }),
        url: sealed_url(),
        domain: "suivi.example.ma".to_owned(),
        typed_code: "7K3D-9QXR".to_owned(),
        channels: [
            ("receipt-channel-phone", "+212 5 28 77 36 41 / 42"),
            ("receipt-channel-fax", "+212 5 28 77 36 43"),
            ("receipt-channel-portal", "www.augon.ma"),
            ("receipt-channel-email", "augon2020@gmail.com"),
            ("receipt-channel-complaints", "chikaya.ma"),
        ]
        .map(|(label_key, value)| ChannelLine { label_key, value: value.to_owned() })
        .into(),
        hours: vec![HoursLine {
            days: localized("من الاثنين إلى الجمعة", "Du lundi au vendredi", "ⵙⴳ ⵡⴰⵢⵏⴰⵙ ⴰⵔ ⴰⵙⵉⵎⵡⴰⵙ", "Monday to Friday"),
            times: "08:30 – 16:30".to_owned(),
        }],
        leaf_index: 41_233,
        tree_size: 41_236,
        root: std::array::from_fn(|at| u8::try_from(at * 37 % 251).unwrap()),
        footer: Some(localized(
            "قانون 55.19: لا يطلب من المرتفق أكثر من مرة واحدة تتميم ملفه.",
            "Loi 55-19 : l’administration ne peut demander qu’une seule fois de compléter le dossier.",
            "ⴰⵣⵔⴼ 55-19",
            "Law 55-19: the administration may ask only once for the file to be completed.",
        )),
        copy: None,
        replacement: false,
    }
}

/// As little as a receipt can say.
pub(crate) fn short(languages: [Language; 2]) -> ReceiptSheet {
    ReceiptSheet {
        header: None,
        applicant: "Ali".to_owned(),
        handed_in: documents()[..1].to_vec(),
        missing: Vec::new(),
        deadline: None,
        channels: Vec::new(),
        hours: Vec::new(),
        footer: None,
        url: "HTTPS://A.MA/D/0123456789ABCDEFGHJKMNPQRSTVWXYZ01234567".to_owned(),
        ..ordinary(languages)
    }
}

/// A company, filed by an architect, a reprint that replaces another, a suspended clock, ten documents.
pub(crate) fn busy(languages: [Language; 2]) -> ReceiptSheet {
    let plain = documents();
    let long = lengthened(&plain[2], 90);
    ReceiptSheet {
        reference: "PCG-2026-001987".to_owned(),
        procedure: localized(
            "رخصة بناء: مشروع كبير (عمارة سكنية وتجارية من أربعة طوابق)",
            "Permis de construire : grand projet (immeuble d’habitation et de commerce R+4)",
            "ⵜⵓⵔⴰⴳⵜ ⵏ ⵓⴱⵏⴰ: ⴰⵙⵏⴼⴰⵔ ⴰⵅⴰⵜⴰⵔ",
            "Building permit: large project (four-storey residential and commercial building)",
        ),
        applicant: "شركة ATLAS SUD للإنعاش العقاري والبناء (ش.م.م)".to_owned(),
        depositor: DepositorLine { role: DepositorRole::Architect, name: Some("Fatima-Zahra Aït Ouaziz".to_owned()) },
        handed_in: plain.iter().chain(&plain[1..4]).cloned().collect(),
        missing: vec![long, plain[4].clone()],
        deadline: ordinary(languages).deadline.map(|deadline| Deadline { due: None, ..deadline }),
        copy: Some(2),
        replacement: true,
        ..ordinary(languages)
    }
}

/// Twenty-five documents, names of 200 characters and long titles.
pub(crate) fn long(languages: [Language; 2]) -> ReceiptSheet {
    let plain = documents();
    let many = |count: usize, characters: usize| -> Vec<Localized> {
        (0..count).map(|at| lengthened(&plain[at % plain.len()], characters + at * 2)).collect()
    };
    let base = busy(languages);
    ReceiptSheet {
        procedure: lengthened(&base.procedure, 230),
        applicant: "الحاج عبد الرحمان بن محمد بن عبد الله الإدريسي ورثة ".repeat(4).chars().take(200).collect(),
        depositor: DepositorLine {
            role: DepositorRole::Surveyor,
            name: Some("Mohammed-Amine El Ouazzani Touhami-Benjelloun ".repeat(5).chars().take(200).collect()),
        },
        handed_in: many(20, 32),
        missing: many(5, 40),
        deadline: base.deadline.clone().map(|deadline| Deadline {
            due: Some(Date::constant(2027, 1, 23)),
            term: Term { count: 2, unit: TermUnit::Months },
            basis: lengthened(&deadline.basis, 180),
        }),
        ..base
    }
}

/// One word as long as a name may be, characters without a glyph, marks that would turn the text around.
pub(crate) fn hostile(languages: [Language; 2]) -> ReceiptSheet {
    ReceiptSheet {
        applicant: "\u{202E}Ali 🦀 王小明 \u{E000} \0 \u{200F}(ⵎⵓⵃ)\u{2067}".to_owned(),
        depositor: DepositorLine { role: DepositorRole::Other, name: Some("W".repeat(200)) },
        domain: "suivi-des-dossiers.agence-urbaine.guelmim-oued-noun.example.ma".to_owned(),
        channels: vec![
            ChannelLine {
                label_key: "receipt-channel-social",
                value: "https://www.facebook.com/AgenceUrbaineDeGuelmimOuedNounPageOfficielle?locale=fr_FR".to_owned(),
            };
            8
        ],
        hours: Vec::new(),
        leaf_index: u64::MAX,
        tree_size: u64::MAX,
        copy: Some(u16::MAX),
        ..ordinary(languages)
    }
}

/// A small logo: a disc on a transparent ground.
pub(crate) fn logo() -> Arc<[u8]> {
    let picture = image::RgbaImage::from_fn(240, 240, |x, y| {
        let (dx, dy) = (i64::from(x) - 120, i64::from(y) - 120);
        let distance = dx * dx + dy * dy;
        if distance > 118 * 118 {
            image::Rgba([0, 0, 0, 0])
        } else if (70 * 70..88 * 88).contains(&distance) {
            image::Rgba([255, 255, 255, 255])
        } else {
            image::Rgba([11, 83, 69, 255])
        }
    });
    let mut file = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut file, image::ImageFormat::Png).unwrap();
    file.into_inner().into()
}
