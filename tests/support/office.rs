//! Writers of documents for the tests: as little of each format as a reader takes.

use std::io::{Cursor, Write as _};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A ZIP archive of these files.
pub fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, octets) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(octets).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A Word document; each paragraph is `(text, hidden)`.
pub fn docx(paragraphs: &[(&str, bool)]) -> Vec<u8> {
    let body: String = paragraphs
        .iter()
        .map(|(text, hidden)| {
            let properties = if *hidden { "<w:rPr><w:vanish/></w:rPr>" } else { "" };
            format!("<w:p><w:r>{properties}<w:t xml:space=\"preserve\">{text}</w:t></w:r></w:p>")
        })
        .collect();
    let types = "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
        <Default Extension=\"xml\" ContentType=\"application/xml\"/><Override PartName=\"/word/document.xml\" \
        ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml\"/></Types>";
    let document = format!(
        "<w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"><w:body>{body}</w:body></w:document>"
    );
    zipped(&[("[Content_Types].xml", types.as_bytes()), ("word/document.xml", document.as_bytes())])
}

/// An electronic invoice (CII) that is paid to this IBAN.
pub fn cii(iban: &str) -> Vec<u8> {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><rsm:CrossIndustryInvoice xmlns:rsm=\"urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100\" \
         xmlns:ram=\"ram\"><rsm:ExchangedDocument><ram:ID>INV-17</ram:ID></rsm:ExchangedDocument><ram:SpecifiedTradeSettlementPaymentMeans>\
         <ram:PayeePartyCreditorFinancialAccount><ram:IBANID>{iban}</ram:IBANID></ram:PayeePartyCreditorFinancialAccount>\
         </ram:SpecifiedTradeSettlementPaymentMeans></rsm:CrossIndustryInvoice>"
    )
    .into_bytes()
}

/// An Excel 97 sheet with a number in each of these cells (row, column).
pub fn xls(cells: &[(u16, u16)]) -> Vec<u8> {
    let record = |kind: u16, data: &[u8]| {
        let mut out = kind.to_le_bytes().to_vec();
        out.extend(u16::try_from(data.len()).unwrap().to_le_bytes());
        out.extend(data);
        out
    };
    let begin = |kind: u16| {
        let mut data = 0x0600_u16.to_le_bytes().to_vec();
        data.extend(kind.to_le_bytes());
        data.extend([0; 12]);
        record(0x0809, &data)
    };
    let end = record(0x000A, &[]);
    let sheet_name = |offset: usize| {
        let mut data = u32::try_from(offset).unwrap().to_le_bytes().to_vec();
        data.extend([0, 0, 3, 0]);
        data.extend(b"One");
        record(0x0085, &data)
    };
    let offset = begin(5).len() + sheet_name(0).len() + end.len();
    let mut book = [begin(5), sheet_name(offset), end.clone(), begin(16)].concat();
    for (row, column) in cells {
        let mut data = row.to_le_bytes().to_vec();
        data.extend(column.to_le_bytes());
        data.extend([0, 0]);
        data.extend((f64::from(*row) + 7.0).to_le_bytes());
        book.extend(record(0x0203, &data));
    }
    book.extend(end);
    let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    file.create_stream("/Workbook").unwrap().write_all(&book).unwrap();
    file.into_inner().into_inner()
}

/// A message with these attachments.
pub fn mail_with(from: &str, id: &str, body: &str, files: &[(&str, &str, &[u8])]) -> Vec<u8> {
    use base64::Engine as _;
    let mut out = format!(
        "From: {from}\r\nTo: accounts@contoso.example\r\nSubject: Invoice INV-17\r\nMessage-ID: <{id}>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n"
    );
    for (name, media_type, octets) in files {
        out.push_str(&format!(
            "--b\r\nContent-Type: {media_type}\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n"
        ));
        let text = base64::engine::general_purpose::STANDARD.encode(octets);
        for line in text.as_bytes().chunks(76) {
            out.push_str(std::str::from_utf8(line).unwrap());
            out.push_str("\r\n");
        }
    }
    out.push_str("--b--\r\n");
    out.into_bytes()
}
