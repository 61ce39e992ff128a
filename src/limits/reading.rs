//! What is read out of a message: parsing, documents and their workers.

use std::time::Duration;

// ── parsing ────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Octets that are parsed and inspected; the rest of a larger message is relayed unread and named so.
pub const MAX_INSPECTED_OCTETS: usize = 40 * 1_024 * 1_024;
/// Header fields at the top level.
pub const MAX_HEADER_FIELDS: usize = 1_000;
/// Octets of one header field that are looked at.
pub const MAX_HEADER_FIELD: usize = 64 * 1_024;
/// Octets of the top-level header section.
pub const MAX_HEADER_SECTION: usize = 512 * 1_024;
/// MIME entities that are looked at.
pub const MAX_PARTS: usize = 500;
/// Nesting of multiparts.
pub const MAX_DEPTH: usize = 20;
/// Nesting of attached messages.
pub const MAX_ATTACHED_MESSAGES: usize = 3;
/// Attachments whose content is opened; the others are named.
pub const MAX_DOCUMENTS: usize = 10;
/// Characters of text analysed per part: the head …
pub const TEXT_HEAD: usize = 768 * 1_024;
/// … and the tail.
pub const TEXT_TAIL: usize = 256 * 1_024;
/// Characters of text analysed per message.
pub const TEXT_PER_MESSAGE: usize = 4 * 1_024 * 1_024;
/// Octets of one HTML part that are analysed.
pub const MAX_HTML: usize = 2 * 1_024 * 1_024;
/// Memory of the streaming HTML reader.
pub const HTML_MEMORY: usize = 4 * 1_024 * 1_024;
/// Octets of style sheets of one page that are read; what a longer one does to an account is not known.
pub const MAX_SHEET: usize = 256 * 1_024;
/// Selectors of style sheets that are followed.
pub const MAX_SELECTORS: usize = 400;
/// Declarations of one rule that are read.
pub const MAX_DECLARATIONS: usize = 100;
/// Octets that style sheets put on one page by text of their own.
pub const MAX_GENERATED: usize = 64 * 1_024;
/// Elements of one page that are open at once and moved, turned or hidden by a style.
pub const MAX_OPEN: usize = 64;
/// Stretches of one page that are moved or turned and looked at, each kind.
pub const MAX_DISPLACED: usize = 2_000;
/// Pictures inside one page of HTML (`data:`) that are looked at.
pub const HTML_PICTURES: usize = 8;
/// Coloured cells without text, one behind the other, that draw a code; the smallest QR code has 441.
pub const CODE_CELLS: usize = 200;
/// Lines and columns of the smallest QR code (ISO/IEC 18004, version 1).
pub const CODE_SIDE: usize = 21;
/// Different accounts reported of one message.
pub const MAX_ACCOUNTS: usize = 50;
/// Codes and numbers behind labels that are kept until the texts of a message are read together.
pub const MAX_PIECES: usize = 256;
/// Links of one text that are looked at for paying.
pub const MAX_PAY_LINKS: usize = 200;
/// Different domains that a message asks to pay at.
pub const MAX_PAY_PAGES: usize = 16;
/// Different phrases reported of one message; beyond it only families that were not seen before.
pub const MAX_PHRASES: usize = 200;
/// Links, and words that may be an address of a crypto currency, that are looked at in one text.
pub const MAX_LINKS: usize = 5_000;
/// Octets of the targets of links that are looked at in one page of HTML.
pub const MAX_LINK_TEXT: usize = 256 * 1_024;
/// Different amounts, invoice numbers or registration numbers reported of one message, each kind.
pub const MAX_CLAIMED_VALUES: usize = 100;
/// Keys of one directory query.
pub const MAX_DIRECTORY_KEYS: usize = 128;
/// Telephone numbers of one message that are compared with the records, if it offers one for verifying.
pub const CALL_BACK_NUMBERS: usize = 3;
/// Findings of one message.
pub const MAX_FINDINGS: usize = 64;

