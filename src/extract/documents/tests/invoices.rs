//! Electronic invoices.

use super::*;

pub(super) const UBL: &str = "<?xml version=\"1.0\"?><Invoice xmlns=\"urn:oasis:names:specification:ubl:schema:xsd:Invoice-2\" xmlns:cac=\"a\" xmlns:cbc=\"b\">\
    <cbc:ID>R-17</cbc:ID><cbc:DueDate>2026-12-01</cbc:DueDate><cbc:DocumentCurrencyCode>GBP</cbc:DocumentCurrencyCode>\
    <cac:AdditionalDocumentReference><cac:Attachment><cbc:EmbeddedDocumentBinaryObject mimeCode=\"text/plain\" filename=\"note.txt\">YXR0YWNo\nZWQ=</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>\
    <cac:AccountingSupplierParty><cac:Party><cac:PartyName><cbc:Name>Acme</cbc:Name></cac:PartyName><cac:PartyTaxScheme><cbc:CompanyID>GB980780684</cbc:CompanyID></cac:PartyTaxScheme></cac:Party></cac:AccountingSupplierParty>\
    <cac:AccountingCustomerParty><cac:Party><cac:PartyTaxScheme><cbc:CompanyID>BUYER-VAT</cbc:CompanyID></cac:PartyTaxScheme></cac:Party></cac:AccountingCustomerParty>\
    <cac:PaymentMeans><cac:PayerFinancialAccount><cbc:ID>PAYER-IBAN</cbc:ID></cac:PayerFinancialAccount>\
    <cac:PayeeFinancialAccount><cbc:ID>31926819</cbc:ID><cbc:Name>Acme Ltd</cbc:Name><cac:FinancialInstitutionBranch><cbc:ID>60-16-13</cbc:ID></cac:FinancialInstitutionBranch></cac:PayeeFinancialAccount></cac:PaymentMeans>\
    <cac:PaymentMeans><cac:PayeeFinancialAccount><cbc:ID>GB29NWBK60161331926819</cbc:ID><cac:FinancialInstitutionBranch><cbc:ID>NWBKGB2L</cbc:ID></cac:FinancialInstitutionBranch></cac:PayeeFinancialAccount></cac:PaymentMeans>\
    <cac:LegalMonetaryTotal><cbc:PayableAmount currencyID=\"GBP\">1234.50</cbc:PayableAmount></cac:LegalMonetaryTotal></Invoice>";

pub(super) const CII: &str = "<rsm:CrossIndustryInvoice><rsm:ExchangedDocument><ram:ID>R-18</ram:ID></rsm:ExchangedDocument><ram:ApplicableHeaderTradeSettlement>\
    <ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode><ram:SpecifiedTradeSettlementPaymentMeans>\
    <ram:PayerPartyDebtorFinancialAccount><ram:IBANID>PAYER</ram:IBANID></ram:PayerPartyDebtorFinancialAccount>\
    <ram:PayeePartyCreditorFinancialAccount><ram:IBANID>DE89370400440532013000</ram:IBANID><ram:ProprietaryID>532013000</ram:ProprietaryID></ram:PayeePartyCreditorFinancialAccount>\
    <ram:PayeeSpecifiedCreditorFinancialInstitution><ram:BICID>COBADEFF</ram:BICID></ram:PayeeSpecifiedCreditorFinancialInstitution></ram:SpecifiedTradeSettlementPaymentMeans>\
    <ram:SpecifiedTradePaymentTerms><ram:DueDateDateTime><udt:DateTimeString format=\"102\">20261201</udt:DateTimeString></ram:DueDateDateTime></ram:SpecifiedTradePaymentTerms>\
    <ram:SpecifiedTradeSettlementHeaderMonetarySummation><ram:DuePayableAmount>10.00</ram:DuePayableAmount></ram:SpecifiedTradeSettlementHeaderMonetarySummation>\
    </ram:ApplicableHeaderTradeSettlement></rsm:CrossIndustryInvoice>";

pub(super) const FATTURA: &str = "<p:FatturaElettronica><FatturaElettronicaHeader><CedentePrestatore><DatiAnagrafici><IdFiscaleIVA><IdPaese>IT</IdPaese><IdCodice>01234567890</IdCodice></IdFiscaleIVA>\
    <Anagrafica><Denominazione>Edil Srl</Denominazione></Anagrafica></DatiAnagrafici></CedentePrestatore></FatturaElettronicaHeader><FatturaElettronicaBody>\
    <DatiGenerali><DatiGeneraliDocumento><Divisa>EUR</Divisa><Numero>19/A</Numero></DatiGeneraliDocumento></DatiGenerali>\
    <DatiPagamento><DettaglioPagamento><DataScadenzaPagamento>2026-12-01</DataScadenzaPagamento><ImportoPagamento>5.00</ImportoPagamento><IBAN>IT60X0542811101000000123456</IBAN></DettaglioPagamento></DatiPagamento>\
    <Allegati><NomeAttachment>a.txt</NomeAttachment><Attachment>YXR0YWNoZWQ=</Attachment></Allegati></FatturaElettronicaBody></p:FatturaElettronica>";

#[test]
fn electronic_invoices() {
    for (text, want, file) in [
        (
            UBL,
            "Invoice number: R-17\nDue date: 2026-12-01\nSupplier: Acme\nVAT number: GB980780684\nAccount name: Acme Ltd\nSort code: 60-16-13\n\
             Account number: 31926819\nIBAN: GB29NWBK60161331926819\nBIC: NWBKGB2L\nAmount due: GBP 1234.50",
            Some("note.txt"),
        ),
        (
            CII,
            "Invoice number: R-18\nIBAN: DE89370400440532013000\nAccount number: 532013000\nBIC: COBADEFF\nDue date: 2026-12-01\nAmount due: EUR 10.00",
            None,
        ),
        (
            FATTURA,
            "VAT number: IT01234567890\nSupplier: Edil Srl\nInvoice number: 19/A\nDue date: 2026-12-01\nAmount due: EUR 5.00\nIBAN: IT60X0542811101000000123456",
            Some("a.txt"),
        ),
    ] {
        let document = open("invoice.xml", text.as_bytes());
        assert_eq!(document.files[0].spans[0].text.trim(), want);
        assert_eq!(document.files.get(1).map(|file| file.path.as_str()), file);
        assert!(
            texts(&document, SpanKind::Visible).trim() == file.map_or("", |_| "attached"),
            "{:?}",
            told(&document)
        );
        let machine = texts(&document, SpanKind::Machine);
        assert!(!machine.contains("PAYER") && !machine.contains("BUYER"), "{machine}");
        assert_eq!(texts(&document, SpanKind::Payer).contains("IBAN: PAYER"), text.contains("PAYER"));
    }
    let with_type = format!("<!DOCTYPE x [<!ENTITY e \"DE89\">]>{CII}");
    assert!(open("a.xml", with_type.as_bytes()).files[0].gaps.contains(&Unread::Damaged));
}
