//! [`Kind`]: the kinds of objects that divide traffic, and where each has its weights.

use crate::cluster::Resource;

/// A kind of object that divides traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `HTTPRoute` of the Gateway API.
    HttpRoute,
    /// `VirtualService` of Istio.
    VirtualService,
    /// `Service` of Knative.
    Knative,
    /// `InferenceService` of KServe.
    KServe,
}

impl Kind {
    /// All, in the order of the fields that name their objects.
    pub(super) const ALL: [Self; 4] = [Self::HttpRoute, Self::VirtualService, Self::Knative, Self::KServe];

    /// The field that names an object.
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::HttpRoute => "httproute",
            Self::VirtualService => "vs",
            Self::Knative => "ksvc",
            Self::KServe => "isvc",
        }
    }

    /// As the API names it.
    pub(super) fn resource(self) -> Resource {
        let (group, version, plural) = match self {
            Self::HttpRoute => ("gateway.networking.k8s.io", "v1", "httproutes"),
            Self::VirtualService => ("networking.istio.io", "v1beta1", "virtualservices"),
            Self::Knative => ("serving.knative.dev", "v1", "services"),
            Self::KServe => ("serving.kserve.io", "v1beta1", "inferenceservices"),
        };
        Resource {
            group: group.to_owned(),
            version: version.to_owned(),
            plural: plural.to_owned(),
        }
    }

    /// Whether an object has several rules, each with weights of its own.
    pub(super) fn has_rules(self) -> bool {
        matches!(self, Self::HttpRoute | Self::VirtualService)
    }

    /// Where its list of rules is, and in a rule the list of destinations.
    pub(super) fn rules(self) -> (&'static str, &'static str) {
        match self {
            Self::HttpRoute => ("rules", "backendRefs"),
            Self::VirtualService | Self::Knative | Self::KServe => ("http", "route"),
        }
    }

    /// The path of what the API takes as one: it is applied as a whole.
    pub(super) fn whole(self) -> &'static [&'static str] {
        match self {
            Self::HttpRoute => &["spec", "rules"],
            Self::VirtualService => &["spec", "http"],
            Self::Knative => &["spec", "traffic"],
            Self::KServe => &["spec", "predictor", "canaryTrafficPercent"],
        }
    }
}