// ── documents ──────────────────────────────────────────────────────────────────────────────────────────────────────

/// Reading all documents of one message; what is not read by then is unread.
pub const DOCUMENTS_DEADLINE: Duration = Duration::from_secs(20);
/// Octets of one document that is handed to a worker.
pub const MAX_DOCUMENT: usize = MAX_INSPECTED_OCTETS;
/// Files inside each other.
pub const DOCUMENT_DEPTH: usize = 3;
/// Files inside one document, at all depths.
pub const DOCUMENT_ENTRIES: usize = 200;
/// Octets of all files inside one document, unpacked.
pub const DOCUMENT_OCTETS: usize = 32 * 1_024 * 1_024;
/// Octets of one XML part or stream of a document, unpacked …
pub const DOCUMENT_PART: usize = 24 * 1_024 * 1_024;
/// … and of all of them.
pub const DOCUMENT_PARTS: usize = 64 * 1_024 * 1_024;
/// Octets of text of one document, all files inside it together.
pub const DOCUMENT_TEXT: usize = TEXT_PER_MESSAGE;
/// Links of one file inside a document that are kept.
pub const DOCUMENT_LINKS: usize = 1_000;
/// Characters of one link.
pub const DOCUMENT_LINK: usize = 2_048;
/// Characters of the name of a file inside a document.
pub const DOCUMENT_PATH: usize = 120;
/// Entries of one ZIP archive that are looked at.
pub const PACKAGE_ENTRIES: usize = 5_000;
/// Elements inside each other in the XML of Office and OpenDocument.
pub const XML_DEPTH: usize = 256;
/// Elements inside each other in an electronic invoice.
pub const INVOICE_DEPTH: usize = 64;
/// Groups inside each other in RTF.
pub const RTF_DEPTH: usize = 1_000;
/// Cells of one workbook.
pub const SHEET_CELLS: usize = 50_000;
/// Cells of the rectangles of all sheets of an old workbook, empty ones included (about 32 octets each).
pub const SHEET_AREA: u64 = 4_000_000;
/// Records of an old workbook, those of its sheets counted for each sheet that claims them.
pub const SHEET_RECORDS: usize = 4_000_000;
/// Sheets of one workbook.
pub const SHEETS: usize = 200;
/// Cell styles, number formats or hidden columns of one workbook.
pub const SHEET_STYLES: usize = 65_536;
/// Octets of the texts that cells of one workbook share.
pub const SHARED_TEXTS: usize = 16 * 1_024 * 1_024;
/// Streams of one compound file (.doc, .xls, .msg).
pub const COMPOUND_STREAMS: usize = 2_000;
/// Pieces of the text of a .doc file.
pub const WORD_PIECES: usize = 100_000;
/// Properties of one message or attachment in TNEF.
pub const MAPI_PROPERTIES: usize = 10_000;

// ── document workers ───────────────────────────────────────────────────────────────────────────────────────────────

/// A worker must say that it is ready within this.
pub const WORKER_START: Duration = Duration::from_secs(10);
/// One document may take a worker this long, by the clock on the wall; then the process is killed. Some readers sleep
/// at their memory limit, where no limit on the processor fires.
pub const WORKER_WALL: Duration = Duration::from_secs(6);
/// Seconds of processor time of one document.
pub const WORKER_CPU: u64 = 3;
/// Megabytes of address space of a worker.
pub const WORKER_MEMORY: u64 = 512;
/// Documents that one process reads before it is replaced.
pub const WORKER_JOBS: usize = 200;
/// Documents waiting for a worker; further ones are unread.
pub const WORKER_QUEUE: usize = 256;
/// Worker processes at most.
pub const MAX_WORKERS: usize = 64;
/// Octets of the head of a job: names.
pub const WORKER_HEAD: usize = 64 * 1_024;
/// Octets of a worker's answer: all text, as JSON, and what stands around it.
pub const WORKER_ANSWER: usize = 4 * DOCUMENT_TEXT;
/// Waiting for a worker that broke off to be gone, to learn why.
pub const WORKER_FAREWELL: Duration = Duration::from_secs(1);
/// Documents that killed a worker, remembered so that they kill no second one.
pub const WORKER_KILLERS: usize = 4_096;

