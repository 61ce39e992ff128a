//! QR codes on a bitmap.

use super::grey::Grey;
use crate::limits::{SIGHT_CODE_LINES, SIGHT_CODE_PIXELS, SIGHT_CODE_SMALL, SIGHT_CODE_TEXT, SIGHT_CODES};
use rxing::common::{GlobalHistogramBinarizer, HybridBinarizer};
use rxing::multi::MultipleBarcodeReader as _;
use rxing::multi::qrcode::QRCodeMultiReader;
use rxing::qrcode::QRCodeReader;
use rxing::{
    BinaryBitmap, DecodeHintValue, DecodeHints, Luma8Source, RXingResult, RXingResultMetadataType,
    RXingResultMetadataValue, Reader as _,
};

/// A code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::extract) struct Found {
    /// Its text, in the character set that was guessed.
    pub(in crate::extract) text: String,
    /// Its octets, where it holds them in one piece.
    pub(super) octets: Option<Vec<u8>>,
}

impl Found {
    /// The lines of the text. EPC069-12 names the character set of all of it in its third line.
    pub(super) fn lines(&self) -> Vec<String> {
        let said = self.text.lines().nth(2).map(str::trim).and_then(charset);
        let text = match (said, &self.octets) {
            (Some(charset), Some(octets)) => charset.decode_without_bom_handling(octets).0.into_owned(),
            _ => self.text.clone(),
        };
        text.lines().take(SIGHT_CODE_LINES).map(str::to_owned).collect()
    }
}

/// The character sets of EPC069-12.
fn charset(number: &str) -> Option<&'static encoding_rs::Encoding> {
    Some(match number {
        "1" => encoding_rs::UTF_8,
        "2" => encoding_rs::WINDOWS_1252,
        "3" => encoding_rs::ISO_8859_2,
        "4" => encoding_rs::ISO_8859_4,
        "5" => encoding_rs::ISO_8859_5,
        "6" => encoding_rs::ISO_8859_7,
        "7" => encoding_rs::ISO_8859_10,
        "8" => encoding_rs::ISO_8859_15,
        _ => return None,
    })
}

/// The codes, each once, at most `limits::SIGHT_CODES`. A bitmap beyond `limits::SIGHT_CODE_PIXELS` is
/// looked at at half its size.
pub(in crate::extract) fn find(grey: &Grey) -> Vec<Found> {
    if grey.area() > SIGHT_CODE_PIXELS {
        return search(&grey.halved());
    }
    let found = search(grey);
    if found.is_empty() && grey.area() <= SIGHT_CODE_SMALL {
        // A pixel a module is too little for the finder patterns.
        return search(&grey.enlarged(3));
    }
    found
}

fn search(grey: &Grey) -> Vec<Found> {
    let mut codes = Vec::new();
    let source = || Luma8Source::new_with_slice(&grey.pixels, grey.width, grey.height).ok();
    let (Some(local), Some(whole)) = (source(), source()) else { return codes };
    let hints = DecodeHints::default().with(DecodeHintValue::TryHarder(true));
    // Several codes on one page: the finder patterns of all are sorted into codes.
    let mut local = BinaryBitmap::new(HybridBinarizer::new(local));
    if let Ok(found) = QRCodeMultiReader::default().decode_multiple_with_hints(&mut local, &hints) {
        take(&mut codes, found);
    }
    if codes.is_empty() {
        take(&mut codes, QRCodeReader::new().decode_with_hints(&mut local, &hints).into_iter().collect());
    }
    if codes.is_empty() {
        // Even light and small modules: one threshold for all does better.
        let mut whole = BinaryBitmap::new(GlobalHistogramBinarizer::new(whole));
        take(&mut codes, QRCodeReader::new().decode_with_hints(&mut whole, &hints).into_iter().collect());
    }
    codes
}

fn take(codes: &mut Vec<Found>, found: Vec<RXingResult>) {
    for result in found {
        let text: String = result.getText().chars().take(SIGHT_CODE_TEXT).collect();
        let code = Found { text, octets: octets_of(&result) };
        if codes.len() < SIGHT_CODES && !code.text.trim().is_empty() && !codes.contains(&code) {
            codes.push(code);
        }
    }
}

fn octets_of(result: &RXingResult) -> Option<Vec<u8>> {
    let segments = result.getRXingResultMetadata().get(&RXingResultMetadataType::BYTE_SEGMENTS)?;
    let RXingResultMetadataValue::ByteSegments(segments) = segments else { return None };
    match segments.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    }
}
