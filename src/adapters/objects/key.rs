//! Names of objects.

use crate::limits;
use std::fmt;

/// The name of an object: segments of letters, digits, `-`, `_` and `.`, joined by `/`. It is ours from end to end
/// (ids, hashes, fixed words), so that no name can leave its folder or need escaping in any store.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// Takes a name that keeps to the alphabet.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fine = |segment: &str| {
            !segment.is_empty()
                && !segment.starts_with('.')
                && !segment.ends_with(super::folder::UNFINISHED)
                && segment.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet))
        };
        (text.len() <= limits::MAX_OBJECT_KEY && text.split('/').all(fine)).then(|| Self(text.to_owned()))
    }

    /// A fixed word of the program. Anything outside the alphabet is replaced by `_`.
    #[must_use]
    pub fn of(text: impl fmt::Display) -> Self {
        let clean = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' };
        Self(text.to_string().chars().take(limits::MAX_OBJECT_KEY).map(clean).collect())
    }

    /// `self/name`.
    #[must_use]
    pub fn join(&self, name: &Self) -> Self {
        Self(format!("{}/{}", self.0, name.0))
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last segment.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    pub(super) fn is_directly_below(&self, folder: &Self) -> bool {
        self.0.rsplit_once('/').is_some_and(|(above, _)| above == folder.0)
    }

    pub(super) fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_within_their_folder() {
        for (text, fine) in [
            ("01ARZ3NDEKTSV4RRFFQ69G5FAV/01ARZ3NDEKTSV4RRFFQ69G5FAV", true),
            ("chunks/ab/abcd", true),
            ("manifests/01ARZ3.json", true),
            ("", false),
            ("a//b", false),
            ("/a", false),
            ("a/", false),
            ("../a", false),
            ("a/..", false),
            (".hidden", false),
            ("a b", false),
            ("a\\b", false),
            ("a%2fb", false),
            ("body.new", false),
        ] {
            assert_eq!(Key::parse(text).is_some(), fine, "{text}");
        }
        assert!(Key::parse(&"a".repeat(limits::MAX_OBJECT_KEY + 1)).is_none());
        assert_eq!(Key::of("../x y").as_str(), "___x_y");
        assert_eq!(Key::of("a").join(&Key::of("b")).name(), "b");
    }
}
