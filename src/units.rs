//! Values that people write in flags, environment and manifest: durations, rates, deadlines, base URLs.
//! Each is parsed once, here, with an error that says what is accepted.

use std::fmt::{self, Write as _};
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

/// What was wrong with a value, as a fragment that ends with what is accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnitError(String);

/// Longest duration that is accepted: a year.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// Reads `500ms`, `90s`, `5m`, `1h30m`: whole numbers, each with a unit, larger units first, above zero, at most a
/// year.
///
/// ```
/// use std::time::Duration;
/// assert_eq!(shotlist::units::parse_duration("1h30m").unwrap(), Duration::from_secs(5400));
/// assert!(shotlist::units::parse_duration("90").is_err());
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let refuse = || {
        UnitError(format!(
            "`{text}` is not a duration: write `500ms`, `90s`, `5m` or `1h30m`"
        ))
    };
    let mut rest = text;
    let mut total = Duration::ZERO;
    let mut last_unit = Duration::MAX;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let amount: u32 = rest[..digits].parse().map_err(|_| refuse())?;
        rest = &rest[digits..];
        let letters = rest.len()
            - rest
                .trim_start_matches(|c: char| c.is_ascii_alphabetic())
                .len();
        let unit = match &rest[..letters] {
            "d" => Duration::from_secs(24 * 3600),
            "h" => Duration::from_secs(3600),
            "m" => Duration::from_secs(60),
            "s" => Duration::from_secs(1),
            "ms" => Duration::from_millis(1),
            _ => return Err(refuse()),
        };
        if unit >= last_unit {
            return Err(refuse());
        }
        last_unit = unit;
        total = unit
            .checked_mul(amount)
            .and_then(|part| total.checked_add(part))
            .ok_or_else(refuse)?;
        rest = &rest[letters..];
    }
    match total {
        Duration::ZERO => Err(UnitError(format!(
            "`{text}` is not a duration above zero: write `500ms`, `90s`, `5m` or `1h30m`"
        ))),
        total if total > LONGEST => Err(UnitError(format!("`{text}` is longer than a year"))),
        total => Ok(total),
    }
}

/// So many bytes in the unit that makes them readable: `512 B`, `640 kB`, `12.4 MB`, `1.2 GB`.
pub fn show_bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => {
            let (tenths, unit) = match bytes {
                0..1_000_000_000 => (bytes / 100_000, "MB"),
                _ => (bytes / 100_000_000, "GB"),
            };
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
    }
}

/// Writes a duration the way [`parse_duration`] reads it.
pub fn show_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    let parts = [(3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
    let mut rest = millis;
    let mut text = String::new();
    for (size, unit) in parts {
        let amount = rest / size;
        rest %= size;
        if amount > 0 {
            let _ = write!(text, "{amount}{unit}");
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

/// How many requests may start in a period; they are spaced evenly, one per [`Rate::interval`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    count: NonZeroU32,
    period: Period,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Period {
    Second,
    Minute,
    Hour,
}

impl Period {
    fn length(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
        })
    }
}

impl Rate {
    /// `count` requests a second.
    pub const fn per_second(count: NonZeroU32) -> Self {
        Self {
            count,
            period: Period::Second,
        }
    }

    /// `count` requests a minute.
    pub const fn per_minute(count: NonZeroU32) -> Self {
        Self {
            count,
            period: Period::Minute,
        }
    }

    /// How many requests may start in a period.
    pub fn count(self) -> NonZeroU32 {
        self.count
    }

    /// The shortest time between two requests.
    pub fn interval(self) -> Duration {
        self.period.length() / self.count.get()
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let refuse = || {
            UnitError(format!(
                "`{text}` is not a rate: write a whole number above 0 with `/s`, `/min` or `/h`, such as `60/min`"
            ))
        };
        let (count, period) = text.split_once('/').ok_or_else(refuse)?;
        let period = match period.trim() {
            "s" => Period::Second,
            "min" => Period::Minute,
            "h" => Period::Hour,
            _ => return Err(refuse()),
        };
        let count: NonZeroU32 = count.trim().parse().map_err(|_| refuse())?;
        if count.get() > 1_000_000 {
            return Err(UnitError(format!(
                "`{text}` is over the highest rate, 1000000 a period"
            )));
        }
        Ok(Self { count, period })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.period {
            Period::Second => "s",
            Period::Minute => "min",
            Period::Hour => "h",
        };
        write!(formatter, "{}/{unit}", self.count)
    }
}

/// When submits end: after a while, or at a time of day (the next one, local time).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    /// That long after the run began.
    After(Duration),
    /// At this hour and minute.
    At(jiff::civil::Time),
}

impl FromStr for Deadline {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let refuse = || {
            UnitError(format!(
                "`{text}` is not a deadline: write a duration such as `8h` or a time of day such as `06:00`"
            ))
        };
        if let Some((hour, minute)) = text.split_once(':') {
            let two_digits = |part: &str| {
                let are_digits = part.len() == 2 && part.bytes().all(|it| it.is_ascii_digit());
                are_digits.then(|| part.parse::<i8>().ok()).flatten()
            };
            let (hour, minute) = two_digits(hour)
                .zip(two_digits(minute))
                .ok_or_else(refuse)?;
            return jiff::civil::Time::new(hour, minute, 0, 0)
                .map(Self::At)
                .map_err(|_| refuse());
        }
        parse_duration(text).map(Self::After).map_err(|_| refuse())
    }
}

