//! `convenio grant`, `revoke` and `grants`.

/// Flags of the verb.
#[derive(clap::Args, Debug)]
pub(crate) struct GrantArguments {}
/// Flags of the verb.
#[derive(clap::Args, Debug)]
pub(crate) struct RevokeArguments {}
/// Flags of the verb.
#[derive(clap::Args, Debug)]
pub(crate) struct GrantsArguments {}

pub(crate) async fn grant(_arguments: GrantArguments) -> anyhow::Result<()> {
    Ok(())
}
pub(crate) async fn revoke(_arguments: RevokeArguments) -> anyhow::Result<()> {
    Ok(())
}
pub(crate) async fn list(_arguments: GrantsArguments) -> anyhow::Result<()> {
    Ok(())
}
