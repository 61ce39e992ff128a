//! Pictures for the tests: codes, pages of text as images, and PDFs around them.

use flate2::Compression;
use flate2::write::ZlibEncoder;
use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_syntax::Pdf;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};
use image::{GrayImage, ImageFormat, Luma};
use rxing::qrcode::QRCodeWriter;
use rxing::{BarcodeFormat, Writer as _};
use std::io::{Cursor, Write as _};

/// A payment code (EPC069-12) for this account.
pub fn epc(iban: &str) -> String {
    format!("BCD\n002\n1\nSCT\n\nAcme Building Supplies\n{iban}\nEUR123.45\n\n\nInvoice INV-17")
}

/// The code of a Swiss QR-bill for this account.
pub fn swiss(iban: &str) -> String {
    format!(
        "SPC\n0200\n1\n{iban}\nS\nAcme Bau AG\nRue du Lac\n1268\n2501\nBiel\nCH\n\n\n\n\n\n\n\n1949.75\nCHF\n\n\n\n\n\n\n\nNON\n\n\
         Invoice INV-17\nEPD"
    )
}

/// A QR code, `scale` pixels a module, with its quiet zone.
pub fn qr(text: &str, scale: u32) -> GrayImage {
    let matrix = QRCodeWriter.encode(text, &BarcodeFormat::QR_CODE, 0, 0).unwrap();
    GrayImage::from_fn(matrix.width() * scale, matrix.height() * scale, |x, y| {
        Luma([if matrix.get(x / scale, y / scale) { 0 } else { 255 }])
    })
}

/// A picture in a file of this format.
pub fn file(picture: &GrayImage, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    // Not every format knows grey.
    image::DynamicImage::ImageLuma8(picture.clone()).to_rgb8().write_to(&mut out, format).unwrap();
    out.into_inner()
}

/// A page of text as a scanner sees it, at 200 dpi.
pub fn scan(lines: &[&str]) -> GrayImage {
    let pdf = Pdf::new(text_pdf(lines, "")).unwrap();
    let scale = 200.0 / 72.0;
    let settings = PixmapSettings { x_scale: scale, y_scale: scale, bg_color: WHITE };
    let drawn = render(
        &pdf.pages()[0],
        &RenderCache::new(),
        &InterpreterSettings::default(),
        &RenderSettings::default(),
        &settings,
    );
    let levels = drawn.data().iter().map(|pixel| pixel.g).collect();
    GrayImage::from_raw(u32::from(drawn.width()), u32::from(drawn.height()), levels).unwrap()
}

/// A PDF of these objects, numbered from 1.
pub fn pdf(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        places.push(out.len());
        out.extend(format!("{} 0 obj\n", at + 1).as_bytes());
        out.extend(object);
        out.extend(b"\nendobj\n");
    }
    let start = out.len();
    out.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).as_bytes());
    for place in places {
        out.extend(format!("{place:010} 00000 n \n").as_bytes());
    }
    let size = objects.len() + 1;
    out.extend(format!("trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n").as_bytes());
    out
}

fn stream(dictionary: &str, octets: &[u8]) -> Vec<u8> {
    let head = format!("<<{dictionary}/Length {}>>stream\n", octets.len());
    [head.as_bytes(), octets, b"\nendstream"].concat()
}

/// A page (A4) with this content and these objects from number 6 on.
fn page(content: &str, resources: &str, more: Vec<Vec<u8>>) -> Vec<u8> {
    let mut objects = vec![
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>".to_vec(),
        format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>{resources}>>>>"
        )
        .into_bytes(),
        stream("", content.as_bytes()),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>".to_vec(),
    ];
    objects.extend(more);
    pdf(&objects)
}

fn text(lines: &[&str]) -> String {
    let mut content = "BT /F 12 Tf 20 TL 60 760 Td\n".to_owned();
    for line in lines {
        content.push_str(&format!("({line}) Tj T*\n"));
    }
    content + "ET\n"
}

/// A PDF with text, and more content drawn after it.
pub fn text_pdf(lines: &[&str], more: &str) -> Vec<u8> {
    page(&(text(lines) + more), "", Vec::new())
}

/// A PDF with text, made by these programs as it says.
pub fn made_pdf(lines: &[&str], creator: &str, producer: &str) -> Vec<u8> {
    let text = String::from_utf8(text_pdf(lines, "")).unwrap();
    let says = format!("/Root 1 0 R/Info<</Creator({creator})/Producer({producer})>>");
    text.replacen("/Root 1 0 R", &says, 1).into_bytes()
}

