//! From rule files to a checked set.

use super::compile::{compile, run_tests, well_formed};
use super::files::{Source, hash, line, parse, read_folder};
use super::judge::{bind, variables};
use super::policy::{Policy, Row, Summary};
use super::source::{PolicyFile, RuleFile, SHIPPED, SHIPPED_POLICY};
use super::{RULE_FAILED, RuleSet, check, modulus};
use crate::model::{Facts, Wording};
use cel::{Env, Program, Value};
use std::path::Path;
use std::sync::Arc;

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
        policy: Arc::new(Policy {
            rows: Vec::new(),
            score: parse::<PolicyFile>(&policy)?.score,
            file: policy.name.clone(),
        }),
        wording: wording(&texts)?,
        modulus: modulus::parse(&tables)?.map(Arc::new),
        version: 0,
        hash: hash(files.iter().chain([&policy]).chain(&texts).chain(&tables)),
    };
    for (index, file) in files.iter().enumerate() {
        add_file(&mut set, file, index >= shipped_files)?;
    }
    let rows = policy_rows(&set, &policy)?;
    set.policy =
        Arc::new(Policy { rows, score: parse::<PolicyFile>(&policy)?.score, file: policy.name.clone() });
    Ok(set)
}

/// See [`super::check_text`].
pub(super) fn check_text(content: &str) -> Result<usize, RuleError> {
    let score = parse::<PolicyFile>(&shipped_policy())?.score;
    let policy = Arc::new(Policy { rows: Vec::new(), score, file: String::new() });
    let mut set = RuleSet {
        env: Arc::new(Env::stdlib()),
        rules: Vec::new(),
        policy,
        wording: Wording::default(),
        modulus: None,
        version: 0,
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

/// Adds the rules of a file; an own file's rule takes the place of the shipped one with its code.
fn add_file(set: &mut RuleSet, file: &Source, own: bool) -> Result<(), RuleError> {
    for spanned in parse::<RuleFile>(file)?.rule {
        let at = line(&file.content, spanned.span().start);
        let when_at = line(&file.content, spanned.get_ref().when.span().start);
        let mut source = spanned.into_inner();
        let (code, enabled) = (source.code.clone(), source.enabled);
        let refuse = |line: usize, reason: String| RuleError::Rule {
            file: file.name.clone(),
            line,
            rule: code.clone(),
            reason,
        };
        well_formed(&source).map_err(|reason| refuse(at, reason))?;
        let known = set.rules.iter().position(|rule| rule.code.0 == source.code);
        let old = known.and_then(|index| set.rules.get(index));
        let replaces = known.filter(|_| own && old.is_some_and(|rule| rule.file != file.name));
        if known.is_some() && replaces.is_none() {
            return Err(refuse(at, "this code is already taken: codes are unique".to_owned()));
        }
        if set.rules.len() >= MAX_RULES {
            return Err(refuse(at, format!("a set has at most {MAX_RULES} rules")));
        }
        // A required rule may be written anew, but it stays required.
        source.required |= old.is_some_and(|rule| rule.required);
        if source.required && !enabled {
            return Err(refuse(at, "this rule can never be switched off".to_owned()));
        }
        let (rule, tests) = compile(&set.env, source, &file.name)
            .map_err(|fault| refuse(if fault.in_when { when_at } else { at }, fault.reason))?;
        run_tests(&set.env, &rule, &tests).map_err(|reason| refuse(at, reason))?;
        match replaces {
            Some(index) if enabled => {
                if let Some(place) = set.rules.get_mut(index) {
                    *place = Arc::new(rule);
                }
            }
            Some(index) => drop(set.rules.remove(index)),
            None if enabled => set.rules.push(Arc::new(rule)),
            None => {}
        }
    }
    Ok(())
}

fn policy_rows(set: &RuleSet, file: &Source) -> Result<Vec<Row>, RuleError> {
    let mut rows = Vec::new();
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
        check::check(when.expression(), &bound, &bind(&set.env, &bound))
            .map_err(|reason| refuse(format!("`when`: {reason}")))?;
        if let Some(code) = unknown_code(set, &when) {
            return Err(refuse(format!("`when`: there is no rule `{code}`")));
        }
        rows.push(Row {
            name: row.name,
            when,
            source,
            action: row.action,
            severity: row.severity,
            why: row.why,
        });
    }
    Ok(rows)
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
