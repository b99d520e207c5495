//! Settings of a node: flag, then `CONVENIO_*` variable, then `convenio.toml`, then default. Checked before anything starts.

use anyhow::{Context as _, bail, ensure};
use convenio_events::{codes::Purpose, time::TimeZone};
use serde::Deserialize;
use std::{
    net::SocketAddr,
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
    /// Which log it uses; only `embedded` so far [default: embedded]
    #[arg(long, env = "CONVENIO_LOG_BACKEND", value_name = "LOG")]
    pub(crate) log: Option<String>,
    /// What a new ledger is for: production or test (whose clock may be set) [default: production]
    #[arg(long, env = "CONVENIO_PURPOSE", value_name = "PURPOSE")]
    pub(crate) purpose: Option<String>,
    /// Where civil dates of a new ledger end, as an IANA zone [default: UTC]
    #[arg(long, env = "CONVENIO_TIME_ZONE", value_name = "ZONE")]
    pub(crate) time_zone: Option<String>,
    /// Requests a minute for each token or address; 0 for no limit [default: 6000]
    #[arg(long, env = "CONVENIO_RATE", value_name = "N")]
    pub(crate) rate: Option<u32>,
    /// Records the sample cooperation when the ledger is new
    #[arg(long)]
    #[serde(default)]
    pub(crate) sample: bool,
    /// Reads settings from this file instead of convenio.toml
    #[arg(long, env = "CONVENIO_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub(crate) config: Option<PathBuf>,
}

/// How a node is run, checked.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) data: PathBuf,
    pub(crate) identity: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) public_url: Option<String>,
    pub(crate) purpose: Purpose,
    pub(crate) time_zone: TimeZone,
    pub(crate) rate: u32,
    pub(crate) sample: bool,
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
        let listen =
            listen.parse().with_context(|| format!("--listen {listen:?} is not an address such as 127.0.0.1:8080"))?;
        let log = self.log.or(file.log).unwrap_or_else(|| "embedded".to_owned());
        ensure!(log == "embedded", "--log {log:?}: this program has the embedded log only");
        let public_url = self.public_url.or(file.public_url);
        if let Some(url) = &public_url {
            check_public_url(url)?;
        }
        let purpose = self.purpose.or(file.purpose).unwrap_or_else(|| "production".to_owned());
        let zone = self.time_zone.or(file.time_zone).unwrap_or_else(|| "UTC".to_owned());
        Ok(Config {
            data,
            identity,
            listen,
            public_url,
            purpose: purpose.parse().with_context(|| format!("--purpose {purpose:?}"))?,
            time_zone: zone.parse().with_context(|| format!("--time-zone {zone:?}"))?,
            rate: self.rate.or(file.rate).unwrap_or(6_000),
            sample: self.sample || file.sample,
        })
    }
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
