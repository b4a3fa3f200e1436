//! The APIs this crate can speak: number, versions, first flexible version. One table.
//! Which of them a broker *advertises* is the broker's decision.

use std::ops::RangeInclusive;

/// For an API that has no flexible version.
const NEVER: i16 = i16::MAX;

macro_rules! api_keys {
    ($($name:ident = $code:literal, $min:literal..=$max:literal, flexible $flexible:expr;)*) => {
        /// An API of the protocol, by Kafka's name and number.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ApiKey {
            $(
                #[doc = concat!("Versions ", $min, " to ", $max, ".")]
                $name = $code,
            )*
        }

        impl ApiKey {
            /// All of them, by number.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The API with this number, if we speak it.
            #[must_use]
            pub const fn from_code(code: i16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Kafka's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// The versions that this crate encodes and decodes.
            #[must_use]
            pub const fn versions(self) -> RangeInclusive<i16> {
                match self {
                    $(Self::$name => $min..=$max,)*
                }
            }

            /// First version with compact lengths and tagged fields (KIP-482).
            #[must_use]
            pub const fn flexible_from(self) -> i16 {
                match self {
                    $(Self::$name => $flexible,)*
                }
            }
        }
    };
}

api_keys! {
    Produce = 0, 0..=13, flexible 9;
    Fetch = 1, 0..=18, flexible 12;
    ListOffsets = 2, 0..=8, flexible 6;
    Metadata = 3, 0..=13, flexible 9;
    OffsetCommit = 8, 0..=9, flexible 8;
    OffsetFetch = 9, 0..=9, flexible 6;
    FindCoordinator = 10, 0..=6, flexible 3;
    JoinGroup = 11, 0..=9, flexible 6;
    Heartbeat = 12, 0..=4, flexible 4;
    LeaveGroup = 13, 0..=5, flexible 4;
    SyncGroup = 14, 0..=5, flexible 4;
    DescribeGroups = 15, 0..=6, flexible 5;
    ListGroups = 16, 0..=5, flexible 3;
    SaslHandshake = 17, 0..=1, flexible NEVER;
    ApiVersions = 18, 0..=4, flexible 3;
    CreateTopics = 19, 0..=7, flexible 5;
    DeleteTopics = 20, 0..=6, flexible 4;
    DeleteRecords = 21, 0..=2, flexible 2;
    InitProducerId = 22, 0..=5, flexible 2;
    OffsetForLeaderEpoch = 23, 0..=4, flexible 4;
    DescribeAcls = 29, 0..=3, flexible 2;
    DescribeConfigs = 32, 0..=4, flexible 4;
    AlterConfigs = 33, 0..=2, flexible 2;
    DescribeLogDirs = 35, 0..=4, flexible 2;
    SaslAuthenticate = 36, 0..=2, flexible 2;
    CreatePartitions = 37, 0..=3, flexible 2;
    DeleteGroups = 42, 0..=2, flexible 2;
    ElectLeaders = 43, 0..=2, flexible 2;
    IncrementalAlterConfigs = 44, 0..=1, flexible 1;
    AlterPartitionReassignments = 45, 0..=1, flexible 0;
    ListPartitionReassignments = 46, 0..=0, flexible 0;
    OffsetDelete = 47, 0..=0, flexible NEVER;
    DescribeClientQuotas = 48, 0..=1, flexible 1;
    UpdateFeatures = 57, 0..=2, flexible 0;
    DescribeCluster = 60, 0..=2, flexible 0;
    DescribeProducers = 61, 0..=0, flexible 0;
    DescribeTopicPartitions = 75, 0..=0, flexible 0;
}

impl ApiKey {
    /// Kafka's number.
    #[must_use]
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// True if `version` has compact lengths and tagged fields.
    #[must_use]
    pub const fn is_flexible(self, version: i16) -> bool {
        version >= self.flexible_from()
    }

    /// Header version of a request of this API: 2 (tagged fields) or 1.
    #[must_use]
    pub const fn request_header_version(self, version: i16) -> i16 {
        if self.is_flexible(version) { 2 } else { 1 }
    }

    /// Header version of a response of this API: 1 (tagged fields) or 0. Always 0 for ApiVersions,
    /// whose client does not know yet what the broker understands (KIP-511).
    #[must_use]
    pub const fn response_header_version(self, version: i16) -> i16 {
        if self.is_flexible(version) && !matches!(self, Self::ApiVersions) { 1 } else { 0 }
    }
}
