//! What can be proven about a log: its Merkle tree, the checkpoints signed over it and the identity
//! that signs them. Knows bytes only; what an entry means is no business of this crate.

pub mod checkpoint;
pub mod compact_range;
mod durable;
pub mod first_start;
pub mod identity;
pub mod leaf;
pub mod note;
pub mod note_key;
pub mod opened;
pub mod proof;
pub mod signed_heads;

pub use checkpoint::{Checkpoint, SignedCheckpoint};
pub use compact_range::{CompactRange, TreeHead};
pub use first_start::{FirstStart, NewIdentity};
pub use identity::Identity;
pub use leaf::{Hash, empty_root, leaf_hash, node_hash};
pub use note::{Note, NoteSignature};
pub use note_key::{KeyId, KeyName, SignerKey, VerifierKey};
pub use opened::OpenedLedger;
