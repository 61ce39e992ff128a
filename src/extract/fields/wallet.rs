//! Names at payment services: a mail address at PayPal, a phone number at Bizum, a `$cashtag`, a PIX key.
//!
//! The word of a service counts only with what it takes directly behind it ("PayPal: name@…", "send by Zelle to …") or
//! with an address directly before it ("to name@… via PayPal"): a mail that says that PayPal is accepted asks for nothing.

use super::method::is_address;
use super::{Finder, View, add_method, method};
use crate::limits::MAX_LINKS;
use crate::model::{MethodKind, PaymentClaims};
use aho_corasick::AhoCorasick;
use std::sync::LazyLock;

/// Octets around the word of a service that are looked at.
const REACH: usize = 80;
/// Words that may stand between the service and the name.
const MAX_BETWEEN: usize = 6;

/// What a service takes for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A mail address.
    Mail,
    /// A phone number.
    Phone,
    /// `@name`
    Tag,
    /// `$name`
    CashTag,
    /// Four to seven digits, given to merchants.
    Short,
    /// A PIX key: CPF, CNPJ, phone number, mail address or UUID (Banco Central do Brasil, Manual do DICT).
    Pix,
}

/// Word, service, forms.
const SERVICES: &[(&str, &str, &[Form])] = &[
    ("paypal", "paypal", &[Form::Mail]),
    ("zelle", "zelle", &[Form::Mail, Form::Phone]),
    ("venmo", "venmo", &[Form::Tag, Form::Mail, Form::Phone]),
    ("cash app", "cashapp", &[Form::CashTag, Form::Phone, Form::Mail]),
    ("cashapp", "cashapp", &[Form::CashTag, Form::Phone, Form::Mail]),
    ("cashtag", "cashapp", &[Form::CashTag]),
    ("apple cash", "applecash", &[Form::Phone, Form::Mail]),
    ("google pay", "googlepay", &[Form::Phone, Form::Mail]),
    ("gpay", "googlepay", &[Form::Phone, Form::Mail]),
    ("phonepe", "phonepe", &[Form::Phone]),
    ("paytm", "paytm", &[Form::Phone]),
    ("interac", "interac", &[Form::Mail, Form::Phone]),
    ("e-transfer", "interac", &[Form::Mail, Form::Phone]),
    ("etransfer", "interac", &[Form::Mail, Form::Phone]),
    ("pix", "pix", &[Form::Pix]),
    ("bizum", "bizum", &[Form::Phone]),
    ("mb way", "mbway", &[Form::Phone]),
    ("mbway", "mbway", &[Form::Phone]),
    ("swish", "swish", &[Form::Phone]),
    ("mobilepay", "mobilepay", &[Form::Phone, Form::Short]),
    ("mobile pay", "mobilepay", &[Form::Phone, Form::Short]),
    ("vipps", "vipps", &[Form::Phone, Form::Short]),
    ("twint", "twint", &[Form::Phone]),
    ("blik", "blik", &[Form::Phone]),
    ("wero", "wero", &[Form::Phone, Form::Mail]),
    ("satispay", "satispay", &[Form::Phone]),
    // Lydia is a first name too.
    ("par lydia", "lydia", &[Form::Phone]),
    ("via lydia", "lydia", &[Form::Phone]),
    ("avec lydia", "lydia", &[Form::Phone]),
    ("paylib", "paylib", &[Form::Phone]),
    ("m-pesa", "mpesa", &[Form::Phone]),
    ("mpesa", "mpesa", &[Form::Phone]),
    ("wise", "wise", &[Form::Tag]),
    ("wisetag", "wise", &[Form::Tag]),
    ("wise account", "wise", &[Form::Tag, Form::Mail]),
    ("wise transfer", "wise", &[Form::Tag, Form::Mail]),
    ("revolut", "revolut", &[Form::Tag, Form::Phone]),
    ("revtag", "revolut", &[Form::Tag]),
    ("monzo", "monzo", &[Form::Tag]),
    ("skrill", "skrill", &[Form::Mail]),
    ("neteller", "neteller", &[Form::Mail]),
    ("payoneer", "payoneer", &[Form::Mail]),
    ("alipay", "alipay", &[Form::Phone, Form::Mail]),
];

