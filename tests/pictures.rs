//! Pictures and pages that are only seen, through the real workers and the real tesseract: codes, scans, lies, bombs.

use crate::support::client::Client;
use crate::support::office::mail_with;
use crate::support::pictures::{
    WHOLE, drawn_code, epc, file, image_pdf, lying_pdf, need_tesseract, qr, scan, swiss, text_pdf,
};
use crate::support::sink::{Behaviour, Sink};
use crate::support::world::{Setup, World};
use image::{GrayImage, ImageFormat, Luma};
use sentra::adapters::workers::{Options, RecognitionOptions, Workers};
use sentra::model::{Document, SpanKind, Unread};
use sentra::ports::{DocumentReader as _, DocumentRequest};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

const ACME: &str = "Acme Building Supplies <accounts@acme-supplies.example>";
const ON_RECORD: &str = "GB29NWBK60161331926819";
const ELSEWHERE: &str = "GB94BARC10201530093459";
const SWISS: &str = "CH9300762011623852957";

/// A pool with limits that a loaded machine keeps.
fn pool(recognition: Option<RecognitionOptions>) -> Workers {
    Workers::new(Options {
        workers: 1,
        wall: Duration::from_secs(90),
        cpu_seconds: 60,
        recognition,
        ..Options::default()
    })
}

fn patient() -> RecognitionOptions {
    RecognitionOptions { wall: Duration::from_secs(90), ..RecognitionOptions::default() }
}

async fn read(pool: &Workers, octets: &[u8]) -> Document {
    let request = DocumentRequest { name: "", media_type: "", octets, inline: false };
    pool.read(request, Instant::now() + Duration::from_secs(240)).await.unwrap()
}

fn texts(document: &Document, kind: SpanKind) -> String {
    let spans = document.files.iter().flat_map(|file| &file.spans).filter(|span| span.kind == kind);
    spans.map(|span| span.text.as_str()).collect::<Vec<_>>().join("\n")
}

/// The text without what recognition may see between the groups of a number.
fn bare(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

fn gaps(document: &Document) -> Vec<Unread> {
    document.files.iter().flat_map(|file| file.gaps.clone()).collect()
}

#[tokio::test]
async fn a_code_is_read_in_every_format() {
    let pool = pool(None);
    let code = qr(&epc(ON_RECORD), 4);
    for format in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Gif,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::WebP,
    ] {
        let document = read(&pool, &file(&code, format)).await;
        let said = texts(&document, SpanKind::Qr);
        assert!(said.contains(&format!("IBAN: {ON_RECORD}\n")), "{format:?}: {document:?}");
        assert!(said.contains("Amount: EUR 123.45\n"), "{format:?}: {said}");
        assert_eq!(gaps(&document), [], "{format:?}");
    }
}

#[tokio::test]
async fn codes_of_pages_are_read_as_images_and_as_drawings() {
    let pool = pool(None);
    let line = ["Invoice INV-17 of Acme Building Supplies for the works of last month"];
    for (name, octets, want) in [
        ("image", image_pdf(&line, &qr(&epc(ON_RECORD), 3), [60, 300, 120, 120]), ON_RECORD),
        ("drawn", text_pdf(&line, &drawn_code(&swiss(SWISS))), SWISS),
    ] {
        let document = read(&pool, &octets).await;
        let spans = &document.files[0].spans;
        let code = spans
            .iter()
            .find(|span| span.kind == SpanKind::Qr)
            .unwrap_or_else(|| panic!("{name}: {document:?}"));
        assert_eq!(code.page, Some(1), "{name}");
        assert!(code.text.contains(&format!("IBAN: {want}")), "{name}: {}", code.text);
        assert_eq!(gaps(&document), [], "{name}");
    }
}

