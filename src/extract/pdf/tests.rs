//! PDFs written here, each with one trap, and what is read of them.

use super::*;
use crate::limits::{PDF_COUNTED_PAGES, PDF_OPERATIONS};
use proptest::prelude::*;

const ACCOUNT: &str = "DE89 3704 0044 0532 0130 00";

/// A PDF of these objects, numbered from 1; object 1 is the catalog.
pub(super) fn pdf(objects: &[String]) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut offsets = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        offsets.push(out.len());
        out.extend(format!("{} 0 obj\n{object}\nendobj\n", index + 1).bytes());
    }
    let xref = out.len();
    out.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
    for offset in offsets {
        out.extend(format!("{offset:010} 00000 n \n").bytes());
    }
    let size = objects.len() + 1;
    out.extend(format!("trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{xref}\n%%EOF\n").bytes());
    out
}

pub(super) fn stream(dict: &str, content: &str) -> String {
    format!("<<{dict}/Length {}>>\nstream\n{content}\nendstream", content.len())
}

/// One page with this content; object 4 is its content, 5 the font, 6 onwards `more`.
fn page(content: &str, catalog: &str, page: &str, resources: &str, more: &[String]) -> Vec<u8> {
    let mut objects = vec![
        format!("<</Type/Catalog/Pages 2 0 R{catalog}>>"),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
        format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R{page}\
             /Resources<</Font<</F 5 0 R>>{resources}>>>>"
        ),
        stream("", content),
        "<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding/WinAnsiEncoding/FirstChar 0/Widths[".to_owned()
            + &"600 ".repeat(256)
            + "]>>",
    ];
    objects.extend_from_slice(more);
    pdf(&objects)
}

fn plain(content: &str) -> Vec<u8> {
    page(content, "", "", "", &[])
}

