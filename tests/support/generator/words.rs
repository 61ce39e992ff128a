//! What suppliers write, in the eight languages of the lexicons: by category a subject and sentences. `{n}` is a
//! number, `{a}` an amount, `{d}` a date. The sentences are ordinary mail, not made from the lexicons.

use sentra::model::Category;

/// A mail without its bank details.
pub type Text = (Category, &'static str, &'static [&'static str]);

/// One language.
pub struct Words {
    pub code: &'static str,
    /// A character set that its mail programs used before UTF-8.
    pub charset: &'static str,
    pub hello: &'static str,
    pub bye: &'static str,
    pub iban: &'static str,
    pub account: &'static str,
    pub holder: &'static str,
    pub pay_to: &'static str,
    /// A warning that many honest suppliers put below their mail.
    pub footer: &'static str,
    pub texts: &'static [Text],
}

use Category::{
    BankDetailsChange, CreditNote, Invoice, Other, PaymentRequest, PurchaseOrder, Quote, Receipt, Remittance,
    Statement,
};

pub const ENGLISH: Words = Words {
    code: "en",
    charset: "windows-1252",
    hello: "Dear customer,",
    bye: "Kind regards,\nAccounts department",
    iban: "IBAN",
    account: "Account number",
    holder: "Account name",
    pay_to: "Please pay to",
    footer: "Beware of fraud: we will never change our bank details by email. This message is confidential and intended for the addressee only.",
    texts: &[
        (
            Invoice,
            "Invoice {n}",
            &["Please find our invoice {n} over {a} for work done in October.", "It is due on {d}."],
        ),
        (
            Invoice,
            "Your invoice from Acme: {n}",
            &["Thank you for your business.", "Invoice number: {n}\nTotal: {a}\nDue date: {d}"],
        ),
        (
            CreditNote,
            "Credit note {n}",
            &["We have raised a credit note for the pallets you returned.", "Amount: {a}"],
        ),
        (
            Statement,
            "Statement of account October",
            &[
                "Your account shows these invoices as open.",
                "Invoice INV-{n}1 {a}\nInvoice INV-{n}2 {a}\nInvoice INV-{n}3 {a}",
            ],
        ),
        (
            Remittance,
            "Remittance advice",
            &["We have today paid the amount below by bank transfer.", "Amount: {a}"],
        ),
        (
            PaymentRequest,
            "Reminder: amount overdue",
            &["According to our records {a} is still outstanding.", "Please arrange payment by {d}."],
        ),
        (
            BankDetailsChange,
            "Change of bank details",
            &["Our bank details have changed with effect from {d}.", "Please update your records."],
        ),
        (
            Quote,
            "Quotation Q-{n}",
            &[
                "Thank you for your enquiry. We are pleased to quote {a} for the goods.",
                "The offer stands until {d}.",
            ],
        ),
        (
            PurchaseOrder,
            "Purchase order {n}",
            &["Please supply the goods listed below against this order.", "Delivery by {d}."],
        ),
        (Receipt, "Payment received", &["Thank you for your payment of {a}, which reached us today."]),
        (
            Other,
            "Site meeting on Thursday",
            &["The site meeting has moved to ten o'clock.", "Please bring your boots."],
        ),
        (
            Other,
            "Opening hours over the holidays",
            &["Our warehouse is closed from {d}.", "Deliveries resume in the new year."],
        ),
    ],
};

pub const GERMAN: Words = Words {
    code: "de",
    charset: "iso-8859-1",
    hello: "Sehr geehrte Damen und Herren,",
    bye: "Mit freundlichen Grüßen\nIhre Buchhaltung",
    iban: "IBAN",
    account: "Kontonummer",
    holder: "Kontoinhaber",
    pay_to: "Zahlbar an",
    footer: "Vorsicht vor Betrug: Unsere Bankverbindung hat sich nicht geändert. Diese Nachricht ist vertraulich und nur für den Empfänger bestimmt.",
    texts: &[
        (
            Invoice,
            "Rechnung {n}",
            &[
                "anbei erhalten Sie unsere Rechnung {n} über {a} für die Arbeiten im Oktober.",
                "Sie ist fällig am {d}.",
            ],
        ),
        (
            Invoice,
            "Ihre Rechnung Nr. {n}",
            &["vielen Dank für Ihren Auftrag.", "Rechnungsnummer: {n}\nGesamtbetrag: {a}\nZahlbar bis {d}"],
        ),
        (
            CreditNote,
            "Gutschrift {n}",
            &["für die zurückgegebenen Paletten schreiben wir Ihnen {a} gut.", "Die Gutschrift liegt bei."],
        ),
        (
            Statement,
            "Kontoauszug Oktober",
            &[
                "folgende Posten sind auf Ihrem Kundenkonto offen.",
                "Rechnung RE-{n}1 {a}\nRechnung RE-{n}2 {a}\nRechnung RE-{n}3 {a}",
            ],
        ),
        (Remittance, "Zahlungsavis", &["wir haben heute den folgenden Betrag überwiesen.", "Betrag: {a}"]),
        (
            PaymentRequest,
            "Zahlungserinnerung",
            &[
                "nach unseren Unterlagen ist der Betrag von {a} noch offen.",
                "Wir bitten um Überweisung bis {d}.",
            ],
        ),
        (
            BankDetailsChange,
            "Neue Bankverbindung",
            &["unsere Bankverbindung hat sich zum {d} geändert.", "Bitte passen Sie Ihre Stammdaten an."],
        ),
        (
            Quote,
            "Angebot {n}",
            &[
                "vielen Dank für Ihre Anfrage. Gern bieten wir Ihnen die Ware für {a} an.",
                "Unser Angebot gilt bis {d}.",
            ],
        ),
        (
            PurchaseOrder,
            "Bestellung {n}",
            &["hiermit bestellen wir die unten genannten Waren.", "Lieferung bis {d}."],
        ),
        (
            Receipt,
            "Zahlungseingang",
            &["vielen Dank für Ihre Zahlung über {a}, die heute bei uns eingegangen ist."],
        ),
        (
            Other,
            "Baubesprechung am Donnerstag",
            &["die Besprechung beginnt erst um zehn Uhr.", "Bitte bringen Sie feste Schuhe mit."],
        ),
        (
            Other,
            "Betriebsferien",
            &["unser Lager ist ab {d} geschlossen.", "Im neuen Jahr liefern wir wieder."],
        ),
    ],
};

pub const FRENCH: Words = Words {
    code: "fr",
    charset: "iso-8859-15",
    hello: "Madame, Monsieur,",
    bye: "Cordialement,\nLe service comptable",
    iban: "IBAN",
    account: "N° de compte",
    holder: "Titulaire du compte",
    pay_to: "À régler à",
    footer: "Attention à la fraude : nos coordonnées bancaires n'ont pas changé. Ce message est confidentiel et réservé à son destinataire.",
    texts: &[
        (
            Invoice,
            "Facture n° {n}",
            &[
                "Veuillez trouver ci-joint notre facture {n} d'un montant de {a} pour les travaux d'octobre.",
                "Échéance : {d}.",
            ],
        ),
        (
            Invoice,
            "Votre facture {n}",
            &[
                "Nous vous remercions de votre confiance.",
                "Numéro de facture : {n}\nTotal TTC : {a}\nÉchéance : {d}",
            ],
        ),
        (CreditNote, "Avoir n° {n}", &["Suite au retour des palettes, nous vous adressons un avoir de {a}."]),
        (
            Statement,
            "Relevé de compte d'octobre",
            &[
                "Les pièces suivantes figurent sur votre compte.",
                "Facture FA-{n}1 {a}\nFacture FA-{n}2 {a}\nFacture FA-{n}3 {a}",
            ],
        ),
        (
            Remittance,
            "Avis de virement",
            &["Nous avons procédé ce jour au virement ci-dessous.", "Montant : {a}"],
        ),
        (
            PaymentRequest,
            "Rappel de paiement",
            &["Sauf erreur de notre part, la somme de {a} reste due.", "Merci de régler avant le {d}."],
        ),
        (
            BankDetailsChange,
            "Changement de coordonnées bancaires",
            &[
                "Nos coordonnées bancaires ont changé à compter du {d}.",
                "Merci de mettre à jour vos fichiers.",
            ],
        ),
        (
            Quote,
            "Devis n° {n}",
            &[
                "Suite à votre demande, voici notre devis pour un montant de {a}.",
                "Il est valable jusqu'au {d}.",
            ],
        ),
        (
            PurchaseOrder,
            "Bon de commande {n}",
            &["Nous vous commandons les articles ci-dessous.", "Livraison avant le {d}."],
        ),
        (Receipt, "Paiement reçu", &["Nous avons bien reçu votre paiement de {a} et vous en remercions."]),
        (
            Other,
            "Réunion de chantier jeudi",
            &["La réunion est repoussée à dix heures.", "Pensez à vos chaussures de sécurité."],
        ),
        (
            Other,
            "Horaires pendant les fêtes",
            &["Notre dépôt sera fermé à partir du {d}.", "Les livraisons reprendront en janvier."],
        ),
    ],
};

pub const SPANISH: Words = Words {
    code: "es",
    charset: "iso-8859-1",
    hello: "Estimados señores:",
    bye: "Un cordial saludo,\nDepartamento de contabilidad",
    iban: "IBAN",
    account: "Número de cuenta",
    holder: "Titular de la cuenta",
    pay_to: "Pagar a",
    footer: "Cuidado con el fraude: nuestros datos bancarios no han cambiado. Este mensaje es confidencial y va dirigido a su destinatario.",
    texts: &[
        (
            Invoice,
            "Factura {n}",
            &[
                "Adjuntamos nuestra factura {n} por importe de {a} por los trabajos de octubre.",
                "Vencimiento: {d}.",
            ],
        ),
        (
            Invoice,
            "Su factura nº {n}",
            &["Gracias por su confianza.", "Número de factura: {n}\nTotal a pagar: {a}\nVencimiento: {d}"],
        ),
        (CreditNote, "Nota de abono {n}", &["Por los palés devueltos les abonamos {a}."]),
        (
            Statement,
            "Estado de cuenta de octubre",
            &[
                "En su cuenta figuran estas partidas.",
                "Factura F-{n}1 {a}\nFactura F-{n}2 {a}\nFactura F-{n}3 {a}",
            ],
        ),
        (
            Remittance,
            "Aviso de pago",
            &["Hemos realizado hoy la transferencia que se indica.", "Importe: {a}"],
        ),
        (
            PaymentRequest,
            "Recordatorio de pago",
            &[
                "Según nuestros registros queda pendiente un importe de {a}.",
                "Les rogamos el pago antes del {d}.",
            ],
        ),
        (
            BankDetailsChange,
            "Cambio de cuenta bancaria",
            &[
                "Nuestros datos bancarios han cambiado a partir del {d}.",
                "Por favor, actualicen sus registros.",
            ],
        ),
        (
            Quote,
            "Presupuesto {n}",
            &[
                "Gracias por su consulta. Les ofrecemos la mercancía por {a}.",
                "Nuestro presupuesto vale hasta el {d}.",
            ],
        ),
        (
            PurchaseOrder,
            "Orden de compra {n}",
            &["Les pedimos los artículos siguientes.", "Entrega antes del {d}."],
        ),
        (Receipt, "Pago recibido", &["Hemos recibido su pago de {a}. Muchas gracias."]),
        (
            Other,
            "Reunión de obra el jueves",
            &["La reunión se retrasa a las diez.", "Traigan calzado de seguridad."],
        ),
        (
            Other,
            "Horario de Navidad",
            &["Nuestro almacén cierra desde el {d}.", "Volvemos a servir en enero."],
        ),
    ],
};

pub const DUTCH: Words = Words {
    code: "nl",
    charset: "iso-8859-1",
    hello: "Geachte heer, mevrouw,",
    bye: "Met vriendelijke groet,\nDe administratie",
    iban: "IBAN",
    account: "Rekeningnummer",
    holder: "Ten name van",
    pay_to: "Te betalen aan",
    footer: "Pas op voor fraude: onze bankgegevens zijn niet gewijzigd. Dit bericht is vertrouwelijk en alleen bestemd voor de geadresseerde.",
    texts: &[
        (
            Invoice,
            "Factuur {n}",
            &["Bijgaand onze factuur {n} van {a} voor het werk in oktober.", "Vervaldatum: {d}."],
        ),
        (
            Invoice,
            "Uw factuur {n}",
            &["Dank voor uw opdracht.", "Factuurnummer: {n}\nTotaalbedrag: {a}\nVervaldatum: {d}"],
        ),
        (CreditNote, "Creditnota {n}", &["Voor de teruggestuurde pallets crediteren wij {a}."]),
        (
            Statement,
            "Openstaande posten oktober",
            &[
                "Op uw debiteurenrekening staat het volgende open.",
                "Factuur F-{n}1 {a}\nFactuur F-{n}2 {a}\nFactuur F-{n}3 {a}",
            ],
        ),
        (
            Remittance,
            "Betalingsspecificatie",
            &["Wij hebben vandaag het onderstaande bedrag overgemaakt.", "Bedrag: {a}"],
        ),
        (
            PaymentRequest,
            "Betalingsherinnering",
            &["Volgens onze gegevens staat {a} nog open.", "Graag betalen voor {d}."],
        ),
        (
            BankDetailsChange,
            "Wijziging bankgegevens",
            &["Onze bankgegevens zijn per {d} gewijzigd.", "Wilt u uw administratie aanpassen?"],
        ),
        (
            Quote,
            "Offerte {n}",
            &["Dank voor uw aanvraag. Wij bieden de goederen aan voor {a}.", "De offerte is geldig tot {d}."],
        ),
        (
            PurchaseOrder,
            "Inkooporder {n}",
            &["Hierbij bestellen wij de onderstaande goederen.", "Levering voor {d}."],
        ),
        (Receipt, "Betaling ontvangen", &["Bedankt voor uw betaling van {a}, die vandaag is bijgeschreven."]),
        (
            Other,
            "Bouwvergadering donderdag",
            &["De vergadering begint om tien uur.", "Neem veiligheidsschoenen mee."],
        ),
        (Other, "Openingstijden", &["Ons magazijn is gesloten vanaf {d}.", "In januari leveren wij weer."]),
    ],
};

pub const ITALIAN: Words = Words {
    code: "it",
    charset: "windows-1252",
    hello: "Spettabile ditta,",
    bye: "Cordiali saluti,\nUfficio contabilità",
    iban: "Codice IBAN",
    account: "Conto corrente",
    holder: "Intestatario",
    pay_to: "Da pagare a",
    footer: "Attenzione alle frodi: le nostre coordinate bancarie non sono cambiate. Le informazioni di questo messaggio sono riservate al destinatario.",
    texts: &[
        (
            Invoice,
            "Fattura {n}",
            &["In allegato la nostra fattura {n} di {a} per i lavori di ottobre.", "Scadenza: {d}."],
        ),
        (
            Invoice,
            "La vostra fattura n. {n}",
            &["Grazie per la fiducia.", "Numero fattura: {n}\nTotale da pagare: {a}\nScadenza: {d}"],
        ),
        (CreditNote, "Nota di credito {n}", &["Per i bancali restituiti vi accreditiamo {a}."]),
        (
            Statement,
            "Estratto conto di ottobre",
            &[
                "Sul vostro conto risultano le seguenti partite.",
                "Fattura F-{n}1 {a}\nFattura F-{n}2 {a}\nFattura F-{n}3 {a}",
            ],
        ),
        (
            Remittance,
            "Avviso di pagamento",
            &["Abbiamo disposto oggi il bonifico indicato sotto.", "Importo: {a}"],
        ),
        (
            PaymentRequest,
            "Sollecito di pagamento",
            &[
                "Dai nostri registri risulta ancora dovuto l'importo di {a}.",
                "Vi preghiamo di provvedere entro il {d}.",
            ],
        ),
        (
            BankDetailsChange,
            "Variazione coordinate bancarie",
            &[
                "Le nostre coordinate bancarie sono cambiate dal {d}.",
                "Vi preghiamo di aggiornare la vostra anagrafica.",
            ],
        ),
        (
            Quote,
            "Preventivo {n}",
            &["Grazie per la richiesta. Possiamo fornire la merce a {a}.", "Il preventivo vale fino al {d}."],
        ),
        (
            PurchaseOrder,
            "Ordine di acquisto {n}",
            &["Vi ordiniamo gli articoli seguenti.", "Consegna entro il {d}."],
        ),
        (Receipt, "Pagamento ricevuto", &["Abbiamo ricevuto il vostro pagamento di {a}. Grazie."]),
        (
            Other,
            "Riunione di cantiere giovedì",
            &["La riunione è spostata alle dieci.", "Portate le scarpe antinfortunistiche."],
        ),
        (
            Other,
            "Orari durante le feste",
            &["Il nostro magazzino chiude dal {d}.", "Le consegne riprendono a gennaio."],
        ),
    ],
};

pub const PORTUGUESE: Words = Words {
    code: "pt",
    charset: "iso-8859-1",
    hello: "Exmos. Senhores,",
    bye: "Com os melhores cumprimentos,\nContabilidade",
    iban: "IBAN",
    account: "Número da conta",
    holder: "Titular da conta",
    pay_to: "A pagar a",
    footer: "Cuidado com a fraude: os nossos dados bancários não foram alterados. Esta mensagem é confidencial e destina-se ao destinatário.",
    texts: &[
        (
            Invoice,
            "Fatura {n}",
            &[
                "Segue em anexo a nossa fatura {n} no valor de {a} pelos trabalhos de outubro.",
                "Vencimento: {d}.",
            ],
        ),
        (
            Invoice,
            "A sua fatura nº {n}",
            &["Obrigado pela preferência.", "Número da fatura: {n}\nTotal a pagar: {a}\nVencimento: {d}"],
        ),
        (CreditNote, "Nota de crédito {n}", &["Pelas paletes devolvidas creditamos {a}."]),
        (
            Statement,
            "Extrato de conta de outubro",
            &[
                "Na sua conta constam os seguintes movimentos.",
                "Fatura FT-{n}1 {a}\nFatura FT-{n}2 {a}\nFatura FT-{n}3 {a}",
            ],
        ),
        (
            Remittance,
            "Aviso de pagamento",
            &["Efetuámos hoje a transferência abaixo indicada.", "Montante: {a}"],
        ),
        (
            PaymentRequest,
            "Lembrete de pagamento",
            &[
                "De acordo com os nossos registos está em falta o valor de {a}.",
                "Agradecemos o pagamento até {d}.",
            ],
        ),
        (
            BankDetailsChange,
            "Alteração de dados bancários",
            &[
                "Os nossos dados bancários mudaram a partir de {d}.",
                "Por favor atualizem a vossa ficha de fornecedor.",
            ],
        ),
        (
            Quote,
            "Orçamento {n}",
            &[
                "Obrigado pelo contacto. Podemos fornecer o material por {a}.",
                "O orçamento é válido até {d}.",
            ],
        ),
        (PurchaseOrder, "Ordem de compra {n}", &["Encomendamos os artigos seguintes.", "Entrega até {d}."]),
        (Receipt, "Pagamento recebido", &["Recebemos o seu pagamento de {a}. Obrigado."]),
        (
            Other,
            "Reunião de obra na quinta-feira",
            &["A reunião passa para as dez horas.", "Tragam botas de segurança."],
        ),
        (
            Other,
            "Horário de Natal",
            &["O nosso armazém fecha a partir de {d}.", "As entregas recomeçam em janeiro."],
        ),
    ],
};

pub const POLISH: Words = Words {
    code: "pl",
    charset: "iso-8859-2",
    hello: "Szanowni Państwo,",
    bye: "Z poważaniem,\nDział księgowości",
    iban: "IBAN",
    account: "Nr rachunku",
    holder: "Odbiorca",
    pay_to: "Płatne na rzecz",
    footer: "Uwaga na oszustwa: nasz numer konta nie uległ zmianie. Ta wiadomość jest poufna i przeznaczona dla adresata.",
    texts: &[
        (
            Invoice,
            "Faktura {n}",
            &[
                "w załączeniu przesyłamy fakturę {n} na kwotę {a} za prace w październiku.",
                "Termin płatności: {d}.",
            ],
        ),
        (
            Invoice,
            "Państwa faktura nr {n}",
            &["dziękujemy za zlecenie.", "Numer faktury: {n}\nRazem do zapłaty: {a}\nTermin płatności: {d}"],
        ),
        (CreditNote, "Faktura korygująca {n}", &["za zwrócone palety korygujemy kwotę {a}."]),
        (
            Statement,
            "Zestawienie sald za październik",
            &[
                "na Państwa koncie figurują następujące pozycje.",
                "Faktura FV/{n}1 {a}\nFaktura FV/{n}2 {a}\nFaktura FV/{n}3 {a}",
            ],
        ),
        (Remittance, "Potwierdzenie przelewu", &["dziś zleciliśmy przelew poniższej kwoty.", "Kwota: {a}"]),
        (
            PaymentRequest,
            "Przypomnienie o płatności",
            &["według naszych danych kwota {a} pozostaje nieopłacona.", "Prosimy o zapłatę do {d}."],
        ),
        (
            BankDetailsChange,
            "Zmiana numeru konta",
            &["nasz numer konta uległ zmianie od dnia {d}.", "Prosimy o aktualizację danych."],
        ),
        (
            Quote,
            "Oferta {n}",
            &["dziękujemy za zapytanie. Nasza oferta cenowa na towar wynosi {a}.", "Jest ważna do {d}."],
        ),
        (PurchaseOrder, "Zamówienie {n}", &["zamawiamy poniższe towary.", "Dostawa do {d}."]),
        (Receipt, "Potwierdzenie wpłaty", &["dziękujemy za wpłatę {a}, którą dziś otrzymaliśmy."]),
        (
            Other,
            "Narada na budowie w czwartek",
            &["narada zaczyna się o dziesiątej.", "Proszę zabrać obuwie ochronne."],
        ),
        (Other, "Godziny pracy w święta", &["nasz magazyn jest nieczynny od {d}.", "Wracamy w styczniu."]),
    ],
};

pub const LANGUAGES: &[&Words] =
    &[&ENGLISH, &GERMAN, &FRENCH, &SPANISH, &DUTCH, &ITALIAN, &PORTUGUESE, &POLISH];
