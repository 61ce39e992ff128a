//! Reading replies of the next hop (RFC 5321 section 4.2), bounded and made safe to show.
//!
//! `mail-send` keeps each number of an enhanced status code in eight bits, which turns Exchange's 5.7.606 and
//! 5.7.750 into 5.7.255, and throws away what arrives behind a reply. Both matter here, so replies are read by this
//! reader: it keeps what is not yet consumed and codes as RFC 3463 writes them.

use crate::limits;
use crate::model::NextHopReply;
use bytes::{Buf, BytesMut};

/// A reply that is none, or has no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ReplyError {
    /// Not three digits and a separator, or lines with different codes.
    #[error("answered something that is no SMTP reply")]
    Garbage,
    /// More octets than any reply needs.
    #[error("answered without end")]
    Endless,
}

/// Collects the lines of one reply from octets as they arrive.
#[derive(Debug, Default)]
pub(super) struct ReplyReader {
    consumed: usize,
    kept: usize,
    code: Option<u16>,
    enhanced: Option<(u8, u16, u16)>,
    lines: Vec<String>,
}

impl ReplyReader {
    /// Takes whole lines out of `buffer`; `None` while the reply is not complete. What follows stays in `buffer`.
    ///
    /// # Errors
    /// [`ReplyError`]: the connection is of no more use.
    pub(super) fn advance(&mut self, buffer: &mut BytesMut) -> Result<Option<NextHopReply>, ReplyError> {
        while let Some(end) = memchr::memchr(b'\n', buffer) {
            self.consumed += end + 1;
            if self.consumed > limits::MAX_REPLY_READ {
                return Err(ReplyError::Endless);
            }
            let last = self.line(buffer.get(..end).unwrap_or_default())?;
            buffer.advance(end + 1);
            if last {
                let done = std::mem::take(self);
                return Ok(done.code.map(|code| NextHopReply {
                    code,
                    enhanced: done.enhanced,
                    lines: done.lines,
                }));
            }
        }
        if self.consumed + buffer.len() > limits::MAX_REPLY_READ {
            return Err(ReplyError::Endless);
        }
        Ok(None)
    }

    /// One line without LF; true for the last.
    fn line(&mut self, line: &[u8]) -> Result<bool, ReplyError> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (digits, rest) = line.split_at_checked(3).ok_or(ReplyError::Garbage)?;
        let code = number(digits).filter(|code| (200..600).contains(code)).ok_or(ReplyError::Garbage)?;
        let (last, text) = match rest.split_first() {
            None => (true, rest),
            Some((b' ', text)) => (true, text),
            Some((b'-', text)) => (false, text),
            Some(_) => return Err(ReplyError::Garbage),
        };
        if *self.code.get_or_insert(code) != code {
            return Err(ReplyError::Garbage);
        }
        let (enhanced, text) = enhanced(code, text);
        self.enhanced = self.enhanced.or(enhanced);
        let room = limits::MAX_REPLY_OCTETS.saturating_sub(self.kept);
        let text = printable(text.get(..room).unwrap_or(text));
        self.kept += text.len() + 1;
        if room > 0 {
            self.lines.push(text);
        }
        Ok(last)
    }
}

fn number(digits: &[u8]) -> Option<u16> {
    let all_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| all_digits)?.parse().ok()
}

/// Splits `5.7.606 text` (RFC 2034): the class must be that of the code.
fn enhanced(code: u16, text: &[u8]) -> (Option<(u8, u16, u16)>, &[u8]) {
    let end = text.iter().position(|octet| *octet == b' ').unwrap_or(text.len());
    let parse = || {
        let mut parts = text.get(..end)?.splitn(3, |octet| *octet == b'.');
        let (class, subject, detail) = (parts.next()?, parts.next()?, parts.next()?);
        if subject.len() > 3 || detail.len() > 3 {
            return None;
        }
        let class = number(class).filter(|class| *class == code / 100)?;
        Some((u8::try_from(class).ok()?, number(subject)?, number(detail)?))
    };
    match parse() {
        Some(found) => (Some(found), text.get(end + 1..).unwrap_or_default()),
        None => (None, text),
    }
}

