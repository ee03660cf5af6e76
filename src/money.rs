//! Money: exact amounts, and what a job is expected to cost by a price list that the user wrote down.
//!
//! Start at [`Pricing::price`]. The provider publishes no prices ("cost depends on model tier, resolution, length,
//! reference media and audio", says its page), so a price that nobody stated is unknown, never zero. No floats: a sum
//! of a million prices is exact.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};

use crate::plan::{Mode, Model, VideoRequest};
use crate::text::clean;

/// Decimal places of an amount.
const PLACES: u32 = 6;

/// Most characters of a text that is no amount, where it is repeated.
const SHOWN: usize = 60;

/// The largest price and the largest amount that can be written: a billion.
const LARGEST: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0);

/// An amount of money, not negative, in millionths of the currency's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Amount(u64);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount of so many millionths.
    pub const fn from_millionths(millionths: u64) -> Self {
        Self(millionths)
    }

    /// How many millionths it is.
    pub const fn millionths(self) -> u64 {
        self.0
    }

    /// Both together; the largest amount there is if that is more.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left of it without `other`; nothing if that is more.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// An amount of so many millionths; the largest amount there is if that is more.
    pub fn at_most(millionths: u128) -> Self {
        Self(u64::try_from(millionths).unwrap_or(u64::MAX))
    }

    /// Reads back what [`fmt::Display`] wrote, however large, and nothing else.
    pub fn recorded(text: &str) -> Option<Self> {
        let (units, places) = text.split_once('.')?;
        let scale = 10_u64.checked_pow(PLACES.checked_sub(u32::try_from(places.len()).ok()?)?)?;
        let rest = places.parse::<u64>().ok()? * scale;
        let units = units.parse::<u64>().ok()?.checked_mul(1_000_000)?;
        let amount = Self(units.checked_add(rest)?);
        (amount.to_string() == text).then_some(amount)
    }

    /// So many times as much; the largest amount there is if that is more.
    #[must_use]
    pub const fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }

    fn rounded_up(price: Decimal) -> Option<Self> {
        let rounded = price.round_dp_with_strategy(PLACES, RoundingStrategy::AwayFromZero);
        let millionths = rounded.checked_mul(Decimal::from(1_000_000_u32))?;
        u64::try_from(millionths).ok().map(Self)
    }
}

/// Why a text is not an amount, a price or a factor: a fragment that ends with what is accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MoneyError(String);

impl FromStr for Amount {
    type Err = MoneyError;

    /// Reads `12`, `12.5`, `0.000001`: digits with at most six decimal places, at most a billion.
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let number = decimal(text)?;
        Ok(Self::rounded_up(number).expect("a billion fits, and there are at most six places"))
    }
}

impl fmt::Display for Amount {
    /// With two decimal places, or as many more as it needs.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (units, rest) = (self.0 / 1_000_000, self.0 % 1_000_000);
        let places = format!("{rest:06}");
        let needed = places.trim_end_matches('0').len().max(2);
        write!(formatter, "{units}.{}", &places[..needed])
    }
}

/// Reads a plain decimal number: digits, with at most six places after a point, at most a billion.
pub fn decimal(text: &str) -> Result<Decimal, MoneyError> {
    let (whole, places) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(places) {
        return Err(MoneyError(format!(
            "`{}` is not an amount: write digits with a point, such as `12` or `0.05`",
            clean(text, SHOWN)
        )));
    }
    if places.len() > PLACES as usize {
        return Err(MoneyError(format!(
            "`{}` has more than {PLACES} decimal places",
            clean(text, SHOWN)
        )));
    }
    match Decimal::from_str_exact(text) {
        Ok(number) if number <= LARGEST => Ok(number),
        _ => Err(MoneyError(format!(
            "`{}` is too large: at most a billion",
            clean(text, SHOWN)
        ))),
    }
}

/// The currency of a price list: three capital letters, as ISO 4217 writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Keeps `text` if it is three capital letters.
    pub fn new(text: &str) -> Option<Self> {
        let letters: [u8; 3] = text.as_bytes().try_into().ok()?;
        letters
            .iter()
            .all(u8::is_ascii_uppercase)
            .then_some(Self(letters))
    }

    /// The letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("capital letters are UTF-8")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// An amount in a currency, as a create request is recorded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cost {
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub currency: Currency,
}

