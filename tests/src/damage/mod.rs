//! Damaged files: a small real ledger is copied, one of its files is damaged, a node is started on it or runs meanwhile, and what it
//! says is compared with what it said before. It is refused with the place, or it is what it was; never another.

mod faults;
mod losing;

pub use faults::{Fault, files, strike};

use crate::{
    Audit, Ledger, Server, User,
    audit::views_agree_with_a_fresh_rebuild,
    server::{DEADLINE, Start},
    users::listing,
};
use anyhow::{Context as _, bail, ensure};
use rand::{RngExt as _, rngs::StdRng, seq::IndexedRandom as _};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// Offers of the template, beside what the sample records.
const OFFERS: usize = 12;
/// What is compared, as the first admin reads it.
const READS: [&str; 8] = [
    "/api/v1/events?from=0&limit=1000",
    "/api/v1/offers?limit=200",
    "/api/v1/demands?limit=200",
    "/api/v1/organisations?limit=200",
    "/api/v1/agreements?limit=200",
    "/api/v1/learnings?limit=200",
    "/api/v1/convenings?limit=200",
    "/api/v1/audit?limit=200",
];

/// A ledger that was stopped or killed, and everything that it said.
pub struct Template {
    data: PathBuf,
    /// The files of another ledger, for those that are swapped.
    other: PathBuf,
    /// Its own files of an earlier day.
    earlier: PathBuf,
    user: User,
    sent: Vec<(Uuid, Value)>,
    said: Vec<Value>,
    admin: String,
    events: u64,
}

/// One more command, and whether it was said to be recorded.
struct Sent {
    id: Uuid,
    offer: Value,
    acknowledged: bool,
}

/// How a round went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The node did not start and said why.
    Refused,
    /// It shows what it has, records nothing and says where the damage is.
    Halted,
    /// It is what it was.
    Same,
    /// The fault cannot be done to this file.
    Skipped,
}

impl Template {
    /// Records the sample and some offers below a folder; `killed` leaves what was recorded last in the WAL.
    ///
    /// # Errors
    /// When the ledger cannot be made.
    pub async fn make(folder: &Path, killed: bool) -> anyhow::Result<Self> {
        let (data, other, earlier) = (folder.join("template"), folder.join("other"), folder.join("earlier"));
        ensure!(Start::on(&other).run().map_err(|failure| anyhow::anyhow!(failure.said))?.stop().success());
        let server = Start::on(&data).with("--sample").run().map_err(|failure| anyhow::anyhow!(failure.said))?;
        ensure!(server.wait_for_line("The sample is recorded"), "the sample is recorded");
        ensure!(server.stop().success());
        copy(&data, &earlier)?;
        copy(&beside(&data), &beside(&earlier))?;
        let server = Start::on(&data).run().map_err(|failure| anyhow::anyhow!(failure.said))?;
        let ledger = Ledger::new(server);
        let admin = ledger.server.admin_token();
        let user = ledger.organisation("Instituto", "PE").await;
        let (mut sent, mut last) = (Vec::new(), 0);
        for _ in 0..OFFERS {
            let (id, offer) = (Uuid::new_v4(), listing(Uuid::new_v4(), "Oferta"));
            let told = user.send_as(id, "publish-offer", &offer).await.accepted();
            last = told["sequence"].as_u64().context("a sequence")?;
            sent.push((id, offer));
        }
        let said = said(&User::with_token(&ledger.server, &admin), last).await?;
        let said = said.into_iter().map(|said| said.map_err(anyhow::Error::msg)).collect::<Result<_, _>>()?;
        if killed {
            marked(&ledger.server.identity(), last + 1)?;
            ledger.server.kill();
        } else {
            ensure!(ledger.server.stop().success());
        }
        Ok(Self { data, other, earlier, user, sent, said, admin, events: last + 1 })
    }

    /// Damages a copy, and looks at what comes of it.
    ///
    /// # Errors
    /// When the node says or does what is not so.
    pub async fn round(&self, folder: &Path, random: &mut StdRng) -> anyhow::Result<(Outcome, String)> {
        let data = self.copy_to(folder)?;
        let identity = beside(&data);
        let (fault, derived, running) =
            (*Fault::ALL.choose(random).context("faults")?, random.random_bool(0.6), random.random_bool(0.3));
        if !derived && !running {
            remove_derived(&data)?;
        }
        let file = files(&data, &identity).choose(random).cloned().context("files")?;
        let name = file.strip_prefix(folder)?.components().skip(1).collect::<PathBuf>().display().to_string();
        let place = if file.starts_with(&identity) { "identity: " } else { "" };
        let what = format!(
            "{fault:?} of {place}{name}, derived files {}, {}",
            if derived || running { "present" } else { "absent" },
            if running { "while it runs" } else { "between runs" }
        );
        let outcome = self.look(&data, &file, fault, running, random).await.with_context(|| what.clone())?;
        for folder in [&data, &identity] {
            std::fs::remove_dir_all(folder)?;
        }
        Ok((outcome, what))
    }

