import assert from "node:assert/strict";
import { posix } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { interpretations } from "./interpretations.ts";
import { normalise } from "./path.ts";

function readings(path: string): readonly string[] {
  const result = interpretations(path);
  assert.ok(result !== null, path);
  return result;
}

test("path: a plain path has no other reading", () => {
  for (const path of ["/", "/a/b", "/a.b/c~d", "/@scope/pkg"]) {
    assert.deepEqual(interpretations(path), [], path);
  }
});

test("path: escapes of what a path cannot hold otherwise give no other reading", () => {
  for (const path of ["/a%20b", "/caf%C3%A9", "/100%25", "/x%22y", "/.well-known/x", "/a%7Cb"]) {
    assert.deepEqual(interpretations(path), [], path);
  }
});

test("path: lower-case hex is no reading of its own", () => {
  assert.deepEqual(interpretations("/caf%c3%a9"), []);
});

test("path: known ways around a proxy's rules are among the readings", () => {
  const cases: [string, string][] = [
    ["/public/..;/admin", "/admin"],
    ["/public/..;x=1/admin", "/admin"],
    ["/public/.;/admin", "/public/admin"],
    ["/admin;jsessionid=1/x", "/admin/x"],
    ["/admin%3bx/y", "/admin/y"],
    ["/public/%2e%2e%2fadmin", "/admin"],
    ["/public/%252e%252e/admin", "/admin"],
    ["/public/%252e%252e%252fadmin", "/admin"],
    ["/public/%25252e%25252e/admin", "/admin"],
    ["/%2561dmin", "/admin"],
    ["/./admin", "/./admin"],
    ["/%61dmin", "/%61dmin"],
    ["/public/%c0%ae%c0%ae/admin", "/admin"],
    ["/public/..%c0%afadmin", "/admin"],
    ["/public/..%e0%80%afadmin", "/admin"],
    ["/public/..%f0%80%80%afadmin", "/admin"],
    ["/public/..%f8%80%80%80%afadmin", "/admin"],
    ["/public/..%fc%80%80%80%80%afadmin", "/admin"],
    ["/public/..%c1%9cadmin", "/admin"],
    ["/public/%c0%2e%c0%2e/admin", "/admin"],
    ["/adm%ffin", "/admin"],
    ["/public\\..\\admin", "/admin"],
    ["/public/..%5cadmin", "/admin"],
    ["/a\\b", "/a%5Cb"],
    ["/public%5C..%5Cadmin", "/admin"],
    ["/public/..%255cadmin", "/admin"],
    ["//admin", "/admin"],
    ["/admin//", "/admin/"],
    ["/public//../admin", "/admin"],
    ["/public%2f%2f../admin", "/admin"],
    ["/admin%2f..%2fpublic", "/public"],
    ["/@scope%2Fpkg", "/@scope/pkg"],
    ["/%40scope%2fpkg", "/@scope/pkg"],
    ["/b/a/..", "/b"],
    ["/a%2Fb/../x%2Fy", "/x/y"],
    ["/a%2Fb/../x%2Fy", "/a/x/y"],
    ["/a;y/b%3Bx/c", "/a/b;x/c"],
    ["/a;x%2Fy/b", "/a/b"],
    ["/a\\b%5C..%5Cc", "/a/b%5C..%5Cc"],
    ["/a%2Fb%5C..%5Cc", "/c"],
  ];
  for (const [path, expected] of cases) {
    assert.ok(readings(path).includes(expected), `${path}: ${readings(path).join(" ")}`);
  }
});

test("path: the normalised form is not repeated among the readings", () => {
  for (const path of ["/a/../b", "/%61", "//a", "/a%2Fb"]) {
    const normalised = normalise(path);
    assert.ok(normalised !== null && !readings(path).includes(normalised));
  }
});

test("path: an ordinary path with escapes has a handful of readings", () => {
  assert.deepEqual(readings("/@scope%2Fpkg"), ["/@scope/pkg"]);
  assert.ok(readings("/proxy/https%3A%2F%2Fexample.com%2Fa%252Fb%3Fx%3D1").length <= 12);
  assert.ok(readings("/https://example.com/a;b%2Fc%20d").length <= 8);
});

test("path: readings beyond any purpose are not counted to their end", () => {
  assert.equal(interpretations("/a//b;c\\d%2Fe%5Cf%3Bg%252Fh%C0%AFi/../j"), null);
  assert.equal(interpretations(`/%${"25".repeat(100)}2e`), null);
  assert.equal(interpretations(`/a%2Fb\\c;d//${"%252Fx".repeat(1300)}`), null);
});

