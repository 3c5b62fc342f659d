//! `sabot schema`.

use crate::cli::{SchemaArgs, SchemaOf};
use sabot_engine::{Exit, record_schema};
use sabot_target::config_schema;

/// Prints a JSON Schema.
pub(crate) fn schema(args: &SchemaArgs) -> Exit {
    let schema = match args.of {
        SchemaOf::Record => record_schema(),
        SchemaOf::Config => config_schema(),
    };
    println!("{schema:#}");
    Exit::Passed
}
