//! Errors as words for an operator. It logs nothing.

use std::error::Error;

/// An error and all its causes in one line, as `what: why: why that`.
pub fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{what}")]
    struct Failure {
        what: &'static str,
        source: Option<Box<Failure>>,
    }

    #[test]
    fn every_cause_is_told_once_and_in_order() {
        let disk = Failure { what: "the disk is full", source: None };
        let file = Failure { what: "the file cannot be written", source: Some(disk.into()) };
        let view = Failure { what: "the view stands", source: Some(file.into()) };
        assert_eq!(with_causes(&view), "the view stands: the file cannot be written: the disk is full");
    }
}
