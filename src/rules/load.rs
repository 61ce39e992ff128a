//! From rule files to a checked set.

use super::judge::{accounts, bind, variables};
use super::policy::{Policy, Row, Summary};
use super::source::{PolicyFile, RuleFile, RuleSource, SHIPPED, SHIPPED_POLICY, TestSource};
use super::{RULE_FAILED, Rule, RuleSet, check, modulus};
use crate::model::{Action, Class, Facts, FindingCode, Sentence, Wording};
use aws_lc_rs::digest::{Context as Digest, SHA256};
use cel::{Env, Program, Value};
use serde::de::DeserializeOwned;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Octets of one rule file: a mistyped path must not fill memory.
const MAX_FILE: u64 = 1_024 * 1_024;
/// Rules of one set: bounds the time of a judgement.
const MAX_RULES: usize = 500;

/// Why a rule set was refused. The text names the file, the place and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// A folder or file could not be read.
    #[error("{file}: cannot be used: {reason}")]
    Unreadable {
        /// Path.
        file: String,
        /// What the system said.
        reason: String,
    },
    /// Not TOML, an unknown key, a missing key or a wrong value.
    #[error("{file}:{line}: {reason}")]
    Syntax {
        /// File name.
        file: String,
        /// Line from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A rule or policy row is wrong.
    #[error("{file}:{line}: {rule}: {reason}")]
    Rule {
        /// File name.
        file: String,
        /// Line from 1.
        line: usize,
        /// Code of the rule or name of the row.
        rule: String,
        /// What is wrong.
        reason: String,
    },
}

/// A file with its name.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) content: String,
}

pub(super) fn load(folder: Option<&Path>) -> Result<RuleSet, RuleError> {
    let shipped = SHIPPED
        .iter()
        .map(|(name, content)| Source { name: (*name).to_owned(), content: (*content).to_owned() });
    let mut files: Vec<Source> = shipped.collect();
    let own = folder.map(read_folder).transpose()?.unwrap_or_default();
    let (policies, own): (Vec<Source>, Vec<Source>) =
        own.into_iter().partition(|file| file.name == SHIPPED_POLICY.0);
    let texts = folder.map(|folder| folder.join("banner")).filter(|folder| folder.is_dir());
    let texts = texts.as_deref().map(read_folder).transpose()?.unwrap_or_default();
    let tables = folder.map(modulus::read).transpose()?.unwrap_or_default();
    let policy = policies.into_iter().next().unwrap_or_else(shipped_policy);
    let shipped_files = files.len();
    files.extend(own);

    let mut set = RuleSet {
        env: Arc::new(Env::stdlib()),
        rules: Vec::new(),
        policy: Policy {
            rows: Vec::new(),
            score: parse::<PolicyFile>(&policy)?.score,
            file: policy.name.clone(),
        },
        wording: wording(&texts)?,
        modulus: modulus::parse(&tables)?.map(Arc::new),
        hash: hash(files.iter().chain([&policy]).chain(&texts).chain(&tables)),
    };
    for (index, file) in files.iter().enumerate() {
        add_file(&mut set, file, index >= shipped_files)?;
    }
    add_policy(&mut set, &policy)?;
    Ok(set)
}

/// See [`super::check_text`].
pub(super) fn check_text(content: &str) -> Result<usize, RuleError> {
    let policy = Policy {
        rows: Vec::new(),
        score: parse::<PolicyFile>(&shipped_policy())?.score,
        file: String::new(),
    };
    let mut set = RuleSet {
        env: Arc::new(Env::stdlib()),
        rules: Vec::new(),
        policy,
        wording: Wording::default(),
        modulus: None,
        hash: String::new(),
    };
    let file = Source { name: "fuzz.toml".to_owned(), content: content.to_owned() };
    add_file(&mut set, &file, true)?;
    Ok(set.rules.len())
}

fn shipped_policy() -> Source {
    Source { name: SHIPPED_POLICY.0.to_owned(), content: SHIPPED_POLICY.1.to_owned() }
}

/// The installation's banner texts; a later file wins.
fn wording(texts: &[Source]) -> Result<Wording, RuleError> {
    let mut wording = Wording::default();
    for file in texts {
        let own = Wording::parse(&file.content)
            .map_err(|reason| RuleError::Unreadable { file: format!("banner/{}", file.name), reason })?;
        wording.merge(own);
    }
    Ok(wording)
}

