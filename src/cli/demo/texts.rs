//! What staff of the imaginary office write, in Arabic and French as they do.

use crate::dossier::Paragraph;

pub(super) const COMMITTEE_ROOM: &str = "قاعة الاجتماعات – Salle de réunion";

pub(super) const COMPLEMENTS: [&str; 4] = [
    "المرجو استكمال الملف بالوثائق المشار إليها حتى نتمكن من متابعة دراسته.",
    "Merci de compléter le dossier avec les pièces indiquées, en deux exemplaires.",
    "الوثيقة المدلى بها غير مقروءة، المرجو الإدلاء بنسخة واضحة منها.",
    "Pièce manquante au dépôt : à remettre au guichet ou par votre architecte.",
];

pub(super) const PUBLIC_NOTES: [&str; 4] = [
    "تمت إحالة ملفكم على المصلحة المختصة.",
    "Votre dossier a été transmis au service chargé de l'étude.",
    "سيتصل بكم المهندس المكلف لتحديد موعد المعاينة.",
    "Le guichet est ouvert du lundi au vendredi pour toute question.",
];

pub(super) const INTERNAL_NOTES: [&str; 4] = [
    "يراجع مع مصلحة التصاميم قبل العرض على اللجنة.",
    "Vérifier la limite de zone sur le plan d'aménagement.",
    "Parcelle voisine d'un dossier déposé en 2025.",
    "في انتظار جواب الجماعة.",
];

pub(super) const RESERVATIONS: [&str; 3] = [
    "مراعاة ارتفاق الطريق المحدد في عشرة أمتار.",
    "Respecter le recul de 4 mètres en façade et fournir l'étude parasismique avant le démarrage du chantier.",
    "Revoir l'emplacement de la fosse septique conformément au plan joint.",
];

pub(super) const GROUNDS: [&str; 2] = [
    "العلو المقترح يتجاوز ما يسمح به تصميم التهيئة.",
    "Le projet se trouve en zone non constructible du plan d'aménagement.",
];

pub(super) const ADJOURNMENTS: [&str; 2] =
    ["تأجيل إلى حين الإدلاء بتصميم معدل.", "Reporté à la prochaine réunion, la commune étant absente."];

pub(super) const WITHDRAWALS: [&str; 2] =
    ["تنازل صاحب الطلب عن مشروعه.", "Abandon à la demande du pétitionnaire, projet reporté."];

pub(super) const EXTENSION: &str = "يتطلب الملف معاينة إضافية.";
pub(super) const REPLACEMENT: &str = "ضياع الوصل";
pub(super) const CORRECTION: &str = "Erreur de saisie au guichet";

pub(super) fn paragraph(text: &str) -> Paragraph {
    Paragraph::new(text).expect("the texts of this file are short and plain")
}
