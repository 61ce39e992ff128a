//! Signatures as others verify them: S/MIME by openssl, DKIM by dkimpy, the verdict header by Python with openssl.

use super::corpus::python;
use super::generate::{TOP, entity, message, multipart, pdf};
use super::{NOW_MS, auth, delivered, fixture, organisation, received, recipient, verdict};
use sentra::act::{Stamp, compose};
use sentra::adapters::keyring::{LocalKeyring, MasterKey};
use sentra::model::{Action, ReversePath};
use std::path::Path;
use std::process::Command;

fn openssl(folder: &Path, arguments: &[&str]) {
    let done = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("openssl is installed: apt-get install openssl");
    assert!(done.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A certification authority and a signer, made for this test.
fn authority(folder: &Path) {
    openssl(
        folder,
        &[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-subj",
            "/CN=Test CA",
            "-days",
            "2",
        ],
    );
    openssl(
        folder,
        &[
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            "signer.key",
            "-out",
            "signer.csr",
            "-subj",
            "/CN=Billing/emailAddress=billing@supplier.example",
        ],
    );
    std::fs::write(folder.join("ext"), "extendedKeyUsage=emailProtection\nkeyUsage=digitalSignature\n")
        .unwrap();
    openssl(
        folder,
        &[
            "x509",
            "-req",
            "-in",
            "signer.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            "ext",
            "-out",
            "signer.pem",
        ],
    );
}

#[test]
fn s_mime_signatures_verify_before_and_after() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    authority(at);
    let content = multipart(
        "mixed",
        "in",
        &[entity("text/plain", "utf-8", "quoted-printable", "Pay 4711.\r\n"), pdf()],
    );
    std::fs::write(at.join("content"), content).unwrap();
    for (name, opaque) in [("detached", false), ("opaque", true)] {
        let mut sign = vec![
            "cms",
            "-sign",
            "-in",
            "content",
            "-signer",
            "signer.pem",
            "-inkey",
            "signer.key",
            "-out",
            "signed",
            "-crlfeol",
        ];
        if opaque {
            sign.push("-nodetach");
        }
        openssl(at, &sign);
        let signed = std::fs::read(at.join("signed")).unwrap();
        let top = TOP.replace("MIME-Version: 1.0\r\n", "");
        let mail = received([top.as_bytes(), &signed].concat());
        let (found, outgoing) = delivered(&mail, Action::Tag);
        assert!(outgoing.banner.unsaid().is_some(), "{name}: {:?}", outgoing.banner);
        for (file, octets) in [("before", mail.octets.to_vec()), ("after", found)] {
            std::fs::write(at.join(file), octets).unwrap();
            openssl(
                at,
                &["cms", "-verify", "-in", file, "-CAfile", "ca.pem", "-purpose", "any", "-out", "verified"],
            );
        }
    }
}

const DKIM: &str = r"
import sys, dkim
folder, mode = sys.argv[1], sys.argv[2]
key = open(folder + '/dkim.key', 'rb').read()
if mode == 'sign':
    mail = open(folder + '/mail', 'rb').read()
    names = [b'from', b'to', b'subject', b'message-id', b'mime-version', b'content-type']
    print(dkim.sign(mail, b's1', b'supplier.example', key, include_headers=names,
                    canonicalize=(b'simple', b'simple')).decode(), end='')
else:
    record = open(folder + '/dkim.txt', 'rb').read()
    ok = dkim.verify(open(folder + '/mail', 'rb').read(), dnsfunc=lambda name, timeout=5: record)
    print('pass' if ok else 'fail', end='')
";

fn dkimpy(folder: &Path, mode: &str) -> String {
    let done = python()
        .args(["-c", DKIM])
        .arg(folder)
        .arg(mode)
        .output()
        .expect("python3 is installed: apt-get install python3");
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "dkimpy is installed: apt-get install python3-dkim\n{error}");
    String::from_utf8(done.stdout).unwrap()
}

