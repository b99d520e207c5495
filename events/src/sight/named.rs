//! Who is named in a record: now, and ever. Written once, for whoever judges sight: views, streams, pages. Whether being named
//! lets an organisation see or act is not decided here.

use crate::{
    ids::{AffiliationId, OrganisationId, Sequence},
    types::about::Naming,
};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// So many organisations are looked for one by one; among more, in a set.
const FEW: usize = 64;

/// The organisations that one record names, as its events made it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Named {
    /// For good: whoever made the record, and whoever took part in what was done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    stay: Vec<OrganisationId>,
    /// As long as what the record says names them: parties of the terms, authors of the content.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    content: Vec<OrganisationId>,
    /// Those who reviewed it: that they did is for those who work on the record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    reviewers: Vec<OrganisationId>,
    /// What an organisation is said to belong to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ties: Vec<Tie>,
    /// Those who were named and no longer are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    left: Vec<Left>,
}

/// An organisation that was named until an event left it out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Left {
    /// Which.
    pub organisation: OrganisationId,
    /// The event that left it out: what it could see ends before it.
    pub until: Sequence,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Tie {
    affiliation: AffiliationId,
    with: OrganisationId,
    /// Whether the record's own organisation says so itself. What another claims of it gives that other no sight.
    own_word: bool,
}

impl Named {
    /// A list of those who are named now, by which nothing can be learnt.
    pub fn of(organisations: Vec<OrganisationId>) -> Self {
        Self { stay: organisations, ..Self::default() }
    }

    /// Learns whom an event names, and whom it leaves out; true when the list may have changed.
    pub fn learn(&mut self, naming: &Naming, sequence: Sequence) -> bool {
        let before = self.now();
        match naming {
            Naming::Nobody => return false,
            Naming::Stay(organisations) => add(&mut self.stay, organisations),
            Naming::Begin(by, content) => {
                add(&mut self.stay, &[*by]);
                self.content.clone_from(content);
            }
            Naming::Content(organisations) => self.content.clone_from(organisations),
            Naming::Review(by) => add(&mut self.reviewers, &[*by]),
            Naming::Leave(by) => {
                self.stay.retain(|one| one != by);
                self.content.retain(|one| one != by);
            }
            Naming::Tie { affiliation, with, own_word } => {
                self.ties.push(Tie { affiliation: *affiliation, with: *with, own_word: *own_word });
            }
            Naming::Confirm(affiliation) => {
                let meant = self.ties.iter_mut().filter(|tie| tie.affiliation == *affiliation);
                meant.for_each(|tie| tie.own_word = true);
            }
            Naming::Untie(affiliation) => self.ties.retain(|tie| tie.affiliation != *affiliation),
        }
        // Sets: of a network's thousand members, each would be looked for among all.
        let now: HashSet<OrganisationId> = self.now().into_iter().collect();
        self.left.retain(|left| !now.contains(&left.organisation));
        let gone = before.iter().filter(|one| !now.contains(one));
        self.left.extend(gone.map(|one| Left { organisation: *one, until: sequence }));
        true
    }

    /// Those who are named now: they see the record as it stands.
    pub fn now(&self) -> Vec<OrganisationId> {
        let mut all = self.openly();
        add(&mut all, &self.reviewers);
        all
    }

    /// Those who are named now, but for its reviewers.
    pub fn openly(&self) -> Vec<OrganisationId> {
        let mut all = self.stay.clone();
        add(&mut all, &self.content);
        let ties: Vec<_> = self.ties.iter().filter(|tie| tie.own_word).map(|tie| tie.with).collect();
        add(&mut all, &ties);
        all
    }

    /// About how many bytes the list takes.
    pub fn about_bytes(&self) -> usize {
        16 * (self.stay.len() + self.content.len() + self.reviewers.len()) + 40 * self.ties.len() + 24 * self.left.len()
    }

    /// Those who were named and no longer are: they see what it was until then.
    pub fn left(&self) -> &[Left] {
        &self.left
    }
}

fn add(list: &mut Vec<OrganisationId>, organisations: &[OrganisationId]) {
    if list.len() + organisations.len() > FEW {
        let mut known: HashSet<OrganisationId> = list.iter().copied().collect();
        list.extend(organisations.iter().filter(|organisation| known.insert(**organisation)));
        return;
    }
    for organisation in organisations {
        if !list.contains(organisation) {
            list.push(*organisation);
        }
    }
}
