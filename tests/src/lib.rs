//! What end-to-end tests share: a server that is the real program, users who act through its API, and an auditor who reads
//! its files. It holds no test.

pub mod audit;
pub mod clock;
pub mod damage;
pub mod faults;
pub mod kafka;
pub mod memory;
pub mod nodes;
pub mod server;
pub mod strangers;
pub mod tls;
pub mod users;

pub use audit::Audit;
pub use server::{Failure, Server, program};
pub use users::{Ledger, Reply, User};

/// A folder of a test's own, gone at its end.
///
/// # Panics
/// When there is no room for one.
pub fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("convenio-test-").tempdir().expect("a folder for a test can be made")
}
