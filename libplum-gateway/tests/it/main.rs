//! The gateway on the loopback, asked by plain sockets. No test sleeps.

mod client;
mod corpus;
mod costume;
mod plain;
mod recorded;
mod recorded_upnp;
mod serve;
mod trouble;
mod unsolicited;
mod upnp;