impl fmt::Display for Deadline {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(duration) => formatter.write_str(&show_duration(*duration)),
            Self::At(time) => write!(formatter, "{:02}:{:02}", time.hour(), time.minute()),
        }
    }
}

/// The address of the API: scheme, host, port and path prefix, without a trailing `/` or `/v1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(url::Url);

impl BaseUrl {
    /// The full address of `path`, which starts with `/`.
    pub fn join(&self, path: &str) -> String {
        format!("{self}{path}")
    }

    /// Whether the address is this machine's own loopback.
    pub fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        }
    }

    /// Whether requests travel unencrypted.
    pub fn is_plain_http(&self) -> bool {
        self.0.scheme() == "http"
    }
}

impl FromStr for BaseUrl {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let refuse = |why: &str| {
            UnitError(format!(
                "`{}` is not a base URL: {why}, write one like `https://api.example.com`",
                crate::text::clean(&crate::text::without_passwords(text), 200)
            ))
        };
        let trimmed = text.trim().trim_end_matches('/');
        let trimmed = trimmed
            .strip_suffix("/v1")
            .unwrap_or(trimmed)
            .trim_end_matches('/');
        let parsed = url::Url::parse(trimmed).map_err(|_| refuse("it does not parse"))?;
        if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() {
            return Err(refuse("it is not http or https"));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(UnitError("a base URL must not contain a user name or password: the key comes from `SHOTLIST_API_KEY` or `--api-key-file`".to_owned()));
        }
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(refuse("it has a query or fragment"));
        }
        Ok(Self(parsed))
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_whole_numbers_with_units_in_falling_order() {
        for (text, millis) in [
            ("500ms", 500_u64),
            ("90s", 90_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("1s500ms", 1_500),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
            assert_eq!(
                parse_duration(&show_duration(Duration::from_millis(millis))),
                parse_duration(text)
            );
        }
        for text in [
            "",
            "90",
            "s",
            "1.5h",
            "-5s",
            "0s",
            "5m1h",
            "5s5s",
            "5 s",
            "99999999999s",
            "400d",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_rate_is_spaced_evenly_over_its_period() {
        let rate: Rate = "60/min".parse().expect("valid");
        assert_eq!(
            (rate.interval(), rate.to_string().as_str()),
            (Duration::from_secs(1), "60/min")
        );
        for text in ["0/s", "1", "1/day", "1.5/s", "-1/s", "/s", "9999999/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_deadline_is_a_duration_or_a_time_of_day() {
        assert_eq!(
            "06:00".parse(),
            Ok(Deadline::At(jiff::civil::time(6, 0, 0, 0)))
        );
        assert_eq!(
            "8h".parse(),
            Ok(Deadline::After(Duration::from_secs(8 * 3600)))
        );
        for text in [
            "24:00", "6:00", "06:60", "+6:00", "06:-0", "soon", "06:00:00",
        ] {
            assert!(text.parse::<Deadline>().is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_have_the_unit_that_makes_them_readable() {
        let shown = [
            0,
            999,
            1_000,
            640_999,
            1_000_000,
            31_049_999,
            999_999_999,
            12_345_678_901,
        ];
        assert_eq!(
            shown.map(show_bytes),
            [
                "0 B", "999 B", "1 kB", "640 kB", "1.0 MB", "31.0 MB", "999.9 MB", "12.3 GB"
            ]
        );
    }

    #[test]
    fn a_base_url_loses_its_trailing_slash_and_version() {
        for text in [
            "https://api.example.com",
            "https://api.example.com/",
            "https://api.example.com/v1",
            "https://api.example.com/v1/",
        ] {
            assert_eq!(
                text.parse::<BaseUrl>().map(|url| url.join("/v1/x")),
                Ok("https://api.example.com/v1/x".to_owned())
            );
        }
        assert_eq!(
            "http://127.0.0.1:9/proxy/v1"
                .parse::<BaseUrl>()
                .map(|url| url.to_string()),
            Ok("http://127.0.0.1:9/proxy".to_owned())
        );
        for text in [
            "",
            "api.example.com",
            "ftp://x",
            "https://me:secret@x.com",
            "https://x.com?a=b",
        ] {
            assert!(text.parse::<BaseUrl>().is_err(), "{text}");
        }
    }
}
