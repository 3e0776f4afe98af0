//! Numbers as people read and write them.

use std::str::FromStr;

/// A number with a comma before every three digits.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let groups =
        digits.as_bytes()[first..].chunks(3).map(|group| String::from_utf8_lossy(group).into_owned());
    let head = (first > 0).then(|| digits[..first].to_string());
    head.into_iter().chain(groups).collect::<Vec<_>>().join(",")
}

/// A number of things with their name: `1 byte`, `2,000 bytes`.
pub fn counted(number: usize, name: &str) -> String {
    format!("{} {name}{}", count(number as u64), if number == 1 { "" } else { "s" })
}

/// A number of bytes, also in KiB.
pub fn bytes(bytes: u64) -> String {
    format!("{} B ({:.1} KiB)", count(bytes), bytes as f64 / 1024.0)
}

/// A time, to the second.
pub fn seconds(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    if whole < 60 { format!("{seconds:.1} s") } else { format!("{} min {:02} s", whole / 60, whole % 60) }
}

/// Bytes in the largest unit that leaves a whole number: `8 KiB`.
pub fn size(bytes: u64) -> String {
    let unit = UNITS.iter().rev().find(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit));
    match unit {
        Some((name, unit)) => format!("{} {name}iB", bytes / unit),
        None => counted(bytes as usize, "byte"),
    }
}

/// Binary units by their first letter.
const UNITS: [(&str, u64); 3] = [("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30)];

/// A number of bytes as typed: `300`, `256K` (also `256KB` or `256 KiB`, 1024 bytes each), `1.5M` or `2G`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteCount(pub u64);

impl FromStr for ByteCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let capitals = text.trim().to_ascii_uppercase();
        let digits = capitals.trim_end_matches(char::is_alphabetic);
        let factor = match &capitals[digits.len()..] {
            "" | "B" => Some(1),
            unit => UNITS.iter().find_map(|&(name, factor)| {
                let rest = unit.strip_prefix(name)?;
                ["", "B", "IB"].contains(&rest).then_some(factor)
            }),
        };
        let bytes = factor.and_then(|factor| Some(digits.trim_end().parse::<f64>().ok()? * factor as f64));
        let whole = bytes.filter(|bytes| (0.0..=1e18).contains(bytes) && bytes.fract() == 0.0);
        let refusal = || "it must be a number of bytes, as 300, 256K, 1.5M or 2G".to_string();
        whole.map(|bytes| ByteCount(bytes as u64)).ok_or_else(refusal)
    }
}

/// A time as typed: `90s`, `10m` or `2h`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seconds(pub f64);

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let units = [('s', 1.0), ('m', 60.0), ('h', 3600.0)];
        let parsed = units.iter().find_map(|&(unit, seconds)| {
            let number: f64 = text.strip_suffix(unit)?.parse().ok()?;
            Some(number * seconds)
        });
        let sensible = parsed.filter(|seconds| (1.0..=1e6).contains(seconds));
        sensible.map(Seconds).ok_or("it must be a time from 1s to 277h, as 90s, 10m or 2h".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!("90s".parse(), Ok(Seconds(90.0)));
        assert_eq!("1.5m".parse(), Ok(Seconds(90.0)));
        assert_eq!("2h".parse(), Ok(Seconds(7200.0)));
        for wrong in ["10", "m", "-1m", "0s", "1e9h", "NaNs"] {
            assert!(wrong.parse::<Seconds>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(count(7), "7");
        assert_eq!(count(123_456), "123,456");
        assert_eq!(count(1_234_567), "1,234,567");
    }

    #[test]
    fn byte_counts_have_binary_units() {
        let all = [
            ("300", 300),
            ("0", 0),
            ("2M", 2 << 20),
            ("256k", 256 << 10),
            ("256KiB", 256 << 10),
            ("256 kb", 256 << 10),
        ];
        for (text, bytes) in all.into_iter().chain([("1.5M", 3 << 19), ("2G", 2 << 30), (" 7 B ", 7)]) {
            assert_eq!(text.parse(), Ok(ByteCount(bytes)), "{text}");
        }
        for wrong in
            ["", "K", "2T", "2KK", "-1", "1e30", "NaN", "infK", "0.1", "99999999999999999999", "2 M x"]
        {
            assert!(wrong.parse::<ByteCount>().is_err(), "{wrong}");
        }
        assert_eq!(
            [size(8192), size(3 << 19), size(1 << 30), size(1000)],
            ["8 KiB", "1536 KiB", "1 GiB", "1,000 bytes"]
        );
    }
}