#[tokio::test]
async fn what_nobody_recognises_is_unread_and_a_logo_is_not() {
    let pool = pool(None);
    let page = scan(&["Invoice INV-17", "IBAN: GB29 NWBK 6016 1331 9268 19"]);
    let logo = GrayImage::from_fn(220, 90, |x, y| Luma([if (x / 3 + y / 3) % 2 == 0 { 0 } else { 255 }]));
    let plain = GrayImage::from_pixel(1_200, 1_600, Luma([230]));
    let few = ["Dear Sir or Madam, please find below what we have delivered"];
    for (name, octets, want) in [
        ("page", file(&page, ImageFormat::Png), vec![Unread::Unsupported]),
        ("page in a PDF", image_pdf(&[], &page, WHOLE), vec![Unread::Unsupported]),
        ("page under one word", image_pdf(&["Invoice"], &page, WHOLE), vec![Unread::Unsupported]),
        ("logo", file(&logo, ImageFormat::Png), vec![]),
        ("blank page", file(&plain, ImageFormat::Png), vec![]),
        ("logo on a letter", image_pdf(&few, &logo, [60, 780, 100, 40]), vec![]),
        ("stationery behind a letter", image_pdf(&few, &page, WHOLE), vec![]),
    ] {
        let document = read(&pool, &octets).await;
        assert_eq!(gaps(&document), want, "{name}: {document:?}");
    }
}

#[tokio::test]
async fn scans_are_recognised() {
    need_tesseract();
    let pool = pool(Some(patient()));
    let page = scan(&["Invoice INV-17", "Acme Building Supplies", "IBAN: GB29 NWBK 6016 1331 9268 19"]);
    for (name, octets, number) in [
        ("picture", file(&page, ImageFormat::Png), None),
        ("fax", file(&page, ImageFormat::Tiff), Some(1)),
        ("PDF", image_pdf(&[], &page, WHOLE), Some(1)),
    ] {
        let document = read(&pool, &octets).await;
        let seen = texts(&document, SpanKind::Ocr);
        assert!(bare(&seen).contains(ON_RECORD), "{name}: {seen}");
        assert!(document.files[0].spans.iter().all(|span| span.page == number), "{name}: {document:?}");
        assert_eq!(gaps(&document), [], "{name}");
    }
    // A page without anything legible stays unread.
    let noise =
        GrayImage::from_fn(900, 1_200, |x, y| Luma([u8::try_from((x * 7919 + y * 104_729) % 251).unwrap()]));
    assert_eq!(gaps(&read(&pool, &file(&noise, ImageFormat::Png)).await), [Unread::Unsupported]);
}

/// A program in place of tesseract.
fn pretender(folder: &Path, script: &str) -> RecognitionOptions {
    let program = folder.join("bin/pretender");
    std::fs::create_dir_all(program.parent().unwrap()).unwrap();
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    RecognitionOptions { program: Some(program), ..patient() }
}

/// What recognition fails at, or takes too long for, leaves the page unread and costs nothing else.
#[tokio::test]
async fn recognition_that_fails_leaves_a_page_unread() {
    let folder = tempfile::tempdir().unwrap();
    let page = scan(&["Invoice INV-17", "IBAN: GB29 NWBK 6016 1331 9268 19"]);
    let octets = image_pdf(&["Invoice"], &page, WHOLE);
    let busy = RecognitionOptions {
        wall: Duration::from_millis(300),
        ..pretender(folder.path(), "while :; do :; done")
    };
    for (name, options) in [
        ("slow", busy),
        ("broken", pretender(&folder.path().join("broken"), "exit 1")),
        ("rubbish", pretender(&folder.path().join("rubbish"), "echo 5; cat >/dev/null")),
        ("gone", RecognitionOptions { program: Some(PathBuf::from("/nonexistent/tesseract")), ..patient() }),
    ] {
        let document = read(&pool(Some(options)), &octets).await;
        assert_eq!(gaps(&document), [Unread::Unsupported], "{name}");
        assert!(texts(&document, SpanKind::Visible).contains("Invoice"), "{name}: the text stays");
    }
}