/// Words that may stand between a service and the name, in the languages of the lexicons.
const BETWEEN: &[&str] = &[
    "to", "at", "account", "address", "email", "e-mail", "mail", "is", "id", "our", "my", "us", "the", "payment",
    "payments", "transfer", "transfers", "funds", "money", "it", "this", "tag", "handle", "user", "username", "name",
    "number", "no", "phone", "mobile", "payable", "sent", "send", "pay", "please", "only", "friends", "and", "family",
    "business", "using", "use", "on", "with", "for", "instead", "an", "die", "das", "unser", "unsere", "unserem",
    "konto", "adresse", "nummer", "telefonnummer", "handynummer", "lautet", "auf", "à", "l'adresse", "notre", "nos",
    "compte", "numéro", "au", "sur", "est", "a", "al", "nuestra", "nuestro", "cuenta", "correo", "número", "teléfono",
    "es", "en", "op", "naar", "ons", "onze", "rekening", "telefoonnummer", "nostro", "nostra", "conto", "indirizzo",
    "numero", "telefono", "è", "para", "o", "na", "nossa", "nosso", "conta", "telefone", "telemóvel", "celular", "chave",
    "key", "cpf", "cnpj", "aleatória", "aleatoria", "é", "e", "do", "numer", "telefon", "telefonu", "nasz", "konta",
    "adres", "nr", "til", "till", "nummeret",
];

/// Words by which an address stands before its service.
const BY: &[&str] = &[
    "via", "by", "through", "using", "with", "per", "on", "over", "mit", "über", "par", "por", "pelo", "con", "com",
    "tramite", "przez", "poprzez", "op", "met", "door", "en", "a", "na",
];

static TABLE: LazyLock<AhoCorasick> =
    LazyLock::new(|| super::table(SERVICES.iter().map(|(word, _, _)| word)));

/// Finds names at payment services.
pub(super) struct Wallet;

impl Finder for Wallet {
    fn find(&self, view: &View, claims: &mut PaymentClaims) {
        let bytes = view.text.as_bytes();
        let joins = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b >= 0x80);
        for hit in TABLE.find_iter(&view.text).take(MAX_LINKS) {
            let Some((_, service, forms)) = SERVICES.get(hit.pattern().as_usize()) else { continue };
            let before = hit.start().checked_sub(1).and_then(|at| bytes.get(at));
            // "support@paypal.com" and "paypal.me" name no payee here.
            if joins(before) || before == Some(&b'@') || joins(bytes.get(hit.end())) {
                continue;
            }
            let behind = value_in(view.after(hit.end(), REACH));
            let found = forms.iter().find_map(|form| read(*form, behind));
            let found = found.or_else(|| {
                let from = crate::extract::floor(&view.text, hit.start().saturating_sub(REACH));
                let word = word_before(view.text.get(from..hit.start()).unwrap_or_default())?;
                let named = |form: &&Form| matches!(form, Form::Mail | Form::Tag | Form::CashTag);
                forms.iter().filter(named).find_map(|form| read(*form, word))
            });
            if let Some((value, of_merchant)) = found {
                let mut found = method(MethodKind::Wallet, service, value, None, &view.place);
                found.personal = !(of_merchant || *service == "swish" && of_swish_merchant(&found.value));
                add_method(claims, found);
            }
        }
    }
}

/// Numbers that Swish gives to companies begin with 123 and have ten digits.
fn of_swish_merchant(value: &str) -> bool {
    value.len() == 10 && value.starts_with("123")
}

/// The text behind a service without the words that may stand between.
fn value_in(text: &str) -> &str {
    let punctuation = |c: char| c.is_whitespace() || ":;,-><()=\"|'/".contains(c);
    let mut rest = text.trim_start_matches(punctuation);
    for _ in 0..MAX_BETWEEN {
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, ':' | ',' | '(' | ')')).unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or_default().to_lowercase();
        if !BETWEEN.contains(&word.as_str()) {
            break;
        }
        rest = rest.get(end..).unwrap_or_default().trim_start_matches(punctuation);
    }
    rest
}

/// The word before a service, if words such as "via" stand between.
fn word_before(text: &str) -> Option<&str> {
    let text = text.trim_end();
    let (rest, word) = text.rsplit_once(char::is_whitespace)?;
    let rest = BY.contains(&word.to_lowercase().as_str()).then_some(rest.trim_end())?;
    rest.rsplit(char::is_whitespace).next()
}

/// The name at the beginning of a text, and whether only merchants have such a one.
fn read(form: Form, text: &str) -> Option<(String, bool)> {
    let personal = |value: String| (value, false);
    match form {
        Form::Mail => mail(text).map(personal),
        Form::Phone => phone(text).map(personal),
        Form::Tag => tag(text, '@', 30).map(personal),
        Form::CashTag => tag(text, '$', 20).map(personal),
        Form::Short => {
            let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
            (4..=7).contains(&digits.len()).then_some((digits, true))
        }
        Form::Pix => pix(text),
    }
}

