import { duration, message, oneOrMany, text, z } from "#sdk/config.ts";
import type { Parsed } from "#core/units.ts";
import type { AcmeIssuerData, DnsData, DnsProviderData } from "#model/tls.ts";
import type { AcmeDnsInput, AcmeInput, AcmeIssuerInput } from "../input.ts";
import type { AcmeConfig } from "../types.ts";
import { name } from "./scalars.ts";
import { fileName } from "./tls.ts";

const LETSENCRYPT = "https://acme-v02.api.letsencrypt.org/directory";
const STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory";

/** Authorities that have a word. */
const DIRECTORIES: Readonly<Record<string, readonly [name: string, directory: string]>> = {
  letsencrypt: ["letsencrypt", LETSENCRYPT],
  "letsencrypt-staging": ["letsencrypt-staging", STAGING],
  staging: ["letsencrypt-staging", STAGING],
  zerossl: ["zerossl", "https://acme.zerossl.com/v2/DV90"],
  google: ["google", "https://dv.acme-v02.api.pki.goog/directory"],
};

/** Of these: accounts have to be bound to one that was made on their site. */
const NEED_EAB: ReadonlySet<string> = new Set(["zerossl", "google"]);

type Named = Pick<AcmeIssuerData, "name" | "directory">;

const directory: z.ZodType<Named, string> = text(parseDirectory, {
  expected: "a certificate authority",
  example: "letsencrypt",
});

function parseDirectory(written: string): Parsed<Named> {
  const known = DIRECTORIES[written];
  if (known !== undefined) return { ok: true, value: { name: known[0], directory: known[1] } };
  if (URL.canParse(written)) {
    const { protocol, host, pathname } = new URL(written);
    if (protocol === "https:") {
      const name = `${host}${pathname}`.replace(/[^a-z0-9.]+/gi, "-").replace(/^-+|-+$/g, "");
      return { ok: true, value: { name: name.slice(0, 64), directory: written } };
    }
  }
  return {
    ok: false,
    message: `there is no certificate authority \`${written}\``,
    hint: `one of ${Object.keys(DIRECTORIES).join(", ")}, or the https:// URL of a directory of ACME`,
  };
}

/** Bytes as base64 for URLs, with or without padding. */
const base64url: z.ZodType<string, string> = text(
  (written) =>
    /^[A-Za-z0-9_-]+={0,2}$/.test(written)
      ? { ok: true, value: written }
      : { ok: false, message: "the key is not base64url", hint: "copy it as it is given to you" },
  {
    expected: "a key",
    example: "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W",
  },
);

const PLAIN = { ca: null, eab: null, profile: null, chain: null } as const;

const needsEab = {
  message: message(
    "this authority has to know whose account it is: `eab` is missing",
    "make an account on its site, and write `{ url: …, eab: { kid: …, key: … } }`",
  ),
};

const plainIssuer: z.ZodType<AcmeIssuerData, string> = directory
  .transform((named): AcmeIssuerData => ({ ...named, ...PLAIN }))
  .refine((made) => !NEED_EAB.has(made.name), needsEab);

const issuer: z.ZodType<AcmeIssuerData, string | AcmeIssuerInput> = z.union([
  plainIssuer,
  z
    .strictObject({
      url: directory.describe("A word as above, or the URL of the directory."),
      name: name
        .optional()
        .describe(
          "What it is called in logs, metrics and names of files. Without it, made of the URL.",
        ),
      eab: z
        .strictObject({
          kid: z.string().min(1).describe("Key id, as the authority gives it."),
          key: base64url.describe("HMAC key, as the authority gives it (base64url)."),
        })
        .optional()
        .describe(
          "Binds the account to one that the authority knows otherwise (external account binding).",
        ),
      profile: z
        .string()
        .optional()
        .describe(
          "Which kind of certificate, where the authority offers several, such as `shortlived`.",
        ),
      chain: z
        .string()
        .optional()
        .describe(
          "Common name of the root whose chain is wanted, where the authority offers several.",
        ),
      ca: fileName
        .optional()
        .describe(
          "PEM file with the certificates that the authority's own server is verified with, instead of the usual roots.",
        ),
    })
    .transform(({ url, name: own, eab, profile, chain, ca }): AcmeIssuerData => ({
      name: own ?? url.name,
      directory: url.directory,
      ca: ca ?? null,
      eab: eab === undefined ? null : { kid: eab.kid, secret: eab.key.replace(/=+$/, "") },
      profile: profile ?? null,
      chain: chain ?? null,
    }))
    .refine((made) => made.eab !== null || !NEED_EAB.has(made.name), {
      ...needsEab,
      path: ["eab"],
    }),
]);