/// Printable ASCII; anything else becomes `?`, so that a reply can carry neither a line end nor a terminal's escape.
fn printable(text: &[u8]) -> String {
    text.iter().map(|octet| if (b' '..=b'~').contains(octet) { char::from(*octet) } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &[u8]) -> (Result<Option<NextHopReply>, ReplyError>, BytesMut) {
        let mut buffer = BytesMut::from(text);
        let reply = ReplyReader::default().advance(&mut buffer);
        (reply, buffer)
    }

    #[test]
    fn replies() {
        type Expected<'a> = (u16, Option<(u8, u16, u16)>, &'a [&'a str]);
        let rows: [(&[u8], Expected<'_>); 10] = [
            (b"250 ok\r\n", (250, None, &["ok"])),
            (b"250\r\n", (250, None, &[""])),
            (b"250 ok\n", (250, None, &["ok"])),
            (b"550 5.7.606 Access denied\r\n", (550, Some((5, 7, 606)), &["Access denied"])),
            (b"550-5.7.750 a\r\n550 5.7.750 b\r\n", (550, Some((5, 7, 750)), &["a", "b"])),
            (b"250 2.1.0\r\n", (250, Some((2, 1, 0)), &[""])),
            (b"250 4.1.0 class of another code\r\n", (250, None, &["4.1.0 class of another code"])),
            (
                b"250 2.6.0 <a@b> [InternalId=1] Queued\r\n",
                (250, Some((2, 6, 0)), &["<a@b> [InternalId=1] Queued"]),
            ),
            (b"550 5.1.10.2 not a code\r\n", (550, None, &["5.1.10.2 not a code"])),
            (b"451 t\xc3\xa9 \x1b[31m\rx\r\n", (451, None, &["t?? ?[31m?x"])),
        ];
        for (text, (code, enhanced, lines)) in rows {
            let reply = read(text).0.expect("valid").expect("complete");
            assert_eq!((reply.code, reply.enhanced), (code, enhanced), "{text:?}");
            assert_eq!(reply.lines, lines, "{text:?}");
        }
    }

    #[test]
    fn garbage_is_refused() {
        for text in [
            "hello\r\n",
            "25\r\n",
            "\r\n",
            "2500 x\r\n",
            "150 x\r\n",
            "999 x\r\n",
            "250-a\r\n550 b\r\n",
            "250+a\r\n",
        ] {
            assert_eq!(read(text.as_bytes()).0, Err(ReplyError::Garbage), "{text:?}");
        }
    }

    #[test]
    fn what_follows_a_reply_stays_unread() {
        let (reply, rest) = read(b"250 one\r\n550 two\r\n");
        assert_eq!(reply.expect("valid").expect("complete").code, 250);
        assert_eq!(&rest[..], b"550 two\r\n");
    }

    #[test]
    fn an_endless_reply_is_bounded_with_and_without_line_ends() {
        for unit in ["250-more\r\n", "x"] {
            let mut reader = ReplyReader::default();
            let mut buffer = BytesMut::from("250-");
            let mut fed = 0;
            let error = loop {
                buffer.extend_from_slice(unit.as_bytes());
                fed += unit.len();
                if let Err(error) = reader.advance(&mut buffer) {
                    break error;
                }
                assert!(fed < 2 * limits::MAX_REPLY_READ, "never ends for {unit:?}");
            };
            let expected = if unit == "x" { ReplyError::Endless } else { error };
            assert_eq!(error, expected);
        }
        let long =
            format!("{}250 end\r\n", "250-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(1_000));
        let reply = read(long.as_bytes()).0.expect("below the limit").expect("complete");
        let kept: usize = reply.lines.iter().map(String::len).sum();
        assert!(kept <= limits::MAX_REPLY_OCTETS, "{kept}");
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_reply(octets in proptest::collection::vec(any::<u8>(), 0..80), cut in 0usize..80) {
            let mut whole = BytesMut::from(&b"250-x\r\n250 "[..]);
            whole.extend_from_slice(&octets);
            let mut reader = ReplyReader::default();
            let mut expected_buffer = whole.clone();
            let expected = ReplyReader::default().advance(&mut expected_buffer);
            let tail = whole.split_off(cut.min(whole.len()));
            let mut result = reader.advance(&mut whole);
            if result == Ok(None) {
                whole.unsplit(tail);
                result = reader.advance(&mut whole);
            }
            prop_assert_eq!(result, expected);
        }
    }
}
