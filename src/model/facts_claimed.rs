//! Facts about whom a message claims to come from by other means than its address, and about where its links lead.

use serde::{Deserialize, Serialize};

/// Whom it claims to come from by other means than its address: company numbers, letterhead, signature, a mailbox that
/// bears a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClaimedFacts {
    /// It names a supplier on record as its sender, and the address it comes from stands on no supplier's record and is not
    /// the organisation's own.
    pub elsewhere: bool,
    /// By what, strongest first: `"vat_number"`, `"company_number"`, `"letterhead"` (a document), `"signature"` (the body),
    /// or empty.
    pub by: String,
    /// That supplier's name in the ledger.
    pub supplier: String,
    /// The address belongs to a supplier on record, and a tax or company number in the message to another one only.
    pub number_of_other: bool,
    /// That other supplier's name in the ledger.
    pub other: String,
    /// From or Reply-To is a mailbox at a free mail provider, on no record, whose name is that of a known domain
    /// (`acme.accounts@…` for `acme.example`): that domain, or empty.
    pub free_mail_of: String,
}

/// Links that show another address than theirs, and pages on which to pay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinkFacts {
    /// There is one.
    pub misleading: bool,
    /// The domain that is shown is a supplier's or the organisation's own, and the one it leads to is neither that nor the
    /// sender's.
    pub shows_known: bool,
    /// The domain shown, of the one that matters most.
    pub shown: String,
    /// The domain it leads to.
    pub target: String,
    /// A link is to be followed for paying ("Pay now", `https://pay.…`), and it leads to a domain that is neither a known
    /// payment service nor on record, the organisation's or, unless that is forged, the sender's.
    pub pay_page_unknown: bool,
    /// That domain, or empty.
    pub pay_page: String,
}