/// A strict signature (simple/simple) over header and body: delivered mail keeps it, and so does tagged mail that is
/// left alone; a banner breaks it, which is why clean mail gets none.
#[test]
fn dkim_signatures_hold_wherever_only_headers_are_prepended() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    openssl(at, &["genrsa", "-traditional", "-out", "dkim.key", "2048"]);
    openssl(at, &["rsa", "-in", "dkim.key", "-pubout", "-outform", "DER", "-out", "dkim.der"]);
    use base64::Engine as _;
    let public =
        base64::engine::general_purpose::STANDARD.encode(std::fs::read(at.join("dkim.der")).unwrap());
    std::fs::write(at.join("dkim.txt"), format!("v=DKIM1; k=rsa; p={public}")).unwrap();
    let text = entity("text/plain", "utf-8", "8bit", "Bitte überweisen Sie 4711.\r\n");
    let signed = multipart("signed; protocol=\"application/pkcs7-signature\"", "s", &[text.clone(), pdf()]);
    for (name, entity, action, holds) in [
        ("delivered", &text, Action::Deliver, "pass"),
        ("delivered and signed", &signed, Action::Deliver, "pass"),
        ("tagged and signed", &signed, Action::Tag, "pass"),
        ("tagged with a banner", &text, Action::Tag, "fail"),
    ] {
        let plain = message(entity);
        std::fs::write(at.join("mail"), &plain).unwrap();
        let signature = dkimpy(at, "sign");
        let mail = received([signature.as_bytes(), &plain].concat());
        std::fs::write(at.join("mail"), &mail.octets).unwrap();
        assert_eq!(dkimpy(at, "verify"), "pass", "{name}: before");
        std::fs::write(at.join("mail"), delivered(&mail, action).0).unwrap();
        assert_eq!(dkimpy(at, "verify"), holds, "{name}: after");
    }
}

/// The contract's words turned into Python by hand: what is signed, and by which key.
#[test]
fn the_verdict_header_verifies_by_python_and_openssl() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let org = organisation(1);
    let keyring = LocalKeyring::new(&MasterKey::generate().unwrap()).unwrap();
    keyring.load(org.id, &keyring.generate(org.id).unwrap()).unwrap();
    let raw = keyring.public_key(org.id).unwrap();
    // SubjectPublicKeyInfo of Ed25519 (RFC 8410) is this prefix and the 32 octets.
    let prefix = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    std::fs::write(at.join("key.der"), [&prefix[..], &raw].concat()).unwrap();
    let mut many = fixture("alternative-qp");
    many.envelope.recipients = vec![recipient("Z@contoso.example"), recipient("accounts@contoso.example")];
    let mut bounce = fixture("report");
    bounce.envelope.reverse_path = ReversePath(None);
    for (name, mail, action) in [
        ("delivered", fixture("plain"), Action::Deliver),
        ("tagged", fixture("plain"), Action::Tag),
        ("two recipients", many, Action::Tag),
        ("line feeds", fixture("line-feeds"), Action::Tag),
        ("bounce", bounce, Action::Tag),
    ] {
        let auth = auth();
        let stamp = Stamp {
            hostname: "mx.sentra.example",
            now_ms: NOW_MS,
            organisation: &org,
            keyring: &keyring,
            auth: &auth,
            passes: 0,
            include_return_token: true,
        };
        let parsed = sentra::message::parse(&mail.octets);
        let octets = compose(&mail, &parsed, &verdict(action), &stamp).unwrap().segments.concat();
        let recipients: Vec<String> =
            mail.envelope.recipients.iter().map(|r| r.address.to_string()).collect();
        let check = |octets: &[u8]| {
            std::fs::write(at.join("mail"), octets).unwrap();
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/verify_verdict.py");
            let done = python()
                .arg(script)
                .arg(at)
                .args(&recipients)
                .output()
                .expect("python3 is installed: apt-get install python3");
            let error = String::from_utf8_lossy(&done.stderr).into_owned();
            assert!(error.is_empty(), "{name}: {error}");
            String::from_utf8(done.stdout).unwrap()
        };
        assert_eq!(check(&octets), "valid\n", "{name}");
        let last = octets.len() - 3;
        let mut altered = octets.clone();
        altered[last] ^= 1;
        assert_eq!(check(&altered), "invalid\n", "{name}: altered body");
        let text = String::from_utf8_lossy(&octets).replace("severity=danger", "severity=info");
        assert_eq!(check(text.as_bytes()), "invalid\n", "{name}: altered field");
    }
}
