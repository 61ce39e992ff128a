//! File and environment to [`Settings`], with the origin of every value.
//!
//! Names and types are checked here against [`KEYS`], so that every mistake is reported with its line at once; serde
//! alone would stop at the first.

use super::error::{ConfigErrors, Problem, nearest};
use super::settings::{KEYS, Key, Kind, SECTIONS, Settings};
use crate::limits;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Environment variables that begin so and hold `__` override keys.
const PREFIX: &str = "SENTRA_";

/// Where a value comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    #[default]
    Default,
    /// The file, at this line.
    File(usize),
    /// This environment variable.
    Environment(String),
}

impl Origin {
    /// The place in words; `file` is the configuration file's name.
    #[must_use]
    pub fn place(&self, file: &Path) -> String {
        match self {
            Self::Default => format!("default, not set in {}", file.display()),
            Self::File(line) => format!("{}:{line}", file.display()),
            Self::Environment(name) => format!("environment variable {name}"),
        }
    }
}

/// The environment, handed in so that tests can have their own.
pub type Environment = BTreeMap<String, String>;

/// The variables of this process that may concern us. What is not UTF-8 is taken with replacement characters and
/// fails its check.
#[must_use]
pub fn environment() -> Environment {
    std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect()
}

/// The settings and where each came from.
#[derive(Clone, Debug)]
pub struct Sourced {
    /// What file and environment say.
    pub settings: Settings,
    /// `section.key` → origin; missing means default.
    pub origins: BTreeMap<String, Origin>,
}

impl Sourced {
    /// Where `section.key` comes from.
    #[must_use]
    pub fn origin(&self, path: &str) -> Origin {
        self.origins.get(path).cloned().unwrap_or_default()
    }
}

/// Collects values and problems while walking.
struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
    values: BTreeMap<String, (&'static Key, toml::Value, Origin)>,
    problems: Vec<Problem>,
}

/// Reads `file` and lets `environment` override it.
///
/// # Errors
/// Every unknown key and wrong type, with line and remedy.
pub(super) fn read(file: &Path, environment: &Environment) -> Result<Sourced, ConfigErrors> {
    let text = read_bounded(file, limits::MAX_CONFIG_FILE).map_err(|error| Problem {
        what: format!("the configuration file cannot be read: {error}"),
        place: file.display().to_string(),
        help: "name another with --config FILE or SENTRA_CONFIG, or create one with `sentra init --dir DIR`"
            .into(),
    })?;
    read_text(file, &text, environment)
}

/// As [`read`], of text that is already there.
///
/// # Errors
/// As [`read`].
pub(super) fn read_text(file: &Path, text: &str, environment: &Environment) -> Result<Sourced, ConfigErrors> {
    let mut reader = Reader { file, text, values: BTreeMap::new(), problems: Vec::new() };
    let (table, syntax) = DeTable::parse_recoverable(text);
    if !syntax.is_empty() {
        return Err(ConfigErrors(syntax.iter().map(|error| reader.syntax(error)).collect()));
    }
    for (name, value) in table.get_ref() {
        reader.section(name, value);
    }
    for (name, value) in environment {
        reader.variable(name, value);
    }
    reader.finish()
}

impl Reader<'_> {
    fn place(&self, offset: usize) -> (usize, String) {
        let line = 1 + self.text.bytes().take(offset).filter(|octet| *octet == b'\n').count();
        (line, format!("{}:{line}", self.file.display()))
    }

    fn syntax(&self, error: &toml::de::Error) -> Problem {
        let (_, place) = self.place(error.span().map_or(0, |span| span.start));
        Problem {
            what: format!("not valid TOML: {}", error.message()),
            place,
            help: "mend this line; values are \"text\", 123, true or [\"a\", \"b\"], one key a line".into(),
        }
    }

    fn section(&mut self, name: &Spanned<std::borrow::Cow<'_, str>>, value: &Spanned<DeValue<'_>>) {
        let (_, place) = self.place(name.span().start);
        let word = name.get_ref().as_ref();
        let Some((section, _)) = SECTIONS.iter().find(|(section, _)| *section == word) else {
            self.problems.push(unknown_section(word, place));
            return;
        };
        let Some(table) = value.get_ref().as_table() else {
            self.problems.push(Problem {
                what: format!("`{word}` is a section, not a key"),
                place,
                help: format!("write [{word}] on a line of its own and its keys below"),
            });
            return;
        };
        for (name, value) in table {
            let (line, place) = self.place(name.span().start);
            let word = name.get_ref().as_ref();
            let Some(key) = Key::find(section, word) else {
                self.problems.push(unknown_key(section, word, place));
                continue;
            };
            match convert(key, value.get_ref()) {
                Ok(value) => {
                    self.values.insert(key.path(), (key, value, Origin::File(line)));
                }
                Err(found) => self.problems.push(wrong_kind(key, found, place)),
            }
        }
    }

    fn variable(&mut self, name: &str, text: &str) {
        let Some((section, key)) = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once("__")) else {
            return;
        };
        let place = format!("environment variable {name}");
        let Some(key) = Key::find(&section.to_lowercase(), &key.to_lowercase()) else {
            let names: Vec<String> = KEYS.iter().map(Key::variable).collect();
            let help = nearest(name, names.iter().map(String::as_str)).map_or_else(
                || {
                    "variables are named SENTRA_SECTION__KEY; see `sentra config show` for the keys"
                        .to_owned()
                },
                |near| format!("did you mean {near}?"),
            );
            let what = format!("{name} names no key of the configuration");
            self.problems.push(Problem { what, place, help });
            return;
        };
        let text = text.trim();
        let value = match key.kind {
            Kind::Text | Kind::Secret => Some(toml::Value::from(text)),
            Kind::List => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Some(items.map(str::to_owned).collect::<Vec<_>>().into())
            }
            Kind::Number => {
                text.parse::<u64>().ok().and_then(|n| i64::try_from(n).ok()).map(toml::Value::from)
            }
            Kind::Flag => text.parse::<bool>().ok().map(toml::Value::from),
        };
        match value {
            Some(value) => {
                self.values.insert(key.path(), (key, value, Origin::Environment(name.to_owned())));
            }
            None => self.problems.push(wrong_kind(key, "something else", place)),
        }
    }

    fn finish(self) -> Result<Sourced, ConfigErrors> {
        if !self.problems.is_empty() {
            return Err(ConfigErrors(self.problems));
        }
        let mut table = toml::Table::new();
        let mut origins = BTreeMap::new();
        for (path, (key, value, origin)) in self.values {
            let section = table.entry(key.section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            if let Some(section) = section.as_table_mut() {
                section.insert(key.name.to_owned(), value);
            }
            origins.insert(path, origin);
        }
        // Names and types are right by now; serde has nothing left to refuse.
        let settings = Settings::deserialize(table).map_err(|error| Problem {
            what: error.message().to_owned(),
            place: self.file.display().to_string(),
            help: "see `docs/configuration.md`".into(),
        })?;
        Ok(Sourced { settings, origins })
    }
}

