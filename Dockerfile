# One image for the api and the worker; the command chooses. Not Alpine: the Temporal worker's native part needs glibc.
FROM node:22.17.0-bookworm-slim AS manifest
WORKDIR /app
COPY package.json package-lock.json .npmrc ./

FROM manifest AS build
RUN npm ci
COPY . .
# The local stack and the benches are for a checkout: they need packages that do not ship.
RUN npm run build && rm -rf dist/local dist/bench

FROM manifest AS dependencies
RUN npm ci --omit=dev

FROM node:22.17.0-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080 DATA_DIR=/data
WORKDIR /app
# Temporal's native part trusts what the system trusts, and the slim image has no certificates at all.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
  && install -d -o node -g node /data
COPY --from=manifest /app/package.json ./
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/docs ./docs
USER node
VOLUME /data
EXPOSE 8080
CMD ["node", "--enable-source-maps", "--max-semi-space-size=32", "dist/api/main.js"]
