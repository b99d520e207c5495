//! Quantities added up, one sum for each unit. Nothing is converted from one unit into another.

use crate::values::{Amount, Quantity, Unit};
use serde::{Deserialize, Serialize};

/// Sums by unit, in the order in which the units came. A unit of which nothing is left is not there.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Sums(Vec<Quantity>);

impl Sums {
    /// Adds a quantity; false, and nothing is added, where the sum has more digits than an amount may have.
    #[must_use]
    pub fn add(&mut self, quantity: &Quantity) -> bool {
        match self.0.iter_mut().find(|sum| sum.unit == quantity.unit) {
            Some(sum) => {
                let Some(amount) = sum.amount.plus(quantity.amount) else { return false };
                sum.amount = amount;
            }
            None => self.0.push(quantity.clone()),
        }
        true
    }

    /// Takes a quantity away, down to nothing.
    pub fn take(&mut self, quantity: &Quantity) {
        for sum in self.0.iter_mut().filter(|sum| sum.unit == quantity.unit) {
            sum.amount = sum.amount.minus(quantity.amount).unwrap_or(Amount::ZERO);
        }
        self.0.retain(|sum| sum.amount > Amount::ZERO);
    }

    /// The sum in one unit.
    pub fn of(&self, unit: &Unit) -> Amount {
        self.0.iter().find(|sum| sum.unit == *unit).map_or(Amount::ZERO, |sum| sum.amount)
    }

    /// Every sum.
    pub fn iter(&self) -> impl Iterator<Item = &Quantity> {
        self.0.iter()
    }

    /// Every sum.
    pub fn into_quantities(self) -> Vec<Quantity> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantity(amount: &str, unit: &str) -> Quantity {
        Quantity { amount: amount.parse().expect("an amount"), unit: unit.parse().expect("a unit") }
    }

    #[test]
    fn each_unit_has_a_sum_of_its_own_and_what_is_taken_back_leaves_none() {
        let mut sums = Sums::default();
        for (amount, unit) in [("1.5", "places"), ("2", "PEN"), ("3", "places")] {
            assert!(sums.add(&quantity(amount, unit)));
        }
        assert_eq!(sums.of(&"places".parse().expect("a unit")).to_string(), "4.5");
        sums.take(&quantity("2", "PEN"));
        sums.take(&quantity("9", "visits"));
        assert_eq!(sums.into_quantities(), [quantity("4.5", "places")]);
    }

    #[test]
    fn a_sum_that_is_no_amount_is_not_made() {
        let mut sums = Sums::default();
        assert!(sums.add(&quantity("999999999999999999", "places")));
        assert!(!sums.add(&quantity("1", "places")));
        assert_eq!(sums.into_quantities(), [quantity("999999999999999999", "places")]);
    }
}
