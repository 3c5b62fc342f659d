//! The service `worker`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sabot_platform::worker::main()
}
