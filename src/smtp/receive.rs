//! Message content: DATA (RFC 5321 4.1.1.4) and BDAT (RFC 3030), and the one reply that follows it.
//!
//! Content is read to its end even when it will be refused, so that none of it is ever taken for a command. Memory is
//! reserved from the process's pool before octets are kept, and held until the verdict is in.

use super::admission::Reservation;
use super::connection::Ended;
use super::session::{Session, Step, Transaction, guarded};
use crate::limits;
use crate::model::{Disposition, MailId, RefusalReason};
use crate::wire::data_in::{ChunkReader, Content, DataReader, Fault};
use crate::wire::reply::Reply;
use bytes::{Buf, Bytes};
use metrics::counter;
use tokio::time::Instant;

/// A message that comes in chunks.
pub(super) struct Chunks {
    reader: ChunkReader,
    reservation: Reservation,
    /// For the whole message.
    pub(super) deadline: Instant,
}

impl Session<'_> {
    /// DATA, RFC 5321 4.1.1.4.
    pub(super) async fn data(&mut self) -> Step {
        if let Some(reply) = self.content_refusal(true) {
            return self.refuse(&reply);
        }
        let Some(transaction) = self.transaction.take() else { return Step::Next };
        // RFC 5321 4.3.2: 451 is the answer to DATA itself when there is no room.
        let Some((content, mut reservation)) = self.new_content(&transaction) else {
            return self.no_room();
        };
        self.connection.reply(&Reply::send_data());
        let read = Box::pin(self.read_data(content, &mut reservation)).await;
        self.connection.shrink();
        match read {
            Err(ended) => self.end(ended),
            Ok(reader) => match reader.finish() {
                Ok(octets) => self.finish(transaction, octets, false, reservation).await,
                Err(fault) => self.faulty(fault, transaction.id),
            },
        }
    }

    /// Reads to the end of the data, whatever it holds.
    async fn read_data(
        &mut self,
        content: Content,
        reservation: &mut Reservation,
    ) -> Result<DataReader, Ended> {
        let deadline = Instant::now() + self.shared.options.message_timeout;
        let mut reader = DataReader::new(content);
        let mut allowed = self.most_octets_read();
        loop {
            let input = self.connection.input();
            make_room(reader.content(), reservation, input.len());
            let (taken, done) = reader.read(input);
            input.advance(taken);
            if done {
                return Ok(reader);
            }
            allowed = allowed.checked_sub(taken as u64).ok_or(Ended::Endless)?;
            self.receive(deadline).await?;
        }
    }

    /// BDAT, RFC 3030 section 2: the octets follow at once, so they are read before anything is answered.
    pub(super) async fn chunk(&mut self, octets: u64, last: bool) -> Step {
        if octets > self.most_octets_read() {
            return self.end(Ended::Endless);
        }
        if let Some(reply) = self.content_refusal(false) {
            return match Box::pin(self.skip(octets)).await {
                // No error of its own: a pipelining peer sends all its chunks before it reads the first refusal.
                Ok(()) => self.answer(&reply),
                Err(ended) => self.end(ended),
            };
        }
        let Some(mut transaction) = self.transaction.take() else { return Step::Next };
        let mut chunks = match transaction.chunks.take() {
            Some(chunks) => chunks,
            None => self.first_chunk(&transaction),
        };
        let read = Box::pin(self.read_chunk(octets, &mut chunks)).await;
        self.connection.shrink();
        if let Err(ended) = read {
            return self.end(ended);
        }
        // A fault ends the transaction; the chunks that are still under way are skipped as having none.
        if let Some(fault) = chunks.reader.content().fault() {
            return self.faulty(fault, transaction.id);
        }
        if !last {
            transaction.chunks = Some(chunks);
            self.transaction = Some(transaction);
            return self.answer(&Reply::chunk_received(octets));
        }
        let Chunks { reader, reservation, .. } = chunks;
        match reader.finish() {
            Ok((octets, bare_newlines)) => self.finish(transaction, octets, bare_newlines, reservation).await,
            Err(fault) => self.faulty(fault, transaction.id),
        }
    }

    fn first_chunk(&self, transaction: &Transaction) -> Chunks {
        let (content, reservation) = self.new_content(transaction).unwrap_or_else(|| {
            let mut content = Content::new(self.max_message_size());
            content.give_up(Fault::NoRoom);
            (content, self.shared.bytes.reservation())
        });
        let deadline = Instant::now() + self.shared.options.message_timeout;
        Chunks { reader: ChunkReader::new(content), reservation, deadline }
    }

    /// Empty content with memory for its beginning; `None` when what the peer declared has no room now. The declared
    /// size itself is not reserved: a peer that declares much and sends slowly would keep others out.
    fn new_content(&self, transaction: &Transaction) -> Option<(Content, Reservation)> {
        let mut content = Content::new(self.max_message_size());
        let mut reservation = self.shared.bytes.reservation();
        let first = limits::CONTENT_READ.min(self.max_message_size());
        let has_room = self.shared.bytes.has_room_for(transaction.declared.unwrap_or(0));
        if !has_room || !reservation.grow_to(first) {
            return None;
        }
        content.reserve(first);
        Some((content, reservation))
    }

    async fn read_chunk(&mut self, octets: u64, chunks: &mut Chunks) -> Result<(), Ended> {
        let mut remaining = octets;
        loop {
            let input = self.connection.input();
            let piece = input.len().min(usize::try_from(remaining).unwrap_or(usize::MAX));
            make_room(chunks.reader.content(), &mut chunks.reservation, piece);
            chunks.reader.read(input.get(..piece).unwrap_or_default());
            input.advance(piece);
            remaining -= piece as u64;
            if remaining == 0 {
                return Ok(());
            }
            self.receive(chunks.deadline).await?;
        }
    }

    /// Drops the octets of a chunk that is refused.
    async fn skip(&mut self, octets: u64) -> Result<(), Ended> {
        let deadline = Instant::now() + self.shared.options.message_timeout;
        let mut remaining = octets;
        loop {
            let input = self.connection.input();
            let piece = input.len().min(usize::try_from(remaining).unwrap_or(usize::MAX));
            input.advance(piece);
            remaining -= piece as u64;
            if remaining == 0 {
                self.connection.shrink();
                return Ok(());
            }
            self.receive(deadline).await?;
        }
    }

    /// Waits for more content.
    async fn receive(&mut self, message_deadline: Instant) -> Result<(), Ended> {
        let deadline = message_deadline.min(Instant::now() + self.shared.options.data_timeout);
        let cut = &self.shared.cut;
        tokio::select! {
            biased;
            () = cut.cancelled() => Err(Ended::ShuttingDown),
            filled = self.connection.fill(limits::CONTENT_READ, deadline) => filled,
        }
    }

    /// Hands the message over and answers. Nothing cancels this, not even a peer that left: once begun, the message
    /// has a fate, and only the handler knows it.
    async fn finish(
        &mut self,
        transaction: Transaction,
        octets: Bytes,
        bare_newlines: bool,
        held: Reservation,
    ) -> Step {
        let id = transaction.id;
        let disposition = guarded(transaction.inner.finish(octets, bare_newlines)).await;
        drop(held);
        let disposition = disposition.unwrap_or(Disposition::Refused(RefusalReason::LocalTrouble));
        if matches!(disposition, Disposition::Relayed(_) | Disposition::Held(_)) {
            self.forgive();
        }
        self.answer(&Reply::for_disposition(&disposition, id))
    }

    /// Why content can't come now.
    fn content_refusal(&self, by_data: bool) -> Option<Reply> {
        match &self.transaction {
            // RFC 5321 3.3: no MAIL, no RCPT.
            None => Some(Reply::bad_sequence("Send MAIL first")),
            Some(transaction) if transaction.offered == 0 => Some(Reply::bad_sequence("Send RCPT first")),
            Some(transaction) if transaction.inner.accepted() == 0 => Some(Reply::no_valid_recipients()),
            // RFC 3030 section 2: no DATA after BDAT.
            Some(transaction) if by_data && transaction.chunks.is_some() => {
                Some(Reply::bad_sequence("BDAT has begun, send more chunks or RSET"))
            }
            Some(_) => None,
        }
    }

    fn no_room(&mut self) -> Step {
        counter!("sentra_smtp_limits_total", "limit" => "bytes_in_flight").increment(1);
        self.refuse(&Reply::no_room_for_data())
    }

    /// The reply to content that was read to its end and is refused; the transaction is over.
    fn faulty(&mut self, fault: Fault, id: MailId) -> Step {
        let (reason, reply) = match fault {
            Fault::BareNewline => ("bare_newline", Reply::for_refusal(RefusalReason::BareNewline, Some(id))),
            // RFC 1870 6.3
            Fault::TooBig => ("size", Reply::too_big()),
            Fault::NoRoom => ("bytes_in_flight", Reply::no_room()),
        };
        counter!("sentra_smtp_rejected_total", "reason" => reason).increment(1);
        self.refuse(&reply)
    }

    fn max_message_size(&self) -> usize {
        usize::try_from(self.shared.options.max_message_size).unwrap_or(usize::MAX)
    }

    fn most_octets_read(&self) -> u64 {
        self.shared.options.max_message_size.saturating_mul(limits::MAX_READ_FACTOR).saturating_add(1_024)
    }
}

/// Reserves memory for `more` octets of content: doubled each time, so that growing stays cheap, or just enough where
/// the pool is nearly used up. Without it the content is given up.
fn make_room(content: &mut Content, reservation: &mut Reservation, more: usize) {
    if content.fault().is_some() {
        return reservation.release();
    }
    let needed = content.len().saturating_add(more).min(content.limit());
    if needed <= reservation.octets() {
        return;
    }
    let generous = reservation.octets().saturating_mul(2).min(content.limit()).max(needed);
    if reservation.grow_to(generous) || reservation.grow_to(needed) {
        content.reserve(reservation.octets());
    } else {
        content.give_up(Fault::NoRoom);
        reservation.release();
    }
}
