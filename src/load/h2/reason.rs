//! [`Reason`]: the error codes of HTTP/2 (RFC 9113, section 7).

use std::fmt;

/// Why a stream or a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) struct Reason(pub(in crate::load) u32);

impl Reason {
    pub(in crate::load) const NO_ERROR: Self = Self(0);
    pub(in crate::load) const PROTOCOL_ERROR: Self = Self(1);
    pub(in crate::load) const INTERNAL_ERROR: Self = Self(2);
    pub(in crate::load) const FLOW_CONTROL_ERROR: Self = Self(3);
    pub(in crate::load) const SETTINGS_TIMEOUT: Self = Self(4);
    pub(in crate::load) const STREAM_CLOSED: Self = Self(5);
    pub(in crate::load) const FRAME_SIZE_ERROR: Self = Self(6);
    pub(in crate::load) const REFUSED_STREAM: Self = Self(7);
    pub(in crate::load) const CANCEL: Self = Self(8);
    pub(in crate::load) const COMPRESSION_ERROR: Self = Self(9);
    pub(in crate::load) const CONNECT_ERROR: Self = Self(10);
    pub(in crate::load) const ENHANCE_YOUR_CALM: Self = Self(11);
    pub(in crate::load) const INADEQUATE_SECURITY: Self = Self(12);
    pub(in crate::load) const HTTP_1_1_REQUIRED: Self = Self(13);
}

/// Its name in RFC 9113, or its number.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::NO_ERROR => "NO_ERROR",
            Self::PROTOCOL_ERROR => "PROTOCOL_ERROR",
            Self::INTERNAL_ERROR => "INTERNAL_ERROR",
            Self::FLOW_CONTROL_ERROR => "FLOW_CONTROL_ERROR",
            Self::SETTINGS_TIMEOUT => "SETTINGS_TIMEOUT",
            Self::STREAM_CLOSED => "STREAM_CLOSED",
            Self::FRAME_SIZE_ERROR => "FRAME_SIZE_ERROR",
            Self::REFUSED_STREAM => "REFUSED_STREAM",
            Self::CANCEL => "CANCEL",
            Self::COMPRESSION_ERROR => "COMPRESSION_ERROR",
            Self::CONNECT_ERROR => "CONNECT_ERROR",
            Self::ENHANCE_YOUR_CALM => "ENHANCE_YOUR_CALM",
            Self::INADEQUATE_SECURITY => "INADEQUATE_SECURITY",
            Self::HTTP_1_1_REQUIRED => "HTTP_1_1_REQUIRED",
            Self(code) => return write!(f, "error code {code:#x}"),
        };
        f.write_str(name)
    }
}