/// A PDF with text, and a link over its first line.
pub fn linked_pdf(lines: &[&str], shown: &str, target: &str) -> Vec<u8> {
    let link = format!("<</Type/Annot/Subtype/Link/Rect[50 755 545 775]/A<</S/URI/URI({target})>>>>");
    let lines: Vec<&str> = std::iter::once(shown).chain(lines.iter().copied()).collect();
    page(&text(&lines), ">>/Annots[6 0 R]/More<<", vec![link.into_bytes()])
}

/// A PDF with text and an image in the place (left, bottom, width, height).
pub fn image_pdf(lines: &[&str], picture: &GrayImage, place: [u32; 4]) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(picture.as_raw()).unwrap();
    let (width, height) = picture.dimensions();
    let image = stream(
        &format!(
            "/Type/XObject/Subtype/Image/Width {width}/Height {height}/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/FlateDecode"
        ),
        &packed.finish().unwrap(),
    );
    let [left, bottom, wide, high] = place;
    let content = format!("q {wide} 0 0 {high} {left} {bottom} cm /I Do Q\n{}", text(lines));
    page(&content, "/XObject<</I 6 0 R>>", vec![image])
}

/// The whole page of [`image_pdf`].
pub const WHOLE: [u32; 4] = [0, 0, 595, 842];

/// A code drawn square by square, as banks draw the Swiss one.
pub fn drawn_code(text: &str) -> String {
    let code = qr(text, 1);
    let dark = code.enumerate_pixels().filter(|(_, _, pixel)| pixel.0[0] == 0);
    let squares: String = dark.map(|(x, y, _)| format!("{} {} 2 2 re\n", 60 + 2 * x, 300 - 2 * y)).collect();
    format!("0 g\n{squares}f\n")
}

/// A PDF whose font calls every digit of `says` by the digit that stands in the same place in `shows`, so that its text
/// reads `says` and its page shows `shows`.
pub fn lying_pdf(before: &str, shows: &str, says: &str) -> Vec<u8> {
    // Codes from 0xA1 on: the shown glyph by name, the said one by the map.
    let pairs: Vec<(char, char)> = shows.chars().zip(says.chars()).collect();
    let names: String = pairs.iter().map(|(shown, _)| format!("/{}", glyph(*shown))).collect();
    let map: String = pairs
        .iter()
        .enumerate()
        .map(|(at, (_, said))| format!("<{:02X}> <{:04X}>\n", 0xA1 + at, u32::from(*said)))
        .collect();
    let cmap = format!(
        "/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <FF> endcodespacerange\n\
         {} beginbfchar\n{map}endbfchar endcmap end",
        pairs.len()
    );
    let font = format!(
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding<</BaseEncoding/WinAnsiEncoding/Differences[161{names}]>>/ToUnicode 7 0 R>>"
    );
    let codes: String = (0..pairs.len()).map(|at| format!("{:02X}", 0xA1 + at)).collect();
    let content =
        format!("BT /F 12 Tf 60 760 Td ({before}) Tj 0 -24 Td (IBAN: ) Tj /L 12 Tf <{codes}> Tj ET");
    // The page's own fonts are named in `page`; a second entry would not count.
    let mut objects = vec![
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>".to_vec(),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F 5 0 R/L 6 0 R>>>>>>".to_vec(),
        stream("", content.as_bytes()),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>".to_vec(),
    ];
    objects.push(font.into_bytes());
    objects.push(stream("", cmap.as_bytes()));
    pdf(&objects)
}

fn glyph(c: char) -> String {
    match c {
        '0' => "zero".to_owned(),
        '1' => "one".to_owned(),
        '2' => "two".to_owned(),
        '3' => "three".to_owned(),
        '4' => "four".to_owned(),
        '5' => "five".to_owned(),
        '6' => "six".to_owned(),
        '7' => "seven".to_owned(),
        '8' => "eight".to_owned(),
        '9' => "nine".to_owned(),
        letter => letter.to_string(),
    }
}

/// The message that a missing program leads to.
pub fn need_tesseract() {
    let there = ["/usr/bin/tesseract", "/usr/local/bin/tesseract"]
        .iter()
        .any(|place| std::path::Path::new(place).is_file());
    assert!(there, "this test needs tesseract: apt-get install tesseract-ocr");
}
