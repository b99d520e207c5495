//! Who may see a record beside those who are named in it, as its events make it.

use super::Circle;
use crate::{codes::Visibility, types::about::Opening};
use serde::{Deserialize, Serialize};

/// Who may see a record today, and who will once it is published.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Openness {
    /// Those who may see it today; unknown = nobody but admins and auditors.
    pub circle: Option<Circle>,
    /// Of a record that waits for its publication, those who will.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub later: Option<Circle>,
}

impl Openness {
    /// Who may see it by the choice of its owner: for what waits for its publication, who will.
    pub fn chosen(self) -> Option<Visibility> {
        self.later.or(self.circle).map(Into::into)
    }

    /// Learns what an event says of it; true when that changed.
    pub fn learn(&mut self, opening: Opening) -> bool {
        let before = *self;
        match opening {
            Opening::Unchanged => {}
            Opening::To(visibility) if self.later.is_some() => self.later = Some(visibility.into()),
            Opening::To(visibility) => self.circle = Some(visibility.into()),
            Opening::InReview(visibility) => {
                *self = Self { circle: Some(Circle::Review), later: Some(visibility.into()) };
            }
            Opening::Published => self.circle = self.later.take().or(self.circle),
            Opening::TakenBack => {
                if self.later.take().is_some() {
                    self.circle = Some(Circle::Parties);
                }
            }
        }
        before != *self
    }
}
