//! Parts whose content is not in the message: a piece of a message that the recipient's program puts together with
//! others, and the address of a body that it fetches (RFC 2046 section 5.2).

use super::{DocumentFormat, Reading};
use crate::model::Part;

/// What is shown comes from elsewhere.
pub(super) struct Elsewhere;

/// Whether content of this type is completed by something that is not there.
pub(in crate::extract) fn is_elsewhere(media_type: &str) -> bool {
    matches!(
        media_type,
        "message/partial"
            | "message/external-body"
            | "application/x-external-body"
            | "application/external-body"
            | "application/x-message-partial"
            | "message/s-http"
            | "message/http"
    )
}

impl DocumentFormat for Elsewhere {
    fn accepts(&self, part: &Part, _parent: Option<&Part>) -> bool {
        is_elsewhere(&part.media_type)
    }

    /// The address is a link, whoever follows it.
    fn read<'a>(&self, part: &'a Part) -> Reading<'a> {
        let links = part.parameter("url").map(|url| url.split_whitespace().collect::<String>() + "\n");
        Reading { links: links.unwrap_or_default(), ..Reading::unread("unsupported") }
    }
}
