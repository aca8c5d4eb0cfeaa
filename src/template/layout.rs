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
pub fn format(time: &Zoned, layout: &str) -> String {
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

/// The time that a text says in a layout; `None` where it does not fit. What the layout leaves open is 0, and a zone is
/// UTC unless an offset or `UTC` says otherwise, as in Go.
pub fn parse(layout: &str, text: &str) -> Option<Zoned> {
    let mut read = Read::default();
    let (mut layout, mut text) = (layout, text);
    while let Some(next) = layout.chars().next() {
        if let Some(element) = ELEMENTS.iter().find(|element| layout.starts_with(**element)) {
            text = read.element(element, text)?;
            layout = &layout[element.len()..];
            // A fraction of the second is read though the layout has none.
            if element.ends_with('5') && !layout.starts_with(['.', ',']) {
                text = text.strip_prefix(['.', ',']).map_or(text, |rest| {
                    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
                    read.fraction(&rest[..digits]);
                    &rest[digits..]
                });
            }
        } else if let Some(digits) = fraction(layout) {
            let rest = text.strip_prefix(['.', ','])?;
            let width = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            read.fraction(&rest[..width]);
            text = &rest[width..];
            layout = &layout[digits + 1..];
        } else {
            text = text.strip_prefix(next)?;
            layout = &layout[next.len_utf8()..];
        }
    }
    text.is_empty().then(|| read.time()).flatten()
}

/// What was read of a time.
#[derive(Debug, Default)]
struct Read {
    year: i16,
    month: i8,
    day: i8,
    hour: i8,
    minute: i8,
    second: i8,
    nanosecond: i32,
    afternoon: Option<bool>,
    offset: i32,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

impl Read {
    /// Reads an element; what is left of the text.
    fn element<'a>(&mut self, element: &str, text: &'a str) -> Option<&'a str> {
        let letters = |short: bool, names: &[&str]| {
            let starts = |name: &&str| {
                text.len() >= name.len()
                    && text.is_char_boundary(name.len())
                    && text[..name.len()].eq_ignore_ascii_case(name)
            };
            names.iter().enumerate().find_map(|(index, name)| {
                let name = if short {
                    name.get(..3).unwrap_or(name)
                } else {
                    name
                };
                starts(&name).then(|| (index, &text[name.len()..]))
            })
        };
        match element {
            "January" | "Jan" => {
                let (index, rest) = letters(element == "Jan", &MONTHS)?;
                self.month = i8::try_from(index + 1).ok()?;
                return Some(rest);
            }
            "Monday" | "Mon" => return letters(element == "Mon", &DAYS).map(|(_, rest)| rest),
            "PM" | "pm" => {
                let half = text.get(..2)?.to_ascii_lowercase();
                self.afternoon = Some(match half.as_str() {
                    "am" => false,
                    "pm" => true,
                    _ => return None,
                });
                return text.get(2..);
            }
            "MST" => {
                let width = text.len() - text.trim_start_matches(|c: char| c.is_ascii_uppercase()).len();
                return (3..=5).contains(&width).then(|| &text[width..]);
            }
            _ => {}
        }
        if element.starts_with(['Z', '-']) {
            return self.zone(element, text);
        }
        let (least, most) = match element {
            "2006" => (4, 4),
            "002" | "__2" => (3, 3),
            "1" | "2" | "3" | "4" | "5" | "_2" => (1, 2),
            _ => (2, 2),
        };
        let text = if element.starts_with('_') {
            text.trim_start_matches(' ')
        } else {
            text
        };
        let width = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if width < least {
            return None;
        }
        let (digits, rest) = text.split_at(width);
        let number: i16 = digits.parse().ok()?;
        let small = i8::try_from(number % 100).ok()?;
        match element {
            "2006" => self.year = number,
            "06" => {
                self.year = if number >= 69 {
                    1900 + number
                } else {
                    2000 + number
                }
            }
            "01" | "1" => self.month = small,
            "02" | "2" | "_2" => self.day = small,
            "15" | "03" | "3" => self.hour = small,
            "04" | "4" => self.minute = small,
            "05" | "5" => self.second = small,
            _ => return None,
        }
        Some(rest)
    }

    fn zone<'a>(&mut self, element: &str, text: &'a str) -> Option<&'a str> {
        if let (true, Some(rest)) = (element.starts_with('Z'), text.strip_prefix('Z')) {
            return Some(rest);
        }
        let sign = match text.chars().next()? {
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        let width = element.len();
        let digits: String = text.get(1..width)?.chars().filter(|c| *c != ':').collect();
        let part = |at: usize| {
            digits
                .get(at..at + 2)
                .map_or(Some(0), |digits| digits.parse::<i32>().ok())
        };
        self.offset = sign * (part(0)? * 3_600 + part(2)? * 60 + part(4)?);
        text.get(width..)
    }

    fn fraction(&mut self, digits: &str) {
        let padded: String = digits.chars().chain(std::iter::repeat('0')).take(9).collect();
        self.nanosecond = padded.parse().unwrap_or(0);
    }

    fn time(&self) -> Option<Zoned> {
        let hour = match self.afternoon {
            Some(_) if self.hour > 12 => return None,
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let date = jiff::civil::Date::new(self.year, self.month.max(1), self.day.max(1)).ok()?;
        let time = jiff::civil::Time::new(hour, self.minute, self.second, self.nanosecond).ok()?;
        let zone = match self.offset {
            0 => jiff::tz::TimeZone::UTC,
            seconds => jiff::tz::TimeZone::fixed(jiff::tz::Offset::from_seconds(seconds).ok()?),
        };
        date.to_datetime(time).to_zoned(zone).ok()
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
