//! The table of 20,000 bookings, on every `make test`; `make faults` plays a million.

use faults::{Odds, play, simulate};

#[test]
fn every_promise_is_kept_over_twenty_thousand_bookings() {
    let table = simulate(20_000, 7, &Odds::default(), 2);
    println!("{table:#?}");
    assert!(table.holds(), "{table:#?}");
    // Enough faults happened; else the table would prove nothing.
    assert!(table.killed > 500 && table.unknown > 50 && table.twice > 100, "{table:#?}");
    assert!(table.events > 30_000, "{table:#?}");
    assert!(table.due > 60_000 && table.once + table.twice + table.unknown == table.due, "{table:#?}");
}

#[test]
fn a_seed_makes_the_same_world_on_any_number_of_threads() {
    let odds = Odds::default();
    assert_eq!(simulate(300, 3, &odds, 1), simulate(300, 3, &odds, 2));
    assert_eq!(play(42, 3, &odds), play(42, 3, &odds));
    assert_ne!(simulate(300, 3, &odds, 2), simulate(300, 4, &odds, 2));
}
