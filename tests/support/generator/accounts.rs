//! Accounts with right check digits in every scheme, and the ways in which people write them.

use super::words::Words;
use sentra::model::{account_check, with_check_digits};

/// A small generator of numbers: the same seed gives the same mail.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn digits(&mut self, count: usize) -> String {
        let mut digits: String = (0..count).map(|_| char::from(b'0' + self.below(10) as u8)).collect();
        if digits.starts_with('0') {
            digits.replace_range(..1, "7");
        }
        digits
    }

    fn letters(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'A' + self.below(26) as u8)).collect()
    }
}

/// A scheme, with the country where it needs one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// IBAN of a country, with its BBAN as counts of letters and digits in order.
    Iban(&'static str, &'static [(usize, char)]),
    /// The Polish number without its country.
    Nrb,
    Uk,
    Us,
    Au,
    Nz,
    Ca,
    In,
    /// CLABE.
    Mx,
    /// BIC and number, in a country that has nothing else.
    Bic(&'static str),
}

impl Scheme {
    pub fn name(self) -> &'static str {
        match self {
            Self::Iban(country, _) => country,
            Self::Nrb => "nrb",
            Self::Uk => "uk",
            Self::Us => "us",
            Self::Au => "au",
            Self::Nz => "nz",
            Self::Ca => "ca",
            Self::In => "in",
            Self::Mx => "mx",
            Self::Bic(_) => "bic",
        }
    }
}

/// One account: its parts as they are written, and its canonical form.
#[derive(Clone, Debug)]
pub struct Account {
    pub scheme: Scheme,
    pub parts: Vec<String>,
    pub canonical: String,
}

impl Account {
    pub fn new(scheme: Scheme, dice: &mut Dice) -> Self {
        let parts = match scheme {
            Scheme::Iban(country, bban) => {
                let bban: String = bban
                    .iter()
                    .map(
                        |(count, kind)| if *kind == 'a' { dice.letters(*count) } else { dice.digits(*count) },
                    )
                    .collect();
                vec![with_check_digits(country, &bban).expect("capitals and digits")]
            }
            Scheme::Nrb => {
                let iban = with_check_digits("PL", &dice.digits(24)).expect("digits");
                vec![iban["PL".len()..].to_owned()]
            }
            // Sort codes that are no dates, so that an unlabelled pair is one too.
            Scheme::Uk => vec![
                format!("{}{}", ["40", "60", "77", "83"][dice.below(4) as usize], dice.digits(4)),
                dice.digits(8),
            ],
            Scheme::Us => {
                let mut routing = format!("11{}", dice.digits(6));
                let check = (0..10)
                    .find(|check| account_check::aba_holds(&format!("{routing}{check}")))
                    .expect("a check digit");
                routing.push_str(&check.to_string());
                vec![routing, dice.digits(10)]
            }
            Scheme::Au => vec![format!("06{}", dice.digits(4)), dice.digits(8)],
            Scheme::Nz => {
                let number =
                    (0..200).map(|_| format!("12-3{}-0{}-00", dice.digits(3), dice.digits(6))).find(|text| {
                        account_check::nz(text).is_ok_and(|a| a.check == account_check::CheckDigits::Passed)
                    });
                vec![number.expect("one in eleven holds")]
            }
            Scheme::Ca => vec![format!("0{}", dice.digits(4)), "003".to_owned(), dice.digits(7)],
            Scheme::In => vec![format!("HDFC0{}", dice.digits(6)), dice.digits(14)],
            Scheme::Mx => {
                let number = format!("012{}", dice.digits(14));
                let check = (0..10).find(|check| account_check::clabe_holds(&format!("{number}{check}")));
                vec![format!("{number}{}", check.expect("a check digit"))]
            }
            Scheme::Bic(bank) => vec![bank.to_owned(), dice.digits(12)],
        };
        let canonical = match scheme {
            Scheme::Nrb => format!("PL{}", parts[0]),
            Scheme::Uk | Scheme::Iban(..) | Scheme::Mx => parts.concat(),
            Scheme::Nz => account_check::nz(&parts[0]).expect("nz").account.reveal().to_owned(),
            _ => parts.join("-"),
        };
        Self { scheme, parts, canonical }
    }

