//! Inclusion and consistency proofs: which hashes they consist of, and whether they hold (RFC 9162
//! sections 2.1.3 and 2.1.4). Does not fetch hashes; whoever keeps them looks up the ranges named here.

use std::ops::Range;

use crate::compact_range::{CompactRange, TreeHead};
use crate::leaf::{Hash, node_hash};

/// Why no inclusion proof can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no leaf {index} in a tree of {size} leaves")]
pub struct NoSuchLeaf {
    /// Leaf index that was asked for.
    pub index: u64,
    /// Size of the tree, in leaves.
    pub size: u64,
}

/// Why no consistency proof can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tree of {new_size} leaves cannot extend one of {old_size}")]
pub struct NotAnExtension {
    /// Size of the tree that should have come first, in leaves.
    pub old_size: u64,
    /// Size of the tree that should extend it, in leaves.
    pub new_size: u64,
}

/// Why an inclusion proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InclusionError {
    /// The tree has no such leaf.
    #[error(transparent)]
    NoSuchLeaf(#[from] NoSuchLeaf),
    /// More or fewer hashes than the path from this leaf to the root has.
    #[error("an inclusion proof has the wrong number of hashes ({found})")]
    Length {
        /// Hashes in the proof.
        found: usize,
    },
    /// The hashes lead to another root: leaf, index, proof or head were touched.
    #[error("an inclusion proof leads to another root")]
    OtherRoot,
}

/// Why a consistency proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConsistencyError {
    /// The older tree is larger.
    #[error(transparent)]
    NotAnExtension(#[from] NotAnExtension),
    /// More or fewer hashes than a proof between these sizes has.
    #[error("a consistency proof has the wrong number of hashes ({found})")]
    Length {
        /// Hashes in the proof.
        found: usize,
    },
    /// The hashes lead to another root than the older head's.
    #[error("a consistency proof leads to another root of the older tree")]
    OtherOldRoot,
    /// The hashes lead to another root than the newer head's.
    #[error("a consistency proof leads to another root of the newer tree")]
    OtherNewRoot,
}

/// The leaf ranges whose roots, in this order, prove that leaf `index` is in the tree of `size`
/// leaves (RFC 9162 section 2.1.3.1); the leaf's sibling comes first.
///
/// # Errors
/// Where the tree has no such leaf.
pub fn inclusion_ranges(index: u64, size: u64) -> Result<Vec<Range<u64>>, NoSuchLeaf> {
    if index >= size {
        return Err(NoSuchLeaf { index, size });
    }
    let mut ranges = Vec::new();
    let (mut start, mut end) = (0, size);
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            ranges.push(middle..end);
            end = middle;
        } else {
            ranges.push(start..middle);
            start = middle;
        }
    }
    ranges.reverse();
    Ok(ranges)
}

/// The leaf ranges whose roots, in this order, prove that the tree of `new_size` leaves extends the
/// one of `old_size` (RFC 9162 section 2.1.4.1); none where the sizes are equal or the older is 0.
///
/// # Errors
/// Where the older tree is the larger one.
pub fn consistency_ranges(old_size: u64, new_size: u64) -> Result<Vec<Range<u64>>, NotAnExtension> {
    if old_size > new_size {
        return Err(NotAnExtension { old_size, new_size });
    }
    let mut ranges = Vec::new();
    let (mut start, mut end) = (0, new_size);
    while old_size != 0 && old_size != end {
        let middle = start + split(end - start);
        if old_size <= middle {
            ranges.push(middle..end);
            end = middle;
        } else {
            ranges.push(start..middle);
            start = middle;
        }
    }
    // The old tree itself is known to the verifier; a part of it at the right edge is not.
    if start > 0 {
        ranges.push(start..end);
    }
    ranges.reverse();
    Ok(ranges)
}

/// Proves that leaf `index` is in the tree over all of `leaves`.
///
/// # Errors
/// Where there is no such leaf.
pub fn inclusion_proof(leaves: &[Hash], index: u64) -> Result<Vec<Hash>, NoSuchLeaf> {
    Ok(roots(leaves, inclusion_ranges(index, leaves.len() as u64)?))
}

/// Proves that the tree over all of `leaves` extends the tree over the first `old_size` of them.
///
/// # Errors
/// Where there are fewer leaves than `old_size`.
pub fn consistency_proof(leaves: &[Hash], old_size: u64) -> Result<Vec<Hash>, NotAnExtension> {
    Ok(roots(leaves, consistency_ranges(old_size, leaves.len() as u64)?))
}

