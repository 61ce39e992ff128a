//! Lookalikes at scale: `cargo bench --bench lookalikes [-- DOMAINS]`.
//!
//! Indexes generated supplier domains and asks for the domains of many messages, imitations and strangers. Figures:
//! docs/detection.md.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    reason = "a measuring program may fail loudly"
)]

use sentra::model::{Domain, KnownDomains, SupplierId};
use std::time::{Duration, Instant};

const FIRST: [&str; 16] = [
    "north", "green", "stone", "river", "bright", "royal", "union", "delta", "alpha", "prime", "metro",
    "silver", "golden", "castle", "summit", "harbour",
];
const SECOND: [&str; 16] = [
    "build",
    "works",
    "supply",
    "timber",
    "steel",
    "paint",
    "logistics",
    "energy",
    "foods",
    "print",
    "cleaning",
    "security",
    "glass",
    "tools",
    "transport",
    "consult",
];
const ENDINGS: [&str; 5] = ["com", "co.uk", "de", "fr", "com.au"];

fn name(n: usize) -> String {
    format!("{}{}{}", FIRST[n % 16], SECOND[n / 16 % 16], letters(n / 256))
}

/// A number in letters, so that names look like names.
fn letters(mut n: usize) -> String {
    let mut out = String::new();
    while n > 0 {
        out.push(char::from(b'a' + (n % 26) as u8));
        n /= 26;
    }
    out
}

fn main() {
    let count = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(100_000);
    let entries: Vec<(Domain, SupplierId)> = (0..count)
        .map(|n| {
            (Domain::parse(&format!("{}.{}", name(n), ENDINGS[n % 5])).unwrap(), SupplierId(n.to_string()))
        })
        .collect();
    let started = Instant::now();
    let known = KnownDomains::new(entries);
    println!("index of {count}: {:?}", started.elapsed());
    type Made = fn(&str) -> String;
    let made: [(&str, Made); 7] = [
        ("known", |name| format!("{name}.com")),
        ("letters swapped", |name| format!("{}{}{}{}.com", &name[..2], &name[3..4], &name[2..3], &name[4..])),
        ("one letter left out", |name| format!("{}{}.net", &name[..3], &name[4..])),
        ("word added", |name| format!("{name}-invoices.com")),
        ("sub-domain", |name| format!("{name}.co.uk.evil.example")),
        ("stranger", |name| format!("qz{}.com", name.chars().rev().collect::<String>())),
        ("long stranger", |name| format!("{}{}.com", name.repeat(2), "xyz")),
    ];
    for (what, make) in made {
        let domains: Vec<Domain> =
            (0..500).map(|n| Domain::parse(&make(&name(n * 197 % count))).unwrap()).collect();
        let (mut worst, mut found) = (Duration::ZERO, 0);
        let started = Instant::now();
        for domain in &domains {
            let one = Instant::now();
            found += usize::from(!known.covers(domain) && known.resembled(domain).is_some());
            worst = worst.max(one.elapsed());
        }
        println!("{what}: {:?} each, worst {worst:?}, {found} of 500 resemble", started.elapsed() / 500);
    }
}
