//! The words and colours of banners: eight languages, and each installation's and organisation's own changes.
//!
//! English sentences of findings stand in the rules; everything else stands in `rules/banner/*.toml`, which are part of
//! the binary. A [`Wording`] may be partial: a [`Speaker`] asks the organisation's first, then the installation's, then
//! the shipped one. All of it is checked when it is read, so that saying something cannot fail.

use super::wording_check::{checked_colours, plain_words};
use super::{LANGUAGES, Sentence, Severity, Verdict};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Octets of a wording file: a mistyped path must not fill memory or the database.
pub const MAX_WORDING_FILE: usize = 64 * 1_024;
/// Characters of a banner's first word.
const MAX_LABEL: usize = 24;
/// Characters of the link's text.
const MAX_LINK: usize = 40;
/// Characters of one sentence of advice.
const MAX_ADVICE: usize = 200;

/// The files of the binary, one a language.
const SHIPPED: [(&str, &str); 8] = [
    ("en.toml", include_str!("../../rules/banner/en.toml")),
    ("de.toml", include_str!("../../rules/banner/de.toml")),
    ("fr.toml", include_str!("../../rules/banner/fr.toml")),
    ("es.toml", include_str!("../../rules/banner/es.toml")),
    ("nl.toml", include_str!("../../rules/banner/nl.toml")),
    ("it.toml", include_str!("../../rules/banner/it.toml")),
    ("pt.toml", include_str!("../../rules/banner/pt.toml")),
    ("pl.toml", include_str!("../../rules/banner/pl.toml")),
];

static SHIPPED_WORDING: LazyLock<Wording> = LazyLock::new(|| {
    let mut wording = Wording::default();
    for (_, content) in SHIPPED {
        // A test reads every file: none is refused in a build that passed.
        if let Ok(words) = toml::from_str::<Words>(content) {
            wording.add_words(words, None).ok();
        }
    }
    wording
});

/// Colours of one severity: `#rrggbb`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Colours {
    /// Text.
    pub text: String,
    /// Background.
    pub background: String,
    /// The thick line at the left.
    pub border: String,
}

/// Words of some languages and colours of some severities; both may be partial.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wording {
    languages: BTreeMap<&'static str, Language>,
    colours: BTreeMap<Severity, Colours>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Language {
    link: Option<String>,
    labels: BTreeMap<Severity, String>,
    advice: BTreeMap<String, String>,
    general: BTreeMap<Severity, Entry>,
    released: Option<Entry>,
    findings: BTreeMap<String, Entry>,
}

/// What is said of one finding, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    text: Sentence,
    advice: String,
}

/// A file of changes, as an installation or an organisation writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Changes {
    #[serde(default)]
    colours: BTreeMap<Severity, Colours>,
    #[serde(default)]
    texts: Vec<Words>,
}

/// One language as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    language: String,
    link: Option<String>,
    #[serde(default)]
    label: BTreeMap<Severity, String>,
    /// Sentences that entries name instead of repeating them.
    #[serde(default)]
    advice: BTreeMap<String, String>,
    #[serde(default)]
    general: BTreeMap<Severity, Said>,
    released: Option<Said>,
    #[serde(default)]
    finding: BTreeMap<String, Said>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    text: String,
    advice: String,
}