/// The value in the key's kind, or what was found instead.
fn convert(key: &Key, value: &DeValue<'_>) -> Result<toml::Value, &'static str> {
    let converted = match (key.kind, value) {
        (Kind::Text | Kind::Secret, DeValue::String(text)) => Some(toml::Value::from(text.as_ref())),
        (Kind::Flag, DeValue::Boolean(flag)) => Some(toml::Value::from(*flag)),
        (Kind::Number, DeValue::Integer(number)) => i64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .filter(|number| *number >= 0)
            .map(toml::Value::from),
        (Kind::List, DeValue::Array(items)) => items
            .iter()
            .map(|item| item.get_ref().as_str().map(|text| toml::Value::from(text.to_owned())))
            .collect::<Option<Vec<_>>>()
            .map(toml::Value::from),
        _ => None,
    };
    converted.ok_or(match value {
        DeValue::Integer(_) if key.kind == Kind::Number => "a number out of range",
        DeValue::Array(_) if key.kind == Kind::List => "a list of something else",
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    })
}

fn unknown_section(word: &str, place: String) -> Problem {
    let names = SECTIONS.iter().map(|(name, _)| *name);
    let listed = names.clone().collect::<Vec<_>>().join(", ");
    let help = match nearest(word, names) {
        Some(near) => format!("did you mean [{near}]? The sections are {listed}"),
        None => format!("the sections are {listed}"),
    };
    Problem { what: format!("unknown section `{word}`"), place, help }
}

fn unknown_key(section: &str, word: &str, place: String) -> Problem {
    let here = KEYS.iter().filter(|key| key.section == section).map(|key| key.name);
    let listed = here.clone().collect::<Vec<_>>().join(", ");
    let elsewhere = KEYS.iter().find(|key| key.name == word);
    let help = match (nearest(word, here), elsewhere) {
        (Some(near), _) => format!("did you mean `{near}`? The keys of [{section}] are {listed}"),
        (None, Some(key)) => {
            format!("`{word}` is a key of [{}]; those of [{section}] are {listed}", key.section)
        }
        (None, None) => format!("the keys of [{section}] are {listed}"),
    };
    Problem { what: format!("unknown key `{word}` in [{section}]"), place, help }
}

fn wrong_kind(key: &Key, found: &str, place: String) -> Problem {
    let example = match key.kind {
        Kind::Text | Kind::Secret => "\"text\"",
        Kind::List => "[\"one\", \"two\"]",
        Kind::Number => "1000",
        Kind::Flag => "true",
    };
    let (help, environment) =
        (format!("write it like `{} = {example}`", key.name), place.starts_with("environment"));
    Problem {
        what: format!("{} must be a {}, not {found}", key.path(), key.kind.as_str())
            .replace("a true", "true"),
        help: if environment {
            format!("give a {}", key.kind.as_str()).replace("a true", "true")
        } else {
            help
        },
        place,
    }
}

/// Reads a text file of at most `limit` octets.
///
/// # Errors
/// What the system says, or that the file is too large or not UTF-8.
pub fn read_bounded(file: &Path, limit: u64) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(file)?.take(limit.saturating_add(1)).read_to_string(&mut text)?;
    if text.len() as u64 > limit {
        return Err(std::io::Error::other(format!("larger than {limit} octets")));
    }
    Ok(text)
}
