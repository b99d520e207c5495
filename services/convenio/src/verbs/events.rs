//! `convenio events`.

/// Flags of the verb.
#[derive(clap::Args, Debug)]
pub(crate) struct EventsArguments {}

/// Runs the verb.
pub(crate) async fn run(_arguments: EventsArguments) -> anyhow::Result<()> {
    Ok(())
}
