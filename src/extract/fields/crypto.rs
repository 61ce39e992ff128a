//! Addresses of crypto currencies, each by its own checksum: the shape alone fits keys, hashes and ids of all kinds.
//!
//! Bitcoin and Litecoin by Base58Check (a double SHA-256) or Bech32 and Bech32m (BIP 173, BIP 350), Tron by
//! Base58Check. An Ethereum address has no checksum that holds in small letters: it is taken by its shape, with a word
//! for the currency near it.

use super::{Finder, View, add_method, method};
use crate::limits::MAX_LINKS;
use crate::model::{MethodKind, PaymentClaims};
use aws_lc_rs::digest::{SHA256, digest};

/// Letters of Base58.
const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Letters of Bech32.
const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// Octets of a decoded Base58 address: version, hash, checksum.
const DECODED: usize = 25;
/// Octets before an Ethereum address in which a word for the currency must stand.
const NEAR: usize = 120;

/// Finds addresses of crypto currencies.
pub(super) struct Crypto;

impl Finder for Crypto {
    fn find(&self, view: &View, claims: &mut PaymentClaims) {
        let is_word = |c: char| c.is_ascii_alphanumeric();
        let mut tried = 0;
        let mut at = 0;
        for word in view.text.split(|c| !is_word(c)) {
            let start = at;
            at += word.len();
            at += view.text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
            if !(25..=90).contains(&word.len()) || tried >= MAX_LINKS {
                continue;
            }
            tried += 1;
            let currency = match word.as_bytes() {
                [b'1' | b'3' | b'L' | b'M' | b'T', ..] if word.len() <= 35 => base58(word),
                [b'0', b'x', ..] if word.len() == 42 => ethereum(view, word, start),
                _ => bech32(word),
            };
            if let Some((currency, valid)) = currency {
                let mut found = method(MethodKind::Crypto, currency, word.to_owned(), valid, &view.place);
                found.personal = true;
                add_method(claims, found);
            }
        }
    }
}

type Currency = Option<(&'static str, Option<bool>)>;

/// The currency of a Base58Check address: by its version octet.
fn base58(word: &str) -> Currency {
    let mut decoded = [0_u8; DECODED];
    for letter in word.bytes() {
        let mut carry = u32::try_from(BASE58.iter().position(|b| *b == letter)?).ok()?;
        for octet in decoded.iter_mut().rev() {
            carry += u32::from(*octet) * 58;
            *octet = u8::try_from(carry & 0xFF).ok()?;
            carry >>= 8;
        }
        if carry != 0 {
            return None;
        }
    }
    let (body, sum) = decoded.split_at(DECODED - 4);
    let twice = digest(&SHA256, digest(&SHA256, body).as_ref());
    if !twice.as_ref().starts_with(sum) {
        return None;
    }
    match body.first()? {
        0x00 | 0x05 => Some(("bitcoin", Some(true))),
        0x30 | 0x32 => Some(("litecoin", Some(true))),
        0x41 => Some(("tron", Some(true))),
        _ => None,
    }
}

/// The currency of a Bech32 or Bech32m address: by its human-readable part.
fn bech32(word: &str) -> Currency {
    let lower = word.to_ascii_lowercase();
    if word != lower && word != word.to_ascii_uppercase() {
        return None;
    }
    let (prefix, data) = lower.rsplit_once('1')?;
    let currency = match prefix {
        "bc" => "bitcoin",
        "ltc" => "litecoin",
        _ => return None,
    };
    let mut sum = 1_u32;
    let mut step = |value: u32| {
        let top = sum >> 25;
        sum = ((sum & 0x1FF_FFFF) << 5) ^ value;
        for (bit, generator) in
            [0x3B6A_57B2_u32, 0x2650_8E6D, 0x1EA1_19FA, 0x3D42_33DD, 0x2A14_62B3].into_iter().enumerate()
        {
            if (top >> bit) & 1 == 1 {
                sum ^= generator;
            }
        }
    };
    prefix.bytes().for_each(|b| step(u32::from(b >> 5)));
    step(0);
    prefix.bytes().for_each(|b| step(u32::from(b & 31)));
    for letter in data.bytes() {
        step(u32::try_from(BECH32.iter().position(|b| *b == letter)?).ok()?);
    }
    matches!(sum, 1 | 0x2BC8_30A3).then_some((currency, Some(true)))
}

fn ethereum(view: &View, word: &str, start: usize) -> Currency {
    let hexadecimal = word.bytes().skip(2).all(|b| b.is_ascii_hexdigit());
    let from = crate::extract::floor(&view.text, start.saturating_sub(NEAR));
    let before = view.text.get(from..start).unwrap_or_default().to_ascii_lowercase();
    let named = ["eth", "usdt", "usdc", "erc", "wallet", "crypto", "address"].iter().any(|w| before.contains(w));
    (hexadecimal && named).then_some(("ethereum", None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_by_their_checksums() {
        for (word, expected) in [
            ("1NEDqZPvTWRaoho48qXuLLsrYomMXPABfD", Some("bitcoin")),
            ("1NEDqZPvTWRaoho48qXuLLsrYomMXPABfX", None),
            ("3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", Some("bitcoin")),
            ("1111111111111111111111111111111111", None),
        ] {
            assert_eq!(base58(word).map(|c| c.0), expected, "{word}");
        }
        for (word, expected) in [
            ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", Some("bitcoin")),
            ("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", Some("bitcoin")),
            ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", None),
            ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", Some("bitcoin")),
            ("abc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", None),
        ] {
            assert_eq!(bech32(word).map(|c| c.0), expected, "{word}");
        }
    }
}
