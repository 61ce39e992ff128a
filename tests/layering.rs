//! The layering table of docs/architecture.md, executed: who may import whom, and which crate belongs where.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Rows of the table "Who may import whom": `| module, module | import, import |`.
fn table(doc: &str) -> BTreeMap<String, Vec<String>> {
    rows(doc, "<!-- layers -->")
        .into_iter()
        .flat_map(|(modules, imports)| modules.into_iter().map(move |module| (module, imports.clone())))
        .collect()
}

/// Rows of the table "Which crate belongs where".
fn owners(doc: &str) -> BTreeMap<String, Vec<String>> {
    rows(doc, "<!-- owners -->")
        .into_iter()
        .flat_map(|(crates, owners)| crates.into_iter().map(move |name| (name, owners.clone())))
        .collect()
}

/// The first two columns of the Markdown table that follows a marker, split at commas, code ticks removed.
fn rows(doc: &str, marker: &str) -> Vec<(Vec<String>, Vec<String>)> {
    let words = |cell: &str| {
        cell.split(',')
            .map(|word| word.trim().trim_matches('`').to_owned())
            .filter(|word| !word.is_empty() && word != "nothing")
            .collect::<Vec<_>>()
    };
    let (_, after) = doc.split_once(marker).expect("the marker stands in docs/architecture.md");
    after
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
            (words(cells[0]), words(cells[1]))
        })
        .collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Top-level modules named after `crate::`, also inside `use crate::{a, b::c}`; comment lines do not count.
fn imports(source: &str) -> Vec<String> {
    let code: String =
        source.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => found.push(word(rest)),
            Some(list) => {
                let (mut depth, mut start) = (0_i32, true);
                for (i, c) in list.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        c if start && (c.is_alphanumeric() || c == '_') => {
                            found.push(word(&list[i..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    found
}

/// Whether a line speaks of the crate: its name at the start of a path, not a module of ours by the same name.
fn names_crate(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let starts_a_path = before.is_none_or(|c| !(c.is_alphanumeric() || c == '_' || c == ':'))
            || line[..at].ends_with(" ::");
        let rest = &line[at + name.len()..];
        starts_a_path
            && (rest.starts_with("::") || (line.trim_start().starts_with("use ") && rest.starts_with(' ')))
    })
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn module_of(relative: &Path) -> String {
    relative.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// Code above the unit tests of a file: tests may reach further.
fn without_tests(source: &str) -> &str {
    source.split("#[cfg(test)]\nmod ").next().unwrap()
}

#[test]
fn imports_follow_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let doc = std::fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    let (table, owners) = (table(&doc), owners(&doc));
    assert!(table.len() > 15 && owners.len() > 8, "the tables were not found");
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let relative = file.strip_prefix(root.join("src")).unwrap();
        let module = module_of(relative);
        if module == "lib" || relative.file_name().is_some_and(|name| name == "tests.rs") {
            continue;
        }
        let source = std::fs::read_to_string(&file).unwrap();
        let source = without_tests(&source);
        for (name, places) in &owners {
            let uses =
                source.lines().any(|line| !line.trim_start().starts_with("//") && names_crate(line, name));
            let path = relative.to_str().unwrap();
            if uses && !places.iter().any(|place| path.starts_with(place.as_str())) {
                wrong.push(format!("{path}: the crate {name} belongs to {places:?}"));
            }
        }
        let Some(allowed) = table.get(&module) else {
            wrong.push(format!("{module}: not in the table of docs/architecture.md"));
            continue;
        };
        if allowed.iter().any(|import| import == "everything") {
            continue;
        }
        for import in imports(source) {
            if import != module && !allowed.contains(&import) {
                wrong.push(format!("{} imports crate::{import}", relative.display()));
            }
        }
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_import_scanner_sees_every_form() {
    let source =
        "use crate::{a, b::{c, d}, e};\nuse crate::f::G;\nlet x = crate::h::y();\n// crate::comment\n";
    assert_eq!(imports(source), ["a", "b", "e", "f", "h"]);
}
