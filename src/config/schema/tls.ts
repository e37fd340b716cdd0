import { kindOf, message, oneOrMany, text, z } from "#sdk/config.ts";
import type { Parsed } from "#core/units.ts";
import { parseHost } from "../address.ts";
import type {
  CertificateInput,
  ClientCertificatesInput,
  ListenTlsInput,
  TlsNameInput,
  UpstreamTlsInput,
} from "../input.ts";
import type {
  CertificatesConfig,
  ClientCertificatesConfig,
  ListenTlsConfig,
  PairConfig,
  TlsNameConfig,
  UpstreamTlsConfig,
} from "../types.ts";
import { name } from "./scalars.ts";

/** The name of a file. */
export const fileName: z.ZodType<string, string> = text(
  (written) =>
    written === "" || written.includes("\0")
      ? { ok: false, message: "the name of a file is missing", hint: "for example `tls/site.pem`" }
      : { ok: true, value: written },
  { expected: "the name of a file", example: "tls/site.pem" },
);

const pair: z.ZodType<PairConfig, CertificateInput> = z.strictObject(
  {
    cert: fileName.describe(
      "PEM file with the certificate and, behind it, those of its issuers (what certbot calls `fullchain.pem`).",
    ),
    key: fileName.describe("PEM file with its private key, not encrypted."),
  },
  {
    error: ({ code, input }) =>
      code === "invalid_type" && input !== undefined
        ? message(
            `expected a mapping of keys to values, got ${kindOf(input)}`,
            "for example `tls: local`, or `tls: { cert: site.pem, key: site.key }`",
          )
        : undefined,
  },
);

const certificates: z.ZodType<CertificatesConfig, ListenTlsInput["certificates"]> = z.union([
  z.literal("local").transform((): CertificatesConfig => ({ kind: "local" })),
  z.literal("auto").transform((): CertificatesConfig => ({ kind: "auto" })),
  oneOrMany(pair).transform((pairs): CertificatesConfig => ({ kind: "files", pairs })),
]);

/** A host name as SNI has it, or `*.` and one: covers one label, as in a certificate. */
export const serverName: z.ZodType<string, string> = text(parseServerName, {
  expected: "a host name",
  example: "example.com",
});

/** The name as it is looked up, from one as it is written. */
export function parseServerName(written: string): Parsed<string> {
  const wild = written.startsWith("*.");
  const host = parseHost(wild ? written.slice(2) : written);
  if (host === undefined || host.includes(":") || /^[\d.]+$/.test(host)) {
    return {
      ok: false,
      message: `\`${written}\` is not a host name`,
      hint: "for example `example.com` or `*.example.com`; addresses are never sent as a server name",
    };
  }
  return { ok: true, value: wild ? `*.${host}` : host };
}

const preset = z
  .enum(["modern", "intermediate"])
  .describe(
    "What is spoken. `intermediate`: TLS 1.3, and 1.2 with suites that are safe. `modern`: TLS 1.3 alone.",
  );

const clientCertificates: z.ZodType<ClientCertificatesConfig, ClientCertificatesInput> =
  z.strictObject({
    mode: z
      .enum(["require", "request"])
      .prefault("require")
      .describe(
        "`require`: nobody connects without a certificate that verifies. `request`: without one, or with one that does.",
      ),
    ca: fileName.describe("PEM file with the certificates of the issuers that are believed."),
    crl: fileName
      .optional()
      .transform((written) => written ?? null)
      .describe(
        "PEM file with the revocation lists of all these issuers. Without it revocation is not looked at.",
      ),
  });

const noClientCertificates = z.literal("off").transform(() => null);

const nameRules: z.ZodType<TlsNameConfig, TlsNameInput> = z.strictObject({
  preset: preset.optional(),
  clientCertificates: z
    .union([noClientCertificates, clientCertificates])
    .optional()
    .describe("As above, for this name; `off` for none."),
});

