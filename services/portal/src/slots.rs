//! Places of which there are so many in all, so many for each organisation, however many grants it has, and so many for all who have
//! no grant together. Who finds none is told so at once; nobody waits here.

use crate::rate::Caller;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use uuid::Uuid;

/// How many places there are. They are counted in whatever their owner counts: streams, batches, bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotLimits {
    /// For everybody together.
    pub(crate) all: usize,
    /// For all callers without a grant together; the rest is kept for those who have one.
    pub(crate) strangers: usize,
    /// For each organisation, and for each address of those who have no grant.
    pub(crate) each: usize,
}

/// The places and who has them; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    limits: SlotLimits,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    strangers: usize,
    by: HashMap<Side, usize>,
}

/// Who has places together.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Side {
    Organisation(Uuid),
    Address(IpAddr),
}

impl From<Caller> for Side {
    fn from(caller: Caller) -> Self {
        match caller {
            Caller::Member(member) => Self::Organisation(member.holder),
            Caller::Address(address) => Self::Address(address),
        }
    }
}

/// Who has the places that somebody wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Full {
    /// The caller itself.
    Own,
    /// All together, or all strangers.
    All,
}

/// Places that somebody has, until this is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Slots,
    caller: Caller,
    count: usize,
}

impl Slots {
    pub(crate) fn new(limits: SlotLimits) -> Self {
        Self { limits, taken: Arc::default() }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // Every statement that changes it leaves it whole.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes places, if so many are left for this caller.
    pub(crate) fn take(&self, caller: Caller, count: usize) -> Option<Slot> {
        self.take_or_why(caller, count).ok()
    }

    /// The same, and who has them where there are none. One thing alone may be larger than what each caller has.
    pub(crate) fn take_or_why(&self, caller: Caller, count: usize) -> Result<Slot, Full> {
        let SlotLimits { all, strangers, each } = self.limits;
        let mut taken = self.taken();
        let own = taken.by.get(&caller.into()).copied().unwrap_or(0) + count;
        let stranger = caller.is_stranger();
        let others = if stranger { taken.strangers + count } else { 0 };
        if own > each && own > count {
            return Err(Full::Own);
        }
        if others > strangers || taken.all + count > all {
            return Err(Full::All);
        }
        taken.all += count;
        if stranger {
            taken.strangers += count;
        }
        taken.by.insert(caller.into(), own);
        drop(taken);
        Ok(Slot { slots: self.clone(), caller, count })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken();
        taken.all -= self.count;
        if self.caller.is_stranger() {
            taken.strangers -= self.count;
        }
        if let Some(own) = taken.by.get_mut(&self.caller.into()) {
            *own -= self.count;
            if *own == 0 {
                taken.by.remove(&self.caller.into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rate::Member;
    use convenio_events::commitment::Digest;

    #[test]
    fn grants_of_one_organisation_have_their_places_together() {
        let slots = Slots::new(SlotLimits { all: 6, strangers: 3, each: 2 });
        let grant =
            |first, holder| Caller::Member(Member { token: Digest([first; 32]), holder: Uuid::from_u128(holder) });
        let held: Vec<_> = (1..5).map(|first| slots.take(grant(first, 7), 1)).collect();
        assert_eq!(held.iter().flatten().count(), 2, "however many grants it has");
        assert!(slots.take(grant(1, 8), 2).is_some(), "another organisation has its own");
    }

    #[test]
    fn strangers_leave_room_and_nobody_takes_all() {
        let slots = Slots::new(SlotLimits { all: 6, strangers: 3, each: 2 });
        let stranger = |last| Caller::Address([192, 0, 2, last].into());
        let member =
            |first: u8| Caller::Member(Member { token: Digest([first; 32]), holder: Uuid::from_u128(first.into()) });
        let held: Vec<_> = (0..4).map(|_| slots.take(stranger(1), 1)).collect();
        assert_eq!(held.iter().flatten().count(), 2, "one address has two places");
        let more: Vec<_> = (2..9).map(|last| slots.take(stranger(last), 1)).collect();
        assert_eq!(more.iter().flatten().count(), 1, "strangers together have three");
        let members: Vec<_> = (1..9).flat_map(|first| [slots.take(member(first), 2)]).collect();
        assert_eq!(members.iter().flatten().count(), 1, "of six, three are left, and they come in twos");
        drop((held, more, members));
        assert!(slots.take(member(1), 2).is_some() && slots.taken().by.is_empty(), "what is given back can be taken");
    }
}
