//! Octets of a picture → grey bitmaps: the pages of a TIFF, the first frames of a GIF, the one picture of other kinds.
//!
//! Sides are asked for before pixels are: a file of some octets may claim 65,000 by 65,000 of them. What is transparent
//! is laid on white, as mail programs show it.

use super::grey::{Grey, area};
use crate::limits::{PICTURE_FRAMES, PICTURE_MEMORY, PICTURE_PIXELS, PICTURE_SIDE, PICTURE_TIFF_PAGES};
use crate::model::Unread;
use image::{AnimationDecoder as _, DynamicImage, ImageDecoder as _, ImageFormat, ImageReader};
use std::io::Cursor;
use tiff::decoder::{Decoder as Tiff, DecodingResult, Limits as TiffLimits};

/// One bitmap of a file.
pub(in crate::extract) struct Decoded {
    /// The bitmap.
    pub(in crate::extract) grey: Grey,
    /// Page from 1, for a kind that has pages.
    pub(in crate::extract) page: Option<u32>,
}

/// What takes the bitmaps, one after the other, so that only one is in memory. It gives back whether it wants more.
pub(in crate::extract) type Visit<'v> = &'v mut dyn FnMut(Decoded) -> bool;

/// Decodes a picture of a kind.
///
/// # Errors
/// Why it, or the rest of it, was not decoded.
pub(in crate::extract) fn pictures(octets: &[u8], media_type: &str, visit: Visit<'_>) -> Result<(), Unread> {
    match media_type {
        "image/tiff" => pages(octets, visit),
        "image/gif" => frames(octets, visit),
        "image/png" => single(octets, ImageFormat::Png, visit),
        "image/jpeg" => single(octets, ImageFormat::Jpeg, visit),
        "image/bmp" => single(octets, ImageFormat::Bmp, visit),
        "image/webp" => single(octets, ImageFormat::WebP, visit),
        _ => Err(Unread::Unsupported),
    }
}

fn limits() -> image::Limits {
    let mut limits = image::Limits::no_limits();
    limits.max_image_width = Some(PICTURE_SIDE);
    limits.max_image_height = Some(PICTURE_SIDE);
    limits.max_alloc = Some(PICTURE_MEMORY);
    limits
}

fn why(error: &image::ImageError) -> Unread {
    match error {
        image::ImageError::Limits(_) => Unread::Limit,
        image::ImageError::Unsupported(_) => Unread::Unsupported,
        _ => Unread::Damaged,
    }
}

fn single(octets: &[u8], format: ImageFormat, visit: Visit<'_>) -> Result<(), Unread> {
    let mut reader = ImageReader::with_format(Cursor::new(octets), format);
    reader.limits(limits());
    let decoder = reader.into_decoder().map_err(|error| why(&error))?;
    let (width, height) = decoder.dimensions();
    if area(width, height) > PICTURE_PIXELS {
        return Err(Unread::Limit);
    }
    let image = DynamicImage::from_decoder(decoder).map_err(|error| why(&error))?;
    visit(Decoded { grey: grey_of(image).ok_or(Unread::Damaged)?, page: None });
    Ok(())
}

/// The first frames: what moves is decoration, but the first to be shown need not be the one that is read.
fn frames(octets: &[u8], visit: Visit<'_>) -> Result<(), Unread> {
    let mut decoder =
        image::codecs::gif::GifDecoder::new(Cursor::new(octets)).map_err(|error| why(&error))?;
    decoder.set_limits(limits()).map_err(|error| why(&error))?;
    let (width, height) = decoder.dimensions();
    if area(width, height) > PICTURE_PIXELS {
        return Err(Unread::Limit);
    }
    for (at, frame) in decoder.into_frames().take(PICTURE_FRAMES).enumerate() {
        let frame = match frame {
            Ok(frame) => frame,
            // A picture that is shown up to here.
            Err(_) if at > 0 => return Ok(()),
            Err(error) => return Err(why(&error)),
        };
        let grey = grey_of(DynamicImage::ImageRgba8(frame.into_buffer())).ok_or(Unread::Damaged)?;
        if !visit(Decoded { grey, page: None }) {
            return Ok(());
        }
    }
    Ok(())
}

