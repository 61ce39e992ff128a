//! Fill colours and transparency, as far as they decide whether text can be seen.

use super::geometry::numbers;
use lopdf::{Dictionary, Document, Object};

/// Opacity below which a fill no longer hides what is under it, and below which text is not seen.
const FAINT: f32 = 0.05;
const SOLID: f32 = 0.9;
/// Difference of a colour channel (0 to 1) that the eye can still make out.
const CONTRAST: f32 = 0.06;

/// A colour: red, green, blue, each 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ink([f32; 3]);

impl Ink {
    pub(super) const BLACK: Self = Self([0.0; 3]);
    pub(super) const WHITE: Self = Self([1.0; 3]);

    /// Whether the eye can tell them apart.
    pub(super) fn differs(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).any(|(a, b)| (a - b).abs() > CONTRAST)
    }
}

/// How the numbers of a colour are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    Gray,
    Rgb,
    Cmyk,
    /// Patterns, spot colours, tables: not followed.
    Other,
}

impl Space {
    /// The colour space that `cs` names (ISO 32000-1, 8.6).
    pub(super) fn of(doc: &Document, resources: &Dictionary, name: Option<&Object>) -> Self {
        let Some(Ok(name)) = name.map(Object::as_name) else { return Self::Other };
        match name {
            b"DeviceGray" | b"CalGray" | b"G" => return Self::Gray,
            b"DeviceRGB" | b"CalRGB" | b"RGB" => return Self::Rgb,
            b"DeviceCMYK" | b"CMYK" => return Self::Cmyk,
            _ => {}
        }
        let spaces = resources.get_deref(b"ColorSpace", doc).and_then(Object::as_dict);
        let Ok(space) = spaces.and_then(|spaces| spaces.get_deref(name, doc)) else { return Self::Other };
        let (kind, profile) = match space {
            Object::Array(parts) => (parts.first(), parts.get(1)),
            other => (Some(other), None),
        };
        match kind.and_then(|kind| kind.as_name().ok()).unwrap_or_default() {
            b"DeviceGray" | b"CalGray" => Self::Gray,
            b"DeviceRGB" | b"CalRGB" => Self::Rgb,
            b"DeviceCMYK" => Self::Cmyk,
            b"ICCBased" => {
                let profile = profile.and_then(|profile| doc.dereference(profile).ok());
                let profile = profile.and_then(|(_, profile)| profile.as_stream().ok());
                match profile.and_then(|p| p.dict.get(b"N").ok()).and_then(|n| n.as_i64().ok()) {
                    Some(1) => Self::Gray,
                    Some(3) => Self::Rgb,
                    Some(4) => Self::Cmyk,
                    _ => Self::Other,
                }
            }
            _ => Self::Other,
        }
    }
}

/// The fill of a graphics state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    pub(super) space: Space,
    /// `None`: not known.
    pub(super) ink: Option<Ink>,
    opacity: f32,
    blends: bool,
}

impl Default for Paint {
    fn default() -> Self {
        Self { space: Space::Gray, ink: Some(Ink::BLACK), opacity: 1.0, blends: false }
    }
}

impl Paint {
    pub(super) fn set(&mut self, space: Space, operands: &[Object]) {
        self.space = space;
        let values = numbers(operands);
        self.ink = match (space, values.as_slice()) {
            (Space::Gray, [gray]) => Some(Ink([*gray; 3])),
            (Space::Rgb, [red, green, blue]) => Some(Ink([*red, *green, *blue])),
            (Space::Cmyk, [cyan, magenta, yellow, black]) => {
                Some(Ink([cyan, magenta, yellow].map(|ink| (1.0 - ink) * (1.0 - black))))
            }
            _ => None,
        };
    }

    /// Takes opacity and blending of an `ExtGState`.
    pub(super) fn settings(&mut self, doc: &Document, settings: &Dictionary) {
        if let Ok(opacity) = settings.get_deref(b"ca", doc).and_then(Object::as_float) {
            self.opacity = opacity;
        }
        if let Ok(mode) = settings.get_deref(b"BM", doc) {
            self.blends = !mode.as_name().is_ok_and(|mode| mode == b"Normal" || mode == b"Compatible");
        }
    }

    /// Whether a fill hides what is under it: a marker pen does not.
    pub(super) fn is_opaque(&self) -> bool {
        self.opacity > SOLID && !self.blends
    }

    /// Whether nothing of it is seen.
    pub(super) fn is_clear(&self) -> bool {
        self.opacity < FAINT
    }
}
