//! What SMS cost: their segments, and the price if the settings name one.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::settings::Price;

/// What one SMS costs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SmsCost {
    /// The number of segments.
    pub segments: u32,
    /// The price of all of them, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}

/// What a provider says that an SMS costs. It knows what it counts and takes; we have only estimated it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct SmsCharge {
    /// The number of segments.
    pub segments: Option<u32>,
    /// The price of all of them.
    pub price: Option<Price>,
}

impl SmsCharge {
    /// Returns the price of an amount in decimal digits, as providers write it: with or without a minus. `None` if it
    /// is none, or is zero: a provider that does not know the price yet may say so.
    pub fn parse_price(amount: &str, currency: &str) -> Option<Price> {
        let amount = amount.trim().trim_start_matches('-');
        // Fractions of a millionth count for nothing.
        let amount = match amount.split_once('.') {
            Some((whole, part)) => format!("{whole}.{}", part.get(..6).unwrap_or(part)),
            None => amount.to_owned(),
        };
        Price::parse(&format!("{amount} {}", currency.trim().to_ascii_uppercase())).filter(|it| it.micros > 0)
    }
}

impl SmsCost {
    /// Returns the cost of a number of segments.
    pub fn new(segments: u32, segment_price: Option<&Price>) -> Self {
        let price = segment_price.map(|price| Price {
            micros: price.micros.saturating_mul(u64::from(segments)),
            currency: price.currency.clone(),
        });
        Self { segments, price }
    }

    /// Returns the cost with what the provider says in place of what was assumed. Other segments than assumed cost as
    /// much each.
    #[must_use]
    pub fn charged(&self, charge: &SmsCharge) -> Self {
        let segments = charge.segments.unwrap_or(self.segments);
        if segments == self.segments {
            return Self { segments, price: charge.price.clone().or_else(|| self.price.clone()) };
        }
        let segment_price = self.price.as_ref().map(|price| Price {
            micros: price.micros / u64::from(self.segments.max(1)),
            currency: price.currency.clone(),
        });
        let estimate = Self::new(segments, segment_price.as_ref());
        Self { segments, price: charge.price.clone().or(estimate.price) }
    }
}

impl fmt::Display for SmsCost {
    /// Writes it for the timeline, such as `3 segments, 0.135 EUR`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_segments(f, self.segments)?;
        match &self.price {
            Some(price) => write!(f, ", {}", price.times(1)),
            None => Ok(()),
        }
    }
}

/// What several SMS cost together.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct SmsTotal {
    /// The number of messages.
    pub messages: usize,
    /// The number of segments.
    pub segments: u32,
    /// Millionths of each currency.
    pub micros: BTreeMap<String, u64>,
    /// The number of segments whose price is not known. They are in no sum.
    pub unpriced: u32,
}

impl<'a> FromIterator<&'a SmsCost> for SmsTotal {
    fn from_iter<I: IntoIterator<Item = &'a SmsCost>>(costs: I) -> Self {
        let mut total = Self::default();
        for SmsCost { segments, price } in costs {
            total.messages += 1;
            total.segments = total.segments.saturating_add(*segments);
            match price {
                Some(Price { micros, currency }) => {
                    let sum = total.micros.entry(currency.clone()).or_default();
                    *sum = sum.saturating_add(*micros);
                }
                None => total.unpriced = total.unpriced.saturating_add(*segments),
            }
        }
        total
    }
}