/// The recognising program can neither write nor start another; it can answer.
#[tokio::test]
async fn the_recognising_program_is_shut_in() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("written");
    let word = "5\\t1\\t1\\t1\\t1\\t1\\t0\\t0\\t90\\t20\\t99\\t";
    let page = file(&scan(&["Invoice INV-17", "IBAN: GB29 NWBK 6016 1331 9268 19"]), ImageFormat::Png);
    // Only what is built into the shell: whatever needs a process of its own fails.
    let script = format!(
        "written=refused; true 2>/dev/null > {} && written=done\nprintf '{word}writing-is-%s\\n' $written",
        target.display()
    );
    let document = read(&pool(Some(pretender(folder.path(), &script))), &page).await;
    assert_eq!(texts(&document, SpanKind::Ocr).trim(), "writing-is-refused", "{document:?}");
    assert!(!target.exists());
    let starting = format!("/bin/true && printf '{word}startedanotherprogram\\n'");
    let document = read(&pool(Some(pretender(&folder.path().join("starting"), &starting))), &page).await;
    assert_eq!((texts(&document, SpanKind::Ocr).as_str(), gaps(&document)), ("", vec![Unread::Unsupported]));
}

/// Files that ask for gigabytes end as unread, and the worker lives on to read the next.
#[tokio::test]
async fn bombs_cost_one_picture() {
    // What this program does itself is slow unoptimised; memory is what it is.
    let pool = pool(None);
    let header = |width: u32, height: u32| {
        let mut png = file(&GrayImage::new(1, 1), ImageFormat::Png);
        png[16..20].copy_from_slice(&width.to_be_bytes());
        png[20..24].copy_from_slice(&height.to_be_bytes());
        let sum = crc(&png[12..29]);
        png[29..33].copy_from_slice(&sum.to_be_bytes());
        // Large enough to be no broken icon.
        png.extend(vec![0; 40_000]);
        png
    };
    let frames = {
        let mut out = Vec::new();
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut out);
        for _ in 0..300 {
            encoder.encode_frame(image::Frame::new(image::RgbaImage::new(400, 400))).unwrap();
        }
        drop(encoder);
        out
    };
    for (name, octets, want) in [
        ("four billion pixels", header(65_535, 65_535), vec![Unread::Unsupported]),
        ("one row of two billion", header(i32::MAX.unsigned_abs(), 1), vec![Unread::Unsupported]),
        ("more pixels than there are octets", header(6_000, 6_000), vec![Unread::Unsupported]),
        (
            "white page of 36 million pixels",
            file(&GrayImage::from_pixel(6_000, 6_000, Luma([255])), ImageFormat::Png),
            vec![],
        ),
        ("one bit a pixel", fax(19_000, 2_100, 1), vec![]),
        ("a fax of a hundred pages", fax(1_700, 2_200, 100), vec![Unread::Unsupported]),
        ("a fax that goes in circles", circle(), vec![Unread::Unsupported]),
        ("three hundred frames", frames, vec![]),
    ] {
        assert_eq!(gaps(&read(&pool, &octets).await), want, "{name}");
        let code = read(&pool, &file(&qr(&epc(ON_RECORD), 3), ImageFormat::Png)).await;
        assert!(texts(&code, SpanKind::Qr).contains(ON_RECORD), "after {name}");
    }
}

/// CRC-32 of a PNG chunk.
fn crc(octets: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(octets);
    crc.sum()
}

