//! Every place where octets of others come in, as a function over octets: one function a fuzz target.
//!
//! libFuzzer drives them (`tests/fuzz/run`), and `tests/fuzzing.rs` runs each over its seeds and some thousand mutations
//! of them in every test run, so that neither can rot. A function panics where a promise is broken; what may be refused
//! is refused without a word.

pub mod archive;
pub mod documents;
pub mod files;
pub mod mail;
pub mod proof;
pub mod wire;

/// One entry.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name: that of its binary, its folder of seeds and its dictionary.
    pub name: &'static str,
    /// What reads the octets.
    pub run: fn(&[u8]),
    /// Octets of an input at most.
    pub longest: usize,
}

const fn target(name: &'static str, run: fn(&[u8]), longest: usize) -> Target {
    Target { name, run, longest }
}

/// All of them, in the order of the journey of a message, then what operators bring.
pub const TARGETS: &[Target] = &[
    target("smtp_command", wire::smtp_command, 2_048),
    target("smtp_data", wire::smtp_data, 4_096),
    target("smtp_reply", wire::smtp_reply, 2_048),
    target("message", mail::message, 8_192),
    target("address", mail::address, 512),
    target("html", mail::html, 8_192),
    target("claims", mail::claims, 8_192),
    target("annotate", mail::annotate, 8_192),
    target("stamped", mail::stamped, 4_096),
    target("auth_results", proof::auth_results, 4_096),
    target("signatures", proof::signatures, 8_192),
    target("dns_txt", proof::dns_txt, 2_048),
    target("doc_pdf", documents::pdf, 32_768),
    target("doc_office", documents::office, 16_384),
    target("doc_zip", documents::zip, 16_384),
    target("doc_compound", documents::compound, 65_536),
    target("doc_rtf", documents::rtf, 8_192),
    target("doc_tnef", documents::tnef, 8_192),
    target("doc_invoice", documents::invoice, 16_384),
    target("doc_any", documents::any, 16_384),
    target("doc_picture", documents::picture, 16_384),
    target("suppliers_file", files::suppliers_file, 8_192),
    target("suppliers_workbook", files::suppliers_workbook, 16_384),
    target("suppliers_map", files::suppliers_map, 4_096),
    target("rules", files::rules, 4_096),
    target("wording", files::wording, 8_192),
    target("modulus", files::modulus, 4_096),
    target("audit_export", files::audit_export, 16_384),
    target("backup", files::backup, 4_096),
    target("frames", wire::frames, 4_096),
];

/// Takes a result that nobody looks at, and keeps the optimiser from leaving out what made it.
fn ignore<T>(result: T) {
    drop(std::hint::black_box(result));
}
