//! The numbers of the two standards.

/// PCP result codes (RFC 6887 §7.4).
pub mod pcp {
    /// Success.
    pub const SUCCESS: u8 = 0;
    /// The version is not known here.
    pub const UNSUPP_VERSION: u8 = 1;
    /// Disabled for this client, or against the security policy.
    pub const NOT_AUTHORIZED: u8 = 2;
    /// Could not be parsed.
    pub const MALFORMED_REQUEST: u8 = 3;
    /// The Opcode is not known here.
    pub const UNSUPP_OPCODE: u8 = 4;
    /// A mandatory option is not known, or not permitted, here.
    pub const UNSUPP_OPTION: u8 = 5;
    /// An option is of the wrong form, or appears where it makes no sense.
    pub const MALFORMED_OPTION: u8 = 6;
    /// The gateway has no external address, or the like.
    pub const NETWORK_FAILURE: u8 = 7;
    /// The table is full, or the gateway is busy.
    pub const NO_RESOURCES: u8 = 8;
    /// Neither TCP nor UDP.
    pub const UNSUPP_PROTOCOL: u8 = 9;
    /// This host has its share of ports already.
    pub const USER_EX_QUOTA: u8 = 10;
    /// PREFER_FAILURE, and the suggestion could not be had.
    pub const CANNOT_PROVIDE_EXTERNAL: u8 = 11;
    /// The request passed a NAT on its way.
    pub const ADDRESS_MISMATCH: u8 = 12;
    /// More FILTER options than the gateway holds.
    pub const EXCESSIVE_REMOTE_PEERS: u8 = 13;

    /// Whether an error is of the short kind, 30 s, or of the long kind, 30 minutes (§7.4).
    pub fn is_short(code: u8) -> bool {
        matches!(code, NETWORK_FAILURE | NO_RESOURCES | USER_EX_QUOTA)
    }
}

/// NAT-PMP result codes (RFC 6886 §3.5). From 3 on they differ from PCP's.
pub mod nat_pmp {
    /// Success.
    pub const SUCCESS: u16 = 0;
    /// The version is not 0.
    pub const UNSUPPORTED_VERSION: u16 = 1;
    /// Not Authorized/Refused: the user has turned the feature off.
    pub const NOT_AUTHORIZED: u16 = 2;
    /// The gateway has not obtained a DHCP lease, or the like.
    pub const NETWORK_FAILURE: u16 = 3;
    /// No more mappings can be made at this time.
    pub const OUT_OF_RESOURCES: u16 = 4;
    /// The opcode is neither 0, 1 nor 2.
    pub const UNSUPPORTED_OPCODE: u16 = 5;
}
