//! Parts for machines: signatures, delivery reports, quoted header sections. They hold nothing to pay.

use super::{DocumentFormat, Reading};
use crate::model::Part;

/// Signatures and reports.
pub(super) struct Bookkeeping;

impl DocumentFormat for Bookkeeping {
    fn accepts(&self, part: &Part, _parent: Option<&Part>) -> bool {
        matches!(
            part.media_type.as_str(),
            "application/pkcs7-signature"
                | "application/x-pkcs7-signature"
                | "application/pgp-signature"
                | "application/pgp-keys"
                | "message/delivery-status"
                | "message/global-delivery-status"
                | "message/disposition-notification"
                | "message/feedback-report"
                | "message/rfc822-headers"
                | "text/rfc822-headers"
        )
    }

    fn read<'a>(&self, _part: &'a Part) -> Reading<'a> {
        Reading::default()
    }
}