    /// The columns of the supplier file, in the order of `super::HEADER`.
    pub fn columns(&self) -> [String; 8] {
        // iban, sort_code, account_number, routing_number, bsb, transit_number|institution_number, ifsc, bic
        let mut cells: [String; 8] = Default::default();
        let (code, number) = match self.scheme {
            Scheme::Iban(..) | Scheme::Nrb => {
                cells[0].clone_from(&self.canonical);
                return cells;
            }
            Scheme::Uk => (Some(1), 1),
            Scheme::Us => (Some(3), 1),
            Scheme::Au => (Some(4), 1),
            Scheme::Nz | Scheme::Mx => (None, 0),
            Scheme::Ca => {
                cells[5] = format!("{}|{}", self.parts[0], self.parts[1]);
                (None, 2)
            }
            Scheme::In => (Some(6), 1),
            Scheme::Bic(_) => (Some(7), 1),
        };
        if let Some(code) = code {
            cells[code].clone_from(&self.parts[0]);
        }
        cells[2].clone_from(&self.parts[number]);
        cells
    }

    /// Labels and values, in one of several ways of writing.
    pub fn fields(&self, words: &Words, form: usize) -> Vec<(String, String)> {
        let own = |text: &str| text.to_owned();
        match self.scheme {
            Scheme::Iban(..) => vec![(own(words.iban), grouped(&self.parts[0], form))],
            Scheme::Nrb => {
                let (head, tail) = self.parts[0].split_at(2);
                let rest = if form.is_multiple_of(2) { chunks(tail, 4, " ") } else { tail.to_owned() };
                let gap = if form.is_multiple_of(2) { " " } else { "" };
                vec![(own(words.account), format!("{head}{gap}{rest}"))]
            }
            Scheme::Uk => {
                let dash = ["-", " ", "", "\u{2013}"][form % 4];
                let label = ["Sort code", "Sort Code", "S/C", "Sort-code"][form % 4];
                let number = ["Account number", "Account No", "A/C", "Acc no."][form % 4];
                vec![(own(label), chunks(&self.parts[0], 2, dash)), (own(number), self.parts[1].clone())]
            }
            Scheme::Us => {
                let label = ["Routing number", "ABA", "ABA routing number", "Routing (ABA)"][form % 4];
                vec![(own(label), self.parts[0].clone()), (own("Account number"), self.parts[1].clone())]
            }
            Scheme::Au => {
                let dash = ["-", " ", "", "-"][form % 4];
                vec![
                    (own("BSB"), chunks(&self.parts[0], 3, dash)),
                    (own("Account number"), self.parts[1].clone()),
                ]
            }
            Scheme::Nz => vec![(own("Account number"), self.parts[0].clone())],
            Scheme::Ca => vec![
                (own("Transit number"), self.parts[0].clone()),
                (own("Institution number"), self.parts[1].clone()),
                (own("Account number"), self.parts[2].clone()),
            ],
            Scheme::In => {
                vec![(own("IFSC"), self.parts[0].clone()), (own("Account number"), self.parts[1].clone())]
            }
            Scheme::Mx => {
                let gap = ["", " "][form % 2];
                let number = &self.parts[0];
                let groups = [&number[..3], &number[3..6], &number[6..17], &number[17..]];
                vec![(own("CLABE"), groups.join(gap))]
            }
            Scheme::Bic(_) => {
                let label = ["SWIFT", "BIC", "SWIFT code", "BIC/SWIFT"][form % 4];
                let number = match form % 3 {
                    0 => self.parts[1].clone(),
                    _ => chunks(&self.parts[1], 4, ["", "-", ""][form % 3]),
                };
                vec![(own(label), self.parts[0].clone()), (own(words.account), number)]
            }
        }
    }
}

fn grouped(iban: &str, form: usize) -> String {
    let separator = [" ", "", "\u{a0}", "-", ".", "\u{2009}", "  "][form % 7];
    chunks(iban, 4, separator)
}

pub fn chunks(text: &str, size: usize, separator: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(size).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(separator)
}
