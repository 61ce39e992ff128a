use super::*;

/// The rows that the specification's worked examples need, in the form of the published file.
const WEIGHTS: &str = "\
074456 074456 MOD11    0    0    7    6    5    8    9    4    5    6    7    8    9   -1  12
074456 074456 MOD10    0    3    2    4    5    8    9    4    5    6    7    8    9   -1  13
086090 086090 MOD10    0    0    3    7    1    3    7    1    3    7    1    3    7    1   8
089000 089999 MOD10    0    0    0    0    0    0    7    1    3    7    1    3    7    1
102400 107999 MOD11    0    0    0    0    0    0    8    7    6    5    4    3    2    1
110000 119280 DBLAL    0    0    2    1    2    1    2    1    2    1    2    1    2    1   1
134012 134020 MOD11    0    0    0    7    5    9    8    4    6    3    5    2    0    0   4
180002 180002 MOD11    0    0    0    0    0    0    8    7    6    5    4    3    2    1  14
200000 200002 MOD11    0    0    0    0    0    0    0    7    6    5    4    3    2    1   6
200000 200002 DBLAL    2    1    2    1    2    1    2    1    2    1    2    1    2    1   6
309001 309633 MOD11    0    0    3    2    9    8    5    7    6    5    4    3    2    1   2
309001 309633 MOD11    0    0    3    2    9    8    1    7    6    5    4    3    2    1   9
601403 608028 MOD11    0    0    0    0    0    0    8    7    6    5    4    3    2    1
771900 772799 MOD11    0    0    1    2    5    3    6    4    8    7   10    9    3    1   7
820000 826917 MOD11    0    0    0    0    0    0    0    0    7    3    4    9    2    1
820000 826917 DBLAL    2    1    2    1    2    1    2    1    2    1    2    1    2    1   3
826919 827999 MOD11    0    0    0    0    0    0    0    0    7    3    4    9    2    1
826919 827999 DBLAL    2    1    2    1    2    1    2    1    2    1    2    1    2    1   3
870000 872791 MOD11    0    0    1    2    5    3    6    4    8    7   10    9    3    1  10
870000 872791 MOD11    0    0    5   10    9    8    0    7    6    5    4    3    2    1  11
938000 938696 MOD11    7    6    5    4    3    2    7    6    5    4    3    2    0    0   5
938000 938696 DBLAL    2    1    2    1    2    1    2    1    2    1    2    1    2    0   5
";
const SUBSTITUTES: &str = "938600 938611\n938173 938017\n";

#[test]
fn worked_examples_of_the_specification() {
    use CheckDigits::{Failed, None as Unknown, Passed};
    let table = ModulusTable::parse(WEIGHTS, SUBSTITUTES).expect("table");
    for (sort_code, account, expected) in [
        ("089999", "66374958", Passed),
        ("089999", "66374959", Failed),
        ("107999", "88837491", Passed),
        ("107999", "88837493", Failed),
        ("118765", "64371389", Passed),
        ("118765", "64371388", Failed),
        ("134020", "63849203", Passed),
        ("180002", "00000190", Passed),
        ("200000", "55779911", Unknown),
        ("309070", "02355688", Passed),
        ("309070", "12345668", Passed),
        ("309070", "12345677", Passed),
        ("309070", "99345694", Passed),
        ("772798", "99345694", Passed),
        ("820000", "73688637", Passed),
        ("827999", "73988638", Passed),
        ("827101", "28748352", Passed),
        ("871427", "46238510", Passed),
        ("871427", "09123496", Passed),
        ("871427", "99123496", Passed),
        ("872427", "46238510", Passed),
        ("938611", "07806039", Passed),
        ("938600", "42368003", Passed),
        ("938063", "55065200", Passed),
        ("938063", "15764273", Failed),
        ("938063", "15764264", Failed),
        ("938063", "15763217", Failed),
        ("074456", "11104102", Passed),
        ("086090", "06774744", Passed),
        ("601613", "31926819", Passed),
        ("609242", "80033041", Unknown),
        ("123456", "12345678", Unknown),
        ("601613", "3192681", Unknown),
    ] {
        assert_eq!(table.check(sort_code, account), expected, "{sort_code} {account}");
    }
}

#[test]
fn a_broken_table_names_its_line() {
    for (weights, substitutes, named) in [
        ("010004 016715 MOD12 0 0 0 0 0 0 8 7 6 5 4 3 2 1", "", "line 1"),
        ("\n010004 016715 MOD11 0 0", "", "line 2"),
        ("016715 010004 MOD11 0 0 0 0 0 0 8 7 6 5 4 3 2 1", "", "line 1"),
        ("", "938600", "line 1"),
        ("<html>", "", "line 1"),
    ] {
        let error = ModulusTable::parse(weights, substitutes).expect_err("broken");
        assert!(error.contains(named), "{error}");
    }
    assert_eq!(ModulusTable::parse("", "").expect("empty").check("089999", "66374958"), CheckDigits::None);
}
