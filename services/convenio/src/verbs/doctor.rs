//! `convenio doctor`.

/// Flags of the verb.
#[derive(clap::Args, Debug)]
pub(crate) struct DoctorArguments {}

/// Runs the verb.
pub(crate) fn run(_arguments: &DoctorArguments) -> anyhow::Result<()> {
    Ok(())
}
