//! `convenio rebuild`.

/// Flags of the verb.
#[derive(clap::Args, Debug)]
pub(crate) struct RebuildArguments {}

/// Runs the verb.
pub(crate) async fn run(_arguments: RebuildArguments) -> anyhow::Result<()> {
    Ok(())
}
