//! Who the imaginary applicants are: names as people here bear them, in Arabic or Latin letters. Nobody in particular is
//! meant, and the telephone numbers are drawn at random.

use super::dice::Dice;
use crate::service::RawIntake;

const WOMEN: [(&str, &str); 16] = [
    ("فاطمة الزهراء", "Fatima-Zahra"),
    ("خديجة", "Khadija"),
    ("مريم", "Meryem"),
    ("سلمى", "Salma"),
    ("زينب", "Zineb"),
    ("نعيمة", "Naïma"),
    ("حليمة", "Halima"),
    ("رقية", "Rkia"),
    ("السالكة", "Salka"),
    ("مباركة", "Mbarka"),
    ("لالة عائشة", "Lalla Aïcha"),
    ("إيمان", "Imane"),
    ("تودة", "Touda"),
    ("أمينة", "Amina"),
    ("نزهة", "Nezha"),
    ("الغالية", "El Ghalia"),
];

const MEN: [(&str, &str); 18] = [
    ("محمد", "Mohamed"),
    ("الحسين", "El Houssine"),
    ("عبد الله", "Abdellah"),
    ("إبراهيم", "Brahim"),
    ("لحسن", "Lahcen"),
    ("عبد الرحمان", "Abderrahmane"),
    ("يوسف", "Youssef"),
    ("مولاي أحمد", "Moulay Ahmed"),
    ("سيدي محمد", "Sidi Mohamed"),
    ("الطيب", "Taïeb"),
    ("رشيد", "Rachid"),
    ("بوجمعة", "Boujemaâ"),
    ("مبارك", "M'barek"),
    ("عمر", "Omar"),
    ("كريم", "Karim"),
    ("حسن", "Hassan"),
    ("علي سالم", "Ali Salem"),
    ("أيوب", "Ayoub"),
];

const FAMILIES: [(&str, &str); 28] = [
    ("الإدريسي", "El Idrissi"),
    ("آيت بلا", "Aït Bella"),
    ("بوحمالة", "Bouhmala"),
    ("العلوي", "Alaoui"),
    ("بنسالم", "Bensalem"),
    ("أوبلا", "Oubella"),
    ("الركيبي", "Rguibi"),
    ("التكني", "Tekni"),
    ("بيروك", "Bairouk"),
    ("أمهاوش", "Amhaouch"),
    ("الوعبان", "El Ouaban"),
    ("بوفوس", "Boufous"),
    ("أزرو", "Azrou"),
    ("حمداوي", "Hamdaoui"),
    ("الناجم", "Najem"),
    ("أيت لحسن", "Aït Lahcen"),
    ("الكنتي", "El Kounti"),
    ("باعمراني", "Baamrani"),
    ("بوعيدة", "Bouaïda"),
    ("السملالي", "Semlali"),
    ("الفيلالي", "Filali"),
    ("أوزين", "Ouzine"),
    ("بلقاسم", "Belkacem"),
    ("العروسي", "Laaroussi"),
    ("أشنكلي", "Achengli"),
    ("المسعودي", "Messaoudi"),
    ("الناصري", "Naciri"),
    ("زروالي", "Zeroual"),
];

const COMPANIES: [&str; 8] = [
    "Sté Oued Noun Immobilier SARL",
    "Atlas Sud Promotion SARL",
    "شركة النخيل للإنعاش العقاري ش.م.م",
    "Coopérative Argan Aït Baâmrane",
    "تعاونية الواحة للسكن",
    "Sté Bab Sahara Construction SARL AU",
    "ودادية الأمل السكنية",
    "Groupe Tafoukt Logement SA",
];

const ARCHITECTS: [&str; 6] = [
    "Nadia Benchekroun, architecte",
    "المهندس المعماري ياسين الزاوي",
    "Cabinet Aït Ouaziz Architectes",
    "Hicham Lamrani, architecte",
    "المهندسة المعمارية سناء بوستة",
    "Atelier Dra Architecture",
];

const SURVEYORS: [&str; 3] =
    ["Topo Sud, géomètre-topographe", "المهندس الطوبوغرافي عزيز مزوار", "Cabinet Ifni Topographie"];

const QUARTERS: [&str; 6] =
    ["Hay Al Massira", "حي الفداء", "Lot. Tiguelmamine", "دوار أباينو", "Hay Moulay Rachid", "Lot. Oum Laachar"];

/// A person's name, whole in one of the two scripts.
pub(super) fn person(dice: &mut Dice) -> String {
    let first = if dice.percent(45) { dice.pick(&WOMEN) } else { dice.pick(&MEN) };
    let family = dice.pick(&FAMILIES);
    if dice.percent(55) { format!("{} {}", first.0, family.0) } else { format!("{} {}", first.1, family.1) }
}

/// Who applies, who hands in, and how to reach them. Every fifth dossier leaves no digits, so that pages without a second
/// level are seen too.
pub(super) fn intake(dice: &mut Dice, large: bool) -> RawIntake {
    let mut raw = RawIntake::default();
    if large && dice.percent(60) {
        "company".clone_into(&mut raw.applicant_kind);
        dice.pick(&COMPANIES).clone_into(&mut raw.applicant);
    } else {
        raw.applicant = person(dice);
    }
    match dice.between(1, 100) {
        1..=30 => {
            "architect".clone_into(&mut raw.depositor_role);
            dice.pick(&ARCHITECTS).clone_into(&mut raw.depositor);
        }
        31..=42 => {
            "surveyor".clone_into(&mut raw.depositor_role);
            dice.pick(&SURVEYORS).clone_into(&mut raw.depositor);
        }
        43..=52 => {
            "other".clone_into(&mut raw.depositor_role);
            raw.depositor = person(dice);
        }
        _ => {}
    }
    if dice.percent(80) {
        raw.phone = phone(dice);
        if dice.percent(40) {
            raw.identity = format!("JA{}", dice.between(100_000, 199_999));
        }
    }
    raw.parcel = match dice.between(1, 10) {
        1..=7 => format!("T {}/{}", dice.between(120, 48_900), dice.pick(&[31, 56, 59])),
        8 => format!("R {}/{}", dice.between(100, 9_900), 31),
        9 => format!("{} n° {}", dice.pick(&QUARTERS), dice.between(1, 480)),
        _ => String::new(),
    };
    if large && dice.percent(50) {
        raw.rokhas = format!("RK-{}-{:05}", dice.between(2024, 2026), dice.between(1, 99_999));
    }
    raw
}

pub(super) fn phone(dice: &mut Dice) -> String {
    format!("0{}{:08}", dice.pick(&[6, 7]), dice.between(10_000_000, 99_999_999))
}

pub(super) fn architect(dice: &mut Dice) -> &'static str {
    dice.pick(&ARCHITECTS)
}
