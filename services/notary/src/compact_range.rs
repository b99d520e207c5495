//! The growing edge of the tree: the roots of the complete subtrees that cover all leaves so far,
//! enough to append and to know the root. Does not keep leaves, so it proves nothing by itself.

use std::fmt;

use crate::leaf::{HASH_BYTES, Hash, empty_root, node_hash};

/// Levels a tree can have: its size stays an i64, as every store and wire format here keeps it.
const LEVELS: usize = 63;
const MAX_SIZE: u64 = (1 << LEVELS) - 1;
const SIZE_BYTES: usize = size_of::<u64>();

/// A tree's size and root, all that a checkpoint states; the empty tree has only one root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeHead {
    size: u64,
    root: Hash,
}

/// A size and a root that no tree can have together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TreeHeadError {
    /// Size 0 with a root other than [`empty_root`].
    #[error("a tree of size 0 has the hash of nothing as its root, not {root}")]
    EmptyTreeHasOneRoot {
        /// The root that was given.
        root: Hash,
    },
    /// More leaves than an i64 counts.
    #[error("a tree of {size} leaves is larger than any ledger can be")]
    TooLarge {
        /// The size that was given, in leaves.
        size: u64,
    },
}

/// The edge of an append-only Merkle tree (RFC 6962 section 2.1); cloning it is a copy of 2 KiB.
#[derive(Clone)]
pub struct CompactRange {
    size: u64,
    /// `peaks[l]` is the root of a complete subtree of 2^l leaves iff bit l of `size` is set, and
    /// stale otherwise. An array, not a stack, so that appending never allocates.
    peaks: [Hash; LEVELS],
}

/// A subtree that an append completed: the root of leaves `[index << level, (index + 1) << level)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompleteSubtree {
    /// Height above the leaves; a leaf is level 0.
    pub level: u8,
    /// Position among the subtrees of this level, from 0.
    pub index: u64,
    /// Its root.
    pub root: Hash,
}

/// Why bytes are not a compact range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CompactRangeError {
    /// Fewer bytes than the size takes.
    #[error("a compact range starts with 8 bytes of size")]
    NoSize,
    /// A size beyond what a ledger can hold.
    #[error("a compact range of {size} leaves is larger than any ledger can be")]
    TooLarge {
        /// The size that the bytes claim, in leaves.
        size: u64,
    },
    /// The number of hashes does not follow from the size.
    #[error("a compact range of {size} leaves takes {expected} bytes, not {found}")]
    Length {
        /// The size that the bytes claim, in leaves.
        size: u64,
        /// Bytes that a range of this size takes.
        expected: usize,
        /// Bytes that were given.
        found: usize,
    },
}

impl TreeHead {
    /// States that the tree of the first `size` leaves has this root.
    ///
    /// # Errors
    /// Where no tree can have both.
    pub fn new(size: u64, root: Hash) -> Result<Self, TreeHeadError> {
        if size == 0 && root != empty_root() {
            return Err(TreeHeadError::EmptyTreeHasOneRoot { root });
        }
        if size > MAX_SIZE {
            return Err(TreeHeadError::TooLarge { size });
        }
        Ok(Self { size, root })
    }

    /// The head of the tree without leaves.
    #[must_use]
    pub fn empty() -> Self {
        Self { size: 0, root: empty_root() }
    }

    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Root of the tree.
    #[must_use]
    pub const fn root(&self) -> &Hash {
        &self.root
    }
}

impl CompactRange {
    /// The edge of the tree without leaves.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0, peaks: [Hash::from_bytes([0; HASH_BYTES]); LEVELS] }
    }

    /// Number of leaves appended, which is also the index of the next one.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf hash: one node hash on average, no allocation.
    ///
    /// # Panics
    /// At 2^63 - 1 leaves, which nobody lives to see.
    pub fn append(&mut self, leaf: Hash) {
        self.append_visiting(leaf, |_| {});
    }

    /// Appends a leaf hash and shows every subtree that it completes, the leaf itself first: what a
    /// writer of tiles has to store.
    ///
    /// # Panics
    /// At 2^63 - 1 leaves, which nobody lives to see.
    pub fn append_visiting(&mut self, leaf: Hash, mut completed: impl FnMut(CompleteSubtree)) {
        assert!(self.size < MAX_SIZE, "a tree cannot have 2^63 leaves");
        let mut root = leaf;
        let mut level = 0;
        loop {
            completed(CompleteSubtree { level, index: self.size >> level, root });
            if self.size >> level & 1 == 0 {
                break;
            }
            root = node_hash(&self.peaks[usize::from(level)], &root);
            level += 1;
        }
        self.peaks[usize::from(level)] = root;
        self.size += 1;
    }

    /// Root of the tree over all leaves so far; at most 62 node hashes.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut smallest_first = self.levels().map(|level| &self.peaks[level]);
        let Some(smallest) = smallest_first.next() else {
            return empty_root();
        };
        smallest_first.fold(*smallest, |right, left| node_hash(left, &right))
    }

    /// Size and root together.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.size, root: self.root() }
    }

    /// The state for a snapshot: size as u64 big-endian, then the subtree roots, largest first.
    ///
    /// There is no checksum: whoever loads it compares [`CompactRange::root`] with a head it trusts.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(encoded_length(self.size));
        bytes.extend_from_slice(&self.size.to_be_bytes());
        for level in self.levels().rev() {
            bytes.extend_from_slice(self.peaks[level].as_bytes());
        }
        bytes
    }

    /// Reads what [`CompactRange::to_bytes`] wrote.
    ///
    /// # Errors
    /// Where the length does not follow from the size; damaged hashes are not noticed here.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CompactRangeError> {
        let (size, peaks) = bytes.split_first_chunk().ok_or(CompactRangeError::NoSize)?;
        let size = u64::from_be_bytes(*size);
        if size > MAX_SIZE {
            return Err(CompactRangeError::TooLarge { size });
        }
        let expected = encoded_length(size);
        if bytes.len() != expected {
            return Err(CompactRangeError::Length { size, expected, found: bytes.len() });
        }
        let mut range = Self { size, ..Self::new() };
        let (peaks, _) = peaks.as_chunks();
        for (level, peak) in range.levels().rev().zip(peaks) {
            range.peaks[level] = Hash::from_bytes(*peak);
        }
        Ok(range)
    }

    /// Levels that hold a subtree, smallest first.
    fn levels(&self) -> impl DoubleEndedIterator<Item = usize> + use<> {
        let size = self.size;
        (0..LEVELS).filter(move |level| size >> level & 1 == 1)
    }
}

impl Default for CompactRange {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for CompactRange {
    fn eq(&self, other: &Self) -> bool {
        self.size == other.size && self.levels().all(|l| self.peaks[l] == other.peaks[l])
    }
}

impl Eq for CompactRange {}

impl Extend<Hash> for CompactRange {
    fn extend<I: IntoIterator<Item = Hash>>(&mut self, leaves: I) {
        for leaf in leaves {
            self.append(leaf);
        }
    }
}

impl FromIterator<Hash> for CompactRange {
    fn from_iter<I: IntoIterator<Item = Hash>>(leaves: I) -> Self {
        let mut range = Self::new();
        range.extend(leaves);
        range
    }
}

impl fmt::Debug for CompactRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompactRange").field("size", &self.size).field("root", &self.root()).finish()
    }
}

fn encoded_length(size: u64) -> usize {
    SIZE_BYTES + size.count_ones() as usize * HASH_BYTES
}
