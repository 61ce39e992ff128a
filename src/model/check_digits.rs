//! Check digits of numbers that are no accounts: tax and company numbers, which tie a document to a supplier's record
//! and keep their digits from being taken for an account; and the check digits of an IBAN made from a national number.
//!
//! Sources: the member states' rules as VIES publishes them, HMRC, ATO (ABN), ASIC (ACN), ISO 7064, ISO 13616.

/// ISO 3166-1 alpha-2 codes, and XK, which banks use for Kosovo.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV \
    BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK \
    FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT \
    JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO \
    MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY \
    QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO \
    TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// Whether two capitals are the code of a country.
#[must_use]
pub fn is_country(code: &str) -> bool {
    code.len() == 2 && COUNTRIES.split_ascii_whitespace().any(|known| known == code)
}

/// The IBAN of a national account number: its check digits are 98 minus the remainder modulo 97 (ISO 7064). `None` for
/// anything but capitals and digits.
#[must_use]
pub fn with_check_digits(country: &str, bban: &str) -> Option<String> {
    let mut remainder = 0_u32;
    for c in bban.chars().chain(country.chars()).chain("00".chars()) {
        let value = c.to_digit(36).filter(|_| !c.is_ascii_lowercase())?;
        remainder = (remainder * if value > 9 { 100 } else { 10 } + value) % 97;
    }
    Some(format!("{country}{:02}{bban}", 98 - remainder))
}

fn values(digits: &str) -> impl Iterator<Item = u32> + '_ {
    digits.chars().filter_map(|c| c.to_digit(10))
}

fn weighted(digits: &str, weights: &[u32]) -> u32 {
    values(digits).zip(weights).map(|(digit, weight)| digit * weight).sum()
}

fn all_digits(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_digit())
}

fn last(digits: &str) -> u32 {
    values(digits).last().unwrap_or(99)
}

/// Luhn's check digit over all digits.
#[must_use]
pub fn luhn_holds(digits: &str) -> bool {
    let doubled = |n: u32| if n > 4 { n * 2 - 9 } else { n * 2 };
    let reversed = digits.chars().rev().filter_map(|c| c.to_digit(10)).enumerate();
    let sum: u32 = reversed.map(|(at, n)| if at % 2 == 1 { doubled(n) } else { n }).sum();
    !digits.is_empty() && sum.is_multiple_of(10)
}

/// An Australian business number: eleven digits, one less in the first place, weights, modulo 89 (ATO).
#[must_use]
pub fn abn_holds(number: &str) -> bool {
    let sum = weighted(number, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]).checked_sub(10);
    all_digits(number, 11) && sum.is_some_and(|sum| sum.is_multiple_of(89))
}

/// An Australian company number: nine digits, the last checks the others, weights 8 to 1, modulo 10 (ASIC).
#[must_use]
pub fn acn_holds(number: &str) -> bool {
    let sum = weighted(number, &[8, 7, 6, 5, 4, 3, 2, 1]);
    all_digits(number, 9) && (10 - sum % 10) % 10 == last(number)
}