test("path: a long path with one oddity is read to the end", () => {
  assert.deepEqual(readings(`/${"a%2F".repeat(2000)}`), [`/${"a/".repeat(2000)}`]);
});

// What backends do, each as bytes → path. A model answers null where the real one refuses the request.

/** Decodes every escape; the text has one character per byte. */
function unquote(path: string): string {
  return path.replaceAll(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** Resolves dot segments of decoded text, as RFC 3986 5.2.4; null above the root. */
function resolveDots(path: string): string | null {
  const kept: string[] = [];
  const segments = path.split("/").slice(1);
  for (const [index, segment] of segments.entries()) {
    if (segment !== "." && segment !== "..") kept.push(segment);
    else {
      if (segment === ".." && kept.pop() === undefined) return null;
      if (index === segments.length - 1) kept.push("");
    }
  }
  return `/${kept.join("/")}`;
}

const mergeSlashes = (path: string): string => path.replaceAll(/\/+/g, "/");

/** Spells decoded text as readings are spelled. */
function quote(text: string): string {
  return text.replaceAll(
    /[^A-Za-z0-9\-._~!$&'()*+,=:@/;\\]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}

/** Spells text that is still escaped: what is no separator is decoded. */
function respell(path: string): string {
  return path.replaceAll(/%[0-9a-fA-F]{2}/g, (escape) => {
    const char = unquote(escape);
    return /[A-Za-z0-9\-._~!$&'()*+,=:@]/.test(char) ? char : escape.toUpperCase();
  });
}

const BACKENDS: Record<string, (path: string) => string | null> = {
  nginx: (path) => {
    const resolved = resolveDots(mergeSlashes(unquote(path)));
    return resolved === null ? null : quote(resolved);
  },
  "Node's URL": (path) => respell(new URL(`http://host${path}`).pathname),
  "Node's req.url, decoded by the application": (path) => quote(unquote(path)),
  "a URL parser before a decoder": (path) => quote(unquote(new URL(`http://host${path}`).pathname)),
  "Go's ServeMux": (path) => {
    const decoded = unquote(path);
    const clean = posix.resolve("/", decoded);
    return quote(decoded.endsWith("/") && clean !== "/" ? `${clean}/` : clean);
  },
  "Python's unquote": (path) => quote(unquote(path)),
  Tomcat: (path) => {
    const resolved = resolveDots(mergeSlashes(unquote(path.replaceAll(/;[^/]*/g, ""))));
    return resolved === null ? null : quote(resolved);
  },
  "Tomcat with backslashes": (path) => {
    const decoded = unquote(path.replaceAll(/;[^/]*/g, "")).replaceAll("\\", "/");
    const resolved = resolveDots(mergeSlashes(decoded));
    return resolved === null ? null : quote(resolved);
  },
  Windows: (path) => {
    const resolved = resolveDots(mergeSlashes(unquote(path).replaceAll("\\", "/")));
    return resolved === null ? null : quote(resolved);
  },
  "nginx before a decoder": (path) => {
    const resolved = resolveDots(mergeSlashes(unquote(path)));
    if (resolved === null || /%(?![0-9a-fA-F]{2})/.test(resolved)) return null;
    const again = unquote(resolved);
    return again.includes("\0") ? null : quote(again);
  },
};

const PIECES = ["/", ".", "2", "e", "f", "5", "c", ";", "\\", "a", "A", "%2f", "%2e", "%5c", "%25"];
const MORE = ["%c0", "%af", "%ae", "%3b", "%40", "%41", "..", "//", "%20", "%252f", "%", "25"];
const nastyPath = fc
  .array(fc.constantFrom(...PIECES, ...MORE), { maxLength: 9 })
  .map((pieces) => `/${pieces.join("")}`);

for (const [name, backend] of Object.entries(BACKENDS)) {
  test(`path: what ${name} resolves a path to is among its forms`, () => {
    let compared = 0;
    fc.assert(
      fc.property(nastyPath, (path) => {
        const normalised = normalise(path);
        if (normalised === null) return;
        const others = interpretations(path);
        if (others === null) return;
        const expected = backend(path);
        if (expected === null) return;
        compared++;
        // A backslash may stand for itself or as its escape; both are spellings of one name.
        const forms = [normalised, ...others].map((form) => sameName(respell(form)));
        assert.ok(
          forms.includes(sameName(expected)),
          `${path} → ${expected}, not in ${forms.join(" ")}`,
        );
      }),
      { numRuns: 2500 },
    );
    assert.ok(compared > 1000, `only ${compared} paths were compared`);
  });
}

function sameName(path: string): string {
  return path.replaceAll("\\", "%5C").replaceAll(";", "%3B");
}