const server: z.ZodType<string, string> = text(parseServer, {
  expected: "the address of a name server",
  example: "127.0.0.1:53",
});

/** An address with an optional port; with the port in the result. */
function parseServer(written: string): Parsed<string> {
  const match =
    /^(?:\[([0-9a-f:.]+)\]|([0-9a-z.-]+)|([0-9a-f:]+:[0-9a-f:.]*))(?::(\d{1,5}))?$/i.exec(written);
  if (match === null) {
    return {
      ok: false,
      message: `\`${written}\` is not the address of a name server`,
      hint: "for example `192.0.2.1`, `ns.example.com` or `[2001:db8::1]:5353`",
    };
  }
  const [, bracketed, plain, bare, port = "53"] = match;
  const host = bracketed ?? bare;
  return { ok: true, value: host === undefined ? `${plain}:${port}` : `[${host}]:${port}` };
}

const secret = z.string().min(1);

const dns: z.ZodType<DnsData, AcmeDnsInput> = z
  .strictObject({
    exec: oneOrMany(z.string().min(1))
      .optional()
      .describe(
        "A program with its arguments. It is called with `present` or `cleanup`, the name of the record (`_acme-challenge.example.com`) and its value behind them.",
      ),
    webhook: z
      .union([
        z.url({ protocol: /^https?$/ }).transform((url) => ({ url, token: undefined })),
        z.strictObject({
          url: z.url({ protocol: /^https?$/ }).describe("Where requests go."),
          token: secret.optional().describe("Sent as `Authorization: Bearer …`."),
        }),
      ])
      .optional()
      .describe(
        'A URL that gets a POST with `{"action": "present", "name": "_acme-challenge.example.com", "value": "…"}`, later with `cleanup`, and answers when it is done.',
      ),
    rfc2136: z
      .strictObject({
        server: server.describe("Address of the primary name server."),
        zone: z
          .string()
          .min(1)
          .optional()
          .describe("The zone. Without it, found by asking for its SOA record."),
        key: z
          .strictObject({
            name: z.string().min(1).describe("Name of the key."),
            algorithm: z
              .enum(["hmac-sha256", "hmac-sha384", "hmac-sha512"])
              .prefault("hmac-sha256")
              .describe("Algorithm of the key."),
            secret: z.base64().min(4).describe("The key (base64)."),
          })
          .optional()
          .describe("Key that updates are signed with (TSIG)."),
      })
      .optional()
      .describe("Dynamic updates as BIND, Knot and PowerDNS take them (RFC 2136)."),
    cloudflare: z
      .strictObject({ token: secret.describe("API token that may edit the DNS of the zone.") })
      .optional()
      .describe("The API of Cloudflare."),
    resolvers: oneOrMany(server)
      .optional()
      .describe(
        "Name servers that are asked whether a record has arrived. Without them, those that are responsible for the zone.",
      ),
    wait: z
      .union([z.literal("off").transform(() => 0), duration({ min: 1000, max: 3_600_000 })])
      .prefault("2m")
      .describe(
        "Longest wait for a record to arrive before the authority is told to look; `off`: it is told at once.",
      ),
  })
  .transform((written, context): DnsData => {
    const providers = providersOf(written);
    const [provider] = providers;
    const { resolvers = [], wait } = written;
    if (provider !== undefined && providers.length === 1) return { provider, resolvers, wait };
    context.issues.push({
      code: "custom",
      message: message(
        provider === undefined
          ? "it does not say how TXT records are made"
          : "there can be one way to make TXT records, not several",
        "write one of `exec`, `webhook`, `rfc2136`, `cloudflare`",
      ),
      input: written,
    });
    return z.NEVER;
  });

