/**
 * Makes and signs X.509 certificates. The only file that knows the library for it, which is loaded when
 * the first certificate is made: a server without TLS never needs it.
 *
 * Keys are EC P-256: every TLS library has it, and a signature takes a tenth of a millisecond.
 */
import { createHash, createPublicKey, webcrypto } from "node:crypto";
import { isIP } from "node:net";

type Library = typeof import("@peculiar/x509");

export const keyAlgorithm = { name: "ECDSA", namedCurve: "P-256" } as const;
const signingAlgorithm = { name: "ECDSA", hash: "SHA-256" } as const;

/** Of an agent's certificate: where it may be used. */
export const clientPurpose = "1.3.6.1.5.5.7.3.2";
const serverPurpose = "1.3.6.1.5.5.7.3.1";

export interface Validity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Whoever can sign: the certificate says as whom. */
export interface Signer {
  readonly certificatePem: string;
  readonly key: webcrypto.CryptoKey;
}

export interface MadeAuthority {
  readonly authorityId: string;
  readonly certificatePem: string;
  /** PKCS#8, to be sealed and then forgotten. */
  readonly keyBytes: Uint8Array;
}

async function library(): Promise<Library> {
  // The library asks for this polyfill before it is loaded itself.
  await import("reflect-metadata");
  return await import("@peculiar/x509");
}

/** A new authority that signs itself and may sign end certificates only. */
export async function makeAuthority(name: string, validity: Validity): Promise<MadeAuthority> {
  const x509 = await library();
  const keys = await newKeys();
  const usages = x509.KeyUsageFlags;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [name] }],
    ...dates(validity),
    keys,
    signingAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(usages.keyCertSign | usages.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const certificatePem = certificate.toString("pem");
  return {
    authorityId: authorityIdOf(certificatePem),
    certificatePem,
    keyBytes: new Uint8Array(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)),
  };
}

/** SHA-256 of the certificate's public key, base64url. */
export function authorityIdOf(certificatePem: string): string {
  const spki = createPublicKey(certificatePem).export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki).digest("base64url");
}

/** The key in a form that cannot be read out again. */
export function signingKey(keyBytes: Uint8Array): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey("pkcs8", keyBytes, keyAlgorithm, false, ["sign"]);
}

/** A certificate request that can be fulfilled: its sender has the key. */
export interface KeyRequest {
  readonly publicKey: InstanceType<Library["PublicKey"]>;
  /** SHA-256 of the public key, hex. */
  readonly keyHash: string;
}

/**
 * Reads a PKCS#10 request. Nothing but the key is taken from it: who it is for is not for the asker to
 * say. That he has the key must be proven, or one could have another's key certified as one's own.
 */
export async function readRequest(csrPem: string): Promise<KeyRequest | { problem: string }> {
  const x509 = await library();
  try {
    const request = new x509.Pkcs10CertificateRequest(csrPem);
    const { publicKey } = request;
    const { name, namedCurve } = publicKey.algorithm as { name: string; namedCurve?: string };
    if (name !== keyAlgorithm.name || namedCurve !== keyAlgorithm.namedCurve) {
      return { problem: "expected a certificate request for an EC key on the curve P-256" };
    }
    if (!(await request.verify())) {
      return { problem: "the certificate request is not signed by the key that it names" };
    }
    const digest = createHash("sha256").update(new Uint8Array(publicKey.rawData));
    return { publicKey, keyHash: digest.digest("hex") };
  } catch {
    return { problem: "expected a certificate request (PKCS#10, PEM)" };
  }
}

/** A certificate for the client `uri`. */
export async function signClient(
  signer: Signer,
  of: { publicKey: KeyRequest["publicKey"]; uri: string; name: string; validity: Validity },
): Promise<string> {
  const { publicKey, uri, name, validity } = of;
  const names = [{ type: "url", value: uri }] as const;
  const subject = { publicKey, name, validity, purpose: clientPurpose, names };
  return sign(await library(), signer, subject);
}

/** A new key, and a certificate for a server that is reached by `hosts`. */
export async function signServer(
  signer: Signer,
  { hosts, name, validity }: { hosts: readonly string[]; name: string; validity: Validity },
): Promise<{ readonly certificatePem: string; readonly keyPem: string }> {
  const x509 = await library();
  const keys = await newKeys();
  const certificatePem = await sign(x509, signer, {
    publicKey: keys.publicKey,
    name,
    validity,
    purpose: serverPurpose,
    names: hosts.map((host) => ({ type: isIP(host) === 0 ? "dns" : "ip", value: host })),
  });
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { certificatePem, keyPem: x509.PemConverter.encode(pkcs8, "PRIVATE KEY") };
}

interface Subject {
  readonly publicKey: InstanceType<Library["PublicKey"]> | webcrypto.CryptoKey;
  readonly name: string;
  readonly validity: Validity;
  readonly purpose: string;
  readonly names: readonly { readonly type: "url" | "dns" | "ip"; readonly value: string }[];
}

async function sign(x509: Library, signer: Signer, subject: Subject): Promise<string> {
  const authority = new x509.X509Certificate(signer.certificatePem);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [subject.name] }],
    issuer: authority.subjectName,
    ...dates(subject.validity),
    publicKey: subject.publicKey,
    signingKey: signer.key,
    signingAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([subject.purpose]),
      new x509.SubjectAlternativeNameExtension([...subject.names]),
      await x509.AuthorityKeyIdentifierExtension.create(authority),
    ],
  });
  return certificate.toString("pem");
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(keyAlgorithm, true, ["sign", "verify"]);
}

function dates({ notBeforeMs, notAfterMs }: Validity): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(notBeforeMs), notAfter: new Date(notAfterMs) };
}
