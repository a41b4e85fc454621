# One image for every process of Trunkline; docker-compose.yml says which one runs.
ARG NODE_VERSION=24.21.0

FROM node:${NODE_VERSION}-bookworm-slim AS packages
WORKDIR /app
ENV NODE_ENV=production
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund && npm cache clean --force

FROM node:${NODE_VERSION}-bookworm-slim AS desk
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --include=dev --no-audit --no-fund
COPY . .
RUN node cli/build-desk.ts

FROM node:${NODE_VERSION}-bookworm-slim
# tini passes signals on and reaps what dies; the certificates are for the LiveKit SDK's own TLS.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends tini ca-certificates \
  && rm -rf /var/lib/apt/lists/* \
  && mkdir /data && chown node:node /data
WORKDIR /app
ENV NODE_ENV=production TRUNKLINE_DATA_DIR=/data
COPY --from=packages /app/node_modules ./node_modules
COPY . .
COPY --from=desk /app/desk/dist ./desk/dist
USER node
VOLUME /data
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["node", "api/main.ts"]
# The call service's; docker-compose.yml has the agent's. What hangs is killed by it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=6 \
  CMD node cli/check-health.mjs "http://127.0.0.1:${TRUNKLINE_HTTP_PORT:-8080}/readyz"
