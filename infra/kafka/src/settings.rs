//! Where Kafka is and how it is spoken to. Secrets come in here and leave to librdkafka only: no text that is made here shows them.

use crate::authority::Authority;
use rdkafka::config::ClientConfig;
use std::{collections::BTreeMap, fmt, path::PathBuf, str::FromStr, time::Duration};

/// The most characters of a ledger's name on Kafka: with the rest of a topic's name it stays below Kafka's 249.
const NAME_LIMIT: usize = 200;

/// `kafka://host:port,host:port/<ledger>`: brokers to begin with, and the name by which a ledger's topics are called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    /// `host:port`, separated by commas.
    pub brokers: String,
    /// The ledger's name in its topics' names: letters, digits, `.`, `_` and `-`.
    pub ledger: String,
}

/// What is wrong with an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddressError {
    /// It begins with something else.
    #[error("a log on Kafka is kafka://host:port[,host:port]/<ledger>")]
    Scheme,
    /// A broker without a host or a port.
    #[error("every broker is host:port")]
    Broker,
    /// What Kafka does not take in a topic's name.
    #[error("the ledger's name is 1 to {NAME_LIMIT} letters, digits, dots, underscores and hyphens")]
    Ledger,
}

impl FromStr for Address {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (brokers, ledger) =
            text.strip_prefix("kafka://").and_then(|rest| rest.split_once('/')).ok_or(AddressError::Scheme)?;
        let is_broker = |broker: &str| {
            broker.rsplit_once(':').is_some_and(|(host, port)| {
                !host.is_empty() && !host.contains(['@', '/', ' ']) && port.parse::<u16>().is_ok()
            })
        };
        if !brokers.split(',').all(is_broker) {
            return Err(AddressError::Broker);
        }
        let plain = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
        if ledger.is_empty() || ledger.len() > NAME_LIMIT || !ledger.chars().all(plain) {
            return Err(AddressError::Ledger);
        }
        Ok(Self { brokers: brokers.to_owned(), ledger: ledger.to_owned() })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kafka://{}/{}", self.brokers, self.ledger)
    }
}

/// How a node speaks to Kafka.
#[derive(Clone)]
pub struct Settings {
    /// Where the ledger is.
    pub address: Address,
    /// The name of this node, unlike any other's of the ledger.
    pub node: String,
    /// Whether the ledger may begin here.
    pub opening: Opening,
    /// How often and how long a node looks at its topics.
    pub periods: Periods,
    /// What shows that this node is one of the ledger's, once it is known.
    pub authority: Authority,
    /// Properties of librdkafka.
    options: BTreeMap<String, String>,
}

/// Whether a ledger may begin in topics that are not there yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Opening {
    /// It may: all topics are made where they are missing.
    #[default]
    MayBegin,
    /// It was opened before: its log and its keys are there, or something is wrong.
    Opened,
}

/// What is wrong with a property.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The protocol depends on its value.
    #[error("kafka.{0} is set by the program: the ledger's order and durability depend on it")]
    Reserved(String),
    /// The file of a secret cannot be read.
    #[error("kafka.{name}: reading {}", path.display())]
    File {
        /// The property.
        name: String,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// How often and how long a node looks at its topics while it runs. [`Default`] is what nodes use; a test need not wait so long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Periods {
    /// From one look at settings, partitions and copies to the next.
    pub topics_checked: Duration,
    /// The same while something is wrong with them, so that it is soon seen that it was mended.
    pub topics_checked_while_wrong: Duration,
    /// How long a topic of a ledger that was opened may be unknown until it is missing: a broker that has just started does not
    /// know all that another knows.
    pub topic_missing: Duration,
    /// From one question who stands for election to the next.
    pub names_asked: Duration,
    /// How long a transaction may be open until it counts as hanging: the coordinator has ended that of a node that died by then
    /// (`transaction.timeout.ms` of 10 s, for which it looks every 10 s).
    pub transaction_hangs: Duration,
    /// How long the end of the keys must have been seen after an event whose key it lacks, until that key is missing: a broker
    /// that has begun to lead the topic shows what all replicas have as soon as they have told it.
    pub key_missing: Duration,
}

impl Default for Periods {
    fn default() -> Self {
        Self {
            topics_checked: Duration::from_secs(60),
            topics_checked_while_wrong: Duration::from_secs(5),
            topic_missing: Duration::from_secs(5),
            names_asked: Duration::from_secs(10),
            transaction_hangs: Duration::from_secs(25),
            key_missing: Duration::from_secs(10),
        }
    }
}

