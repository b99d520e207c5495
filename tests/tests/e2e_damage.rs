//! Files of a ledger that a disk has changed, short form: the long one is `cargo run -p convenio-tests --bin damage`. What each
//! fault is, and what may come of it, is said there.

use convenio_tests::{
    damage::{Fault, Outcome, Template},
    folder,
};
use rand::{SeedableRng as _, rngs::StdRng};
use std::{fs, path::Path};

/// Files that are damaged.
const ROUNDS: u64 = 6;
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

#[tokio::test(flavor = "multi_thread")]
async fn files_of_an_earlier_day_are_made_anew() {
    let folder = folder();
    let template = Template::make(folder.path(), false).await.expect("a ledger");
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    for (fault, file) in [
        (Fault::StalePage, "index.db"),
        (Fault::StalePage, "state.db"),
        (Fault::Earlier, "state.db"),
        (Fault::StalePage, "views/board"),
        (Fault::Earlier, "views/access"),
    ] {
        let outcome = template.strike(folder.path(), fault, file, &mut random).await;
        let outcome = outcome.unwrap_or_else(|wrong| panic!("seed {seed}: {wrong:#}"));
        assert_eq!(outcome, Outcome::Same, "{fault:?} of {file}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_counts_in_a_journal_whose_files_are_gone() {
    let folder = folder();
    let template = Template::make(folder.path(), false).await.expect("a ledger");
    let delete = |name: &'static str| move |data: &Path| fs::remove_file(data.join(name)).expect("deleted");
    template.lose_journal(folder.path(), delete("journal.db"), false).await.expect("it halts");
    template.lose_journal(folder.path(), delete("journal.db-wal"), true).await.expect("it halts");
    let empty = |data: &Path| {
        let wal = fs::File::options().write(true).open(data.join("journal.db-wal")).expect("opens");
        wal.set_len(0).expect("emptied");
    };
    template.lose_journal(folder.path(), empty, false).await.expect("it halts");
    template.lose_views(folder.path()).await.expect("they are made anew");
}