impl Wording {
    /// The words that are part of the binary.
    #[must_use]
    pub fn shipped() -> &'static Self {
        &SHIPPED_WORDING
    }

    /// Reads a file of changes: `[colours.danger]`, `[[texts]]` with a `language`.
    ///
    /// # Errors
    /// What is wrong and where; nothing of the file counts then.
    pub fn parse(content: &str) -> Result<Self, String> {
        if content.len() > MAX_WORDING_FILE {
            return Err(format!("a file of banner texts has at most {MAX_WORDING_FILE} octets"));
        }
        let changes: Changes = toml::from_str(content).map_err(|error| {
            let before = content.get(..error.span().map_or(0, |span| span.start)).unwrap_or_default();
            format!("line {}: {}", before.matches('\n').count().saturating_add(1), error.message())
        })?;
        let mut wording = Self::default();
        for (severity, colours) in changes.colours {
            let name = severity.as_str();
            checked_colours(&colours).map_err(|reason| format!("colours.{name}: {reason}"))?;
            wording.colours.insert(severity, colours);
        }
        for words in changes.texts {
            wording.add_words(words, Some(Self::shipped()))?;
        }
        Ok(wording)
    }

    /// Puts another wording over this one.
    pub fn merge(&mut self, over: Self) {
        self.colours.extend(over.colours);
        for (code, words) in over.languages {
            let language = self.languages.entry(code).or_default();
            language.link = words.link.or_else(|| language.link.take());
            language.released = words.released.or_else(|| language.released.take());
            language.labels.extend(words.labels);
            language.advice.extend(words.advice);
            language.general.extend(words.general);
            language.findings.extend(words.findings);
        }
    }

    /// `shipped`: whose sentences of advice may be named.
    fn add_words(&mut self, words: Words, shipped: Option<&Self>) -> Result<(), String> {
        let code = words.language;
        let known = LANGUAGES.iter().find(|known| **known == code);
        let code = known.ok_or_else(|| format!("language {code:?} is none of {}", LANGUAGES.join(", ")))?;
        let at = |place: &str, reason: String| format!("{code}: {place} {reason}");
        let mut language = Language::default();
        for (severity, label) in words.label {
            plain_words(&label, MAX_LABEL).map_err(|reason| at("label", reason))?;
            language.labels.insert(severity, label);
        }
        for (name, advice) in words.advice {
            plain_words(&advice, MAX_ADVICE).map_err(|reason| at(&format!("advice.{name}"), reason))?;
            language.advice.insert(name, advice);
        }
        if let Some(link) = words.link {
            plain_words(&link, MAX_LINK).map_err(|reason| at("link", reason))?;
            language.link = Some(link);
        }
        // An entry's advice is the name of a sentence, of this file or shipped, or a sentence itself.
        let shipped = shipped.and_then(|shipped| shipped.languages.get(code));
        let entry = |place: &str, said: Said| {
            let text = Sentence::parse(&said.text).map_err(|reason| at(&format!("{place}.text"), reason))?;
            plain_words(&said.text, super::MAX_SENTENCE).map_err(|r| at(&format!("{place}.text"), r))?;
            let named = language.advice.get(&said.advice);
            let named = named.or_else(|| shipped.and_then(|language| language.advice.get(&said.advice)));
            let advice = named.cloned().unwrap_or(said.advice);
            plain_words(&advice, MAX_ADVICE).map_err(|reason| at(&format!("{place}.advice"), reason))?;
            Ok::<_, String>(Entry { text, advice })
        };
        let mut general = BTreeMap::new();
        for (severity, said) in words.general {
            general.insert(severity, entry(&format!("general.{}", severity.as_str()), said)?);
        }
        let released = words.released.map(|said| entry("released", said)).transpose()?;
        let mut findings = BTreeMap::new();
        for (finding, said) in words.finding {
            findings.insert(finding.clone(), entry(&format!("finding.{finding}"), said)?);
        }
        language.general = general;
        language.released = released;
        language.findings = findings;
        self.merge(Self { languages: BTreeMap::from([(*code, language)]), colours: BTreeMap::new() });
        Ok(())
    }
}

/// Says things in one language, by the first wording that has them.
#[derive(Clone, Copy, Debug)]
pub struct Speaker<'a> {
    language: &'a str,
    own: Option<&'a Wording>,
    installation: Option<&'a Wording>,
}