/// A black-and-white TIFF: every page the same packed white rows.
fn fax(width: u32, height: u32, pages: usize) -> Vec<u8> {
    use std::io::Write as _;
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    let row = vec![0xFF; usize::try_from(width.div_ceil(8)).unwrap()];
    (0..height).for_each(|_| packed.write_all(&row).unwrap());
    let packed = packed.finish().unwrap();
    let mut out = b"II*\0\0\0\0\0".to_vec();
    out.extend(&packed);
    // So that it is no broken icon when something goes wrong.
    out.resize(out.len().max(40_000).next_multiple_of(2), 0);
    let mut link = 4;
    for _ in 0..pages {
        let at = u32::try_from(out.len()).unwrap();
        out[link..link + 4].copy_from_slice(&at.to_le_bytes());
        let entries: [(u16, u16, u32); 9] = [
            (256, 4, width),
            (257, 4, height),
            (258, 3, 1),
            (259, 3, 8),
            (262, 3, 1),
            (273, 4, 8),
            (277, 3, 1),
            (278, 4, height),
            (279, 4, u32::try_from(packed.len()).unwrap()),
        ];
        out.extend(9_u16.to_le_bytes());
        for (tag, kind, value) in entries {
            out.extend(tag.to_le_bytes());
            out.extend(kind.to_le_bytes());
            out.extend(1_u32.to_le_bytes());
            out.extend(value.to_le_bytes());
        }
        link = out.len();
        out.extend([0; 4]);
    }
    out
}

/// A TIFF whose page is followed by itself.
fn circle() -> Vec<u8> {
    let mut tiff = fax(800, 800, 1);
    let first: [u8; 4] = tiff[4..8].try_into().unwrap();
    let end = tiff.len();
    tiff[end - 4..].copy_from_slice(&first);
    tiff
}

async fn send(client: &mut Client, octets: &[u8]) {
    let reply =
        client.send("accounts@acme-supplies.example", &["accounts@contoso.example"], octets).await.unwrap();
    assert_eq!(reply.code, 250, "{reply:?}");
}

/// Over SMTP: what is only seen is judged like what is written.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_seen_is_judged_on_the_mail_path() {
    need_tesseract();
    let sink = Sink::start(Behaviour::default()).await;
    let setup = Setup::new(sink.address());
    let world = World::start(
        setup
            .env("SENTRA_DOCUMENTS__OCR_TIMEOUT_SECONDS", "20")
            .env("SENTRA_DOCUMENTS__TIMEOUT_SECONDS", "20")
            .env("SENTRA_DOCUMENTS__CPU_SECONDS", "15"),
    );
    let mut client = world.hello().await;
    let body = "Please find our invoice INV-17 attached.";
    let page =
        |account: &str| scan(&["Invoice INV-17", "Acme Building Supplies", &format!("IBAN: {account}")]);
    let line = "Invoice INV-17 of Acme Building Supplies for the works of last month";
    let printed = format!("IBAN: {ON_RECORD}");
    let coded = |account: &str| image_pdf(&[line, &printed], &qr(&epc(account), 3), [60, 300, 120, 120]);
    let pdf = "application/pdf";
    for (id, media_type, octets) in [
        ("scan@t", pdf, image_pdf(&[], &page(ON_RECORD), WHOLE)),
        ("code@t", pdf, coded(ON_RECORD)),
        ("picture@t", "image/png", file(&page(ON_RECORD), ImageFormat::Png)),
    ] {
        send(&mut client, &mail_with(ACME, id, body, &[("invoice", media_type, &octets)])).await;
        assert!(world.entry(id).is_none(), "{id}: {:?}", world.entry(id));
    }
    for (id, media_type, octets, code) in [
        ("changed-scan@t", pdf, image_pdf(&[], &page(ELSEWHERE), WHOLE), "BANK_DETAILS_CHANGED"),
        ("changed-picture@t", "image/png", file(&page(ELSEWHERE), ImageFormat::Png), "BANK_DETAILS_CHANGED"),
        ("changed-code@t", pdf, coded(ELSEWHERE), "PRINTED_ACCOUNT_CONFLICT"),
        ("lie@t", pdf, lying_pdf(line, ELSEWHERE, ON_RECORD), "SEEN_ACCOUNT_CONFLICT"),
    ] {
        send(&mut client, &mail_with(ACME, id, body, &[("invoice", media_type, &octets)])).await;
        let entry = world.entry(id).unwrap_or_else(|| panic!("{id} is not held"));
        assert!(entry["codes"].as_array().unwrap().iter().any(|found| found == code), "{id}: {entry}");
    }
}
