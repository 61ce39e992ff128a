//! The sealed form: `version | key id | nonce | ciphertext | tag`, AES-256-GCM.

use super::permanent;
use crate::ports::PortError;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;

/// First octet of everything sealed.
const VERSION: u8 = 1;
/// Octets before the ciphertext: version, key id, nonce.
const PREFIX: usize = 1 + 4 + NONCE_LEN;
/// Octets of the authentication tag.
const TAG: usize = 16;
/// A sealed value, taken apart.
pub(super) struct Sealed<'a> {
    pub(super) key_id: u32,
    nonce: [u8; NONCE_LEN],
    cipher_text: &'a [u8],
    tag: &'a [u8],
}

pub(super) fn parse(octets: &[u8]) -> Result<Sealed<'_>, PortError> {
    let damaged = || permanent("a sealed value is too short or of an unknown version");
    let (version, rest) = octets.split_first_chunk::<1>().ok_or_else(damaged)?;
    let (key_id, rest) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
    let (nonce, rest) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(damaged)?;
    let (cipher_text, tag) = rest.split_last_chunk::<TAG>().ok_or_else(damaged)?;
    if *version != [VERSION] {
        return Err(damaged());
    }
    Ok(Sealed { key_id: u32::from_be_bytes(*key_id), nonce: *nonce, cipher_text, tag })
}

/// Number of the key that sealed a value, from its first octets (five are enough); `None` for what is not sealed.
#[must_use]
pub fn sealed_under(octets: &[u8]) -> Option<u32> {
    let (version, rest) = octets.split_first_chunk::<1>()?;
    let (key_id, _) = rest.split_first_chunk::<4>()?;
    (*version == [VERSION]).then(|| u32::from_be_bytes(*key_id))
}

pub(super) fn open(key: &LessSafeKey, associated: &str, sealed: &Sealed<'_>) -> Result<Vec<u8>, PortError> {
    let mut plain = vec![0_u8; sealed.cipher_text.len()];
    let nonce = Nonce::assume_unique_for_key(sealed.nonce);
    key.open_separate_gather(nonce, Aad::from(associated), sealed.cipher_text, sealed.tag, &mut plain)
        .map_err(|_| permanent("a sealed value does not open"))?;
    Ok(plain)
}

pub(super) fn seal(
    key: &LessSafeKey,
    key_id: u32,
    associated: &str,
    plain: &[u8],
) -> Result<Vec<u8>, PortError> {
    let nonce: [u8; NONCE_LEN] = fresh()?;
    let mut out = Vec::with_capacity(PREFIX.saturating_add(plain.len()).saturating_add(TAG));
    out.push(VERSION);
    out.extend_from_slice(&key_id.to_be_bytes());
    out.extend_from_slice(&nonce);
    out.resize(PREFIX.saturating_add(plain.len()), 0);
    let mut tag = [0_u8; TAG];
    let cipher_text = out.get_mut(PREFIX..).unwrap_or_default();
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_out_of_place_scatter(nonce, Aad::from(associated), plain, cipher_text, &[], &mut tag)
        .map_err(|_| permanent("sealing failed"))?;
    out.extend_from_slice(&tag);
    Ok(out)
}

pub(super) fn cipher(key: &[u8]) -> Result<LessSafeKey, PortError> {
    let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| permanent("a key has the wrong length"))?;
    Ok(LessSafeKey::new(key))
}

pub(super) fn fresh<const N: usize>() -> Result<[u8; N], PortError> {
    let mut bytes = [0_u8; N];
    rand::fill(&mut bytes).map_err(|_| PortError::Transient {
        what: "keys",
        detail: "the system's random source failed".to_owned(),
    })?;
    Ok(bytes)
}
