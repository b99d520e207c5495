//! What it costs to make an event a message, with its text sealed, and to read it from one again. A tuning bench: it asserts nothing.
//!
//! `cargo run --release -p convenio-kafka --example sealing`
#![allow(clippy::print_stdout)]

use convenio_kafka::measuring;

fn main() {
    for bytes in [0, 100, 200, 400, 800] {
        let (made, read) = measuring::sealing(bytes, 400);
        println!("a text of {bytes:>3} bytes: a message in {made:?}, read in {read:?}");
    }
}
