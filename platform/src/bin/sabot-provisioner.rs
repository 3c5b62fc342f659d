//! The service `provisioner`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sabot_platform::provisioner::main()
}
