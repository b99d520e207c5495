//! `convenio record`.

/// Flags of the verb.
#[derive(clap::Args, Debug)]
pub(crate) struct RecordArguments {}

/// Runs the verb.
pub(crate) async fn run(_arguments: RecordArguments) -> anyhow::Result<()> {
    Ok(())
}
