//! Settings of a node: flag, then `CONVENIO_*` variable, then `convenio.toml`, then default. Checked before anything starts.

use crate::cluster::NodeUrl;
use anyhow::{Context as _, bail, ensure};
use convenio_events::{codes::Purpose, schemas::SchemaLocation, time::TimeZone};
use convenio_kafka::{Address, PublishedForm, Settings, Texts};
use ipnet::IpNet;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

/// The file that settings are read from, in the current directory, unless `--config` names another.
const DEFAULT_FILE: &str = "convenio.toml";

/// How a node is run, as flags and variables say it.
#[derive(clap::Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct ServeArguments {
    /// Where the ledger is kept [default: convenio-data]
    #[arg(long, env = "CONVENIO_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Where its keys are kept, beside the data and outside backups [default: DATA-identity]
    #[arg(long, env = "CONVENIO_IDENTITY", value_name = "DIR")]
    pub(crate) identity: Option<PathBuf>,
    /// Where it listens [default: 127.0.0.1:8080]
    #[arg(long, env = "CONVENIO_LISTEN", value_name = "ADDR")]
    pub(crate) listen: Option<String>,
    /// Where the outside world reaches it; names the log on the first start [default: http://LISTEN]
    #[arg(long, env = "CONVENIO_PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// Which log it uses: `embedded`, or `kafka://host:port,host:port/<ledger>` [default: embedded]
    #[arg(long, env = "CONVENIO_LOG_BACKEND", value_name = "LOG")]
    pub(crate) log: Option<String>,
    /// A property of librdkafka, such as sasl.password.file=/run/secrets/kafka; also CONVENIO_KAFKA_SASL_PASSWORD_FILE
    #[arg(long = "kafka", value_name = "NAME=VALUE", value_parser = property)]
    #[serde(skip)]
    pub(crate) kafka_properties: Vec<(String, String)>,
    /// Properties of librdkafka, of the file.
    #[arg(skip)]
    pub(crate) kafka: BTreeMap<String, String>,
    /// How events' texts reach readers of the public topic on Kafka: `inline`, or `reference`, an address where they are
    /// fetched [default: inline]
    #[arg(long, env = "CONVENIO_EVENTS_TEXT", value_name = "HOW")]
    pub(crate) events_text: Option<String>,
    /// What this node calls itself, unlike any other of its ledger [default: HOST:PORT that it listens at]
    #[arg(long, env = "CONVENIO_NAME", value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Where other nodes of the ledger reach this one, over https or on one machine [default: http://LISTEN on loopback]
    #[arg(long, env = "CONVENIO_ADVERTISE", value_name = "URL")]
    pub(crate) advertise: Option<String>,
    /// Another node of the ledger, to which commands are sent on while it writes; may be given several times
    #[arg(long = "peer", env = "CONVENIO_PEERS", value_name = "URL", value_delimiter = ',')]
    pub(crate) peers: Vec<String>,
    /// File with the secret that the ledger's nodes share [default: cluster-secret in the identity directory]
    #[arg(long, env = "CONVENIO_CLUSTER_SECRET_FILE", value_name = "FILE")]
    pub(crate) cluster_secret_file: Option<PathBuf>,
    /// What a new ledger is for: production or test (whose clock may be set) [default: production]
    #[arg(long, env = "CONVENIO_PURPOSE", value_name = "PURPOSE")]
    pub(crate) purpose: Option<String>,
    /// Where civil dates of a new ledger end, as an IANA zone [default: UTC]
    #[arg(long, env = "CONVENIO_TIME_ZONE", value_name = "ZONE")]
    pub(crate) time_zone: Option<String>,
    /// Requests a minute for each token or address; 0 for no limit [default: 6000]
    #[arg(long, env = "CONVENIO_RATE", value_name = "N")]
    pub(crate) rate: Option<u32>,
    /// Where a proxy is that names its clients in Forwarded or X-Forwarded-For, such as 10.0.0.0/8; may be given several times
    #[arg(long = "trusted-proxy", env = "CONVENIO_TRUSTED_PROXIES", value_name = "ADDR/LEN", value_delimiter = ',')]
    pub(crate) trusted_proxy: Vec<String>,
    /// Records the sample cooperation when the ledger is new
    #[arg(long)]
    #[serde(default)]
    pub(crate) sample: bool,
    /// Reads settings from this file instead of convenio.toml
    #[arg(long, env = "CONVENIO_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub(crate) config: Option<PathBuf>,
}

