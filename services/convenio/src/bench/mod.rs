//! `convenio bench`: each figure beside its raw floor in the same run. It measures this machine; it asserts nothing.

/// Flags of the verb.
#[derive(clap::Args, Debug)]
pub(crate) struct BenchArguments {}

/// Runs the verb.
pub(crate) fn run(_arguments: &BenchArguments) -> anyhow::Result<()> {
    Ok(())
}
