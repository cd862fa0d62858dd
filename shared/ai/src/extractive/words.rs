//! The words that carry meaning, and how often a text has them.

use std::collections::{BTreeSet, HashMap};

use unicode_segmentation::UnicodeSegmentation;

/// Words of four letters and more that say nothing alone, in English, German, French and Spanish.
/// Shorter words are left out in any case.
const COMMON: [&str; 96] = [
    "about", "after", "alle", "alors", "also", "although", "among", "another", "aber", "auch",
    "aussi", "avec", "because", "been", "before", "being", "between", "both", "cada", "cette",
    "como", "could", "cuando", "dans", "dass", "desde", "diese", "dieser", "does", "donde",
    "during", "each", "eine", "einem", "einen", "einer", "elle", "entre", "from", "haben", "have",
    "having", "hasta", "ihre", "into", "itself", "kann", "leur", "mais", "mehr", "more", "most",
    "much", "muss", "nach", "nicht", "noch", "nous", "oder", "only", "other", "over", "para",
    "pero", "plus", "porque", "pour", "shall", "should", "sich", "sind", "sobre", "some", "sont",
    "such", "than", "that", "their", "them", "then", "there", "these", "they", "this", "those",
    "through", "under", "unter", "very", "were", "werden", "when", "which", "while", "with",
    "would",
];

/// Returns the words of a text that carry meaning, in lower case, each once.
pub(super) fn content(text: &str) -> BTreeSet<String> {
    text.unicode_words()
        .map(str::to_lowercase)
        .filter(|word| carries_meaning(word))
        .collect()
}

/// How many passages have each word.
#[derive(Debug, Default)]
pub(super) struct Frequencies(HashMap<String, u64>);

impl Frequencies {
    /// Words that are in more passages than this count no higher.
    const MOST: u64 = 12;

    pub(super) fn add(&mut self, words: &BTreeSet<String>) {
        for word in words {
            *self.0.entry(word.clone()).or_default() += 1;
        }
    }

    /// Returns how much a word counts: not at all when no other passage has it.
    pub(super) fn weight(&self, word: &str) -> u64 {
        let passages = self.0.get(word).copied().unwrap_or_default();
        passages.saturating_sub(1).min(Self::MOST)
    }
}

fn carries_meaning(word: &str) -> bool {
    // One ideograph or syllable says as much as several letters.
    let dense = word.chars().any(|c| c >= '\u{2e80}');
    dense
        || (word.chars().count() >= 4
            && word.chars().any(char::is_alphabetic)
            && !COMMON.contains(&word))
}