/// Visible and hidden text, each on one line.
fn texts(reading: &PdfReading) -> (String, String) {
    let of = |hidden| {
        let texts = reading.texts.iter().filter(|text| text.hidden == hidden);
        texts
            .map(|text| text.text.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>()
            .join(" | ")
    };
    (of(false), of(true))
}

#[test]
fn what_people_see_and_what_they_do_not() {
    let show = format!("BT /F 10 Tf 50 700 Td ({ACCOUNT}) Tj ET");
    for (name, content, visible, hidden) in [
        ("plain", show.clone(), ACCOUNT, ""),
        ("without ink", format!("BT 3 Tr /F 10 Tf 50 700 Td ({ACCOUNT}) Tj ET"), "", ACCOUNT),
        ("white on white", format!("1 g {show}"), "", ACCOUNT),
        ("white on black", format!("0 g 0 600 600 200 re f 1 1 1 rg {show}"), ACCOUNT, ""),
        ("nearly white, CMYK", format!("0 0 0 0.03 k {show}"), "", ACCOUNT),
        ("too small", format!("BT /F 0.2 Tf 50 700 Td ({ACCOUNT}) Tj ET"), "", ACCOUNT),
        (
            "small by matrix, large font",
            format!("q 10 0 0 10 0 0 cm BT /F 1 Tf 5 70 Td ({ACCOUNT}) Tj ET Q"),
            ACCOUNT,
            "",
        ),
        ("beside the page", format!("BT /F 10 Tf 650 700 Td ({ACCOUNT}) Tj ET"), "", ACCOUNT),
        ("covered by a box", format!("{show} 0.9 g 40 690 300 30 re f"), "", ACCOUNT),
        ("a box below", format!("0.9 g 40 690 300 30 re f 0 g {show}"), ACCOUNT, ""),
        ("clipped away", format!("q 0 0 100 100 re W n {show} Q"), "", ACCOUNT),
        (
            "one glyph after the other, backwards",
            "BT /F 10 Tf 1 0 0 1 62 700 Tm (9) Tj 1 0 0 1 56 700 Tm (8) Tj 1 0 0 1 50 700 Tm (D) Tj ET"
                .to_owned(),
            "D89",
            "",
        ),
        ("kerned", "BT /F 10 Tf 50 700 Td [(DE8) 30 (9 3) -20 (7)] TJ ET".to_owned(), "DE89 37", ""),
        ("spaced by letter spacing", "BT /F 10 Tf 9 Tc 50 700 Td (DE89) Tj ET".to_owned(), "DE89", ""),
        ("moved by TJ only", "BT /F 10 Tf 50 700 Td [(DE89) -600 (3704)] TJ ET".to_owned(), "DE89 3704", ""),
        ("turned", "BT /F 10 Tf 0 1 -1 0 50 100 Tm (DE89 3704) Tj ET".to_owned(), "DE89 3704", ""),
        (
            "ActualText that lies",
            "/Span <</ActualText (9999)>> BDC BT /F 10 Tf 50 700 Td (1111) Tj ET EMC".to_owned(),
            "1111",
            "9999",
        ),
        (
            "ActualText that agrees",
            "/Span <</ActualText (1111)>> BDC BT /F 10 Tf 50 700 Td (1111) Tj ET EMC".to_owned(),
            "1111",
            "",
        ),
    ] {
        let reading = read(&plain(&content));
        assert_eq!(texts(&reading), (visible.to_owned(), hidden.to_owned()), "{name}");
        assert_eq!(reading.gaps, Vec::<&str>::new(), "{name}");
    }
}

#[test]
fn columns_keep_an_account_that_is_broken_over_lines() {
    let reading = read(&plain(
        "BT /F 10 Tf 50 700 Td (DE89 3704 0044) Tj 250 0 Td (Please note) Tj \
         -250 -12 Td (0532 0130 00) Tj 250 0 Td (our new address) Tj ET",
    ));
    let (visible, _) = texts(&reading);
    assert!(visible.contains(ACCOUNT), "{visible}");
    assert!(visible.contains("DE89 3704 0044 Please note"), "{visible}");
}

#[test]
fn layers_forms_links_and_files() {
    let group = "<</Type/OCG/Name(x)>>".to_owned();
    let off = "/OCProperties<</OCGs[6 0 R]/D<</OFF[6 0 R]>>>>";
    let layer = page(
        "/OC /L BDC BT /F 10 Tf 50 700 Td (1234) Tj ET EMC",
        off,
        "",
        "/Properties<</L 6 0 R>>",
        std::slice::from_ref(&group),
    );
    assert_eq!(texts(&read(&layer)), (String::new(), "1234".to_owned()));

    let drawing = page(
        "q 1 0 0 1 0 100 cm /X Do Q",
        "",
        "",
        "/XObject<</X 6 0 R>>",
        &[stream("/Type/XObject/Subtype/Form/BBox[0 0 600 800]", "BT /F 10 Tf 50 600 Td (drawn) Tj ET")],
    );
    assert_eq!(texts(&read(&drawing)).0, "drawn");

    let form = page(
        "",
        "/AcroForm<</Fields[6 0 R]>>",
        "",
        "",
        &["<</FT/Tx/T(bank)/Kids[7 0 R]>>".to_owned(), format!("<</T(IBAN)/V({ACCOUNT})>>")],
    );
    assert_eq!(texts(&read(&form)).0, format!("IBAN: {ACCOUNT}"));

    let link = page(
        "",
        "",
        "/Annots[6 0 R 7 0 R]",
        "",
        &[
            "<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/URI/URI(https://pay.example/x)>>>>".to_owned(),
            "<</Type/Annot/Subtype/FreeText/Rect[0 0 9 9]/Contents(a note)>>".to_owned(),
        ],
    );
    let read_link = read(&link);
    assert_eq!(read_link.links, vec![(1, "https://pay.example/x".to_owned())]);
    assert_eq!(texts(&read_link).0, "a note");

    let carrier = page(
        "",
        "/AF[6 0 R]/Names<</EmbeddedFiles<</Names[(a)6 0 R]>>>>",
        "",
        "",
        &[
            "<</Type/Filespec/F(factur-x.xml)/EF<</F 7 0 R>>>>".to_owned(),
            stream("/Type/EmbeddedFile/Subtype/text#2Fxml", "<xml/>"),
        ],
    );
    let expected = Attached {
        name: "factur-x.xml".to_owned(),
        media_type: "text/xml".to_owned(),
        octets: b"<xml/>".to_vec(),
    };
    assert_eq!(read(&carrier).attached, vec![expected], "listed twice, taken once");
}

#[test]
fn the_map_of_a_composite_font() {
    let map = "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n\
               1 begincodespacerange <0000> <FFFF> endcodespacerange\n\
               1 beginbfchar <0001> <0044> endbfchar\n\
               2 beginbfrange <0002> <0003> <0045> <0010> <0011> [<0038> <0039>] endbfrange\n\
               endcmap end end";
    let content = "BT /G 10 Tf 50 700 Td <0001000200100011> Tj ET";
    let octets = page(
        content,
        "",
        "",
        "/Font<</G 6 0 R>>",
        &[
            "<</Type/Font/Subtype/Type0/Encoding/Identity-H/ToUnicode 7 0 R/DescendantFonts[8 0 R]>>"
                .to_owned(),
            stream("", map),
            "<</Type/Font/Subtype/CIDFontType2/DW 600/W[1[600 600]16 17 600]>>".to_owned(),
        ],
    );
    // The second /Font entry of the resources wins.
    assert_eq!(texts(&read(&octets)).0, "DE89");
}

#[test]
fn what_could_not_be_read_is_said() {
    let image =
        stream("/Type/XObject/Subtype/Image/Width 1/Height 1/BitsPerComponent 8/ColorSpace/DeviceGray", "x");
    let scan = |text: &str| {
        let content = format!("q 600 0 0 800 0 0 cm /I Do Q {text}");
        page(&content, "", "", "/XObject<</I 6 0 R>>", std::slice::from_ref(&image))
    };
    let scanned = read(&scan(""));
    assert_eq!(
        (scanned.gaps.as_slice(), scanned.looks.iter().map(|look| (look.page, look.required)).collect()),
        (&["unsupported"][..], vec![(1, true)])
    );

    let recognised = read(&scan("BT 3 Tr /F 10 Tf 50 700 Td (recognised) Tj ET"));
    assert!(recognised.texts.iter().any(|text| text.recognised && !text.hidden), "{recognised:?}");
    assert_eq!(recognised.gaps, ["unsupported"], "the image may say something else");

    let locked = String::from_utf8(plain("")).unwrap().replace(
        "/Root 1 0 R",
        "/Root 1 0 R/ID[<00><00>]/Encrypt<</Filter/Standard/V 1/R 2/O(x)/U(y)/P -4>>",
    );
    for (name, octets, gap) in [
        ("rubbish", b"%PDF-1.7 rubbish".to_vec(), "damaged"),
        ("encrypted", locked.into_bytes(), "password"),
        ("too large", vec![0; PDF_OCTETS + 1], "limit"),
    ] {
        assert_eq!(read(&octets).gaps, [gap], "{name}");
    }
}

#[test]
fn nothing_is_left_out_in_silence() {
    let font = |entries: &str| vec![format!("<</Type/Font{entries}>>")];
    let other = |entries: &str, shown: &str| {
        let content = format!("BT /F 10 Tf 50 700 Td (A page of text) Tj /G 10 Tf 0 -20 Td {shown} Tj ET");
        page(&content, "", "", "/Font<</F 5 0 R/G 6 0 R>>", &font(entries))
    };
    let unmapped = other("/Subtype/Type0/Encoding/Identity-H", "<000100020003000400050006>");
    let pictures = other("/Subtype/Type3/Encoding<</Differences[49/g1/g2/g3]>>", "(123123)");
    let named =
        other("/Subtype/Type1/Encoding<</Differences[1/one/two/uni0033/A/g9]>>", r"(\001\002\003\004)");
    let missing_font = plain("BT /F 10 Tf 50 700 Td (text) Tj /None 10 Tf (1234567) Tj ET");
    let swap = |from: &str, to: &str| {
        let content = format!("BT /F 10 Tf 50 700 Td ({ACCOUNT}) Tj ET");
        String::from_utf8(plain(&content)).unwrap().replace(from, to).into_bytes()
    };
    for (name, octets, text, gaps) in [
        ("characters that the file does not name", unmapped, "A page of text", &["unsupported"][..]),
        ("glyphs that are pictures", pictures, "A page of text", &["unsupported"]),
        ("names of glyphs, one of them unknown but unused", named, "A page of text 123A", &[]),
        ("a font that is not there", missing_font, "text", &["unsupported"]),
        (
            "a page after repeated ones",
            swap("Kids[3 0 R]", "Kids[9 0 R 9 0 R 9 0 R 9 0 R 9 0 R 9 0 R 3 0 R]"),
            ACCOUNT,
            &["damaged"],
        ),
        ("a page of another type", swap("/Type/Page/Parent", "/Type/Pagx/Parent"), ACCOUNT, &[]),
        (
            "a page that can not be loaded",
            swap("/MediaBox[", &format!("/X {}/MediaBox[", "[".repeat(5_000))),
            "",
            &["damaged"],
        ),
        ("no content where it should be", swap("/Contents 4 0 R", "/Contents 9 0 R"), "", &["damaged"]),
        ("content packed in an unknown way", swap("<</Length", "<</Filter/Unknown/Length"), "", &["damaged"]),
        ("a drawing that is not there", page("/X Do", "", "", "/XObject<</X 9 0 R>>", &[]), "", &["damaged"]),
        ("a broken string", plain("BT /F 10 Tf 50 700 Td (text) Tj (open"), "text", &["damaged"]),
    ] {
        let reading = read(&octets);
        assert_eq!((texts(&reading).0.as_str(), reading.gaps.as_slice()), (text, gaps), "{name}");
    }
}

#[test]
fn bombs_end_at_a_limit() {
    let form = |calls: &str| {
        stream("/Type/XObject/Subtype/Form/Resources<</XObject<</A 6 0 R/B 7 0 R/C 8 0 R>>>>", calls)
    };
    let x = "/XObject<</A 6 0 R>>";
    let bomb =
        page("/A Do", "", "", x, &[form(&"/B Do ".repeat(500)), form(&"/C Do ".repeat(500)), form("")]);
    assert_eq!(read(&bomb).gaps, ["limit"], "drawings that draw drawings");
    let own = page("/A Do", "", "", x, &[form("/A Do /A Do")]);
    assert_eq!(read(&own).gaps, Vec::<&str>::new(), "a drawing that draws itself draws once");
    let long = plain(&"q ".repeat(PDF_OPERATIONS + 10));
    assert_eq!(read(&long).gaps, ["limit"], "operations");
    assert_eq!(read(&plain(&"[".repeat(200_000))).gaps, ["damaged"], "nesting");
    let kids = format!("<</Type/Pages/Kids[{}]/Count 200000>>", "3 0 R ".repeat(200_000));
    let mut objects = vec!["<</Type/Catalog/Pages 2 0 R>>".to_owned(), kids];
    objects.push("<</Type/Page/Parent 2 0 R>>".to_owned());
    let many = read(&pdf(&objects));
    assert_eq!((many.pages, many.gaps.as_slice()), (PDF_COUNTED_PAGES, &["limit"][..]));
}

#[test]
fn the_first_pages_and_the_last() {
    let kids: Vec<String> = (0..60).map(|page| format!("{} 0 R", 4 + 2 * page)).collect();
    let mut objects = vec![
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        format!(
            "<</Type/Pages/Kids[{}]/Count 60/MediaBox[0 0 600 800]/Resources<</Font<</F 3 0 R>>>>>>",
            kids.join(" ")
        ),
        "<</Type/Font/Subtype/Type1/BaseFont/Courier>>".to_owned(),
    ];
    for page in 1..=60 {
        objects.push(format!("<</Type/Page/Parent 2 0 R/Contents {} 0 R>>", 3 + 2 * page));
        objects.push(stream("", &format!("BT /F 10 Tf 50 700 Td (page {page}) Tj ET")));
    }
    let reading = read(&pdf(&objects));
    let pages: Vec<u32> = reading.texts.iter().filter_map(|text| text.page).collect();
    assert_eq!(pages, (1..=40).chain(56..=60).collect::<Vec<u32>>());
    assert_eq!((reading.pages, reading.gaps.as_slice()), (60, &["limit"][..]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is changed in a file, reading ends and gives back bounded text.
    #[test]
    fn damaged_files_never_panic(
        changes in prop::collection::vec((0_usize..4_000, any::<u8>(), 0_u8..3), 1..12),
    ) {
        let mut octets = page(
            "q 1 0 0 1 0 0 cm /OC /L BDC BT /F 10 Tf [(DE89) -600 (3704)] TJ ET EMC /X Do Q 0 0 9 9 re W n f",
            "/OCProperties<</OCGs[6 0 R]/D<</OFF[6 0 R]>>>>/AcroForm<</Fields[7 0 R]>>",
            "/Annots[8 0 R]",
            "/Properties<</L 6 0 R>>/XObject<</X 9 0 R>>",
            &[
                "<</Type/OCG>>".to_owned(),
                "<</T(a)/V(b)/Kids[7 0 R]>>".to_owned(),
                "<</Rect[0 0 9 9]/A<</URI(x)>>/AP<</N 9 0 R>>>>".to_owned(),
                stream("/Subtype/Form/BBox[0 0 9 9]", "BT /F 1 Tf (x) ' ET"),
            ],
        );
        for (at, octet, kind) in changes {
            let at = at % octets.len();
            match kind {
                0 => octets[at] = octet,
                1 => octets.truncate(at.max(20)),
                _ => octets.insert(at, octet),
            }
        }
        let reading = read(&octets);
        prop_assert!(reading.texts.iter().map(|text| text.text.len()).sum::<usize>() <= PDF_TEXT_OCTETS);
    }
}

#[test]
fn what_stands_over_a_link_is_told_with_its_target() {
    let show = |text: &str| format!("BT /F 10 Tf 50 700 Td ({text}) Tj ET");
    let two = "BT /F 10 Tf 12 TL 50 700 Td (www.acme.example/a-long-) Tj T* (path) Tj ET".to_owned();
    let bank = show("www.acme.example");
    for (name, content, rect, expected) in [
        ("the address", bank.clone(), "48 698 150 712", Some("www.acme.example")),
        ("corners in another order", bank.clone(), "150 712 48 698", Some("www.acme.example")),
        (
            "words beside it stay out",
            show("See www.acme.example today"),
            "74 698 170 712",
            Some("www.acme.example"),
        ),
        ("broken over two lines", two, "48 680 250 712", Some("www.acme.example/a-long-")),
        ("elsewhere", bank.clone(), "300 300 400 320", None),
        (
            "text that nobody sees",
            "BT 3 Tr /F 10 Tf 50 700 Td (www.acme.example) Tj ET".to_owned(),
            "48 698 150 712",
            None,
        ),
        (
            "a whole page of text",
            format!("BT /F 1 Tf 50 700 Td ({}) Tj ET", "x".repeat(MAX_ANCHOR_TEXT + 1)),
            "0 0 9000 800",
            None,
        ),
    ] {
        let link =
            format!("<</Type/Annot/Subtype/Link/Rect[{rect}]/A<</S/URI/URI(https://evil.example/)>>>>");
        let octets = page(&content, "", "/Annots[6 0 R]/CropBox[0 0 600 800]", "", &[link]);
        let reading = read(&octets);
        let expected: Vec<_> =
            expected.iter().map(|shown| ((*shown).to_owned(), "https://evil.example/".to_owned())).collect();
        assert_eq!(reading.anchors, expected, "{name}");
        assert_eq!(reading.links.len(), 1, "{name}");
    }
}
