//! Go's layouts for times: an example, the second of January 2006, says how to write any other.

use jiff::Zoned;

/// Elements of a layout, longer ones before their beginnings.
const ELEMENTS: &[&str] = &[
    "January",
    "Jan",
    "Monday",
    "Mon",
    "MST",
    "2006",
    "002",
    "01",
    "02",
    "03",
    "04",
    "05",
    "06",
    "15",
    "PM",
    "pm",
    "-07:00:00",
    "-07:00",
    "-0700",
    "-07",
    "Z07:00",
    "Z0700",
    "Z07",
    "__2",
    "_2",
    "1",
    "2",
    "3",
    "4",
    "5",
];

/// As `time.RFC3339` writes it.
pub fn rfc3339(time: &Zoned) -> String {
    format(time, "2006-01-02T15:04:05Z07:00")
}

/// The time as `layout` says.
pub(super) fn format(time: &Zoned, layout: &str) -> String {
    let mut out = String::new();
    let mut rest = layout;
    while let Some(next) = rest.chars().next() {
        if let Some(digits) = fraction(rest) {
            push_fraction(&mut out, time, &rest[..=digits]);
            rest = &rest[digits + 1..];
        } else if let Some(element) = ELEMENTS.iter().find(|element| rest.starts_with(**element)) {
            out.push_str(&written(time, element));
            rest = &rest[element.len()..];
        } else {
            out.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    out
}

/// How many `0`s or `9`s follow a point or comma, when no other digit does.
fn fraction(rest: &str) -> Option<usize> {
    let digits = rest.strip_prefix(['.', ','])?;
    let digit = digits.chars().next().filter(|digit| matches!(digit, '0' | '9'))?;
    let count = digits.chars().take_while(|next| *next == digit).count();
    let ends = !digits[count..].starts_with(|next: char| next.is_ascii_digit());
    ends.then_some(count)
}

fn push_fraction(out: &mut String, time: &Zoned, element: &str) {
    let all = format!("{:09}", time.subsec_nanosecond());
    let digits = all.get(..(element.len() - 1).min(9)).unwrap_or(&all);
    let shown = if element.ends_with('9') {
        digits.trim_end_matches('0')
    } else {
        digits
    };
    if !shown.is_empty() {
        out.push_str(&element[..1]);
        out.push_str(shown);
    }
}

fn written(time: &Zoned, element: &str) -> String {
    let strftime = |with: &str| time.strftime(with).to_string();
    match element {
        "January" => strftime("%B"),
        "Jan" => strftime("%b"),
        "Monday" => strftime("%A"),
        "Mon" => strftime("%a"),
        "MST" => strftime("%Z"),
        "2006" => format!("{:04}", time.year()),
        "06" => format!("{:02}", time.year().rem_euclid(100)),
        "002" => format!("{:03}", time.day_of_year()),
        "01" => format!("{:02}", time.month()),
        "1" => time.month().to_string(),
        "02" => format!("{:02}", time.day()),
        "_2" => format!("{:2}", time.day()),
        "__2" => format!("{:3}", time.day_of_year()),
        "2" => time.day().to_string(),
        "15" => format!("{:02}", time.hour()),
        "03" => format!("{:02}", twelve(time)),
        "3" => twelve(time).to_string(),
        "04" => format!("{:02}", time.minute()),
        "4" => time.minute().to_string(),
        "05" => format!("{:02}", time.second()),
        "5" => time.second().to_string(),
        "PM" => if time.hour() < 12 { "AM" } else { "PM" }.to_owned(),
        "pm" => if time.hour() < 12 { "am" } else { "pm" }.to_owned(),
        _ => offset(time, element),
    }
}

fn twelve(time: &Zoned) -> i8 {
    match time.hour() % 12 {
        0 => 12,
        hour => hour,
    }
}

fn offset(time: &Zoned, element: &str) -> String {
    let seconds = time.offset().seconds();
    if element.starts_with('Z') && seconds == 0 {
        return "Z".to_owned();
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let (hours, minutes, rest) = (seconds.abs() / 3_600, seconds.abs() / 60 % 60, seconds.abs() % 60);
    match &element[1..] {
        "07" => format!("{sign}{hours:02}"),
        "0700" => format!("{sign}{hours:02}{minutes:02}"),
        "07:00" => format!("{sign}{hours:02}:{minutes:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}:{rest:02}"),
    }
}