impl fmt::Display for Cost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.amount, self.currency)
    }
}

/// A price list: `pricing:` in a manifest. Every number was checked by [`decimal`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pricing {
    /// What all amounts are in.
    pub currency: Currency,
    /// Price of a second of video.
    pub per_second: BTreeMap<Model, Decimal>,
    /// What the price per second is multiplied by for a video with sound.
    pub audio_factor: Decimal,
    /// What it is multiplied by with reference media.
    pub reference_factor: Decimal,
    /// Added once for each job.
    pub per_job: Decimal,
}

/// What the price of a job hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Priced {
    /// Tier and resolution.
    pub model: Model,
    /// Length of the video; without it there is no price.
    pub seconds: Option<u8>,
    /// `generate_audio`; where it is not set, the page does not say what happens.
    pub audio: Option<bool>,
    /// What it is made from. With `image`, the page does not say whether that is reference media.
    pub mode: Mode,
}

impl Priced {
    /// What the price of `request` hangs on.
    pub fn of(request: &VideoRequest) -> Self {
        Self {
            model: request.model(),
            seconds: request.duration(),
            audio: request.extra().generate_audio,
            mode: request.mode(),
        }
    }
}

impl Pricing {
    /// What a job is expected to cost: seconds × price per second × factors + price per job, rounded up to a
    /// millionth. `None`: unknown, because the model has no price or the length is not stated. Where `generate_audio`
    /// is not set, and for a video from `image`, the dearer of both counts.
    pub fn price(&self, priced: Priced) -> Option<Amount> {
        let per_second = self.per_second.get(&priced.model)?;
        let audio = match priced.audio {
            Some(true) => self.audio_factor,
            Some(false) => Decimal::ONE,
            None => self.audio_factor.max(Decimal::ONE),
        };
        let reference = match priced.mode {
            Mode::Text => Decimal::ONE,
            Mode::Image | Mode::FirstLast => self.reference_factor.max(Decimal::ONE),
            Mode::Reference => self.reference_factor,
        };
        let price = Decimal::from(priced.seconds?)
            .checked_mul(*per_second)?
            .checked_mul(audio)?
            .checked_mul(reference)?
            .checked_add(self.per_job)?;
        Amount::rounded_up(price)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        text.parse().expect("an amount")
    }

    fn pricing() -> Pricing {
        Pricing {
            currency: Currency::new("USD").expect("valid"),
            per_second: BTreeMap::from([(Model::ALL[0], decimal("0.1904").expect("valid"))]),
            audio_factor: decimal("1.5").expect("valid"),
            reference_factor: decimal("1.2").expect("valid"),
            per_job: decimal("0.02").expect("valid"),
        }
    }

    fn priced(audio: Option<bool>, mode: Mode) -> Priced {
        Priced {
            model: Model::ALL[0],
            seconds: Some(7),
            audio,
            mode,
        }
    }

    #[test]
    fn an_amount_is_read_and_shown_without_loss() {
        for (text, shown) in [
            ("0", "0.00"),
            ("12", "12.00"),
            ("12.5", "12.50"),
            ("0.000001", "0.000001"),
            ("1000000000", "1000000000.00"),
        ] {
            assert_eq!(amount(text).to_string(), shown);
            assert_eq!(amount(shown), amount(text));
        }
    }

