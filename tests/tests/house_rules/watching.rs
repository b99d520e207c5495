//! What operators watch names what nodes tell: metrics that are there, and sections that exist. Whether Prometheus and Grafana
//! understand the files is for their own tools (`infra/deploy/tests/watching.sh`).

use std::collections::BTreeSet;

use crate::files::root;

/// Where the metrics of a node are written.
const TELLING: [&str; 2] = ["services/portal/src/metrics.rs", "services/portal/src/process.rs"];
const DASHBOARD: &str = "infra/deploy/grafana/convenio.json";
const ALERTS: &str = "infra/deploy/prometheus/alerts.yaml";
const ALERT_TESTS: &str = "infra/deploy/prometheus/alerts.test.yaml";

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Names of metrics in a text of any kind.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    let words = text.split(|character: char| !(character.is_ascii_alphanumeric() || "_:".contains(character)));
    words.filter(|word| word.starts_with("convenio_") || word.starts_with("process_")).collect()
}

/// What a node tells, with the three series that each histogram is made of.
fn told(sources: &str) -> BTreeSet<String> {
    let code = sources.split("#[cfg(test)]").next().unwrap_or_default();
    let mut told = BTreeSet::new();
    for name in metrics_in(code) {
        told.insert(name.to_owned());
        if name.ends_with("_duration_seconds") {
            told.extend(["bucket", "sum", "count"].map(|part| format!("{name}_{part}")));
        }
    }
    told
}

#[test]
fn dashboard_and_alerts_name_only_metrics_that_a_node_gives() {
    let told: BTreeSet<String> = TELLING.iter().flat_map(|path| told(&read(path))).collect();
    assert!(told.len() > 30, "hardly any metrics found: {told:?}");
    for path in [DASHBOARD, ALERTS, ALERT_TESTS] {
        let text = read(path);
        let unknown: Vec<_> = metrics_in(&text).into_iter().filter(|name| !told.contains(*name)).collect();
        assert!(unknown.is_empty(), "{path} names what no node tells: {unknown:?}");
    }
}

#[test]
fn every_alert_is_tested_and_leads_to_a_section_that_exists() {
    let (alerts, tests) = (read(ALERTS), read(ALERT_TESTS));
    let names = |text: &str, key: &str| -> BTreeSet<String> {
        text.lines().filter_map(|line| line.split_once(key)).map(|(_, name)| name.trim().to_owned()).collect()
    };
    let alerting = names(&alerts, "- alert:");
    assert!(alerting.len() > 10, "{alerting:?}");
    let expected = tests.split("alertname=\"").skip(1).filter_map(|rest| rest.split('"').next());
    assert_eq!(alerting, expected.map(str::to_owned).collect(), "alerts, and those that a test expects");
    let runbooks = names(&alerts, "runbook:");
    for runbook in &runbooks {
        let (file, section) = runbook.split_once('#').expect("a runbook is a section of a document");
        assert!(anchors(&read(file)).contains(section), "{file} has no section {section}");
    }
    let with_runbook = alerts.matches("runbook:").count();
    assert_eq!(with_runbook, alerting.len(), "each alert says where to read on");
}

/// The anchors of a Markdown text's headings, as GitHub makes them.
fn anchors(markdown: &str) -> BTreeSet<String> {
    let headings = markdown.lines().filter(|line| line.starts_with("##"));
    let anchor = |heading: &str| -> String {
        let lower = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = lower.chars().filter(|character| character.is_alphanumeric() || " -_".contains(*character));
        kept.map(|character| if character == ' ' { '-' } else { character }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn a_name_in_an_expression_is_found_and_a_label_is_not() {
    let expression = "sum by (job) (rate(convenio_a_total{job=~\"convenio.*\"}[5m])) / process_b";
    assert_eq!(metrics_in(expression), BTreeSet::from(["convenio_a_total", "process_b"]));
    let source = "\"convenio_x_duration_seconds\"\n#[cfg(test)] \"convenio_made_up\"";
    assert!(told(source).contains("convenio_x_duration_seconds_bucket") && !told(source).contains("convenio_made_up"));
    assert_eq!(anchors("# T\n## No writer, or `two`\n"), BTreeSet::from(["no-writer-or-two".to_owned()]));
}
