//! Pictures, rendered pages, QR codes, recognition of text.

use std::time::Duration;

/// Pixels of a side of a picture that is decoded.
pub const PICTURE_SIDE: u32 = 20_000;
/// Pixels of a picture that is decoded: A4 at 600 dpi has 35 million.
pub const PICTURE_PIXELS: usize = 40_000_000;
/// Octets that a decoder may allot for one picture: 40 million pixels in colour.
pub const PICTURE_MEMORY: u64 = 160 * 1_024 * 1_024;
/// Frames of a moving picture that are looked at.
pub const PICTURE_FRAMES: usize = 4;
/// Pages of a TIFF that are looked at.
pub const PICTURE_TIFF_PAGES: u32 = 12;
/// Shorter side, in pixels, from which a picture can be a page …
pub const PICTURE_PAGE_SIDE: u32 = 250;
/// … and its pixels: half of A4 at 75 dpi.
pub const PICTURE_PAGE_AREA: usize = 250_000;
/// Shorter side, in pixels, from which a picture can hold some lines of text …
pub const PICTURE_TEXT_SIDE: u32 = 60;
/// … and its pixels.
pub const PICTURE_TEXT_AREA: usize = 60_000;
/// Edges of strokes below which a picture holds no account number: 22 characters, 10 pixels high, have about 1,300.
pub const PICTURE_WRITING: usize = 600;
/// Edges below which it holds no QR code: the smallest, a pixel a module, has about 200.
pub const PICTURE_CODE: usize = 100;
/// Octets below which a picture that cannot be decoded is taken for a broken icon.
pub const SMALL_PICTURE: usize = 30 * 1_024;
/// Pictures inside one Office document that are looked at.
pub const OFFICE_PICTURES: usize = 20;
/// Pictures of one message that a worker looks at, beside its documents.
pub const MAX_PICTURES: usize = 20;
/// Octets below which a picture is not looked at: the smallest payment code in black and white has more.
pub const LEAST_PICTURE: usize = 200;

/// Pixels of all pictures and pages of one document that are looked at.
pub const SIGHT_PIXELS: usize = 120_000_000;
/// Pages of one PDF that are drawn to be looked at.
pub const RENDERED_PAGES: usize = 20;
/// Pixels a point at which pages are drawn for recognition: 200 dpi …
pub const RENDERED_SCALE: f32 = 200.0 / 72.0;
/// … and at which they are drawn to find codes: 120 dpi; 100 find as many, and recognition would want more.
pub const RENDERED_CODE_SCALE: f32 = 120.0 / 72.0;
/// Pixels of a drawn page at most: A4 at 200 dpi has 3.9 million. A fuzzer's pages are small, since what may break is in
/// what is drawn, and large ones would be a hundred times slower.
pub const RENDERED_PIXELS: f32 = if cfg!(fuzzing) { 20_000.0 } else { 5_000_000.0 };
/// Filled shapes of a page from which it may show a code drawn in squares: the smallest has about a hundred.
pub const PDF_CODE_SHAPES: usize = 60;

/// Pixels above which a picture is searched for codes at half its size.
pub const SIGHT_CODE_PIXELS: usize = 12_000_000;
/// Pixels up to which a picture without a code is searched again at three times its size.
pub const SIGHT_CODE_SMALL: usize = 100_000;
/// Comparisons of what looks like a finder pattern with all others before it, in all looks at one picture: 0.1 s.
pub const SIGHT_COMPARISONS: usize = 20_000_000;
/// Places of one picture that look like a finder pattern of a code in some row …
pub const SIGHT_PLACES: usize = 5_000;
/// … in more than one …
pub const SIGHT_FINDERS: usize = 500;
/// … and how many threes of them may stand like the corners of a code, in all looks at the picture: a page of 24 labels has
/// a few hundred.
pub const SIGHT_CORNERS: usize = 2_000;
/// Codes of one picture that are read; one with more counts as not looked at.
pub const SIGHT_CODES: usize = 32;
/// Characters of one code: the largest holds 4,296 letters or 7,089 digits.
pub const SIGHT_CODE_TEXT: usize = 7_200;
/// Lines of one code.
pub const SIGHT_CODE_LINES: usize = 100;

/// Pages and pictures of one document that are handed on for recognition.
pub const RECOGNISED_PAGES: usize = 6;
/// Pixels of one of them.
pub const RECOGNISED_PIXELS: usize = 5_000_000;
/// Octets of what the recognising program may answer for one page: a dense page has 40 KB.
pub const RECOGNISED_OCTETS: usize = 4 * 1_024 * 1_024;
/// Words of one page that are taken.
pub const RECOGNISED_WORDS: usize = 5_000;
/// One page may take the recognising program this long, by the clock; then it is killed.
pub const RECOGNITION_WALL: Duration = Duration::from_secs(8);
/// Seconds of processor time of one page.
pub const RECOGNITION_CPU: u64 = 6;
/// Megabytes of address space of the recognising program.
pub const RECOGNITION_MEMORY: u64 = 1_024;
/// Finding out at start whether the recognising program works.
pub const RECOGNITION_TRIAL: Duration = Duration::from_secs(20);
/// Documents whose images wait in memory for recognition, up to 30 MB each; further ones are not recognised.
pub const RECOGNITION_QUEUE: usize = 8;
/// Waiting for one of these places.
pub const RECOGNITION_WAIT: Duration = Duration::from_secs(4);
