//! The four languages of Milaf and a text that exists in each of them.

/// A language of the pages and papers. Arabic is first because it is the default, not because of its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Language {
    Arabic,
    French,
    Tamazight,
    English,
}

impl Language {
    /// In the order in which the language switch shows them.
    pub const ALL: [Self; 4] = [Self::Arabic, Self::French, Self::Tamazight, Self::English];

    /// The BCP 47 tag.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Arabic => "ar",
            Self::French => "fr",
            Self::Tamazight => "zgh",
            Self::English => "en",
        }
    }

    /// The HTML `dir` value. Tifinagh is written left to right.
    pub const fn direction(self) -> &'static str {
        match self {
            Self::Arabic => "rtl",
            Self::French | Self::Tamazight | Self::English => "ltr",
        }
    }

    /// The language's own name for itself.
    pub const fn endonym(self) -> &'static str {
        match self {
            Self::Arabic => "العربية",
            Self::French => "Français",
            Self::Tamazight => "ⵜⴰⵎⴰⵣⵉⵖⵜ",
            Self::English => "English",
        }
    }

    /// Reads a tag such as `fr`, `fr-MA` or `AR`; the region is ignored.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }
}

/// One text in the four languages, with a mark where no source or native speaker has confirmed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Localized {
    pub arabic: String,
    pub french: String,
    pub tamazight: String,
    pub english: String,
    /// The text still needs a native speaker's or a jurist's review; `milaf doctor` lists it.
    pub review: bool,
}

impl Localized {
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::Arabic => &self.arabic,
            Language::French => &self.french,
            Language::Tamazight => &self.tamazight,
            Language::English => &self.english,
        }
    }
}
