# One image for the api and the worker; the command chooses. Not Alpine: the Temporal worker's native part needs glibc.
FROM node:22.17.0-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run build && npm prune --omit=dev

FROM node:22.17.0-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080 DATA_DIR=/data
WORKDIR /app
RUN install -d -o node -g node /data
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/docs ./docs
USER node
VOLUME /data
EXPOSE 8080
CMD ["node", "--enable-source-maps", "--max-semi-space-size=32", "dist/api/main.js"]
