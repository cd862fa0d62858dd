use proptest::prelude::*;

use super::*;

fn read(line: &str, order: Order) -> Vec<String> {
    dates(line)
        .iter()
        .map(|found| found.value.date(order).to_string())
        .collect()
}

#[test]
fn forms_of_several_countries_are_read() {
    let cases = [
        ("2024-01-15", "2024-01-15"),
        ("2024/1/5", "2024-01-05"),
        ("2024-01-15T10:30:00Z", "2024-01-15"),
        ("2024. 01. 15.", "2024-01-15"),
        ("2024年1月15日", "2024-01-15"),
        ("2024年11月", "2024-11-01"),
        ("15 January 2024", "2024-01-15"),
        ("15th of January, 2024", "2024-01-15"),
        ("15-Jan-2024", "2024-01-15"),
        ("15/Jan/24", "2024-01-15"),
        ("15. Januar 2024", "2024-01-15"),
        ("15. März 2024", "2024-03-15"),
        ("1er février 2024", "2024-02-01"),
        ("15 de enero de 2024", "2024-01-15"),
        ("15 stycznia 2024", "2024-01-15"),
        ("Jan 15, 2024", "2024-01-15"),
        ("Jan. 15 2024", "2024-01-15"),
        ("SEPT. 5TH, 2024", ""),
        ("September 5th, 2024", "2024-09-05"),
        ("01/15/2024", "2024-01-15"),
        ("15/01/2024", "2024-01-15"),
        ("15.01.2024", "2024-01-15"),
        ("5. 1. 2024", "2024-01-05"),
        ("15-01-24", "2024-01-15"),
        ("01/15/99", "1999-01-15"),
        ("Nov 2024", "2024-11-01"),
        ("November, 2024", "2024-11-01"),
        ("novembre 2024", "2024-11-01"),
        ("11/2024", "2024-11-01"),
        ("2024-11", "2024-11-01"),
    ];
    for (line, expected) in cases {
        let expected: Vec<&str> = expected.split_terminator(' ').collect();
        assert_eq!(read(line, Order::DayFirst), expected, "{line}");
    }
}

#[test]
fn order_decides_only_what_is_unsure() {
    assert_eq!(read("02/01/2024", Order::DayFirst), ["2024-01-02"]);
    assert_eq!(read("02/01/2024", Order::MonthFirst), ["2024-02-01"]);
    assert_eq!(read("02.01.2024", Order::MonthFirst), ["2024-01-02"]);
    assert_eq!(read("03/03/2024", Order::MonthFirst), ["2024-03-03"]);
    assert_eq!(read("15/02/2024", Order::MonthFirst), ["2024-02-15"]);
}

#[test]
fn several_dates_of_a_line_are_found_with_their_places() {
    let line = "from 11/01/2024-11/29/2024, then Dec 1, 2024";
    assert_eq!(
        read(line, Order::MonthFirst),
        ["2024-11-01", "2024-11-29", "2024-12-01"]
    );
    let found = dates(line);
    assert_eq!(&line[found[1].start..found[1].end], "11/29/2024");
}

#[test]
fn numbers_that_are_no_dates_are_passed_over() {
    for line in [
        "INV-2024-11",
        "2024-13-01",
        "31/31/2024",
        "30.02.2024",
        "192.168.10.2024",
        "555-010-0140",
        "7/32",
        "1.2.3",
        "May I",
        "in 2024",
        "20240115",
        "version 2024.11",
        "march 5",
        "12/2024/3",
        "March of 100,000",
        "2024-01-155",
    ] {
        assert_eq!(read(line, Order::DayFirst), [""; 0], "{line}");
    }
}

#[test]
fn hostile_lines_are_scanned_in_linear_time() {
    for hostile in [
        "1".repeat(300_000),
        "1/".repeat(300_000),
        "may ".repeat(300_000),
        "2024-".repeat(300_000),
    ] {
        dates(&hostile);
    }
}

proptest! {
    #[test]
    fn written_dates_are_read_back(days in 0_i32..100_000) {
        let date = Date::new(1930, 1, 1).unwrap().saturating_add(jiff::Span::new().days(days));
        prop_assume!(date.year() < 2200);
        for form in ["%Y-%m-%d", "%d.%m.%Y", "%d %B %Y", "%B %d, %Y", "%b %-d, %Y", "%-d. %B %Y"] {
            let written = date.strftime(form).to_string();
            prop_assert_eq!(read(&written, Order::MonthFirst), [date.to_string()], "{}", written);
        }
        prop_assert_eq!(read(&date.strftime("%m/%d/%Y").to_string(), Order::MonthFirst), [date.to_string()]);
        prop_assert_eq!(read(&date.strftime("%d/%m/%Y").to_string(), Order::DayFirst), [date.to_string()]);
    }

    #[test]
    fn any_line_is_scanned(line in "[0-9./, -]{0,30}(jan|maja|märz|年|T|of )?[0-9./, 年月日-]{0,30}") {
        for found in dates(&line) {
            prop_assert!(found.start < found.end && line.get(found.start..found.end).is_some());
        }
    }
}