impl SmsTotal {
    /// Returns the prices by which this is above another total, such as `0.405 EUR`, and the segments of unknown price;
    /// `None` if it is above it in nothing.
    pub fn prices_above(&self, other: &Self) -> Option<String> {
        let sums = self.micros.iter().filter_map(|(currency, micros)| {
            let before = other.micros.get(currency).copied().unwrap_or(0);
            let micros = micros.checked_sub(before).filter(|it| *it > 0)?;
            Some(Price { micros, currency: currency.clone() }.times(1))
        });
        let unpriced = self.unpriced.saturating_sub(other.unpriced);
        let unknown = (unpriced > 0).then(|| format!("{unpriced} segments of unknown price"));
        let parts: Vec<_> = sums.chain(unknown).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

impl fmt::Display for SmsTotal {
    /// Writes it for people, such as `4 sent, 9 segments, 0.405 EUR`; with what is in no sum, if there is any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sent, ", self.messages)?;
        write_segments(f, self.segments)?;
        for (currency, micros) in &self.micros {
            let price = Price { micros: *micros, currency: currency.clone() };
            write!(f, ", {}", price.times(1))?;
        }
        match self.unpriced {
            0 => Ok(()),
            all if all == self.segments => f.write_str(", of unknown price"),
            some => {
                f.write_str(", and ")?;
                write_segments(f, some)?;
                f.write_str(" of unknown price")
            }
        }
    }
}

fn write_segments(f: &mut fmt::Formatter<'_>, segments: u32) -> fmt::Result {
    write!(f, "{segments} {}", if segments == 1 { "segment" } else { "segments" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_the_price_of_its_segments_and_costs_are_summed() {
        let price = Price::parse("0.045 EUR");
        let costs = [SmsCost::new(1, price.as_ref()), SmsCost::new(3, price.as_ref()), SmsCost::new(2, None)];
        let texts: Vec<_> = costs.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["1 segment, 0.045 EUR", "3 segments, 0.135 EUR", "2 segments"]);
        let total = |costs: &[SmsCost]| costs.iter().collect::<SmsTotal>().to_string();
        assert_eq!(total(&costs), "3 sent, 6 segments, 0.18 EUR, and 2 segments of unknown price");
        assert_eq!(total(&costs[..2]), "2 sent, 4 segments, 0.18 EUR");
        assert_eq!(total(&costs[2..]), "1 sent, 2 segments, of unknown price");
        assert_eq!(SmsTotal::default().to_string(), "0 sent, 0 segments");
        let above = |all: &[SmsCost], other: &[SmsCost]| {
            all.iter().collect::<SmsTotal>().prices_above(&other.iter().collect::<SmsTotal>())
        };
        assert_eq!(above(&costs, &costs[..1]).as_deref(), Some("0.135 EUR, 2 segments of unknown price"));
        assert_eq!(above(&costs[..1], &costs), None);
    }

    #[test]
    fn what_a_provider_counts_and_takes_replaces_what_was_assumed() {
        let (assumed, unknown) = (SmsCost::new(2, Price::parse("0.045 EUR").as_ref()), SmsCost::new(2, None));
        let odd = SmsCost { segments: 3, price: Price::parse("0.05 EUR") };
        let charge = |segments, price: Option<&str>| SmsCharge { segments, price: price.and_then(Price::parse) };
        for (cost, charge, expected) in [
            (&assumed, charge(None, None), "2 segments, 0.09 EUR"),
            (&odd, charge(None, None), "3 segments, 0.05 EUR"),
            (&assumed, charge(Some(3), None), "3 segments, 0.135 EUR"),
            (&assumed, charge(Some(1), Some("0.0083 USD")), "1 segment, 0.0083 USD"),
            (&assumed, charge(None, Some("0.005 USD")), "2 segments, 0.005 USD"),
            (&unknown, charge(Some(3), None), "3 segments"),
            (&unknown, charge(None, Some("0.005 USD")), "2 segments, 0.005 USD"),
        ] {
            assert_eq!(cost.charged(&charge).to_string(), expected);
        }
    }

    #[test]
    fn a_price_is_read_as_providers_write_it() {
        for (amount, currency, expected) in [
            ("-0.00750", "USD", Some("0.0075 USD")),
            ("0.005", "usd", Some("0.005 USD")),
            ("12", "EUR", Some("12.00 EUR")),
            ("0.00830000001", "USD", Some("0.0083 USD")),
            ("0", "USD", None),
            ("-0.00", "USD", None),
            ("", "USD", None),
            ("5e-3", "USD", None),
            ("--1", "US", None),
            ("0.005", "", None),
            ("0.0000ă00", "USD", None),
        ] {
            assert_eq!(SmsCharge::parse_price(amount, currency).map(|it| it.times(1)).as_deref(), expected, "{amount}");
        }
    }

    #[test]
    fn a_stored_cost_is_read_again() {
        let cost = SmsCost::new(3, Price::parse("0.045 EUR").as_ref());
        let stored = serde_json::to_string(&cost).expect("JSON");
        assert_eq!(stored, r#"{"segments":3,"price":"0.135 EUR"}"#);
        assert_eq!(serde_json::from_str::<SmsCost>(&stored).expect("a cost"), cost);
    }
}
