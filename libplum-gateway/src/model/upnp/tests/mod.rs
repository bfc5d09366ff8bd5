//! The UPnP side, without sockets.
