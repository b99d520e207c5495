//! The tree and its proofs against a naive RFC 6962 implementation and the Certificate Transparency
//! test vectors. Does not test speed.
#![allow(clippy::unwrap_used)]

use convenio_notary::compact_range::{CompactRange, CompactRangeError, CompleteSubtree, TreeHead};
use convenio_notary::leaf::{Hash, empty_root, leaf_hash, node_hash};
use convenio_notary::proof::{
    ConsistencyError, InclusionError, consistency_proof, inclusion_proof, verify_consistency, verify_inclusion,
};
use proptest::prelude::*;
use proptest::sample::Index;

const CT_LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

const CT_ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn ct_leaves() -> Vec<Hash> {
    let entries = CT_LEAVES.map(|hex| hex::decode(hex).unwrap());
    entries.iter().map(|entry| leaf_hash(entry)).collect()
}

/// MTH of RFC 6962 section 2.1, word for word.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let mut k = 1;
            while k * 2 < leaves.len() {
                k *= 2;
            }
            node_hash(&naive_root(&leaves[..k]), &naive_root(&leaves[k..]))
        }
    }
}

fn head(leaves: &[Hash]) -> TreeHead {
    TreeHead::new(leaves.len() as u64, naive_root(leaves)).unwrap()
}

fn numbered_leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|n| leaf_hash(n.to_string().as_bytes())).collect()
}

fn leaves(most: usize) -> impl Strategy<Value = Vec<Hash>> {
    prop::collection::vec(any::<[u8; 32]>().prop_map(Hash::from_bytes), 1..=most)
}

fn hexes(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(ToString::to_string).collect()
}

#[test]
fn the_roots_are_those_of_certificate_transparency() {
    let mut range = CompactRange::new();
    assert_eq!(range.root().to_string(), CT_ROOTS[0]);
    for (leaf, root) in ct_leaves().into_iter().zip(&CT_ROOTS[1..]) {
        range.append(leaf);
        assert_eq!(range.root().to_string(), *root);
    }
}

#[test]
fn the_proofs_are_those_of_certificate_transparency() {
    let leaves = ct_leaves();
    let inclusion = |size: usize, index| hexes(&inclusion_proof(&leaves[..size], index).unwrap());
    assert_eq!(inclusion(1, 0), [""; 0]);
    assert_eq!(
        inclusion(8, 0),
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ]
    );
    assert_eq!(
        inclusion(8, 5),
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
    let consistency = |old, new: usize| hexes(&consistency_proof(&leaves[..new], old).unwrap());
    assert_eq!(consistency(1, 1), [""; 0]);
    assert_eq!(consistency(1, 8), inclusion(8, 0));
    assert_eq!(
        consistency(6, 8),
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
    assert_eq!(
        consistency(2, 5),
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ]
    );
}

#[test]
fn every_leaf_of_every_small_tree_is_proven_and_at_no_other_index() {
    let all = numbered_leaves(40);
    for size in 1..=all.len() {
        let (leaves, head) = (&all[..size], head(&all[..size]));
        for (index, leaf) in (0..).zip(leaves) {
            let proof = inclusion_proof(leaves, index).unwrap();
            for claimed in 0..=head.size() {
                let verified = verify_inclusion(leaf, claimed, &proof, &head);
                assert_eq!(verified.is_ok(), claimed == index, "{index} as {claimed} of {size}");
            }
        }
        assert!(inclusion_proof(leaves, head.size()).is_err());
    }
}

#[test]
fn every_small_tree_is_proven_consistent_with_every_later_one_by_one_proof_only() {
    let all = numbered_leaves(24);
    let proof = |old: usize, new: usize| consistency_proof(&all[..new], old as u64).unwrap();
    for new in 0..=all.len() {
        for old in 0..=new {
            let right = proof(old, new);
            let (old_head, new_head) = (head(&all[..old]), head(&all[..new]));
            for other_new in 0..=all.len() {
                for other_old in 0..=other_new {
                    let other = proof(other_old, other_new);
                    let verified = verify_consistency(&old_head, &new_head, &other);
                    assert_eq!(verified.is_ok(), other == right, "{old}..{new}: {verified:?}");
                }
            }
        }
        assert!(consistency_proof(&all[..new], new as u64 + 1).is_err());
    }
}

#[test]
fn a_smaller_tree_never_extends_a_larger_one() {
    let leaves = numbered_leaves(5);
    let verified = verify_consistency(&head(&leaves), &head(&leaves[..4]), &[]);
    assert!(matches!(verified, Err(ConsistencyError::NotAnExtension(_))), "{verified:?}");
}

#[test]
fn a_proof_says_why_it_does_not_hold() {
    let leaves = numbered_leaves(7);
    let proof = inclusion_proof(&leaves, 3).unwrap();
    let verify = |leaf: &Hash, proof: &[Hash]| verify_inclusion(leaf, 3, proof, &head(&leaves));
    assert_eq!(verify(&leaves[3], &proof), Ok(()));
    assert_eq!(verify(&leaves[2], &proof), Err(InclusionError::OtherRoot));
    assert_eq!(verify(&leaves[3], &proof[1..]), Err(InclusionError::Length { found: 2 }));

    let proof = consistency_proof(&leaves, 3).unwrap();
    let (old, new, other) = (head(&leaves[..3]), head(&leaves), head(&leaves[1..4]));
    let other_new = TreeHead::new(7, empty_root()).unwrap();
    assert_eq!(verify_consistency(&old, &new, &proof), Ok(()));
    assert_eq!(verify_consistency(&other, &new, &proof), Err(ConsistencyError::OtherOldRoot));
    assert_eq!(verify_consistency(&old, &other_new, &proof), Err(ConsistencyError::OtherNewRoot));
    assert_eq!(verify_consistency(&old, &new, &[]), Err(ConsistencyError::Length { found: 0 }));
}