function providersOf({
  exec,
  webhook,
  rfc2136,
  cloudflare,
}: {
  readonly exec?: readonly string[] | undefined;
  readonly webhook?: { readonly url: string; readonly token?: string | undefined } | undefined;
  readonly rfc2136?:
    | (Pick<Extract<DnsProviderData, { kind: "rfc2136" }>, "server"> & {
        readonly zone?: string | undefined;
        readonly key?:
          | NonNullable<Extract<DnsProviderData, { kind: "rfc2136" }>["key"]>
          | undefined;
      })
    | undefined;
  readonly cloudflare?: { readonly token: string } | undefined;
}): DnsProviderData[] {
  const found: DnsProviderData[] = [];
  if (exec !== undefined) found.push({ kind: "exec", command: exec });
  if (webhook !== undefined) {
    found.push({ kind: "webhook", url: webhook.url, token: webhook.token ?? null });
  }
  if (rfc2136 !== undefined) {
    const { server: address, zone = null, key = null } = rfc2136;
    found.push({ kind: "rfc2136", server: address, zone, key });
  }
  if (cloudflare !== undefined) found.push({ kind: "cloudflare", ...cloudflare });
  return found;
}

const email: z.ZodType<string, string> = text(
  (written) =>
    /^[^\s@,?]+@[^\s@,?]+\.[^\s@,?]+$/.test(written)
      ? { ok: true, value: written }
      : {
          ok: false,
          message: `\`${written}\` is no e-mail address`,
          hint: "for example `you@example.com`",
        },
  { expected: "an e-mail address", example: "you@example.com" },
);

const LETSENCRYPT_ALONE: AcmeConfig = {
  email: null,
  issuers: [{ name: "letsencrypt", directory: LETSENCRYPT, ...PLAIN }],
  challenges: null,
  dns: null,
};

/** `acme`: how certificates are obtained. */
export const acmeSchema: z.ZodType<AcmeConfig, string | AcmeInput | undefined> = z
  .union([
    plainIssuer.transform((one): AcmeConfig => ({ ...LETSENCRYPT_ALONE, issuers: [one] })),
    z
      .strictObject({
        email: email
          .optional()
          .transform((written) => written ?? null)
          .describe("Where the authority may write to when there is something wrong."),
        issuer: oneOrMany(issuer)
          .prefault(["letsencrypt"])
          .describe(
            "Who makes the certificates: `letsencrypt`, `staging` (its environment for trying things out, whose certificates nobody believes), `zerossl`, `google`, the URL of a directory, or a mapping with `url` and more. Of a list, the next one is asked when one fails.",
          ),
        challenges: oneOrMany(z.enum(["http-01", "tls-alpn-01", "dns-01"]))
          .optional()
          .transform((written) => written ?? null)
          .describe(
            "How it is proved that a name leads here, in the order in which they are tried. Without it `dns-01` where `dns` is written, else `http-01` and `tls-alpn-01`, the other way round if nothing listens without TLS.",
          ),
        dns: dns
          .optional()
          .transform((written) => written ?? null)
          .describe("How TXT records are made, for `dns-01`. Wildcards need it."),
      })
      .refine(
        ({ challenges, dns: made }) => made !== null || challenges?.includes("dns-01") !== true,
        {
          path: ["challenges"],
          message: message("`dns-01` needs `dns`", "say how TXT records are made"),
        },
      )
      .transform(({ issuer: issuers, ...rest }): AcmeConfig => ({ ...rest, issuers })),
  ])
  .prefault({})
  .describe(
    "How certificates for `tls: auto` are obtained (ACME): a certificate authority, or a mapping. With it you agree to the authority's terms of service.",
  );
