//! Files of a ledger that a disk has changed, short form: the long one is `cargo run -p convenio-tests --bin damage`. What each
//! fault is, and what may come of it, is said there.

use convenio_tests::{
    damage::{Outcome, Template},
    folder,
};
use rand::{SeedableRng as _, rngs::StdRng};

/// Files that are damaged.
const ROUNDS: u64 = 8;
/// Not every fault can be done to every file.
const TRIES: u64 = 80;

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_refused_made_anew_or_halts_and_is_never_another() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let folder = folder();
    let template = Template::make(folder.path(), false).await.expect("a ledger");
    let mut looked_at = 0;
    for round in 0..TRIES {
        if looked_at == ROUNDS {
            break;
        }
        let mut random = StdRng::seed_from_u64(seed.wrapping_add(round));
        let looked = template.round(folder.path(), &mut random).await;
        let (outcome, _) = looked.unwrap_or_else(|wrong| panic!("round {round} of seed {seed}: {wrong:#}"));
        looked_at += u64::from(outcome != Outcome::Skipped);
    }
    assert_eq!(looked_at, ROUNDS, "seed {seed}: so few faults could be done");
}