/// The `*.toml` files of a folder in the order of their names.
fn read_folder(folder: &Path) -> Result<Vec<Source>, RuleError> {
    let unreadable = |path: &Path, error: std::io::Error| RuleError::Unreadable {
        file: path.display().to_string(),
        reason: error.to_string(),
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let path = entry.map_err(|error| unreadable(folder, error))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    paths.iter().map(|path| read_file(path)).collect()
}

/// A file of a rules folder as text, within [`MAX_FILE`].
pub(super) fn read_file(path: &Path) -> Result<Source, RuleError> {
    let unreadable = |error: std::io::Error| RuleError::Unreadable {
        file: path.display().to_string(),
        reason: error.to_string(),
    };
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > MAX_FILE {
        let reason = format!("has {size} octets, a rule file has at most {MAX_FILE}");
        return Err(RuleError::Unreadable { file: path.display().to_string(), reason });
    }
    let content = fs::read_to_string(path).map_err(unreadable)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Source { name, content })
}

fn parse<T: DeserializeOwned>(file: &Source) -> Result<T, RuleError> {
    toml::from_str(&file.content).map_err(|error| RuleError::Syntax {
        file: file.name.clone(),
        line: line(&file.content, error.span().map_or(0, |span| span.start)),
        reason: error.message().to_owned(),
    })
}

fn line(content: &str, offset: usize) -> usize {
    1 + content.bytes().take(offset).filter(|b| *b == b'\n').count()
}

fn hash<'a>(files: impl Iterator<Item = &'a Source>) -> String {
    let mut digest = Digest::new(&SHA256);
    for file in files {
        for text in [&file.name, &file.content] {
            // The length stands before the text, so that moving octets between files changes the hash.
            digest.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(text.as_bytes());
        }
    }
    digest.finish().as_ref().iter().take(8).fold(String::new(), |mut out, b| {
        // Writing into a String cannot fail.
        write!(out, "{b:02x}").ok();
        out
    })
}

/// Adds the rules of a file; an own file's rule takes the place of the shipped one with its code.
fn add_file(set: &mut RuleSet, file: &Source, own: bool) -> Result<(), RuleError> {
    for spanned in parse::<RuleFile>(file)?.rule {
        let at = line(&file.content, spanned.span().start);
        let when_at = line(&file.content, spanned.get_ref().when.span().start);
        let source = spanned.into_inner();
        let refuse = |line: usize, reason: String| RuleError::Rule {
            file: file.name.clone(),
            line,
            rule: source.code.clone(),
            reason,
        };
        well_formed(&source).map_err(|reason| refuse(at, reason))?;
        let known = set.rules.iter().position(|rule| rule.code.0 == source.code);
        let replaces =
            known.filter(|index| own && set.rules.get(*index).is_some_and(|rule| rule.file != file.name));
        if known.is_some() && replaces.is_none() {
            return Err(refuse(at, "this code is already taken: codes are unique".to_owned()));
        }
        if set.rules.len() >= MAX_RULES {
            return Err(refuse(at, format!("a set has at most {MAX_RULES} rules")));
        }
        let enabled = source.enabled;
        let tests_at = at;
        let (rule, tests) =
            compile(set, source, &file.name).map_err(|(code, on_when, reason)| RuleError::Rule {
                file: file.name.clone(),
                line: if on_when { when_at } else { tests_at },
                rule: code,
                reason,
            })?;
        run_tests(set, &rule, &tests).map_err(|reason| RuleError::Rule {
            file: file.name.clone(),
            line: tests_at,
            rule: rule.code.0.clone(),
            reason,
        })?;
        match replaces {
            Some(index) if enabled => {
                if let Some(place) = set.rules.get_mut(index) {
                    *place = rule;
                }
            }
            Some(index) => drop(set.rules.remove(index)),
            None if enabled => set.rules.push(rule),
            None => {}
        }
    }
    Ok(())
}

fn well_formed(source: &RuleSource) -> Result<(), String> {
    let code_ok = source.code.starts_with(|c: char| c.is_ascii_uppercase())
        && source.code.len() <= 64
        && source.code.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    if !code_ok {
        return Err("a code is written UPPER_SNAKE, with at most 64 characters".to_owned());
    }
    if source.code == RULE_FAILED {
        return Err("this code belongs to the engine".to_owned());
    }
    let decisive = source.class == Class::Decisive;
    match source.action {
        None if decisive => Err("a decisive rule needs `action = \"tag\"` or `\"quarantine\"`".to_owned()),
        Some(Action::Deliver) => {
            Err("no rule can ask for delivery: a good sign never cancels a bad one".to_owned())
        }
        Some(_) if !decisive => Err("only a decisive rule has an `action`".to_owned()),
        _ if source.advice.chars().count() > 200 => Err("`advice` has at most 200 characters".to_owned()),
        _ => Ok(()),
    }
}

