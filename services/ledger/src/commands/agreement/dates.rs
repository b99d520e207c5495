//! What the dates of an agreement must be among each other and today. Dates are compared as exactly as they are known.

use crate::rejection::{Reason, Rejection, require, require_not_over};
use chrono::NaiveDate;
use convenio_events::{
    time::{Date, PartialDate},
    types::agreement::Terms,
};

/// The end of the terms is not before their beginning.
pub(super) fn check_order(terms: &Terms) -> Result<(), Rejection> {
    let reversed = matches!((terms.effective_on, terms.ends_on), (Some(start), Some(end)) if start > end);
    require(!reversed, Reason::DatesReversed).map_err(|r| r.field("terms.ends_on"))
}

/// What is to be signed here looks ahead: it is not over, it is reviewed, and all in it is due, while it is in force. Without a first
/// day of its own it begins today at the earliest.
pub(super) fn check_plan(terms: &Terms, today: NaiveDate) -> Result<(), Rejection> {
    require_not_over(terms.ends_on, today, "terms.ends_on")?;
    check_review(terms, today)?;
    let first = terms.effective_on.unwrap_or(Date(today));
    let commitments = terms.commitments.iter().map(|one| ("commitments", one.due)).enumerate();
    let milestones = terms.milestones.iter().map(|one| ("milestones", one.due)).enumerate();
    for (at, (list, due)) in commitments.chain(milestones) {
        require(due.is_none_or(|due| first <= due && is_in_force(terms, due)), Reason::DueOutsideTerm)
            .map_err(|r| r.field(format!("terms.{list}[{at}].due")))?;
    }
    Ok(())
}

/// The parties look at it again on a day that is to come, while it is in force.
fn check_review(terms: &Terms, today: NaiveDate) -> Result<(), Rejection> {
    let Some(review) = terms.review_on else { return Ok(()) };
    require(review.0 >= today, Reason::ReviewInPast).map_err(|r| r.field("terms.review_on"))?;
    require(is_in_force(terms, review), Reason::ReviewOutsideTerm).map_err(|r| r.field("terms.review_on"))
}

fn is_in_force(terms: &Terms, day: Date) -> bool {
    terms.effective_on.is_none_or(|first| first <= day) && terms.ends_on.is_none_or(|last| day <= last)
}

/// What was concluded or ended elsewhere lies in the past.
pub(super) fn check_past(
    concluded_on: Option<PartialDate>,
    ended_on: Option<PartialDate>,
    today: NaiveDate,
) -> Result<(), Rejection> {
    for (field, date) in [("concluded_on", concluded_on), ("ended_on", ended_on)] {
        let past = date.is_none_or(|date| date.first_day() <= today);
        require(past, Reason::DateInFuture).map_err(|r| r.field(field))?;
    }
    Ok(())
}

/// What was concluded elsewhere ended neither before it was concluded nor before it was in force, and was not concluded after its
/// last day.
pub(super) fn check_course(
    terms: &Terms,
    concluded_on: Option<PartialDate>,
    ended_on: Option<PartialDate>,
) -> Result<(), Rejection> {
    let (first, last) = (terms.effective_on.map(PartialDate::from), terms.ends_on.map(PartialDate::from));
    for (start, end, field) in
        [(concluded_on, ended_on, "ended_on"), (first, ended_on, "ended_on"), (concluded_on, last, "terms.ends_on")]
    {
        let reversed = matches!((start, end), (Some(start), Some(end)) if start.is_after(end));
        require(!reversed, Reason::DatesReversed).map_err(|r| r.field(field))?;
    }
    Ok(())
}
