# Weir's image. Made for the classic builder as well as for BuildKit: no RUN --mount, no COPY --chmod.
#
# It reads nothing but its environment and /data, needs no capability and no writable root file system:
#   docker run --init --read-only --cap-drop ALL -v cache:/data -v sockets:/run/weir weir
ARG NODE_IMAGE=node:22-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npx tsc -p tsconfig.build.json

FROM ${NODE_IMAGE} AS runtime-files
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The optional dependencies are Node binaries for machines without a Node of their own.
RUN npm ci --omit=dev --omit=optional --no-audit --no-fund
COPY LICENSE ./
COPY --from=build /app/dist ./dist
# A checkout made with a strict umask has files that only their owner can read.
RUN rm -f .npmrc package-lock.json dist/.tsbuildinfo && chmod -R a+rX /app

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="weir" \
      org.opencontainers.image.description="Artifact cache server for BuildStream and Remote Execution API clients" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
COPY --from=runtime-files /app ./
RUN mkdir /data && chown 1000:1000 /data

# /run/weir is made by whoever mounts it: a folder that only weir and nginx can enter.
# As bin/weir has it.
ENV NODE_ENV=production \
    UV_THREADPOOL_SIZE=64 \
    VOLUME=/data \
    PULL_LISTEN=unix:/run/weir/pull.sock \
    PUSH_LISTEN=unix:/run/weir/push.sock \
    OPS_LISTEN=0.0.0.0:11080 \
    LOG_FORMAT=json

USER 1000:1000
EXPOSE 11080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["node", "dist/cli/weir.js", "healthcheck"]
CMD ["node", "dist/cli/weir.js", "serve"]
