//! Owns the human notation of rates, sizes and durations, and the few number conversions whose
//! range is known. Never does I/O.

use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Nanoseconds in a second.
pub const NS_PER_S: u64 = 1_000_000_000;

/// Parses `250us`, `20ms`, `15s`, `2m`, `1h`; a bare number is seconds.
pub fn parse_duration(text: &str) -> Result<Duration> {
    let (number, unit) = split_unit(text)?;
    let seconds = match unit {
        "" | "s" => number,
        "ns" => number / 1e9,
        "us" | "µs" => number / 1e6,
        "ms" => number / 1e3,
        "m" | "min" => number * 60.0,
        "h" => number * 3600.0,
        "d" => number * 86_400.0,
        _ => bail!("unknown time unit {unit:?} in {text:?}; use ns, us, ms, s, m or h"),
    };
    Duration::try_from_secs_f64(seconds).with_context(|| format!("duration {text:?}"))
}

/// Parses `100`, `64k`, `64KiB`, `1M`, `1MiB`, `1GB`: bytes. `k` and `KiB` are 1024, `kB` is 1000.
pub fn parse_bytes(text: &str) -> Result<u64> {
    let (number, unit) = split_unit(text)?;
    let factor = match unit {
        "" | "B" => 1.0,
        "k" | "K" | "KiB" => 1024.0,
        "kB" | "KB" => 1e3,
        "m" | "M" | "MiB" => 1024.0 * 1024.0,
        "MB" => 1e6,
        "g" | "G" | "GiB" => 1024.0 * 1024.0 * 1024.0,
        "GB" => 1e9,
        _ => bail!("unknown size unit {unit:?} in {text:?}; use B, KiB, MiB or GiB"),
    };
    Ok(round_u64(number * factor))
}

/// Parses `5000`, `20k`, `1.25M`: a count per second.
pub fn parse_rate(text: &str) -> Result<f64> {
    let (number, unit) = split_unit(text.trim_end_matches("/s"))?;
    let factor = match unit {
        "" => 1.0,
        "k" | "K" => 1e3,
        "m" | "M" => 1e6,
        _ => bail!("unknown unit {unit:?} in rate {text:?}; use k or M"),
    };
    let rate = number * factor;
    if rate > 0.0 && rate.is_finite() { Ok(rate) } else { bail!("rate {text:?} must be above 0") }
}

fn split_unit(text: &str) -> Result<(f64, &str)> {
    let text = text.trim();
    let digits =
        text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 =
        number.replace('_', "").parse().with_context(|| format!("{text:?} is not a number"))?;
    Ok((number, unit.trim()))
}

/// Nanoseconds as people read them: `812 ns`, `84.1 us`, `2.31 ms`, `1.20 s`.
pub fn show_ns(ns: u64) -> String {
    let ns_f = ns as f64;
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{} us", three_digits(ns_f / 1e3)),
        1_000_000..1_000_000_000 => format!("{} ms", three_digits(ns_f / 1e6)),
        _ => format!("{} s", three_digits(ns_f / 1e9)),
    }
}

/// A count with thousands separated: `1,250,000`.
pub fn show_count(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn three_digits(value: f64) -> String {
    if value < 10.0 {
        format!("{value:.2}")
    } else if value < 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// A duration in whole nanoseconds; 584 years is the end of the scale.
pub fn duration_ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Rounds to the nearest whole number; negative and NaN give 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "float-to-integer casts saturate and NaN becomes 0, which is the documented result"
)]
pub fn round_u64(value: f64) -> u64 {
    value.round() as u64
}

/// A length or index that came from a 64-bit number. The crate runs on 64-bit Linux only.
pub fn to_usize(value: u64) -> usize {
    usize::try_from(value).expect("a 64-bit machine")
}

/// A partition, topic or record index for the wire, where Kafka counts in `i32`.
pub fn to_i32(value: usize) -> i32 {
    i32::try_from(value).expect("counts are limited far below 2^31 when a workload is checked")
}

/// A non-negative wire number as an index; `None` when the broker sent a negative one.
pub fn from_i32(value: i32) -> Option<usize> {
    usize::try_from(value).ok()
}

/// A length as the 32-bit number of a report or a stamp; saturates.
pub fn to_u32(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_sizes_and_rates_are_read_as_people_write_them() {
        assert_eq!(parse_duration("250us").unwrap(), Duration::from_micros(250));
        assert_eq!(parse_duration("1.5m").unwrap(), Duration::from_secs(90));
        assert_eq!(parse_duration("7").unwrap(), Duration::from_secs(7));
        assert_eq!(parse_bytes("64KiB").unwrap(), 65_536);
        assert_eq!(parse_bytes("1MB").unwrap(), 1_000_000);
        assert_eq!(parse_rate("1.25M/s").unwrap(), 1_250_000.0);
        for bad in ["", "ten", "5 parsecs", "-3s"] {
            assert!(parse_duration(bad).is_err(), "{bad:?}");
        }
        assert!(parse_rate("0").is_err());
    }

    #[test]
    fn numbers_are_shown_with_three_digits_and_a_unit() {
        assert_eq!(show_ns(812), "812 ns");
        assert_eq!(show_ns(84_120), "84.1 us");
        assert_eq!(show_ns(2_310_000), "2.31 ms");
        assert_eq!(show_ns(12_000_000_000), "12.0 s");
        assert_eq!(show_count(1_250_000), "1,250,000");
        assert_eq!(show_count(999), "999");
    }
}
