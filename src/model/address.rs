//! Mail addresses and domains in comparable form (RFC 5321 section 4.1.2, RFC 5890 for A-labels).

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a text is no usable address or domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing, or no `@`, or an empty local part.
    #[error("not a mail address (expected local-part@domain)")]
    NotAnAddress,
    /// The domain is empty, too long (RFC 5321 4.5.3.1.2: 255 octets) or holds characters no domain can.
    #[error("not a valid domain")]
    BadDomain,
    /// The local part is over 64 octets (RFC 5321 4.5.3.1.1) or holds a control character.
    #[error("not a valid local part")]
    BadLocalPart,
}

/// A domain in lower case with A-labels (`xn--…`), without a trailing dot; or an address literal `[192.0.2.1]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Domain(String);

impl Domain {
    /// Folds case, converts U-labels to A-labels (UTS 46) and checks length and characters.
    ///
    /// # Errors
    /// [`AddressError::BadDomain`] when the text can be no domain and no address literal.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim().trim_end_matches('.');
        if text.is_empty() || text.len() > 1_024 {
            return Err(AddressError::BadDomain);
        }
        if text.starts_with('[') && text.ends_with(']') {
            let inner_ok = text.chars().all(|c| c.is_ascii_alphanumeric() || "[]:.-".contains(c));
            return if inner_ok && text.len() <= 255 {
                Ok(Self(text.to_ascii_lowercase()))
            } else {
                Err(AddressError::BadDomain)
            };
        }
        let ascii = if text.is_ascii() {
            text.to_ascii_lowercase()
        } else {
            idna::domain_to_ascii(text).map_err(|_| AddressError::BadDomain)?
        };
        let label_ok = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if ascii.len() > 255 || !ascii.split('.').all(label_ok) {
            return Err(AddressError::BadDomain);
        }
        Ok(Self(ascii))
    }

    /// The comparable text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The registrable domain by the public suffix list (`mail.acme.co.uk` gives `acme.co.uk`); the domain itself
    /// where the list has no answer.
    #[must_use]
    pub fn registrable(&self) -> &str {
        psl::domain_str(&self.0).unwrap_or(&self.0)
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Domain {
    type Error = AddressError;
    fn try_from(text: String) -> Result<Self, AddressError> {
        Self::parse(&text)
    }
}

impl From<Domain> for String {
    fn from(domain: Domain) -> Self {
        domain.0
    }
}

/// A mail address: local part as written (without RFC 5321 quoting), domain folded.
///
/// Equality folds the case of the local part too: RFC 5321 lets a host distinguish case, no mailbox of a payment
/// department does, and a fraudster must not slip past a record by writing `Accounts@`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress {
    local: String,
    domain: Domain,
}

impl EmailAddress {
    /// Parses `local@domain` or `"quoted local"@domain`.
    ///
    /// # Errors
    /// [`AddressError`] says which half is wrong.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let (local, domain) = text.trim().rsplit_once('@').ok_or(AddressError::NotAnAddress)?;
        let local = unquote(local);
        if local.is_empty() {
            return Err(AddressError::NotAnAddress);
        }
        if local.len() > 256 || local.chars().any(char::is_control) {
            return Err(AddressError::BadLocalPart);
        }
        Ok(Self { local, domain: Domain::parse(domain)? })
    }

    /// The local part as written.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The domain.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// Lower-case text for comparing and keying, quoted where an address must be (RFC 5321 section 4.1.2): read as an
    /// address again, it has the same key.
    #[must_use]
    pub fn folded(&self) -> String {
        Self { local: self.local.to_lowercase(), domain: self.domain.clone() }.to_string()
    }

    /// The same address without a `+tag` in its local part (RFC 5233 sub-addressing).
    #[must_use]
    pub fn without_tag(&self) -> Self {
        match self.local.split_once('+') {
            Some((base, _)) if !base.is_empty() => {
                Self { local: base.to_owned(), domain: self.domain.clone() }
            }
            _ => self.clone(),
        }
    }
}

/// Removes RFC 5321 quoting from a local part: `"a\ b"` gives `a b`.
fn unquote(local: &str) -> String {
    let Some(inner) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return local.to_owned();
    };
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    out
}

impl PartialEq for EmailAddress {
    fn eq(&self, other: &Self) -> bool {
        self.folded() == other.folded()
    }
}
impl Eq for EmailAddress {}
impl PartialOrd for EmailAddress {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for EmailAddress {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.folded().cmp(&other.folded())
    }
}
impl std::hash::Hash for EmailAddress {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.folded().hash(state);
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = self.local.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c))
            && !self.local.starts_with('.')
            && !self.local.ends_with('.')
            && !self.local.contains("..");
        if plain {
            return write!(f, "{}@{}", self.local, self.domain);
        }
        f.write_str("\"")?;
        for c in self.local.chars() {
            if c == '"' || c == '\\' {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        write!(f, "\"@{}", self.domain)
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = AddressError;
    fn try_from(text: String) -> Result<Self, AddressError> {
        Self::parse(&text)
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_compare_folded_and_print_quoted_where_they_must() {
        let cases = [
            ("Accounts@Contoso.COM", "accounts@contoso.com", "Accounts@contoso.com"),
            ("\"a B\"@x.example", "\"a b\"@x.example", "\"a B\"@x.example"),
            ("\" a\\\"b\"@x.example", "\" a\\\"b\"@x.example", "\" a\\\"b\"@x.example"),
            ("x@bücher.example", "x@xn--bcher-kva.example", "x@xn--bcher-kva.example"),
            ("x@[192.0.2.1]", "x@[192.0.2.1]", "x@[192.0.2.1]"),
        ];
        for (input, folded, shown) in cases {
            let address = EmailAddress::parse(input).expect(input);
            assert_eq!(address.folded(), folded);
            let again = EmailAddress::parse(folded).map(|address| address.folded());
            assert_eq!(again.as_deref(), Ok(folded));
            assert_eq!(address.to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in ["", "x", "@x", "a@", "a@b..c", "a@b c", "a\r\n@b.example"] {
            assert!(EmailAddress::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn registrable_domain_follows_the_public_suffix_list() {
        let domain = Domain::parse("mail.acme.co.uk").expect("valid");
        assert_eq!(domain.registrable(), "acme.co.uk");
    }
}
