//! Files that are taken away from under a node that runs: the journal's, and the views'. It damages none that stays.

use super::{Template, said, same, start};
use crate::{Server, User, server::DEADLINE, users::listing};
use anyhow::ensure;
use std::{
    path::Path,
    time::{Duration, Instant},
};
use uuid::Uuid;

impl Template {
    /// Takes the journal's files away from under a node that runs: no command counts any more, and the place is told. With
    /// `recovers`, the next start knows all that was acknowledged.
    ///
    /// # Errors
    /// When it says or does what is not so.
    pub async fn lose_journal(&self, folder: &Path, lose: impl Fn(&Path), recovers: bool) -> anyhow::Result<()> {
        let data = self.copy_to(folder)?;
        let server = start(&data).map_err(anyhow::Error::msg)?;
        let user = self.user.at(&server);
        let send = async |user: &User, id| user.send_as(id, "publish-offer", &listing(id, "Oferta")).await;
        let before = Uuid::new_v4();
        ensure!(send(&user, before).await.status == 201, "an undamaged copy takes no command");
        lose(&data);
        let refused = send(&user, Uuid::new_v4()).await;
        ensure!(refused.status == 503, "a command that a start would not find: {} {}", refused.status, refused.text);
        self.halts(&server).await?;
        ensure!(send(&user, Uuid::new_v4()).await.status == 503);
        server.kill();
        if recovers {
            let server = start(&data).map_err(anyhow::Error::msg)?;
            let known = send(&self.user.at(&server), before).await;
            ensure!(known.status == 200, "what was acknowledged is lost: {} {}", known.status, known.text);
        }
        Ok(())
    }

    /// Waits until it says that it has halted, and where.
    async fn halts(&self, server: &Server) -> anyhow::Result<()> {
        let admin = User::with_token(server, &self.admin);
        let get = async |path| admin.ask(admin.request(reqwest::Method::GET, path)).await;
        let deadline = Instant::now() + DEADLINE;
        loop {
            let status = get("/api/v1/status").await;
            if let Some(halted) = status.body["log"]["halted"].as_str() {
                ensure!(halted.contains("journal.db"), "the place: {halted}");
                break;
            }
            ensure!(Instant::now() < deadline, "it does not halt: {}", status.text);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let ready = get("/readyz").await;
        ensure!(ready.status == 503, "/readyz of a halted node: {}", ready.text);
        Ok(())
    }

    /// Deletes the views of a node that runs: they are made anew, and told.
    ///
    /// # Errors
    /// When they are not.
    pub async fn lose_views(&self, folder: &Path) -> anyhow::Result<()> {
        let data = self.copy_to(folder)?;
        let server = start(&data).map_err(anyhow::Error::msg)?;
        std::fs::remove_dir_all(data.join("views"))?;
        self.views_return(&server).await?;
        self.goes_on(server, &data, None).await
    }

    /// Waits until every view shows what it showed; a node that has ended is none that shows something else.
    pub(super) async fn views_return(&self, server: &Server) -> anyhow::Result<()> {
        let admin = User::with_token(server, &self.admin);
        let deadline = Instant::now() + DEADLINE;
        loop {
            if admin.try_ask(admin.request(reqwest::Method::GET, "/healthz")).await.is_err() {
                return Ok(());
            }
            let now = said(&admin, self.events - 1).await?;
            for (now, before) in now.iter().zip(&self.said) {
                // An answer that says it cannot answer is no false one.
                ensure!(now.as_ref().map_or(true, |now| same(now, before)), "it says {now:?} and said {before}");
            }
            if now.iter().all(Result::is_ok) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the views do not return: {now:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
