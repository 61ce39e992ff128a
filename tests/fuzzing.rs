//! The fuzz targets over their seeds and some thousand mutations of them: what libFuzzer runs for hours
//! (docs/fuzzing.md), small enough for every test run and the same in each.

#[path = "fuzz/targets/mod.rs"]
mod targets;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, panic};
use targets::{TARGETS, Target};

/// Mutations of one target.
const MUTATIONS: usize = 2_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz")
}

/// Files of a folder, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("entry").path()).collect();
    paths.sort();
    paths
}

/// Words of a dictionary in libFuzzer's form: `"text"` a line, with `\xAB`, `\"` and `\\`.
fn words(name: &str) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(folder().join("dictionaries").join(name)).unwrap_or_default();
    text.lines().filter_map(|line| Some(unescaped(line.strip_prefix('"')?.strip_suffix('"')?))).collect()
}

fn unescaped(word: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), word.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        rest = match (first, after) {
            (b'\\', [b'x', a, b, after @ ..]) => {
                let digits = [*a, *b];
                let digits = std::str::from_utf8(&digits).expect("ASCII");
                out.push(u8::from_str_radix(digits, 16).expect("two hexadecimal digits"));
                after
            }
            (b'\\', [other, after @ ..]) => {
                out.push(*other);
                after
            }
            (other, after) => {
                out.push(*other);
                after
            }
        };
    }
    out
}

/// Numbers that look random and are the same in every run (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound.max(1)
    }

    /// One to eight changes of a seed: octets, words of the dictionary, pieces of the other seeds.
    fn mutated(&mut self, seeds: &[Vec<u8>], words: &[Vec<u8>]) -> Vec<u8> {
        let mut octets = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(8) {
            let at = self.below(octets.len() + 1);
            let end = (at + self.below(32)).min(octets.len());
            match self.below(8) {
                0 | 1 if at < octets.len() => octets[at] = self.below(256) as u8,
                2 if at < octets.len() => octets[at] ^= 1 << self.below(8),
                3 => drop(octets.drain(at..end)),
                4 => {
                    let again = octets[at..end].to_vec();
                    octets.splice(at..at, again);
                }
                5 => {
                    let other = &seeds[self.below(seeds.len())];
                    let start = self.below(other.len() + 1);
                    let stop = (start + self.below(64)).min(other.len());
                    octets.splice(at..end, other[start..stop].iter().copied());
                }
                6 if self.below(8) == 0 => octets.truncate(at),
                _ if words.is_empty() => octets.insert(at, self.below(256) as u8),
                _ => drop(octets.splice(at..end, words[self.below(words.len())].iter().copied())),
            }
        }
        octets
    }
}

/// What breaks a target stays in a file, for `tests/fuzz/run`.
fn run(target: &Target, octets: &[u8], what: &str) {
    let cut = &octets[..octets.len().min(target.longest)];
    if let Err(cause) = panic::catch_unwind(|| (target.run)(cut)) {
        let kept = std::env::temp_dir().join(format!("sentra-fuzz-{}", target.name));
        fs::write(&kept, cut).expect("temporary folder");
        eprintln!("fuzz target {} fails on {what}, kept as {}", target.name, kept.display());
        panic::resume_unwind(cause);
    }
}

fn whole(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of this name");
    let paths = files(&folder().join("seeds").join(name));
    let seeds: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).expect("seed")).collect();
    for (path, seed) in paths.iter().zip(&seeds) {
        assert!(seed.len() <= target.longest, "{} is longer than the target reads", path.display());
        run(target, seed, &path.display().to_string());
    }
    run(target, b"", "nothing");
    let words = words(name);
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    for round in 0..MUTATIONS {
        run(target, &numbers.mutated(&seeds, &words), &format!("mutation {round}"));
    }
}

macro_rules! whole {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            whole(stringify!($name));
        })*

        #[test]
        fn every_target_has_its_test_seeds_and_program() {
            let tested = BTreeSet::from([$(stringify!($name)),*]);
            let all: BTreeSet<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(tested, all);
            let names = |below: &str| -> BTreeSet<String> {
                let stem = |path: &PathBuf| path.file_stem().expect("a name").to_string_lossy().into_owned();
                files(&folder().join(below)).iter().map(stem).collect()
            };
            let all: BTreeSet<String> = all.into_iter().map(str::to_owned).collect();
            assert_eq!(names("seeds"), all);
            assert_eq!(names("src"), all);
            assert!(names("dictionaries").is_subset(&all));
        }
    };
}

whole! {
    smtp_command, smtp_data, smtp_reply, message, address, html, claims, annotate, stamped, auth_results, signatures,
    dns_txt, doc_pdf, doc_office, doc_zip, doc_compound, doc_rtf, doc_tnef, doc_invoice, doc_any, doc_picture, suppliers_file,
    suppliers_workbook, suppliers_map, rules, wording, modulus, audit_export, backup, frames,
}
