//! [`Schema`]: what the services, methods and messages of a target look like, from `.proto` files, a descriptor set,
//! or what a server's reflection answered.

mod edition;
mod error;
mod method;
mod set;
mod source;

use std::path::{Path, PathBuf};

use prost_reflect::DescriptorPool;

pub use error::SchemaError;
pub use method::{Method, MethodError, MethodKind};

/// Descriptors that fit together.
#[derive(Debug, Clone)]
pub struct Schema {
    pool: DescriptorPool,
}

impl Schema {
    /// Compiles `.proto` files. Their imports are looked for in the folders of `files`, the current folder, and then
    /// `import_paths`; the well-known types need no file.
    pub fn from_proto<P: AsRef<Path>>(files: &[P], import_paths: &[PathBuf]) -> Result<Self, SchemaError> {
        let files: Vec<&Path> = files.iter().map(AsRef::as_ref).collect();
        source::compile(&files, import_paths).map(|pool| Self { pool })
    }

    /// Reads a `FileDescriptorSet`, as `protoc --descriptor_set_out` and `buf build` write it. `name` is what the user
    /// calls it, for messages.
    pub fn from_protoset(name: &str, bytes: &[u8]) -> Result<Self, SchemaError> {
        set::decode(name, bytes).map(|pool| Self { pool })
    }

    /// Links encoded `FileDescriptorProto`s, as reflection answers with; a file may come several times.
    pub fn from_files<B: AsRef<[u8]>>(files: &[B]) -> Result<Self, SchemaError> {
        let files: Vec<&[u8]> = files.iter().map(AsRef::as_ref).collect();
        set::link("the descriptors of the server", &files).map(|pool| Self { pool })
    }

    /// The names of the files that `file`, an encoded `FileDescriptorProto`, imports: what to ask a server for next.
    pub fn imports(file: &[u8]) -> Result<Vec<String>, SchemaError> {
        set::imports("the descriptors of the server", file)
    }

    /// All services, by full name, in order.
    pub fn services(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .pool
            .services()
            .map(|service| service.full_name().to_owned())
            .collect();
        names.sort_unstable();
        names
    }

    /// The method that `name` means: `package.Service/Method` or `package.Service.Method`.
    pub fn method(&self, name: &str) -> Result<Method, MethodError> {
        Method::find(&self.pool, name)
    }

    /// The descriptors themselves.
    pub fn pool(&self) -> &DescriptorPool {
        &self.pool
    }
}

#[cfg(test)]
mod set_tests;
#[cfg(test)]
mod tests;
