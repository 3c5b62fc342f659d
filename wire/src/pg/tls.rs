//! TLS on both sides: to the client by an authority made for the run, to the server by its `sslmode`.

use super::options::PgWireOptions;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
};
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use thiserror::Error;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// How the connection to the server is encrypted, by the names and meanings of libpq (`allow` apart, which would
/// need a second connection).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SslMode {
    /// Never.
    Disable,
    /// Where the server offers it.
    #[default]
    Prefer,
    /// Always; where a root certificate is given it is verified as by [`Self::VerifyCa`].
    Require,
    /// Always, with a certificate of a known authority.
    VerifyCa,
    /// Always, with a certificate of a known authority for this host.
    VerifyFull,
}

impl FromStr for SslMode {
    type Err = TlsError;

    fn from_str(text: &str) -> Result<Self, TlsError> {
        match text {
            "disable" => Ok(Self::Disable),
            "prefer" => Ok(Self::Prefer),
            "require" => Ok(Self::Require),
            "verify-ca" => Ok(Self::VerifyCa),
            "verify-full" => Ok(Self::VerifyFull),
            _ => Err(TlsError::Mode { mode: text.to_owned() }),
        }
    }
}

/// TLS that cannot be set up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// An unknown `sslmode`.
    #[error("sslmode `{mode}` is not supported; give disable, prefer, require, verify-ca or verify-full")]
    Mode {
        /// What was given.
        mode: String,
    },
    /// Nothing to verify against.
    #[error(
        "sslmode {mode:?} verifies the server's certificate; set sslrootcert to a file of authorities in PEM"
    )]
    NoRoots {
        /// The mode.
        mode: SslMode,
    },
    /// A file of authorities that cannot be used.
    #[error("sslrootcert `{}` holds no usable certificate in PEM: {reason}", path.display())]
    Roots {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No certificate could be made for the clients.
    #[error("could not make a certificate for this run")]
    Make(#[from] rcgen::Error),
    /// The certificate could not be written.
    #[error("could not write the certificate of this run's authority to `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A configuration that the library refuses.
    #[error("TLS could not be set up")]
    Setup(#[from] rustls::Error),
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Makes an authority and a certificate for the loopback names, and writes the authority's to `path`.
pub(crate) fn acceptor(path: &Path) -> Result<TlsAcceptor, TlsError> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    authority.distinguished_name.push(rcgen::DnType::CommonName, "sabot wire of one run");
    let authority_key = KeyPair::generate()?;
    let authority_certificate = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);

    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut leaf = CertificateParams::new(names)?;
    leaf.distinguished_name.push(rcgen::DnType::CommonName, "localhost");
    let key = KeyPair::generate()?;
    let certificate = leaf.signed_by(&key, &issuer)?;

    std::fs::write(path, authority_certificate.pem())
        .map_err(|source| TlsError::Write { path: path.to_owned(), source })?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// How to encrypt to the server; `None` where it is never done.
pub(crate) fn connector(options: &PgWireOptions) -> Result<Option<TlsConnector>, TlsError> {
    let mode = options.ssl_mode;
    let roots = match (&options.ssl_root_cert, mode) {
        (_, SslMode::Disable) => return Ok(None),
        (None, SslMode::VerifyCa | SslMode::VerifyFull) => return Err(TlsError::NoRoots { mode }),
        (None, _) | (Some(_), SslMode::Prefer) => None,
        (Some(path), _) => Some(read_roots(path)?),
    };
    let provider = provider();
    let known = roots.map(|roots| Known::new(roots, mode == SslMode::VerifyFull, &provider)).transpose()?;
    let verifier = Arc::new(Verifier { known, provider: Arc::clone(&provider) });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Some(TlsConnector::from(Arc::new(config))))
}

fn read_roots(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unusable = |reason: String| TlsError::Roots { path: path.to_owned(), reason };
    let roots = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(error.to_string()))?;
    if roots.is_empty() { Err(unusable("it is empty".to_owned())) } else { Ok(roots) }
}

/// Verifies as libpq does, which is less than rustls by itself: perhaps no chain, perhaps no name; and a self-signed
/// certificate of the server may be its own authority.
#[derive(Debug)]
struct Verifier {
    known: Option<Known>,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
struct Known {
    roots: Vec<CertificateDer<'static>>,
    chain: Arc<WebPkiServerVerifier>,
    name: bool,
}

impl Known {
    fn new(
        roots: Vec<CertificateDer<'static>>,
        name: bool,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let mut store = RootCertStore::empty();
        for root in &roots {
            store.add(root.clone())?;
        }
        let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider))
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        Ok(Self { roots, chain, name })
    }

    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        if self.roots.iter().any(|root| root == end_entity) {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            return if self.name {
                rustls::client::verify_server_name(&certificate, server_name)
            } else {
                Ok(())
            };
        }
        match self.chain.verify_server_cert(end_entity, intermediates, server_name, ocsp, now) {
            // The chain is verified before the name.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.name => Ok(()),
            verified => verified.map(drop),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(known) = &self.known {
            known.verify(end_entity, intermediates, server_name, ocsp, now)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