/// Compiles and checks one rule. The error says which rule, whether it is about `when`, and why.
fn compile(
    set: &RuleSet,
    source: RuleSource,
    file: &str,
) -> Result<(Rule, Vec<TestSource>), (String, bool, String)> {
    let code = source.code.clone();
    let each_account = source.each.is_some();
    let when_text = source.when.into_inner();
    let when = Program::compile(&when_text).map_err(|error| (code.clone(), true, error.to_string()))?;
    let sample = cel::to_value(Facts::sample()).map_err(|error| (code.clone(), false, error.to_string()))?;
    let mut bound = variables(&sample);
    if each_account {
        bound.extend(accounts(&sample).first().map(|account| ("account", account.clone())));
    }
    check::check(when.expression(), &bound, &bind(set, &bound))
        .map_err(|reason| (code.clone(), true, format!("`when`: {reason}")))?;
    let text =
        Sentence::parse(&source.text).map_err(|reason| (code.clone(), false, format!("`text` {reason}")))?;
    if text.needs_account() && !each_account {
        return Err((code, false, "`text` speaks of `account` without `each = \"accounts\"`".to_owned()));
    }
    let rule = Rule {
        code: FindingCode(source.code),
        title: source.title,
        severity: source.severity,
        class: source.class,
        family: source.family,
        action: source.action,
        each_account,
        place: source.place,
        when,
        source: when_text,
        text,
        advice: source.advice,
        help: source.help,
        references: source.references,
        file: file.to_owned(),
        tests: source.test.len(),
    };
    Ok((rule, source.test))
}

/// A rule's own tests.
fn run_tests(set: &RuleSet, rule: &Rule, tests: &[TestSource]) -> Result<(), String> {
    for test in tests {
        let facts = cel::to_value(&test.facts).map_err(|error| error.to_string())?;
        let context = bind(set, &variables(&facts));
        let raised = if rule.each_account {
            let one = |account: &Value| {
                let mut scope = context.new_inner_scope();
                scope.add_variable_from_value("account", account.clone());
                rule.when.execute(&scope)
            };
            let results: Result<Vec<Value>, _> = accounts(&facts).iter().map(one).collect();
            results.map(|values| values.contains(&Value::Bool(true)))
        } else {
            rule.when.execute(&context).map(|value| value == Value::Bool(true))
        };
        let raised = raised.map_err(|error| format!("test \"{}\": {error}", test.name))?;
        if raised != test.expect {
            let did = if raised { "was raised" } else { "was not raised" };
            return Err(format!("test \"{}\" failed: it {did}", test.name));
        }
    }
    Ok(())
}

fn add_policy(set: &mut RuleSet, file: &Source) -> Result<(), RuleError> {
    let parsed: PolicyFile = parse(file)?;
    let sample = cel::to_value(Facts::sample()).unwrap_or(Value::Null);
    let mut bound = variables(&sample);
    bound.extend(Summary::sample().variables());
    for spanned in parsed.row {
        let row_line = line(&file.content, spanned.get_ref().when.span().start);
        let row = spanned.into_inner();
        let refuse = |reason: String| RuleError::Rule {
            file: file.name.clone(),
            line: row_line,
            rule: row.name.clone(),
            reason,
        };
        let source = row.when.get_ref().clone();
        let when = Program::compile(&source).map_err(|error| refuse(error.to_string()))?;
        check::check(when.expression(), &bound, &bind(set, &bound))
            .map_err(|reason| refuse(format!("`when`: {reason}")))?;
        if let Some(code) = unknown_code(set, &when) {
            return Err(refuse(format!("`when`: there is no rule `{code}`")));
        }
        set.policy.rows.push(Row {
            name: row.name,
            when,
            source,
            action: row.action,
            severity: row.severity,
            why: row.why,
        });
    }
    Ok(())
}

/// A row that waits for a code which no rule raises would be dead without anybody noticing.
fn unknown_code(set: &RuleSet, when: &Program) -> Option<String> {
    let source = &when.source_info().source;
    let quoted = source.split(['"', '\'']).skip(1).step_by(2);
    let is_code = |text: &&str| {
        text.contains('_') && text.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit())
    };
    quoted
        .filter(is_code)
        .find(|text| *text != RULE_FAILED && !set.rules.iter().any(|rule| rule.code.0 == **text))
        .map(str::to_owned)
}
