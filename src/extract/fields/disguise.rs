//! Whether an account was written so that programs miss it: with invisible characters inside, in letters of another
//! script, in full-width or circled digits, with an `O` for a zero.

use crate::extract::normalise::is_separator;
use crate::model::{AccountClaim, Scheme};

/// Characters of an account number, from its end, that must stand in the text as they are.
const TAIL: usize = 6;
/// Stands for every character that is neither a plain letter or digit nor a usual separator.
const ODD: char = '\u{1}';

/// Marks those of the accounts, all found in this text, that do not stand in it in plain characters.
pub(super) fn mark(text: &str, accounts: &mut [AccountClaim]) {
    if accounts.is_empty() {
        return;
    }
    let plain: String = text
        .chars()
        .filter(|c| !is_separator(*c))
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { ODD })
        .collect();
    for claim in accounts {
        let shown = claim.account.reveal();
        // The suffix of New Zealand is padded, so its digits need not stand there.
        let shown = match claim.account.scheme() {
            Scheme::Nz => shown.rsplit_once('-').map_or(shown, |(number, _)| number),
            _ => shown,
        };
        let number = shown.replace('-', "");
        let tail = number.get(number.len().saturating_sub(TAIL)..).unwrap_or(&number);
        claim.disguised = !plain.contains(tail.trim_start_matches('0'));
    }
}