// ── PDF ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Octets of one PDF that are read; larger ones are unread.
pub const PDF_OCTETS: usize = 25 * 1_024 * 1_024;
/// Pages read from the front …
pub const PDF_HEAD_PAGES: usize = 40;
/// … and from the end: bank details stand on the first page or the last.
pub const PDF_TAIL_PAGES: usize = 5;
/// Pages of a page tree that are counted; a tree of 200,000 references cost another reader 20 s.
pub const PDF_COUNTED_PAGES: usize = 10_000;
/// Octets that one stream of a PDF may unpack to.
pub const PDF_STREAM_OCTETS: usize = 32 * 1_024 * 1_024;
/// Operations of content streams per PDF: an invoice page has about 2,000.
pub const PDF_OPERATIONS: usize = 1_500_000;
/// Characters drawn per page; a dense page has 8,000.
pub const PDF_PAGE_GLYPHS: usize = 100_000;
/// Characters drawn per PDF: 4 MB of text in octets of ASCII would take two seconds to lay out.
pub const PDF_GLYPHS: usize = 1_000_000;
/// Drawings inside drawings (form XObjects).
pub const PDF_FORM_DEPTH: usize = 8;
/// Drawings run per PDF, repeats included: 5 KB of file can ask for 16 million.
pub const PDF_FORMS_DRAWN: usize = 2_000;
/// Octets of drawings' content unpacked per PDF, repeats included.
pub const PDF_FORM_OCTETS: usize = 64 * 1_024 * 1_024;
/// Saved graphics states at once (`q`).
pub const PDF_SAVED_STATES: usize = 256;
/// Filled areas remembered per page, to tell what they cover.
pub const PDF_AREAS: usize = 400;
/// Stretches of text per page that are also read block by block.
pub const PDF_SEGMENTS: usize = 5_000;
/// Octets of a font's map from codes to characters.
pub const PDF_CMAP_OCTETS: usize = 2 * 1_024 * 1_024;
/// Entries of such a map, and of a font's widths.
pub const PDF_CMAP_ENTRIES: usize = 66_000;
/// Fonts read per PDF.
pub const PDF_FONTS: usize = 500;
/// Form fields, annotations per page, and nodes of a name tree that are visited.
pub const PDF_NODES: usize = 5_000;
/// Depth of form fields and of name trees.
pub const PDF_TREE_DEPTH: usize = 32;
/// Files taken out of a PDF.
pub const PDF_EMBEDDED_FILES: usize = 50;
/// Octets of all files taken out of a PDF.
pub const PDF_EMBEDDED_OCTETS: usize = 32 * 1_024 * 1_024;
/// Octets of text given back per PDF.
pub const PDF_TEXT_OCTETS: usize = 4 * 1_024 * 1_024;

// ── whom a message claims to come from ─────────────────────────────────────────────────────────────────────────────────

/// Names of companies that are taken out of letterheads and signatures of one message and looked up.
pub const MAX_NAME_CLAIMS: usize = 8;
/// Lines at the head of a document, or at the end of a body, in which such a name is looked for.
pub const NAME_LINES: usize = 14;
/// Links of one message that show another address than theirs; one is enough for a rule.
pub const MAX_MISLEADING_LINKS: usize = 16;
/// Links of one part whose text is compared with their target.
pub const MAX_ANCHORS: usize = 500;
/// Octets of a link's text that are kept: what is longer shows no address.
pub const MAX_ANCHOR_TEXT: usize = 400;

/// Names of senders of a message that are read for accounts: more than one is odd already.
pub const SENDER_NAMES: usize = 4;
