//! Parts for machines: signatures and keys. They hold nothing that a person reads.

use super::{DocumentFormat, Reading};
use crate::model::Part;

/// Signatures and keys.
pub(super) struct Bookkeeping;

impl DocumentFormat for Bookkeeping {
    fn accepts(&self, part: &Part, _parent: Option<&Part>) -> bool {
        matches!(
            part.media_type.as_str(),
            "application/pkcs7-signature"
                | "application/x-pkcs7-signature"
                | "application/pgp-signature"
                | "application/pgp-keys"
        )
    }

    fn read<'a>(&self, _part: &'a Part) -> Reading<'a> {
        Reading::default()
    }
}
