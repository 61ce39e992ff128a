//! How a PDF was made, as a short text that is the same for all invoices of one program and one setting: the programs
//! that wrote it, its paper, and whether a page was changed after the file was written.
//!
//! Versions are left out, for they change by themselves, and so are fonts: which of them a page needs depends on what it
//! says. All of it is what the file says of itself: it tells who was careless, and proves nothing.

use super::shown_area;
use crate::limits::{PDF_MAKE_WORD, PDF_MAKE_WORDS, PDF_NODES, PDF_PROGRAM};
use lopdf::xref::XrefEntry;
use lopdf::{Dictionary, Document, Object, ObjectId};
use memchr::memmem;

/// Parts of a program's name that come and go with its version.
const NOISE: [&str; 10] = ["build", "by", "for", "inc", "llc", "ltd", "release", "the", "using", "version"];
/// Short and long side in points.
const PAPERS: [(&str, f32, f32); 4] =
    [("A4", 595.0, 842.0), ("A5", 420.0, 595.0), ("Letter", 612.0, 792.0), ("Legal", 612.0, 1_008.0)];
/// Points by which programs round differently.
const ROUNDING: f32 = 6.0;

/// The make of a document; `pages` are its pages, the first one first.
pub(super) fn of(doc: &Document, octets: &[u8], pages: &[(u32, ObjectId)]) -> Option<String> {
    let (_, first) = pages.first()?;
    let (producer, creator) = (program(doc, b"Producer"), program(doc, b"Creator"));
    let mut named: Vec<String> =
        [creator, producer].iter().flatten().map(|says| name(says)).filter(|name| !name.is_empty()).collect();
    named.dedup();
    let programs = if named.is_empty() { "unnamed".to_owned() } else { named.join(" / ") };
    let edited = if is_edited(doc, octets, pages) { ", changed afterwards" } else { "" };
    Some(format!("{programs}, {}{edited}", paper(doc, *first)))
}

/// What the document says of a program, at most [`PDF_PROGRAM`] characters.
pub(super) fn program(doc: &Document, key: &[u8]) -> Option<String> {
    let info = doc.trailer.get_deref(b"Info", doc).and_then(Object::as_dict).ok()?;
    let text = lopdf::decode_text_string(info.get_deref(key, doc).ok()?).ok()?;
    Some(text.chars().filter(|c| !c.is_control()).take(PDF_PROGRAM).collect())
}

/// A program's name without versions, copyright and remarks; one that another changed keeps both names.
fn name(says: &str) -> String {
    let lower = says.to_lowercase();
    // "macOS Version 12.6 (Build 21G115) Quartz PDFContext" and "Mac OS X 10.13.6 Quartz PDFContext" are one.
    if lower.contains("quartz pdfcontext") {
        return "quartz pdfcontext".to_owned();
    }
    let (first, then) = lower.split_once("modified using").unwrap_or((&lower, ""));
    let both: Vec<String> = [first, then].map(words).into_iter().filter(|name| !name.is_empty()).collect();
    both.join(" + ")
}

fn words(text: &str) -> String {
    let said = text.split('©').next().unwrap_or_default();
    let mut words: Vec<String> = Vec::new();
    let mut depth = 0_usize;
    let mut word = String::new();
    for c in said.chars().chain([' ']) {
        match c {
            '(' | '[' => depth = depth.saturating_add(1),
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if c.is_alphanumeric() && depth == 0 {
            word.push(c);
            continue;
        }
        // Of `pscript5` the name, of `m120` and `7` nothing.
        let letters: String =
            std::mem::take(&mut word).chars().take_while(|c| c.is_alphabetic()).take(PDF_MAKE_WORD).collect();
        if letters.chars().nth(1).is_some() && !NOISE.contains(&letters.as_str()) && !words.contains(&letters)
        {
            words.push(letters);
        }
    }
    words.truncate(PDF_MAKE_WORDS);
    words.join(" ")
}

fn paper(doc: &Document, page: ObjectId) -> &'static str {
    let area = shown_area(doc, page);
    let (width, height) = (area.right - area.left, area.top - area.bottom);
    let (short, long) = (width.min(height), width.max(height));
    let near = |a: f32, b: f32| (a - b).abs() <= ROUNDING;
    let paper = PAPERS.iter().find(|(_, across, along)| near(short, *across) && near(long, *along));
    // Rolls and forms are as long as what is on them.
    paper.map_or("other paper", |(name, ..)| name)
}