fn grey_of(image: DynamicImage) -> Option<Grey> {
    let (width, height) = (image.width(), image.height());
    let pixels = if image.color().has_alpha() {
        image.into_luma_alpha8().pixels().map(|pixel| on_white(pixel.0)).collect()
    } else {
        image.into_luma8().into_raw()
    };
    Grey::new(width, height, pixels)
}

fn on_white([level, alpha]: [u8; 2]) -> u8 {
    let (level, alpha) = (u16::from(level), u16::from(alpha));
    u8::try_from((level * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX)
}

/// The pages of a TIFF: faxes and scanners put many into one file.
fn pages(octets: &[u8], visit: Visit<'_>) -> Result<(), Unread> {
    let mut limits = TiffLimits::default();
    let memory = usize::try_from(PICTURE_MEMORY).unwrap_or(usize::MAX);
    (limits.decoding_buffer_size, limits.intermediate_buffer_size) = (memory, memory);
    let tiff = Tiff::new(Cursor::new(octets)).map_err(|error| why_tiff(&error))?;
    let mut tiff = tiff.with_limits(limits);
    for page in 1..=PICTURE_TIFF_PAGES {
        let (width, height) = tiff.dimensions().map_err(|error| why_tiff(&error))?;
        if area(width, height) > PICTURE_PIXELS || width.max(height) > PICTURE_SIDE {
            return Err(Unread::Limit);
        }
        let colours = tiff.colortype().map_err(|error| why_tiff(&error))?;
        let DecodingResult::U8(samples) = tiff.read_image().map_err(|error| why_tiff(&error))? else {
            return Err(Unread::Unsupported);
        };
        let pixels = levels(&samples, width, colours).ok_or(Unread::Unsupported)?;
        let grey = Grey::new(width, height, pixels).ok_or(Unread::Damaged)?;
        if !visit(Decoded { grey, page: Some(page) }) || !tiff.more_images() {
            return Ok(());
        }
        tiff.next_image().map_err(|error| why_tiff(&error))?;
    }
    Err(Unread::Limit)
}

fn why_tiff(error: &tiff::TiffError) -> Unread {
    match error {
        tiff::TiffError::LimitsExceeded => Unread::Limit,
        tiff::TiffError::UnsupportedError(_) => Unread::Unsupported,
        _ => Unread::Damaged,
    }
}

/// Samples of a TIFF page as levels of grey; `None` for colours that are not read.
fn levels(samples: &[u8], width: u32, colours: tiff::ColorType) -> Option<Vec<u8>> {
    use tiff::ColorType::{CMYK, Gray, GrayA, RGB, RGBA};
    Some(match colours {
        Gray(1) => {
            let width = usize::try_from(width).ok()?.max(1);
            let rows = samples.chunks_exact(width.div_ceil(8));
            rows.flat_map(|row| bits(row).take(width)).collect()
        }
        Gray(8) => samples.to_vec(),
        GrayA(8) => samples.as_chunks::<2>().0.iter().map(|pixel| on_white(*pixel)).collect(),
        RGB(8) => samples.as_chunks::<3>().0.iter().map(|pixel| luma(*pixel)).collect(),
        RGBA(8) => samples
            .as_chunks::<4>()
            .0
            .iter()
            .map(|[red, green, blue, alpha]| on_white([luma([*red, *green, *blue]), *alpha]))
            .collect(),
        CMYK(8) => samples
            .as_chunks::<4>()
            .0
            .iter()
            .map(|[cyan, magenta, yellow, black]| {
                let ink =
                    [cyan, magenta, yellow].map(|ink| u16::from(255 - ink) * u16::from(255 - black) / 255);
                luma(ink.map(|level| u8::try_from(level).unwrap_or(u8::MAX)))
            })
            .collect(),
        _ => return None,
    })
}

/// The bits of a row as black and white; 1 is white.
fn bits(row: &[u8]) -> impl Iterator<Item = u8> + '_ {
    row.iter().flat_map(|octet| (0..8).rev().map(move |bit| if octet >> bit & 1 == 1 { 255 } else { 0 }))
}

/// Rec. 601, as television has weighed colours since 1953.
fn luma([red, green, blue]: [u8; 3]) -> u8 {
    let sum = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    u8::try_from(sum / 1_000).unwrap_or(u8::MAX)
}
