//! UPnP error codes: UDA 1.0 §3.2.3, WANIPConnection:1 and :2, WANIPv6FirewallControl:1.

/// Invalid Action: the service has no such action.
pub const INVALID_ACTION: u16 = 401;
/// Invalid Args: too few, or of the wrong type.
pub const INVALID_ARGS: u16 = 402;
/// Action Failed: the state of the device prevents it.
pub const ACTION_FAILED: u16 = 501;
/// Argument Value Invalid.
pub const ARGUMENT_VALUE_INVALID: u16 = 600;
/// Action Not Authorized.
pub const NOT_AUTHORIZED: u16 = 606;
/// InactiveConnectionStateRequired.
pub const INACTIVE_STATE_REQUIRED: u16 = 703;
/// SpecifiedArrayIndexInvalid: no entry at this index.
pub const INDEX_INVALID: u16 = 713;
/// NoSuchEntryInArray.
pub const NO_SUCH_ENTRY: u16 = 714;
/// WildCardNotPermittedInExtPort.
pub const NO_WILDCARD_IN_EXTERNAL_PORT: u16 = 716;
/// ConflictInMappingEntry: the external port is another client's.
pub const CONFLICT: u16 = 718;
/// SamePortValuesRequired.
pub const SAME_PORTS_REQUIRED: u16 = 724;
/// OnlyPermanentLeasesSupported.
pub const ONLY_PERMANENT_LEASES: u16 = 725;
/// RemoteHostOnlySupportsWildcard.
pub const REMOTE_HOST_ONLY_WILDCARD: u16 = 726;
/// NoPortMapsAvailable (WANIPConnection:2).
pub const NO_PORT_MAPS: u16 = 728;
/// ConflictWithOtherMechanisms (WANIPConnection:2).
pub const OTHER_MECHANISMS: u16 = 729;
/// PortMappingNotFound (WANIPConnection:2).
pub const PORT_MAPPING_NOT_FOUND: u16 = 730;
/// WildCardNotPermittedInIntPort (WANIPConnection:2).
pub const NO_WILDCARD_IN_INTERNAL_PORT: u16 = 732;
/// InconsistentParameters: a range that ends before it starts (WANIPConnection:2).
pub const INCONSISTENT_PARAMETERS: u16 = 733;

/// Errors of WANIPv6FirewallControl:1, whose numbers mean something else elsewhere.
pub mod pinhole {
    /// PinholeSpaceExhausted.
    pub const SPACE_EXHAUSTED: u16 = 701;
    /// NoSuchEntry: no pinhole with this UniqueID.
    pub const NO_SUCH_ENTRY: u16 = 704;
    /// ProtocolNotSupported.
    pub const PROTOCOL_NOT_SUPPORTED: u16 = 705;
    /// InternalPortWildcardingNotAllowed.
    pub const NO_INTERNAL_PORT_WILDCARD: u16 = 706;
    /// ProtocolWildcardingNotAllowed.
    pub const NO_PROTOCOL_WILDCARD: u16 = 707;
    /// NoPacketSent: nothing has come through this pinhole.
    pub const NO_PACKET_SENT: u16 = 709;
}

/// The name that the standards give a code; the five that mean something else for pinholes are
/// named there as well.
/// miniupnpd has words of its own for some.
pub(crate) fn describe(code: u16, miniupnpd: bool) -> &'static str {
    match code {
        ACTION_FAILED if miniupnpd => "ActionFailed",
        NO_WILDCARD_IN_EXTERNAL_PORT if miniupnpd => "Wildcard not permited in ExtPort",
        INCONSISTENT_PARAMETERS if miniupnpd => "InconsistentParameter",
        INVALID_ACTION => "Invalid Action",
        INVALID_ARGS => "Invalid Args",
        ACTION_FAILED => "Action Failed",
        ARGUMENT_VALUE_INVALID => "Argument Value Invalid",
        601 => "Argument Value Out of Range",
        602 => "Optional Action Not Implemented",
        NOT_AUTHORIZED => "Action not authorized",
        pinhole::SPACE_EXHAUSTED => "PinholeSpaceExhausted",
        INACTIVE_STATE_REQUIRED => "InactiveConnectionStateRequired",
        pinhole::NO_SUCH_ENTRY => "NoSuchEntry",
        pinhole::PROTOCOL_NOT_SUPPORTED => "ProtocolNotSupported",
        pinhole::NO_INTERNAL_PORT_WILDCARD => "InternalPortWildcardingNotAllowed",
        pinhole::NO_PROTOCOL_WILDCARD => "ProtocolWildcardingNotAllowed",
        pinhole::NO_PACKET_SENT => "NoPacketSent",
        INDEX_INVALID => "SpecifiedArrayIndexInvalid",
        NO_SUCH_ENTRY => "NoSuchEntryInArray",
        715 => "WildCardNotPermittedInSrcIP",
        NO_WILDCARD_IN_EXTERNAL_PORT => "WildCardNotPermittedInExtPort",
        CONFLICT => "ConflictInMappingEntry",
        SAME_PORTS_REQUIRED => "SamePortValuesRequired",
        ONLY_PERMANENT_LEASES => "OnlyPermanentLeasesSupported",
        REMOTE_HOST_ONLY_WILDCARD => "RemoteHostOnlySupportsWildcard",
        727 => "ExternalPortOnlySupportsWildcard",
        NO_PORT_MAPS => "NoPortMapsAvailable",
        OTHER_MECHANISMS => "ConflictWithOtherMechanisms",
        PORT_MAPPING_NOT_FOUND => "PortMappingNotFound",
        731 => "ReadOnly",
        NO_WILDCARD_IN_INTERNAL_PORT => "WildCardNotPermittedInIntPort",
        INCONSISTENT_PARAMETERS => "InconsistentParameters",
        _ => "Error",
    }
}
