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
    use super::super::read;
    use super::super::tests::{pdf, stream};
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

    /// An invoice of two programs on A4: object 4 is the content of its page, 6 what it says of the programs.
    fn invoice(programs: &str, media: &str) -> Vec<u8> {
        let made = pdf(&[
            "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
            "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
            format!("<</Type/Page/Parent 2 0 R/MediaBox[{media}]/Contents 4 0 R>>"),
            stream("", "0 g"),
            "null".to_owned(),
            format!("<<{programs}>>"),
        ]);
        // Behind the table, whose places so stay right.
        let text = String::from_utf8(made).unwrap();
        text.replacen("/Root 1 0 R", "/Root 1 0 R/Info 6 0 R", 1).into_bytes()
    }

    /// The file with objects added or written again behind its end.
    fn updated(file: &[u8], objects: &[(u32, &str)]) -> Vec<u8> {
        let mut out = file.to_vec();
        let at = memmem::rfind(file, b"startxref").unwrap() + 10;
        let before = String::from_utf8_lossy(&file[at..]).lines().next().unwrap().to_owned();
        let mut table = String::from("xref\n");
        for (id, object) in objects {
            table.push_str(&format!("{id} 1\n{:010} 00000 n \n", out.len()));
            out.extend(format!("{id} 0 obj\n{object}\nendobj\n").bytes());
        }
        let start = out.len();
        out.extend(table.bytes());
        let trailer = format!("<</Size 20/Root 1 0 R/Info 6 0 R/Prev {before}>>");
        out.extend(format!("trailer\n{trailer}\nstartxref\n{start}\n%%EOF\n").bytes());
        out
    }

    const PROGRAMS: &str = "/Creator(Acme Ledger 4.1)/Producer(iText 2.1.7 by 1T3XT)";
    const A4: &str = "0 0 595 842";

    #[test]
    fn makes_are_programs_and_paper() {
        for (programs, media, expected) in [
            (PROGRAMS, A4, "acme ledger / itext, A4"),
            ("/Creator(Acme Ledger 5)/Producer(iText 2.1.9)", "0 0 842.4 595.2", "acme ledger / itext, A4"),
            ("/Producer(LibreOffice 7)/Creator(Writer)", "0 0 612 792", "writer / libreoffice, Letter"),
            ("/Producer(Word)/Creator(Word)", "0 0 226 900", "word, other paper"),
            ("", A4, "unnamed, A4"),
            ("/Producer 7/Creator[(x)]", A4, "unnamed, A4"),
        ] {
            assert_eq!(read(&invoice(programs, media)).make.as_deref(), Some(expected), "{programs}");
        }
        assert_eq!(read(b"%PDF-1.7 nothing").make, None);
    }

    #[test]
    fn a_page_that_an_update_changed_is_told_from_what_is_added_by_right() {
        let original = invoice(PROGRAMS, A4);
        let page = |more: &str| format!("<</Type/Page/Parent 2 0 R/MediaBox[{A4}]/Contents {more}>>");
        let content = stream("", "1 g");
        let (more, field) = (page("[4 0 R 7 0 R]"), page("4 0 R/Annots[7 0 R]"));
        let carried = stream("/Type/EmbeddedFile", "<invoice/>");
        type Row<'a> = (&'a str, &'a [(u32, &'a str)], bool);
        let rows: [Row<'_>; 8] = [
            ("the content written again", &[(4, &content)], true),
            ("more content", &[(3, &more), (7, &content)], true),
            ("text laid over", &[(3, &field), (7, "<</Type/Annot/Subtype/FreeText/Rect[0 0 9 9]>>")], true),
            (
                "a signature",
                &[(3, &field), (7, "<</Type/Annot/Subtype/Widget/FT/Sig/Rect[0 0 9 9]>>")],
                false,
            ),
            ("a note", &[(3, &field), (7, "<</Type/Annot/Subtype/Text/Rect[0 0 9 9]>>")], false),
            ("a filled form", &[(1, "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[]>>>>")], false),
            ("a file for programs", &[(1, "<</Type/Catalog/Pages 2 0 R/AF[7 0 R]>>"), (7, &carried)], false),
            ("other remarks", &[(6, "<</Creator(Acme Ledger)/Producer(iText)/ModDate(D:2026)>>")], false),
        ];
        for (name, objects, edited) in rows {
            let made = read(&updated(&original, objects)).make.unwrap();
            assert_eq!(made.ends_with(", changed afterwards"), edited, "{name}: {made}");
            // Signed after it was changed: the change stays.
            let signed = updated(&updated(&original, objects), &[(8, "<</Type/Sig>>")]);
            let made = read(&signed).make.unwrap();
            assert_eq!(made.ends_with(", changed afterwards"), edited, "{name}, signed: {made}");
        }
        // A file that holds another as it is was not added to.
        let carried = String::from_utf8(original.clone()).unwrap();
        let mut objects: Vec<String> = (0..6).map(|_| "null".to_owned()).collect();
        objects[0] = "<</Type/Catalog/Pages 2 0 R/AF[5 0 R]>>".to_owned();
        objects[1] = "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned();
        objects[2] = page("6 0 R");
        objects[4] = stream("/Type/EmbeddedFile", &carried);
        objects[5] = content;
        assert_eq!(read(&pdf(&objects)).make.as_deref(), Some("unnamed, A4"));
    }
}