/// A checked `--log`.
#[derive(Clone, Debug)]
pub(crate) enum LogChoice {
    /// The journal in the data directory.
    Embedded,
    /// A topic; the journal is a copy.
    Kafka(Box<Settings>),
}

/// How a node is run, checked.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) log: LogChoice,
    pub(crate) events_text: Texts,
    pub(crate) name: String,
    pub(crate) data: PathBuf,
    pub(crate) identity: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) public_url: Option<String>,
    /// Where other nodes reach this one, where it was said.
    pub(crate) advertise: Option<NodeUrl>,
    pub(crate) peers: Vec<NodeUrl>,
    pub(crate) cluster_secret: Option<PathBuf>,
    pub(crate) purpose: Purpose,
    pub(crate) time_zone: TimeZone,
    pub(crate) rate: u32,
    /// Who may say for whom it asks.
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) sample: bool,
}

impl Config {
    /// Where the schemas of events are named: below the address of the outside world where one was said.
    pub(crate) fn schema_location(&self) -> SchemaLocation {
        self.public_url.as_deref().map_or_else(SchemaLocation::default, SchemaLocation::below)
    }

    /// The form of events in the topic for integrators.
    pub(crate) fn published_form(&self) -> PublishedForm {
        PublishedForm { texts: self.events_text.clone(), schemas: self.schema_location() }
    }
}

impl ServeArguments {
    /// Merges the file below flags and variables, and checks every setting.
    pub(crate) fn resolve(self) -> anyhow::Result<Config> {
        let file = read_file(self.config.as_deref())?;
        let data = self.data.or(file.data).unwrap_or_else(|| "convenio-data".into());
        let identity = self.identity.or(file.identity).unwrap_or_else(|| identity_beside(&data));
        ensure!(
            !identity.starts_with(&data),
            "the identity directory {} must not be inside the data directory: backups of the data must not hold keys",
            identity.display()
        );
        let listen = self.listen.or(file.listen).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
        let listen: SocketAddr =
            listen.parse().with_context(|| format!("--listen {listen:?} is not an address such as 127.0.0.1:8080"))?;
        let log = self.log.or(file.log).unwrap_or_else(|| "embedded".to_owned());
        let name = self.name.or(file.name).unwrap_or_else(|| default_name(listen));
        let log = log_choice(&log, &name, merged(file.kafka, self.kafka_properties))?;
        let public_url = self.public_url.or(file.public_url);
        if let Some(url) = &public_url {
            check_public_url(url)?;
        }
        let advertise = self.advertise.or(file.advertise);
        let advertise = advertise.map(|url| NodeUrl::parse(&url).context("--advertise")).transpose()?;
        let peers = if self.peers.is_empty() { file.peers } else { self.peers };
        let peers = peers.iter().map(|url| NodeUrl::parse(url).context("--peer")).collect::<anyhow::Result<_>>()?;
        let events_text = self.events_text.or(file.events_text).unwrap_or_else(|| "inline".to_owned());
        let events_text = texts(&events_text, public_url.as_deref())?;
        let purpose = self.purpose.or(file.purpose).unwrap_or_else(|| "production".to_owned());
        let zone = self.time_zone.or(file.time_zone).unwrap_or_else(|| "UTC".to_owned());
        Ok(Config {
            log,
            events_text,
            name,
            data,
            identity,
            listen,
            public_url,
            advertise,
            peers,
            cluster_secret: self.cluster_secret_file.or(file.cluster_secret_file),
            purpose: purpose.parse().with_context(|| format!("--purpose {purpose:?}"))?,
            time_zone: zone.parse().with_context(|| format!("--time-zone {zone:?}"))?,
            rate: self.rate.or(file.rate).unwrap_or(6_000),
            trusted_proxies: trusted_proxies(if self.trusted_proxy.is_empty() {
                &file.trusted_proxy
            } else {
                &self.trusted_proxy
            })?,
            sample: self.sample || file.sample,
        })
    }
}

/// How a verb that is no node speaks to Kafka: with the properties that a node would have.
pub(crate) fn kafka_settings(
    address: Address,
    name: &str,
    given: Vec<(String, String)>,
    config: Option<&Path>,
) -> anyhow::Result<Settings> {
    Ok(Settings::new(address, name, merged(read_file(config)?.kafka, given))?)
}

