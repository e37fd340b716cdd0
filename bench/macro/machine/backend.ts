/**
 * The backend of every peer: nginx with two workers, in a process of its own that is not counted.
 *
 * | path   | answer                                                       |
 * | ------ | ------------------------------------------------------------ |
 * | `/bare`| 5 fields, 1 KiB                                              |
 * | `/100k`| 100 KiB                                                      |
 * | `/10m` | 10 MiB                                                       |
 * | `/sink`| reads the whole body of the request, then an empty 200       |
 * | others | 12 fields, 1 KiB: the answer of the headline load            |
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { requireProgram } from "../../../test/harness/requires.ts";
import { freePort, launch, type Running } from "./launch.ts";

/** Starts the backend with its files in `folder`. */
export async function startBackend(folder: string): Promise<Running> {
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  writeFileSync(join(folder, "100k"), Buffer.alloc(100 * 1024, "x"));
  writeFileSync(join(folder, "10m"), Buffer.alloc(10 * 1024 * 1024, "x"));
  const file = join(folder, "nginx.conf");
  writeFileSync(file, configuration(folder, port));
  return launch({
    program: requireProgram("nginx"),
    args: ["-p", folder, "-c", file],
    cwd: folder,
    port,
    messages: join(folder, "messages.txt"),
  });
}

function configuration(folder: string, port: number): string {
  const kibibyte = "x".repeat(1024);
  return `
daemon off; worker_processes 2; pid ${folder}/pid; error_log stderr warn;
${process.getuid?.() === 0 ? "user root;" : ""}
worker_rlimit_nofile 20000;
events { worker_connections 9000; }
http {
  access_log off; sendfile on; tcp_nopush on;
  keepalive_requests 1000000000; keepalive_timeout 600s; client_max_body_size 0;
  client_body_buffer_size 11m; default_type text/html;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  upstream itself { server 127.0.0.1:${port}; keepalive 64; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096; root ${folder};
    location = /bare { return 200 "${kibibyte}"; }
    location = /100k { }
    location = /10m { }
    location = /empty { return 200; }
    # Answers after the last byte of the body: it goes into memory, and is not passed on.
    location = /sink {
      proxy_pass http://itself/empty; proxy_http_version 1.1; proxy_method GET;
      proxy_set_header Connection ""; proxy_set_header Content-Length "";
      proxy_pass_request_body off;
    }
    location / {
      add_header Cache-Control "private, max-age=0"; add_header ETag '"5f3c-1a2b3c"';
      add_header Vary Accept-Encoding; add_header X-Frame-Options SAMEORIGIN;
      add_header X-Content-Type-Options nosniff;
      add_header Strict-Transport-Security "max-age=63072000";
      add_header Set-Cookie "seen=1; Path=/; HttpOnly";
      return 200 "${kibibyte}";
    }
  }
}
`;
}