/// Whether what a page shows was changed by an update of the file (ISO 32000-1, 7.5.6): its content was written again, or
/// a text, a stamp or a shape was laid over it. Signatures, filled forms and attached files change other things.
fn is_edited(doc: &Document, octets: &[u8], pages: &[(u32, ObjectId)]) -> bool {
    let revisions = doc.revision_count();
    if revisions < 2 {
        return false;
    }
    // Each revision ends with this word, and the first one with the last but so many.
    let Some(first_end) = memmem::rfind_iter(octets, b"startxref").nth(revisions - 1) else { return false };
    let added = |id: ObjectId| offset(doc, id).is_some_and(|offset| offset > first_end);
    let mut left = PDF_NODES;
    pages.iter().filter_map(|(_, id)| doc.get_dictionary(*id).ok()).any(|page| {
        let contents = references(doc, page, b"Contents", &mut left);
        contents.into_iter().any(added)
            || references(doc, page, b"Annots", &mut left).into_iter().any(|id| added(id) && draws(doc, id))
    })
}

/// Ids of one object or of the elements of an array, `left` at most.
fn references(doc: &Document, page: &Dictionary, key: &[u8], left: &mut usize) -> Vec<ObjectId> {
    let Ok(given) = page.get(key) else { return Vec::new() };
    let ids: Vec<ObjectId> = match doc.dereference(given) {
        Ok((_, Object::Array(all))) => {
            all.iter().take(*left).filter_map(|one| one.as_reference().ok()).collect()
        }
        _ => given.as_reference().ok().into_iter().take(*left).collect(),
    };
    *left = left.saturating_sub(ids.len());
    ids
}

/// Annotations that show something of their own (ISO 32000-1, 12.5.6), unlike links, notes and form fields.
fn draws(doc: &Document, id: ObjectId) -> bool {
    let kind = doc.get_dictionary(id).and_then(|dict| dict.get(b"Subtype")).and_then(Object::as_name);
    kind.is_ok_and(|kind| matches!(kind, b"FreeText" | b"Stamp" | b"Square" | b"Polygon" | b"Redact"))
}

/// Where an object stands in the file; one inside an object stream stands where that does.
fn offset(doc: &Document, id: ObjectId) -> Option<usize> {
    let place = |id: u32| doc.reference_table.get(id);
    let entry = match place(id.0)? {
        XrefEntry::Compressed { container, .. } => place(*container)?,
        entry => entry,
    };
    match entry {
        XrefEntry::Normal { offset, .. } => usize::try_from(*offset).ok(),
        XrefEntry::Compressed { .. } | XrefEntry::Free | XrefEntry::UnusableFree => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_named_without_their_versions() {
        for (says, expected) in [
            ("Microsoft® Word 2016", "microsoft word"),
            ("Microsoft® Word für Microsoft 365", "microsoft word"),
            ("LibreOffice 7.3", "libreoffice"),
            ("macOS Version 12.6 (Build 21G115) Quartz PDFContext", "quartz pdfcontext"),
            ("Mac OS X 10.13.6 Quartz PDFContext", "quartz pdfcontext"),
            ("iText® 5.5.13.1 ©2000-2019 iText Group NV (AGPL-version)", "itext"),
            ("iText 2.1.7 by 1T3XT", "itext"),
            ("Microsoft® Word 2016; modified using iText 5.5", "microsoft word + itext"),
            ("PScript5.dll Version 5.2.2", "pscript dll"),
            ("Skia/PDF m120", "skia pdf"),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/1",
                "mozilla applewebkit",
            ),
            ("TCPDF 6.2.13 (http://www.tcpdf.org)", "tcpdf"),
            ("Invoice 2026/0117", "invoice"),
            ("Xero 1.2", "xero"),
            ("Xero 1.3", "xero"),
            ("請求書 2.0", "請求書"),
            ("7", ""),
            (") )( 1", ""),
            ("", ""),
        ] {
            assert_eq!(name(says), expected, "{says}");
        }
        let long = name(&"x".repeat(1_000));
        assert_eq!(long.len(), PDF_MAKE_WORD);
    }
}