#[test]
fn impossible_heads_and_ranges_are_refused() {
    assert!(TreeHead::new(0, leaf_hash(b"")).is_err());
    assert!(TreeHead::new(1 << 63, leaf_hash(b"")).is_err());
    let from = |bytes: &[u8]| CompactRange::from_bytes(bytes).unwrap_err();
    assert_eq!(from(&[0; 7]), CompactRangeError::NoSize);
    assert_eq!(from(&[0xff; 8]), CompactRangeError::TooLarge { size: u64::MAX });
    let expected = CompactRangeError::Length { size: 0, expected: 8, found: 9 };
    assert_eq!(from(&[0; 9]), expected);
}

/// A touch of one proof: any single bit, or a hash dropped, doubled or moved.
fn touch(proof: &mut Vec<Hash>, place: Index, how: u16) {
    if proof.is_empty() {
        return proof.push(empty_root());
    }
    let place = place.index(proof.len());
    match how {
        0..256 => proof[place] = flip(&proof[place], how),
        256..300 => drop(proof.remove(place)),
        300..350 => proof.insert(place, proof[place]),
        _ => {
            let hash = proof.remove(place);
            proof.insert(0, hash);
        }
    }
}

fn flip(hash: &Hash, bit: u16) -> Hash {
    let mut bytes = *hash.as_bytes();
    bytes[usize::from(bit / 8)] ^= 1 << (bit % 8);
    Hash::from_bytes(bytes)
}

proptest! {
    #[test]
    fn the_compact_range_has_the_root_of_the_naive_tree(leaves in leaves(300)) {
        let mut range = CompactRange::new();
        for (size, leaf) in (1..).zip(&leaves) {
            range.append(*leaf);
            prop_assert_eq!(range.head(), head(&leaves[..size]));
        }
    }

    #[test]
    fn a_range_read_back_goes_on_like_the_one_that_was_written(leaves in leaves(200), cut: Index) {
        let (before, after) = leaves.split_at(cut.index(leaves.len()));
        let mut range: CompactRange = before.iter().copied().collect();
        let mut read = CompactRange::from_bytes(&range.to_bytes()).unwrap();
        prop_assert_eq!(&read, &range);
        read.extend(after.iter().copied());
        range.extend(after.iter().copied());
        prop_assert_eq!(&read, &range);
        prop_assert_eq!(read.root(), naive_root(&leaves));
    }

    #[test]
    fn every_complete_subtree_is_shown_once_with_its_root(leaves in leaves(200)) {
        let mut shown = Vec::new();
        let mut range = CompactRange::new();
        for leaf in &leaves {
            range.append_visiting(*leaf, |subtree| shown.push(subtree));
        }
        let mut expected = Vec::new();
        for level in 0..8 {
            for (index, part) in (0..).zip(leaves.chunks_exact(1 << level)) {
                expected.push(CompleteSubtree { level, index, root: naive_root(part) });
            }
        }
        shown.sort_by_key(|subtree| (subtree.level, subtree.index));
        prop_assert_eq!(shown, expected);
    }

    #[test]
    fn an_inclusion_proof_verifies_iff_nothing_was_touched(
        leaves in leaves(200), index: Index, place: Index, how in 0..400_u16,
    ) {
        let at = index.index(leaves.len());
        let (leaf, index, head) = (leaves[at], at as u64, head(&leaves));
        let right = inclusion_proof(&leaves, index).unwrap();
        prop_assert_eq!(verify_inclusion(&leaf, index, &right, &head), Ok(()));

        let mut touched = right.clone();
        touch(&mut touched, place, how);
        let verified = verify_inclusion(&leaf, index, &touched, &head);
        prop_assert_eq!(verified.is_ok(), touched == right);

        let bit = how % 256;
        prop_assert!(verify_inclusion(&flip(&leaf, bit), index, &right, &head).is_err());
        let other = TreeHead::new(head.size(), flip(head.root(), bit)).unwrap();
        prop_assert!(verify_inclusion(&leaf, index, &right, &other).is_err());
        let elsewhere = place.index(leaves.len() + 1) as u64;
        let verified = verify_inclusion(&leaf, elsewhere, &right, &head);
        prop_assert_eq!(verified.is_ok(), elsewhere == index);
    }

    #[test]
    fn a_consistency_proof_verifies_iff_nothing_was_touched(
        leaves in leaves(200), cut: Index, place: Index, how in 0..400_u16,
    ) {
        let old_size = cut.index(leaves.len() + 1);
        let (old, new) = (head(&leaves[..old_size]), head(&leaves));
        let right = consistency_proof(&leaves, old_size as u64).unwrap();
        prop_assert_eq!(verify_consistency(&old, &new, &right), Ok(()));

        let mut touched = right.clone();
        touch(&mut touched, place, how);
        prop_assert_eq!(verify_consistency(&old, &new, &touched).is_ok(), touched == right);
    }

    #[test]
    fn a_tree_with_one_old_leaf_changed_is_consistent_with_no_proof_of_either(
        leaves in leaves(200), cut: Index, place: Index, bit in 0..256_u16,
    ) {
        let old_size = cut.index(leaves.len()) + 1;
        let mut forked = leaves.clone();
        let place = place.index(old_size);
        forked[place] = flip(&forked[place], bit);
        let old = head(&leaves[..old_size]);
        for proven in [&leaves, &forked] {
            let proof = consistency_proof(proven, old_size as u64).unwrap();
            prop_assert!(verify_consistency(&old, &head(&forked), &proof).is_err());
        }
    }
}