/// Properties of the file, below variables, below flags.
fn merged(mut properties: BTreeMap<String, String>, given: Vec<(String, String)>) -> BTreeMap<String, String> {
    properties.extend(properties_of(std::env::vars()));
    properties.extend(given);
    properties
}

/// `NAME=VALUE`.
pub(crate) fn property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a property is NAME=VALUE, such as security.protocol=SASL_SSL".to_owned()),
    }
}

/// `CONVENIO_KAFKA_SASL_PASSWORD` is the property `sasl.password`.
pub(crate) fn properties_of(
    variables: impl Iterator<Item = (String, String)>,
) -> impl Iterator<Item = (String, String)> {
    variables.filter_map(|(name, value)| {
        let property = name.strip_prefix("CONVENIO_KAFKA_")?;
        Some((property.to_lowercase().replace('_', "."), value))
    })
}

fn log_choice(log: &str, name: &str, properties: BTreeMap<String, String>) -> anyhow::Result<LogChoice> {
    if log == "embedded" {
        return Ok(LogChoice::Embedded);
    }
    let address: Address =
        log.parse().with_context(|| format!("--log {log:?} is neither `embedded` nor an address"))?;
    Ok(LogChoice::Kafka(Box::new(Settings::new(address, name, properties)?)))
}

/// A reference leads outsiders somewhere: where they reach the node must have been said.
fn texts(how: &str, public_url: Option<&str>) -> anyhow::Result<Texts> {
    match (how, public_url) {
        ("inline", _) => Ok(Texts::Inline),
        ("reference", Some(url)) => Ok(Texts::Reference { public_url: url.trim_end_matches('/').to_owned() }),
        ("reference", None) => bail!("--events-text reference needs --public-url: where readers fetch the texts"),
        _ => bail!("--events-text {how:?} is neither `inline` nor `reference`"),
    }
}

/// The host's name and the port: unlike any other node's where nobody gives two hosts one name.
fn default_name(listen: SocketAddr) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    format!("{}:{}", if host.is_empty() { "node" } else { host }, listen.port())
}

/// Networks, or single addresses.
fn trusted_proxies(given: &[String]) -> anyhow::Result<Vec<IpNet>> {
    let parse = |text: &String| {
        let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        let net = net.with_context(|| format!("--trusted-proxy {text:?} is not a network such as 10.0.0.0/8"))?;
        ensure!(net.prefix_len() > 0, "--trusted-proxy {text:?} would believe everybody: name the proxy's own address");
        Ok(net)
    };
    given.iter().map(parse).collect()
}

/// `<data>-identity`.
pub(crate) fn identity_beside(data: &Path) -> PathBuf {
    let mut name = data.as_os_str().to_owned();
    name.push("-identity");
    name.into()
}

fn read_file(named: Option<&Path>) -> anyhow::Result<ServeArguments> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    match std::fs::read_to_string(path) {
        Ok(text) => toml::from_str(&text).with_context(|| format!("reading settings from {}", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => Ok(ServeArguments::default()),
        Err(error) => Err(error).with_context(|| format!("reading settings from {}", path.display())),
    }
}

fn check_public_url(url: &str) -> anyhow::Result<()> {
    let parsed = reqwest::Url::parse(url).with_context(|| format!("--public-url {url:?}"))?;
    let plain =
        parsed.path() == "/" && parsed.query().is_none() && parsed.fragment().is_none() && parsed.username().is_empty();
    if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() || !plain {
        bail!("--public-url {url:?} must be http(s)://host[:port] and nothing more");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trusted_proxy_is_a_network_and_never_everybody() {
        let checked = |text: &str| trusted_proxies(&[text.to_owned()]).map(|nets| nets[0].to_string()).ok();
        assert_eq!(checked("10.0.0.0/8").as_deref(), Some("10.0.0.0/8"));
        assert_eq!(checked("::1").as_deref(), Some("::1/128"));
        for wrong in ["0.0.0.0/0", "::/0", "10.0.0.0/33", "proxy.example.org", ""] {
            assert_eq!(checked(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_reference_to_a_text_leads_where_the_node_is_reached() {
        let public_url = "https://convenio.example".to_owned();
        for (how, url, expected) in [
            ("inline", None, Some(Texts::Inline)),
            ("reference", Some("https://convenio.example/"), Some(Texts::Reference { public_url })),
            ("reference", None, None),
            ("none", Some("https://convenio.example"), None),
        ] {
            assert_eq!(texts(how, url).ok(), expected, "{how} {url:?}");
        }
    }
}
