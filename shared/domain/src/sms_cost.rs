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

impl SmsCost {
    /// Returns the cost of a number of segments.
    pub fn new(segments: u32, segment_price: Option<&Price>) -> Self {
        let price = segment_price.map(|price| Price {
            micros: price.micros.saturating_mul(u64::from(segments)),
            currency: price.currency.clone(),
        });
        Self { segments, price }
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
}

impl<'a> FromIterator<&'a SmsCost> for SmsTotal {
    fn from_iter<I: IntoIterator<Item = &'a SmsCost>>(costs: I) -> Self {
        let mut total = Self::default();
        for SmsCost { segments, price } in costs {
            total.messages += 1;
            total.segments = total.segments.saturating_add(*segments);
            if let Some(Price { micros, currency }) = price {
                let sum = total.micros.entry(currency.clone()).or_default();
                *sum = sum.saturating_add(*micros);
            }
        }
        total
    }
}

impl fmt::Display for SmsTotal {
    /// Writes it for people, such as `4 sent, 9 segments, 0.405 EUR`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sent, ", self.messages)?;
        write_segments(f, self.segments)?;
        for (currency, micros) in &self.micros {
            let price = Price { micros: *micros, currency: currency.clone() };
            write!(f, ", {}", price.times(1))?;
        }
        Ok(())
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
        assert_eq!(costs.iter().collect::<SmsTotal>().to_string(), "3 sent, 6 segments, 0.18 EUR");
        assert_eq!(SmsTotal::default().to_string(), "0 sent, 0 segments");
    }

    #[test]
    fn a_stored_cost_is_read_again() {
        let cost = SmsCost::new(3, Price::parse("0.045 EUR").as_ref());
        let stored = serde_json::to_string(&cost).expect("JSON");
        assert_eq!(stored, r#"{"segments":3,"price":"0.135 EUR"}"#);
        assert_eq!(serde_json::from_str::<SmsCost>(&stored).expect("a cost"), cost);
    }
}
