//! How long a message is inspected, by its size: reading, classifying, comparing and judging, as `sentra eval` measures
//! it through the gateway's own stages and the real document workers.
//!
//! `cargo bench --bench inspection [-- COUNT]` writes COUNT messages (300 unless given, a tenth of the largest) of three
//! sizes and prints p50, p99 and the longest. Figures: docs/detection.md.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    unused_macros,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::too_many_lines,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench may fail loudly"
)]

#[path = "../support/mod.rs"]
mod support;

use image::{GrayImage, ImageFormat, Luma};
use std::fmt::Write as _;
use std::process::Command;
use support::generator::files;
use support::office::mail_with;
use support::pictures::{file, image_pdf};

const SUPPLIERS: &str = "supplier_id,name,domains,country,iban\n\
    1,Acme Building Supplies,acme-supplies.example,GB,GB29NWBK60161331926819\n";
const ACME: &str = "Acme Building Supplies <accounts@acme-supplies.example>";

fn rows(number: usize, lines: usize) -> files::Rows {
    let mut rows: files::Rows = vec![
        vec!["Invoice".to_owned(), format!("INV-{number}")],
        vec!["Date".to_owned(), "14 March 2026".to_owned()],
    ];
    for line in 0..lines {
        rows.push(vec![
            format!("{line}"),
            format!("C24 timber 47 x 150 x {}", 2_400 + line),
            "£ 12.60".to_owned(),
        ]);
    }
    rows.push(vec!["IBAN".to_owned(), "GB29 NWBK 6016 1331 9268 19".to_owned()]);
    rows.push(vec!["Sort code".to_owned(), "60-16-13".to_owned()]);
    rows
}

fn text(number: usize, octets: usize) -> String {
    let mut text = format!(
        "Dear accounts team,\r\n\r\nplease find invoice INV-{number} for the delivery of March.\r\n\r\n"
    );
    let mut line = 0;
    while text.len() < octets {
        line += 1;
        write!(
            text,
            "{line:>4}  C24 timber 47 x 150, delivered to plot {line}, {number} pieces   £ 12.60\r\n"
        )
        .unwrap();
    }
    text + "\r\nPlease pay to IBAN GB29 NWBK 6016 1331 9268 19.\r\n\r\nKind regards\r\nAcme Building Supplies\r\n"
}

/// A photograph that compresses as badly as real ones.
fn photograph(number: usize, side: u32) -> GrayImage {
    let mut state = number as u32 | 1;
    GrayImage::from_fn(side, side, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Luma([(state >> 24) as u8])
    })
}

fn message(size: &str, number: usize) -> Vec<u8> {
    let id = format!("{number}@bench");
    match size {
        "5 KB" => mail_with(ACME, &id, &text(number, 4_500), &[]),
        "60 KB" => {
            // What one page holds.
            let pdf = files::pdf(&rows(number, 38), number % 3);
            let sheet = files::xlsx(&rows(number, 60), number % 2);
            let body = text(number, 44_000_usize.saturating_sub((pdf.len() + sheet.len()) * 4 / 3));
            mail_with(
                ACME,
                &id,
                &body,
                &[
                    ("invoice.pdf", "application/pdf", &pdf),
                    ("invoice.xlsx", "application/octet-stream", &sheet),
                ],
            )
        }
        _ => {
            let photo = photograph(number, 1_250);
            let pdf = image_pdf(
                &[
                    "Invoice INV-17 for the delivery of March, with a photograph of the site",
                    "IBAN: GB29 NWBK 6016 1331 9268 19",
                ],
                &photo,
                [72, 72, 250, 250],
            );
            let picture = file(&photograph(number + 7, 1_050), ImageFormat::Png);
            mail_with(
                ACME,
                &id,
                &text(number, 60_000),
                &[("invoice.pdf", "application/pdf", &pdf), ("site.png", "image/png", &picture)],
            )
        }
    }
}

fn main() {
    let count = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(300_usize);
    println!("{:<7} {:>7} {:>10} {:>9} {:>9} {:>9}", "size", "files", "octets", "p50", "p99", "longest");
    for (size, count) in [("5 KB", count), ("60 KB", count), ("5 MB", count.div_ceil(10))] {
        let folder = tempfile::tempdir().unwrap();
        let mails = folder.path().join("mails");
        std::fs::create_dir(&mails).unwrap();
        let suppliers = folder.path().join("suppliers.csv");
        std::fs::write(&suppliers, SUPPLIERS).unwrap();
        let mut octets = 0;
        for number in 0..count {
            let message = message(size, number);
            octets += message.len();
            std::fs::write(mails.join(format!("{number}.eml")), message).unwrap();
        }
        let output = Command::new(env!("CARGO_BIN_EXE_sentra"))
            .args(["eval", "--json", "--corpus"])
            .arg(&mails)
            .arg("--suppliers")
            .arg(&suppliers)
            .args(["--mailbox", "accounts@contoso.example"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let time = &report["time_us"]["message"];
        let ms = |key: &str| format!("{:.2} ms", time[key].as_f64().unwrap() / 1_000.0);
        println!(
            "{size:<7} {count:>7} {:>10} {:>9} {:>9} {:>9}",
            octets / count,
            ms("p50"),
            ms("p99"),
            ms("max")
        );
        println!("        {}", report["unknown"]);
    }
}
