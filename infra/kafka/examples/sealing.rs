//! What sealing and opening one text costs. A tuning bench: it asserts nothing.
//!
//! `cargo run --release -p convenio-kafka --example sealing`
#![allow(clippy::print_stdout)]

use convenio_kafka::measuring;

fn main() {
    for bytes in [0, 100, 200, 400, 800] {
        let (seal, open) = measuring::sealing(bytes, 200_000);
        println!("{bytes:>4} bytes: sealed in {seal:?}, opened in {open:?}");
    }
}
