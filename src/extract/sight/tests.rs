//! Codes that are written here, read back; payloads as the specifications print them.

use super::codes::Found;
use super::*;
use proptest::prelude::*;
use rxing::qrcode::QRCodeWriter;
use rxing::{BarcodeFormat, Writer as _};

/// A QR code of a text, `scale` pixels a module.
pub(in crate::extract) fn code(text: &str, scale: u32) -> Grey {
    let matrix = QRCodeWriter.encode(text, &BarcodeFormat::QR_CODE, 0, 0).unwrap();
    let (width, height) = (matrix.width() * scale, matrix.height() * scale);
    let pixels = (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .map(|(x, y)| if matrix.get(x / scale, y / scale) { 0 } else { 255 })
        .collect();
    Grey::new(width, height, pixels).unwrap()
}

fn found(text: &str) -> Found {
    Found { text: text.to_owned(), octets: None }
}

const EPC: &str = "BCD\n002\n1\nSCT\nBFSWDE33BER\nWikimedia Foerdergesellschaft\nDE33100205000001194700\nEUR123.45\n\n\nDonation";

#[test]
fn codes_are_found_and_read() {
    for (text, scale) in [(EPC, 3), (EPC, 1), ("https://pay.example/x", 4), ("a", 2)] {
        let codes = find_codes(&code(text, scale)).found;
        let texts: Vec<_> = codes.iter().map(|code| code.text.as_str()).collect();
        assert_eq!(texts, [text], "scale {scale}");
    }
    assert_eq!(find_codes(&Grey::new(300, 300, vec![255; 90_000]).unwrap()), Codes::default());
    assert_eq!(find_codes(&Grey::new(1, 1, vec![0]).unwrap()), Codes::default());
}

/// A white page with codes at places of their left upper corners.
fn page(width: usize, height: usize, codes: &[(Grey, usize, usize)]) -> Grey {
    let mut pixels = vec![255; width * height];
    for (code, left, top) in codes {
        let wide = usize::try_from(code.width).unwrap();
        for (y, row) in code.pixels.chunks(wide).enumerate() {
            let at = (y + top) * width + left;
            pixels[at..at + wide].copy_from_slice(row);
        }
    }
    Grey::new(width.try_into().unwrap(), height.try_into().unwrap(), pixels).unwrap()
}

#[test]
fn two_codes_on_one_page() {
    let (one, two) = (code(EPC, 3), code("https://pay.example/x", 3));
    let light_on_dark = two.inverted();
    for (name, second) in [("dark on light", two), ("light on dark", light_on_dark)] {
        let codes = find_codes(&page(800, 500, &[(one.clone(), 20, 30), (second, 450, 30)])).found;
        assert_eq!(codes.len(), 2, "{name}: {codes:?}");
    }
}

#[test]
fn a_sheet_of_labels_is_read_and_a_field_of_rings_is_given_up() {
    let places = (0..24).map(|at| (at % 4 * 200 + 20, at / 4 * 200 + 20));
    let labels: Vec<_> = places.map(|(x, y)| (code(&format!("LABEL {x} {y}"), 4), x, y)).collect();
    let codes = find_codes(&page(840, 1_240, &labels));
    assert_eq!((codes.found.len(), codes.crowded), (24, false));
    // Squares in squares, as finder patterns are, at the corners of a thousand codes that are none.
    let ring = |at: u32| (at % 50).abs_diff(25);
    let level = |x: u32, y: u32| if matches!(ring(x).max(ring(y)) / 4, 1 | 3..) { 255 } else { 0 };
    let field = |side: u32| {
        let pixels = (0..side * side).map(|at| level(at % side, at / side)).collect();
        Grey::new(side, side, pixels).unwrap()
    };
    assert_eq!(find_codes(&field(800)), Codes { found: vec![], crowded: true });
    // Nine of them are four looks at a few threes, which are tried.
    assert_eq!(find_codes(&field(150)), Codes::default());
    assert!(find_codes(&field(300)).crowded, "each look of four is below the limit, all together are not");
    // Rings in the other colour do not take away the code beside them.
    let codes = find_codes(&page(1_200, 800, &[(field(800).inverted(), 0, 0), (code(EPC, 3), 900, 100)]));
    let texts: Vec<_> = codes.found.iter().map(|code| code.text.as_str()).collect();
    assert_eq!((texts, codes.crowded), (vec![EPC], true));
}

#[test]
fn what_codes_ask_for() {
    let swiss = "SPC\r\n0200\r\n1\r\nCH4431999123000889012\r\nS\r\nRobert Schneider AG\r\nRue du Lac\r\n1268\r\n2501\r\nBiel\r\nCH\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n1949.75\r\nCHF\r\nS\r\nPia Rutschmann\r\nMarktgasse\r\n28\r\n9400\r\nRorschach\r\nCH\r\nQRR\r\n210000000003139471430009017\r\nOrder of 15 June\r\nEPD";
    let slovenian = "UPNQR\n\n\n\n\nJanez Novak\nUlica 1\nLjubljana\n00000012345\n\n\nOTHR\nRacun 42\n\nSI56020170014356205\nSI00225268-32526-222\nPodjetje d.o.o.\nLepa 17\n3698 Loski Potok\n205";
    for (text, want) in [
        (
            EPC,
            "Beneficiary: Wikimedia Foerdergesellschaft\nIBAN: DE33100205000001194700\nBIC: BFSWDE33BER\nAmount: EUR 123.45\n\nDonation",
        ),
        (
            "BCD\r\n001\r\n1\r\nSCT\r\n\r\nA\r\nDE33100205000001194700\r\n\r\n\r\nRF18539007547034",
            "Beneficiary: A\nIBAN: DE33100205000001194700\nReference: RF18539007547034\n",
        ),
        (
            swiss,
            "Beneficiary: Robert Schneider AG\nIBAN: CH4431999123000889012\nAmount: CHF 1949.75\nReference: 210000000003139471430009017\n\nOrder of 15 June",
        ),
        (
            slovenian,
            "Beneficiary: Podjetje d.o.o.\nIBAN: SI56020170014356205\nAmount: EUR 123.45\nReference: SI00225268-32526-222\n\nRacun 42",
        ),
        (
            "SPD*1.0*ACC:CZ5855000000001265098001+RZBCCZPP*AM:480.50*CC:CZK*MSG:Payment%20for%20goods",
            "IBAN: CZ5855000000001265098001\nBIC: RZBCCZPP\nAmount: CZK 480.50\n\nPayment for goods",
        ),
        (
            "payto://iban/DE75512108001245126199?amount=EUR:200.0&receiver-name=A%20B&message=hello",
            "Beneficiary: A B\nIBAN: DE75512108001245126199\nAmount: EUR 200.0\n\nhello",
        ),
        (
            "payto://iban/SOGEDEFFXXX/DE75512108001245126199",
            "IBAN: DE75512108001245126199\nBIC: SOGEDEFFXXX\n",
        ),
        ("payto://ach/122000661/1234", "Routing number: 122000661\nAccount number: 1234\n"),
        (
            "bank://singlepaymentsepa?name=A+B&iban=DE33100205000001194700&bic=BFSWDE33BER&amount=10,00&reason=x",
            "Beneficiary: A B\nIBAN: DE33100205000001194700\nBIC: BFSWDE33BER\nAmount: 10.00\n\nx",
        ),
        (
            "upi://pay?pa=acme@okaxis&pn=Acme&am=10.00&cu=INR",
            "Beneficiary: Acme\nUPI ID: acme@okaxis\nAmount: INR 10.00\n",
        ),
        (
            "bitcoin:1NEDqZPvTWRaoho48qXuLLsrYomMXPABfD?amount=0.1&label=Acme",
            "Beneficiary: Acme\nBitcoin: 1NEDqZPvTWRaoho48qXuLLsrYomMXPABfD\n",
        ),
        ("DE89370400440532013000", "DE89370400440532013000"),
        ("BCD only in name", "BCD only in name"),
        ("payto://", "payto://"),
    ] {
        assert_eq!(read_code(&found(text)).text, want, "{text}");
    }
    assert_eq!(read_code(&found("https://pay.example/x")).link.as_deref(), Some("https://pay.example/x"));
    assert_eq!(read_code(&found(EPC)).link, None);
}

#[test]
fn a_value_makes_no_line_of_its_own() {
    let text = read_code(&found("payto://iban/DE75512108001245126199?receiver-name=A%0AIBAN:%20X")).text;
    assert_eq!(text, "Beneficiary: A IBAN: X\nIBAN: DE75512108001245126199\n");
}

#[test]
fn epc_names_its_character_set() {
    for (number, octet, want) in
        [(1, &b"\xC3\xA4"[..], "ä"), (2, b"\xE4", "ä"), (5, b"\xD0", "а"), (8, b"\xA4", "€")]
    {
        let octets =
            [format!("BCD\n002\n{number}\nSCT\n\n").as_bytes(), octet, b"\nDE33100205000001194700"].concat();
        let text = encoding_rs::WINDOWS_1252.decode(&octets).0.into_owned();
        let read = read_code(&Found { text, octets: Some(octets) }).text;
        assert!(read.starts_with(&format!("Beneficiary: {want}\n")), "{number}: {read}");
    }
}

proptest! {
    #[test]
    fn no_payload_panics(text in "(BCD\n|SPC\n|UPNQR\n|SPD\\*|payto://|bank:|upi:|bitcoin:)?[ -~\n%*?&=]{0,200}") {
        read_code(&found(&text));
    }
}
