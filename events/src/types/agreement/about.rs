//! What each event of an agreement says of who may see it, whom it names, which other records it mentions, and which terms hold.

use super::{Facts, Links, Terms};
use crate::{
    commitment::Digest,
    ids::Subject,
    types::about::{About, Happened, Naming, Opening, mention},
};
use std::collections::BTreeSet;

impl Terms {
    fn mention(&self, named: &mut BTreeSet<Subject>) {
        mention(self.organisations(), named);
        named.extend(self.sources());
    }
}

impl Links {
    fn mention(&self, named: &mut BTreeSet<Subject>) {
        named.extend(self.listings.iter().copied());
        named.extend([self.parent, self.renews].into_iter().flatten().map(Subject::from));
        named.extend(self.convening.map(Subject::from));
    }
}

impl Facts {
    pub(crate) fn about(&self, _: Happened) -> About {
        let begun = |visibility, by, terms: &Terms| About {
            opening: Opening::To(visibility),
            naming: Naming::Begin(by, terms.organisations().copied().collect()),
            titled: true,
            ..About::NOTHING
        };
        match self {
            Self::Drafted(facts) => begun(facts.visibility, facts.by, &facts.terms),
            Self::Registered(facts) => begun(facts.visibility, facts.by, &facts.terms),
            Self::Revised(facts) => About {
                naming: Naming::Content(facts.terms.organisations().copied().collect()),
                titled: true,
                ..About::NOTHING
            },
            Self::Left(facts) => About { naming: Naming::Leave(facts.by), ..About::NOTHING },
            Self::Proposed(_)
            | Self::Signed(_)
            | Self::Refused(_)
            | Self::ProposalWithdrawn(_)
            | Self::Activated(_)
            | Self::EndReached(_)
            | Self::Completed(_)
            | Self::Terminated(_)
            | Self::Suspended(_)
            | Self::Resumed(_)
            | Self::Cancelled(_)
            | Self::Confirmed(_)
            | Self::Denied(_) => About::NOTHING,
        }
    }

    pub(crate) fn mention(&self, named: &mut BTreeSet<Subject>) {
        match self {
            Self::Drafted(facts) => {
                mention([&facts.by], named);
                facts.terms.mention(named);
                facts.links.mention(named);
            }
            Self::Registered(facts) => {
                mention([&facts.by], named);
                facts.terms.mention(named);
                facts.links.mention(named);
            }
            Self::Revised(facts) => facts.terms.mention(named),
            Self::Signed(facts) => mention([&facts.by], named),
            Self::Refused(facts) => mention([&facts.by], named),
            Self::Completed(facts) => mention([&facts.by], named),
            Self::Terminated(facts) => mention([&facts.by], named),
            Self::Suspended(facts) => mention([&facts.by], named),
            Self::Resumed(facts) => mention([&facts.by], named),
            Self::Cancelled(facts) => mention([&facts.by], named),
            Self::Confirmed(facts) => mention([&facts.by], named),
            Self::Denied(facts) => mention([&facts.by], named),
            Self::Left(facts) => mention([&facts.by], named),
            Self::Proposed(_) | Self::ProposalWithdrawn(_) | Self::Activated(_) | Self::EndReached(_) => {}
        }
    }
}

impl Facts {
    /// Digest of the terms that it gives the agreement.
    pub const fn terms_digest(&self) -> Option<Digest> {
        match self {
            Self::Drafted(facts) => Some(facts.terms_digest),
            Self::Revised(facts) => Some(facts.terms_digest),
            Self::Registered(facts) => Some(facts.terms_digest),
            Self::Proposed(_)
            | Self::Signed(_)
            | Self::Refused(_)
            | Self::ProposalWithdrawn(_)
            | Self::Activated(_)
            | Self::EndReached(_)
            | Self::Completed(_)
            | Self::Terminated(_)
            | Self::Suspended(_)
            | Self::Resumed(_)
            | Self::Cancelled(_)
            | Self::Confirmed(_)
            | Self::Denied(_)
            | Self::Left(_) => None,
        }
    }
}