    #[test]
    fn an_amount_is_read_back_as_it_was_written_and_in_no_other_way() {
        for millionths in [0, 1, 10, 999_999, 1_000_000, 12_340_000, u64::MAX] {
            let amount = Amount::from_millionths(millionths);
            assert_eq!(Amount::recorded(&amount.to_string()), Some(amount));
        }
        for text in [
            "",
            "1",
            "1.",
            "1.5",
            ".50",
            "01.50",
            "1.500",
            "+1.50",
            "1.5000000",
            "-1.00",
            "1e2.00",
            "18446744073709.551616",
            "18446744073710.00",
            "99999999999999999999.00",
        ] {
            assert_eq!(Amount::recorded(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused_with_what_is() {
        for text in [
            "",
            ".",
            "5.",
            ".5",
            "-1",
            "+1",
            "1e3",
            "NaN",
            "inf",
            "1,5",
            "1 000",
            "$5",
            "0x10",
            "1_0",
            "0.0000001",
            "1000000000.000001",
            "99999999999999999999999999999999999999",
        ] {
            let error = text.parse::<Amount>().expect_err("refused").to_string();
            assert!(error.starts_with(&format!("`{text}` ")), "{error}");
        }
    }

    #[test]
    fn sums_stop_at_the_largest_amount_and_at_nothing() {
        let most = Amount::from_millionths(u64::MAX);
        assert_eq!(most.plus(amount("1")), most);
        assert_eq!(amount("1").minus(most), Amount::ZERO);
    }

    #[test]
    fn a_price_is_seconds_times_price_times_factors_plus_fee() {
        let price = |audio, mode| pricing().price(priced(audio, mode)).expect("valid");
        assert_eq!(price(Some(false), Mode::Text), amount("1.3528"));
        assert_eq!(price(Some(true), Mode::Text), amount("2.0192"));
        assert_eq!(price(Some(false), Mode::Reference), amount("1.61936"));
        assert_eq!(price(Some(true), Mode::Reference), amount("2.41904"));
    }

    #[test]
    fn where_sound_is_not_stated_the_dearer_counts() {
        assert_eq!(
            pricing().price(priced(None, Mode::Text)),
            pricing().price(priced(Some(true), Mode::Text))
        );
        let cheaper = Pricing {
            audio_factor: decimal("0.5").expect("valid"),
            ..pricing()
        };
        assert_eq!(
            cheaper.price(priced(None, Mode::Text)),
            cheaper.price(priced(Some(false), Mode::Text))
        );
    }

    #[test]
    fn whether_a_first_picture_is_reference_media_is_not_documented_so_the_dearer_counts() {
        let price = |pricing: &Pricing, mode| pricing.price(priced(Some(false), mode));
        let cheaper = Pricing {
            reference_factor: decimal("0.5").expect("valid"),
            ..pricing()
        };
        for mode in [Mode::Image, Mode::FirstLast] {
            let dearer = price(&pricing(), Mode::Reference);
            assert_eq!(price(&pricing(), mode), dearer);
            assert_eq!(price(&cheaper, mode), price(&cheaper, Mode::Text));
        }
        assert!(price(&cheaper, Mode::Reference) < price(&cheaper, Mode::Text));
    }

    #[test]
    fn a_price_is_rounded_up_so_that_a_sum_of_prices_is_never_too_low() {
        let pricing = Pricing {
            per_second: BTreeMap::from([(Model::ALL[0], decimal("0.000001").expect("valid"))]),
            audio_factor: decimal("1.1").expect("valid"),
            per_job: Decimal::ZERO,
            ..pricing()
        };
        let price = pricing.price(priced(Some(true), Mode::Text));
        assert_eq!(price, Some(amount("0.000008")));
    }

    #[test]
    fn what_has_no_price_is_unknown_and_not_free() {
        let without_length = Priced {
            seconds: None,
            ..priced(None, Mode::Text)
        };
        assert_eq!(pricing().price(without_length), None);
        let without_price = Priced {
            model: Model::ALL[1],
            ..priced(None, Mode::Text)
        };
        assert_eq!(pricing().price(without_price), None);
    }

    #[test]
    fn the_dearest_price_list_there_can_be_has_prices_or_unknowns_and_no_overflow() {
        let dearest = Pricing {
            per_second: BTreeMap::from([(Model::ALL[0], LARGEST)]),
            audio_factor: LARGEST,
            reference_factor: LARGEST,
            per_job: LARGEST,
            ..pricing()
        };
        assert_eq!(dearest.price(priced(Some(true), Mode::Reference)), None);
        let price = dearest.price(priced(Some(false), Mode::Text));
        assert_eq!(price, Some(amount("1000000000").times(8)));
    }

    #[test]
    fn a_currency_is_three_capital_letters() {
        assert_eq!(Currency::new("EUR").expect("valid").as_str(), "EUR");
        for text in ["", "eur", "EURO", "E1R", "€UR"] {
            assert_eq!(Currency::new(text), None);
        }
    }
}