/// What the protocol rests on: nobody may set it otherwise.
const RESERVED: [&str; 14] = [
    "acks",
    "auto.offset.reset",
    "bootstrap.servers",
    "client.id",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "group.instance.id",
    "isolation.level",
    "partition.assignment.strategy",
    "request.required.acks",
    "transactional.id",
];

/// A property that ends like this names a file; its content, without white space around it, is the value.
const FILE: &str = ".file";

impl Settings {
    /// Of a node, with properties of librdkafka: `sasl.password.file` names a file that holds `sasl.password`.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn new(
        address: Address,
        node: impl Into<String>,
        options: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let mut all = BTreeMap::new();
        for (name, value) in options {
            if RESERVED.contains(&name.as_str()) {
                return Err(SettingsError::Reserved(name));
            }
            let (name, value) = match name.strip_suffix(FILE) {
                None => (name, value),
                Some(property) => {
                    let path = PathBuf::from(value);
                    let read = std::fs::read_to_string(&path);
                    let value = read.map_err(|source| SettingsError::File { name: name.clone(), path, source })?;
                    (property.to_owned(), value.trim().to_owned())
                }
            };
            all.insert(name, value);
        }
        Ok(Self {
            address,
            node: node.into(),
            opening: Opening::default(),
            periods: Periods::default(),
            authority: Authority::default(),
            options: all,
        })
    }

    /// The same, of a ledger that was opened or not.
    #[must_use]
    pub fn with_opening(self, opening: Opening) -> Self {
        Self { opening, ..self }
    }

    /// `convenio.<ledger>.<what>`: how everything of a ledger is called on Kafka.
    pub(crate) fn name(&self, what: &str) -> String {
        format!("convenio.{}.{what}", self.address.ledger)
    }

    /// What every client of the node begins with; `defaults` give way to what the operator set.
    pub(crate) fn client(&self, defaults: &[(&str, &str)], fixed: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (name, value) in [("reconnect.backoff.ms", "50"), ("reconnect.backoff.max.ms", "1000")] {
            config.set(name, value);
        }
        for (name, value) in defaults {
            config.set(*name, *value);
        }
        for (name, value) in &self.options {
            config.set(name, value);
        }
        config.set("bootstrap.servers", &self.address.brokers).set("client.id", format!("convenio-{}", self.node));
        for (name, value) in fixed {
            config.set(*name, *value);
        }
        config
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.options.keys().collect();
        f.debug_struct("Settings")
            .field("address", &self.address)
            .field("node", &self.node)
            .field("set", &names)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_brokers_and_a_ledger() {
        let address: Address = "kafka://a:9092,b.example:9093/health-2026".parse().expect("an address");
        assert_eq!((&*address.brokers, &*address.ledger), ("a:9092,b.example:9093", "health-2026"));
        assert_eq!(address.to_string(), "kafka://a:9092,b.example:9093/health-2026");
        for (text, error) in [
            ("a:9092/health", AddressError::Scheme),
            ("kafka://a:9092", AddressError::Scheme),
            ("kafka://a/health", AddressError::Broker),
            ("kafka://user@a:1,:2/health", AddressError::Broker),
            ("kafka://a:1/", AddressError::Ledger),
            ("kafka://a:1/b/c", AddressError::Ledger),
            ("kafka://a:1/ñ", AddressError::Ledger),
        ] {
            assert_eq!(text.parse::<Address>(), Err(error), "{text}");
        }
    }

    #[test]
    fn secrets_come_from_files_and_are_never_shown() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("password");
        std::fs::write(&file, "correct horse\n").expect("written");
        let address: Address = "kafka://a:1/b".parse().expect("an address");
        let options = [("sasl.password.file".to_owned(), file.display().to_string())];
        let settings = Settings::new(address.clone(), "one", options).expect("fine");
        assert_eq!(settings.client(&[], &[]).get("sasl.password"), Some("correct horse"));
        assert!(!format!("{settings:?}").contains("horse"));
        let reserved = Settings::new(address, "one", [("acks".to_owned(), "0".to_owned())]);
        assert!(matches!(reserved, Err(SettingsError::Reserved(name)) if name == "acks"));
    }
}