    /// Does one thing between runs to one file, by the beginning of its name, of a copy that is otherwise whole.
    ///
    /// # Errors
    /// As for [`Template::round`].
    pub async fn strike(
        &self,
        folder: &Path,
        fault: Fault,
        file: &str,
        random: &mut StdRng,
    ) -> anyhow::Result<Outcome> {
        let data = self.copy_to(folder)?;
        let found = files(&data, &beside(&data)).into_iter().find(|path| {
            path.strip_prefix(&data).is_ok_and(|path| path.to_string_lossy().starts_with(file))
                && path.to_string_lossy().ends_with(".db")
        });
        let found = found.with_context(|| format!("there is no {file}"))?;
        self.look(&data, &found, fault, false, random).await.with_context(|| format!("{fault:?} of {file}"))
    }

    fn copy_to(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let data = folder.join(format!("round-{}", Uuid::new_v4()));
        copy(&self.data, &data)?;
        copy(&beside(&self.data), &beside(&data))?;
        Ok(data)
    }

    async fn look(
        &self,
        data: &Path,
        file: &Path,
        fault: Fault,
        running: bool,
        random: &mut StdRng,
    ) -> anyhow::Result<Outcome> {
        let relative = file.strip_prefix(data).or_else(|_| file.strip_prefix(beside(data)))?;
        // Who writes SQL into a view while it runs writes through SQLite, and its checksums are right.
        let is_sql = matches!(fault, Fault::RowDeleted | Fault::RowChanged);
        if running && is_sql && relative.starts_with("views") {
            return Ok(Outcome::Skipped);
        }
        let of = |base: &Path| if file.starts_with(data) { base.join(relative) } else { beside(base).join(relative) };
        let (other, earlier) = (of(&self.other), of(&self.earlier));
        let mut sent = None;
        if running {
            let server = match start(data) {
                Ok(server) => server,
                Err(said) => bail!("an undamaged copy does not start: {said}"),
            };
            if !strike(fault, file, &other, &earlier, random) {
                return Ok(Outcome::Skipped);
            }
            if relative.starts_with("views") {
                // A page is looked at every two seconds.
                self.views_return(&server).await?;
            } else {
                self.compare(&server, false, None).await.context("while it runs")?;
                sent = self.send(&server).await;
            }
            // It may be killed, or end by itself: what it leaves is looked at below.
            server.kill();
        } else if !strike(fault, file, &other, &earlier, random) {
            return Ok(Outcome::Skipped);
        }
        let server = match start(data) {
            Ok(server) => server,
            Err(said) => {
                let names = [
                    "damaged",
                    "missing",
                    "not a journal",
                    "opens one ledger once",
                    "contradict",
                    "mixed",
                    "the log is of",
                    "key",
                    "UUID",
                    "reading",
                    "newer program",
                    "cannot be used",
                ];
                ensure!(
                    said.contains("convenio: ") && names.iter().any(|name| said.contains(name)),
                    "it says no place: {said}"
                );
                let lost = relative.to_string_lossy().starts_with("journal.db")
                    && matches!(fault, Fault::Deleted | Fault::Cut);
                let counted = sent.as_ref().is_some_and(|sent: &Sent| sent.acknowledged);
                ensure!(!(lost && counted), "a command was acknowledged that no start finds: {said}");
                return Ok(Outcome::Refused);
            }
        };
        if self.compare(&server, true, sent.as_ref()).await? {
            return Ok(Outcome::Halted);
        }
        self.goes_on(server, data, sent).await?;
        Ok(Outcome::Same)
    }

    /// Sends one more offer to a node whose files were struck.
    async fn send(&self, server: &Server) -> Option<Sent> {
        let user = self.user.at(server);
        let id = Uuid::new_v4();
        let offer = listing(id, "Oferta");
        let request = user.request(reqwest::Method::POST, "/api/v1/commands/publish-offer");
        let request = request.header("Idempotency-Key", id.to_string()).json(&offer);
        // A node may end when its files go; then nobody knows.
        let acknowledged = user.try_ask(request).await.is_ok_and(|answer| answer.status == 201);
        Some(Sent { id, offer, acknowledged })
    }

