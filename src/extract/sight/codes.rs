//! QR codes on a bitmap.

use super::finders::Budget;
use super::grey::Grey;
use crate::limits::{SIGHT_CODE_LINES, SIGHT_CODE_PIXELS, SIGHT_CODE_SMALL, SIGHT_CODE_TEXT, SIGHT_CODES};
use rxing::common::{BitMatrix, DetectorRXingResult as _, GlobalHistogramBinarizer, HybridBinarizer};
use rxing::multi::qrcode::detector::MultiDetector;
use rxing::qrcode::decoder::qrcode_decoder::decode_bitmatrix_with_hints;
use rxing::qrcode::detector::{Detector, QRCodeDetectorResult};
use rxing::{Binarizer, DecodeHintValue, DecodeHints, Luma8Source};
use std::borrow::Cow;

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

/// What a bitmap shows of codes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::extract) struct Codes {
    /// The codes, each once.
    pub(in crate::extract) found: Vec<Found>,
    /// More looks like the corners of codes than can be tried, or more codes are there than are read: these are not all.
    pub(in crate::extract) crowded: bool,
}

/// The codes, dark on light or light on dark, at most `limits::SIGHT_CODES`. A bitmap beyond `limits::SIGHT_CODE_PIXELS`
/// is looked at at half its size.
pub(in crate::extract) fn find(grey: &Grey) -> Codes {
    let mut search = Search { codes: Codes::default(), budget: Budget::new() };
    if grey.area() > SIGHT_CODE_PIXELS {
        search.look_at(&grey.halved());
        return search.codes;
    }
    search.look_at(grey);
    if search.codes == Codes::default() && grey.area() <= SIGHT_CODE_SMALL {
        // A pixel a module is too little for the finder patterns.
        search.look_at(&grey.enlarged(3));
    }
    search.codes
}

/// A search that goes on over several looks at one bitmap.
struct Search {
    codes: Codes,
    budget: Budget,
}

impl Search {
    fn look_at(&mut self, grey: &Grey) {
        let hints = DecodeHints::default().with(DecodeHintValue::TryHarder(true));
        for grey in [Cow::Borrowed(grey), Cow::Owned(grey.inverted())] {
            let source = || Luma8Source::new_with_slice(&grey.pixels, grey.width, grey.height).ok();
            let (Some(local), Some(whole)) = (source(), source()) else { continue };
            // A threshold for each place, as light falls unevenly …
            self.try_all(&HybridBinarizer::new(local), &hints);
            if self.codes == Codes::default() {
                // … but with even light and small modules, one for all does better.
                self.try_all(&GlobalHistogramBinarizer::new(whole), &hints);
            }
        }
    }

    fn try_all<B: Binarizer>(&mut self, binarizer: &B, hints: &DecodeHints) {
        let Ok(matrix) = binarizer.get_black_matrix() else { return };
        if !self.budget.allows(matrix) {
            self.codes.crowded = true;
            return;
        }
        for code in sorted(matrix, hints).chain(best(matrix, hints)) {
            if code.text.trim().is_empty() || self.codes.found.contains(&code) {
                continue;
            }
            if self.codes.found.len() == SIGHT_CODES {
                self.codes.crowded = true;
                return;
            }
            self.codes.found.push(code);
        }
    }
}

/// Several codes on one page: what looks like finder patterns is sorted into codes. Most threes of them are none, so a
/// failure says nothing about the others; the library's own reader gives all up at the first.
fn sorted(matrix: &BitMatrix, hints: &DecodeHints) -> impl Iterator<Item = Found> {
    let found = MultiDetector::new(matrix).detectMulti(hints).unwrap_or_default();
    found.into_iter().filter_map(|found| read(&found, hints))
}

/// One code by the three finder patterns that fit best, which may be seen in one row only.
fn best(matrix: &BitMatrix, hints: &DecodeHints) -> Option<Found> {
    Detector::new(matrix).detect_with_hints(hints).ok().and_then(|found| read(&found, hints))
}

fn read(found: &QRCodeDetectorResult, hints: &DecodeHints) -> Option<Found> {
    let code = decode_bitmatrix_with_hints(found.getBits(), hints).ok()?;
    let text = code.getText().chars().take(SIGHT_CODE_TEXT).collect();
    let octets = match code.getByteSegments().as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    };
    Some(Found { text, octets })
}
