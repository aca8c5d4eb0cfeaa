//! iter8
