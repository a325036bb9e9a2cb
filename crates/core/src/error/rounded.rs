use std::{fmt, time::Duration};

/// A duration as people say it: with three digits, in the unit that suits it.
///
/// ```
/// use skybridge_core::Rounded;
/// use std::time::Duration;
///
/// assert_eq!(Rounded(Duration::from_nanos(999_983_245)).to_string(), "1s");
/// assert_eq!(Rounded(Duration::from_micros(31_415)).to_string(), "31.4ms");
/// assert_eq!(Rounded(Duration::from_secs(150)).to_string(), "2min 30s");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rounded(pub Duration);

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if seconds >= 120 {
            return match (seconds / 60, seconds % 60) {
                (minutes, 0) => write!(f, "{minutes}min"),
                (minutes, rest) => write!(f, "{minutes}min {rest}s"),
            };
        }
        let nanos = self.0.as_nanos();
        let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns")];
        // The first in which it is at least one, once it is rounded.
        let fits = |(unit, _): &&(u128, &str)| nanos >= unit - unit / 2_000;
        let (unit, name) = units.iter().find(fits).copied().unwrap_or((1, "ns"));
        let whole = nanos / unit;
        let digits = if whole >= 100 {
            1
        } else if whole >= 10 {
            10
        } else {
            100
        };
        let scaled = (nanos * digits + unit / 2) / unit;
        write!(f, "{}", scaled / digits)?;
        let rest = scaled % digits;
        if rest != 0 {
            let width = if digits == 100 { 2 } else { 1 };
            write!(f, ".{}", format!("{rest:0width$}").trim_end_matches('0'))?;
        }
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_three_digits_and_no_more_units_than_it_needs() {
        let rows = [
            (Duration::ZERO, "0ns"),
            (Duration::from_nanos(7), "7ns"),
            (Duration::from_nanos(1_500), "1.5us"),
            (Duration::from_micros(3_000), "3ms"),
            (Duration::from_micros(3_049), "3.05ms"),
            (Duration::from_micros(999_700), "1s"),
            (Duration::from_millis(700), "700ms"),
            (Duration::from_millis(999), "999ms"),
            (Duration::from_millis(1_250), "1.25s"),
            (Duration::from_millis(12_345), "12.3s"),
            (Duration::from_millis(99_960), "100s"),
            (Duration::from_secs(119), "119s"),
            (Duration::from_secs(120), "2min"),
            (Duration::MAX, "307445734561825860min 15s"),
        ];
        for (duration, said) in rows {
            assert_eq!(Rounded(duration).to_string(), said, "{duration:?}");
        }
    }
}