/// What a banner says, in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BannerWords {
    /// Of the words, ISO 639-1.
    pub language: &'static str,
    /// How loud: the first word and the colours follow it.
    pub severity: Severity,
    /// First word: `Warning`.
    pub label: String,
    /// The reason.
    pub headline: String,
    /// What to do.
    pub advice: String,
    /// Text of the link to the message's page.
    pub link: String,
    /// Colours.
    pub colours: Colours,
}

impl<'a> Speaker<'a> {
    /// In `language` (one of [`LANGUAGES`], else English), by the organisation's wording, then the installation's.
    #[must_use]
    pub fn new(language: &'a str, own: Option<&'a Wording>, installation: Option<&'a Wording>) -> Self {
        Self { language, own, installation }
    }

    /// What the banner of a judged message says: the loudest finding in this language, else something general.
    #[must_use]
    pub fn of_verdict(self, verdict: &Verdict) -> BannerWords {
        let spoken = verdict.spoken.as_ref();
        let entry = spoken.and_then(|spoken| {
            let entry = self.find(|language| language.findings.get(&spoken.code))?;
            Some((spoken.say(&entry.text), entry.advice.clone()))
        });
        let ready = || {
            let english = self.code() == "en" && !verdict.headline.is_empty();
            english.then(|| (verdict.headline.clone(), verdict.advice.clone()))
        };
        let (headline, advice) = entry.or_else(ready).unwrap_or_else(|| self.general(verdict.severity));
        self.words(verdict.severity, headline, advice)
    }

    /// What the banner of a released message says; `note` is the reviewer's sentence, if any.
    #[must_use]
    pub fn of_release(self, note: &str) -> BannerWords {
        let entry = self.find(|language| language.released.as_ref());
        let (headline, advice) =
            entry.map(|e| (e.text.render(|_| None), e.advice.clone())).unwrap_or_default();
        let advice = if note.is_empty() { advice } else { note.to_owned() };
        self.words(Severity::Info, headline, advice)
    }

    fn general(self, severity: Severity) -> (String, String) {
        let severity = severity.max(Severity::Info);
        let entry = self.find(|language| language.general.get(&severity));
        entry.map(|entry| (entry.text.render(|_| None), entry.advice.clone())).unwrap_or_default()
    }

    fn words(self, severity: Severity, headline: String, advice: String) -> BannerWords {
        let severity = severity.max(Severity::Info);
        let label = self.find(|language| language.labels.get(&severity)).cloned().unwrap_or_default();
        let link = self.find(|language| language.link.as_ref()).cloned().unwrap_or_default();
        let colours = self.wordings().find_map(|wording| wording.colours.get(&severity));
        let colours = colours.cloned().unwrap_or_else(|| default_colours(severity));
        BannerWords { language: self.code(), severity, label, headline, advice, link, colours }
    }

    /// The language spoken.
    fn code(self) -> &'static str {
        LANGUAGES.iter().find(|known| **known == self.language).copied().unwrap_or("en")
    }

    fn wordings(self) -> impl Iterator<Item = &'a Wording> {
        self.own.into_iter().chain(self.installation).chain([Wording::shipped()])
    }

    fn find<T: ?Sized>(self, what: impl Fn(&'a Language) -> Option<&'a T>) -> Option<&'a T> {
        let code = self.code();
        self.wordings().filter_map(|wording| wording.languages.get(code)).find_map(what)
    }
}

/// Mid-tone backgrounds that dark modes leave alone or darken evenly; every pair is far above the least contrast.
fn default_colours(severity: Severity) -> Colours {
    let (text, background, border) = match severity {
        Severity::Danger => ("#5b0f0f", "#fbdcdc", "#b3261e"),
        Severity::Caution => ("#4a3300", "#ffecc2", "#a86400"),
        Severity::Info | Severity::None => ("#0b2f4f", "#d9eafa", "#1f6fb2"),
    };
    Colours { text: text.to_owned(), background: background.to_owned(), border: border.to_owned() }
}

#[cfg(test)]
#[path = "wording_tests.rs"]
mod tests;
