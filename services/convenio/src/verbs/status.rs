//! `convenio status`.

/// Flags of the verb.
#[derive(clap::Args, Debug)]
pub(crate) struct StatusArguments {}

/// Runs the verb.
pub(crate) async fn run(_arguments: StatusArguments) -> anyhow::Result<()> {
    Ok(())
}
