//! Carries a verdict out: composes what is delivered, what is held, and what we write ourselves.
//!
//! The law of this module: received octets are never re-serialised. [`compose()`] prepends a header block, removes the
//! fields that only we may write, and for `tag` splices a banner into the displayed text and HTML; everything between
//! is a slice of what came in. [`held_mail`] and [`notices`] make a quarantine entry and the mail about it,
//! [`compose_release`] sends one on, [`passes`] stops loops, and [`verify_header`] checks what we once wrote.
//!
//! Reading order: `compose` (the whole), `fields` (finding header fields in raw octets), `block` (our headers),
//! `verdict_header` and `trace` (the signed ones), `annotate` (the banner as edits) with `displayed`, `html`, `charset`,
//! `transfer`, `older`, `grow` and `banner` (its looks) with `voice` (its words); then `hold`, `notice`, `companion`, `released`.

mod annotate;
mod banner;
mod block;
mod charset;
mod companion;
mod compose;
mod displayed;
mod fields;
mod grow;
mod hold;
mod html;
mod notice;
mod older;
mod released;
mod trace;
mod transfer;
mod verdict_header;
mod voice;

pub use annotate::BannerOutcome;
pub use block::sealed_results;
pub use companion::{Companion, companions};
pub use compose::{Outgoing, Stamp, compose, foresee};
pub use displayed::LeaveReason;
pub use hold::held_mail;
pub use notice::notices;
pub use released::{Release, compose_release};
pub use trace::passes;
pub use verdict_header::{StatedVerdict, VerifyOutcome, signed_text, verify_header};
pub use voice::Voice;