/// Checks that `leaf` is leaf `index` of the tree with this head (RFC 9162 section 2.1.3.2).
///
/// The head must be one that somebody answers for: a proof fixes the shape of the path only, so some
/// false sizes beside a true root are accepted, as the RFC's algorithm does.
///
/// # Errors
/// What does not fit; the leaf is proven only by `Ok`.
pub fn verify_inclusion(leaf: &Hash, index: u64, proof: &[Hash], head: &TreeHead) -> Result<(), InclusionError> {
    if index >= head.size() {
        return Err(NoSuchLeaf { index, size: head.size() }.into());
    }
    let wrong_length = InclusionError::Length { found: proof.len() };
    let mut path = Path { node: index, last: head.size() - 1 };
    let mut root = *leaf;
    for sibling in proof {
        root = match path.climb().ok_or(wrong_length)? {
            Side::Left => node_hash(sibling, &root),
            Side::Right => node_hash(&root, sibling),
        };
    }
    if path.last != 0 {
        return Err(wrong_length);
    }
    if root != *head.root() {
        return Err(InclusionError::OtherRoot);
    }
    Ok(())
}

/// Checks that the tree with head `new` has all leaves of the one with head `old`, unchanged and in
/// order (RFC 9162 section 2.1.4.2); an empty old tree is extended by any, with an empty proof.
///
/// # Errors
/// What does not fit; consistency is proven only by `Ok`.
pub fn verify_consistency(old: &TreeHead, new: &TreeHead, proof: &[Hash]) -> Result<(), ConsistencyError> {
    let (old_size, new_size) = (old.size(), new.size());
    if old_size > new_size {
        return Err(NotAnExtension { old_size, new_size }.into());
    }
    let wrong_length = ConsistencyError::Length { found: proof.len() };
    if old_size == 0 || old_size == new_size {
        return match proof {
            [_, ..] => Err(wrong_length),
            [] if old_size == new_size && old != new => Err(ConsistencyError::OtherNewRoot),
            [] => Ok(()),
        };
    }
    // Where the old tree is one complete subtree its root is the first node and is left out.
    let (seed, rest) =
        if old_size.is_power_of_two() { (old.root(), proof) } else { proof.split_first().ok_or(wrong_length)? };
    let mut path = Path { node: old_size - 1, last: new_size - 1 };
    path.skip(path.node.trailing_ones());
    let (mut old_root, mut new_root) = (*seed, *seed);
    for sibling in rest {
        match path.climb().ok_or(wrong_length)? {
            Side::Left => {
                old_root = node_hash(sibling, &old_root);
                new_root = node_hash(sibling, &new_root);
            }
            Side::Right => new_root = node_hash(&new_root, sibling),
        }
    }
    if path.last != 0 {
        return Err(wrong_length);
    }
    if old_root != *old.root() {
        return Err(ConsistencyError::OtherOldRoot);
    }
    if new_root != *new.root() {
        return Err(ConsistencyError::OtherNewRoot);
    }
    Ok(())
}

/// On which side of the path the next sibling stands.
enum Side {
    Left,
    Right,
}

/// The way from a node to the root: its index, and that of the last node, on the current level.
struct Path {
    node: u64,
    last: u64,
}

impl Path {
    /// Goes up to the next level that has a sibling; `None` at the root.
    fn climb(&mut self) -> Option<Side> {
        if self.last == 0 {
            return None;
        }
        let side = if self.node & 1 == 1 {
            Side::Left
        } else if self.node == self.last {
            // The last node of an odd level has no sibling until its index becomes odd.
            self.skip(self.node.trailing_zeros());
            Side::Left
        } else {
            Side::Right
        };
        self.skip(1);
        Some(side)
    }

    fn skip(&mut self, levels: u32) {
        self.node >>= levels;
        self.last >>= levels;
    }
}

/// The largest power of two below `leaves`, where RFC 6962 splits a tree; `leaves` is at least 2.
fn split(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}

fn roots(leaves: &[Hash], ranges: Vec<Range<u64>>) -> Vec<Hash> {
    let index = |leaf: u64| usize::try_from(leaf).expect("a range lies within the slice of leaves");
    ranges
        .into_iter()
        .map(|range| &leaves[index(range.start)..index(range.end)])
        .map(|part| part.iter().copied().collect::<CompactRange>().root())
        .collect()
}
