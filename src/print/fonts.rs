//! The embedded fonts, read once per thread.
//!
//! Only these five faces exist: a receipt must look the same on every machine, so no font of the system is ever consulted.
//! The shaping context needs `&mut`, hence one per thread rather than one behind a lock that printing desks would queue at.

use std::{cell::RefCell, sync::Arc};

use parley::{
    FontContext, LayoutContext,
    fontique::{Blob, CharmapIndex, Collection, CollectionOptions, SourceCache},
};

const FACES: [&[u8]; 5] = [
    include_bytes!("../../assets/fonts/NotoSans-Regular.ttf"),
    include_bytes!("../../assets/fonts/NotoSans-Bold.ttf"),
    include_bytes!("../../assets/fonts/NotoSansArabic-Regular.ttf"),
    include_bytes!("../../assets/fonts/NotoSansArabic-Bold.ttf"),
    include_bytes!("../../assets/fonts/NotoSansTifinagh-Regular.ttf"),
];

/// The families in the order in which a character is looked for; Latin first, so that digits look alike in every language.
pub(super) const FAMILIES: [&str; 3] = ["Noto Sans", "Noto Sans Arabic", "Noto Sans Tifinagh"];

/// What shaping needs: the fonts and its scratch space.
pub(super) struct Shaper {
    pub(super) fonts: FontContext,
    pub(super) scratch: LayoutContext<()>,
    charmaps: Vec<(CharmapIndex, &'static [u8])>,
}

impl Shaper {
    fn new() -> Self {
        let mut collection = Collection::new(CollectionOptions { shared: false, system_fonts: false });
        let mut charmaps = Vec::with_capacity(FACES.len());
        for face in FACES {
            for (_, fonts) in collection.register_fonts(Blob::new(Arc::new(face)), None) {
                charmaps.extend(fonts.iter().map(|font| (font.charmap_index(), face)));
            }
        }
        let fonts = FontContext { collection, source_cache: SourceCache::default() };
        Self { fonts, scratch: LayoutContext::new(), charmaps }
    }

    /// Whether some embedded font has a glyph for the character.
    pub(super) fn has_glyph(&self, character: char) -> bool {
        let maps = |(index, face): &(CharmapIndex, &[u8])| {
            index.charmap(face).and_then(|map| map.map(character)).is_some_and(|glyph| glyph != 0)
        };
        character.is_ascii_graphic() || character == ' ' || self.charmaps.iter().any(maps)
    }
}

thread_local! {
    static SHAPER: RefCell<Shaper> = RefCell::new(Shaper::new());
}

/// Lends this thread's shaper.
pub(super) fn with_shaper<T>(task: impl FnOnce(&mut Shaper) -> T) -> T {
    SHAPER.with_borrow_mut(task)
}
