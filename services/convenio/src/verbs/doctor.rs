//! `convenio doctor`: looks at configuration, files, disk, clock and, where the log is there, Kafka's topics, and says what to do about each finding. It changes
//! nothing, and works beside a running node.

mod files;
mod kafka;
mod machine;

use crate::{
    config::{LogChoice, ServeArguments},
    verbs::output,
};
use anyhow::ensure;
use serde::Serialize;

/// Flags of the verb.
#[derive(clap::Args, Debug)]
pub(crate) struct DoctorArguments {
    #[command(flatten)]
    serve: ServeArguments,
    /// Leaves out what reads all of the ledger: the check of every page of the journal, and of every message on Kafka
    #[arg(long)]
    quick: bool,
    /// Prints the findings as JSON
    #[arg(long)]
    json: bool,
}

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Level {
    Ok,
    Warning,
    Error,
}

/// What a check found.
#[derive(PartialEq, Eq, Debug, Serialize)]
struct Finding {
    level: Level,
    check: &'static str,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { level: Level::Ok, check, found: found.into(), advice: None }
    }
    fn warning(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { level: Level::Warning, check, found: found.into(), advice: Some(advice.into()) }
    }
    fn error(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { level: Level::Error, check, found: found.into(), advice: Some(advice.into()) }
    }
}

/// Runs the verb.
pub(crate) fn run(arguments: &DoctorArguments) -> anyhow::Result<()> {
    let findings = examine(arguments);
    if arguments.json {
        output::json_document(&serde_json::to_value(&findings)?)?;
    } else {
        for Finding { level, check, found, advice } in &findings {
            let mark = match level {
                Level::Ok => "ok      ",
                Level::Warning => "warning ",
                Level::Error => "ERROR   ",
            };
            output::line(&format!("{mark}{check}: {found}"))?;
            if let Some(advice) = advice {
                output::line(&format!("        -> {advice}"))?;
            }
        }
    }
    let errors = findings.iter().filter(|finding| finding.level == Level::Error).count();
    ensure!(errors == 0, "{errors} of {} checks found an error", findings.len());
    Ok(())
}

fn examine(arguments: &DoctorArguments) -> Vec<Finding> {
    let config = match arguments.serve.clone().resolve() {
        Ok(config) => config,
        Err(error) => {
            let advice = "correct the flag, the CONVENIO_* variable or the file; `convenio serve --help` lists them";
            return vec![Finding::error("configuration", format!("{error:#}"), advice)];
        }
    };
    let mut findings = vec![Finding::ok("configuration", format!("data in {}", config.data.display()))];
    let running = files::is_running(&config.data);
    findings.push(files::directory(&config.data, running));
    findings.push(machine::free_disk(&config.data));
    let ledger = files::journal(&config, arguments.quick, &mut findings);
    findings.extend(files::derived(&config.data, ledger.as_ref()));
    findings.extend(files::identity(&config.identity, &config.data, ledger.as_ref()));
    findings.extend(machine::clock(ledger.as_ref()));
    findings.push(machine::listen_address(config.listen, running));
    if let LogChoice::Kafka(settings) = &config.log {
        // What says so cannot be read: then it is said above.
        let opened = ledger.is_some() || crate::backend::opened_before(&config.identity).unwrap_or(true);
        findings.extend(kafka::topics(settings, opened, arguments.quick));
        findings.extend(kafka::peers(&config));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doctor(data: &std::path::Path) -> Vec<Finding> {
        let serve = ServeArguments {
            data: Some(data.to_owned()),
            listen: Some("127.0.0.1:0".to_owned()),
            ..ServeArguments::default()
        };
        examine(&DoctorArguments { serve, quick: false, json: false })
    }

    fn level(findings: &[Finding], check: &str) -> Level {
        findings.iter().filter(|finding| finding.check == check).map(|finding| finding.level).max().expect(check)
    }

    #[test]
    fn a_place_where_nothing_is_yet_is_fine() {
        let folder = tempfile::tempdir().expect("a folder");
        let findings = doctor(&folder.path().join("data"));
        assert!(findings.iter().all(|finding| finding.level < Level::Error), "{findings:?}");
    }

    #[test]
    fn a_journal_that_is_none_is_an_error_with_advice() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("journal.db"), "not a database, but longer than its header would be")
            .expect("written");
        let findings = doctor(folder.path());
        assert_eq!(level(&findings, "journal"), Level::Error);
        assert!(findings.iter().filter(|finding| finding.level > Level::Ok).all(|finding| finding.advice.is_some()));
    }

    #[test]
    fn a_key_that_others_can_read_is_an_error() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let identity = folder.path().join("data-identity");
        std::fs::create_dir(&identity).expect("made");
        std::fs::set_permissions(&identity, std::fs::Permissions::from_mode(0o755)).expect("set");
        let findings = doctor(&folder.path().join("data"));
        assert_eq!(level(&findings, "identity"), Level::Error);
    }
}