const NO_CERTIFICATES = message(
  "`certificates` is missing",
  "write `certificates: auto`, `local`, or `{ cert: …, key: … }`",
);

const whole = z
  .strictObject({
    certificates: certificates
      .optional()
      .describe(
        "`auto`: obtained by ACME for the hosts of all routes, see `acme`. `local`: from the local certificate authority, for development. Else `{ cert, key }`, or a list of these, of which each client gets the one for its name.",
      ),
    preset: preset.prefault("intermediate"),
    default: serverName
      .optional()
      .transform((written) => written ?? null)
      .describe(
        "Name of the certificate for clients that send no server name, as health checks do. Without it the first.",
      ),
    clientCertificates: clientCertificates
      .optional()
      .transform((written) => written ?? null)
      .describe("Asks clients for a certificate (mutual TLS)."),
    names: z
      .record(serverName, nameRules)
      .prefault({})
      .describe(
        "What differs for some names: `example.com`, or `*.example.com` for one label below.",
      ),
    passThrough: z
      .record(serverName, name)
      .prefault({})
      .describe(
        "Names whose connections go to an upstream as they are, without being opened: a name, and the name of the upstream.",
      ),
    hsts: z
      .enum(["auto", "off"])
      .prefault("auto")
      .describe(
        "`Strict-Transport-Security` on answers that have none: `auto` sends it for names whose certificate browsers trust by themselves.",
      ),
  })
  .refine(
    // Where nothing is opened, none is needed.
    (written) => written.certificates !== undefined || Object.keys(written.passThrough).length > 0,
    { message: NO_CERTIFICATES },
  );

const PLAIN = { preset: "intermediate", default: null, clientCertificates: null } as const;

/** `tls` of a listener. */
export const listenTls: z.ZodType<ListenTlsConfig, ListenTlsInput["tls"]> = z
  .union([
    // The short forms are checked here rather than rewritten, so that their mistakes are reported where they stand.
    certificates.transform((written): ListenTlsConfig => ({
      certificates: written,
      ...PLAIN,
      names: [],
      passThrough: [],
      hsts: "auto",
    })),
    whole.transform((written): ListenTlsConfig => ({
      ...written,
      certificates: written.certificates ?? { kind: "files", pairs: [] },
      names: Object.entries(written.names),
      passThrough: Object.entries(written.passThrough),
    })),
  ])
  .describe(
    "Speaks TLS here. `auto`: certificates are obtained for the hosts of all routes, see `acme`; `local`: certificates of the local authority, for development; `{ cert, key }`, or a list of these: certificates from files, chosen by name; or a mapping with `certificates` and more.",
  );

/** `tls` of an upstream. */
export const upstreamTls: z.ZodType<UpstreamTlsConfig, UpstreamTlsInput | undefined> = z
  .strictObject({
    verify: z
      .boolean()
      .prefault(true)
      .describe(
        "Whether the backend's certificate has to verify. `false` protects against listeners only, not against impostors.",
      ),
    ca: fileName
      .optional()
      .transform((written) => written ?? null)
      .describe(
        "PEM file with the certificates of the issuers that are believed, instead of those that the system believes.",
      ),
    serverName: serverName
      .optional()
      .transform((written) => written ?? null)
      .describe("What the backend has to prove to be. Without it the host of its address."),
    minVersion: z
      .enum(["1.2", "1.3"])
      .prefault("1.2")
      .describe("Oldest version of TLS that is spoken to it."),
    cert: fileName
      .optional()
      .transform((written) => written ?? null)
      .describe("PEM file with the certificate that is shown to a backend that asks for one."),
    key: fileName
      .optional()
      .transform((written) => written ?? null)
      .describe("PEM file with its private key."),
  })
  .refine(({ cert, key }) => (cert === null) === (key === null), {
    message: message("`cert` and `key` belong together", "write both, or neither"),
  })
  .prefault({})
  .describe("TLS to endpoints whose address begins with `https://`.");
