//! The example platform: api, worker and provisioner, put together from the tracks.