/// Whether a VAT number's own check digits hold; `None` where the country has none that we check, and for forms that
/// some of its numbers lack them in. `number` is without the country's prefix.
#[must_use]
pub fn vat_holds(country: &str, number: &str) -> Option<bool> {
    let digits = |length: usize| all_digits(number, length);
    Some(match country {
        "GB" | "XI" => gb_vat_holds(number),
        "AT" => {
            let plain = number.strip_prefix('U').filter(|plain| all_digits(plain, 8))?;
            let sum: u32 = values(plain)
                .take(7)
                .enumerate()
                .map(|(at, n)| if at % 2 == 1 { n * 2 / 10 + n * 2 % 10 } else { n })
                .sum();
            (10 - (sum + 4) % 10) % 10 == last(plain)
        }
        "BE" => {
            digits(10) && part(number, 0, 8).is_some_and(|head| Some(97 - head % 97) == part(number, 8, 10))
        }
        "CH" => {
            let plain = number.strip_prefix('E').unwrap_or(number).get(..9)?;
            all_digits(plain, 9) && (11 - weighted(plain, &[5, 4, 3, 2, 7, 6, 5, 4]) % 11) % 11 == last(plain)
        }
        "DE" => digits(9) && iso_7064_mod_11_10(number),
        "DK" => digits(8) && weighted(number, &[2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11),
        "FI" => digits(8) && (11 - weighted(number, &[7, 9, 10, 5, 8, 4, 2]) % 11) % 11 == last(number),
        "FR" => {
            let siren = number.get(2..).filter(|siren| all_digits(siren, 9))?;
            let key = part(number, 0, 2);
            let expected = part(siren, 0, 9).map(|siren| (12 + 3 * (siren % 97)) % 97);
            luhn_holds(siren) && (key.is_none() || key == expected)
        }
        "IT" => digits(11) && luhn_holds(number),
        "LU" => digits(8) && part(number, 0, 6).is_some_and(|head| Some(head % 89) == part(number, 6, 8)),
        "NL" => {
            let (head, tail) =
                number.split_once('B').filter(|(head, tail)| all_digits(head, 9) && all_digits(tail, 2))?;
            let eleven = weighted(head, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 == last(head);
            // Sole traders have numbers of another kind since 2020: modulo 97 over all of it.
            let text = format!("NL{head}B{tail}");
            let rest = text
                .chars()
                .filter_map(|c| c.to_digit(36))
                .fold(0, |rest, value| (rest * if value > 9 { 100 } else { 10 } + value) % 97);
            eleven || rest == 1
        }
        "PL" => digits(10) && weighted(number, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == last(number),
        "PT" => {
            let check = 11 - weighted(number, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
            digits(9) && (if check > 9 { 0 } else { check }) == last(number)
        }
        "SE" => digits(12) && number.get(..10).is_some_and(luhn_holds),
        _ => return None,
    })
}

/// The number that the characters `from..to` are.
fn part(number: &str, from: usize, to: usize) -> Option<u64> {
    number.get(from..to).filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()
}

fn iso_7064_mod_11_10(number: &str) -> bool {
    let product = values(number).take(number.len().saturating_sub(1)).fold(10, |product, digit| {
        let sum = (digit + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == last(number)
}

/// HMRC: weights 8 to 2 plus the two last digits are a multiple of 97, or are with 55 added (numbers since 2009).
fn gb_vat_holds(number: &str) -> bool {
    let head = number.get(..9).unwrap_or_default();
    let sum = weighted(head, &[8, 7, 6, 5, 4, 3, 2]);
    let check = head.get(7..9).and_then(|tail| tail.parse::<u32>().ok()).unwrap_or(0);
    matches!(number.len(), 9 | 12)
        && number.bytes().all(|b| b.is_ascii_digit())
        && sum > 0
        && ((sum + check).is_multiple_of(97) || (sum + check + 55).is_multiple_of(97))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tax_numbers() {
        for (country, number, expected) in [
            ("GB", "980780684", Some(true)),
            ("GB", "802311781", Some(false)),
            ("AT", "U13585627", Some(true)),
            ("AT", "U13585626", Some(false)),
            ("BE", "0403019261", Some(true)),
            ("BE", "0403019262", Some(false)),
            ("CH", "E100155212", Some(true)),
            ("DE", "136695976", Some(true)),
            ("DE", "136695978", Some(false)),
            ("DK", "13585628", Some(true)),
            ("DK", "13585627", Some(false)),
            ("FI", "20774740", Some(true)),
            ("FI", "20774741", Some(false)),
            ("FR", "40303265045", Some(true)),
            ("FR", "84323140391", Some(false)),
            ("IT", "00743110157", Some(true)),
            ("IT", "00743110158", Some(false)),
            ("LU", "15027442", Some(true)),
            ("LU", "15027443", Some(false)),
            ("NL", "004495445B01", Some(true)),
            ("NL", "123456789B90", Some(false)),
            ("PL", "8567346215", Some(true)),
            ("PL", "8567346216", Some(false)),
            ("PT", "501964843", Some(true)),
            ("PT", "501964842", Some(false)),
            ("SE", "123456789701", Some(true)),
            ("SE", "123456789101", Some(false)),
            ("US", "123456789", None),
        ] {
            assert_eq!(vat_holds(country, number), expected, "{country} {number}");
        }
    }

    #[test]
    fn australian_numbers() {
        assert!(abn_holds("51824753556") && !abn_holds("51824753557"));
        assert!(acn_holds("004085616") && !acn_holds("004085617"));
    }

    #[test]
    fn check_digits_of_an_iban_are_made() {
        for iban in ["DE89370400440532013000", "ES9121000418450200051332", "FR1420041010050500013M02606"] {
            assert_eq!(with_check_digits(&iban[..2], &iban[4..]).as_deref(), Some(iban));
        }
        assert_eq!(with_check_digits("DE", "12 3"), None);
    }
}