    /// Compares what a node says with what the ledger said; true where it has halted, which it then tells everywhere. Where one more
    /// command was sent, the lists may have it.
    async fn compare(&self, server: &Server, settled: bool, sent: Option<&Sent>) -> anyhow::Result<bool> {
        let admin = User::with_token(server, &self.admin);
        let deadline = Instant::now() + DEADLINE;
        let halted = loop {
            let status = match admin.try_ask(admin.request(reqwest::Method::GET, "/api/v1/status")).await {
                Ok(status) => status,
                // A node may end when its files go; one that was started on them may not.
                Err(_) if !settled => return Ok(true),
                Err(error) => bail!("it has ended: {error}"),
            };
            if let Some(halted) = status.body["log"]["halted"].as_str() {
                break Some(halted.to_owned());
            }
            let (size, head) = (status.body["tree"]["size"].as_u64(), status.body["head_sequence"].as_u64());
            if !settled || size == head.map(|head| head + 1) {
                break None;
            }
            ensure!(Instant::now() < deadline, "neither halted nor read whole: {}", status.text);
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        for (said, expected) in said(&admin, self.events - 1).await?.into_iter().zip(&self.said) {
            // An answer that says it cannot answer is no false one.
            if let Ok(said) = said
                && sent.is_none()
            {
                ensure!(same(&said, expected), "it says {said} and said {expected}");
            }
        }
        let Some(halted) = halted else { return Ok(false) };
        ensure!(halted.contains("event"), "the place: {halted}");
        for probe in ["/readyz", "/readyz?for=commands"] {
            let ready = admin.ask(admin.request(reqwest::Method::GET, probe)).await;
            ensure!(ready.status == 503, "{probe} of a halted node: {}", ready.text);
        }
        let (id, offer) = (Uuid::new_v4(), listing(Uuid::new_v4(), "Oferta"));
        let refused = self.user.at(server).send_as(id, "publish-offer", &offer).await;
        ensure!(refused.status == 503, "a command on a damaged log: {}", refused.text);
        Ok(true)
    }

    /// What was recorded is known, something new is recorded once, and everything is whole.
    async fn goes_on(&self, server: Server, data: &Path, sent: Option<Sent>) -> anyhow::Result<()> {
        let user = self.user.at(&server);
        let deadline = Instant::now() + DEADLINE;
        let mut events = self.events;
        let new = Sent { id: Uuid::new_v4(), offer: listing(Uuid::new_v4(), "Oferta"), acknowledged: false };
        let known = self.sent.iter().map(|(id, offer)| (*id, offer, true));
        let later = sent.iter().chain([&new]).map(|sent| (sent.id, &sent.offer, sent.acknowledged));
        for (place, (id, offer, acknowledged)) in known.chain(later).enumerate() {
            let is_later = place >= self.sent.len();
            loop {
                let answer = user.send_as(id, "publish-offer", offer).await;
                match answer.status.as_u16() {
                    // A damaged look-up is made anew first; or its outcome is not known until then.
                    200 => break events += u64::from(is_later),
                    201 if !acknowledged => break events += 1,
                    503 => ensure!(Instant::now() < deadline, "it does not go on: {}", answer.text),
                    _ => bail!("the command {id} was answered {} {}", answer.status, answer.text),
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        ensure!(server.stop().success(), "it stops in order");
        let found = Audit::of(data).events.len() as u64;
        ensure!(found == events, "{found} events where {events} were recorded");
        views_agree_with_a_fresh_rebuild(data).await;
        Ok(())
    }
}

fn start(data: &Path) -> Result<Server, String> {
    Start::on(data).run().map_err(|failure| failure.said)
}

/// The answer to each read: what was said, or that it was not.
async fn said(admin: &User, last: u64) -> anyhow::Result<Vec<Result<Value, String>>> {
    let mut all = Vec::new();
    for path in READS {
        let sign = if path.contains('?') { '&' } else { '?' };
        let request = admin.request(reqwest::Method::GET, &format!("{path}{sign}wait_for={last}"));
        all.push(match admin.try_ask(request).await {
            Ok(reply) if reply.status == 200 => Ok(reply.body),
            Ok(reply) if reply.status.is_server_error() => Err(reply.text),
            Ok(reply) => bail!("{path}: {} {}", reply.status, reply.text),
            Err(error) => Err(error.to_string()),
        });
    }
    Ok(all)
}

/// Items and events are what they were; how far a view has come since is not compared.
fn same(said: &Value, expected: &Value) -> bool {
    ["items", "events"].iter().all(|part| said[part] == expected[part])
}

/// Waits until the identity says how far the log reaches.
fn marked(identity: &Path, events: u64) -> anyhow::Result<()> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let opened = convenio_notary::OpenedLedger::read(identity)?;
        if opened.is_some_and(|opened| opened.reach().size() >= events) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "it is not marked");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn beside(data: &Path) -> PathBuf {
    let mut name = data.as_os_str().to_owned();
    name.push("-identity");
    name.into()
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    ensure!(Command::new("cp").arg("-a").args([from, to]).status()?.success(), "{} is copied", from.display());
    Ok(())
}

fn remove_derived(data: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(data)? {
        let path = entry?.path();
        if path.is_dir() {
            std::fs::remove_dir_all(path)?;
        } else if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("journal")) {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}
