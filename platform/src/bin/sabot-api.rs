//! The service `api`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sabot_platform::api::main()
}
