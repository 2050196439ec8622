"""Who belongs to a cluster: an authority of its own, and one certificate for each host."""

import ipaddress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from appliance.errors import BadInput, KeyMismatch

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
AUTHORITY_DAYS: Final = 3650
# Clocks of several hosts differ a little.
_LEEWAY: Final = timedelta(minutes=5)
_LOOPBACK: Final = ipaddress.IPv4Address("127.0.0.1")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A certificate with its private key, both PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


def read_address(text: str) -> Address:
    """The host's address, as its certificate will name it.

    Raises:
        BadInput: It is no address, or one that other hosts can't reach.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise BadInput(
            "A host of a cluster is named by its IP address.", "Give it as --host 10.0.0.2."
        ) from None
    if address.is_loopback or address.is_unspecified or address.is_multicast:
        raise BadInput(
            f"{address} is not where other hosts reach this one.", "Give its own address as --host."
        )
    return address


def make_authority(now: datetime) -> Credentials:
    """A new authority that signs certificates of hosts, and of nothing below them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("appliance cluster authority")
    certificate = (
        _builder(name, name, key.public_key(), now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pack(certificate, key)


def issue(authority: Credentials, host: Address, now: datetime, days: int) -> Credentials:
    """A certificate of the authority for that host, to serve and to call with, and its key.

    It names loopback too: Ray's processes on one host call each other there.

    Raises:
        KeyMismatch: The authority's files are damaged.
    """
    try:
        signer = x509.load_pem_x509_certificate(authority.certificate)
        signing = serialization.load_pem_private_key(authority.key, password=None)
    except ValueError:
        signing = None
    if not isinstance(signing, ec.EllipticCurvePrivateKey):
        raise KeyMismatch(
            "The cluster's authority can't be read.", "Restore SITE/keys from its backup."
        )
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.IPAddress(host), x509.IPAddress(_LOOPBACK), x509.DNSName("localhost")]
    certificate = (
        _builder(_name(str(host)), signer.subject, key.public_key(), now, days)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            ),
            critical=False,
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()),
            critical=False,
        )
        .sign(signing, hashes.SHA256())
    )
    return _pack(certificate, key)


def read_expiry(certificate: bytes) -> datetime:
    """Until when the certificate counts.

    Raises:
        KeyMismatch: It is none.
    """
    try:
        return x509.load_pem_x509_certificate(certificate).not_valid_after_utc
    except ValueError:
        raise KeyMismatch(
            "A certificate of the cluster can't be read.", "Let this host join again."
        ) from None


def is_issued_by(certificate: bytes, authority: bytes) -> bool:
    """Whether the authority signed the certificate."""
    try:
        ours = x509.load_pem_x509_certificate(certificate)
        ours.verify_directly_issued_by(x509.load_pem_x509_certificate(authority))
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it isn't
        return False
    return True


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LEEWAY)
        .not_valid_after(now + timedelta(days=days))
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _pack(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Credentials:
    return Credentials(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
