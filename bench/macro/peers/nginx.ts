/** nginx, as it comes, and tuned for large bodies. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { requireProgram } from "../../../test/harness/requires.ts";
import type { CertificateFiles } from "../machine/certificates.ts";
import { freePort, launch } from "../machine/launch.ts";
import { absentProgram, type Peer, printedVersion, type StartOptions } from "./peer.ts";

const tuning = `
  proxy_buffers 16 128k; proxy_buffer_size 128k; proxy_busy_buffers_size 1m;
  proxy_max_temp_file_size 0; proxy_request_buffering off; client_body_buffer_size 512k;`;

const logFormat = `
  log_format json escape=json '{"time":"$time_iso8601","client":"$remote_addr","method":"$request_method",'
    '"uri":"$request_uri","host":"$host","status":$status,"bytes":$body_bytes_sent,'
    '"seconds":$request_time,"backend":"$upstream_addr","backend_seconds":"$upstream_response_time",'
    '"referer":"$http_referer","agent":"$http_user_agent"}';`;

function certificate({ chain, key }: CertificateFiles): string {
  return `ssl_certificate ${chain}; ssl_certificate_key ${key};`;
}

function configuration(options: StartOptions, port: number, extra: string): string {
  const { folder } = options;
  const log = options.accessLog ? `access_log ${folder}/access.log json;` : "access_log off;";
  const [first, ...others] = options.tls?.certificates ?? [];
  const secure = first === undefined ? "" : " ssl";
  const pass = `proxy_pass http://backend;`;
  const locations = Array.from(
    { length: options.routes },
    (_, index) => `    location /service-${index}/ { ${pass} }`,
  );
  const sites = others.map(
    (each) => `  server {
    listen 127.0.0.1:${port} ssl; server_name ${each.name};
    ${certificate(each)}
    location / { ${pass} }
  }`,
  );
  return `
daemon off; worker_processes ${options.workers}; pid ${folder}/pid; error_log stderr error;
${process.getuid?.() === 0 ? "user root;" : ""}
worker_rlimit_nofile 20000;
events { worker_connections 19000; }
http {
  ${logFormat}
  ${log}
  keepalive_requests 1000000000; keepalive_timeout 600s; client_max_body_size 0;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  proxy_http_version 1.1; proxy_set_header Connection "";
  ssl_protocols TLSv1.2 TLSv1.3; server_names_hash_max_size 8192;
  ${extra}
  upstream backend {
    server 127.0.0.1:${options.backendPort};
    keepalive 600; keepalive_requests 1000000000; keepalive_timeout 600s;
  }
  server {
    listen 127.0.0.1:${port} default_server${secure} backlog=4096${options.workers > 1 ? " reuseport" : ""};
    ${first === undefined ? "" : certificate(first)}
${locations.join("\n")}
    location / { ${pass} }
  }
${sites.join("\n")}
}
`;
}

function nginx(name: string, extra: string): Peer {
  return {
    name,
    isCompiledLate: false,
    absent: () => absentProgram("nginx"),
    version: () => `nginx ${printedVersion("nginx", ["-v"], /nginx\/(\S+)/u)}`,
    start: async (options) => {
      const port = await freePort();
      const file = join(options.folder, "nginx.conf");
      writeFileSync(file, configuration(options, port, extra));
      return launch({
        program: requireProgram("nginx"),
        args: ["-p", options.folder, "-c", file],
        cwd: options.folder,
        port,
        ca: options.tls?.ca,
        messages: join(options.folder, "messages.txt"),
      });
    },
  };
}

/** Default buffers, connections to the backend kept. */
export const nginxDefault: Peer = nginx("nginx", "");

/** Large buffers, no temporary files, uploads passed on as they come. */
export const nginxTuned: Peer = nginx("nginx-tuned", tuning);