fn mail(text: &str) -> Option<String> {
    let end = text.find(|c: char| c.is_whitespace() || matches!(c, ')' | '>' | ',' | ';' | '"' | '('));
    let word = text.get(..end.unwrap_or(text.len()))?.trim_matches(['.', ':', '<', '\'']);
    let dotted = |domain: &str| domain.contains('.') && domain.bytes().any(|b| b.is_ascii_alphabetic());
    let holds = is_address(word) && word.rsplit('@').next().is_some_and(dotted);
    holds.then(|| word.to_ascii_lowercase())
}

fn phone(text: &str) -> Option<String> {
    let begins = text.starts_with(|c: char| c == '+' || c == '(' || c.is_ascii_digit());
    super::phone::number(text).filter(|_| begins)
}

/// A sign, a letter, and letters, digits, `-` and `_`.
fn tag(text: &str, sign: char, longest: usize) -> Option<String> {
    let name = text.strip_prefix(sign)?;
    let length = name.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')).count();
    let name = name.get(..length)?;
    let fits = (2..=longest).contains(&length) && name.starts_with(|c: char| c.is_ascii_alphabetic());
    fits.then(|| format!("{sign}{}", name.to_ascii_lowercase()))
}

/// A company's number is the company's key: its bank checked that.
fn pix(text: &str) -> Option<(String, bool)> {
    if let Some(address) = mail(text) {
        return Some((address, false));
    }
    let end = text.find(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ')')).unwrap_or(text.len());
    let word = text.get(..end)?;
    if is_uuid(word) {
        return Some((word.to_ascii_lowercase(), false));
    }
    let length = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-' | '/' | ' ' | '+' | '(' | ')'));
    let number = text.get(..length.unwrap_or(text.len()))?;
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    (10..=14).contains(&digits.len()).then(|| {
        let company = digits.len() == 14;
        (digits, company)
    })
}

fn is_uuid(word: &str) -> bool {
    let groups: Vec<&str> = word.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PartKind, Place};

    #[test]
    fn names_at_payment_services() {
        for (text, expected) in [
            ("PayPal: John.Doe@example.com", "paypal john.doe@example.com personal"),
            ("Please send by PayPal to pay@example.com.", "paypal pay@example.com personal"),
            ("Send it to pay@example.com via PayPal", "paypal pay@example.com personal"),
            ("PayPal-Konto: pay@example.de", "paypal pay@example.de personal"),
            ("Zelle: +1 (415) 555-0134", "zelle +14155550134 personal"),
            ("Zelle to pay@example.com", "zelle pay@example.com personal"),
            ("Venmo @john-doe", "venmo @john-doe personal"),
            ("Cash App: $JohnDoe", "cashapp $johndoe personal"),
            ("Interac e-Transfer to pay@example.ca", "interac pay@example.ca personal"),
            ("please e-transfer to pay@example.ca", "interac pay@example.ca personal"),
            ("Chave PIX: maria@example.com", "pix maria@example.com personal"),
            ("PIX (CNPJ): 12.345.678/0001-95", "pix 12345678000195"),
            ("Chave Pix CPF: 123.456.789-09", "pix 12345678909 personal"),
            ("pix chave aleatória: 123e4567-e89b-12d3-a456-426614174000", "pix 123e4567-e89b-12d3-a456-426614174000 personal"),
            ("Bizum al 600 123 456", "bizum 600123456 personal"),
            ("par Lydia au 06 12 34 56 78", "lydia 0612345678 personal"),
            ("Lydia Martin, 06 12 34 56 78", ""),
            ("MB WAY: 912 345 678", "mbway 912345678 personal"),
            ("Swish: 070-123 45 67", "swish 0701234567 personal"),
            ("Swish 123 456 78 90", "swish 1234567890"),
            ("MobilePay 12345", "mobilepay 12345"),
            ("TWINT an +41 79 123 45 67", "twint +41791234567 personal"),
            ("BLIK na telefon 600 123 456", "blik 600123456 personal"),
            ("Wise: @johnd42", "wise @johnd42 personal"),
            ("Revtag @johnd", "revolut @johnd personal"),
            ("We accept PayPal and cards.", ""),
            ("Write to support@paypal.com", ""),
            ("Pay with PayPal. Questions: billing@acme.example", ""),
            ("Contact billing@acme.example or pay with PayPal", ""),
            ("It would be wise to mail john@acme.example", ""),
            ("The swish of 12345678", ""),
            ("pix of the site", ""),
            ("PayPal invoice 1234567", ""),
        ] {
            let mut claims = PaymentClaims::default();
            Wallet.find(&View::new(text, Place::of(PartKind::Body, 0)), &mut claims);
            let found = claims.methods.iter().map(|m| {
                format!("{} {}{}", m.provider, m.value, if m.personal { " personal" } else { "" })
            });
            assert_eq!(found.collect::<Vec<_>>().join("; "), expected, "{text}");
        }
    }
}
